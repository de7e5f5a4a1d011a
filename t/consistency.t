# Many processes on few sessions, while servers stop, restart and forget, and
# processes are killed: what they have seen is what the store promises, for each
# request (DESIGN §5, §8). What that is, `Fixture::Consistency::Checker` states.
#
# CONSISTENCY_SECONDS says how long, for both backends together; CONSISTENCY_SEED
# repeats the choices of a run, though not its timing.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 180 + 3 * ( $ENV{CONSISTENCY_SECONDS} // 0 );
use Test::More;

use List::Util qw(min);
use Fixture::Backends;
use Fixture::Consistency::Checker;
use Fixture::Consistency::Run;

my $SECONDS = $ENV{CONSISTENCY_SECONDS} // 30;
my $SEED    = $ENV{CONSISTENCY_SEED}    // time % 1_000_000;
my $ROUND   = 15;    # seconds until a history is checked
my $SHOWN   = 20;

my %work = ( io_timeout => 0.5, lock_ttl => 2, lock_timeout => 0.5 );

sub found_in {
    my ( $history, $server ) = @_;
    my $expected =
      $server ? qr/^(?:session \w+: has moved here, but .*)?memcached \Q${\ $server->address }\E: / : qr/(?!)/;
    my $checker = Fixture::Consistency::Checker->new( $history, lock_ttl => $work{lock_ttl}, expected => $expected );
    return $checker->faults;
}

on_each_backend {
    my ( $arguments, $server ) = @_;

    subtest 'every history is one that the store may have' => sub {
        my ( $left, $seed, %total ) = ( $SECONDS / 2, $SEED );
        while ( $left > 0 ) {
            my $run = Fixture::Consistency::Run->new(
                arguments => { %$arguments, %work },
                server    => $server,
                seed      => $seed++,
            );
            my $history = $run->go( min $ROUND, $left );
            $run->tally( $history, \%total );
            my @found = found_in( $history, $server );
            splice @found, $SHOWN;
            is_deeply \@found, [], 'nothing is lost, and nothing comes back'
              or diag join "\n", 'the histories are left in ' . $run->keep, @found;
            is_deeply [ $run->crashes ], [], 'no worker has ended of itself';
            $left -= $ROUND;
        }
        note join ', ', "seed $SEED", map { "$_ $total{$_}" } sort keys %total;
    };

    subtest "conflict => 'overwrite'" => sub {
        my $run = Fixture::Consistency::Run->new(
            arguments => { %$arguments, %work, conflict => 'overwrite' },
            calm      => 1,
            seed      => $SEED,
        );
        my $history = $run->go(2);
        my @lost    = grep { /is lost/ } found_in($history);
        ok scalar @lost, 'loses changes, and the checker finds them';
        note $lost[0] // '';
    };
};

done_testing;
