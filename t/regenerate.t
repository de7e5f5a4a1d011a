# `regenerate_id`: the session moves to a new id, for use at sign-in; the old id
# leads nowhere from then on (DESIGN §5).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Digest::MD5 qw(md5_hex);
use Fixture::Backends;
use Fixture::Session;

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
        is $server->item($old)->{flags}, 17, 'the old id has a tombstone';
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
};

done_testing;
