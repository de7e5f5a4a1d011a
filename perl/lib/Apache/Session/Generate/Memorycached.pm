package Apache::Session::Generate::Memorycached;

use 5.020;
use strict;
use warnings;

our $VERSION = '3.000';

use Apache::Session::Memorycached ();

sub generate {
    my $session = shift;
    $session->{data}{_session_id} = _hex_digits( $session->{args}{IDLength} // 32 );
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
