package Apache::Session::Store::Memorycached;

use 5.020;
use strict;
use warnings;

our $VERSION = '3.000';

# new, insert, update, materialize, remove and close are native.
use Apache::Session::Memorycached ();

1;
