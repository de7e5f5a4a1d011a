# `Transaction => 1`: one request at a time has the session, from `tie` to the end
# of the tied hash, however that comes (DESIGN §5).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Test::More;

use Fixture::Backends;
use Fixture::Child;
use Fixture::Session;
use Fixture::Wait;

# Whether somebody else finds the session locked.
sub is_locked {
    my ( $arguments, $id ) = @_;
    my $hasty = { %$arguments, Transaction => 1, lock_timeout => 0 };
    return in_fork {
        error_of { contents( $hasty, $id ) } =~ /is locked by/ ? 1 : 0
    }
    ->finish;
}

on_each_backend {
    my ( $arguments, $server ) = @_;
    my $locking = { %$arguments, Transaction => 1 };

    subtest 'increments of eight processes' => sub {
        my $id       = create( $arguments, n => 0 );
        my @children = map {
            in_fork {
                change( $locking, $id, sub { $_[0]{n}++ } ) for 1 .. 25;
                return;
            }
        } 1 .. 8;
        $_->finish for @children;
        is contents( $arguments, $id )->{n}, 200, 'are all there';
        ok !is_locked( $arguments, $id ), 'and the lock is free';
    };

    subtest 'the lock is held from tie' => sub {
        my $id = create( $arguments, a => 1 );
        tie my %session, 'Apache::Session::Memorycached', $id, $locking;
        ok is_locked( $arguments, $id ), 'before anything is changed';
        $session{a} = 2;
        tied(%session)->save;
        ok is_locked( $arguments, $id ), 'after a save';
        $session{b} = 1;
        untie %session;
        ok !is_locked( $arguments, $id ), 'to untie';
        is_deeply contents( $arguments, $id ), { _session_id => $id, a => 2, b => 1 },
          'both saves are there';
    };

    subtest 'a session that is only read' => sub {
        my $id = create( $arguments, a => 1 );
        tie my %session, 'Apache::Session::Memorycached', $id, $locking;
        is $session{a}, 1, 'is read';
        untie %session;
        ok !is_locked( $arguments, $id ), 'and not locked after untie';
    };

    subtest 'a new session' => sub {
        tie my %session, 'Apache::Session::Memorycached', undef, $locking;
        my $id = $session{_session_id};
        ok is_locked( $arguments, $id ), 'is locked';
        $session{a} = 1;
        untie %session;
        ok !is_locked( $arguments, $id ), 'until untie';
        is contents( $arguments, $id )->{a}, 1, 'and stored';

        tie %session, 'Apache::Session::Memorycached', undef, { %$locking, updateOnly => 1 };
        $id = $session{_session_id};
        $session{a} = 1;
        untie %session;
        is contents( $arguments, $id )->{a}, 1, 'with updateOnly, too';
        ok !is_locked( $arguments, $id ), 'and not locked after it';
    };

    subtest 'an unknown session' => sub {
        my $id = 'ab' x 16;
        tie my %session, 'Apache::Session::Memorycached', $id, $locking;
        is_deeply [ keys %session ], [], 'is empty';
        ok is_locked( $arguments, $id ), 'and locked all the same';
        untie %session;
        ok !is_locked( $arguments, $id ), 'until untie';
        like error_of { contents( { %$locking, missing => 'die' }, $id ) },
          qr/Object does not exist/, "missing => 'die'";
        ok !is_locked( $arguments, $id ), 'leaves no lock';
    };

    subtest 'the end of a scope' => sub {
        my $id = create( $arguments, a => 1 );
        {
            tie my %session, 'Apache::Session::Memorycached', $id, $locking;
            $session{a} = 2;
        }
        ok !is_locked( $arguments, $id ), 'gives the lock back';
        is contents( $arguments, $id )->{a}, 2, 'and saves';
        eval {
            tie my %session, 'Apache::Session::Memorycached', $id, $locking;
            $session{a}++;
            die "in between\n";
        };
        is $@, "in between\n", 'so does die';
        ok !is_locked( $arguments, $id ), 'the lock is free';
    };

    my %endings = (
        'exit'         => 'exit 0',
        'die'          => '$SIG{__WARN__} = sub { }; close STDERR; die 1',
        'END'          => 'END { $session{late} = 1 }',
        'a global'     => 'our $kept = \%session; exit 0',
        'a reader'     => 'my $read = delete local $session{a}; exit 0',
        'exec of true' => 'tied(%session)->save; tied(%session)->release_all_locks; exec "true"',
    );
    for my $ending ( sort keys %endings ) {
        my $id = create( $arguments, a => 1 );
        in_perl( <<"END", $arguments->{servers}[0], $id )->finish;
            use Apache::Session::Memorycached;
            tie our %session, 'Apache::Session::Memorycached', \$ARGV[1],
                { servers => [ \$ARGV[0] ], Transaction => 1 };
            \$session{a} = 2;
            $endings{$ending};
END
        ok !is_locked( $arguments, $id ), "the end of a program: $ending";
        is contents( $arguments, $id )->{a}, 2, 'saved';
    }

    subtest 'release_all_locks' => sub {
        my $id = create( $arguments, a => 1 );
        tie my %session, 'Apache::Session::Memorycached', $id, $locking;
        tied(%session)->release_all_locks;
        ok !is_locked( $arguments, $id ), 'gives the lock back';
        is error_of { tied(%session)->release_all_locks for 1 .. 2 }, '', 'with nothing held: nothing';
        $session{a} = 2;
        untie %session;
        is contents( $arguments, $id )->{a}, 2, 'a save locks again, for itself';
        ok !is_locked( $arguments, $id ), 'and is not locked after it';

        tie %session, 'Apache::Session::Memorycached', $id, $locking;
        tied(%session)->release_all_locks;
        $session{a} = 3;
        change( $arguments, $id, sub { $_[0]{a} = 'theirs' } );
        like error_of { untie %session }, qr/\b$id\b.*another request saved it/, 'what was read is not old';
        tied(%session)->{status} = 0;
        untie %session;
        is contents( $arguments, $id )->{a}, 'theirs', 'theirs stays';
    };

    subtest 'a save without a lock in between' => sub {
        my $id = create( $arguments, a => 1, b => 1 );
        tie my %session, 'Apache::Session::Memorycached', $id, $locking;
        $session{a} = 2;
        change( $arguments, $id, sub { $_[0]{b} = 'theirs' } );
        my $error = error_of { untie %session };
        like $error, qr/^session $id: another request saved it without its lock/, 'is an error, not a merge';
        like $error, qr/nothing is saved at \Q$0\E line/,                         'at our line';
        tied(%session)->{status} = 0;
        untie %session;
        is_deeply contents( $arguments, $id ), { _session_id => $id, a => 1, b => 'theirs' },
          'theirs stays';
        ok !is_locked( $arguments, $id ), 'and the lock is free';
    };

    subtest 'signing out and in' => sub {
        my $id = create( $arguments, a => 1 );
        tie my %session, 'Apache::Session::Memorycached', $id, $locking;
        my $new = tied(%session)->regenerate_id;
        ok is_locked( $arguments,  $new ), 'the new id is locked';
        ok !is_locked( $arguments, $id ),  'the former one is not';
        is_deeply contents( $arguments, $id ), {}, 'it is deleted';
        $session{b} = 1;
        untie %session;
        is_deeply contents( $arguments, $new ), { _session_id => $new, a => 1, b => 1 }, 'moved';

        tie %session, 'Apache::Session::Memorycached', $new, $locking;
        tied(%session)->delete;
        untie %session;
        is_deeply contents( $arguments, $new ), {}, 'deleted';
        ok !is_locked( $arguments, $new ), 'and not locked';
    };

    subtest 'a logout while a transaction is under way' => sub {
        my $id = create( $arguments, a => 1 );
        tie my %session, 'Apache::Session::Memorycached', $id, $locking;
        $session{a} = 2;
        tie my %other, 'Apache::Session::Memorycached', $id, $arguments;
        tied(%other)->delete;
        untie %other;
        my ($warning) = warnings_of { untie %session };
        like $warning, qr/deleted by another request/, 'is told';
        is_deeply contents( $arguments, $id ), {}, 'and stands';
        ok !is_locked( $arguments, $id ), 'the lock is free';
    };

    subtest 'a session that was read once more' => sub {
        my $id = create( $arguments, a => 1 );
        tie my %session, 'Apache::Session::Memorycached', $id, $locking;
        $session{a} = 2;
        tied(%session)->make_unsynced;
        tied(%session)->make_unmodified;
        tied(%session)->restore;
        is $session{a}, 1, 'is as it is stored';
        ok is_locked( $arguments, $id ), 'and still locked';
        $session{a} = 3;
        untie %session;
        is contents( $arguments, $id )->{a}, 3, 'it can be saved';
    };

    subtest 'two sessions at once' => sub {
        my @ids = map { create( $arguments, n => 0 ) } 1 .. 2;
        tie my %one, 'Apache::Session::Memorycached', $ids[0], $locking;
        tie my %two, 'Apache::Session::Memorycached', $ids[1], $locking;
        $one{n}++;
        $two{n} += 2;
        untie %one;
        untie %two;
        is_deeply [ map { contents( $arguments, $_ )->{n} } @ids ], [ 1, 2 ], 'are both saved';
    };

    subtest 'one session twice in one process' => sub {
        my $id = create( $arguments, a => 1 );
        tie my %first, 'Apache::Session::Memorycached', $id, $locking;
        my $took = elapsed {
            tie my %second, 'Apache::Session::Memorycached', $id, $locking;
        };
        like $@, qr/^session $id: is locked by this very process/, 'would wait for itself: an error';
        cmp_ok $took, '<', 5, 'at once';
        $first{a} = 2;
        untie %first;
        is contents( $arguments, $id )->{a}, 2, 'the first goes on';
        ok !is_locked( $arguments, $id ), 'and gives the lock back';
    };

    subtest 'arguments' => sub {
        for my $wrong ( [ lock_ttl => 0 ], [ lock_ttl => -1 ], [ lock_timeout => 'x' ], [ lock_timeout => 1e6 ] ) {
            my ( $name, $value ) = @$wrong;
            like error_of { create( { %$locking, $name => $value } ) },
              qr/^argument $name: takes a number of seconds/, "$name => $value is refused";
        }
        is error_of { create( { %$locking, lock_ttl => 1.5, lock_timeout => 0.1 } ) }, '', 'fractions are not';
    };
};

done_testing;
