package Apache::Session::Memorycached::Storable::File;

use 5.020;
use strict;
use warnings;

our $VERSION = '3.000';

use Carp         qw(croak);
use Cwd          ();
use Exporter     qw(import);
use Fcntl        qw(:flock O_CREAT O_EXCL O_WRONLY);
use File::Spec   ();
use IO::Handle   ();
use Scalar::Util qw(blessed);

our @EXPORT_OK = qw(read_all replace overwrite_locked);

# What is wrong is wrong where Storable.pm is called.
our @CARP_NOT = ('Apache::Session::Memorycached::Storable');

sub read_all {
    my ( $file, $locked ) = @_;
    $file = _name($file);
    open my $handle, '<:raw', $file or croak "can't open $file: $!";
    croak "can't get shared lock on $file: $!" if $locked && !_lock( $handle, LOCK_SH );
    my ( $bytes, $read ) = ('');
    while ( $read = read $handle, $bytes, 1 << 20, length $bytes ) { }
    croak "can't read $file: $!" if !defined $read;
    return $bytes;
}

# All or nothing: the bytes go into a file beside, which then takes the old one's place.
sub replace {
    my ( $file, $bytes ) = @_;
    $file = _name($file);
    my $path = !ref $file && -l $file ? Cwd::abs_path($file) // $file : $file;
    my ( $handle, $beside ) = _open_beside($path) or return _overwrite( $file, $path, $bytes );
    _fill( $handle, $bytes, $file, $beside );
    return if rename $beside, $path;
    my $why = $!;
    unlink $beside;
    croak "can't create $file: $why";
}

# In place, for a lock is on a file, not on its name.
sub overwrite_locked {
    my ( $file, $bytes ) = @_;
    $file = _name($file);
    my $handle;
    do {
        open $handle, '>>', $file or croak "can't write into $file: $!";
        _lock( $handle, LOCK_EX ) or croak "can't get exclusive lock on $file: $!";
    } until _is_at( $handle, $file );    # another may have taken its place while we waited
    croak "can't write into $file: $!" if -s $handle && !truncate $handle, 0;
    return _fill( $handle, $bytes, $file, $file );
}

# What `open` takes: an object's text is the name, a reference to a scalar stays one.
sub _name {
    my ($file) = @_;
    return blessed $file ? "$file" : $file // '';
}

# Nothing where a new file can't stand for the old one: a device, one of several names of a file, a file whose owner we
# can't give to ours, a directory that is closed to us.
sub _open_beside {
    my ($path) = @_;
    return if ref $path;
    my @old = stat $path;
    return if @old ? !-f _ || $old[3] > 1 : !$!{ENOENT};
    my $mode = @old ? $old[2] & oct 7777 : oct 666;
    my ( $volume, $directory ) = File::Spec->splitpath($path);
    for my $n ( 0 .. 99 ) {
        my $beside = File::Spec->catpath( $volume, $directory, ".storable-$$-$n" );
        if ( sysopen my $handle, $beside, O_WRONLY | O_CREAT | O_EXCL, $mode ) {
            return ( $handle, $beside ) if !@old || chown( @old[ 4, 5 ], $handle ) && chmod $mode, $handle;
            unlink $beside;
            return;
        }
        return if !$!{EEXIST};
    }
    return;
}

sub _overwrite {
    my ( $file, $path, $bytes ) = @_;
    open my $handle, '>', $path or croak "can't create $file: $!";
    return _fill( $handle, $bytes, $file, $path );
}

# A part of the bytes is worse than no file.
sub _fill {
    my ( $handle, $bytes, $file, $path ) = @_;
    local ( $,, $\ );
    return if binmode $handle and print {$handle} $bytes and $handle->flush and close $handle;
    my $why = $!;
    unlink $path if !ref $path && -f $path;
    close $handle;
    croak "can't write $file: $why";
}

# A signal whose handler returns is no reason to give up.
sub _lock {
    my ( $handle, $how ) = @_;
    until ( flock $handle, $how ) {
        return 0 if !$!{EINTR};
    }
    return 1;
}

sub _is_at {
    my ( $handle, $file ) = @_;
    my @locked = stat $handle;
    my @named  = stat $file;
    return @named && $locked[0] == $named[0] && $locked[1] == $named[1];
}

1;

__END__

=head1 NAME

Apache::Session::Memorycached::Storable::File - files that are read and replaced as a whole

=head1 SYNOPSIS

    use Apache::Session::Memorycached::Storable::File qw(read_all replace overwrite_locked);

    replace( '/var/lib/counter', '1' );
    overwrite_locked( '/var/lib/counter', '2' );
    my $bytes = read_all( '/var/lib/counter', 'locked' );

=head1 DESCRIPTION

What L<Apache::Session::Memorycached::Storable> does with files; there it is told when a
file is replaced, and when overwritten. All functions take a name, an object whose text is
one, or a reference to a scalar in place of a file. They die at the line where that
module was called, with the file's name and the system's words.

=head1 FUNCTIONS

=over 4

=item read_all($file, $locked)

The bytes of a file; with a true C<$locked>, under a shared lock.

=item replace($file, $bytes)

Puts a new file with these bytes in the place of the old one, or does nothing.

=item overwrite_locked($file, $bytes)

Writes the bytes into the file, under an exclusive lock.

=back

=head1 SEE ALSO

L<Apache::Session::Memorycached::Storable>

=head1 COPYRIGHT AND LICENSE

This is free software, under the same terms as Perl 5 itself. See
L<Apache::Session::Memorycached/COPYRIGHT AND LICENSE>.

=cut
