package Fixture::Slot;

# How much of a tied session's data is there, without asking for it: asking
# would make the rest.
#
#     tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
#     is made( \%session ), 0;
#     whole( \%session );
#     ok !is_lazy( \%session );

use strict;
use warnings;

use B        ();
use Exporter qw(import);

our @EXPORT = qw(made is_lazy whole);

# The scalar that refers to the data, as perl keeps it: found without its name.
sub slot {
    my %of_object = B::svref_2object( tied %{ $_[0] } )->ARRAY;
    return $of_object{data};
}

sub made { return slot(@_)->RV->KEYS }

sub is_lazy { return !!( slot(@_)->FLAGS & B::SVs_GMG() ) }

sub whole {
    my $all = keys %{ tied( %{ $_[0] } )->{data} };
    return $_[0];
}

1;
