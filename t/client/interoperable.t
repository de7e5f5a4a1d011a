# What Cache::Memcached and Cache::Memcached::Fast store, the client reads, and the
# other way round, on one server and on several.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs qw(memcached Cache::Memcached Cache::Memcached::Fast);
use Test::More;

use Apache::Session::Memorycached::Client;
use Fixture::Memcached;

my @servers = map { Fixture::Memcached->start } 1 .. 3;
my @three   = map { $_->address } @servers;

my %layouts = (
    'one server'              => [ $three[0] ],
    'three servers'           => [@three],
    'three servers, weighted' => [ [ $three[0], 1 ], [ $three[1], 3 ], [ $three[2], 2 ] ],
);
my %values = (
    text   => 'some text',
    number => 17,
    empty  => '',
    binary => join( '', map { chr } 0 .. 255 ),
    hash   => { a => [ 1, { b => 2 } ], text => "\x{263a}" },
    object => bless( [ 1 .. 3 ], 'Some::Class' ),
    long   => 'a long text ' x 500,
    deep   => { list => [ map { { number => $_, name => "the name of $_" } } 1 .. 200 ] },
);

for my $layout ( sort keys %layouts ) {
    for my $peer ( 'Cache::Memcached', 'Cache::Memcached::Fast' ) {
        subtest "$peer, $layout" => sub {
            my %arguments = ( servers => $layouts{$layout}, namespace => 'ns:', compress_threshold => 2_000 );
            my $ours      = Apache::Session::Memorycached::Client->new( \%arguments );
            my $theirs    = $peer->new( \%arguments );
            $ours->flush_all;
            my $n = 0;
            for my $round ( 1 .. 8 ) {
                for my $name ( sort keys %values ) {
                    my $key = "$name$round";
                    $ours->set( "ours:$key", $values{$name}, 100 )     or die 'not stored';
                    $theirs->set( "theirs:$key", $values{$name}, 100 ) or die 'not stored';
                    is_deeply $theirs->get("ours:$key"), $values{$name}, "$key: ours is read";
                    is_deeply $ours->get("theirs:$key"), $values{$name}, "$key: theirs is read";
                }
            }
            my @keys = map { ( "ours:${_}1", "theirs:${_}2" ) } sort keys %values;
            is_deeply $ours->get_multi( @keys, 'none' ), $theirs->get_multi( @keys, 'none' ), 'many at once';

            $theirs->set( n => 5 );
            is $ours->incr('n'),   6, 'theirs is counted';
            is $theirs->incr('n'), 7, 'and ours';
            ok $theirs->delete('ours:text1'), 'ours is deleted';
            ok $ours->delete('theirs:text1'), 'theirs is deleted';
            is $ours->get('ours:text1'), undef, 'and gone';
            ok $ours->append( 'theirs:text2', ', and more' ), 'theirs is appended to';
            is $theirs->get('theirs:text2'), 'some text, and more', 'so';
            $theirs->disconnect_all;
        };
    }
}

subtest 'where Cache::Memcached::Fast puts items when it is told so' => sub {
    for my $how ( [ hash_namespace => 1 ], [ ketama_points => 150 ], [ ketama_points => 7, hash_namespace => 1 ] ) {
        my %arguments = ( servers => $layouts{'three servers, weighted'}, namespace => 'ns:', @$how );
        my $theirs    = Cache::Memcached::Fast->new( \%arguments );
        my $ours      = Apache::Session::Memorycached::Client->new( \%arguments );
        my $plain = Apache::Session::Memorycached::Client->new( %arguments, hash_namespace => 0, ketama_points => 0 );
        $ours->flush_all;
        my %clients = ( theirs => $theirs, ours => $ours, plain => $plain );
        my %found   = map { $_ => 0 } keys %clients;
        for my $n ( 1 .. 300 ) {
            $ours->set( "a$n", $n );
            $theirs->set( "b$n", $n );
            for my $name ( keys %clients ) {
                $found{$name} += ( $clients{$name}->get("$_$n") // 0 ) == $n for qw(a b);
            }
        }
        is $found{theirs}, 600, "@$how: theirs finds what both store";
        is $found{ours},   600, 'and so does ours';
        cmp_ok $found{plain}, '<', 500, 'which one without it does not';

        # With the namespace in front of the key it is the same key, if the namespace is hashed, too.
        my %prefixed = map { $_ => $ours->get("a$_") } 1 .. 50;
        $ours->namespace('');
        my $same = grep { $prefixed{$_} == ( $ours->get("ns:a$_") // 0 ) } keys %prefixed;
        my %how  = @$how;
        cmp_ok $same, $how{hash_namespace} ? '==' : '<', 50, 'the namespace is hashed only where that is asked for';
    }
};

subtest 'the bytes are the same' => sub {
    my ($server) = @servers;
    for my $peer ( 'Cache::Memcached', 'Cache::Memcached::Fast' ) {
        for my $threshold ( 0, 1_000 ) {
            my %arguments = ( servers => [ $server->address ], $threshold ? ( compress_threshold => $threshold ) : () );
            my $theirs    = $peer->new( \%arguments );
            my $ours      = Apache::Session::Memorycached::Client->new( \%arguments );
            for my $name ( sort grep { $_ ne 'deep' } keys %values ) {
                $theirs->set( key => $values{$name} );
                my $expected = $server->item('key');
                $ours->set( key => $values{$name} );
                my $item = $server->item('key');
                is $item->{flags}, $expected->{flags}, "$peer, $name: the flags";
                next if $item->{flags} & 2;    # compressors differ
                is $item->{value}, $expected->{value}, "$peer, $name: the value";
            }
            $theirs->disconnect_all;
        }
    }
};

subtest 'a key that comes with a hash' => sub {
    my %arguments = ( servers => \@three );
    my $ours      = Apache::Session::Memorycached::Client->new( \%arguments );
    my $theirs    = Cache::Memcached->new( \%arguments );
    my %found;
    for my $hash ( 0 .. 8, 32_767, 1_000_000 ) {
        $ours->set( [ $hash, "k$hash" ], $hash );
        is $theirs->get( [ $hash, "k$hash" ] ), $hash, "$hash: is where Cache::Memcached looks";
        my ($home) = grep { $servers[$_]->item("k$hash") } 0 .. 2;
        is $home, $hash % 3, 'which the hash says';
    }
    is_deeply $ours->get_multi( map { [ $_, "k$_" ] } 0 .. 3 ), { map { ( "k$_" => $_ ) } 0 .. 3 }, 'many at once';
};

subtest 'characters, as Cache::Memcached::Fast marks them' => sub {
    my %arguments = ( servers => [ $three[0] ], utf8 => 1 );
    my $ours      = Apache::Session::Memorycached::Client->new( \%arguments );
    my $theirs    = Cache::Memcached::Fast->new( \%arguments );
    for my $text ( "\x{263a} smile", "caf\xe9", 'plain' ) {
        $ours->set( ours => $text );
        $theirs->set( theirs => $text );
        is $theirs->get('ours'), $text, 'ours is read';
        is $ours->get('theirs'), $text, 'theirs is read';
    }
};

done_testing;
