# get_multi sent the commands for all keys before it read an answer. With many keys the server stopped reading, as nobody took
# its answers: both waited for the other until the time was over. And that was told once for each key.
use strict;
use warnings;

use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Fixture::Needs 'memcached';
use Test::More;

use IO::Socket::IP;
use Fixture::Memcached;
use Fixture::Session;

use Apache::Session::Memorycached::Client ();

use constant KEYS => 60_000;

my $server = Fixture::Memcached->start( args => [ '-m', 512 ] );
my $client = Apache::Session::Memorycached::Client->new( servers => [ $server->address ], io_timeout => 5 );
my ( $beginning, $value ) = ( 'k' x 220, 'x' x 3_000 );

my $socket = IO::Socket::IP->new( PeerHost => '127.0.0.1', PeerPort => $server->port ) or die $@;
for my $n ( 0 .. KEYS / 1_000 - 1 ) {
    print {$socket} map( { "ms $beginning$_ 3000 q\r\n$value\r\n" } $n * 1_000 .. $n * 1_000 + 999 ), "mn\r\n";
    $socket->flush;
    die 'not stored' if <$socket> ne "MN\r\n";
}

my $found = $client->get_multi( map { "$beginning$_" } 0 .. KEYS - 1 );
is $client->error, undef, 'no error';
is keys %$found,   KEYS,  'all keys are found';

my $quick = Apache::Session::Memorycached::Client->new( servers => [ $server->address ], io_timeout => 0.5 );
$quick->get_multi('key');
$server->pause;
my @told = warnings_of {
    $quick->get_multi( map { "$beginning$_" } 0 .. 999 )
};
$server->resume;
is @told, 1, 'a server that is silent is told once';
like $told[0], qr/no answer within 500ms/, 'and waited for once';

done_testing;
