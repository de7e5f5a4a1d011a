package Fixture::Corpus::Hooked;

# Classes with hooks. Each call of a hook is told, with its arguments.
#
# An object of this class says itself what its hook returns: a hash has
# `string` and `refs`, an array is the list, a scalar is the string or refers
# to the list. Thawing puts what it is given in the same place.

use strict;
use warnings;

use Scalar::Util              qw(reftype);
use Storable                  ();
use Fixture::Corpus::Outcome  ();
use Fixture::Corpus::Portrait ();

# The functions that hooks which freeze something themselves call: those of the
# module that runs them.
our $codec = 'Storable';

sub told {
    my ( $call, $class, $cloning, $string, @refs ) = @_;
    $class = ref $class || $class;
    my ( $shown, $types ) = map { Fixture::Corpus::Portrait::quoted($_) } $string, join ' ', map { reftype $_ } @refs;
    Fixture::Corpus::Outcome::event("calls $class->$call($cloning, $shown), references: $types");
    return;
}

sub STORABLE_freeze {
    my ( $self, $cloning ) = @_;
    my $type = reftype $self;
    my @list =
        $type eq 'HASH'  ? ( $self->{string}, @{ $self->{refs} // [] } )
      : $type eq 'ARRAY' ? @$self
      : ref $$self       ? @$$self
      :                    $$self;
    Fixture::Corpus::Outcome::event( 'a list is wanted: ' . ( wantarray ? 'yes' : 'no' ) );
    Fixture::Corpus::Hooked::told( freeze => $self, $cloning, $list[0], grep { ref } @list[ 1 .. $#list ] );
    return @list;
}

sub STORABLE_thaw {
    my ( $self, $cloning, $string, @refs ) = @_;
    Fixture::Corpus::Hooked::told( thaw => $self, $cloning, $string, @refs );
    my $type = reftype $self;
    if    ( $type eq 'HASH' )  { %$self = ( string => $string, refs => \@refs ) }
    elsif ( $type eq 'ARRAY' ) { @$self = ( $string, @refs ) }
    else                       { $$self = [ $string, @refs ] }
    return 'nobody wants this';
}

# Inherits its hooks.
package Fixture::Corpus::Hooked::Heir;
our @ISA = 'Fixture::Corpus::Hooked';

# Has hooks, and operators.
package Fixture::Corpus::Hooked::Overloaded;
our @ISA = qw(Fixture::Corpus::Hooked Fixture::Corpus::Overloaded);

# Declines to freeze.
package Fixture::Corpus::Hooked::Declining;
sub STORABLE_freeze { Fixture::Corpus::Hooked::told( freeze => @_[ 0, 1 ], undef ); return }
sub STORABLE_thaw   { Fixture::Corpus::Hooked::told( thaw   => @_ );                return }

# Declines for clones, or otherwise.
package Fixture::Corpus::Hooked::Cloning;
our @ISA = 'Fixture::Corpus::Hooked';
sub STORABLE_freeze { return $_[1] ? ( 'a clone', [ 'of', $_[0]{string} ] ) : () }

# Has only one of the two.
package Fixture::Corpus::Hooked::Freezing;
sub STORABLE_freeze { return 'string' }
$INC{'Fixture/Corpus/Hooked/Freezing.pm'} = __FILE__;    # so thawing finds that there is no more

package Fixture::Corpus::Hooked::Unloadable;
our @ISA = 'Fixture::Corpus::Hooked::Freezing';

package Fixture::Corpus::Hooked::Thawing;
sub STORABLE_thaw { die 'an object that was not frozen by a hook is thawed by one' }

# Has AUTOLOAD, which is no hook.
package Fixture::Corpus::Hooked::Autoloading;
our $AUTOLOAD;
sub AUTOLOAD { return if $AUTOLOAD =~ /DESTROY/; die "$AUTOLOAD is called" }

# Knows no hooks by `can`, which is not asked.
package Fixture::Corpus::Hooked::Denying;
our @ISA = 'Fixture::Corpus::Hooked';
sub can { return }

# Dies.
package Fixture::Corpus::Hooked::DyingFreeze;
sub STORABLE_freeze { die $_[0]{object} ? bless( { why => 'freeze' }, 'Fixture::Corpus::Failure' ) : "freeze failed\n" }

package Fixture::Corpus::Hooked::DyingThaw;
our @ISA = 'Fixture::Corpus::Hooked';
sub STORABLE_thaw { die $_[2] ? bless( { why => 'thaw' }, 'Fixture::Corpus::Failure' ) : "thaw failed\n" }

# Makes another object of itself when it is thawed.
package Fixture::Corpus::Hooked::Reblessing;
our @ISA = 'Fixture::Corpus::Hooked';
sub STORABLE_thaw { bless $_[0], 'Fixture::Corpus::Plain'; return }

# Freezes and thaws what it holds itself.
package Fixture::Corpus::Hooked::Nesting;

sub STORABLE_freeze {
    my ( $self, $cloning ) = @_;
    return $codec->can('nfreeze')->( $self->{inner} );
}

sub STORABLE_thaw {
    my ( $self, $cloning, $string ) = @_;
    $self->{inner} = $codec->can('thaw')->($string);
    return;
}

# Clones what it holds, and has it stored with the rest.
package Fixture::Corpus::Hooked::CloningInside;
our @ISA = 'Fixture::Corpus::Hooked';

sub STORABLE_freeze {
    my ( $self, $cloning ) = @_;
    return ( 'with a clone', $codec->can('dclone')->( $self->{inner} ) );
}

# An object that is tied: what is stored is its string and the object behind it.
package Fixture::Corpus::Hooked::Tied;
sub STORABLE_freeze { Fixture::Corpus::Hooked::told( freeze => @_[ 0, 1 ], "tied" ); return "tied" }
sub STORABLE_thaw   { Fixture::Corpus::Hooked::told( thaw   => @_ );                 return }

package Fixture::Corpus::Hooked::Tied::Referring;
our @ISA  = "Fixture::Corpus::Hooked::Tied";
our @refs = ();                                # an object that is tied can't be asked for them
sub STORABLE_freeze { return ( "tied", @refs ) }

# Attached: the class makes the object that stands in for the frozen one.
package Fixture::Corpus::Hooked::Attaching;
sub STORABLE_freeze { return "attach $_[0]{name}" }

sub STORABLE_attach {
    my ( $class, $cloning, $string ) = @_;
    Fixture::Corpus::Hooked::told( attach => $class, $cloning, $string );
    return bless { name => $string, cloned => $cloning }, $class;
}
sub STORABLE_thaw { die 'a class that attaches is not asked to thaw' }

package Fixture::Corpus::Hooked::Attaching::Heir;
our @ISA = 'Fixture::Corpus::Hooked::Attaching';

package Fixture::Corpus::Hooked::Attaching::Array;
sub STORABLE_freeze { return 'array' }
sub STORABLE_attach { return bless [ @_[ 1, 2 ] ], $_[0] }

package Fixture::Corpus::Hooked::Attaching::Single;
my $single = bless { the => 'only one' };
sub STORABLE_freeze { return '' }
sub STORABLE_attach { return $single }

package Fixture::Corpus::Hooked::Attaching::Derived;
our @ISA = 'Fixture::Corpus::Hooked::Attaching';
sub STORABLE_attach { return bless { derived => 1 }, 'Fixture::Corpus::Hooked::Attaching::Derived::Further' }
@Fixture::Corpus::Hooked::Attaching::Derived::Further::ISA = 'Fixture::Corpus::Hooked::Attaching::Derived';

package Fixture::Corpus::Hooked::Attaching::Other;
our @ISA = 'Fixture::Corpus::Hooked::Attaching';
sub STORABLE_attach { return bless {}, 'Fixture::Corpus::Plain' }

package Fixture::Corpus::Hooked::Attaching::Nothing;
our @ISA = 'Fixture::Corpus::Hooked::Attaching';
sub STORABLE_attach { return }

package Fixture::Corpus::Hooked::Attaching::Unblessed;
our @ISA = 'Fixture::Corpus::Hooked::Attaching';
sub STORABLE_attach { return {} }

package Fixture::Corpus::Hooked::Attaching::Dying;
our @ISA = 'Fixture::Corpus::Hooked::Attaching';
sub STORABLE_attach { die "attach failed\n" }

package Fixture::Corpus::Hooked::Attaching::Referring;
our @ISA = 'Fixture::Corpus::Hooked::Attaching';
sub STORABLE_freeze { return ( 'string', [] ) }

1;
