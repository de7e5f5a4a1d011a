package Fixture::Memd;

# The operators' program, as it was built.
#
#     my $run = memd( '--servers', $address, 'show', $id );
#     $run->{status}, $run->{out}, $run->{err}            # bytes
#     memd( { in => $bytes, env => { LC_ALL => 'C' } }, … );
#     on_terminal( { in => "y\n" }, … )                   # standard streams are a terminal
#     place( \%arguments )                                # tie's arguments as its options

use strict;
use warnings;

use Exporter 'import';
use File::Spec        ();
use File::Temp        ();
use POSIX             ();
use Fixture::Needs    ();
use Fixture::Watchdog ();

our @EXPORT = qw(memd memd_program on_terminal place begin_memd);

sub memd_program { return File::Spec->rel2abs( $ENV{MEMD} // 'blib/script/memd' ) }

sub memd {
    my %option = ref $_[0] ? %{ +shift } : ();
    return run( \%option, memd_program(), @_ );
}

# Begins one that the caller signals and ends: its pid.
sub begin_memd {
    my @arguments = @_;
    my $pid       = fork // die "fork: $!";
    if ( !$pid ) {
        @SIG{qw(INT TERM)} = ('DEFAULT') x 2;    # a shell has what it runs in the background ignore SIGINT
        open STDIN,  '<', '/dev/null';
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        exec { memd_program() } 'memd', @arguments or POSIX::_exit(127);
    }
    Fixture::Watchdog::guard($pid);
    return $pid;
}

# What it says comes in `out`, all of it, with the terminal's line ends.
sub on_terminal {
    my %option = ref $_[0] ? %{ +shift } : ();
    my $line   = join q{ }, map { s/'/'\\''/gr =~ s/(.*)/'$1'/sr } memd_program(), @_;
    return run( \%option, Fixture::Needs::program('script'), '-qefc', $line, '/dev/null' );
}

sub run {
    my ( $option, @command ) = @_;
    my ( $in, $out, $err ) = map { File::Temp->new } 1 .. 3;
    binmode $in;
    print {$in} $option->{in} // '';
    $in->flush;
    my $pid = fork // die "fork: $!";
    if ( !$pid ) {
        my %environment = ( LC_ALL => 'C.UTF-8', MEMD_CONFIG => undef, %{ $option->{env} // {} } );
        for my $name ( keys %environment ) {
            delete $ENV{$name};
            $ENV{$name} = $environment{$name} if defined $environment{$name};
        }
        open STDIN,  '<', $in->filename or POSIX::_exit(126);
        open STDOUT, '>', $out->filename;
        open STDERR, '>', $err->filename;
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    Fixture::Watchdog::guard($pid);
    waitpid $pid, 0;
    my $status = $? & 127 ? 128 + ( $? & 127 ) : $? >> 8;
    Fixture::Watchdog::release($pid);
    return { status => $status, out => slurp($out), err => slurp($err) };
}

sub slurp {
    my ($file) = @_;
    open my $handle, '<:raw', $file->filename or die $!;
    local $/;
    return scalar <$handle> // '';
}

sub place {
    my ($arguments) = @_;
    return map { ( '--servers', ref $_ ? join '=', @$_ : $_ ) } @{ $arguments->{servers} };
}

1;
