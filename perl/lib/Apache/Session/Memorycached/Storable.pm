package Apache::Session::Memorycached::Storable;

use 5.020;
use strict;
use warnings;

our $VERSION = '3.000';

use Carp     qw(croak);
use Exporter qw(import);
use Storable ();

use Apache::Session::Memorycached::Native         ();
use Apache::Session::Memorycached::Storable::File qw(read_all replace overwrite_locked);

use constant {
    BLESS_OK     => 2,
    TIE_OK       => 4,
    FLAGS_COMPAT => 6,
};

our @EXPORT    = qw(store retrieve);
our @EXPORT_OK = qw(
  freeze nfreeze thaw dclone nstore lock_store lock_nstore lock_retrieve
  BLESS_OK TIE_OK FLAGS_COMPAT
);
our %EXPORT_TAGS = ( all => [ @EXPORT, @EXPORT_OK ] );

# Hooks ask Storable what is being done. While that is done here, the answer is ours.
{
    no strict 'refs';
    no warnings 'redefine';
    for my $question (qw( is_storing is_retrieving last_op_in_netorder )) {
        my ( $ours, $theirs ) = ( \&$question, \&{"Storable::$question"} );
        *{"Storable::$question"} = sub () { is_storing() || is_retrieving() ? $ours->() : $theirs->() };
    }
}

# Storable's variables under our name, too. Whole globs: `local` separates two that share no more than a scalar.
BEGIN {
    no strict 'refs';
    *{$_} = *{"Storable::$_"} for qw(
      canonical forgive_me Deparse Eval flags accept_future_minor recursion_limit recursion_limit_hash
    );
}
{ package Storable; our ( $Deparse, $Eval, $flags ) }    # which it, or one of its versions, does not declare itself

# freeze, nfreeze, thaw, dclone, _file_image, _thaw_file and _limits are native.

