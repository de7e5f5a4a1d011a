package Apache::Session::Serialize::Memorycached;

use 5.020;
use strict;
use warnings;

our $VERSION = '3.000';

use Carp         qw(croak);
use Scalar::Util qw(reftype);

use Apache::Session::Memorycached::Storable qw(nfreeze thaw);

# The frames between the codec and the code that ties are not the one at fault.
our @CARP_NOT = qw( Apache::Session Apache::Session::Flex Apache::Session::Memorycached::Storable );

*_for_caller = \&Apache::Session::Memorycached::Storable::_for_caller;

sub serialize {
    my ($session) = @_;
    $session->{serialized} = _for_caller( \&nfreeze, $session->{data} );
    return;
}

sub unserialize {
    my ($session) = @_;
    my $arguments = $session->{args};
    my %options   = map { $_ => $arguments->{$_} } grep { defined $arguments->{$_} } qw(classes max_depth max_size);
    my $data      = _for_caller( \&thaw, $session->{serialized}, %options );
    croak 'Session could not be unserialized' if ( reftype($data) // '' ) ne 'HASH';
    $session->{data} = $data;
    return;
}

1;
