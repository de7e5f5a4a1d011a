package Fixture::Corpus::Tied;

# Classes to tie to, which tell when they are called. What is tied is stored as
# the object behind it, so a tie is hardly ever called.

use strict;
use warnings;

use Fixture::Corpus::Outcome ();
use Tie::Array               ();
use Tie::Hash                ();
use Tie::Scalar              ();

sub told {
    my ( $class, $base ) = @_;
    no strict 'refs';
    @{"${class}::ISA"} = $base;
    for my $method (qw(FETCH STORE FIRSTKEY FETCHSIZE STORESIZE CLEAR EXTEND DELETE EXISTS UNTIE)) {
        my $inherited = $base->can($method) or next;
        *{"${class}::$method"} = sub {
            Fixture::Corpus::Outcome::event("calls $class->$method");
            goto &$inherited;
        };
    }
    return;
}

told( 'Fixture::Corpus::Tied::Hash',   'Tie::StdHash' );
told( 'Fixture::Corpus::Tied::Array',  'Tie::StdArray' );
told( 'Fixture::Corpus::Tied::Scalar', 'Tie::StdScalar' );

package Fixture::Corpus::Tied::Itself;

sub TIESCALAR { return bless $_[1] }
sub FETCH     { return 'fetched' }
sub STORE     { return }

# Stands in for all three, with an object of whatever kind it is given.
package Fixture::Corpus::Tied::To;

sub TIEHASH   { return $_[1] }
sub TIEARRAY  { return $_[1] }
sub TIESCALAR { return $_[1] }

1;
