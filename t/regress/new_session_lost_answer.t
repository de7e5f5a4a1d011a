# A session was created in a transaction, and the connection broke before the answer came. The store found out that
# both session and lock are there, and then gave the session a new version without noting it: so its first save took
# itself for another's, and died "another request saved it without its lock".
use strict;
use warnings;

use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs 'memcached';
use Test::More;

use Fixture::Memcached;
use Fixture::Scripted;
use Fixture::Session;

my $memcached = Fixture::Memcached->start;

for my $received ( 0, 3, 20 ) {
    my $server  = Fixture::Scripted->start( upstream => $memcached, script => [ [ 'pass', [ cut => $received ] ] ] );
    my $locking = { servers => [ $server->address ], Transaction => 1 };
    contents( { servers => $locking->{servers} }, 'ab' x 16 );
    my $id = eval { create( $locking, a => 1 ) };
    is $@, '', "the answer is cut after $received bytes: it is created and saved";
    is contents( { servers => [ $memcached->address ] }, $id )->{a}, 1, 'once';
}

done_testing;
