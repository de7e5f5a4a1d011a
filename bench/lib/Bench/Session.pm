package Bench::Session;

# A stored session, and what a request does with it, as works for Bench::Measure.
#
#     my $session = Bench::Session->new( $class, \%arguments, $data );
#     $session->reading;     # tie, read a key, untie
#     $session->changing;    # tie, set a key, untie
#     $session->check;       # dies unless all changes have arrived
#
# `$class` is any that follows Apache::Session.

use strict;
use warnings;

# Every number from here on takes as many bytes, so a session keeps its size.
my $FIRST = 1_000;

sub new {
    my ( $class, $of, $arguments, $data ) = @_;
    my $self = bless { class => $of, arguments => $arguments, last => $FIRST }, $class;
    my %session;
    tie %session, $of, undef, $arguments;
    @session{ keys %$data, 'number' } = ( values %$data, $FIRST );
    $self->{id} = $session{_session_id};
    untie %session;
    $self->check;
    return $self;
}

sub id { return $_[0]{id} }

sub reading {
    my ($self) = @_;
    my ( $class, $id, $arguments ) = @$self{qw(class id arguments)};
    return sub {
        for ( 1 .. $_[0] ) {
            my %session;
            tie %session, $class, $id, $arguments;
            my $number = $session{number};
            untie %session;
        }
    };
}

sub changing {
    my ($self) = @_;
    my ( $class, $id, $arguments ) = @$self{qw(class id arguments)};
    return sub {
        for ( 1 .. $_[0] ) {
            my %session;
            tie %session, $class, $id, $arguments;
            $session{number} = ++$self->{last};
            untie %session;
        }
    };
}

sub check {
    my ($self) = @_;
    tie my %session, $self->{class}, $self->{id}, $self->{arguments};
    my $number = $session{number} // 'nothing';
    untie %session;
    die "$self->{class}: $number is stored instead of $self->{last}\n" if $number ne $self->{last};
    return;
}

1;
