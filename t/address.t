# Every address that Cache::Memcached takes: a host's name, IPv4, IPv6 in
# brackets, the path of a Unix socket, each alone or with a weight.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs 'memcached';
use Test::More;

use IO::Socket::IP;
use Fixture::Memcached;
use Fixture::Session;

sub works {
    my ( $server, @addresses ) = @_;
    for my $address (@addresses) {
        for my $entry ( $address, [ $address, 3 ] ) {
            my $arguments = { servers => [$entry] };
            my $id        = create( $arguments, a => 1 );
            change( $arguments, $id, sub { $_[0]{a} = 2 } );
            is contents( $arguments, $id )->{a}, 2, ref $entry ? "$address, weight 3" : $address;
            ok $server->item($id), 'on that server';
        }
    }
    return;
}

subtest 'IPv4' => sub {
    my $server = Fixture::Memcached->start;
    works( $server, $server->address, 'localhost:' . $server->port );
};

subtest 'IPv6' => sub {
    if ( !IO::Socket::IP->new( LocalHost => '::1', LocalPort => 0, Listen => 1 ) ) {
        die "no IPv6 on this machine, and CI is set\n" if $ENV{CI};
        plan skip_all => 'no IPv6 on this machine';
    }
    my $server = Fixture::Memcached->start( host => '::1' );
    works( $server, '[::1]:' . $server->port, '[0:0:0:0:0:0:0:1]:' . $server->port );
};

subtest 'Unix socket' => sub {
    my $server = Fixture::Memcached->start( socket => 1 );
    works( $server, $server->address );
};

subtest 'a Unix socket that is not there' => sub {
    ok !eval { contents( { servers => ['/nowhere/memcached.sock'] }, 'ab' x 16 ); 1 }, 'dies';
    like $@, qr{^memcached /nowhere/memcached\.sock: }, 'naming it';
};

subtest 'mixed' => sub {
    my @servers   = ( Fixture::Memcached->start, Fixture::Memcached->start( socket => 1 ) );
    my $arguments = { servers => [ map { $_->address } @servers ] };
    my @ids       = map { create( $arguments, n => $_ ) } 1 .. 50;
    is_deeply [ map { contents( $arguments, $_ )->{n} } @ids ], [ 1 .. 50 ], 'all found';
    ok $_->stats->{curr_items}, 'some on ' . $_->address for @servers;
};

subtest 'a name that does not exist' => sub {
    my $address = 'no-such-host.invalid:11211';
    ok !eval { contents( { servers => [$address] }, 'ab' x 16 ); 1 }, 'dies';
    like $@, qr/^memcached \Q$address\E: /, 'naming it';
};

done_testing;
