package Fixture::Application;

# A small web application that keeps sessions, the same under each web server.
#
#     my $application = Fixture::Application->new( servers => [...] );
#     my ( $status, $id, $text ) = $application->answer( $id, '/count' );
#
# What it does for a path, on the session that the browser's cookie names:
#
#     /new      makes a session
#     /show     gives its keys and values, a line each
#     /visit    changes a key at the top and one below
#     /set/K/V  sets the key K, without a lock
#     /count    adds one to a counter, in a transaction
#     /die      dies in a transaction, with a change that is not saved yet
#     /keep     leaves a transaction in a package variable
#     /keep/die dies after that
#     /plain    touches no session
#
# `warm_up` uses sessions and keeps one, as a server may do before it forks.

use strict;
use warnings;

use Apache::Session::Memorycached;

my %ROUTES = (
    new   => \&make,
    show  => \&show,
    visit => \&visit,
    set   => \&set,
    count => \&count,
    die   => \&give_up,
    keep  => \&keep,
    plain => sub { return 'plain' },
);

# For what outlives its request, and its process.
our ( %kept, $warm );

sub new {
    my ( $class, %arguments ) = @_;
    return bless { arguments => { timeout => 600, lock_timeout => 10, missing => 'die', %arguments } }, $class;
}

# The status, the session's id for the cookie, and the text of the answer.
sub answer {
    my ( $self, $id, $path ) = @_;
    my ( $name, @rest ) = grep { length } split m{/}, $path;
    my $route = $ROUTES{ $name // 'plain' } or return ( 404, $id, "nothing at $path\n" );
    my $text  = eval { $route->( $self, \$id, @rest ) };
    return ( 200, $id, $text ) if defined $text;
    return ( 500, $id, $@ );
}

sub warm_up {
    my ($self) = @_;
    $warm = $self->session(undef);
    $warm->{warm} = 1;
    tied(%$warm)->save;
    return;
}

sub session {
    my ( $self, $id, %more ) = @_;
    tie my %session, 'Apache::Session::Memorycached', $id, { %{ $self->{arguments} }, %more };
    return \%session;
}

sub make {
    my ( $self, $id ) = @_;
    my $session = $self->session(undef);
    $session->{count} = 0;
    tied(%$session)->save;
    return $$id = $session->{_session_id};
}

sub show {
    my ( $self, $id ) = @_;
    my $session = $self->session($$id);
    return join '', map { "$_ $session->{$_}\n" } sort keys %$session;
}

sub visit {
    my ( $self, $id ) = @_;
    my $session = $self->session($$id);
    $session->{visits}++;
    $session->{last}{visit} = $session->{visits};
    tied(%$session)->save;
    return $session->{visits};
}

sub set {
    my ( $self, $id, $key, $value ) = @_;
    my $session = $self->session($$id);
    $session->{$key} = $value;
    tied(%$session)->save;
    return $value;
}

sub count {
    my ( $self, $id ) = @_;
    my $session = $self->session( $$id, Transaction => 1 );
    my $count   = ++$session->{count};
    tied(%$session)->save;
    return $count;
}

sub give_up {
    my ( $self, $id ) = @_;
    my $session = $self->session( $$id, Transaction => 1 );
    $session->{before_death}++;
    die "on purpose\n";
}

sub keep {
    my ( $self, $id, $end ) = @_;
    untie %kept;
    tie %kept, 'Apache::Session::Memorycached', $$id, { %{ $self->{arguments} }, Transaction => 1 };
    $kept{kept}++;
    die "on purpose\n" if $end;
    return $kept{kept};
}

1;
