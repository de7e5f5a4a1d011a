package Fixture::ApacheCgi;

# Debian's Apache, which starts Fixture::CgiApplication for each request (mod_cgi),
# see Fixture::WebServer.
#
#     my $server = Fixture::ApacheCgi->start($session_server);

use strict;
use warnings;
use parent 'Fixture::WebServer';

use Cwd            ();
use Fixture::Needs ();

my $MODULES = '/usr/lib/apache2/modules';

sub parallel { return 4 }
sub size     { return 4 }
sub graceful { return 'USR1' }

sub prepare {
    my ($self)    = @_;
    my $directory = $self->{directory};
    my $user      = $self->user;
    my $identity  = $user ? "User $user\nGroup $user" : '';
    $self->write_program;

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

LoadModule mpm_prefork_module $MODULES/mod_mpm_prefork.so
LoadModule authz_core_module  $MODULES/mod_authz_core.so
LoadModule alias_module       $MODULES/mod_alias.so
LoadModule cgi_module         $MODULES/mod_cgi.so

StartServers      4
MinSpareServers   1
MaxSpareServers   4
ServerLimit       4
MaxRequestWorkers 4
TimeOut           30

ScriptAlias / "$directory/program.cgi/"
END
    return close $file;
}

# The program runs as a user who may not be allowed to look where the modules are.
sub write_program {
    my ($self)    = @_;
    my $directory = $self->{directory};
    my $here      = Cwd::getcwd();
    my @library;
    for my $place ( $self->library ) {
        my $copy = "$directory/library" . @library;
        if ( $place =~ m{^\Q$here\E/} && !-e $copy ) {
            system( 'cp',    '-rL', $place, $copy ) == 0 or die "can't copy $place";
            system( 'chmod', '-R',  'a+rX', $copy ) == 0 or die "can't open $copy";
        }
        push @library, -e $copy ? $copy : $place;
    }
    my $use = join ', ', map { "'$_'" } @library;
    open my $file, '>', "$directory/program.cgi" or die "$directory/program.cgi: $!";
    print {$file} <<"END";
#!$^X
use lib $use;
use Fixture::CgiApplication;
Fixture::CgiApplication::respond( CGI->new, Servers => ['$self->{session_server}'], Timeout => 600 );
END
    close $file or die "$directory/program.cgi: $!";
    return chmod oct 755, "$directory/program.cgi";
}

sub execute {
    my ($self) = @_;
    %ENV = ( PATH => '/usr/sbin:/usr/bin:/sbin:/bin', LANG => 'C.UTF-8' );
    return exec Fixture::Needs::program('apache2'), '-f', "$self->{directory}/httpd.conf", '-D', 'FOREGROUND';
}

1;
