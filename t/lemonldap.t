# LemonLDAP::NG's own session class over this backend: it borrows `populate`,
# brings its own TIEHASH, takes `timeout` away, and depends on how a missing
# session dies.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Fixture::Needs qw(Lemonldap::NG::Common::Session);
use Test::More;

use Lemonldap::NG::Common::Apache::Session;
use Fixture::Backends;
use Fixture::Session;

my $backend = 'Apache::Session::Memorycached';
my $sha256  = 'Lemonldap::NG::Common::Apache::Session::Generate::SHA256';

on_each_backend {
    my ($arguments) = @_;

    my $session = sub {
        my (%how) = @_;
        return Lemonldap::NG::Common::Session->new(
            storageModule        => $backend,
            storageModuleOptions => { %$arguments, ttl => 3600, principal => 'uid' },
            kind                 => 'SSO',
            %how,
        );
    };

    # As LemonLDAP::NG calls its explorers.
    my $explore = sub {
        my ( $method, @rest ) = @_;
        return Lemonldap::NG::Common::Apache::Session->$method( { %$arguments, backend => $backend }, @rest );
    };
    my $now = time;

    my $created = $session->( info => { uid => 'dwho', _utime => $now, groups => { su => 1 } } );
    my $id      = $created->id;
    subtest 'created' => sub {
        is $created->error, undef, 'without an error';
        like $id, qr/^[0-9a-f]{32}$/, 'with an id';
        is $created->kind, 'SSO', 'of its kind';
        my $found = $session->( id => $id );
        is $found->error, undef, 'and found';
        is_deeply $found->data->{groups}, { su => 1 }, 'with its data';
        is $found->data->{_session_kind}, 'SSO', 'and kind';
    };

    subtest 'updated' => sub {
        my $open = $session->( id => $id );
        ok $open->update( { mail => 'dwho@example.com', groups => undef } ), 'stored';
        my $found = $session->( id => $id )->data;
        is $found->{mail}, 'dwho@example.com', 'a new field';
        ok !exists $found->{groups}, 'and one less';
        is $found->{uid}, 'dwho', 'and what was there';
        like $session->( id => $id, kind => 'OIDC' )->error, qr/kind mismatch/, 'a session of another kind is none';
    };

    subtest 'a missing session' => sub {
        my $missing = 'f' x 32;
        my $none    = $session->( id => $missing );
        like $none->error, qr/Object does not exist in the data store/, 'told';
        is_deeply $none->data, {}, 'no data';
        like $session->( id => 'no hex' )->error, qr/Invalid session ID|Object does not exist/,
          'an id that can not be one';
        ok !$session->( id => $missing )->id || $session->( id => $missing )->error, 'is not made by looking';
    };

    subtest 'a forced id' => sub {
        for my $forced ( 'ab' x 16, 'cd' x 32, '0' x 31 . '1' ) {
            my $made =
              $session->( id => $forced, force => 1, kind => 'Persistent', info => { note => 'n', _utime => $now } );
            is $made->error, undef,   "$forced: made";
            is $made->id,    $forced, 'under that id';
            my $again = $session->( id => $forced, force => 1, kind => 'Persistent', info => { more => 1 } );
            is $again->data->{note}, 'n', 'and not a second time';
            is $again->data->{more}, 1,   'but changed';
        }
    };

    subtest 'ids of another generator' => sub {
        Fixture::Needs->import($sha256);
        my $long = $session->(
            storageModuleOptions => { %$arguments, generateModule => $sha256 },
            info                 => { uid => 'sha', _utime => $now }
        );
        is $long->error, undef, 'made';
        like $long->id, qr/^[0-9a-f]{64}$/, '256 bits';
        my $found = $session->( storageModuleOptions => { %$arguments, generateModule => $sha256 }, id => $long->id );
        is $found->data->{uid}, 'sha', 'found';
        ok $found->remove, 'removed';
    };

    subtest 'explored' => sub {
        my @more =
          map { $session->( info => { uid => 'rtyler', ipAddr => "10.0.0.$_", _utime => $now - 100 * $_ } ) } 1 .. 3;
        is_deeply $explore->( 'searchOn', 'uid', 'dwho', 'mail', 'uid' ),
          { $id => { mail => 'dwho@example.com', uid => 'dwho' } },
          'searchOn';
        is_deeply [ sort keys %{ $explore->( 'searchOn', 'uid', 'rtyler', 'uid' ) } ], [ sort map { $_->id } @more ],
          'several';
        is_deeply $explore->( 'searchOnExpr', 'uid', 'd*', 'uid' ), { $id => { uid => 'dwho' } }, 'searchOnExpr';
        is_deeply [ keys %{ $explore->( 'searchLt', '_utime', $now - 250, '_utime' ) } ], [ $more[2]->id ], 'searchLt';
        my $all = $explore->('get_key_from_all_sessions');
        is $all->{$id}{uid}, 'dwho', 'get_key_from_all_sessions';
        is keys %$all,       7,      'all of them';
        my $kinds = $explore->( 'get_key_from_all_sessions', [ '_session_kind', 'uid' ] );
        is_deeply $kinds->{$id}, { _session_kind => 'SSO', uid => 'dwho' }, 'some fields';
        my %seen;
        $explore->(
            'get_key_from_all_sessions',
            sub { my ( $entry, $key ) = @_; $seen{$key} = $entry->{uid}; return }
        );
        is keys %seen, 7,      'a sub sees all';
        is $seen{$id}, 'dwho', 'with their data';
    };

    # What its purgeCentralCache does with a backend that has deleteIfLowerThan.
    subtest 'purged' => sub {
        my $options = { %$arguments, backend => $backend };
        my ( $done, $count ) = $backend->deleteIfLowerThan(
            $options,
            { not => { _session_kind => 'Persistent' }, or => { _utime => $now - 150, _lastSeen => 0 } }
        );
        is $done,  1, 'done';
        is $count, 2, 'two were too old';
        my $left = $explore->( 'get_key_from_all_sessions', '_utime' );
        is keys %$left, 5, 'the others are left';
        ( $done, $count ) = $backend->deleteIfLowerThan(
            $options,
            { not => { _session_kind => 'Persistent' }, or => { _utime => $now + 1 } }
        );
        is $count, 2, 'and now all but those that persist';
        like $session->( id => $id )->error, qr/Object does not exist/, 'which are gone';
    };

    subtest 'removed' => sub {
        my $open = $session->( id => 'ab' x 16, kind => 'Persistent' );
        ok $open->remove, 'done';
        like $session->( id => 'ab' x 16, kind => 'Persistent' )->error, qr/Object does not exist/, 'gone';
        my $again = $session->( id => 'ab' x 16, force => 1, kind => 'Persistent', info => { fresh => 1 } );
        is_deeply [ sort keys %{ $again->data } ], [qw(_session_id _session_kind fresh)], 'and can be made anew';
    };
};

done_testing;
