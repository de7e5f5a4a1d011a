# Every method, on one memcached, on three, and on the embedded store: what it
# finds, what it leaves out, and that it answers as Apache::Session::Browseable.

use strict;
use warnings;
use utf8;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Test::More;

use File::Temp ();
use Fixture::Memcached;
use Fixture::Needs ();
use Fixture::Session;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

my $class = 'Apache::Session::Memorycached';

my @SESSIONS = (
    { uid  => 'dwho',   mail => 'dwho@example.com',    n => 5,    groups => [ 'a', { b => 1 } ] },
    { uid  => 'dwho',   mail => 'other@example.com',   n => 50,   nick   => undef },
    { uid  => 'rtyler', mail => 'rose@example.org',    n => '7',  nick   => 'rose' },
    { uid  => 'ö☺',     mail => 'o.smile@example.com', n => -1.5, object => bless( { x => [1] }, 'Local::Thing' ) },
    { uid  => 'é',      mail => "caf\xe9",             n => 'many' },
    { mail => 'nobody@example.com' },
);

sub on_all {
    my ($block) = @_;
    my $dir = File::Temp->newdir;
    subtest embedded => sub { $block->( { servers => ["embedded:$dir/sessions"] } ) };
    for my $count ( 1, 3 ) {
        subtest "$count memcached" => sub {
            Fixture::Needs->import('memcached');
            my @servers = map { Fixture::Memcached->start } 1 .. $count;
            $block->( { servers => [ map { $_->address } @servers ] }, @servers );
        };
    }
    return;
}

