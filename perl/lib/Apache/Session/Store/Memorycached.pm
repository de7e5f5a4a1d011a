package Apache::Session::Store::Memorycached;

use 5.020;
use strict;
use warnings;

our $VERSION = '3.000';

# new, insert, update, materialize, remove and close are native.
use Apache::Session::Memorycached ();

1;

__END__

=head1 NAME

Apache::Session::Store::Memorycached - sessions of any Apache::Session class in memcached

=head1 SYNOPSIS

    use Apache::Session::Flex;

    tie my %session, 'Apache::Session::Flex', undef, {
        Store     => 'Memorycached',
        Lock      => 'Memorycached',
        Generate  => 'Memorycached',
        Serialize => 'Storable',
        servers   => [ '10.0.0.7:11211', '10.0.0.8:11211' ],
        timeout   => 3600,
    };
    $session{uid} = 'dwho';
    untie %session;

=head1 DESCRIPTION

The store behind L<Apache::Session::Memorycached>, for L<Apache::Session::Flex>
and for classes that put an Apache::Session together themselves. It keeps the
connections, so it costs little to make one for each session, as they do.

With the serializer C<Storable>, sessions are the same items that
L<Apache::Session::Memorycached> and 2.2.1 have, and changes of two requests are
merged. What any other serializer makes is stored as it is, under a client flag
that tells it apart: other clients do not take it for a session of theirs, and of
two saves that compete, the later one stands whole.

=head1 ARGUMENTS

Those of L<Apache::Session::Memorycached/ARGUMENTS>, from the session's C<args>.
C<missing> is C<die> by default, as in every other store. C<missing>, C<classes>,
C<max_depth> and C<max_size> are for that module's own serializer: with others, an
unknown id always dies, and the serializer decides what it makes of the bytes.
C<< on_error => 'warn' >> is for saving and deleting here; a session that can't be
read dies, unless C<< missing => 'empty' >> is given, too.
Arguments that are not ours are passed over. With C<Transaction>,
L<Apache::Session::Lock::Memorycached> locks the session, and reads it for the store in
the same round trip, and the session is saved under its lock; with another lock manager
it is saved as without C<Transaction>.

=head1 METHODS

C<$session> is an object with Apache::Session's keys: C<args>, C<data>, whose
C<_session_id> is the key of the item, and C<serialized>. An id is up to 250 bytes,
C<namespace> included, without spaces and control characters; whether it must be
hex digits is the session's own affair.

=over 4

=item new(CLASS, $session)

A store with the session's arguments. Opens nothing.

=item insert($session)

Stores a new session; dies when its id is taken. With C<updateOnly> it waits for
the first C<update>.

=item update($session)

Saves a session, against what C<materialize> read before. A session that was
deleted meanwhile stays deleted, with a warning.

=item materialize($session)

Reads a session into C<serialized>.

=item remove($session)

Deletes a session, and leaves a tombstone for 300 seconds.

=item conflicts

What the last C<update> had to merge, as
L<Apache::Session::Memorycached/conflicts> tells it.

=item close

Does nothing: connections are kept for the next session.

=back

=head1 ERRORS

Those of L<Apache::Session::Memorycached/ERRORS>, and:

=over 4

=item not a store of ours

A method was called on something that C<new> did not make.

=item the session has no serializer

=item the session's serializer left nothing

C<insert>, C<update>: C<< $session->{serialize} >> is no sub, or did not set
C<< $session->{serialized} >>.

=item the session has no _session_id

=item the session has no data

C<< $session->{data} >> is not what Apache::Session makes.

=back

=head1 SEE ALSO

L<Apache::Session::Memorycached>, L<Apache::Session::Flex>, L<Apache::Session>

=head1 COPYRIGHT AND LICENSE

This is free software, under the same terms as Perl 5 itself. See
L<Apache::Session::Memorycached/COPYRIGHT AND LICENSE>.

=cut
