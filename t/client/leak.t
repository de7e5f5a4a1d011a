# No scalar outlives a call of the client, on any way through it.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs 'Test::LeakTrace';
use Test::LeakTrace;
use Test::More;

use Apache::Session::Memorycached::Client;
use Fixture::Backends;
use Fixture::Port qw(free_port);

my $class = 'Apache::Session::Memorycached::Client';

# What is made once and kept is no leak: each way is gone twice before it is looked at.
sub tight {
    my ( $name, $block ) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    local $SIG{__WARN__} = sub { };
    $block->() for 1 .. 2;
    return no_leaks_ok { $block->() } $name;
}

on_each_backend {
    my ( $arguments, $server ) = @_;
    my $memd = $class->new($arguments);
    my $data = { list => [ 1, [2], 'three' ], object => bless( {}, 'Some::Class' ) };
    $memd->set( $_ => $data ) for qw(a b c);
    tight 'new'        => sub { $class->new( %$arguments, namespace => 'x', typo => 1 ) };
    tight 'new, dying' => sub {
        eval { $class->new( servers => 'x' ) }
    };
    tight 'set'        => sub { $memd->set( key => $_ ) for 'text', $data, "\x{263a}", undef };
    tight 'set, dying' => sub {
        eval {
            $memd->set( key => { code => sub { } } );
        }
    };
    tight 'get'             => sub { my $got = $memd->get($_) for qw(a key none) };
    tight 'gets'            => sub { my $got = $memd->gets('a') };
    tight 'cas'             => sub { $memd->cas( 'key', $memd->gets('key')->[0], $data ) };
    tight 'get_multi'       => sub { my $got = $memd->get_multi( qw(a b c none), 'two words' ) };
    tight 'gets_multi'      => sub { my $got = $memd->gets_multi(qw(a b c none)) };
    tight 'changes of many' => sub {
        my @results = $memd->set_multi( [ m1 => $data ], [ m2 => "\x{263a}" ], [ 'two words' => 1 ] );
        my $results = $memd->set_multi( [ m1 => $data ], [ m2 => 2 ] );
        $memd->set_multi( [ m1 => 1 ] );
        @results = ( $memd->incr_multi( 'm1', [ m2 => 2 ], 'none' ), $memd->append_multi( [ m1 => 1 ] ) );
        $results = $memd->cas_multi( [ m1 => 1, $data ], [ [ 7, 'm2' ], 1, 2 ] );
        @results = $memd->touch_multi( [ m1 => 9 ], 'm2' );
        $results = $memd->delete_multi(qw(m1 m2 none));
        eval { $memd->set_multi( [ m1 => $data ], [ m2 => undef ] ) };
        eval {
            $memd->set_multi( [ m1 => $data ], [ m2 => sub { } ] );
        };
    };
    tight 'gat' => sub { my @got = ( $memd->gat( 60, 'a' ), $memd->gats( 60, 'a' ), $memd->gat_multi( 60, 'a' ) ) };
    tight 'many keys' => sub { my $got = $memd->get_multi( 1 .. 100 ) };
    tight 'pairs'     => sub {
        $memd->get( [ 7, 'a' ] );
        eval { $memd->get( [] ) }
    };
    tight 'counting'  => sub { $memd->set( n => 1 ); $memd->incr('n'); $memd->decr( n => 2 ); $memd->incr('a') };
    tight 'extending' => sub {
        $memd->append( n => 1 );
        $memd->prepend( none => 1 );
        eval { $memd->append( n => [] ) }
    };
    tight 'the rest' => sub { $memd->touch( n => 9 ); $memd->delete('n'); $memd->remove('n'); $memd->error };
    tight 'each_key' => sub {
        $memd->each_key( '', sub { } );
    };
    tight 'and dying' => sub {
        eval {
            $memd->each_key( '', sub { die [] } );
        }
    };
    tight 'statistics' => sub { $memd->stats; $memd->server_versions; $memd->stats( [qw(items self)] ) };
    tight 'changing' =>
      sub { $memd->set_servers( $arguments->{servers} ); $memd->namespace(''); $memd->enable_compress(1) };
    tight 'foreign' => sub {
        eval { $class->can('get')->( {}, 'a' ) }
    };
    return if !$server;
    $server->set( damaged => 'x', flags => $_ ),
      tight "damaged, $_" => sub { $memd->get('damaged'); $memd->get_multi('damaged') }
      for 1, 2, 3;
    my $nobody = $class->new( servers => [ '127.0.0.1:' . free_port() ] );
    tight 'nobody there' =>
      sub { $nobody->get('a'); $nobody->set( a => $data ); $nobody->get_multi('a'); $nobody->stats };
    my $strict = $class->new( servers => [ '127.0.0.1:' . free_port() ], on_error => 'die' );
    tight 'and dying' => sub {
        eval { $strict->get('a') };
        eval { $strict->set( a => $data ) };
        eval { $strict->flush_all };
    };
};

done_testing;