# Storable's own limits protect its C stack, which is not used here. Only what a program has set is obeyed.
# Storable 2 has none.
_limits( $Storable::recursion_limit // 0, $Storable::recursion_limit_hash // 0 );

sub store       { return _store( \&replace,          0, @_ ) }
sub nstore      { return _store( \&replace,          1, @_ ) }
sub lock_store  { return _store( \&overwrite_locked, 0, @_ ) }
sub lock_nstore { return _store( \&overwrite_locked, 1, @_ ) }

sub retrieve      { return _retrieve( 0, @_ ) }
sub lock_retrieve { return _retrieve( 1, @_ ) }

sub _store {
    my ( $write, $network_order, $reference, $file ) = @_;
    croak 'not a reference'       if !ref $reference;
    croak 'wrong argument number' if @_ != 4;
    $write->( $file, _for_caller( \&_file_image, $reference, $network_order ) );
    return 1;
}

sub _retrieve {
    my ( $locked, $file, @options ) = @_;
    return _for_caller( \&_thaw_file, read_all( $file, $locked ), @options );
}

# A native function's own errors name the line that calls it, which is here. Those of hooks name theirs.
sub _for_caller {
    my ( $native, @arguments ) = @_;
    my ( $result, $error );
    {
        local $@;
        eval { $result = $native->(@arguments); 1 } and return $result;
        $error = $@;
    }
    croak $1 if $error =~ m{\A(.*) at \Q${\ __FILE__ }\E line [0-9]+(?:, <.*> (?:line|chunk) [0-9]+)?\.\n\z}s;
    die $error;
}

1;

__END__

=encoding UTF-8

=head1 NAME

Apache::Session::Memorycached::Storable - Storable's functions, made safe for bytes from elsewhere

=head1 SYNOPSIS

    use Apache::Session::Memorycached::Storable qw(:all);

    my %cart = ( book => { title => 'Walden', count => 2 } );

    # To a string and back, on this machine or another.
    my $frozen = nfreeze( \%cart );
    my $again  = thaw($frozen);

    # A copy that shares nothing with the original.
    my $copy = dclone( \%cart );

    # To a file and back.
    nstore( \%cart, '/var/lib/shop.cart' );
    my $stored = retrieve('/var/lib/shop.cart');

    # Bytes that somebody else may have made.
    my $plain = thaw( $frozen, classes => [], max_depth => 100, max_size => 1_000_000 );

=head1 DESCRIPTION

The functions of L<Storable>, from a native library that writes the same bytes and reads
everything that any Storable wrote. A program that uses Storable can use this module in
its place: names, arguments, variables, hooks and error texts are Storable's. What differs
is listed under L</DIFFERENCES>.

It is the codec of L<Apache::Session::Memorycached>, for use on its own; it needs no
Apache::Session. L<Apache::Session::Serialize::Memorycached> gives it to other session stores.

C<store> and C<retrieve> are exported by default, as Storable does; the other functions
and the constants are on request, and C<:all> is all of them.

=head1 FUNCTIONS

All of them die when they fail, at the caller's line, and leave C<$@> as it was when they
do not.

=head2 freeze($reference), nfreeze($reference)

What the reference leads to, as a string of bytes. C<nfreeze> writes numbers in network
order, for any machine; C<freeze> in this machine's own.

=head2 thaw($bytes), thaw($bytes, $flags), thaw($bytes, %options)

A reference to what was frozen, with whatever order and whatever version of Storable. For
C<undef> it is C<undef>. See L</OPTIONS>.

=head2 dclone($reference)

A copy of what the reference leads to, with all that lies below it. It is C<freeze> and
C<thaw> in one, and goes by the same variables, but for C<$flags>.

=head2 store($reference, $file), nstore($reference, $file)

The same for files; true when it is done. The content is made first: what can't be
stored leaves the file as it was. It is then written into a new file in the same directory,
F<.storable-PID-N>, which takes the place of the old one with its mode, owner and group.
So whoever reads the file at any time, finds the old or the new content, and a full disk
leaves the old. It is not forced to the disk.

A symbolic link is followed. What such a new file can't stand for is overwritten instead,
as Storable does to every file: a device or pipe; a file with several names, or whose owner
it can't have; and a file in a directory that this process may not write. Where that fails
halfway, a plain file is removed.

=head2 retrieve($file), retrieve($file, $flags), retrieve($file, %options)

A reference to what was stored in a file. C<$file>, here and above, may be a reference to
a scalar, as with C<open>.

=head2 lock_store($reference, $file), lock_nstore($reference, $file), lock_retrieve($file)

The same with C<flock>: they wait until nobody else has locked the file. Programs
that use Storable's C<lock_store> and C<lock_retrieve> take the same locks. C<lock_store>
overwrites the file, for a lock belongs to a file and not to its name; where that fails
halfway, the file is removed. C<lock_retrieve> takes what C<retrieve> takes.

=head2 is_storing, is_retrieving, last_op_in_netorder

For hooks: whether this is called while something is frozen or thawed here, and whether the last image was in network
order. C<Storable::is_storing> and so on, which hooks call, answer for this module while it is at work.

=head1 OPTIONS

C<thaw>, C<retrieve> and C<lock_retrieve> take them.

=over 4

=item flags

The sum of what may be made of the bytes; a number in place of the options is the same.
Default: C<$Storable::flags>, which is both.

=over 4

=item BLESS_OK

Objects. Without it, what was one becomes plain data; for a class with hooks, an empty array, hash
or scalar. No class is asked, and none is loaded.

=item TIE_OK

Tied variables. Without it, they die.

=back

C<FLAGS_COMPAT> is both of them.

=item classes

Which classes may be blessed into: a reference to an array of names and C<qr//>. C<[]>
allows none. A class that is not allowed dies, before any of its code is run or loaded.
Regular expressions are objects of the class C<Regexp>. Default: any.

=item max_depth

How many arrays, hashes and references may lie in one another; an array in an array counts
as two. Default: 10000, or what C<$Storable::recursion_limit> says.

=item max_size

How many bytes are looked at; more of them die. Default: no limit.

=back

=head1 VARIABLES

They are Storable's, under its name and ours: C<$Storable::canonical> is
C<$Apache::Session::Memorycached::Storable::canonical>. C<local> works on both.

=over 4

=item $canonical

True: hashes are written with their keys sorted, so that the same content gives the same
bytes.

=item $forgive_me

True: in place of what can't be stored a text is, C<You lost CODE(0x...)>, with a warning; and
code that may not be revived becomes its source. Otherwise both die.

=item $Deparse

True: code is stored, as the source that L<B::Deparse> makes of it. What it closes over is
lost. Default: false, code can't be stored.

=item $Eval

True: stored code is compiled. A reference to a sub: it is called with the source, and
returns the code, or dies. Default: false, code is not revived.

    my $compartment = Safe->new;
    local $Storable::Eval = sub { return $compartment->reval( $_[0] ) };

=item $flags

See L</OPTIONS>.

=item $accept_future_minor

False: images that say that they are of a later version die. Otherwise they are read, as far as
they hold what is known here. Default: true.

=item $recursion_limit

=item $recursion_limit_hash

How many levels of arrays and references, and how many of hashes, may lie in one another;
-1 leaves it at the default of C<max_depth>. Storable sets both when it is loaded, to what its
own stack can bear. That stack is not used here: only a value that is another than it was when
this module was loaded counts.

=back

C<$Storable::downgrade_restricted>, C<$drop_utf8> and C<$interwork_56_64bit> have no
meaning here.

=head1 HOOKS

Objects whose class has a method C<STORABLE_freeze> freeze themselves; those with
C<STORABLE_thaw> or C<STORABLE_attach> make themselves again. All is as L<Storable/Hooks>
describes. When neither of the latter two is there, the module of the class is loaded, if
C<classes> allows the class.

A hook that dies ends the call, and what it died of comes out: an object as the same object, a text as
it was. C<exit> ends the program; C<next>, C<last> and C<goto> don't leave a
hook. Hooks may freeze, thaw and clone, up to 100 calls inside each other. They may change what
is being stored or made, too: what is stored then is what was there before or after, and
always can be read.

=head1 WHAT IS SUPPORTED

Every tag of the format, up to Storable 3.32:

    tag  meaning                                    written  read
      0  something that was stored before           yes      yes
      1  string of bytes, longer than 255           yes      yes
      2  array                                      yes      yes
      3  hash                                       yes      yes
      4  reference                                  yes      yes
      5  undef                                      yes      yes
      6  integer of 64 bits                         yes      yes
      7  double                                     yes      yes
      8  integer of 8 bits                          yes      yes
      9  integer of 32 bits                         yes      yes
     10  string of bytes                            yes      yes
     11  tied array                                 yes      yes, with TIE_OK
     12  tied hash                                  yes      yes, with TIE_OK
     13  tied scalar                                yes      yes, with TIE_OK
     14  perl's own undef; no element               yes      yes
     15  perl's own true                            yes      yes
     16  perl's own false                           yes      yes
     17  object, class by its name                  yes      yes, by classes
     18  object, class by its number                yes      yes, by classes
     19  object that a hook froze                   yes      yes, by classes
     20  reference to an object with overloading    yes      yes, by classes
     21  element of a tied hash                     yes      yes, with TIE_OK
     22  element of a tied array                    yes      yes, with TIE_OK
     23  text                                       yes      yes
     24  text, longer than 255 bytes                yes      yes
     25  restricted hash, or one with UTF-8 keys    yes      yes, keys as text
     26  code                                       $Deparse $Eval
     27  weak reference                             yes      yes
     28  weak reference, with overloading           yes      yes, by classes
     29  v-string                                   yes      yes
     30  v-string, longer than 255                  yes      yes
     31  perl's own undef as an element             yes      yes
     32  regular expression                         yes      yes, by classes
     33  what is longer than 2 GB                   yes      yes
     34  boolean, true                              no       yes
     35  boolean, false                             no       yes

Booleans are written as Storable 3.26 does: as C<1> and the empty string, or by the tags 15 and 16.
Storable 3.32 writes them by 34 and 35, which older ones can't read. A regular expression that is an object with
a hook is written as 3.32 does; 3.26 refuses that.

Images and files of older Storables are read, back to 0.1, and those of other machines: in
either byte order, with integers of 4 or 8 bytes and doubles of 8.

Refused is what has no form outside its process, by C<Can't store GLOB items> and so on:
globs, file handles, formats, and code without C<$Deparse>; and objects of perl's C<class> feature.

=head1 DIFFERENCES

What is different from Storable 3.26.

What is read:

=over 4

=item *

Bytes that are cut off die, where Storable's C<thaw> returns C<undef>. So do bytes that go on after the end, lengths
and numbers that the bytes can't bear out, and text that is not UTF-8; and keys of hashes that are stored as
values, which no Storable writes.

=item *

Depth is limited by C<max_depth>; Storable has no limit for what it reads, and crashes.

=item *

What C<freeze> and C<store> wrote on another kind of machine is read.

=item *

Objects that are code keep their class, empty restricted hashes stay restricted, and classes whose names are
text come back as such.

=item *

C<STORABLE_attach> is found, too, when the module of its class is not loaded yet.

=item *

Without C<BLESS_OK>, references to objects with overloaded operators are read. Without C<TIE_OK>, tied
objects with hooks are refused.

=back

What is written:

=over 4

=item *

Class names are written as they are, where Storable stops at a zero byte. Keys that a hash was restricted to,
and is no longer, are left out, where Storable makes them keys with undefined values.

=item *

C<store> replaces files.

=item *

The version of the format is that of the Storable that was there when this module was built: 2.11, and 2.10 with
Storable 2, of perl 5.26 and before. Regular expressions are written on these perls, too, which Storable 2 neither
writes nor reads. Storable 3.08 and 3.15, of perl 5.28 and 5.30, can't tell what an image refers to after one.

=back

What is there:

=over 4

=item *

What a hook dies of is left as it is; Storable adds the caller's place to a text.

=item *

There are no C<store_fd>, C<nstore_fd>, C<fd_retrieve>, C<file_magic> and C<read_magic>. Use C<nfreeze> and
C<thaw> with streams, and send the length first.

=back

A regular expression whose pattern has characters above 255 comes back with the bytes of their UTF-8, as
from Storable: the format does not tell them apart.

=head1 ERRORS

What follows a text is C<at FILE line NUMBER>, of the code that called.

=over 4

=item not a reference

=item too many arguments

=item wrong argument number

The function takes a reference, and for files a name.

=item Can't store KIND items

See L</WHAT IS SUPPORTED>. C<$forgive_me> makes it a warning.

=item Max. recursion depth with nested structures exceeded

What is stored or read lies deeper than C<max_depth> or C<$recursion_limit> allow.

=item hooks that freeze or thaw, more than 100 inside each other

A hook calls the codec, which calls the hook.

=item Item #N returned by STORABLE_freeze for CLASS is not a reference

=item Freeze cannot return references if CLASS class is using STORABLE_attach

=item Too late to ignore hooks for storing class "CLASS"

What C<STORABLE_freeze> returned is wrong; see L<Storable>.

=item No STORABLE_thaw defined for objects of class CLASS (even after a "require CLASS;")

=item STORABLE_attach did not return a CLASS object

=item STORABLE_attach called with unexpected references

The class here is not the one that froze the object.

=item Cannot restore overloading on KIND(0x...) (package CLASS)

Operators of the class were overloaded where it was frozen, and are not here, even after
its module was loaded.

=item The result of B::Deparse::coderef2text was empty - maybe you're trying to serialize an XS function?

Native functions have no source.

=item Can't eval, please set $Storable::Eval to a true value

=item code SOURCE caused an error: WHY

=item code SOURCE did not evaluate to a subroutine reference

Stored code is not revived, or can't be.

=item regexp flags invalid

The flags of a stored regular expression are not those of C<qr//>.

=item Tying is disabled.

There is something tied, and C<flags> has no C<TIE_OK>.

=item class CLASS is not allowed by classes

There is an object of a class that C<classes> does not name.

=item class CLASS makes its objects itself; stored ones can't be revived

The class was made by perl's C<class> feature.

=item not a Storable value at byte N: expected THIS, found THAT

=item unsupported Storable value at byte N: WHAT

=item Storable binary image vN.N more recent than I am

=item Storable binary image vN.N contains data of type N

=item Frozen string corrupt - contains characters outside 0-255

=item File is not a perl storable

The bytes are damaged, or none of Storable's, or of a version that is not known yet.

=item Storable value over its limit at byte N: WHAT is more than M

There are more bytes than C<max_size>.

=item unknown option NAME: there are flags, classes, max_depth and max_size

=item option NAME: WHAT

=item argument classes: takes a reference to an array of class names and qr//

=item thaw takes an image, and flags or pairs of options and values

Correct the call.

=item can't create FILE: WHY

=item can't write FILE: WHY

=item can't write into FILE: WHY

=item can't open FILE: WHY

=item can't read FILE: WHY

=item can't get exclusive lock on FILE: WHY

=item can't get shared lock on FILE: WHY

The system's words. After C<can't write>, a file that was replaced is as it was, and one
that was overwritten is gone.

=back

A class that can't be loaded, a pattern that perl does not compile, and dies in hooks, in
C<$Eval>, in ties and in overloaded operators come out in their own words.

=head1 SECURITY

Whoever can choose the bytes can choose, with Storable, which modules are loaded, and whose
C<DESTROY> and hooks are run on what data. C<classes> prevents that: name the classes that
you store, or C<[]>. Reading never calls itself, whatever the depth, and takes memory in
proportion to the bytes. Leave C<$Eval> off for bytes from elsewhere; a sub that looks at the
source is no protection.

=head1 SEE ALSO

L<Storable>, L<Apache::Session::Serialize::Memorycached>, L<Apache::Session::Memorycached>

=head1 COPYRIGHT AND LICENSE

This is free software, under the same terms as Perl 5 itself. See
L<Apache::Session::Memorycached/COPYRIGHT AND LICENSE>.

=cut
