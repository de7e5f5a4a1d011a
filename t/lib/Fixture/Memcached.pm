package Fixture::Memcached;

# A real memcached, alone on a free loopback port or a Unix socket.
#
#     my $server = Fixture::Memcached->start;                    # 127.0.0.1
#     my $server = Fixture::Memcached->start( host => '::1' );
#     my $server = Fixture::Memcached->start( socket => 1, args => ['-m', 8] );
#     tie my %session, 'Apache::Session::Memorycached', $id,
#         { servers => [ $server->address ] };
#     $server->item($id)    # { value, flags, ttl, cas }: what is on the wire
#
# It is ready when `start` returns, and ends with the object, in the process
# that started it. Looking at it goes over a connection of the fixture's own.

use strict;
use warnings;

use File::Temp ();
use IO::Socket::IP;
use IO::Socket::UNIX;
use POSIX          ();
use Fixture::Needs ();
use Fixture::Port  qw(free_port host_port);
use Fixture::Wait;
use Fixture::Watchdog ();

sub start {
    my ( $class, %option ) = @_;
    my $self = bless { args => [], host => '127.0.0.1', %option, owner => owner() },
      $class;
    if ( $self->{socket} ) {
        $self->{dir}     = File::Temp->newdir;
        $self->{address} = "$self->{dir}/memcached.sock";
        return $self if $self->run;
        die 'memcached does not start';
    }
    for my $try ( 1 .. 5 ) {
        $self->{port}    = free_port( $self->{host} );
        $self->{address} = host_port( $self->{host}, $self->{port} );
        return $self if $self->run;
    }
    die 'memcached does not start';
}

sub address { return $_[0]{address} }
sub port    { return $_[0]{port} }
sub pid     { return $_[0]{pid} }

sub run {
    my ($self) = @_;
    my @listen =
      $self->{socket}
      ? ( '-s', $self->{address} )
      : ( '-l', $self->{host}, '-p', $self->{port}, '-U', 0 );
    my @user = $> == 0 ? ( '-u', scalar getpwuid 0 ) : ();
    my @run  = (
        Fixture::Needs::program('memcached'),
        @listen, @user, '-t', 2, @{ $self->{args} }
    );

    my $pid = fork // die "fork: $!";
    if ( !$pid ) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        exec { $run[0] } @run or POSIX::_exit(127);
    }
    $self->{pid} = $pid;
    Fixture::Watchdog::guard($pid);
    my $ready = until_true {
        return -1 if waitpid( $pid, POSIX::WNOHANG() ) == $pid;
        eval { ( $self->command('version') // '' ) =~ /^VERSION/ };
    };
    return 1    if $ready && $ready ne '-1';
    $self->reap if !$ready;
    delete $self->{pid};
    return;
}

# One line to the server (with a block, when given), one line back.
sub command {
    my ( $self, $line, $block ) = @_;
    my $socket = $self->connection;
    print {$socket} "$line\r\n", defined $block ? "$block\r\n" : ();
    my $answer = <$socket>;
    if ( !defined $answer ) {
        delete $self->{connection};
        die "memcached $self->{address} hung up";
    }
    $answer =~ s/\r\n\z//;
    return $answer;
}

sub item {
    my ( $self, $key ) = @_;
    my $answer = $self->command("mg $key v f t c");
    return if $answer =~ /^EN/;
    my ($size) = $answer =~ /^VA (\d+)/
      or die "unexpected: $answer";
    my %flag = $answer =~ / ([a-z])(-?\d+)/g;
    read $self->{connection}, my $value, $size + 2;
    substr $value, -2, 2, '';
    return { value => $value, flags => $flag{f}, ttl => $flag{t}, cas => $flag{c} };
}

sub set {
    my ( $self, $key, $value, %option ) = @_;
    my $flags  = $option{flags} // 0;
    my $ttl    = $option{ttl}   // 0;
    my $size   = length $value;
    my $answer = $self->command( "ms $key $size F$flags T$ttl", $value );
    $answer =~ /^HD/ or die "unexpected: $answer";
    return;
}

sub delete {    ## no critic (the protocol's own word)
    my ( $self, $key ) = @_;
    return $self->command("md $key") =~ /^HD/;
}

sub expire_in {
    my ( $self, $key, $seconds ) = @_;
    return $self->command("mg $key T$seconds") =~ /^HD/;
}

sub flush { return $_[0]->command('flush_all') }

sub stats {
    my ( $self, $which ) = @_;
    my $line = $self->command( defined $which ? "stats $which" : 'stats' );
    my %stats;
    while ( $line =~ /^STAT (\S+) (.*)/ ) {
        $stats{$1} = $2;
        $line = readline $self->{connection};
        $line =~ s/\r\n\z//;
    }
    return \%stats;
}

# By how much each of the server's counters grows while a block runs, and under
# `commands` how many commands that makes.
sub counted {
    my ( $self, $block ) = @_;
    my $before = $self->stats;
    $block->();
    my $after = $self->stats;
    my %grown = map { $_ => $after->{$_} - ( $before->{$_} // 0 ) }
      grep { $after->{$_} =~ /^\d+\z/ } keys %$after;
    $grown{commands} += $grown{$_} for qw(cmd_get cmd_set cmd_touch delete_hits delete_misses);
    return \%grown;
}

sub connection {
    my ($self) = @_;
    return $self->{connection} if $self->{connection};
    my $socket =
      $self->{socket}
      ? IO::Socket::UNIX->new( Peer => $self->{address} )
      : IO::Socket::IP->new(
        PeerHost => $self->{host},
        PeerPort => $self->{port},
      );
    die "can't reach memcached $self->{address}: $!" if !$socket;
    $socket->autoflush(1);
    binmode $socket;
    return $self->{connection} = $socket;
}

# Returns when it has stopped, so nothing is answered any more.
sub pause {
    my ($self) = @_;
    kill STOP => $self->{pid};
    waitpid $self->{pid}, POSIX::WUNTRACED();
    return;
}

sub resume { kill CONT => $_[0]{pid}; return }

# What a power cut does: no goodbye. `restart` then brings it back empty.
sub crash {
    my ($self) = @_;
    delete $self->{connection};
    kill KILL => $self->{pid};
    $self->reap;
    return;
}

sub restart {
    my ($self) = @_;
    $self->crash            if $self->{pid};
    unlink $self->{address} if $self->{socket};
    $self->run or die "memcached does not start again on $self->{address}";
    return;
}

sub reap {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    kill KILL => $pid;
    waitpid $pid, 0;
    Fixture::Watchdog::release($pid);
    return;
}

# The process, and the thread in it: a new one gets copies of all objects.
sub owner { return $$ . '.' . ( threads->can('tid') ? threads->tid : 0 ) }

sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} ne owner();
    local ( $?, $!, $@ );
    $self->reap;
    return;
}

1;
