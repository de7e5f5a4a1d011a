package Apache::Session::Memorycached::Listing;

use 5.020;
use strict;
use warnings;

our $VERSION = '3.000';

use Carp                                  ();
use Apache::Session::Memorycached::Native ();

sub for_each_session {
    my ( $class, $args, $fields, $callback ) = @_;
    Carp::croak('for_each_session takes arguments, fields or undef, and a sub') if ref $callback ne 'CODE';
    return _each( $class, $args, _fields($fields), $callback );
}

sub get_key_from_all_sessions {
    my ( $class, $args, @wanted ) = @_;
    if ( @wanted == 1 && ref $wanted[0] eq 'CODE' ) {
        my ( $callback, %found ) = @wanted;
        _each(
            $class, $args, undef,
            sub {
                my ( $session, $id ) = @_;
                my $result = $callback->( $session, $id );
                $found{$id} = $result if defined $result;
            }
        );
        return \%found;
    }
    return _search( $class, $args, _fields( @wanted > 1 ? \@wanted : $wanted[0] ) );
}

sub searchOn {
    my ( $class, $args, $field, $value, @fields ) = @_;
    return {} if !defined $value;
    return _search( $class, $args, _fields( \@fields ), 'equal', $field, $value );
}

sub searchOnExpr {
    my ( $class, $args, $field, $pattern, @fields ) = @_;
    return {} if !defined $pattern;
    return _search( $class, $args, _fields( \@fields ), 'like', $field, $pattern );
}

sub searchLt {
    my ( $class, $args, $field, $limit, @fields ) = @_;
    return _search( $class, $args, _fields( \@fields ), 'less', $field, $limit );
}

sub deleteIfLowerThan {
    my ( $class, $args, $rule ) = @_;
    my $count = _delete_lower( $class, $args, $rule );
    return 0 if !defined $count;
    return wantarray ? ( 1, $count ) : 1;
}

# A list of fields, or undef for all of a session.
sub _fields {
    my ($fields) = @_;
    return undef        if !defined $fields;
    $fields = [$fields] if ref $fields ne 'ARRAY';
    return @$fields ? $fields : undef;
}

1;

__END__

=head1 NAME

Apache::Session::Memorycached::Listing - all sessions, and those that meet a condition

=head1 SYNOPSIS

    use Apache::Session::Memorycached;

    my $arguments = { servers => ['10.0.0.7:11211'], principal => 'uid' };
    my $class     = 'Apache::Session::Memorycached';

    # One after the other, while they are being found; here two fields of each.
    my $counted = $class->for_each_session(
        $arguments,
        [ 'uid', 'visits' ],
        sub {
            my ( $session, $id ) = @_;
            print "# $id: ", $session->{uid} // 'nobody', "\n";
        }
    );
    print "# $counted->{sessions} sessions\n";

    # Those of a user, by the ids of their sessions.
    my $found = $class->searchOn( $arguments, 'uid', 'dwho', 'visits' );
    print "# $_: $found->{$_}{visits}\n" for keys %$found;

    # All that nobody has used for a day, as far as a field of theirs tells.
    my ( $done, $count ) = $class->deleteIfLowerThan( $arguments, { or => { seen => time - 86_400 } } );

=head1 DESCRIPTION

These are class methods of L<Apache::Session::Memorycached>, with the arguments and results of
L<Apache::Session::Browseable> and of LemonLDAP::NG. The first argument is what C<tie> takes as its third: where the
sessions are. It is not changed, and names in it that are unknown are ignored.

Sessions are found on all C<servers>, or in the embedded store. A condition is decided on the stored bytes, and of what meets it
only the fields that are asked for become Perl data. So a search through many sessions takes about as long as reading
them does, and memory only for what it returns; C<for_each_session> takes none. Nothing is renewed, locked or
loaded into C<local>, and memcached does not take it for a use of the items.

=head2 What is seen

Every session that is there from the beginning of the listing to its end is seen, once; one that comes or goes
meanwhile may be. Deleted sessions, the items of principals and of locks, other namespaces and other programs' items are passed
over.

With several servers, a session is listed where C<tie> would find it. What lies elsewhere is left from a time when its server
was down.

