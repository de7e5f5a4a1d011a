package Fixture::Corpus::Overloaded;

# Classes with overloaded operators, in the ways that such classes differ.
#
# None of their operators is of use to whoever freezes, thaws or compares them,
# so each tells when it is called.

use strict;
use warnings;

use Fixture::Corpus::Outcome ();

sub called {
    my ($operator) = @_;
    return sub {
        Fixture::Corpus::Outcome::event("calls $operator");
        return 1;
    };
}

use overload
  '""'   => called('""'),
  '=='   => called('=='),
  'eq'   => called('eq'),
  'bool' => called('bool'),
  '0+'   => called('0+'),
  '+'    => called('+');

package Fixture::Corpus::Overloaded::Strictly;

use overload
  '""'     => Fixture::Corpus::Overloaded::called('""'),
  fallback => 0;

package Fixture::Corpus::Overloaded::Heir;

our @ISA = 'Fixture::Corpus::Overloaded';

package Fixture::Corpus::Overloaded::Disguised;

use overload
  map( { ( $_ => Fixture::Corpus::Overloaded::called($_) ) } '%{}', '@{}', '${}', '&{}', '*{}' ),
  fallback => 1;

package Fixture::Corpus::Overloaded::Dying;

use overload
  'bool' => sub { die 'bool is called' },
  '""'   => sub { die '"" is called' },
  '=='   => sub { die '== is called' };

package Fixture::Corpus::Overloaded::Barely;

use overload fallback => 1;

1;
