# What befalls a real memcached: it is stopped, killed and started again under load, has no
# room for more, or is offered too much (DESIGN §8).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Fixture::Needs 'memcached';
use Test::More;

use Time::HiRes qw(time);
use Fixture::Child;
use Fixture::Memcached;
use Fixture::Session;
use Fixture::Wait;

my %TIMES = ( io_timeout => 0.3, connect_timeout => 0.3 );

# Children that change one session again and again while a block runs, and a second longer.
# Each returns how often it succeeded, how long a change took at most, how often it succeeded
# in that last second, and the errors that it should not have met.
sub under_load {
    my ( $arguments, $block ) = @_;
    my $id = create( $arguments, text => 'x' x 500 );
    pipe my $go_on, my $ended or die "pipe: $!";
    my $expected =
      qr/^(?:memcached \Q$arguments->{servers}[0]\E: |session \w+: (?:is locked|another request|other requests))/;
    my @children = map {
        my $key = "k$_";
        in_fork {
            close $ended;
            my ( $count, $longest, $late, $until, @strange ) = ( 0, 0, 0 );
            while ( !$until || time < $until ) {
                vec( my $bits = '', fileno $go_on, 1 ) = 1;
                $until //= time + 1 if select $bits, undef, undef, 0;
                my $start = time;
                my $error = error_of {
                    tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
                    $session{$key} = { n => $count, text => $key x 100 } if $session{_session_id};
                    untie %session;
                };
                my $took = time - $start;
                $longest = $took if $took > $longest;
                if    ( $error !~ /./ )       { $count++; $late++ if $until }
                elsif ( $error !~ $expected ) { push @strange, $error }
            }
            return sprintf "%d %.3f %d %s", $count, $longest, $late, "@strange";
        };
    } 1 .. 4;
    close $go_on;
    $block->($id);
    close $ended;
    return map { [ split / /, $_->finish, 4 ] } @children;
}

sub all_is_well {
    my ( $limit, @children ) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    for my $child (@children) {
        my ( $count, $longest, $late, $strange ) = @$child;
        cmp_ok $count,   '>', 10,     "$count changes";
        cmp_ok $longest, '<', $limit, "none of them took longer than $limit s";
        cmp_ok $late,    '>', 0,      'in the end they succeed';
        is $strange, '', 'nothing but the server is complained of';
    }
    return;
}

for my $mode ( [ 'merging', 2.5 ], [ 'transactions', 6, Transaction => 1, lock_ttl => 2, lock_timeout => 3 ] ) {
    my ( $name, $limit, @arguments ) = @$mode;

    subtest "$name: stopped and continued, under load" => sub {
        my $server   = Fixture::Memcached->start;
        my @children = under_load(
            { servers => [ $server->address ], %TIMES, @arguments },
            sub {
                for my $seconds ( 0.1, 0.5, 0.02, 0.8 ) {
                    select undef, undef, undef, 0.2;
                    $server->pause;
                    select undef, undef, undef, $seconds;
                    $server->resume;
                }
            }
        );
        all_is_well( $limit, @children );
    };

    subtest "$name: killed and started again, under load" => sub {
        my $server   = Fixture::Memcached->start;
        my @children = under_load(
            { servers => [ $server->address ], %TIMES, @arguments },
            sub {
                for ( 1 .. 4 ) {
                    select undef, undef, undef, 0.2;
                    $server->restart;
                }
            }
        );
        all_is_well( $limit, @children );
    };
}

