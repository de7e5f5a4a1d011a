package Late::Broken;

# A class that can't be loaded; see Fixture::Storable.

use strict;
use warnings;

die "Late::Broken is not to be loaded\n";
