# Parallel requests of one browser, on the processes and threads of a web server:
# transactions count exactly, and merging loses no key (DESIGN §5).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Test::More;

use Fixture::Browser;
use Fixture::Child;
use Fixture::WebServers;

my $CLIENTS = 8;
my $ROUNDS  = 15;

# What each client gets, doing something so many times.
sub all_do {
    my ($work) = @_;
    my @clients = map {
        my $client = $_;
        in_fork { join ' ', map { $work->( $client, $_ ) } 1 .. $ROUNDS };
    } 1 .. $CLIENTS;
    return map { split / /, $_->finish } @clients;
}

on_each_server {
    my ($server) = @_;
    my $browser = Fixture::Browser->new( $server->url );
    $browser->get('/new');

    my @keys    = all_do( sub { my $key = join '.', 'key', @_; $browser->get("/set/$key/1"); $key } );
    my %session = $browser->session;
    is @keys, $CLIENTS * $ROUNDS, 'many keys are set without a lock';
    is_deeply [ grep { !$session{$_} } @keys ], [], 'and all are there';

    my @counts = sort { $a <=> $b } all_do( sub { $browser->get('/count') } );
    is_deeply \@counts, [ 1 .. $CLIENTS * $ROUNDS ], 'each increment in a transaction gets a number of its own';
    is $browser->value('count'), $CLIENTS * $ROUNDS, 'and all are counted';
};

done_testing;
