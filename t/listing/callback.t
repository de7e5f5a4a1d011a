# What a callback of a listing may do: die, use sessions, list, fork, be
# interrupted. And where it may not.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Fixture::Needs 'memcached';
use Test::More;

use POSIX       ();
use Time::HiRes qw(ualarm usleep);
use Fixture::Backends;
use Fixture::Memcached;
use Fixture::Session;

my $class = 'Apache::Session::Memorycached';

on_each_backend {
    my ($arguments) = @_;
    my $COUNT       = 600;
    my @ids         = map { create( $arguments, n => $_ ) } 1 .. $COUNT;

    # What a listing still sees, however the one before has ended.
    my $all = sub {
        my $count = 0;
        $class->for_each_session( $arguments, ['n'], sub { $count++ } );
        return $count;
    };

    subtest 'dying' => sub {
        for my $error ( "on purpose\n", { code => 7 }, bless( [], 'Local::Error' ) ) {
            my $calls = 0;
            my $ok    = eval {
                $class->for_each_session( $arguments, ['n'], sub { die $error if ++$calls == 300 } );
                1;
            };
            ok !$ok, 'ends the listing';
            is_deeply $@, $error, 'with its own error';
            is $calls, 300, 'at once';
            ok !eval {
                $class->get_key_from_all_sessions( $arguments, sub { die $error } );
                1;
            }, 'and in the other method';
            is_deeply $@, $error, 'the same';
        }
        is $all->(), $COUNT, 'the next one sees all';
    };

    subtest 'leaving' => sub {
        my $calls = 0;
        no warnings 'exiting';
        my $left = error_of {
            for my $once (1) {
                $class->for_each_session( $arguments, ['n'], sub { $calls++; last } );
            }
        };
        like $left, qr/Can't "last" outside a loop block/, 'by last: an error';
        is $calls,   1,      'at once';
        is $all->(), $COUNT, 'the next one sees all';
    };

    subtest 'using sessions' => sub {
        my ( $sum, $changed ) = ( 0, 0 );
        $class->for_each_session(
            $arguments,
            ['n'],
            sub {
                my ( $session, $id ) = @_;
                $sum += contents( $arguments, $id )->{n};
                change( $arguments, $id, sub { $_[0]{seen} = 1 } ) if $session->{n} % 2 and ++$changed;
                if ( $session->{n} > 590 ) {
                    my %gone;
                    tie %gone, $class, $id, $arguments;
                    tied(%gone)->delete;
                }
            }
        );
        is $sum,     $COUNT * ( $COUNT + 1 ) / 2,                                    'all were read';
        is $changed, $COUNT / 2,                                                     'half of them changed';
        is keys %{ $class->searchOn( $arguments, 'seen', 1, 'n' ) }, $COUNT / 2 - 5, 'and stored';
        is $all->(),                                                 $COUNT -= 10,   'ten deleted';
    };

    subtest 'listing' => sub {
        my ( $calls, $inside ) = ( 0, 0 );

        # While the list of this one is under way, there is no other; how long that is depends on the server.
        my $list = sub {
            return if ++$calls % 100;
            my $found = eval { $all->() };
            return like $@, qr/: is being listed by this process/, 'refused' if !defined $found;
            is $found, $COUNT, 'inside';
            $inside++;
        };
        $class->for_each_session( $arguments, ['n'], $list );
        is $calls, $COUNT, 'and outside';
        ok $inside, 'not always refused';
    };

    subtest 'what it is given is its own' => sub {
        my %kept;
        $class->for_each_session(
            $arguments, undef,
            sub { my ( $session, $id ) = @_; $session->{kept} = 1; $kept{$id} = $session }
        );
        is scalar( grep { $_->{kept} } values %kept ), $COUNT, 'kept';
        is_deeply $class->searchOn( $arguments, 'kept', 1 ), {}, 'and changes nothing';
    };

    subtest 'forking' => sub {
        my ( $calls, $inside ) = ( 0, 0 );
        $class->for_each_session(
            $arguments,
            ['n'],
            sub {
                my ( $session, $id ) = @_;
                return if ++$calls % 100;
                my $pid = fork // die "fork: $!";
                if ( !$pid ) {
                    my $read = eval { contents( $arguments, $id )->{n} == $session->{n} };
                    POSIX::_exit( $read ? 7 : 1 );
                }
                waitpid $pid, 0;
                $inside++ if $? >> 8 == 7;
            }
        );
        is $inside, 5,      'a child reads sessions';
        is $calls,  $COUNT, 'and its parent goes on';

        pipe my $from, my $to or die $!;
        my $outside = $$;
        $calls = 0;
        my $error = error_of {
            $class->for_each_session( $arguments, ['n'], sub { $calls++; fork // die "fork: $!" if $calls == 50 } );
        };
        if ( $$ != $outside ) {
            syswrite $to, "$calls $error";
            POSIX::_exit(0);
        }
        close $to;
        my $told = do { local $/; <$from> };
        wait;
        like $told, qr/^50 the listing belongs to the process that this one was forked from/,
          'a child that returns into it dies';
        is $error, '',     'the parent does not';
        is $calls, $COUNT, 'and sees all';
    };

    subtest 'signals' => sub {
        local $SIG{ALRM} = sub { die "alarm\n" };
        my $calls = 0;
        ualarm 50_000;
        is error_of {
            $class->for_each_session( $arguments, ['n'], sub { $calls++; usleep 1_000 } )
        }, "alarm\n", 'end a listing';
        cmp_ok $calls, '<', $COUNT, 'before it is over';

        # In native code all the time: no callback, and nothing is found.
        ualarm 50_000;
        is error_of { $class->searchOn( $arguments, 'n', -1 ) for 1 .. 1_000_000 }, "alarm\n", 'and a search';
        my $handled = 0;
        local $SIG{ALRM} = sub { $handled++; contents( $arguments, $ids[0] ) };
        ualarm 1_000, 1_000;
        $calls = 0;
        $class->for_each_session( $arguments, ['n'], sub { $calls++; usleep 100 } );
        ualarm 0;
        is $calls, $COUNT, 'that are handled leave it as it is';
        cmp_ok $handled, '>', 0, 'and they were';
    };
};

done_testing;
