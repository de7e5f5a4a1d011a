package Fixture::SimpleCgi;

# HTTP::Server::Simple::CGI with Fixture::CgiApplication, see Fixture::WebServer: one
# process, one request at a time, for all of which it keeps its connections.
#
#     my $server = Fixture::SimpleCgi->start($session_server);

use strict;
use warnings;
use parent 'Fixture::WebServer';

sub parallel { return 1 }
sub size     { return 0 }
sub prepare  { return }
sub user     { return }

sub execute {
    my ($self) = @_;
    return exec $^X, ( map { "-I$_" } $self->library ), '-MFixture::SimpleCgi', '-e',
      'Fixture::SimpleCgi::serve(@ARGV)',
      $self->{port}, $self->{session_server};
}

sub serve {
    my ( $port, $session_server ) = @_;
    require Fixture::CgiApplication;
    require HTTP::Server::Simple::CGI;
    @Fixture::SimpleCgi::Server::ISA = ('HTTP::Server::Simple::CGI');
    no warnings 'once';
    *Fixture::SimpleCgi::Server::handle_request = sub {
        my ( undef, $cgi ) = @_;
        print "HTTP/1.0 200 OK\r\n";
        Fixture::CgiApplication::respond( $cgi, Servers => [$session_server], Timeout => 600 );
    };
    *Fixture::SimpleCgi::Server::print_banner = sub { };
    my $server = Fixture::SimpleCgi::Server->new($port);
    $server->host('127.0.0.1');
    return $server->run;
}

1;
