package Apache::Session::Lock::Memorycached;

use 5.020;
use strict;
use warnings;

our $VERSION = '3.000';

use Scalar::Util qw(refaddr weaken);

# acquire_write_lock, release_write_lock and release_all_locks are native.
use Apache::Session::Memorycached ();

sub new {
    my ($class) = @_;
    return bless {}, $class;
}

# A write lock covers reading, and nobody reads under another's.
sub acquire_read_lock { return 1 }
sub release_read_lock { return 1 }

# Locks run out on the server: there are no files to clean up.
sub clean { return 1 }

# Under mod_perl this is called with each session that was locked. One in a package
# variable outlives its request; its lock must not. What is in a request's notes is
# destroyed when the request ends, after its own cleanups. (Cleanups of its pool, and
# handlers that are pushed, cost memory that mod_perl never frees.)
*_end_with_request = sub {
    my ($session) = @_;
    my $request   = eval { Apache2::RequestUtil->request } or return;
    my $sessions  = $request->pnotes->{ (__PACKAGE__) } //= bless {}, 'Apache::Session::Lock::Memorycached::Request';
    weaken( $sessions->{ refaddr $session } = $session );
    return;
  }
  if $ENV{MOD_PERL} && eval { require Apache2::RequestUtil };

# Saves and unlocks, as where a session goes out of scope.
sub Apache::Session::Lock::Memorycached::Request::DESTROY {
    my ($sessions) = @_;
    for my $session ( grep { defined } values %$sessions ) {
        eval { $session->DESTROY; 1 } or warn "session $session->{data}{_session_id} is not saved: $@";
    }
    return;
}

1;

__END__

=head1 NAME

Apache::Session::Lock::Memorycached - the lock manager of sessions in memcached

=head1 SYNOPSIS

    use Apache::Session::Flex;

    tie my %session, 'Apache::Session::Flex', undef, {
        Store        => 'Memorycached',
        Lock         => 'Memorycached',
        Generate     => 'Memorycached',
        Serialize    => 'Storable',
        servers      => ['10.0.0.7:11211'],
        Transaction  => 1,
        lock_timeout => 5,
    };
    $session{visits}++;
    untie %session;

=head1 DESCRIPTION

The lock manager behind C<Transaction> in L<Apache::Session::Memorycached>, for
L<Apache::Session::Flex> and for classes that put an Apache::Session together
themselves. It also serves another store: the lock is where C<servers> says, and
the session may be anywhere.

A lock is exclusive, and known to all processes and hosts that use the same
C<servers>. How it is taken, waited for and given back, and what it promises, is told
in L<Apache::Session::Memorycached/Transactions>.

=head2 With Transaction, and without

With C<Transaction>, Apache::Session takes the write lock in C<tie> and keeps it
until the session is untied. With L<Apache::Session::Store::Memorycached>, lock and
session are then one round trip.

Without it, Apache::Session asks for a write lock before each save. That is not
needed, as saving merges (L<Apache::Session::Memorycached/Two requests on one
session>), so nothing is locked.

There are no shared read locks. Under C<Transaction> a reader has the write lock, as
everybody has, and without it nobody waits to read.

=head1 ARGUMENTS

Those of L<Apache::Session::Memorycached/ARGUMENTS>, from the session's C<args>: in
particular C<servers>, C<namespace>, C<Transaction>, C<lock_timeout>, C<lock_ttl>.

=head1 METHODS

C<$session> is an object with Apache::Session's keys; C<< $session->{data}{_session_id} >>
says which session is locked. A manager holds one lock at a time. Each method returns
1, or dies.

=over 4

=item new(CLASS, $session)

A lock manager; C<$session> may be left out.

=item acquire_write_lock($session)

Takes the lock. With the lock in hand, nothing is done; nor for an object of another
Apache::Session class without C<Transaction>, see above. For anything else, such as a
plain hash, it locks whatever C<Transaction> says.

=item release_write_lock($session), release_all_locks($session)

Gives the lock back, if this process and thread have it; nothing is done otherwise.

=item acquire_read_lock($session), release_read_lock($session)

Nothing.

=item clean

Nothing: a lock that its holder has left runs out on the server.

=back

=head1 ERRORS

Those of L<Apache::Session::Memorycached/ERRORS>, and:

=over 4

=item session ID: another session is locked by this lock manager

C<acquire_write_lock>: make another manager.

=item the session has no _session_id

C<< $session->{data} >> does not say what to lock.

=back

=head1 SEE ALSO

L<Apache::Session::Memorycached>, L<Apache::Session::Store::Memorycached>,
L<Apache::Session::Flex>

=head1 COPYRIGHT AND LICENSE

This is free software, under the same terms as Perl 5 itself. See
L<Apache::Session::Memorycached/COPYRIGHT AND LICENSE>.

=cut
