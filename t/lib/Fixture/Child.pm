package Fixture::Child;

# Work in another process, and what came of it.
#
#     my $child = in_fork { …; 'result' };            # shares what is open
#     my $child = in_perl( $code, @arguments );       # a perl of its own
#     my $child = in_tainted_perl( $code, @arguments );
#     my $result = $child->finish;                    # dies as the child did
#
# A forked child ends without running END blocks, but objects that its block
# held have been destroyed by then.

use strict;
use warnings;

use Exporter 'import';
use POSIX             ();
use Fixture::Watchdog ();

our @EXPORT = qw(in_fork in_perl in_tainted_perl);

sub in_fork (&) {
    my ($block) = @_;
    pipe my $reader, my $writer or die "pipe: $!";
    my $pid = fork // die "fork: $!";
    if ( !$pid ) {
        close $reader;
        my $result = eval { $block->() // '' };
        my $error  = $@;
        print {$writer} defined $result ? "+$result" : "-$error";
        close $writer;
        POSIX::_exit(0);
    }
    return started( $pid, $reader );
}

# The code prints its result; what it warns of is part of it.
sub in_perl         { return run_perl( '-we',  @_ ) }
sub in_tainted_perl { return run_perl( '-Twe', @_ ) }

sub run_perl {
    my ( $switches, $code, @arguments ) = @_;
    my @library = map { "-I$_" } grep { !ref } @INC;
    my $pid     = open( my $reader, '-|' ) // die "fork: $!";
    if ( !$pid ) {
        open STDERR, '>&', \*STDOUT;
        exec {$^X} $^X, @library, $switches, "\$| = 1; print '+'; $code", '--',
          @arguments or POSIX::_exit(127);
    }
    return started( $pid, $reader );
}

sub started {
    my ( $pid, $reader ) = @_;
    Fixture::Watchdog::guard($pid);
    return bless { pid => $pid, reader => $reader, owner => $$ }, __PACKAGE__;
}

sub pid { return $_[0]{pid} }

sub finish {
    my ($self) = @_;
    my $reader = delete $self->{reader} or return;
    my $answer = do { local $/; <$reader> }
      // '';
    local $?;
    close $reader;
    waitpid $self->{pid}, 0;
    Fixture::Watchdog::release( delete $self->{pid} );
    return substr $answer, 1 if $answer =~ /^\+/;
    die $answer eq '' ? "a child ended without a word\n" : substr $answer, 1;
}

sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$ || !$self->{pid};
    local ( $?, $!, $@ );
    kill KILL => $self->{pid};
    waitpid $self->{pid}, 0;
    Fixture::Watchdog::release( $self->{pid} );
    return;
}

1;
