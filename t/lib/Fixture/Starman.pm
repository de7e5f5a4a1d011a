package Fixture::Starman;

# Starman, a preforking server for PSGI, see Fixture::WebServer.
#
#     my $server = Fixture::Starman->start($session_server);

use strict;
use warnings;
use parent 'Fixture::WebServer';

use Fixture::Needs ();

sub parallel { return $_[0]{workers} }

sub graceful { return 'HUP' }

# Everything is said on the command line.
sub prepare { return }

sub user { return }

sub execute {
    my ($self) = @_;
    $ENV{SESSION_SERVER} = $self->{session_server};
    return exec $^X, ( map { "-I$_" } $self->library ), Fixture::Needs::program('starman'), '--preload-app',
      '--listen', "127.0.0.1:$self->{port}", '--workers', $self->{workers}, '--max-requests', 1_000_000,
      '-MFixture::Application::Psgi', '-e', 'Fixture::Application::Psgi::app';
}

1;
