package Late::Attach;

# A class that only thaw loads; see Fixture::Storable.

use strict;
use warnings;

sub STORABLE_freeze { return 'frozen' }

sub STORABLE_attach {
    my ( $class, $cloning, $frozen ) = @_;
    return bless { attached => $frozen }, $class;
}

1;
