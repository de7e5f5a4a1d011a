package CGI::Session::Driver::memcache;

use 5.020;
use strict;
use warnings;

our $VERSION = '3.000';

use parent 'CGI::Session::Driver';

use Scalar::Util qw(blessed looks_like_number);

use Apache::Session::Memorycached::Client ();

# Stands before a session's id in its key, with a colon.
our $sess_space = 'sessions';

my $CLIENT = 'Apache::Session::Memorycached::Client';

# memcached takes a longer time for a date.
my $THIRTY_DAYS = 60 * 60 * 24 * 30;

# CGI::Session::Driver's own has one text for whatever `init` returns.
sub new {
    my ( $class, $args ) = @_;
    my $self = eval { $class->SUPER::new($args) };
    return $self if $self;
    return $class->set_error( $@ ? _words($@) : $class->errstr );
}

sub init {
    my ($self) = @_;
    $self->{Handle} = $self->_handle;
    if ( defined( my $timeout = $self->{Timeout} ) ) {
        die "Timeout: takes a number of seconds, not '$timeout'\n" if !looks_like_number($timeout) || $timeout < 0;
    }
    return 1;
}

sub store {
    my ( $self, $sid, $data ) = @_;
    my $key = _key($sid) or return $self->_fail( 'store', $sid, 'its id is not one' );
    my ( $stored, $error ) = $self->_ask( set => $key, $self->_storable($data), $self->_expiry );
    return 1 if $stored;
    return $self->_fail( 'store', $sid, $error // 'the client did not store it; is there a server, and room for it?' );
}

sub retrieve {
    my ( $self, $sid ) = @_;

    # It comes from a cookie: what can't be a key is no session, and never goes to a server.
    my $key = _key($sid) or return '';
    my ( $data, $error ) = $self->_ask( get => $key );
    return $self->_fail( 'retrieve', $sid, $error )                      if defined $error;
    return $self->_fail( 'retrieve', $sid, "$key holds something else" ) if ref $data;
    return $data // '';
}

sub remove {
    my ( $self, $sid ) = @_;
    my $key = _key($sid) or return 0;
    my ( $removed, $error ) = $self->_ask( delete => $key );
    return 1                                                                      if $removed;
    return $self->_fail( 'remove', $sid, $error // 'the client did not say why' ) if !defined $removed;
    return 0;
}

sub traverse {
    my ( $self, $code ) = @_;
    my $client = $self->_lister
      or return $self->set_error( 'traverse(): can not list the sessions of a '
          . ref( $self->{Handle} )
          . "; give no Handle, or a $CLIENT or a Cache::Memcached" );
    my $prefix  = "$sess_space:";
    my $calling = 0;
    my $visit   = sub {
        $calling = 1;
        $code->( substr $_[0], length $prefix );
        $calling = 0;
    };
    local $@;
    my $count = eval { $client->each_key( $prefix, $visit ) };
    return 1 if defined $count;
    die $@   if $calling;
    return $self->set_error( 'traverse(): ' . ( $client->error // _words($@) ) );
}

# What keeps the sessions: any object that can do the three calls, or a client of our own.
sub _handle {
    my ($self) = @_;
    my $handle = $self->{Handle};
    if ( !defined $handle ) {
        my $servers = $self->{Servers};
        $self->{_is_ours} = 1;
        return $CLIENT->new( on_error => 'quiet', utf8 => 1, defined $servers ? ( servers => $servers ) : () );
    }
    die "Handle: takes a client of memcached, with get, set and delete\n"
      if !blessed $handle || grep { !$handle->can($_) } qw(get set delete);
    return $handle;
}

# A client that can list what the handle has.
sub _lister {
    my ($self) = @_;
    my $handle = $self->{Handle};
    return $handle if $handle->isa($CLIENT);
    return         if !$handle->isa('Cache::Memcached') || !eval { @{ $handle->{servers} } };
    return $CLIENT->new(
        on_error => 'quiet',
        map { ( $_ => $handle->{$_} ) } grep { defined $handle->{$_} } qw(servers namespace)
    );
}

# A call of the client: what it returns, or undef and why. Our own tells; of another, only what it dies of is known.
sub _ask {
    my ( $self, $call, @arguments ) = @_;
    my $handle = $self->{Handle};
    my $is_own = $handle->isa($CLIENT);
    local $SIG{__WARN__} = sub { }
      if $is_own;    # what it warns of is told in words
    my $result;
    eval { $result = $handle->$call(@arguments); 1 } or return ( undef, _words($@) );
    return ( $result, $is_own ? $handle->error : undef );
}

sub _expiry {
    my ($self)  = @_;
    my $timeout = $self->{Timeout} or return;
    my $seconds = int $timeout < $timeout ? int $timeout + 1 : int $timeout;
    return $seconds > $THIRTY_DAYS ? time + $seconds : $seconds;
}

sub _fail {
    my ( $self, $call, $sid, $why ) = @_;
    $sid =~ s/([^!-~])/sprintf '\\x{%x}', ord $1/ge if defined $sid;
    return $self->set_error( "$call(): session " . ( $sid // 'undef' ) . ": $why" );
}

sub _words {
    my ($error) = @_;
    $error =~ s/ at \S+ line \d+\.?\n\z//;
    chomp $error;
    return $error;
}

# What a client sends must be bytes, whatever the serializer made. Our own marks characters, and gives them back.
sub _storable {
    my ( $self, $data ) = @_;
    utf8::encode($data) if !utf8::downgrade( $data, 1 ) && !$self->{_is_ours};
    return $data;
}

# The key of a session; nothing where its id is not one.
sub _key {
    my ($sid) = @_;
    return if !defined $sid || $sid !~ /\A[!-~]+\z/;
    my $key = "$sess_space:$sid";
    return length $key <= 250 ? $key : undef;
}

1;

__END__

=head1 NAME

CGI::Session::Driver::memcache - CGI::Session in memcached, or without a daemon

=head1 SYNOPSIS

    use CGI;
    use CGI::Session;
    use Cache::Memcached;

    my $cgi  = CGI->new;
    my $memd = Cache::Memcached->new({ servers => ['127.0.0.1:11211'] });

    # With a client of memcached, any that there is.
    my $session = CGI::Session->new( 'driver:memcache', $cgi, { Handle => $memd } )
        or die CGI::Session->errstr;

    # Without one.
    $session = CGI::Session->new( 'driver:memcache', $cgi, { Servers => ['127.0.0.1:11211'], Timeout => 3600 } )
        or die CGI::Session->errstr;

    # Without a memcached: in a directory of this host.
    $session = CGI::Session->new( 'driver:memcache', $cgi, { Servers => ['embedded:/var/lib/app/sessions'] } )
        or die CGI::Session->errstr;

    $session->param( 'greet_en', 'Hi !' );
    $session->flush or die $session->errstr;

=head1 DESCRIPTION

A driver for L<CGI::Session>, compatible with release 0.10 of this name: sessions that it has stored are read, the arguments
mean the same, and so do the keys. Everything else about sessions is in L<CGI::Session>.

A session is one item: its key is C<sessions:> and the id, its value what the serializer made, as a plain string. All serializers
of CGI::Session can be used. A serializer that makes characters (FreezeThaw does, of data with characters above 255) gets them
back where there is no C<Handle>; a C<Handle> gives it their bytes in UTF-8, as the driver C<file> does.

This driver does what CGI::Session asks of one, so of two requests that change one session, the later one wins. For sessions that
keep both changes, or lock, see L<Apache::Session::Memorycached>.

=head1 ARGUMENTS

The third argument of C<< CGI::Session->new >>, C<load> and C<find>.

=over 4

=item Handle

An object with the methods C<get>, C<set> and C<delete>: a L<Cache::Memcached>, a L<Cache::Memcached::Fast>, an
L<Apache::Session::Memorycached::Client>, or another.

=item Servers

Without a C<Handle>: a reference to an array of servers, as L<Apache::Session::Memorycached::Client> takes them. C<embedded:/directory>
keeps sessions in a directory of this host. Without both, that is one below F</var/tmp>.

=item Timeout

Seconds after which a session that was not saved any more is gone. A session that is read by CGI::Session is saved, too,
with its time of access. By default never, as far as the server has room. CGI::Session's own C<expire> works with it and without
it; it deletes what has expired when somebody asks for it.

=back

C<$CGI::Session::Driver::memcache::sess_space>, by default C<sessions>, stands before each id in its key. Change it to keep the
sessions of several applications apart.

=head1 METHODS

CGI::Session calls them. Each that fails sets C<errstr>, and returns undef.

=head2 init

Checks the arguments.

=head2 store, retrieve

An id that can't be a key (it comes from a cookie) is a session that is not there; it is not sent to a server.

=head2 remove

1 if there was a session, 0 if not.

=head2 traverse

For C<< CGI::Session->find >>. Lists the ids of all sessions, with L<Apache::Session::Memorycached::Client/each_key>. It needs a client of
ours, which the driver makes where it has no C<Handle>, or a L<Cache::Memcached>, which says what its servers are. Any other client
can't list: C<find> fails, and C<errstr> says so.

=head1 ERRORS

    retrieve(): session 5f0c0d9e: memcached 127.0.0.1:11211: can't connect: Connection refused

and the like, in C<< CGI::Session->errstr >> when C<new> or C<load> returns undef, and in C<< $session->errstr >> when C<flush> does.
CGI::Session has one C<errstr> for all sessions, and C<load> fails as long as there is one: in a program that goes on after an error, call
C<< CGI::Session->set_error('') >> before it. C<new> does so itself.

Call C<flush>: what goes wrong when a session is destroyed, nobody hears of.

With a client of another kind, errors are what that client tells. Cache::Memcached returns nothing where its server is down: the session
is taken for missing, and a new one begins, which can't be stored either. L<Apache::Session::Memorycached::Client> as a C<Handle>, or
C<Servers>, tells a server that is down from a session that is not there.

=head1 SEE ALSO

L<CGI::Session>, L<CGI::Session::Driver>, L<Apache::Session::Memorycached::Client>

=head1 LICENSE

The same terms as Perl 5 itself.

=cut
