# What a listing sees and what it passes over: other namespaces, what is no
# session, what was stored a moment ago, what can't be read, what lies on the wrong server.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Fixture::Needs 'memcached';
use Test::More;

use Digest::MD5 qw(md5_hex);
use Storable    qw(nfreeze);
use Fixture::Backends;
use Fixture::Memcached;
use Fixture::Session;

my $class = 'Apache::Session::Memorycached';

sub ids {
    my ( $arguments, $counted ) = @_;
    my @ids;
    my $report = $class->for_each_session( $arguments, ['_session_id'], sub { push @ids, $_[1] } );
    %$counted = %$report if $counted;
    return [ sort @ids ];
}

on_each_backend {
    my ( $arguments, $server ) = @_;

    subtest 'a namespace' => sub {
        my %in = map { $_ => { %$arguments, namespace => $_ } } qw(app: apps: b);
        my %id = map { $_ => create( $in{$_}, n => 1 ) } keys %in;
        is_deeply ids( $in{$_} ),                                        [ $id{$_} ],             $_ for sort keys %in;
        is_deeply [ keys %{ $class->searchOn( $in{'app:'}, 'n', 1 ) } ], [ $id{'app:'} ],         'ids are without it';
        is_deeply [ $class->deleteIfLowerThan( $in{'app:'}, { or => { n => 2 } } ) ], [ 1, 1 ],   'deleted in it';
        is_deeply ids( $in{b} ),                                                      [ $id{b} ], 'and not elsewhere';
        $class->deleteIfLowerThan( $_, { or => { n => 2 } } ) for values %in;
    };

    subtest 'what is no session' => sub {
        my $mine = { %$arguments, namespace => 'mine:', principal => 'uid' };
        my @ids  = map { create( $mine, uid => "u$_" ) } 1 .. 3;
        tie my %locked, $class, $ids[0], { %$mine, Transaction => 1 };
        tie my %gone, $class, $ids[1], $mine;
        tied(%gone)->delete;
        untie %gone;
        my %counted;
        is_deeply ids( $mine, \%counted ), [ sort @ids[ 0, 2 ] ], 'is not listed';
        is $counted{sessions}, 2, 'two sessions';
        is $counted{deleted},  1, 'one deleted';
        is $counted{others},   3, 'two records and a lock';
        untie %locked;
    };

    subtest 'stored a moment ago' => sub {
        my $mine = { %$arguments, namespace => 'now:' };
        my @ids;
        for ( 1 .. 100 ) {
            push @ids, create( $mine, n => $_ );
            is_deeply ids($mine), [ sort @ids ], "$_ sessions" or last;
        }
    };

    subtest 'nothing is changed by looking' => sub {
        my $mine = { %$arguments, namespace => 'look:', timeout => 1000, sliding => 1 };
        my $id   = create( $mine, a => 1 );
        return pass 'expiries are seen on memcached' if !$server;
        $server->expire_in( "look:$id", 100 );
        my $before = $server->item("look:$id");
        ids($mine);
        $class->searchOn( $mine, 'a', 1 );
        my $after = $server->item("look:$id");
        cmp_ok $after->{ttl}, '<=', 100, 'the expiry';
        is $after->{cas}, $before->{cas}, 'the version';
    };
};

my $server    = Fixture::Memcached->start;
my $arguments = { servers => [ $server->address ] };

subtest 'what can not be read' => sub {
    my $good = create( $arguments, uid => 'good' );
    $server->set( 'bad1',  "\x05\x0b\x03\0\0\0\x02cut",                      flags => 1 );
    $server->set( 'bad2',  'not gzip',                                       flags => 3 );
    $server->set( 'bad3',  'secret',                                         flags => 9 );
    $server->set( 'bad4',  '{"uid":"json"}',                                 flags => 32 );
    $server->set( 'bad5',  nfreeze( ['no hash'] ),                           flags => 1 );
    $server->set( 'bad6',  nfreeze( { uid => bless [], 'Local::Refused' } ), flags => 1 );
    $server->set( 'plain', 'something else',                                 flags => 0 );
    my $strict = { %$arguments, classes => [] };

    for my $call (
        [
            for_each_session => sub {
                $class->for_each_session( $strict, ['uid'], sub { } );
            }
        ],
        [ searchOn      => sub { $class->searchOn( $strict, 'uid', 'good', 'uid' ) } ],
        [ 'all of each' => sub { $class->get_key_from_all_sessions($strict) } ],
      )
    {
        my ( $name, $work ) = @$call;
        my @told = warnings_of { $work->() };
        @told = sort @told;
        my @expected = (
            qr/^session bad1: not a Storable value at byte \d+: expected .*, found/,
            qr/^session bad2: damaged gzip data/,
            qr/^session bad3: is encrypted, no secret given/,
            qr/^session bad4: was stored by another serializer/,
qr/^session bad5: (?:not a Storable value at byte 2: expected a hash|its value is frozen, but is not a hash)/,
            qr/^session bad6: class Local::Refused is not allowed by classes/,
        );

        # What a search does not look at can't be refused.
        pop @expected if $name eq 'searchOn';
        is scalar @told, scalar @expected, "$name: as many warnings" or diag explain \@told;
        like $told[$_], $expected[$_], "$name: $told[$_]" for 0 .. $#expected;
    }
    my ( $found, %counted );
    warnings_of {
        %counted = %{ $class->for_each_session( $strict, ['uid'], sub { $found .= $_[1] } ) }
    };
    is $found,               $good, 'the good one is listed';
    is $counted{unreadable}, 6,     'the others are counted';
    is $counted{others},     1,     'what is no session apart from them';

    $server->set( "worse$_", 'x', flags => 1 ) for 1 .. 20;
    my @told = warnings_of { $class->searchOn( $strict, 'uid', 'good' ) };
    is scalar @told, 11, 'ten are told, and how many more';
    like $told[-1], qr/^15 more sessions can't be read/, 'those';
    $server->flush;
};

subtest 'what lies on another server' => sub {
    my @servers = map { Fixture::Memcached->start } 1 .. 2;
    my ( $one, $two, $both ) = map {
        { servers => [ map { $_->address } @$_ ] }
    } [ $servers[0] ], [ $servers[1] ], \@servers;
    create( $_, n => 1 ) for ( $one, $two ) x 20;
    my %counted;
    my $ids = ids( $both, \%counted );
    is @$ids + $counted{misplaced}, 40, 'is counted';
    is_deeply [ grep { !%{ contents( $both, $_ ) } } @$ids ], [], 'what is listed is found';
};

subtest 'a server that is down' => sub {
    my @servers = map { Fixture::Memcached->start } 1 .. 2;
    my $both    = { servers => [ map { $_->address } @servers ], connect_timeout => 1 };
    my @ids     = map { create( $both, n => $_ ) } 1 .. 20;
    my $all     = ids($both);
    is_deeply $all, [ sort @ids ], 'both are up';
    my $down = $servers[1]->address;
    $servers[1]->crash;
    like error_of { ids($both) }, qr/^memcached \Q$down\E: can't connect: /, 'an error, by its name';
    my $left;
    my @told = warnings_of { $left = ids( { %$both, on_error => 'warn' } ) };
    like $told[0], qr/^memcached \Q$down\E: can't connect: .*; its sessions are not listed/, 'or a warning';
    cmp_ok scalar @$left, '<', 20, 'without its sessions';
    create( $both, n => 21 ) for 1 .. 10;
    my $more;
    warnings_of { $more = ids( { %$both, on_error => 'warn' } ) };
    is scalar @$more, @$left + 10, 'and with those that went elsewhere meanwhile';
};

done_testing;
