package Fixture::CgiApplication;

# A CGI program that keeps sessions with CGI::Session, the same under each web
# server.
#
#     Fixture::CgiApplication::respond( CGI->new, Servers => [...] );
#
# What it does for a path, on the session that the browser's cookie names:
#
#     /plain        touches no session
#     /visit        goes on with the session, or begins one; counts visits
#     /set/K/V      sets a parameter
#     /show         its parameters, a line each
#     /times        when it was made, last used, and what `expire` says
#     /expire/T     sets when the session expires
#     /expire/K/T   sets when a parameter expires
#     /clear        clears the parameters
#     /delete       deletes it
#     /load         loads without making one: `new`, `empty`, `expired` or `there`
#     /find         the ids of all sessions, and their visits
#
# The answer's status is 500 where something fails, and says what.

use strict;
use warnings;

use CGI ();
use CGI::Session;

my %ROUTES = (
    visit  => \&visit,
    show   => \&show,
    times  => \&times_of,
    set    => sub { $_[0]->param( $_[1] => $_[2] ); return 'set' },
    expire => sub { my ( $session, @when ) = @_;    $session->expire(@when); return 'expires' },
    clear  => sub { $_[0]->clear;                   return 'cleared' },
    delete => sub { $_[0]->delete;                  return 'deleted' },
);

sub respond {
    my ( $cgi, %arguments ) = @_;
    my ( $name, @rest ) = grep { length } split m{/}, $cgi->path_info;
    my @answer = eval {
            $name eq 'plain' ? ( $cgi->header('text/plain'), 'plain' )
          : $name eq 'load'  ? ( $cgi->header('text/plain'), state( $cgi, \%arguments ) )
          : $name eq 'find'  ? ( $cgi->header('text/plain'), find( \%arguments ) )
          :                    on_session( $cgi, \%arguments, $ROUTES{$name} // die("nothing at $name\n"), @rest );
    };
    print @answer ? join '', @answer : $cgi->header( -type => 'text/plain', -status => 500 ) . $@;
    return;
}

sub on_session {
    my ( $cgi, $arguments, $route, @rest ) = @_;
    my $session = CGI::Session->new( 'driver:memcache', $cgi, $arguments ) or die CGI::Session->errstr;
    my $text    = $route->( $session, @rest );
    my $header  = $session->header( -type => 'text/plain' );
    $session->flush;
    die $session->errstr if $session->errstr;
    return ( $header, $text );
}

sub visit {
    my ($session) = @_;
    my $visits = ( $session->param('visits') // 0 ) + 1;
    $session->param( visits => $visits );
    return $visits;
}

sub show {
    my ($session) = @_;
    return join "\n", map { "$_ " . $session->param($_) } sort $session->param;
}

sub times_of {
    my ($session) = @_;
    return join ' ', map { $_ // 'undef' } $session->ctime, $session->atime, $session->expire;
}

sub state {
    my ( $cgi, $arguments ) = @_;
    my $session = CGI::Session->load( 'driver:memcache', $cgi, $arguments ) or die CGI::Session->errstr;
    return $session->is_expired ? 'expired' : $session->is_empty ? 'empty' : $session->is_new ? 'new' : 'there';
}

sub find {
    my ($arguments) = @_;
    my @found;
    my $see = sub {
        my ($session) = @_;
        push @found, $session->id . ' ' . ( $session->param('visits') // 0 ) if !$session->is_empty;
    };
    CGI::Session->find( 'driver:memcache', $see, $arguments ) or die CGI::Session->errstr;
    return join "\n", sort @found;
}

1;
