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
