package Apache::Session::Memorycached::Native;

# First, so that what is evaluated sees no variables and no pragmas of this file. Called by the native side only.
sub _eval {

    package main;
    eval $_[0];
}

sub _qr { eval "sub { qr/\$_[0]/$_[0] }" }

use 5.020;
use strict;
use warnings;

our $VERSION = '3.000';

# Of a tied hash or array.
sub _copy { return reftype( $_[0] ) eq 'ARRAY' ? [ @{ $_[0] } ] : { %{ $_[0] } } }

use Scalar::Util qw(reftype);
use XSLoader     ();
XSLoader::load( 'Apache::Session::Memorycached', $VERSION );

1;

__END__

=head1 NAME

Apache::Session::Memorycached::Native - loads the native library

=head1 DESCRIPTION

For L<Apache::Session::Memorycached> and L<Apache::Session::Memorycached::Storable>, which use it. It has no functions
for anybody else.

=cut