on_all sub {
    my ($arguments) = @_;
    my @ids         = map { create( $arguments, %$_ ) } @SESSIONS;
    my %all         = map { $ids[$_] => { %{ $SESSIONS[$_] }, _session_id => $ids[$_] } } 0 .. $#ids;

    # Of the sessions with these numbers, these fields.
    my $of = sub {
        my ( $numbers, @fields ) = @_;
        my %wanted = map { $_ => $all{$_} } @ids[@$numbers];
        return \%wanted if !@fields;
        return {
            map {
                my $id = $_;
                $id => { map { $_ => $wanted{$id}{$_} } @fields }
            } keys %wanted
        };
    };

    subtest get_key_from_all_sessions => sub {
        is_deeply( $class->get_key_from_all_sessions($arguments), \%all, 'everything' );
        is_deeply( $class->get_key_from_all_sessions( $arguments, undef ), \%all, 'with undef' );
        is_deeply( $class->get_key_from_all_sessions( $arguments, [] ),    \%all, 'with no fields' );
        my @numbers = 0 .. $#ids;
        is_deeply( $class->get_key_from_all_sessions( $arguments, 'uid' ), $of->( \@numbers, 'uid' ), 'one field' );
        for my $fields ( [ 'uid', 'nick' ], ['groups'], [ 'object', 'n' ], [ '_session_id', 'missing' ] ) {
            is_deeply(
                $class->get_key_from_all_sessions( $arguments, $fields ),
                $of->( \@numbers, @$fields ), "fields @$fields"
            );
        }
        is_deeply(
            $class->get_key_from_all_sessions( $arguments, 'uid', 'n' ),
            $of->( \@numbers, 'uid', 'n' ), 'fields in a list'
        );
        is_deeply(
            $class->get_key_from_all_sessions(
                $arguments, sub { my ( $session, $id ) = @_; return "$id $session->{mail}" }
            ),
            { map { $_ => "$_ $all{$_}{mail}" } @ids },
            'what a sub returns'
        );
        is_deeply( $class->get_key_from_all_sessions( $arguments, sub { return } ), {}, 'and not when that is undef' );
    };

    subtest searchOn => sub {
        is_deeply( $class->searchOn( $arguments, 'uid', 'dwho' ), $of->( [ 0, 1 ] ), 'all sessions of a user' );
        is_deeply(
            $class->searchOn( $arguments, 'uid', 'dwho', 'n', 'nick' ), $of->( [ 0, 1 ], 'n', 'nick' ),
            'some fields'
        );
        is_deeply( $class->searchOn( $arguments, 'n',    7 ),      $of->( [2] ), 'a number that is a string' );
        is_deeply( $class->searchOn( $arguments, 'n',    -1.5 ),   $of->( [3] ), 'a fraction' );
        is_deeply( $class->searchOn( $arguments, 'uid',  'ö☺' ),   $of->( [3] ), 'wide characters' );
        is_deeply( $class->searchOn( $arguments, 'mail', 'café' ), $of->( [4] ), 'bytes and the same characters' );
        my $downgraded = 'é';
        utf8::downgrade($downgraded);
        is_deeply( $class->searchOn( $arguments, 'uid', $downgraded ), $of->( [4] ), 'characters and the same bytes' );

        for my $case (
            [ 'uid', '' ], [ 'nick', '' ], [ 'uid', 'dwh' ], [ 'groups', 'ARRAY' ], [ 'missing', 1 ],
            [ 'uid', undef ]
          )
        {
            my ( $field, $value ) = @$case;
            is_deeply( $class->searchOn( $arguments, $field, $value ), {}, "nothing: $field " . ( $value // 'undef' ) );
        }
        is_deeply( $class->searchOn( $arguments, '_session_id', $ids[2], 'uid' ), $of->( [2], 'uid' ), 'by id' );
    };

    subtest searchOnExpr => sub {
        my %cases = (
            'dwho'     => [ 0, 1 ],
            'dwho*'    => [ 0, 1 ],
            '*'        => [ 0 .. 4 ],
            '*who'     => [ 0, 1 ],
            'r*l*r'    => [2],
            'r*r*r'    => [],
            '*dwho*'   => [ 0, 1 ],
            'd.ho'     => [],
            'DWHO'     => [],
            '*☺'       => [3],
            ''         => [],
            'dwho*who' => [],
        );
        for my $pattern ( sort keys %cases ) {
            is_deeply(
                $class->searchOnExpr( $arguments, 'uid', $pattern, 'uid' ), $of->( $cases{$pattern}, 'uid' ),
                "'$pattern'"
            );
        }
        is_deeply(
            $class->searchOnExpr( $arguments, 'mail', '*@example.com' ), $of->( [ 0, 1, 3, 5 ] ),
            'whole sessions'
        );
        is_deeply( $class->searchOnExpr( $arguments, 'n',    '5*' ), $of->( [ 0, 1 ] ), 'numbers' );
        is_deeply( $class->searchOnExpr( $arguments, 'nick', '*' ),  $of->( [2] ),      'undef is like nothing' );
    };

    subtest searchLt => sub {
        is_deeply( $class->searchLt( $arguments, 'n', 7, 'n' ), $of->( [ 0, 3 ], 'n' ), 'less, not equal' );
        is_deeply( $class->searchLt( $arguments, 'n', '7.5' ), $of->( [ 0, 2, 3 ] ), 'a fraction' );
        is_deeply(
            $class->searchLt( $arguments, 'n', 1e9, 'uid' ), $of->( [ 0 .. 3 ], 'uid' ),
            'what is no number is not less'
        );
        like error_of { $class->searchLt( $arguments, 'n', 'soon' ) }, qr/takes a number to compare with, not 'soon'/,
          'nor to compare with';
    };

    subtest for_each_session => sub {
        my %seen;
        my $counted =
          $class->for_each_session( $arguments, undef, sub { my ( $session, $id ) = @_; $seen{$id} = $session } );
        is_deeply( \%seen, \%all, 'whole sessions, to keep' );
        is $counted->{sessions},   6, 'counted';
        is $counted->{unreadable}, 0, 'all read';
        %seen = ();
        $class->for_each_session(
            $arguments, [ 'uid', 'n' ],
            sub { my ( $session, $id ) = @_; $seen{$id} = $session }
        );
        is_deeply( \%seen, $of->( [ 0 .. 5 ], 'uid', 'n' ), 'fields' );
        like error_of { $class->for_each_session( $arguments, ['uid'] ) },
          qr/takes arguments, fields or undef, and a sub/, 'without a sub';
    };

    subtest deleteIfLowerThan => sub {
        is_deeply [ $class->deleteIfLowerThan( $arguments, {} ) ], [0], 'a rule that says nothing';
        is_deeply [ $class->deleteIfLowerThan( $arguments, { not => { uid => 'dwho' } } ) ], [0], 'nor what else';
        is keys %{ $class->get_key_from_all_sessions( $arguments, 'uid' ) }, 6, 'nothing is deleted';
        is_deeply [
            $class->deleteIfLowerThan( $arguments, { not => { uid => 'rtyler' }, or => { n => 8, age => 5 } } ) ],
          [ 1, 2 ], 'two are';
        is_deeply( $class->get_key_from_all_sessions( $arguments, 'n' ), $of->( [ 1, 2, 4, 5 ], 'n' ), 'those' );
        is_deeply( contents( $arguments, $ids[0] ),                      {},                           'really' );
        is scalar( $class->deleteIfLowerThan( $arguments, { and => { n => 8, age => 5 } } ) ), 1,
          'all of several conditions';
        is keys %{ $class->get_key_from_all_sessions( $arguments, 'uid' ) }, 4, 'which nothing meets';
        is_deeply [ $class->deleteIfLowerThan( $arguments, { or => { n => 100 }, not => { nick => 'x' } } ) ],
          [ 1, 1 ], 'what has no such field is kept';
        ok !%{ contents( $arguments, $ids[2] ) }, 'and what has another value is not';
    };
};

subtest 'the principal is an index' => sub {
    on_all sub {
        my ( $plain, @servers ) = @_;
        my $arguments = { %$plain, principal => 'uid' };
        my @ids       = map { create( $arguments, uid => 'dwho', n => $_ ) } 1 .. 2;
        create( $arguments, uid => 'rtyler' );
        is $class->id_for_principal( 'dwho',   $arguments ), $ids[1], 'the session that was saved last';
        is $class->id_for_principal( 'dwho',   $plain ),     $ids[1], 'also without the name of the field';
        is $class->id_for_principal( 'nobody', $arguments ), undef,   'nobody';
        is $class->id_for_principal( undef,    $arguments ), undef,   'undef';

        is_deeply [ sort keys %{ $class->searchOn( $arguments, 'uid', 'dwho' ) } ], [ sort @ids ],
          'a search finds all of their sessions, and not only the one in the index';
        my $unique = { %$arguments, principal_unique => 1 };
        my $search = sub { return $class->searchOn( $unique, 'uid', 'dwho', 'n' ) };
        is_deeply( $search->(), { $ids[1] => { n => 2 } }, 'unless there is but one' );
        if (@servers) {
            my $crawls = sub { my $sum = 0; $sum += $_->stats->{lru_crawler_starts} for @servers; return $sum };
            my $before = $crawls->();
            $search->() for 1 .. 50;
            cmp_ok $crawls->() - $before, '<', 50, 'no list is asked for';
        }

        change( $arguments, $ids[1], sub { $_[0]{uid} = 'other' } );
        is $class->id_for_principal( 'dwho', $arguments ), undef, 'a record that is out of date leads nowhere';
        is_deeply( $search->(), { $ids[0] => { n => 1 } }, 'and the search looks at all sessions' );
        is_deeply [ $class->deleteIfLowerThan( $arguments, { or => { n => 10 } } ) ], [ 1, 2 ], 'deleted';
        is $class->id_for_principal( 'other', $arguments ), undef, 'with its record';
    };
};

subtest 'as Apache::Session::Browseable' => sub {
    if ( !Fixture::Needs::has('Apache::Session::Browseable::File') ) {
        die "Apache::Session::Browseable is missing, and CI is set\n" if $ENV{CI};
        plan skip_all => 'Apache::Session::Browseable is not installed';
    }
    my $peer = 'Apache::Session::Browseable::File';
    my $dir  = File::Temp->newdir;
    mkdir "$dir/$_" or die $! for qw(files locks);
    my $theirs = { Directory => "$dir/files", LockDirectory => "$dir/locks" };
    my $ours   = { servers   => ["embedded:$dir/sessions"] };

    # Plain sessions, which JSON can hold.
    for my $n ( 1 .. 20 ) {
        my %content = ( uid => 'u' . $n % 3, n => $n, list => [ 1, $n ], $n % 2 ? ( odd => "x$n" ) : ( odd => '' ) );
        create( $ours, %content );
        tie my %session, $peer, undef, $theirs;
        @session{ keys %content } = values %content;
        untie %session;
    }

    # Ids differ: the sessions by their number.
    my $by_number = sub {
        my ($found) = @_;
        return { map { delete $_->{_session_id}; $_->{n} => $_ } values %$found };
    };
    local $SIG{__WARN__} = sub { };
    my @calls = (
        ['get_key_from_all_sessions'],
        [ 'get_key_from_all_sessions', [ 'n', 'uid', 'list' ] ],
        [ 'get_key_from_all_sessions', [ 'n', 'missing' ] ],
        [ 'get_key_from_all_sessions', 'n' ],
        [ 'searchOn',                  'uid', 'u1' ],
        [ 'searchOn',                  'uid', 'u1', 'n', 'odd' ],
        [ 'searchOn',                  'n',   3,    'n' ],
        [ 'searchOn',                  'uid', 'nobody' ],
        [ 'searchOnExpr',              'uid', 'u*' ],
        [ 'searchOnExpr',              'odd', 'x1*', 'n', 'odd' ],
        [ 'searchOnExpr',              'odd', '',    'n' ],
    );
    for my $call (@calls) {
        my ( $method, @rest ) = @$call;
        is_deeply(
            $by_number->( $class->$method( $ours, map { ref $_ ? [@$_] : $_ } @rest ) ),
            $by_number->( $peer->$method( $theirs, map { ref $_ ? [@$_] : $_ } @rest ) ),
            join ' ', $method, map { ref $_ ? "@$_" : $_ } @rest
        );
    }
};

done_testing;
