package Apache::Session::Memorycached;

use 5.020;
use strict;
use warnings;

our $VERSION = '3.000';

use Apache::Session ();
our @ISA = ('Apache::Session');

use XSLoader ();
XSLoader::load( __PACKAGE__, $VERSION );

use Apache::Session::Generate::Memorycached ();
use Apache::Session::Lock::Memorycached     ();
use Apache::Session::Store::Memorycached    ();

1;
