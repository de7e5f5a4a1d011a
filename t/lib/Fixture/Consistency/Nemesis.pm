package Fixture::Consistency::Nemesis;

# What goes wrong from outside: workers are killed or stopped for a while; the server is
# stopped, flushed, or killed and started again, empty.
#
#     my $nemesis = Fixture::Consistency::Nemesis->new( "$dir/history/nemesis", $server );
#     $nemesis->strike(@pids);    # one fault, now
#     $nemesis->rest(@pids);      # all go on
#
# Without a server, only the workers suffer.

use strict;
use warnings;

use Fixture::Consistency::History;

my %STRIKES = (
    workers => [qw(kill kill kill stop)],
    server  => [qw(kill kill stop pause pause restart flush)],
);

sub new {
    my ( $class, $file, $server ) = @_;
    my $log = Fixture::Consistency::History->writer($file);
    return bless { server => $server, log => $log, stopped => {} }, $class;
}

sub strike {
    my ( $self, @pids ) = @_;
    $self->wake;
    my @strikes = @{ $STRIKES{ $self->{server} ? 'server' : 'workers' } };
    my $strike  = $strikes[ rand @strikes ];
    $self->{log}->( fault => $strike );
    $self->$strike( $pids[ rand @pids ] );
    $self->{log}->( over => $strike );
    return;
}

sub kill {    ## no critic (the system's own word)
    my ( $self, $pid ) = @_;
    return CORE::kill( KILL => $pid );
}

# Sometimes for longer than a lock lasts.
sub stop {
    my ( $self, $pid ) = @_;
    $self->{stopped}{$pid} = Fixture::Consistency::History::now() + ( rand() < 0.2 ? 2.5 : rand 0.3 );
    return CORE::kill( STOP => $pid );
}

sub pause {
    my ($self) = @_;
    $self->{server}->pause;
    select undef, undef, undef, rand() < 0.5 ? rand 0.1 : rand 0.8;
    return $self->{server}->resume;
}

sub restart { return $_[0]{server}->restart }
sub flush   { return $_[0]{server}->flush }

# Lets those go on whose time is over.
sub wake {
    my ($self) = @_;
    my $now = Fixture::Consistency::History::now();
    for my $pid ( grep { $self->{stopped}{$_} <= $now } keys %{ $self->{stopped} } ) {
        CORE::kill( CONT => $pid );
        delete $self->{stopped}{$pid};
    }
    return;
}

sub rest {
    my ($self) = @_;
    $self->{stopped}{$_} = 0 for keys %{ $self->{stopped} };
    return $self->wake;
}

1;
