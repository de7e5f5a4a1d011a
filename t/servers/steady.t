# A server that has worked for long takes no more memory and no more connections
# than one that has just begun.
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

# By so many bytes a process may grow between the first requests and the last, for each
# of its interpreters: perl and malloc take their time to settle, and the embedded store
# has lists that grow with it. A leak of a hundred bytes in each transaction is more,
# in a short run, too.
my $ALLOWED = 50_000 + $REQUESTS;

# As many requests at once as the server can answer, of all that the application
# does. They are on one session: of those that save without a lock two at once.
sub load {
    my ( $server, $requests ) = @_;
    for my $path (qw( /new /show /visit /count )) {
        my $browser = Fixture::Browser->new( $server->url );
        $browser->get('/new');
        my $report = run(
            Fixture::Needs::program('ab'),
            '-q', '-l',
            '-n' => int $requests / 4,
            '-c' => $path eq '/visit' ? 2 : $server->parallel,
            '-H' => 'Cookie: ' . $browser->cookie,
            $server->url . $path
        );
        next if $report =~ /^Failed requests:\s+0$/m && $report !~ /^Non-2xx responses:/m;
        die "$path: $report\n" . $server->log;
    }
    return;
}

sub run {
    my @command = @_;
    open my $output, '-|', @command or die "$command[0]: $!";
    local $/;
    return scalar <$output>;
}

sub memory {
    my ($server) = @_;
    return { map { $_ => $server->memory_of($_) } @{ $server->workers } };
}

on_each_server {
    my ( $server, $memcached ) = @_;
    my $opened = $memcached && $memcached->stats->{total_connections};

    load( $server, 1_000 );
    my $before = memory($server);
    load( $server, $REQUESTS );
    my $after = memory($server);

    my @grown = map { $after->{$_} - $before->{$_} } sort keys %$before;
    my $most  = $ALLOWED * $server->parallel / $server->size;
    is_deeply [ sort keys %$after ], [ sort keys %$before ], "after $REQUESTS requests the processes are the same";
    is_deeply [ grep { $_ > $most } @grown ], [],            'none has grown' or diag "by @grown bytes";
    note "grown by @grown bytes";
    return if !$memcached;
    my $connections = $memcached->stats->{total_connections} - $opened;
    cmp_ok $connections, '<=', $server->parallel, 'and no connection was opened twice';
};

done_testing;
