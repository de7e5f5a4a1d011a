# A transaction ends with its request: also when that dies, and under mod_perl also
# when the session has leaked into a package variable (DESIGN §5).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Test::More;

use Fixture::Browser;
use Fixture::Child;
use Fixture::Wait;
use Fixture::WebServers;

# So many requests go through all processes and threads.
my $ROUNDS = 20;

# A request, and then one of the same session from elsewhere: waits for the lock,
# if it is still held.
sub then_count {
    my ( $server, $path, $status ) = @_;
    my $browser = Fixture::Browser->new( $server->url );
    $browser->get('/new');
    my ( @statuses, $took );
    $took = elapsed {
        for ( 1 .. $ROUNDS ) {
            push @statuses, ( $browser->try($path) )[0];
            $_->finish for map {
                in_fork { $browser->get('/count') }
            } 1 .. 2;
        }
    };
    is $@, '', 'the session is free after each request';
    cmp_ok $took, '<', 10, 'at once';
    is_deeply [ grep { $_ != $status } @statuses ], [], 'and its status is right';
    my %session = $browser->session;
    is $session{count}, 2 * $ROUNDS, 'all that follow are counted';
    return %session;
}

on_each_server {
    my ($server) = @_;
    my %session = then_count( $server, '/die', 500 );
    is $session{before_death}, $ROUNDS, 'the change of the request that died is saved, as its hash goes out of scope';
};

on_each_apache {
    my ($server) = @_;
    for my $end ( [ '/keep', 200 ], [ '/keep/die', 500 ] ) {
        subtest "a session in a package variable: $end->[0]" => sub {
            my %session = then_count( $server, @$end );
            is $session{kept}, $ROUNDS, 'its changes are saved';
        };
    }
    is $server->log =~ s/.*\bon purpose\b.*\n//gr, '', 'nothing is complained of';
};

done_testing;
