package Late::NoHook;

# A class without hooks, though images say that it has some; see Fixture::Storable.

use strict;
use warnings;

1;
