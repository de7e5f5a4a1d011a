# ithreads: nothing is shared. A session tied before a thread was made is there
# in the thread, too; both go on, and each ends without harm to the other.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Fixture::Needs 'threads';
use threads;
use Test::More;

use Fixture::Backends;
use Fixture::Session;

on_each_backend {
    my ($arguments) = @_;

    subtest 'tied in threads' => sub {
        my @threads = map {
            my $number = $_;
            threads->create(
                sub {
                    my $id = create( $arguments, n => $number );
                    change( $arguments, $id, sub { $_[0]{list} = [ 1 .. $number ] } ) for 1 .. 20;
                    return $id;
                }
            );
        } 1 .. 4;
        my @ids = map { $_->join } @threads;
        is_deeply contents( $arguments, $ids[ $_ - 1 ] ),
          { _session_id => $ids[ $_ - 1 ], n => $_, list => [ 1 .. $_ ] }, "thread $_" for 1 .. 4;
    };

    subtest 'tied before' => sub {
        my $id = create( $arguments, a => 1 );
        tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        $session{before} = { deep => 1 };
        my $thread = threads->create(
            sub {
                $session{thread} = $session{before}{deep} + $session{a};
                tied(%session)->save;
                return join ',', sort keys %session;
            }
        );
        is $thread->join, '_session_id,a,before,thread', 'the thread goes on';
        $session{parent} = 1;
        untie %session;
        is_deeply contents( $arguments, $id ),
          {
            _session_id => $id,
            a           => 1,
            before      => { deep => 1 },
            thread      => 2,
            parent      => 1
          },
          'both changes are there';
    };

    subtest 'a thread that does nothing with it' => sub {
        my $id = create( $arguments, a => 1 );
        tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        my $thread = threads->create( sub { 'done' } );
        is( $thread->join, 'done', 'ends' );
        $session{a} = 2;
        untie %session;
        is contents( $arguments, $id )->{a}, 2, 'the parent goes on';
    };

    subtest 'at the same time on one session' => sub {
        my $id      = create($arguments);
        my @threads = map {
            my $number = $_;
            threads->create(
                sub {
                    change( $arguments, $id, sub { $_[0]{"t$number"}++ } ) for 1 .. 50;
                }
            );
        } 1 .. 4;
        $_->join for @threads;
        my $stored = contents( $arguments, $id );
        is_deeply [ map { $stored->{"t$_"} } 1 .. 4 ], [ (50) x 4 ], 'nothing is lost';
    };

    subtest 'an error in a thread' => sub {
        my $error = threads->create(
            sub {
                eval { contents( $arguments, 'not hex' ) };
                $@;
            }
        )->join;
        like $error, qr/^Invalid session ID/, 'dies there, only';
        ok create($arguments), 'the parent goes on';
    };
};

done_testing;
