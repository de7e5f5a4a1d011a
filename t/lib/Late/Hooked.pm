package Late::Hooked;

# A class that only thaw loads; see Fixture::Storable.

use strict;
use warnings;

sub STORABLE_freeze { return 'frozen' }

sub STORABLE_thaw {
    my ( $self, $cloning, $frozen ) = @_;
    $self->{thawed} = $frozen;
    return;
}

1;
