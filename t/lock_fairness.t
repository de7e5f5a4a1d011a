# Many processes want one lock, again and again: they get it in turn, and nobody
# starves. A waiter that dies costs the others little.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Test::More;

use Time::HiRes qw(time);
use Fixture::Backends;
use Fixture::Child;
use Fixture::Session;
use Fixture::Wait;

on_each_backend {
    my ( $arguments, $server ) = @_;
    my $locking = { %$arguments, Transaction => 1, lock_timeout => 60 };

    subtest 'fifty processes' => sub {
        my ( $processes, $rounds ) = ( 50, 10 );
        my $id = create( $arguments, n => 0 );
        pipe my $start, my $starter or die "pipe: $!";
        my @children = map {
            in_fork {
                close $starter;
                sysread $start, my $word, 1;
                my @waits;
                for ( 1 .. $rounds ) {
                    my $began = time;
                    tie my %session, 'Apache::Session::Memorycached', $id, $locking;
                    push @waits, time - $began;
                    $session{n}++;
                    select undef, undef, undef, 0.001;    # so that they meet
                    untie %session;
                }
                return "@waits";
            }
        } 1 .. $processes;
        my $began = time;
        close $starter;
        my @waits  = sort { $a <=> $b } map { split / /, $_->finish } @children;
        my $took   = time - $began;
        my $median = $waits[ @waits / 2 ];
        is contents( $arguments, $id )->{n}, $processes * $rounds, 'nothing is lost';
        note sprintf '%d transactions in %.2f s; waited %.1f ms in the median, %.1f ms at most', scalar @waits, $took,
          1000 * $median, 1000 * $waits[-1];
        cmp_ok $waits[-1], '<=', 10 * $median, 'nobody waits longer than ten times the median';
    };

    subtest 'waiters that are killed' => sub {
        my $id = create( $arguments, n => 0 );
        tie my %session, 'Apache::Session::Memorycached', $id, $locking;
        my @dead = map {
            in_fork { contents( $locking, $id ) }
        } 1 .. 5;
        if ($server) {
            until_true { ( () = $server->item("$id.lock")->{value} =~ /^\+/mg ) == 5 } or die 'nobody waits';
        }
        my @living = map {
            in_fork {
                change( $locking, $id, sub { $_[0]{n}++ } )
            }
        } 1 .. 3;
        kill KILL => map { $_->pid } @dead;
        untie %session;
        my $took = elapsed { $_->finish for @living };
        is contents( $arguments, $id )->{n}, 3, 'are passed over';
        cmp_ok $took, '<', 3, 'soon';
    };
};

done_testing;
