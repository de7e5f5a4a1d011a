package Fixture::WebServer;

# A web server on a free loopback port, with Fixture::Application: what its
# kinds, Fixture::Apache and Fixture::Starman, have in common.
#
#     my $server = Fixture::Apache->start( $session_server, mpm => 'event' );
#     my $server = Fixture::Starman->start($session_server);
#     $server->url               # http://127.0.0.1:PORT
#     $server->workers           # the pids of the processes that answer
#     $server->parallel          # how many requests it answers at once
#     $server->restart           # gracefully; returns when new ones answer
#     $server->log               # what it has complained of
#
# Where `$session_server` is undef, the embedded store in a directory of the
# server's own. It answers when `start` returns, and ends with the object, with
# all its processes. A kind has the methods `prepare`, which writes what the server
# reads, `execute`, which becomes the server, `graceful`, the signal for a restart, and
# `parallel`.

use strict;
use warnings;

use File::Spec ();
use File::Temp ();
use HTTP::Tiny;
use POSIX         ();
use Fixture::Port qw(free_port);
use Fixture::Wait;
use Fixture::Watchdog ();

sub start {
    my ( $class, $session_server, %option ) = @_;
    my $self = bless { workers => 2, %option, owner => $$ }, $class;
    $self->{directory}      = $self->runtime_directory;
    $self->{session_server} = $session_server // "embedded:$self->{directory}/sessions";
    for my $try ( 1 .. 5 ) {
        $self->{port} = free_port();
        $self->prepare;
        return $self if $self->run;
        last         if $self->log !~ /address already in use/i;
    }
    die "$class does not start:\n" . $self->log;
}

sub url { return "http://127.0.0.1:$_[0]{port}" }
sub pid { return $_[0]{pid} }

# How many processes answer.
sub size { return $_[0]{workers} }

# As root, the processes that answer are another user's, who may not have access to
# where root keeps temporary files.
sub user { return $> == 0 ? 'www-data' : undef }

sub runtime_directory {
    my ($self) = @_;
    my $directory = File::Temp->newdir( 'web-XXXXXX', $self->user ? ( DIR => '/tmp' ) : ( TMPDIR => 1 ) );
    mkdir "$directory/sessions", oct 700 or die "$directory/sessions: $!";
    if ( my $user = $self->user ) {
        my ( $uid, $gid ) = ( getpwnam $user )[ 2, 3 ];
        chown $uid, $gid, "$directory/sessions" or die "$directory/sessions: $!";
        chmod oct 711, "$directory" or die "$directory: $!";
    }
    return $directory;
}

# Where perl looks for modules here.
sub library {
    return map { File::Spec->rel2abs($_) } grep { !ref } @INC;
}

# A process group of its own: a server that ends signals its whole group.
sub run {
    my ($self) = @_;
    my $pid = fork // die "fork: $!";
    if ( !$pid ) {
        POSIX::setsid();
        open STDIN,  '<',  '/dev/null';
        open STDOUT, '>',  '/dev/null';
        open STDERR, '>>', "$self->{directory}/error.log";
        $self->execute or POSIX::_exit(127);
    }
    $self->{pid} = $pid;
    Fixture::Watchdog::guard( -$pid );
    my $ready = until_true {
        return -1 if waitpid( $pid, POSIX::WNOHANG() ) == $pid;
        return $self->answers && @{ $self->workers } == $self->size;
    }
    20;
    return 1 if $ready && $ready ne '-1';
    $self->stop;
    return;
}

sub answers {
    my ($self) = @_;
    return HTTP::Tiny->new( timeout => 5 )->get( $self->url . '/plain' )->{success};
}

# The children of the server's first process, as long as they are not on their
# way out.
sub workers {
    my ($self) = @_;
    my @children = grep { parent_of($_) == $self->{pid} } map { m{(\d+)\z} } glob '/proc/[0-9]*';
    return [ sort { $a <=> $b } @children ];
}

sub parent_of {
    my ($pid) = @_;
    open my $file, '<', "/proc/$pid/stat" or return 0;
    my ($parent) = ( <$file> // '' ) =~ /.*\) \S (\d+)/ or return 0;
    return $parent;
}

# Bytes of memory that a process has for itself.
sub memory_of {
    my ( $self, $pid ) = @_;
    open my $file, '<', "/proc/$pid/status" or die "process $pid has ended\n";
    my ($kilobytes) = map { /^RssAnon:\s*(\d+)/ } <$file>;
    return 1_024 * $kilobytes;
}

# A process that has just begun misses the signal, so it is sent again.
sub restart {
    my ($self) = @_;
    my %former = map { $_ => 1 } @{ $self->workers };
    for my $try ( 1 .. 3 ) {
        kill $self->graceful => $self->{pid};
        my $restarted = until_true {
            my @workers = @{ $self->workers };
            return @workers == $self->size && !grep { $former{$_} } @workers;
        };
        return if $restarted;
    }
    die ref($self) . " does not restart:\n" . $self->log;
}

sub log {    ## no critic (what it is)
    my ($self) = @_;
    open my $file, '<', "$self->{directory}/error.log" or return '';
    return join '', grep { !/:notice\]|reached MaxRequestWorkers/ } <$file>;
}

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    kill TERM => $pid;
    until_true { waitpid( $pid, POSIX::WNOHANG() ) == $pid } 10;
    kill KILL => -$pid;
    waitpid $pid, 0;
    Fixture::Watchdog::release( -$pid );
    return;
}

sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$;
    local ( $?, $!, $@ );
    $self->stop;
    return;
}

1;
