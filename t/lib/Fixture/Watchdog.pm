package Fixture::Watchdog;

# Bounds a test file in time, and ends what it started if it dies.
#
#     use Fixture::Watchdog limit => 60;    # seconds; load it first
#     Fixture::Watchdog::guard($pid);      # end this one, too
#
# A process of its own, because neither `alarm` nor END helps when native code
# hangs or crashes, and because some tests need SIGALRM for themselves.

use strict;
use warnings;

use POSIX       ();
use Time::HiRes qw(time);

my ( $owner, $watchdog, $leash );

sub import {
    my ( $class, %option ) = @_;
    my $limit = $option{limit};
    return if $watchdog || !$limit;
    $owner = $$;
    pipe my $reader, $leash or die "pipe: $!";
    $watchdog = fork // die "fork: $!";
    if ( !$watchdog ) {
        close $leash;
        open STDOUT, '>', '/dev/null';              # prove waits for the end of it
        @SIG{qw(INT TERM HUP)} = ('IGNORE') x 3;    # meant for the owner, too: its end is seen
        watch( $reader, $limit );
        POSIX::_exit(0);
    }
    close $reader;
    return;
}

sub guard   { return tell_watchdog("+$_[0]\n") }
sub release { return tell_watchdog("-$_[0]\n") }

sub tell_watchdog {
    my ($line) = @_;
    return if !$watchdog || $$ != $owner;
    syswrite $leash, $line;
    return;
}

sub watch {
    my ( $reader, $limit ) = @_;
    my $deadline = time + $limit;
    my ( $buffer, %guarded ) = ('');
    while (1) {
        my $left = $deadline - time;
        my $bits = '';
        vec( $bits, fileno $reader, 1 ) = 1;
        if ( $left <= 0 || !select $bits, undef, undef, $left ) {
            print {*STDERR} "# $0 took more than $limit s: ended\n";
            kill KILL => $owner;
            last;
        }
        sysread $reader, $buffer, 4096, length $buffer or last;
        while ( $buffer =~ s/^([+-])(-?\d+)\n// ) {
            $1 eq '+' ? $guarded{$2} = 1 : delete $guarded{$2};
        }
    }
    kill KILL => keys %guarded if %guarded;
    return;
}

END {
    if ( $watchdog && $$ == $owner ) {
        my $status = $?;
        kill KILL => $watchdog;
        waitpid $watchdog, 0;
        undef $watchdog;
        $? = $status;
    }
}

1;
