#!/usr/bin/perl
# Writes placement.tsv: where Cache::Memcached's get_sock looks for keys. Run as: perl placement.pl > placement.tsv
use strict;
use warnings;
use Digest::MD5 'md5_hex';

package Probe {
    use parent -norequire, 'Cache::Memcached';
    require Cache::Memcached;
    our %dead;
    sub sock_to_host { my ( undef, $host ) = @_; return $dead{$host} ? undef : $host }
}

my @layouts = (
    [ ['a:1'] ],
    [ [ 'a:1', 'b:1' ] ],
    [ [ [ 'a:1', 1 ], [ 'b:1', 2 ] ] ],
    [ [ 'a:1', 'b:1', 'c:1' ] ],
    [ [ [ 'a:1', 1 ], [ 'b:1', 5 ], [ 'c:1', 2 ] ] ],
    [ [ 'a:1', 'b:1', 'c:1' ], 'b:1' ],
    [ [ [ 'a:1', 3 ], [ 'b:1', 1 ], [ 'c:1', 1 ] ], 'a:1', 'c:1' ],
    [ [ map {"$_:1"} 'a' .. 'g' ] ],
    [ [ [ 'a:1', 3 ], [ 'b:1', 1 ], [ 'c:1', 4 ], [ 'd:1', 1 ], [ 'e:1', 5 ], [ 'f:1', 9 ], [ 'g:1', 2 ] ] ],
    [ [ [ 'a:1', 3 ], [ 'b:1', 1 ], [ 'c:1', 4 ], [ 'd:1', 1 ], [ 'e:1', 5 ], [ 'f:1', 9 ], [ 'g:1', 2 ] ], 'f:1', 'e:1' ],
    [ [ 'a:1', 'b:1' ], 'a:1', 'b:1' ],
);
my @keys = ( 'a', 'foo', "\xe9", 'sessions:1', map { md5_hex($_) } 1 .. 28 );

print "# servers=weights\tdead\tkey (hex)\tserver\n";
for my $layout (@layouts) {
    my ( $servers, @dead ) = @$layout;
    local %Probe::dead = map { $_ => 1 } @dead;
    my $client = Probe->new( { servers => $servers } );
    my $name = join ',', map { ref ? "$_->[0]=$_->[1]" : "$_=1" } @$servers;
    for my $key (@keys) {
        print join( "\t", $name, join( ',', @dead ), unpack( 'H*', $key ), $client->get_sock($key) // '-' ), "\n";
    }
}
