package Fixture::WebServers;

# The same promises under each web server, on each backend: runs a block as a
# subtest for each, with a server that has just started.
#
#     on_each_server {
#         my ( $server, $memcached ) = @_;    # a Fixture::WebServer; no $memcached on the embedded store
#         …
#     };
#     on_each_apache { … };

use strict;
use warnings;

use Exporter 'import';
use Test::More;
use Fixture::Apache;
use Fixture::Memcached;
use Fixture::Needs ();
use Fixture::Starman;

our @EXPORT = qw(on_each_server on_each_apache);

my @APACHE = ( [ 'Apache, prefork', 'Apache', mpm => 'prefork' ], [ 'Apache, event', 'Apache', mpm => 'event' ] );
my @ALL    = ( @APACHE, [ 'Starman', 'Starman' ] );

my %NEEDS = (
    Apache  => [qw(apache2 Apache2::Build)],
    Starman => [qw(starman Starman)],
);

sub on_each_server (&) { return on_each( $_[0], @ALL ) }
sub on_each_apache (&) { return on_each( $_[0], @APACHE ) }

sub on_each {
    my ( $block, @servers ) = @_;
    for my $server (@servers) {
        my ( $name, $kind, @options ) = @$server;
        subtest "$name, embedded store" => sub {
            Fixture::Needs->import( @{ $NEEDS{$kind} } );
            run( $block, $kind, undef, @options );
        };
        subtest "$name, memcached" => sub {
            Fixture::Needs->import( @{ $NEEDS{$kind} }, 'memcached' );
            run( $block, $kind, Fixture::Memcached->start, @options );
        };
    }
    return;
}

# What the server has complained of is shown where a test has failed.
sub run {
    my ( $block, $kind, $memcached, @options ) = @_;
    my $server = "Fixture::$kind"->start( $memcached && $memcached->address, @options );
    $block->( $server, $memcached );
    diag $server->log if !Test::More->builder->is_passing;
    return;
}

1;
