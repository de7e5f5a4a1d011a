package Fixture::Apache;

# Debian's Apache with mod_perl, see Fixture::WebServer.
#
#     my $server = Fixture::Apache->start( $session_server, mpm => 'prefork' );
#     my $server = Fixture::Apache->start( $session_server, mpm => 'event', directives => 'PerlInterpMaxRequests 9' );
#
# Two processes answer, which stay: with `prefork` each request has a process for
# itself, with `event` each process has four threads, and as many interpreters.

use strict;
use warnings;
use parent 'Fixture::WebServer';

use Fixture::Needs ();

my $MODULES = '/usr/lib/apache2/modules';

my %MPM = (
    prefork => <<'END',
StartServers      2
MinSpareServers   1
MaxSpareServers   2
ServerLimit       2
MaxRequestWorkers 2
END
    event => <<'END',
StartServers      2
ServerLimit       2
ThreadsPerChild   4
ThreadLimit       4
MaxRequestWorkers 8
MinSpareThreads   1
MaxSpareThreads   8
PerlInterpStart    4
PerlInterpMax      4
PerlInterpMaxSpare 4
PerlInterpMaxRequests 1000000
END
);

# How many requests can be answered at once.
sub parallel { return $_[0]{mpm} eq 'event' ? 8 : 2 }

sub graceful { return 'USR1' }

sub prepare {
    my ($self)    = @_;
    my $directory = $self->{directory};
    my $switches  = join ' ', map { qq("-I$_") } $self->library;
    my $user      = $self->user;
    my $identity  = $user ? "User $user\nGroup $user" : '';
    my $more      = $self->{directives} // '';

    open my $file, '>', "$directory/httpd.conf" or die "$directory/httpd.conf: $!";
    print {$file} <<"END";
ServerRoot        "$directory"
ServerName        127.0.0.1
Listen            127.0.0.1:$self->{port}
DefaultRuntimeDir "$directory"
PidFile           "$directory/httpd.pid"
ErrorLog          "$directory/error.log"
LogLevel          warn
$identity

LoadModule mpm_$self->{mpm}_module $MODULES/mod_mpm_$self->{mpm}.so
LoadModule authz_core_module $MODULES/mod_authz_core.so
LoadModule perl_module       $MODULES/mod_perl.so

MaxConnectionsPerChild  0
MaxKeepAliveRequests    0
KeepAliveTimeout        2
TimeOut                 30
GracefulShutdownTimeout 20
$MPM{ $self->{mpm} }
PerlSwitches          $switches
PerlModule            Fixture::Application::ModPerl
PerlSetVar            SessionServer "$self->{session_server}"
PerlPostConfigHandler Fixture::Application::ModPerl::warm_up

<Location "/">
    SetHandler          modperl
    PerlOptions         +GlobalRequest
    PerlResponseHandler Fixture::Application::ModPerl
</Location>
$more
END
    return close $file;
}

# A clean environment, because PERL5LIB and its like may be meant for another perl.
sub execute {
    my ($self) = @_;
    %ENV = ( PATH => '/usr/sbin:/usr/bin:/sbin:/bin', LANG => 'C.UTF-8' );
    return exec Fixture::Needs::program('apache2'), '-f', "$self->{directory}/httpd.conf", '-D', 'FOREGROUND';
}

1;