A server that can't be reached is an error, before anything is listed; with C<< on_error => 'warn' >> it is a
warning, and the others are listed, with the sessions that went to them in its place. A server that breaks off in the middle is an
error, whatever has been seen by then.

A session that can't be read (damaged, encrypted, of another serializer, of a class that C<classes> does not allow) is passed
over with a warning that names it; after ten of these, the rest are only counted. It is not deleted by
C<deleteIfLowerThan>.

=head2 One at a time

memcached (1.6) lists its items to one connection at a time. Another listing waits for its turn for C<lock_timeout> seconds, then
dies C<lists its items to somebody else>. The list is taken in as fast as the server gives it, into a file without a name
in the directory for temporary files when it is long, so that a slow callback keeps nobody waiting.

A callback may use sessions, and may delete or change the one that it is given. It may begin another listing on the same
servers once they have sent their lists, which small ones (some 10,000 sessions) have at once; before that, it dies C<is being listed
by this process>. A callback may fork; the child must not return from it.

=head1 METHODS

=head2 for_each_session

    my $counted = $class->for_each_session( \%arguments, $fields, sub { my ( $session, $id ) = @_; ... } );

Calls the sub with each session, while others are still being found: a reference to a hash, which the sub may keep, and
the id. C<$fields> is a reference to an array of names, and the hash has those, with undef for what is missing; or undef, and it has
all. What the sub returns is ignored. When it dies, the listing ends, and the error goes on. A C<die> from a signal handler, so
that of C<alarm>, does the same.

Returns what was counted: C<sessions>; C<unreadable>, how many of them were passed over with a warning; C<deleted>, what still marks a
deleted session; C<others>, items that are no sessions; C<gone>, those that went away meanwhile; C<misplaced>, those on the
wrong server.

=head2 get_key_from_all_sessions

    my $all    = $class->get_key_from_all_sessions( \%arguments );
    my $fields = $class->get_key_from_all_sessions( \%arguments, [ 'uid', 'mail' ] );    # or one name
    my $made   = $class->get_key_from_all_sessions( \%arguments, sub { my ( $session, $id ) = @_; ... } );

Returns a reference to a hash, by id: of all of each session; of some fields of each; or of what the sub returned for each,
where that is defined.

=head2 searchOn

    my $found = $class->searchOn( \%arguments, $field, $value, @fields );

The sessions whose field has that value, as a text: C<5> finds C<'5'>. A reference to a hash of hashes, by id, with the C<@fields>, or
with everything where none are named. A field that is missing, undefined, a reference or an object has no value, and is not
even equal to the empty string.

The item that C<principal> keeps names one session of a user, the one that was saved last, and they may have others.
So a search for a user looks at all sessions. Where a user never has more than one, say so with C<< principal_unique => 1 >>: then a
search on the field that C<principal> names asks for that item and its session, two round trips however many sessions there are,
and looks at all sessions only when that does not lead to one with the value.

=head2 searchOnExpr

    my $found = $class->searchOnExpr( \%arguments, $field, 'dw*@example.com', @fields );

The same with a pattern, in which C<*> stands for any characters, or none.

=head2 searchLt

    my $found = $class->searchLt( \%arguments, $field, $number, @fields );

The sessions whose field is a number below this one. What is no number is not below any.

=head2 deleteIfLowerThan

    my ( $done, $count ) = $class->deleteIfLowerThan(
        \%arguments,
        {   or  => { _utime => time - 3600, _lastSeen => time - 600 },
            not => { _session_kind => 'Persistent' },
        }
    );

Deletes the sessions in which one of the fields of C<or> is below its number (all of those of C<and>, where that is given), and
in which each field of C<not> is there and has another value. A session that another request has saved since it was looked at is
left alone. Returns 1 and how many were deleted, in scalar context 1; 0 where the rule has neither C<or> nor C<and>.

=head2 id_for_principal

    my $id = $class->id_for_principal( $uid, \%arguments );

The id of the session that a user saved last, or undef: what C<principal> keeps. Two round trips. A session that has gone, or whose field has
another value by now, is not returned.

=head1 SEE ALSO

L<Apache::Session::Memorycached>, L<Apache::Session::Browseable>

=head1 COPYRIGHT AND LICENSE

The same terms as Perl 5 itself.

=cut
