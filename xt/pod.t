# The POD of every module parses without a complaint.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Needs 'Test::Pod';
use Test::More;

Test::Pod::all_pod_files_ok( Test::Pod::all_pod_files(qw(perl/lib perl/scripts)) );
