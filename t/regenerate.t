# `regenerate_id`: the session moves to a new id, for use at sign-in; the old id
# leads nowhere from then on (DESIGN §5). What other requests save meanwhile comes
# along, and a session that they delete stays deleted.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Digest::MD5 qw(md5_hex);
use Fixture::Backends;
use Fixture::Child;
use Fixture::Memcached;
use Fixture::Needs ();
use Fixture::Scripted;
use Fixture::Session;
use Fixture::Wait;

on_each_backend {
    my ( $arguments, $server ) = @_;

    my $old = create( $arguments, a => 1 );
    tie my %session, 'Apache::Session::Memorycached', $old, $arguments;
    $session{b} = { deep => 1 };
    my $returned = tied(%session)->regenerate_id;
    my $new      = $session{_session_id};

    like $new, qr/\A[0-9a-f]{32}\z/, 'a new id';
    isnt $new,    $old, 'another one';
    is $returned, $new, 'which is returned';
    is_deeply contents( $arguments, $old ), {}, 'the old id leads nowhere';
    is_deeply contents( $arguments, $new ),
      { _session_id => $new, a => 1, b => { deep => 1 } },
      'the new one to the session, with what was not saved yet';

    $session{c} = 3;
    untie %session;
    is contents( $arguments, $new )->{c}, 3, 'later changes go there, too';

    if ($server) {
        is $server->item($old)->{flags}, 145, 'the old id has a tombstone';
    }

    subtest 'a request under way on the old id' => sub {
        my $id = create( $arguments, a => 1 );
        tie my %late, 'Apache::Session::Memorycached', $id, $arguments;
        tie my %move, 'Apache::Session::Memorycached', $id, $arguments;
        tied(%move)->regenerate_id;
        my $moved = $move{_session_id};
        untie %move;
        warnings_of { $late{a} = 2; untie %late };
        is_deeply contents( $arguments, $id ), {}, 'does not bring it back';
        is contents( $arguments, $moved )->{a}, 1, 'nor touch the new one';
    };

    subtest 'with a principal' => sub {
        plan skip_all => 'on memcached' if !$server;
        my $named = { %$arguments, principal => 'uid' };
        my $id    = create( $named, uid => 'dwho' );
        tie my %session, 'Apache::Session::Memorycached', $id, $named;
        my $moved = tied(%session)->regenerate_id;
        untie %session;
        is $server->item( md5_hex 'dwho' )->{value}, $moved, 'its record follows';
    };

    subtest 'a new session' => sub {
        tie my %fresh, 'Apache::Session::Memorycached', undef, $arguments;
        my $first = $fresh{_session_id};
        $fresh{a} = 1;
        tied(%fresh)->regenerate_id;
        my $second = $fresh{_session_id};
        untie %fresh;
        is_deeply contents( $arguments, $first ), {}, 'the first id leads nowhere';
        is contents( $arguments, $second )->{a}, 1, 'the second to the session';
    };

    subtest 'an unknown id' => sub {
        tie my %none, 'Apache::Session::Memorycached', 'ab' x 16, $arguments;
        eval {
            warnings_of { tied(%none)->regenerate_id }
        };
        untie %none;
        is_deeply contents( $arguments, 'ab' x 16 ), {}, 'nothing comes of nothing';
    };

    subtest 'another request has saved the session' => sub {
        for my $changes ( 0, 1 ) {
            my $id = create( $arguments, a => 1, b => 1, c => 1 );
            tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
            change( $arguments, $id, sub { @{ $_[0] }{qw(a b)} = ( 'theirs', 'theirs' ); delete $_[0]{c} } );
            @session{qw(b mine)} = ( 'ours', 1 ) if $changes;
            my $new       = tied(%session)->regenerate_id;
            my $conflicts = { theirs => [ 'a', $changes ? () : 'b', 'c' ], ours => [ $changes ? 'b' : () ] };
            is_deeply tied(%session)->conflicts, $conflicts, 'conflicts tells';
            my %expected =
              ( _session_id => $new, a => 'theirs', $changes ? ( b => 'ours', mine => 1 ) : ( b => 'theirs' ) );
            is_deeply contents( $arguments, $new ), \%expected, 'both sides are there';
            $session{later} = 1;
            untie %session;
            is_deeply contents( $arguments, $new ), { %expected, later => 1 }, 'and after the next save';
            is_deeply contents( $arguments, $id ),  {},                        'the old id leads nowhere';
        }
    };

    subtest 'what an earlier save has merged' => sub {
        my $id = create( $arguments, a => 1 );
        tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        change( $arguments, $id, sub { $_[0]{theirs} = 1 } );
        $session{mine} = 1;
        tied(%session)->save;
        my $new = tied(%session)->regenerate_id;
        untie %session;
        is_deeply contents( $arguments, $new ), { _session_id => $new, a => 1, theirs => 1, mine => 1 }, 'comes along';
    };

    subtest 'a session that was emptied' => sub {
        my $id = create( $arguments, a => 1 );
        tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        change( $arguments, $id, sub { $_[0]{theirs} = 1 } );
        %session = ( b => 1 );
        my $new = tied(%session)->regenerate_id;
        untie %session;
        is_deeply contents( $arguments, $new ), { _session_id => $new, b => 1 }, 'replaces what others stored';
    };

    subtest 'another request has deleted the session' => sub {
        for my $changes ( 0, 1 ) {
            my $id = create( $arguments, a => 1 );
            tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
            change( $arguments, $id, sub { tied( %{ $_[0] } )->delete } );
            $session{mine} = 1 if $changes;
            my $items = items($server);
            my $error = error_of { tied(%session)->regenerate_id };
            like $error, qr/^regenerate_id: there is no such session: another request has deleted it at \Q$0\E/, 'dies';
            is $session{_session_id}, $id,    'with its id';
            is items($server),        $items, 'nothing is created';
            my @warnings = warnings_of { $session{late} = 1 };
            like "@warnings", qr/there is no such session; what is stored in it will be lost/,
              'what comes later is lost';
            untie %session;
            is_deeply contents( $arguments, $id ), {}, 'it stays deleted';
        }
    };

    subtest 'a session that has gone' => sub {
        plan skip_all => 'on memcached' if !$server;
        my $id = create( $arguments, a => 1 );
        tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        tie my %other,   'Apache::Session::Memorycached', $id, $arguments;
        $server->delete($id);
        my $new = tied(%session)->regenerate_id;
        untie %session;
        is_deeply contents( $arguments, $new ), { _session_id => $new, a => 1 }, 'is written anew, under the new id';
        my @warnings = warnings_of { $other{b} = 1; untie %other };
        like "@warnings", qr/was deleted by another request/, 'and nobody writes it anew under the old one';
    };

    for my $conflict (qw(overwrite die)) {
        subtest "conflict => '$conflict'" => sub {
            my $mode = { %$arguments, conflict => $conflict };
            my $id   = create( $mode, a => 1 );
            tie my %session, 'Apache::Session::Memorycached', $id, $mode;
            change( $arguments, $id, sub { $_[0]{theirs} = 1 } );
            $session{mine} = 1;
            my $items = items($server);
            my $error = error_of { tied(%session)->regenerate_id };
            my $now   = $session{_session_id};

            if ( $conflict eq 'die' ) {
                like $error, qr/^session $id: another request saved it since it was read/, 'dies';
                is $now,           $id,    'with its id';
                is items($server), $items, 'nothing is created';
                is_deeply contents( $arguments, $id ), { _session_id => $id, a => 1, theirs => 1 }, 'the other stands';
                tied(%session)->{status} = 0;
            }
            else {
                is_deeply contents( $arguments, $now ), { _session_id => $now, a => 1, mine => 1 }, 'ours alone';
            }
            untie %session;
        };
    }

    subtest 'next to many saves' => sub {
        my ( $rounds, $writers ) = ( 8, 3 );
        for my $round ( 1 .. $rounds ) {
            my $id       = create( $arguments, a => 1 );
            my @children = map {
                my $name = "w$_";
                in_fork { save_until_dropped( $arguments, $id, $name ) };
            } 1 .. $writers;
            until_true { keys %{ contents( $arguments, $id ) } == 2 + $writers };
            tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
            $session{mine} = $round;
            my $new = tied(%session)->regenerate_id;
            untie %session;
            my %saved = map { ( "w$_" => $children[ $_ - 1 ]->finish ) } 1 .. $writers;
            is_deeply contents( $arguments, $new ), { _session_id => $new, a => 1, mine => $round, %saved },
              'the new id has all that was saved'
              or last;
        }
    };

    subtest 'two at once' => sub {
        my $id = create( $arguments, a => 1 );
        tie my %one, 'Apache::Session::Memorycached', $id, $arguments;
        tie my %two, 'Apache::Session::Memorycached', $id, $arguments;
        my $new = tied(%one)->regenerate_id;
        like error_of { tied(%two)->regenerate_id }, qr/^regenerate_id: there is no such session/, 'one of them dies';
        untie $_ for \%one, \%two;
        is contents( $arguments, $new )->{a}, 1, 'the other one moves it';
    };

    subtest 'in a transaction' => sub {
        my $locking = { %$arguments, Transaction => 1, lock_timeout => 0.1 };
        my $free    = sub {
            my ($id) = @_;
            in_fork {
                error_of { contents( $locking, $id ) }
            }
            ->finish eq '';
        };

        subtest 'the lock goes along' => sub {
            my $id = create( $arguments, a => 1 );
            tie my %session, 'Apache::Session::Memorycached', $id, $locking;
            $session{b} = 1;
            my $new = tied(%session)->regenerate_id;
            ok !$free->($new), 'the new id is locked';
            ok $free->($id),   'the old one is not';
            $session{c} = 1;
            untie %session;
            ok $free->($new), 'until it is untied';
            is_deeply contents( $arguments, $new ), { _session_id => $new, a => 1, b => 1, c => 1 }, 'it is all there';
        };

        subtest 'a lock that was given back' => sub {
            my $id = create( $arguments, a => 1 );
            tie my %session, 'Apache::Session::Memorycached', $id, $locking;
            tied(%session)->release_all_locks;
            my $new = tied(%session)->regenerate_id;
            ok $free->($_), 'is not held after it' for $id, $new;
            untie %session;
            is contents( $arguments, $new )->{a}, 1, 'the session has moved';
        };

        subtest 'a lock without one' => sub {
            my $id = create( $arguments, a => 1 );
            tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
            tied(%session)->acquire_write_lock;
            change( $arguments, $id, sub { $_[0]{theirs} = 1 } );
            my $new = tied(%session)->regenerate_id;
            ok !$free->($new), 'goes along';
            ok $free->($id),   'and leaves the old id';
            untie %session;
            is contents( $arguments, $new )->{theirs}, 1, 'and what others saved comes along';
        };

        my %meanwhile = (
            'saved without the lock' => [ sub { $_[0]{theirs} = 1 }, qr/another request saved it without its lock/ ],
            'deleted' => [ sub { tied( %{ $_[0] } )->delete }, qr/^regenerate_id: there is no such session/ ],
        );
        for my $what ( sort keys %meanwhile ) {
            my ( $act, $says ) = @{ $meanwhile{$what} };
            subtest $what => sub {
                my $id = create( $arguments, a => 1 );
                tie my %session, 'Apache::Session::Memorycached', $id, $locking;
                change( $arguments, $id, $act );
                my ( $items, $stored ) = ( items($server), contents( $arguments, $id ) );
                $session{mine} = 1;
                like error_of { tied(%session)->regenerate_id }, $says, 'dies';
                is items($server), $items, 'nothing is created, nor locked';
                error_of { untie %session };
                is_deeply contents( $arguments, $id ), $stored, 'what is stored stands';
            };
        }
    };
};

