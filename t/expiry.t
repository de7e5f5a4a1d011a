# `timeout` and its other name `ttl`: seconds from now, at every write, also
# over 30 days, where memcached alone would take them for a date in 1970.
# `sliding`: reading renews, in the same command.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs 'memcached';
use Test::More;

use File::Temp ();
use Fixture::Memcached;
use Fixture::Session;
use Fixture::Wait;

my $server = Fixture::Memcached->start;
my $plain  = { servers => [ $server->address ] };
my $DAY    = 86_400;

sub left { return $server->item( $_[0] )->{ttl} }

# The server's clock ticks once a second, and late when the machine is busy.
sub is_about {
    my ( $got, $expected, $name ) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return ok( abs( $got - $expected ) < 10, $name )
      || diag "$got s left, expected $expected s";
}

for my $name (qw(timeout ttl)) {
    subtest $name => sub {
        for my $seconds ( 60, '300', 30 * $DAY, 30 * $DAY + 1, 90 * $DAY, 3650 * $DAY ) {
            my $id = create( { %$plain, $name => $seconds } );
            is_about left($id), $seconds, "$seconds s";
        }
        for my $never ( undef, 0, '' ) {
            my $id = eval { create( { %$plain, $name => $never } ) };
            is $id ? left($id) : $@, -1, 'never: ' . ( defined $never ? "'$never'" : 'undef' );
        }
    };
}

subtest 'less than a second' => sub {
    my $id = eval { create( { %$plain, timeout => 0.5 } ) };
    ok !$id || !$server->item($id) || left($id) >= 0, 'is not taken for never';
};

subtest 'every write gives it anew' => sub {
    my $arguments = { %$plain, timeout => 300 };
    my $id        = create( $arguments, a => 1 );
    $server->expire_in( $id, 20 );
    change( $arguments, $id, sub { $_[0]{a} = 2 } );
    is_about left($id), 300, 'renewed by a change';

    $server->expire_in( $id, 20 );
    contents( $arguments, $id );
    is_about left($id), 20, 'not by reading';
};

subtest 'sliding' => sub {
    my $arguments = { %$plain, timeout => 300, sliding => 1 };
    my $id        = create( $arguments, a => 1 );
    $server->expire_in( $id, 20 );
    my $counted = $server->counted( sub { contents( $arguments, $id ) } );
    is_about left($id), 300, 'renewed by reading';
    is $counted->{commands}, 1, 'in one command';
    is $counted->{cmd_set},  0, 'without a write';

    my $long = { %$arguments, timeout => 90 * $DAY };
    contents( $long, $id );
    is_about left($id), 90 * $DAY, 'over 30 days, too';

    contents( { %$plain, sliding => 1 }, $id );
    is_about left($id), 90 * $DAY, 'without a timeout nothing is changed';
};

subtest 'an expired session' => sub {
    my $dir = File::Temp->newdir;
    for my $store ( $server->address, "embedded:$dir/sessions" ) {
        my $arguments = { servers => [$store], timeout => 1 };
        my $id        = create( $arguments, a => 1 );
        is contents( $arguments, $id )->{a}, 1, 'is there at first';
        ok until_true { !keys %{ contents( $arguments, $id ) } }, 'is empty later';
    }
};

subtest 'sliding keeps a session alive on the embedded store' => sub {
    my $dir   = File::Temp->newdir;
    my %store = ( servers => ["embedded:$dir/sessions"] );
    my $id    = create( { %store, timeout => 1 }, a => 1 );
    contents( { %store, timeout => 300, sliding => 1 }, $id );
    my $other = create( { %store, timeout => 1 } );
    ok until_true { !keys %{ contents( \%store, $other ) } }, 'one expires';
    is contents( \%store, $id )->{a}, 1, 'the other one, read, lives on';
};

subtest 'a session that expired while it was open is written anew' => sub {
    my $arguments = { %$plain, timeout => 300 };
    my $id        = create( $arguments, a => 1, b => 2 );
    tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
    $session{a} = 'changed';
    ok $server->delete($id), 'gone';
    untie %session;
    is_deeply contents( $arguments, $id ), { _session_id => $id, a => 'changed', b => 2 },
      'whole';
    is_about left($id), 300, 'with an expiry';
};

done_testing;
