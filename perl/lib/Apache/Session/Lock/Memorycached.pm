package Apache::Session::Lock::Memorycached;

use 5.020;
use strict;
use warnings;

our $VERSION = '3.000';

use Carp qw(croak);

sub new {
    my ( $class, $session ) = @_;
    croak 'argument Transaction: not yet in this release' if $session && $session->{args}{Transaction};
    return bless {}, $class;
}

sub acquire_read_lock  { return 1 }
sub acquire_write_lock { return 1 }
sub release_read_lock  { return 1 }
sub release_write_lock { return 1 }
sub release_all_locks  { return 1 }
sub clean              { return 1 }

1;

__END__

=head1 NAME

Apache::Session::Lock::Memorycached - the lock manager of sessions in memcached

=head1 SYNOPSIS

    use Apache::Session::Flex;

    tie my %session, 'Apache::Session::Flex', undef, {
        Store     => 'Memorycached',
        Lock      => 'Memorycached',
        Generate  => 'Memorycached',
        Serialize => 'Storable',
        servers   => ['10.0.0.7:11211'],
    };
    untie %session;

=head1 DESCRIPTION

It has the methods that L<Apache::Session> calls on a lock manager, and none of
them locks anything in this release, as in 2.2.1. That is safe with
L<Apache::Session::Store::Memorycached> and Storable, which keep the changes of
two requests that save one session; a value that depends on the one before, such
as a counter, may lose one of two changes all the same.

So C<Transaction> is refused, by L<Apache::Session::Memorycached> and, with this lock
manager, by L<Apache::Session::Flex>. In an object of another class that only uses
L<Apache::Session::Memorycached/populate>, it has no effect.

=head1 METHODS

=over 4

=item new(CLASS, $session)

A lock manager; C<$session> may be left out.

=item acquire_read_lock($session), acquire_write_lock($session)

=item release_read_lock($session), release_write_lock($session), release_all_locks($session)

=item clean

Each returns 1.

=back

=head1 ERRORS

=over 4

=item argument Transaction: not yet in this release

C<new>: the session asks for locks, in its C<args>. Leave the argument out.

=back

=head1 SEE ALSO

L<Apache::Session::Memorycached>, L<Apache::Session::Store::Memorycached>,
L<Apache::Session::Flex>

=head1 COPYRIGHT AND LICENSE

This is free software, under the same terms as Perl 5 itself. See
L<Apache::Session::Memorycached/COPYRIGHT AND LICENSE>.

=cut
