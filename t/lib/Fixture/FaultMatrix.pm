package Fixture::FaultMatrix;

# Each fault of a server, at each request that something takes, once and for good.
#
#     my $matrix = Fixture::FaultMatrix->new($memcached);
#     $matrix->of(
#         'a save',
#         id    => sub { create( $matrix->direct, a => 'before' ) },    # no fault yet
#         open  => sub { my ( $arguments, $id ) = @_; …; return $what },
#         act   => sub { my ( $what, $arguments, $id ) = @_; … },       # the faults are here
#         after => sub { my ( $id, $is_done, $result ) = @_; @complaints },
#     );
#
# What must hold in all of them: it ends in time; it succeeds, or dies with the server's
# name; what is read next over the same connections is that which was asked for. What is
# stored then is for `after` to look at: $is_done where it did not die.
#
# How many requests there are is found out by letting all of them pass; `requests` says it
# where that depends on others. `limit` is how long it may take, in seconds; `may_die` a
# pattern of other errors.

use strict;
use warnings;

use Test::More;
use Fixture::Scripted;
use Fixture::Session;
use Fixture::Wait;

our $IO_TIMEOUT = 0.15;

# The first bytes of an answer are `VA`, `HD`, `EN`, `NF` or `EX`.
my %FAULTS = (
    'refuses connections'     => 'refuse',
    'is silent'               => 'silent',
    'hangs up'                => 'hangup',
    'answers late'            => [ late  => 2 * $IO_TIMEOUT ],
    'is cut before a byte'    => [ cut   => 0 ],
    'is cut after a byte'     => [ cut   => 1 ],
    'is cut in a line'        => [ cut   => 6 ],
    'is cut in a value'       => [ cut   => 60 ],
    'stalls in a value'       => [ stall => 60 ],
    'answers garbage'         => [ say   => "\x00\xff<html>garbage</html>\r\n" ],
    'answers a former one'    => 'former',
    'answers with an error'   => [ say => "SERVER_ERROR out of memory storing object\r\n" ],
    'closes after each'       => 'last',
    'answers what none asked' => [ and => "HD\r\nEN\r\n" ],
);

sub new {
    my ( $class, $memcached ) = @_;
    my $direct = { servers => [ $memcached->address ] };
    return bless {
        memcached => $memcached,
        direct    => $direct,
        other     => create( $direct, secret => 'other' ),
    }, $class;
}

# Arguments for the server without its faults.
sub direct { return $_[0]{direct} }

sub of {
    my ( $self, $name, %part ) = @_;
    return subtest $name => sub {
        my ( $first, $last ) = @{ $part{requests} // $self->requests_of(%part) };
        cmp_ok $last, '>=', $first, 'it takes ' . ( $last - $first + 1 ) . ' requests';
        for my $fault ( sort keys %FAULTS ) {
            for my $at ( $first .. $last ) {
                for my $stays ( 0, 1 ) {
                    my @complaints = $self->cell( $FAULTS{$fault}, $at, $stays, %part );
                    my $where      = $at - $first + 1;
                    is_deeply \@complaints, [], "$fault, request $where" . ( $stays ? ', and from then on' : '' );
                }
            }
        }
    };
}

# The numbers of the first and the last request, counted by a server without a fault.
sub requests_of {
    my ( $self, %part ) = @_;
    my ( $server, $arguments, $id, $what ) = $self->prepared( {}, io_timeout => 10, %part );
    my $before = $server->requests;
    eval { $part{act}->( $what, $arguments, $id ) };
    my $after = $server->requests;
    return [ $before + 1, $after ];
}

# A server, with the session open that something is to be done with. On a busy machine the
# time for that may be too short: then once more.
sub prepared {
    my ( $self, $faults, %part ) = @_;
    for ( 1 .. 10 ) {
        my $server    = Fixture::Scripted->start( upstream => $self->{memcached}, %$faults );
        my $arguments = $self->arguments( $server, %part );
        my ( $id, $what );
        my $is_ready = eval {
            $id = $part{id}->();
            $self->read_other($arguments);
            $what = $part{open}->( $arguments, $id );
            1;
        };
        return ( $server, $arguments, $id, $what ) if $is_ready;
    }
    die $@;
}

# Another session, over the connections that `act` uses.
sub read_other {
    my ( $self, $arguments ) = @_;
    return contents( { %$arguments, Transaction => 0 }, $self->{other} );
}

sub arguments {
    my ( $self, $server, %part ) = @_;
    return {
        servers         => [ $server->address ],
        io_timeout      => $part{io_timeout} // $IO_TIMEOUT,
        connect_timeout => $IO_TIMEOUT,
        %{ $part{arguments} // {} },
    };
}

sub cell {
    my ( $self, $fault, $at, $stays, %part ) = @_;
    local $SIG{__WARN__} = sub { };
    my %faults = ( fault => $fault, at => $at, stays => $stays );
    my ( $server, $arguments, $id, $what ) = $self->prepared( \%faults, %part );
    my $result;
    my $took  = elapsed { $result = $part{act}->( $what, $arguments, $id ) };
    my $error = $@;
    undef $what;

    my @complaints;
    my $limit = $part{limit} // 8 * $IO_TIMEOUT + 0.5;
    push @complaints, sprintf 'takes %.2f s, more than %.2f', $took, $limit if $took > $limit;
    my $address = $server->address;
    push @complaints, "dies of: $error"
      if $error && $error !~ /^memcached \Q$address\E: / && $error !~ ( $part{may_die} // qr/(?!)/ );
    for ( 1 .. 3 ) {
        my $read = eval { $self->read_other($arguments) } or next;
        push @complaints, 'reads the wrong session' if ( $read->{secret} // '' ) ne 'other';
    }
    return ( @complaints, $part{after}->( $id, !$error, $result ) );
}

1;
