# A server that works for long takes no more memory and no more connections than
# one that has just begun.
#
# SERVER_REQUESTS says how many requests each server gets.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 1_800;
use Test::More;

use Fixture::Browser;
use Fixture::Needs qw(ab);
use Fixture::WebServers;

my $REQUESTS = $ENV{SERVER_REQUESTS} || 4_000;

# What is between the first requests and the last may grow by so many bytes in each
# process, a few of perl's and malloc's own decisions; a leak of a hundred bytes in
# each of the default number of requests would be more.
my $ALLOWED = 200_000;

# As many requests at once as the server can answer, of all that the application does.
sub load {
    my ( $server, $requests ) = @_;
    for my $path (qw( /new /show /visit /count )) {
        my $browser = Fixture::Browser->new( $server->url );
        $browser->get('/new');
        my @ab = (
            Fixture::Needs::program('ab'),
            '-q', '-l',
            '-n' => int $requests / 4,
            '-c' => $server->parallel,
            '-H' => 'Cookie: ' . $browser->cookie,
            $server->url . $path
        );
        open my $report, '-|', @ab or die "ab: $!";
        my %result = map { /^(\w[\w -]+):\s+(\d+)/ ? ( $1 => $2 ) : () } <$report>;
        close $report;
        die "$path: $result{'Failed requests'} requests failed\n" if $result{'Failed requests'} // 1;
        die "$path: $result{'Non-2xx responses'} requests failed:\n" . $server->log if $result{'Non-2xx responses'};
    }
    return;
}

on_each_server {
    my ( $server, $memcached ) = @_;
    load( $server, $REQUESTS / 4 );
    my $workers     = $server->workers;
    my @before      = map { $server->memory_of($_) } @$workers;
    my $connections = $memcached && $memcached->stats->{total_connections};

    load( $server, $REQUESTS );
    is_deeply $server->workers, $workers, "the same processes after $REQUESTS requests";
    my @grown = map { $server->memory_of( $workers->[$_] ) - $before[$_] } 0 .. $#$workers;
    is_deeply [ grep { $_ > $ALLOWED } @grown ], [], 'with as much memory';
    note "grown by @grown bytes, from @before";
    return if !$memcached;
    my $stats = $memcached->stats;
    note "connections: $stats->{curr_connections}, in all $stats->{total_connections}, before $connections";
};

done_testing;
