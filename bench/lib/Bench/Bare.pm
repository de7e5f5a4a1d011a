package Bench::Bare;

# Round trips to a memcached and nothing else: a blocking socket, a write, a
# read. The least that any client can do.
#
#     my $bare = Bench::Bare->new( $server, $id );
#     $bare->getting;             # works for Bench::Measure: an `mg` …
#     $bare->getting_setting;     # … and then an `ms`
#
# They move as many bytes as a session's load and save: the commands are those
# of the session with this id, on a copy of its item.

use strict;
use warnings;

use IO::Socket::IP;
use IO::Socket::UNIX;
use Socket qw(IPPROTO_TCP TCP_NODELAY);

sub new {
    my ( $class, $server, $id ) = @_;
    my $value = $server->item($id)->{value};
    my $key   = 'b' x length $id;
    $server->set( $key, $value, flags => 1 );
    my $self = bless { socket => connection( $server->address ), size => length $value }, $class;
    $self->{get}        = "mg $key v f c O1\r\n";
    $self->{set}        = "ms $key $self->{size} c F1 T0 O2\r\n$value\r\n";
    $self->{get_answer} = "VA $self->{size} f1 c1 O1\r\n$value\r\n";
    return $self;
}

sub size { return $_[0]{size} }

sub getting {
    my ($self) = @_;
    my ( $socket, $request, $answer ) = @$self{qw(socket get get_answer)};
    my $least = length $answer;
    return sub {
        trip( $socket, $request, $least ) for 1 .. $_[0];
    };
}

sub getting_setting {
    my ($self) = @_;
    my ( $socket, $get, $set, $answer ) = @$self{qw(socket get set get_answer)};
    my $least = length $answer;
    return sub {
        for ( 1 .. $_[0] ) {
            trip( $socket, $get, $least );
            trip( $socket, $set, 2 );
        }
    };
}

my $answer = '';

# The version in an answer grows by a digit now and then, so an answer has no
# fixed length; it ends with a line's end, after at least so many bytes.
sub trip {
    my ( $socket, $request, $least ) = @_;
    my $sent = syswrite $socket, $request;
    die "memcached takes no request\n" if ( $sent // 0 ) != length $request;
    my $length = 0;
    until ( $length >= $least && substr( $answer, -2 ) eq "\r\n" ) {
        my $got = sysread $socket, $answer, $least + 4_096, $length or die "memcached does not answer\n";
        $length += $got;
    }
    return;
}

sub connection {
    my ($address) = @_;
    my $socket;
    if ( $address =~ m{^/} ) {
        $socket = IO::Socket::UNIX->new( Peer => $address );
    }
    else {
        my ( $host, $port ) = $address =~ /^(.*):(\d+)\z/;
        $socket = IO::Socket::IP->new( PeerHost => $host, PeerPort => $port );
        setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1 if $socket;
    }
    die "can't reach memcached $address: $!\n" if !$socket;
    return $socket;
}

1;
