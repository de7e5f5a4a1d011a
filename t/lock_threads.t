# ithreads: a session in a transaction that is copied into a new thread does not
# have the lock there.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs 'threads';
use threads;
use Test::More;

use Fixture::Backends;
use Fixture::Session;

on_each_backend {
    my ($arguments) = @_;
    my $locking = { %$arguments, Transaction => 1 };

    subtest 'tied before' => sub {
        my $id = create( $arguments, n => 0 );
        tie my %session, 'Apache::Session::Memorycached', $id, $locking;
        $session{n} = 1;
        my $says = threads->create(
            sub {
                $session{n} = 'thread';
                my $error = error_of { tied(%session)->save };
                tied(%session)->release_all_locks;
                return $error;
            }
        )->join;
        like $says, qr/^session $id: is locked by the thread that this one was made from; nothing is saved/,
          'the copy can not save';
        my $other = threads->create(
            sub {
                error_of { contents( { %$locking, lock_timeout => 0 }, $id ) }
            }
        )->join;
        like $other, qr/^session $id: is locked/, 'the lock is still ours';
        untie %session;
        is contents( $arguments, $id )->{n}, 1, 'and we save';
    };

    subtest 'increments in threads' => sub {
        my $id      = create( $arguments, n => 0 );
        my @threads = map {
            threads->create(
                sub {
                    change( $locking, $id, sub { $_[0]{n}++ } ) for 1 .. 25;
                }
            )
        } 1 .. 4;
        $_->join for @threads;
        is contents( $arguments, $id )->{n}, 100, 'are all there';
    };
};

done_testing;
