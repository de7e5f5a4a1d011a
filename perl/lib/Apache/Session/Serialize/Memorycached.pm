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

__END__

=head1 NAME

Apache::Session::Serialize::Memorycached - a fast and safe Storable for any Apache::Session

=head1 SYNOPSIS

    use Apache::Session::Flex;

    tie my %session, 'Apache::Session::Flex', undef, {
        Store     => 'File',
        Lock      => 'Null',
        Generate  => 'MD5',
        Serialize => 'Memorycached',
        Directory => '/var/lib/',
        classes   => [ 'Shop::Cart', qr/^DateTime/ ],
    };
    $session{uid} = 'dwho';
    untie %session;

=head1 DESCRIPTION

The codec of L<Apache::Session::Memorycached> for L<Apache::Session::Flex> with any
store, and for classes that put an Apache::Session together themselves. Sessions have the
same bytes as with L<Apache::Session::Serialize::Storable>, so either reads what the other
wrote, and a program can change from one to the other at any time.

With C<< Store => 'Memorycached' >>, sessions are those of L<Apache::Session::Memorycached>,
and changes of two requests are merged.

=head1 ARGUMENTS

From the session's C<args>: C<classes>, C<max_depth> and C<max_size>, as under
L<Apache::Session::Memorycached::Storable/OPTIONS>. That module's
L<variables|Apache::Session::Memorycached::Storable/VARIABLES> are obeyed.

=head1 FUNCTIONS

=over 4

=item serialize($session)

Sets C<< $session->{serialized} >> to C<nfreeze> of C<< $session->{data} >>.

=item unserialize($session)

Sets C<< $session->{data} >> to C<thaw> of C<< $session->{serialized} >>.

=back

=head1 ERRORS

Those of L<Apache::Session::Memorycached::Storable/ERRORS>, at the line that ties or
unties, and:

=over 4

=item Session could not be unserialized

What is stored is no hash, or nothing.

=back

What fails leaves the session's C<data> and C<serialized> as they were.

=head1 SEE ALSO

L<Apache::Session::Memorycached::Storable>, L<Apache::Session::Serialize::Storable>,
L<Apache::Session::Flex>

=head1 COPYRIGHT AND LICENSE

This is free software, under the same terms as Perl 5 itself. See
L<Apache::Session::Memorycached/COPYRIGHT AND LICENSE>.

=cut
