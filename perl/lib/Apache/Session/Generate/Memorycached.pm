package Apache::Session::Generate::Memorycached;

use 5.020;
use strict;
use warnings;

our $VERSION = '3.000';

use Carp qw(croak);

use Apache::Session::Memorycached ();

# The frames of Apache::Session between us and the code that ties are not the one at fault.
our @CARP_NOT = qw( Apache::Session Apache::Session::Flex );

sub generate {
    my $session = shift;
    my $length  = $session->{args}{IDLength} // 32;
    croak "argument IDLength: takes a number of hex digits from 1 to 128, not '$length'"
      if $length !~ /\A[0-9]{1,3}\z/ || $length < 1 || $length > 128;
    $session->{data}{_session_id} = _hex_digits($length);
    return;
}

sub validate {
    my $session = shift;
    my $id      = $session->{data}{_session_id};
    if ( defined $id && $id =~ /\A([0-9A-Fa-f]+)\z/ ) {
        $session->{data}{_session_id} = $1;
        return;
    }
    die 'Invalid session ID: ' . ( $id // '' );
}

1;

__END__

=head1 NAME

Apache::Session::Generate::Memorycached - session ids that can't be guessed

=head1 SYNOPSIS

    use Apache::Session::Flex;

    tie my %session, 'Apache::Session::Flex', undef, {
        Store     => 'Memorycached',
        Lock      => 'Memorycached',
        Generate  => 'Memorycached',
        Serialize => 'Storable',
        servers   => ['10.0.0.7:11211'],
    };
    my $new = $session{_session_id};    # 32 hex digits
    untie %session;

=head1 DESCRIPTION

Makes the ids of L<Apache::Session::Memorycached>, and serves every other
L<Apache::Session> class that takes a generator. The digits come from the operating
system's random source, four bits each; neither the time nor the process has a part
in them.

=head1 ARGUMENTS

=over 4

=item IDLength

How many hex digits a new id has, 1 to 128. Default: 32, that is 128 bits. Fewer
can be guessed sooner.

=back

=head1 FUNCTIONS

=over 4

=item generate($session)

Puts a new id into C<< $session->{data}{_session_id} >>, in lower case.

=item validate($session)

Dies unless the id there is made of hex digits, of either case and any number; one
that is, is not tainted any more.

=back

=head1 ERRORS

=over 4

=item Invalid session ID: ID

C<validate>: the id has other characters, or is empty or undefined. It did not come
from here.

=item argument IDLength: takes a number of hex digits from 1 to 128, not 'VALUE'

C<generate>: correct the argument.

=item no random bytes from the system: WHY

C<generate>: the operating system gave none. No id is made.

=back

=head1 SEE ALSO

L<Apache::Session::Memorycached>, L<Apache::Session::Flex>

=head1 COPYRIGHT AND LICENSE

This is free software, under the same terms as Perl 5 itself. See
L<Apache::Session::Memorycached/COPYRIGHT AND LICENSE>.

=cut
