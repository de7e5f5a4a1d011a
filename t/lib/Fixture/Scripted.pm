package Fixture::Scripted;

# A server that misbehaves as told: a proxy before a real memcached that does
# to each answer what a script says.
#
#     my $server = Fixture::Scripted->start(
#         upstream => $memcached,
#         script   => [ [ 'pass', [ cut => 5 ] ], ['silent'] ],
#     );
#
# One list for each connection, in the order in which they come, and one step
# for each request on it; where the lists end, everything passes. Or, counted over all
# connections, a fault in the N-th request, which stays or does not:
#
#     my $server = Fixture::Scripted->start(
#         upstream => $memcached, fault => 'silent', at => 3, stays => 1,
#     );
#
# The steps:
#
#     pass             the real answer
#     silent           no answer, the connection stays open
#     hangup           no answer, the connection is closed
#     [ late => 0.5 ]  the real answer, that many seconds late
#     [ held => 0.5 ]  the request goes upstream that many seconds late, also where the client has
#                      hung up by then; `requests` has a "held" when that is done
#     [ cut => 7 ]     the first 7 bytes of the real answer, then closed
#     [ stall => 7 ]   the same, but then silent
#     [ say => "…" ]   these bytes instead, the request never reaches upstream
#     [ by => sub {…} ] what that returns for the request, instead of the real answer
#     [ and => "…" ]   the real answer with these bytes after it
#     last             the real answer, then closed
#     former           the real answer to the request before, on this connection
#     refuse           no answer, and no connection from now on
#
# What arrives in one piece is one request, which is so for small sessions.
# `requests` returns what was asked so far, one element for each.
#
# The probe, with which a connection begins, is answered as memcached does where
# it is in front of a request, and is no part of that; unless there is an option
# `unproven => 1`.

use strict;
use warnings;

use File::Temp ();
use IO::Select;
use IO::Socket::IP;
use POSIX             ();
use Socket            qw(TCP_NODELAY IPPROTO_TCP);
use Fixture::Watchdog ();

my $LIFE  = 120;                                # seconds until a forgotten one ends itself
my $PROBE = "version\r\nmg AA== b f c t\r\n";
my $PROOF = "VERSION 1.6.18\r\nEN\r\n";

sub start {
    my ( $class, %option ) = @_;
    my $listener = IO::Socket::IP->new(
        LocalHost => '127.0.0.1',
        LocalPort => 0,
        Listen    => 64,
    ) or die "can't listen: $@";
    my $self = bless {
        owner    => $$,
        log      => File::Temp->new,
        upstream => $option{upstream} && $option{upstream}->port,
        script   => $option{script} // [],
        fault    => $option{fault},
        at       => $option{at},
        stays    => $option{stays},
        unproven => $option{unproven},
        port     => $listener->sockport,
    }, $class;

    my $pid = fork // die "fork: $!";
    if ( !$pid ) {
        open STDOUT, '>', '/dev/null';
        $SIG{$_} = 'DEFAULT' for qw(ALRM TERM PIPE __DIE__ __WARN__);
        setpgrp;
        alarm $LIFE;
        eval { $self->serve($listener) };
        print {*STDERR} "# scripted server: $@" if $@;
        POSIX::_exit(1);
    }
    $self->{pid} = $pid;
    Fixture::Watchdog::guard($pid);
    return $self;
}

sub address { return "127.0.0.1:$_[0]{port}" }

sub requests {
    my ($self) = @_;
    open my $log, '<:raw', $self->{log}->filename or die $!;
    local $/ = "\0\0\n";
    my @requests = <$log>;
    chomp @requests;
    return @requests;
}

# Takes connections one after another, each served by a process of its own.
sub serve {
    my ( $self, $listener ) = @_;
    local $SIG{CHLD} = 'IGNORE';
    my $count = 0;
    while (1) {
        my $client = $listener->accept or next;
        my @steps  = @{ $self->{script}[ $count++ ] // [] };
        my $child  = fork // die "fork: $!";
        next if $child;
        alarm $LIFE;
        close $listener;
        setsockopt $client, IPPROTO_TCP, TCP_NODELAY, 1;
        eval { $self->converse( $client, @steps ) };
        print {*STDERR} "# scripted server: $@" if $@;
        POSIX::_exit(0);
    }
}

sub converse {
    my ( $self, $client, @steps ) = @_;
    my $upstream = $self->{upstream} && IO::Socket::IP->new(
        PeerHost => '127.0.0.1',
        PeerPort => $self->{upstream},
    );
    my $former = '';
    while (1) {
        sysread $client, my $request, 1 << 20 or return;
        my $has_probe = !$self->{unproven} && $request =~ s/\A\Q$PROBE\E(?=.)//s;
        $self->record($request);
        my ( $act, $with ) = map { ref $_ ? @$_ : $_ } shift @steps // $self->fault // 'pass';
        select undef, undef, undef, $with if $act eq 'held';
        my $answer =
            $act =~ /^(?:silent|hangup|refuse)$/ ? ''
          : $act eq 'say'                        ? $with
          : $act eq 'by'                         ? $with->($request)
          :                                        ask( $upstream, $request );
        $self->record('held') if $act eq 'held';
        ( $former, $answer ) = ( $answer, $former ) if $act eq 'former';
        $former = $answer if $act eq 'pass';
        kill KILL => getppid if $act eq 'refuse';
        if ( $act eq 'late' )                                     { select undef, undef, undef, $with }
        if ( $act =~ /^(?:cut|stall)$/ )                          { $answer = substr $answer, 0, $with }
        if ( $act eq 'and' )                                      { $answer .= $with }
        if ( $has_probe && $act !~ /^(?:silent|hangup|refuse)$/ ) { $answer = $PROOF . $answer }
        syswrite $client, $answer if length $answer;
        return if $act =~ /^(?:hangup|refuse|cut|last)$/;
    }
}

# What is to happen to the request that was just recorded, by its number.
sub fault {
    my ($self) = @_;
    return if !defined $self->{fault};
    my $number = $self->requests;
    return if $number < $self->{at} || $number > $self->{at} && !$self->{stays};
    return $self->{fault};
}

sub record {
    my ( $self, $request ) = @_;
    open my $log, '>>:raw', $self->{log}->filename or die $!;
    syswrite $log, "$request\0\0\n";
    return;
}

# The real server's answer: all that comes until it pauses.
sub ask {
    my ( $upstream, $request ) = @_;
    syswrite $upstream, $request;
    my $select = IO::Select->new($upstream);
    my $answer = '';
    my $wait   = 5;
    while ( $select->can_read($wait) ) {
        sysread $upstream, $answer, 1 << 20, length $answer or last;
        $wait = 0.01;
    }
    return $answer;
}

sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$ || !$self->{pid};
    local ( $?, $!, $@ );
    kill KILL => -$self->{pid}, $self->{pid};
    waitpid $self->{pid}, 0;
    Fixture::Watchdog::release( $self->{pid} );
    return;
}

1;
