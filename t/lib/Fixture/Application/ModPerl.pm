package Fixture::Application::ModPerl;

# Fixture::Application as a response handler of mod_perl 2.
#
#     PerlModule            Fixture::Application::ModPerl
#     PerlSetVar            SessionServer 127.0.0.1:11211
#     PerlPostConfigHandler Fixture::Application::ModPerl::warm_up
#     PerlResponseHandler   Fixture::Application::ModPerl

use strict;
use warnings;

use Apache2::Const -compile => qw(OK);
use Apache2::RequestIO   ();
use Apache2::RequestRec  ();
use Apache2::RequestUtil ();
use Apache2::ServerRec   ();
use Apache2::ServerUtil  ();
use APR::Table           ();
use Fixture::Application;

sub application { return Fixture::Application->new( servers => [ $_[0]->dir_config('SessionServer') ] ) }

# In the first process, which as root can't use the embedded store of another user.
sub warm_up {
    my ( undef, undef, undef, $server ) = @_;
    my $application = application($server);
    $application->warm_up if $> || $server->dir_config('SessionServer') !~ /^embedded:/;
    return Apache2::Const::OK;
}

sub handler {
    my ($request)   = @_;
    my $application = application($request);
    my ($cookie)    = ( $request->headers_in->get('Cookie') // '' ) =~ /\bsession=([0-9a-f]+)/;

    my ( $status, $id, $text ) = $application->answer( $cookie, $request->uri );
    $request->status($status);
    $request->content_type('text/plain');
    $request->headers_out->set( 'Content-Length' => length $text );
    $request->headers_out->set( 'Set-Cookie'     => "session=$id" ) if defined $id;
    $request->print($text);
    return Apache2::Const::OK;
}

1;
