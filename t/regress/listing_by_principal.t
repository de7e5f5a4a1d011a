# A search by an index that is unique read the session as `tie` does: with `sliding` its time was renewed, and `local` got a
# copy of it. A search changes nothing, and finds what the servers have, not what an older copy says.
use strict;
use warnings;

use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs 'memcached';
use Test::More;

use Fixture::Memcached;
use Fixture::Session;

my ( $server, $local ) = map { Fixture::Memcached->start } 1 .. 2;
my %arguments = ( servers => [ $server->address ], principal => 'uid', principal_unique => 1, timeout => 1_000 );
my %all       = ( %arguments, sliding => 1, local => [ $local->address ] );
my $class     = 'Apache::Session::Memorycached';

my $id = create( \%arguments, uid => 'dwho', n => 1 );
$server->expire_in( $id, 50 );

is_deeply $class->searchOn( \%all, 'uid', 'dwho', 'n' ), { $id => { n => 1 } }, 'it is found';
is $class->id_for_principal( 'dwho', \%all ), $id, 'by its principal, too';
cmp_ok $server->item($id)->{ttl}, '<=', 50, 'its time is not renewed';
is $local->item($id), undef, 'it is not loaded into local';

done_testing;
