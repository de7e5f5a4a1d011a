package Fixture::Application::ModPerl;

# Fixture::Application as a response handler of mod_perl 2.
#
#     PerlModule          Fixture::Application::ModPerl
#     PerlSetVar          SessionServer 127.0.0.1:11211
#     PerlResponseHandler Fixture::Application::ModPerl

use strict;
use warnings;

use Apache2::Const -compile => qw(OK);
use Apache2::RequestIO   ();
use Apache2::RequestRec  ();
use Apache2::RequestUtil ();
use APR::Table           ();
use Fixture::Application;

sub handler {
    my ($request)   = @_;
    my $application = Fixture::Application->new( servers => [ $request->dir_config('SessionServer') ] );
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
