# Signals interrupt a wait: a handler that dies ends it at once and leaves nothing
# behind; one that returns lets it go on with the time that is left (DESIGN §6).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs 'memcached';
use Test::More;

use Errno      ();
use File::Temp ();
use IO::Socket::UNIX;
use Socket      qw(SOCK_STREAM pack_sockaddr_un);
use Time::HiRes qw(time ualarm setitimer ITIMER_REAL);
use Fixture::Memcached;
use Fixture::Scripted;
use Fixture::Session;
use Fixture::Wait;

my $memcached = Fixture::Memcached->start;
my $direct    = { servers => [ $memcached->address ] };

my @scripted;

sub behind {
    my (@script) = @_;
    push @scripted, Fixture::Scripted->start( upstream => $memcached, script => \@script );
    return { servers => [ $scripted[-1]->address ], io_timeout => 10 };
}

my %steps = (
    'a new session' => sub { create( $_[0] ) },
    'reading'       => sub { contents(@_) },
);

for my $name ( sort keys %steps ) {
    subtest "$name: a handler that dies" => sub {
        my $id        = create( $direct, a => 1 );
        my $arguments = behind( ['silent'] );
        my $took      = elapsed {
            local $SIG{ALRM} = sub { die "alarm\n" };
            ualarm 200_000;
            $steps{$name}->( $arguments, $id );
        };
        ualarm 0;
        is $@, "alarm\n", 'ends the wait with its own words';
        cmp_ok $took, '>', 0.19, 'not before';
        cmp_ok $took, '<', 2,    'and soon';
        is eval { contents( $arguments, $id )->{a} }, 1, 'the next request works'
          or diag $@;
    };
}

subtest 'saving: a handler that dies' => sub {
    my $id        = create( $direct, a => 1 );
    my $arguments = behind( [ 'pass', 'silent' ] );
    tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
    $session{a} = 2;
    my $took = elapsed {
        local $SIG{ALRM} = sub { die "alarm\n" };
        ualarm 200_000;
        tied(%session)->save;
    };
    ualarm 0;
    is $@, "alarm\n", 'ends the wait with its own words';
    cmp_ok $took, '<', 2, 'soon';
    ok eval { tied(%session)->save; 1 }, 'it can be saved again' or diag $@;
    untie %session;
    is contents( $direct, $id )->{a}, 2, 'and is';
};

subtest 'a connect that is not accepted' => sub {
    my $dir      = File::Temp->newdir;
    my $listener = IO::Socket::UNIX->new( Local => "$dir/full", Listen => 1 ) or die "can't listen: $!";

    # A queue that is full lets nobody in, and lets them wait.
    my @queue;
    until ( $!{EAGAIN} ) {
        push @queue, IO::Socket::UNIX->new( Type => SOCK_STREAM ) or die "socket: $!";
        $queue[-1]->blocking(0);
        $! = 0;
        CORE::connect $queue[-1], pack_sockaddr_un("$dir/full");
        die "connect: $!" if $! && !$!{EAGAIN};
    }
    my $arguments = { servers => ["$dir/full"], connect_timeout => 10 };
    for my $name ( sort keys %steps ) {
        my ( $fired, $returned ) = (0) x 2;
        my $took = elapsed {
            local $SIG{ALRM} = sub { return if !$returned++; $fired = time; die "alarm\n" };
            setitimer( ITIMER_REAL, 0.1, 0.1 );
            $steps{$name}->( $arguments, 'ab' x 16 );
        };
        my $late = time - $fired;
        setitimer( ITIMER_REAL, 0 );
        is $@, "alarm\n", "$name: a handler that dies ends it with its own words, one that returns does not";
        cmp_ok $took, '>=', 0.19, 'at the second alarm';
        cmp_ok $late, '<', 2, sprintf 'at once: %.1f ms after it fired', 1000 * $late;
    }
};

subtest 'a handler that returns' => sub {
    my $id        = create( $direct, a => 1 );
    my $arguments = behind( [ [ late => 0.6 ] ] );
    my $count     = 0;
    local $SIG{ALRM} = sub { $count++ };
    setitimer( ITIMER_REAL, 0.1, 0.1 );
    my $read = eval { contents( $arguments, $id )->{a} };
    setitimer( ITIMER_REAL, 0 );
    is $read, 1, 'does not break the operation' or diag $@;
    cmp_ok $count, '>=', 3, 'and ran while it waited';
};

subtest 'signals do not prolong the wait' => sub {
    my $arguments = { %{ behind( ['silent'] ) }, io_timeout => 0.5 };
    local $SIG{ALRM} = sub { };
    setitimer( ITIMER_REAL, 0.05, 0.05 );
    my $took = elapsed { contents( $arguments, 'ab' x 16 ) };
    setitimer( ITIMER_REAL, 0 );
    like $@, qr/^memcached /, 'dies';
    cmp_ok $took, '<', 1.5, 'at the deadline';
};

subtest 'a handler that uses sessions itself' => sub {
    my $id        = create( $direct, a => 1 );
    my $other     = create( $direct, n => 0 );
    my $arguments = behind( [ [ late => 0.3 ] ] );
    local $SIG{ALRM} = sub {
        change( $direct,    $other, sub { $_[0]{n}++ } );
        change( $arguments, $other, sub { $_[0]{n}++ } );
    };
    ualarm 100_000;
    my $read = eval { contents( $arguments, $id )->{a} };
    ualarm 0;
    is $read,                            1, 'does not break the operation' or diag $@;
    is contents( $direct, $other )->{n}, 2, 'and does its own';
};

subtest 'a handler that saves the session that is being saved' => sub {
    my $id        = create( $direct, a => 1 );
    my $arguments = behind( [ 'pass', [ late => 0.3 ] ] );
    tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
    $session{a} = 2;
    my $inner = 'not run';
    local $SIG{ALRM} = sub {
        $inner = error_of { tied(%session)->save };
    };
    ualarm 100_000;
    is error_of { tied(%session)->save }, '', 'does not break the operation';
    ualarm 0;
    unlike $inner, qr/internal error|not run/, 'and is told in plain words, or nothing';
    untie %session;
    is contents( $direct, $id )->{a}, 2, 'what was saved is there';
};

subtest 'a handler that stores into the session that is being saved' => sub {
    my $id        = create( $direct, a => 1 );
    my $arguments = behind( [ 'pass', [ late => 0.3 ] ] );
    tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
    $session{a} = 2;
    local $SIG{ALRM} = sub { $session{late} = 1 };
    ualarm 100_000;
    is error_of { tied(%session)->save }, '', 'does not break the operation';
    ualarm 0;
    untie %session;
    is_deeply contents( $direct, $id ), { _session_id => $id, a => 2, late => 1 }, 'and is not lost';
};

subtest 'SIGPIPE' => sub {
    my $raised = 0;
    local $SIG{PIPE} = sub { $raised++ };
    my $server = Fixture::Memcached->start;
    my $there  = { servers => [ $server->address ] };
    my $id     = create($there);
    $server->restart;
    contents( $there, $id );
    create($there) for 1 .. 3;
    $server->crash;
    error_of { create($there) } for 1 .. 3;
    is $raised, 0, 'is never raised';
};

done_testing;
