# The native code kept the globs of subs that it calls, without a share in them. Where a name was deleted from its
# class, as what unloads or cleans up classes does, the glob went, and another's that came into its place was taken for it.
use strict;
use warnings;

use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use File::Temp;
use Fixture::Session;

my $directory = File::Temp->newdir;
my $arguments = { servers => ["embedded:$directory/sessions"], Transaction => 1 };
my $id        = create( $arguments, a => 1 );

delete $Apache::Session::Lock::Memorycached::{_end_with_request};
delete $Apache::Session::Generate::Memorycached::{generate};
my $others = 0;
for my $name ( 1 .. 1000 ) {
    no strict 'refs';
    *{"Other::sub$name"} = sub { $others++ };
}

is contents( $arguments, $id )->{a}, 1, 'a session is read in a transaction';
ok create( $arguments, b => 2 ), 'and another made';
is $others, 0, 'and nothing else is called';

done_testing;
