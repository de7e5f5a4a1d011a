package Fixture::Port;

# A port of a loopback address that nobody listens on.
#
# It is free when this returns; who binds it next is a race, so whoever starts
# a server on it tries again with another one.

use strict;
use warnings;

use Exporter 'import';
use IO::Socket::IP;

our @EXPORT_OK = qw(free_port host_port);

sub free_port {
    my ($host) = @_;
    my $socket = IO::Socket::IP->new(
        LocalHost => $host // '127.0.0.1',
        LocalPort => 0,
        Listen    => 1,
    ) or die "no free port: $@";
    return $socket->sockport;
}

sub host_port {
    my ( $host, $port ) = @_;
    return $host =~ /:/ ? "[$host]:$port" : "$host:$port";
}

1;