subtest 'no room for more' => sub {
    my $server    = Fixture::Memcached->start( args => [ '-m', 1, '-M', '-I', '512k' ] );
    my $arguments = { servers => [ $server->address ], %TIMES };
    my $memory    = qr/^memcached \Q${\ $server->address }\E: SERVER_ERROR out of memory/;
    my $text      = 'x' x 20_000;
    my ( @ids, $error );

    # Each class of sizes has a page of its own.
    for my $content ( 'y' x 400_000, $text ) {
        @ids   = ();
        $error = '';
        until_true {
            my $id;
            $error = error_of { $id = create( $arguments, n => scalar @ids, text => $content ) };
            push @ids, $id if $error eq '';
            $error;
        };
    }
    like $error, $memory, 'dies with the words of the server';
    cmp_ok scalar @ids, '>', 5, scalar(@ids) . ' sessions had room';
    my $is_whole = sub {
        my $stored = eval { contents( $arguments, $_[0] ) } // {};
        ( $stored->{text} // '' ) eq $text;
    };
    is scalar( grep { $is_whole->($_) } @ids ), scalar @ids, 'they are still there';

    tie my %session, 'Apache::Session::Memorycached', $ids[0], $arguments;
    $session{more} = 'y' x 400_000;
    like error_of { tied(%session)->save }, $memory, 'a save that needs more room dies';

    # memcached removes the old value first, so that nobody reads what is out of date.
    ok $is_whole->( $ids[0] ) || !%{ contents( $arguments, $ids[0] ) }, 'the old value is there as a whole, or gone';
    delete $session{more};
    $session{n} = 'small';

    # For a moment memcached 1.6.18 may still say that it has no room, though the old value is gone.
    until_true {
        $error = error_of { tied(%session)->save };
        $error eq ''
    };
    is $error, '', 'the session can be saved when it is small again';
    untie %session;
    is contents( $arguments, $ids[0] )->{n}, 'small', 'it is';

    tie %session, 'Apache::Session::Memorycached', $ids[1], $arguments;
    is error_of { tied(%session)->delete }, '', 'deleting needs no room';
    untie %session;
    is_deeply contents( $arguments, $ids[1] ), {}, 'it is gone';
    is scalar( grep { $is_whole->($_) } @ids[ 2 .. $#ids ] ), @ids - 2, 'the others are still there';

    my $locking = { %$arguments, Transaction => 1, lock_ttl => 2 };
    tie %session, 'Apache::Session::Memorycached', $ids[2], $locking;
    $session{more} = 'y' x 400_000;
    like error_of { untie %session }, $memory, 'a transaction that needs more room dies';
    tied(%session)->{status} = 0;
    untie %session;
    my $took = elapsed { contents( $locking, $ids[2] ) };
    is $@, '', 'the next one has the lock';
    cmp_ok $took, '<', 2.5, 'after lock_ttl at the latest';
};

subtest 'larger than an item may be' => sub {
    my $server    = Fixture::Memcached->start( args => [ '-I', '512k' ] );
    my $arguments = { servers => [ $server->address ], %TIMES };
    my $refused   = qr/^session \w+: has \d+ bytes, larger than the 524288 bytes that memcached /;
    for my $mode ( {}, { Transaction => 1 } ) {
        my $how = %$mode ? ', in a transaction' : '';
        my $id  = create( $arguments, a => 'before' );
        tie my %session, 'Apache::Session::Memorycached', $id, { %$arguments, %$mode };
        $session{a}    = 'after';
        $session{text} = 'x' x 5250_000;
        like error_of { tied(%session)->save }, $refused, "dies with both sizes$how";
        is contents( $arguments, $id )->{a}, 'before', 'the old value stays';
        delete $session{text};
        is error_of { untie %session },      '',      'what is left can be saved';
        is contents( $arguments, $id )->{a}, 'after', 'it is';
        is error_of {
            change( { %$arguments, %$mode }, $id, sub { } )
        }, '', 'nothing is locked';
        like error_of { create( { %$arguments, %$mode }, text => 'x' x 5250_000 ) }, $refused, "a new session$how";
    }

    my $id = create( $arguments, map { $_ => 'x' x 250_000 } qw(a) );
    tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
    change( $arguments, $id, sub { $_[0]{theirs} = 'y' x 250_000 } );
    $session{ours} = 'z' x 250_000;
    like error_of { tied(%session)->save }, $refused, 'too large when it is merged';
    tied(%session)->{status} = 0;
    untie %session;
    is_deeply [ sort keys %{ contents( $arguments, $id ) } ], [qw(_session_id a theirs)], "the other's change stays";
};

done_testing;
