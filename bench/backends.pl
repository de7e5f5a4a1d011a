# The backends among themselves: the embedded store and a Unix socket, held
# against memcached over TCP; and that against a client in C (DESIGN §9).

use strict;
use warnings;
use lib 'bench/lib', 't/lib';

use Apache::Session::Memorycached;
use Bench::Data qw(login);
use Bench::Measure;
use Bench::Server;
use Bench::Session;
use Bench::Topic;
use Cache::Memcached::Fast;
use File::Temp ();

my $measure = Bench::Measure->from_arguments(@ARGV);
my $topic   = Bench::Topic->new('Backends');

my $tcp_server  = memcached();
my $unix_server = memcached( socket => 1 );
my $directory   = File::Temp->newdir;

my $tcp      = session( $tcp_server->address );
my $unix     = session( $unix_server->address );
my $embedded = session("embedded:$directory/sessions");

sub session {
    my ($server) = @_;
    return Bench::Session->new( 'Apache::Session::Memorycached', { servers => [$server] }, login() );
}

my ( $get, $get_set ) = fast_client();

for my $row (
    [
        'embedded: tie + change + untie', 'ours in memcached, TCP', $embedded->changing, $tcp->changing,
        at_most => 1 / 3, words => '1/3'
    ],
    [ 'embedded: tie + read + untie',      'ours in memcached, TCP', $embedded->reading, $tcp->reading ],
    [ 'Unix socket: tie + change + untie', 'ours in memcached, TCP', $unix->changing,    $tcp->changing ],
    [ 'Unix socket: tie + read + untie',   'ours in memcached, TCP', $unix->reading,     $tcp->reading ],
    [ 'TCP: tie + change + untie', 'Cache::Memcached::Fast, get + set of the same hash', $tcp->changing, $get_set ],
    [ 'TCP: tie + read + untie',   'Cache::Memcached::Fast, get of the same hash',       $tcp->reading,  $get ],
  )
{
    my ( $what, $against, $ours, $theirs, @bound ) = @$row;
    $topic->row( $what, $against, $measure->compare( time => $ours, $theirs ), @bound );
}
$_->check for $tcp, $unix, $embedded;

sub fast_client {
    my $client = Cache::Memcached::Fast->new( { servers => [ $tcp_server->address ] } );
    my $key    = 'f' x length $tcp->id;
    my $number = 1_000;
    $client->set( $key, { %{ login() }, _session_id => $key, number => $number } ) or die "nothing was set\n";
    return (
        sub {
            for ( 1 .. $_[0] ) {
                my $session = $client->get($key);
                my $number  = $session->{number};
            }
        },
        sub {
            for ( 1 .. $_[0] ) {
                my $session = $client->get($key);
                $session->{number} = ++$number;
                $client->set( $key, $session );
            }
        },
    );
}

$topic->note(<<'NOTE');
Time, of the login; blocks of 2 ms, taking turns. The embedded store is in the directory for temporary files.
Cache::Memcached::Fast is a client in C and keeps no sessions: no versions, no merging, each set unconditional.
NOTE
$topic->print;
