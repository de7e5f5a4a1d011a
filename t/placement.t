# Each session is on the server where Cache::Memcached looks for it, whatever
# the number of servers, their weights, the namespace, and which are dead.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 240;
use Fixture::Needs qw(memcached Cache::Memcached Cache::Memcached::Fast);
use Test::More;

use Fixture::Memcached;
use Fixture::Port    qw(free_port);
use Fixture::Session qw(create contents);

my $SESSIONS = 10_000;
my @servers  = map { Fixture::Memcached->start } 1 .. 7;
my $dead     = '127.0.0.1:' . free_port();
my @weights  = ( 1, 3, 2, 1, 5, 1, 2 );

sub layout {
    my ( $count, $weighted ) = @_;
    return map {
        my $address = $servers[$_]->address;
        $weighted && $weights[$_] > 1 ? [ $address, $weights[$_] ] : $address;
    } 0 .. $count - 1;
}

# Cache::Memcached::Fast has another spelling for a weight.
sub fast {
    my @list = @_;
    return map { ref $_ ? { address => $_->[0], weight => $_->[1] } : $_ } @list;
}

sub flush { $_->flush for @servers; return }

sub ids {
    my ( $count, $salt ) = @_;
    return map { sprintf '%08x%08x%08x%08x', $salt, $_, $_ * 2_654_435_761 % 2**32, $_ } 1 .. $count;
}

sub missing {
    my ( $client, @ids ) = @_;
    my $missing = 0;
    while ( my @some = splice @ids, 0, 500 ) {
        my $found = $client->get_multi(@some);
        $missing += grep { ( $found->{$_}{_session_id} // '' ) ne $_ } @some;
    }
    return $missing;
}

sub both_ways {
    my ( $arguments, $count, %clients ) = @_;
    flush();
    my @ours = map { create($arguments) } 1 .. $count;
    is missing( $clients{$_}, @ours ), 0, "$_ finds all of $count that we wrote" for sort keys %clients;

    my $salt = 0;
    for my $name ( sort keys %clients ) {
        flush();
        my @theirs = ids( $count, ++$salt );
        $clients{$name}->set( $_, { _session_id => $_ } ) for @theirs;
        my $lost = grep { !keys %{ contents( $arguments, $_ ) } } @theirs;
        is $lost, 0, "we find all of $count that $name wrote";
    }
    return;
}

for my $case ( [ 1, 0 ], [ 2, 1 ], [ 3, 1 ], [ 7, 0 ], [ 7, 1 ] ) {
    my ( $count, $weighted ) = @$case;
    my @list = layout( $count, $weighted );
    subtest "$count servers" . ( $weighted ? ', weighted' : '' ) => sub {
        my $number = "$count$weighted" =~ /^(?:10|21|31|71)$/ ? $SESSIONS : 1_000;
        both_ways(
            { servers => \@list },
            $number,
            'Cache::Memcached'       => Cache::Memcached->new( { servers => \@list } ),
            'Cache::Memcached::Fast' => Cache::Memcached::Fast->new( { servers => [ fast(@list) ] } ),
        );
        my $used = grep { $_->stats->{curr_items} } @servers;
        is $used, $count, 'all servers are used';
    };
}

subtest 'with a namespace, which takes no part in the choice' => sub {
    my @list   = layout( 3, 1 );
    my %common = ( namespace => 'app:' );
    both_ways(
        { servers => \@list, %common },
        2_000,
        'Cache::Memcached'       => Cache::Memcached->new( { servers => \@list, %common } ),
        'Cache::Memcached::Fast' => Cache::Memcached::Fast->new( { servers => [ fast(@list) ], %common } ),
    );
};

subtest 'ketama_points: where Cache::Memcached::Fast looks with it' => sub {
    for my $case ( [ 2, 0, 150 ], [ 3, 1, 150 ], [ 7, 1, 1 ], [ 7, 1, 40 ] ) {
        my ( $count, $weighted, $points ) = @$case;
        my @list   = layout( $count, $weighted );
        my %common = ( ketama_points => $points, namespace => 'app:' );
        both_ways(
            { servers => \@list, %common },
            $count == 3 ? $SESSIONS : 1_000,
            'Cache::Memcached::Fast' => Cache::Memcached::Fast->new( { servers => [ fast(@list) ], %common } ),
        );
        cmp_ok scalar( grep { $_->stats->{curr_items} } @servers ), '>', 1, "$points points, and more than one is used";
    }

    # The path of a socket is a host without a port there.
    my @sockets = map { Fixture::Memcached->start( socket => 1 ) } 1 .. 2;
    my %common  = ( servers => [ map { $_->address } @sockets, $servers[0] ], ketama_points => 150 );
    both_ways( {%common}, 500, 'Cache::Memcached::Fast' => Cache::Memcached::Fast->new( {%common} ) );
};

subtest 'ketama_points: a server that dies leaves the sessions of the others where they are' => sub {
    my @list      = layout( 3, 0 );
    my %arguments = ( ketama_points => 150, connect_timeout => 0.25 );
    flush();
    my @ids  = map  { create( { %arguments, servers => [ @list, $dead ], no_rehash => 0 } ) } 1 .. 400;
    my $lost = grep { !keys %{ contents( { %arguments, servers => \@list }, $_ ) } } @ids;
    is $lost, 0, 'those that it had went to where they are without it';
};

# Cache::Memcached::Fast documents that it doesn't look elsewhere.
subtest 'one of the servers is dead: the next in the walk takes its sessions' => sub {
    for my $count ( 2, 3, 7 ) {
        my @list = ( ( layout( $count, 1 ) )[ 1 .. $count - 1 ], [ $dead, 2 ] );
        both_ways(
            { servers => \@list }, $count == 3 ? $SESSIONS : 1_000,
            'Cache::Memcached' => Cache::Memcached->new( { servers => \@list } )
        );
    }
};

subtest 'no_rehash: sessions of a dead server are an error, not elsewhere' => sub {
    my @list   = ( layout( 1, 0 ), $dead );
    my $client = Cache::Memcached->new( { servers => \@list, no_rehash => 1 } );
    my ( $agree, $failed, $found ) = ( 0, 0, 0 );
    flush();
    for my $id ( ids( 200, 9 ) ) {
        my $stored = $client->set( $id, { _session_id => $id } );
        my $read   = eval { contents( { servers => \@list, no_rehash => 1 }, $id ); };
        $agree++  if !!$stored eq !!( $read && keys %$read );
        $found++  if $read;
        $failed++ if !$read && $@ =~ /^memcached \Q$dead\E: /;
    }
    is $agree, 200, 'the same ones as with Cache::Memcached';
    cmp_ok $found,  '>', 20, 'some are found';
    cmp_ok $failed, '>', 20, 'some are the error of the dead server';
};

done_testing;
