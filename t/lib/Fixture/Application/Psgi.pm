package Fixture::Application::Psgi;

# Fixture::Application for PSGI servers. The session server is in the
# environment:
#
#     SESSION_SERVER=127.0.0.1:11211 starman -MFixture::Application::Psgi \
#         -e Fixture::Application::Psgi::app

use strict;
use warnings;

use Fixture::Application;

sub app {
    my $application = Fixture::Application->new( servers => [ $ENV{SESSION_SERVER} ] );
    $application->warm_up;
    return sub {
        my ($environment) = @_;
        my ($cookie)      = ( $environment->{HTTP_COOKIE} // '' ) =~ /\bsession=([0-9a-f]+)/;

        my ( $status, $id, $text ) = $application->answer( $cookie, $environment->{PATH_INFO} );
        my @headers = ( 'Content-Type' => 'text/plain', 'Content-Length' => length $text );
        push @headers, 'Set-Cookie' => "session=$id" if defined $id;
        return [ $status, \@headers, [$text] ];
    };
}

1;
