# The CPU that a call of our client of memcached costs, held against
# Cache::Memcached, which is Perl, and Cache::Memcached::Fast, which is C.

use strict;
use warnings;
use lib 'bench/lib', 't/lib';

use Apache::Session::Memorycached::Client;
use Bench::Data qw(visitor);
use Bench::Measure;
use Bench::Server;
use Bench::Topic;
use Cache::Memcached;
use Cache::Memcached::Fast;

my $measure = Bench::Measure->from_arguments(@ARGV);
my $topic   = Bench::Topic->new('CPU of the client, against the other clients of memcached');
my $server  = memcached( near => 1 );

my $string = 'x' x 500;
my $data   = visitor();

my %works = (
    'get, a string of 500 bytes' => sub { my $client = shift; $client->get('string') },
    'set, a string of 500 bytes' => sub { my $client = shift; $client->set( 'string', $string, 600 ) },
    'get, a hash'                => sub { my $client = shift; $client->get('hash') },
    'set, a hash'                => sub { my $client = shift; $client->set( 'hash', $data, 600 ) },
);

for my $what ( sort keys %works ) {
    my $ours     = work( 'Apache::Session::Memorycached::Client', $works{$what} );
    my $theirs   = work( 'Cache::Memcached',                      $works{$what} );
    my %compared = $measure->compare_cpu( $ours, $theirs );
    $topic->row( "$what: user CPU", 'Cache::Memcached', $compared{user}, at_most => 1 / 3, words => '1/3' );
    $topic->row( "$what: time", 'Cache::Memcached', $compared{time} );

    my $fast = work( 'Cache::Memcached::Fast', $works{$what} );
    $topic->row( "$what: user and system CPU", 'Cache::Memcached::Fast', $measure->compare( cpu => $ours, $fast ) );
}

# Each process makes its own client, for a connection of its own.
sub work {
    my ( $class, $call ) = @_;
    my ( $client, $owner );
    return sub {
        if ( !defined $owner || $owner != $$ ) {
            $owner  = $$;
            $client = $class->new( { servers => [ $server->address ] } );
            $client->set( string => $string ) or die "$class can't store";
            $client->set( hash   => $data )   or die "$class can't store";
        }
        $call->($client) or die "$class: nothing" for 1 .. $_[0];
    };
}

$topic->note(<<'NOTE');
Over TCP, to a memcached on the client's processor, as for the CPU of sessions above. The sub around each call, which both
sides have alike, is counted with it.
NOTE
$topic->print;
