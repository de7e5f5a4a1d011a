package Fixture::Browser;

# A client that keeps its session's cookie.
#
#     my $browser = Fixture::Browser->new( $server->url );
#     my $id      = $browser->get('/new');
#     my $text    = $browser->get('/count');    # dies of any status but 200
#     my ( $status, $text ) = $browser->try('/die');
#     my %session = $browser->session;          # what /show tells
#     my $count   = $browser->value('count');   # one value of it
#
# Each request has a connection of its own, unless `keep_alive => 1` is given. A
# copy in another process is the same browser, with requests under way at once.

use strict;
use warnings;

use HTTP::Tiny;

sub new {
    my ( $class, $url, %option ) = @_;
    my $http = HTTP::Tiny->new( timeout => 30, keep_alive => $option{keep_alive} // 0 );
    return bless { url => $url, http => $http }, $class;
}

sub cookie { return $_[0]{cookie} }

sub try {
    my ( $self, $path ) = @_;
    my %headers  = $self->{cookie} ? ( Cookie => $self->{cookie} ) : ();
    my $response = $self->{http}->get( "$self->{url}$path", { headers => \%headers } );
    my $cookie   = $response->{headers}{'set-cookie'};
    $self->{cookie} = $cookie if defined $cookie;
    return ( $response->{status}, $response->{content} );
}

sub get {
    my ( $self,   $path ) = @_;
    my ( $status, $text ) = $self->try($path);
    die "$path: $status: $text\n" if $status != 200;
    return $text;
}

sub session {
    my ($self) = @_;
    return map { split / /, $_, 2 } split /\n/, $self->get('/show');
}

sub value {
    my ( $self, $key ) = @_;
    my %session = $self->session;
    return $session{$key};
}

1;
