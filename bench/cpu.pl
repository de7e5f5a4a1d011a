# The CPU that a session in memcached costs its application, held against
# Debian's Apache::Session::Memcached, which is Perl (DESIGN §9).

use strict;
use warnings;
use lib 'bench/lib', 't/lib';

use Apache::Session::Memcached;
use Apache::Session::Memorycached;
use Bench::Data qw(visitor login);
use Bench::Measure;
use Bench::Server;
use Bench::Session;
use Bench::Topic;
use Cache::Memcached;

my $measure = Bench::Measure->from_arguments(@ARGV);
my $topic   = Bench::Topic->new('CPU of sessions in memcached, against Apache::Session::Memcached');

my $server  = memcached( near => 1 );
my $address = $server->address;

for my $session ( [ 'a visitor' => visitor() ], [ 'a login' => login() ] ) {
    my ( $name, $data ) = @$session;
    my $ours   = Bench::Session->new( 'Apache::Session::Memorycached', { servers => [$address] }, $data );
    my $theirs = Bench::Session->new( 'Apache::Session::Memcached', { Servers => [$address] }, $data );
    my $size   = length $server->item( $ours->id )->{value};

    # The measured processes are forked from this one, and this client would use its parent's socket there.
    Cache::Memcached->disconnect_all;

    compare( "tie + read + untie: $name, $size bytes",   $ours->reading,  $theirs->reading );
    compare( "tie + change + untie: $name, $size bytes", $ours->changing, $theirs->changing );
}

sub compare {
    my ( $what, @works ) = @_;
    my %compared = $measure->compare_cpu(@works);
    my $peer     = 'Apache::Session::Memcached';
    $topic->row( "$what: user CPU",            $peer, $compared{user}, at_most => 1 / 8, words => '1/8' );
    $topic->row( "$what: user and system CPU", $peer, $compared{cpu} );
    $topic->row( "$what: time",                $peer, $compared{time} );
    return;
}

$topic->note(<<'NOTE');
Over TCP. In each round, each of the two works in a process of its own, for a second of CPU: the kernel tells user from
system time by sampling, so less would say little. The server shares the client's processor here, which then never falls
asleep: what counts is the work, not the waking and the cold caches after it, which both sides have alike.
NOTE
$topic->print;