# How many items a memcached has.
sub items {
    my ($server) = @_;
    return $server ? $server->stats->{curr_items} : 0;
}

# Saves 1, 2, 3, … under a key of its own until the session is gone; returns what was saved last.
sub save_until_dropped {
    my ( $arguments, $id, $key ) = @_;
    my $saved = 0;
    for my $next ( 1 .. 100_000 ) {
        tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        return $saved if !$session{_session_id};
        $session{$key} = $next;
        my @dropped = warnings_of { untie %session };
        return $saved if @dropped;
        $saved = $next;
        select undef, undef, undef, rand 0.002;
    }
    die "the session never went\n";
}

subtest 'a server that fails on the way' => sub {
    Fixture::Needs->import('memcached');
    my $memcached = Fixture::Memcached->start;
    my $direct    = { servers => [ $memcached->address ] };

    # The requests: tie, put under the new id, bury the old one.
    my %ways = (
        'the new id: cut off'        => [ [ 'pass', [ cut => 0 ] ],                                \&has_moved ],
        'the new id: refused'        => [ [ 'pass', [ say => "SERVER_ERROR out of memory\r\n" ] ], \&has_not_moved ],
        'the old one: cut off'       => [ [ 'pass', 'pass', [ cut => 0 ] ],                        \&has_moved ],
        'the old one: never arrives' => [ [ 'pass', 'pass', 'hangup' ],                            \&has_moved ],
        'the old one: refused' => [ [ 'pass', 'pass', [ say => "SERVER_ERROR out of memory\r\n" ] ], \&has_not_moved ],
        'the old one: silence' => [ [ 'pass', 'pass', 'silent' ],                                    \&has_moved_but ],
        'the old one: answer too late' => [ [ 'pass', 'pass', [ stall => 0 ] ], \&has_moved_and_may ],
    );
    for my $way ( sort keys %ways ) {
        my ( $script, $expected ) = @{ $ways{$way} };
        subtest $way => sub {
            my $id     = create( $direct, a => 1 );
            my $server = Fixture::Scripted->start( upstream => $memcached, script => [$script] );
            my $items  = items($memcached);
            tie my %session, 'Apache::Session::Memorycached', $id,
              { servers => [ $server->address ], io_timeout => 0.3 };
            $session{b} = 2;
            my $error = error_of { tied(%session)->regenerate_id };
            my $now   = $session{_session_id};
            $expected->( $id, $now, $error, $direct );
            is contents( $direct, $now )->{a}, 1,  'the session is there';
            is error_of { untie %session },    '', 'and can be saved';
            is_deeply contents( $direct, $now ), { _session_id => $now, a => 1, b => 2 }, 'with the change';
            cmp_ok items($memcached) - $items, '==', $now eq $id ? 0 : 1, 'and nothing else';
        };
    }
};

sub has_moved {
    my ( $id, $now, $error, $direct ) = @_;
    is $error, '',  'works';
    isnt $now, $id, 'it has moved';
    is_deeply contents( $direct, $id ), {}, 'the old id leads nowhere';
    return;
}

sub has_not_moved {
    my ( $id, $now, $error ) = @_;
    like $error, qr/^memcached \S+: SERVER_ERROR out of memory/, 'dies';
    is $now, $id, 'it has not moved';
    return;
}

sub has_moved_and_may {
    my ( $id, $now, $error ) = @_;
    like $error, qr/^session $now: has moved here, but $id may still lead to it: memcached \S+: no answer/,
      'dies, and says so';
    isnt $now, $id, 'it has moved';
    return;
}

sub has_moved_but {
    my ( $id, $now, $error, $direct ) = @_;
    has_moved_and_may(@_);
    is_deeply contents( $direct, $id ), { _session_id => $id, a => 1 }, 'the old one has nothing of this request';
    return;
}

done_testing;
