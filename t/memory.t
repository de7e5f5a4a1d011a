# Test::LeakTrace sees scalars; what the native code holds beside them, bytes and
# file descriptors, must not grow with the number of requests, either.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 240;
use Test::More;

use Fixture::Backends;
use Fixture::Memcached;
use Fixture::Port qw(free_port);
use Fixture::Session;

plan skip_all => 'no /proc/self' if !-r '/proc/self/statm';

my $ROUNDS  = 400;
my $ALLOWED = 1_500_000;    # bytes, over all rounds: a leak of 4 KB a round

sub resident {
    open my $file, '<', '/proc/self/statm' or die $!;
    return 4_096 * ( split ' ', <$file> )[1];
}

sub descriptors { return scalar( my @all = glob '/proc/self/fd/*' ) }

sub flat {
    my ( $name, $block ) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    local $SIG{__WARN__} = sub { };
    $block->() for 1 .. $ROUNDS / 2;
    my @before = ( resident(), descriptors() );
    $block->() for 1 .. $ROUNDS;
    my @after = ( resident(), descriptors() );
    cmp_ok $after[0] - $before[0], '<',  $ALLOWED,   "$name: memory";
    cmp_ok $after[1],              '<=', $before[1], "$name: file descriptors";
    return;
}

on_each_backend {
    my ( $arguments, $server ) = @_;

    # 20 KB, so that one copy kept in each round is seen.
    my %content = ( text => 'x' x 10_000, list => [ map { "entry $_" } 1 .. 600 ] );
    my $id      = create( $arguments, %content );
    my $n       = 0;

    flat 'reading' => sub { contents( $arguments, $id ) };
    flat 'writing' => sub {
        change( $arguments, $id, sub { $_[0]{n} = ++$n; $_[0]{list}[0] = $n } );
    };
    flat 'merging' => sub {
        change(
            $arguments,
            $id,
            sub {
                my ($first) = @_;
                $first->{first} = ++$n;
                change( $arguments, $id, sub { $_[0]{second} = ++$n } );
            }
        );
    };
    flat 'compressing' => sub {
        my $zipped = { %$arguments, compress_threshold => 100 };
        change( $zipped, $id, sub { $_[0]{n} = ++$n } );
        contents( $zipped, $id );
    };
    flat 'making and deleting' => sub {
        tie my %session, 'Apache::Session::Memorycached', undef, $arguments;
        @session{ keys %content } = values %content;
        tied(%session)->save;
        tied(%session)->delete;
        untie %session;
    };
    flat 'what can not be stored' => sub {
        eval {
            change(
                $arguments,
                $id,
                sub {
                    $_[0]{code} = [ 'x' x 10_000, sub { 1 } ];
                }
            );
        };
    };
    flat 'arguments of many kinds' => sub {
        contents( { %$arguments, timeout => 1 + ++$n % 1_000, namespace => 'n' . $n % 7 }, $id );
    };

    if ($server) {
        $server->set(
            'cd' x 16, "\x05\x0b\x03\x00\x00\x00\x01\x01\x00\x00\x4e\x20" . 'x' x 10_000,
            flags => 1
        );
        flat 'a damaged value' => sub {
            eval { contents( $arguments, 'cd' x 16 ) }
        };

        my $down = { servers => [ '127.0.0.1:' . free_port() ] };
        flat 'a server that is down' => sub {
            eval { contents( $down, $id ) }
        };

        flat 'too large' => sub {
            eval {
                change( $arguments, $id, sub { $_[0]{large} = 'x' x 1_100_000 } );
            };
        };
    }
};

done_testing;
