package Fixture::Corpus::Newer;

# What Storable 3.32 does otherwise than 3.26; found out by trying, since what
# is in between is not known.

use strict;
use warnings;

use Storable ();

# Options of a structure with a boolean in it: we write what each Storable can
# read, and Storable what only newer ones can.
sub boolean {
    my ($check) = @_;
    return if Storable::nfreeze( [ my $true = !!1 ] ) !~ /\x22\z/;
    return ( differs => [ 'Storable writes a boolean as such', $check ] );
}

# Options of a regular expression that is an object with a hook.
sub hooked_regexp {
    my ( $refused, $check ) = @_;
    return if !refusal(qr/a/);
    return ( refused => $refused, differs => [ 'Storable took none', $check ] );
}

# What kind of object can't have a hook is told by its number, or by its name
# and the class.
sub names_kinds {
    return refusal( sub { } ) =~ /of class/;
}

# What freezing it, as an object with a hook, dies of; or nothing.
sub refusal {
    my ($object) = @_;
    local $@;
    return eval { Storable::nfreeze( bless $object, 'Fixture::Corpus::Newer::Hooked' ); 1 } ? '' : $@;
}

sub Fixture::Corpus::Newer::Hooked::STORABLE_freeze { return 'frozen' }

1;
