# What becomes of one session that eight processes change at the same time, each a
# counter of its own and one that all share: ours, merging and in transactions, and
# Debian's Apache::Session::Memcached.

use strict;
use warnings;
use lib 'bench/lib', 't/lib';

use Apache::Session::Memcached;
use Apache::Session::Memorycached;
use Bench::Measure qw(quantile);
use Bench::Server;
use Bench::Topic;
use Cache::Memcached;
use Fixture::Child;
use List::Util  qw(min sum);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my $PROCESSES = 8;
my $TIMES     = 200;
my $RUNS      = ( grep { $_ eq '--quick' } @ARGV ) ? 1 : 5;

my $topic = Bench::Topic->new(
    'Eight processes on one session',
    columns => [ '', 'own counters', 'shared counter', 'died', 'time' ]
);
my $server  = memcached( free => 1 );
my $servers = [ $server->address ];

for my $contender (
    [ 'ours, merging',              'Apache::Session::Memorycached', { servers => $servers } ],
    [ 'ours, Transaction => 1',     'Apache::Session::Memorycached', { servers => $servers, Transaction => 1 } ],
    [ 'Apache::Session::Memcached', 'Apache::Session::Memcached',    { Servers => $servers } ],
  )
{
    my ( $name, @how ) = @$contender;
    my @runs   = map { compete(@how) } 1 .. $RUNS;
    my @counts = map {
        my $what = $_;
        min map { $_->{$what} } @runs
    } qw(own shared);
    $topic->line(
        $name,
        ( map { sprintf '%d of %d', $_, $PROCESSES * $TIMES } @counts ),
        sum( map { $_->{died} } @runs ),
        sprintf '%.2f s', quantile( 0.5, [ map { $_->{time} } @runs ] ),
    );
}

sub compete {
    my ( $class, $arguments ) = @_;
    my %session;
    tie %session, $class, undef, $arguments;
    my $id = $session{_session_id};
    untie %session;

    # This client would use its parent's socket in the processes that are forked.
    Cache::Memcached->disconnect_all;

    my $start     = clock_gettime(CLOCK_MONOTONIC);
    my @processes = map {
        my $own = "own$_";
        in_fork { increment( $own, $class, $id, $arguments ) };
    } 1 .. $PROCESSES;
    my $died = sum map { $_->finish } @processes;
    my $time = clock_gettime(CLOCK_MONOTONIC) - $start;

    tie %session, $class, $id, $arguments;
    my %result = ( died => $died, time => $time, shared => $session{shared}, own => 0 );
    $result{own} += $session{"own$_"} // 0 for 1 .. $PROCESSES;
    untie %session;
    return \%result;
}

# Returns how many times that has failed.
sub increment {
    my ( $own, $class, $id, $arguments ) = @_;
    local $SIG{__WARN__} = sub { };
    my $died = 0;
    for ( 1 .. $TIMES ) {
        eval {
            my %session;
            tie %session, $class, $id, $arguments;
            $session{$own}++;
            $session{shared}++;
            tied(%session)->save;
            untie %session;
            1;
        } or $died++;
    }
    return $died;
}

$topic->note(<<"NOTE");
Each process ties the session, adds one to both counters, saves and unties, $TIMES times, as fast as it can. The counters are
what is stored in the end, in the worst of all runs ($RUNS); the time is the median. Merging needs no lock, and keeps what
either of two requests has changed; of a key that both have changed, what was saved later. A transaction has the session
for itself. Apache::Session::Memcached has no locks and no versions: what was saved later replaces all.
NOTE
$topic->print;
