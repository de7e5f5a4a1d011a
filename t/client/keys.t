# each_key: all keys with a prefix, on one server, on several, and on the embedded
# store, while the code that sees them does as it likes.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs 'memcached';
use Test::More;

use Apache::Session::Memorycached::Client;
use File::Temp ();
use Fixture::Memcached;
use Fixture::Port    qw(free_port);
use Fixture::Session qw(warnings_of error_of);

my $class   = 'Apache::Session::Memorycached::Client';
my $dir     = File::Temp->newdir;
my @servers = map { Fixture::Memcached->start } 1 .. 4;
my %stores  = (
    'the embedded store' => ["embedded:$dir/sessions"],
    'one server'         => [ $servers[0]->address ],
    'three servers'      => [ map { $_->address } @servers[ 1 .. 3 ] ],
);

sub keys_of {
    my ( $memd, $prefix ) = @_;
    my @keys;
    my $count = $memd->each_key( $prefix, sub { push @keys, @_ } );
    is $count, scalar @keys, 'as many as it says';
    return [ sort @keys ];
}

for my $store ( sort keys %stores ) {
    subtest $store => sub {
        my $memd  = $class->new( servers => $stores{$store} );
        my $other = $class->new( servers => $stores{$store}, namespace => 'ns:' );
        is_deeply keys_of( $memd, '' ), [], 'none';
        my %values = map { ( "a:$_" => $_ ) } 1 .. 500;
        $memd->set( $_ => $values{$_} ) for keys %values;
        $memd->set( $_ => 1 ) for 'b:1', 'a', "percent%20plus+", "caf\xe9:1";
        $other->set( 'a:other' => 1 );
        is_deeply keys_of( $memd,  'a:' ),       [ sort keys %values ], 'those of a prefix, each once';
        is_deeply keys_of( $memd,  'percent' ),  ["percent%20plus+"],   'with what the servers encode';
        is_deeply keys_of( $memd,  "caf\xe9" ),  ["caf\xe9:1"],         'and bytes above 127';
        is_deeply keys_of( $memd,  'nothing:' ), [],                    'of none';
        is_deeply keys_of( $other, 'a:' ),       ['a:other'],           'those of a namespace, without it';

        my $died = eval {
            $memd->each_key( 'a:', sub { die { mine => 1 } } );
            1;
        } ? 'nothing' : $@;
        is_deeply $died, { mine => 1 }, 'code that dies ends it, with its own object';
        my $seen = 0;
        $memd->each_key( 'a:', sub { $seen++; $memd->get( $_[0] ) // die; $memd->delete( $_[0] ) } );
        is $seen, 500, 'code may use the client, and delete';
        is_deeply keys_of( $memd, 'a:' ), [], 'what it sees';
        is $memd->error, undef, 'without an error';
        for my $bad ( undef, 'code', {} ) {
            like error_of { $memd->each_key( 'a:', $bad ) }, qr/^argument code: takes a reference to a sub/, 'no code';
        }
    };
}

subtest 'a server that is not there' => sub {
    my @list = ( $servers[1]->address, '127.0.0.1:' . free_port() );
    my $memd = $class->new( servers => \@list );
    my ( $count, $seen ) = ( 'nothing yet', 0 );
    my @told = warnings_of {
        $count = $memd->each_key( '', sub { $seen++ } )
    };
    is $count, undef, 'is an error: undef';
    like $told[0],     qr/^memcached \Q$list[1]\E: .* at \Q$0\E line/, 'which is told';
    like $memd->error, qr/^memcached \Q$list[1]\E: /,                  'and kept';
};

done_testing;
