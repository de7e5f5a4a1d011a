package Fixture::Consistency::Run;

# Some processes at work on a few sessions, while things go wrong; and what came of it.
#
#     my $run = Fixture::Consistency::Run->new( arguments => \%arguments, seed => 42 );
#     my $history = $run->go(10);      # seconds
#     $run->crashes                    # how workers ended that should not have
#     $run->tally( $history, \%total ); # how much there was of what
#     diag $run->keep;                 # it is worth a look
#
# Options: `workers` (6), `slots` (3 sessions), `server` (a Fixture::Memcached to harm),
# `calm` (nothing goes wrong from outside).

use strict;
use warnings;

use File::Path ();
use File::Temp ();
use POSIX      ();
use Fixture::Consistency::History;
use Fixture::Consistency::Nemesis;
use Fixture::Consistency::Worker;
use Fixture::Watchdog ();

sub new {
    my ( $class, %option ) = @_;
    my $self = bless { workers => 6, slots => 3, crashes => [], started => 0, %option }, $class;
    $self->{dir} = File::Temp->newdir;
    mkdir "$self->{dir}/history" or die "$self->{dir}: $!";
    return $self;
}

sub go {
    my ( $self, $seconds ) = @_;
    my $nemesis = Fixture::Consistency::Nemesis->new( "$self->{dir}/history/nemesis", $self->{server} );
    my $until   = Fixture::Consistency::History::now() + $seconds;
    srand $self->{seed};
    my ( %pids, $strike_at );
    while ( !$self->crashes && ( my $left = $until - Fixture::Consistency::History::now() ) > 0 ) {
        while ( keys %pids < $self->{workers} ) { $pids{ $self->start($until) } = 1 }
        $strike_at //= $left - rand 1;
        if ( !$self->{calm} && $left < $strike_at ) {
            $nemesis->strike( sort keys %pids );
            undef $strike_at;
        }
        $nemesis->wake;
        select undef, undef, undef, 0.01;
        $self->reap( \%pids, POSIX::WNOHANG() );
    }
    $nemesis->rest;
    $self->reap( \%pids, 0 ) while %pids;
    $self->worker->look_at_all;
    return Fixture::Consistency::History->read( glob "$self->{dir}/history/*" );
}

sub worker {
    my ($self) = @_;
    my $number = ++$self->{started};
    return Fixture::Consistency::Worker->new(
        number => $number,
        seed   => $self->{seed} * 1000 + $number,
        map { $_ => $self->{$_} } qw(dir slots arguments),
    );
}

sub start {
    my ( $self, $until ) = @_;
    my $worker = $self->worker;
    my $pid    = fork // die "fork: $!";
    if ( !$pid ) {
        eval { $worker->work($until); 1 } or print {*STDERR} "# worker $worker->{number}: $@";
        POSIX::_exit( $@ ? 1 : 0 );
    }
    Fixture::Watchdog::guard($pid);
    return $pid;
}

sub reap {
    my ( $self, $pids, $flags ) = @_;
    for my $pid ( keys %$pids ) {
        next if waitpid( $pid, $flags ) != $pid;
        delete $pids->{$pid};
        Fixture::Watchdog::release($pid);
        push @{ $self->{crashes} }, sprintf 'status %d, signal %d', $? >> 8, $? & 127
          if $? != 0 && $? != POSIX::SIGKILL();
    }
    return;
}

# Leaves the histories where they are, and says where that is.
sub keep {
    my ($self) = @_;
    $self->{dir}->unlink_on_destroy(0);
    return "$self->{dir}/history";
}

sub crashes { return @{ $_[0]{crashes} } }

# Counts what happened, on top of what was counted before.
sub tally {
    my ( $self, $history, $total ) = @_;
    $total->{processes} += $self->{started};
    for my $request ( $history->requests ) {
        $total->{$_}++ for grep { $request->{$_} } qw(opening deleting moving);
        my $saving = $request->{saving} or next;
        $total->{ $request->{mode} eq 'transaction' ? 'transactions' : 'saves' }++;
        $total->{$_}++ for grep { $_ ne 'ok' } $saving->{outcome};
    }
    for my $worker ( values %{ $history->stats } ) {
        $total->{$_} += $worker->{$_} for qw(merged same_key lock_waits);
    }
    $total->{"fault: $_->{kind}"}++ for $history->faults;
    return;
}

1;
