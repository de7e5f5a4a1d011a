package Demo::App;

# The mod_perl response handler: requests in, pages and redirects out. Forms are answered with a redirect, so that
# reloading a page never sends a form again; each form carries a token that only this session's pages hold.

use 5.020;
use strict;
use warnings;
use utf8;

use APR::Table ();
use Apache2::Const -compile => qw(OK NOT_FOUND HTTP_METHOD_NOT_ALLOWED HTTP_SEE_OTHER);
use Apache2::Log         ();
use Apache2::RequestIO   ();
use Apache2::RequestRec  ();
use Apache2::RequestUtil ();
use Demo::Page           ();
use Demo::Session        ();
use Digest::SHA          qw(hmac_sha256_hex);
use Encode               qw(decode FB_DEFAULT);

my $COOKIE = 'demo_session';

# Made when Apache starts, before it forks: all its processes share it.
my $SECRET = do {
    open my $random, '<:raw', '/dev/urandom' or die "/dev/urandom: $!\n";
    ( read( $random, my $bytes, 32 ) || 0 ) == 32 or die "/dev/urandom: too few bytes\n";
    $bytes;
};

my %ROUTES = (
    '/'       => { GET  => \&show },
    '/bye'    => { GET  => \&bye },
    '/set'    => { POST => with_session( \&set_key ) },
    '/delete' => { POST => with_session( \&delete_key ) },
    '/logout' => { POST => with_session( \&log_out ) },
);

sub handler {
    my ($r)    = @_;
    my $route  = $ROUTES{ $r->uri } or return Apache2::Const::NOT_FOUND;
    my $method = $r->method eq 'HEAD' ? 'GET' : $r->method;
    my $action = $route->{$method};
    if ( !$action ) {
        $r->err_headers_out->set( Allow => join ', ', keys %$route );
        return Apache2::Const::HTTP_METHOD_NOT_ALLOWED;
    }

    my $status = eval { $action->($r) };
    return $status if defined $status;

    my $error = $@;
    $r->log_error("demo: $error");
    my $html = Demo::Page::message(
        title => 'No session',
        text  => 'The store could not be read or written. It says:',
        error => $error,
        link  => 'Try again',
    );
    return page( $r, 503, $html );
}

# GET /: counts the visit, and shows the session. The first tie of a process takes longer: it opens the store.
sub show {
    my ($r) = @_;
    my @servers = servers($r);

    my $open = sub { Demo::Session::existing( cookie($r), @servers ) || Demo::Session::create(@servers) };
    my ( $session, $tie_micros ) = Demo::Session::timed($open);
    Demo::Session::count_visit($session);
    my ( undef, $save_micros ) = Demo::Session::timed( sub { Demo::Session::save($session) } );

    state $ties = 0;
    my %took = ( tie_micros => $tie_micros, save_micros => $save_micros, first_tie => !$ties++ );

    set_cookie( $r, $session->{_session_id}, $Demo::Session::LIFETIME );
    return page( $r, 200, session_page( $r, $session, %took ) );
}

# GET /bye: touches no session.
sub bye {
    my ($r) = @_;
    my $html = Demo::Page::message(
        title => 'Logged out',
        text  => 'A request that was still under way can’t bring the session back: a tombstone stands in its place.',
        link  => 'Start a new one',
    );
    return page( $r, 200, $html );
}

# Wraps what a form does: it runs on a session that exists, with the token of that session. Without a session the
# visitor was logged out or came too late, and is sent to a fresh start.
sub with_session {
    my ($action) = @_;
    return sub {
        my ($r)     = @_;
        my $session = Demo::Session::existing( cookie($r), servers($r) ) or return redirect( $r, '/' );
        my $form    = form($r);
        return $action->( $r, $session, $form ) if ( $form->{token} // '' ) eq token($session);
        my $html = Demo::Page::message(
            title => 'Nothing was changed',
            text  => 'That form was not made for this session. It may be from a page that is older.',
            link  => 'To the session',
        );
        return page( $r, 403, $html );
    };
}

sub set_key {
    my ( $r, $session, $form ) = @_;
    my ( $key, $value ) = map { $_ // '' } @$form{qw(key value)};

    my $problem =
        $key !~ /\A\S(?:.{0,38}\S)?\z/                   ? 'A key has 1 to 40 characters, with no space at its ends.'
      : $Demo::Session::OWN{$key}                        ? "The key $key belongs to the application."
      : length $value > 500                              ? 'A value has at most 500 characters.'
      : keys %$session >= 30 && !exists $session->{$key} ? 'That is enough keys for one session; delete one first.'
      :                                                    undef;
    return page( $r, 422, session_page( $r, $session, problem => $problem ) ) if $problem;

    $session->{$key} = $value;
    Demo::Session::save($session);
    return redirect( $r, '/' );
}

sub delete_key {
    my ( $r, $session, $form ) = @_;
    my $key = $form->{key} // '';
    if ( !$Demo::Session::OWN{$key} && exists $session->{$key} ) {
        delete $session->{$key};
        Demo::Session::save($session);
    }
    return redirect( $r, '/' );
}

sub log_out {
    my ( $r, $session ) = @_;
    Demo::Session::end($session);
    set_cookie( $r, '', 0 );
    return redirect( $r, '/bye' );
}

# The rest is HTTP.

sub servers { return split /,/, $_[0]->dir_config('DemoServers') }

sub token { return hmac_sha256_hex( $_[0]{_session_id}, $SECRET ) }

sub session_page {
    my ( $r, $session, %more ) = @_;
    return Demo::Page::session(
        contents => {%$session},
        own      => \%Demo::Session::OWN,
        token    => token($session),
        store    => join( ', ', servers($r) ),
        lifetime => $Demo::Session::LIFETIME,
        process  => $$,
        %more,
    );
}

sub page {
    my ( $r, $status, $html ) = @_;
    my $headers = $r->headers_out;
    $headers->set( 'Cache-Control'          => 'no-store' );
    $headers->set( 'Referrer-Policy'        => 'same-origin' );
    $headers->set( 'X-Content-Type-Options' => 'nosniff' );
    $headers->set( 'Content-Security-Policy' => q{default-src 'none'; style-src 'self'; img-src data:; }
          . q{form-action 'self'; frame-ancestors 'none'; base-uri 'none'} );
    $r->status($status);
    $r->content_type('text/html; charset=utf-8');
    $r->print( Encode::encode( 'UTF-8', $html ) );
    return Apache2::Const::OK;
}

sub redirect {
    my ( $r, $path ) = @_;
    $r->headers_out->set( Location => $path );
    return Apache2::Const::HTTP_SEE_OTHER;
}

sub cookie {
    my ($r)  = @_;
    my ($id) = ( $r->headers_in->get('Cookie') // '' ) =~ /(?:\A|;\s*)$COOKIE=([0-9a-f]{32})(?:;|\z)/;
    return $id;
}

# err_headers_out: unlike headers_out, these are also sent with a redirect.
sub set_cookie {
    my ( $r, $value, $seconds ) = @_;
    $r->err_headers_out->add( 'Set-Cookie' => "$COOKIE=$value; Path=/; Max-Age=$seconds; HttpOnly; SameSite=Lax" );
    return;
}

# A form's fields as character strings. httpd.conf limits the size of the body.
sub form {
    my ($r) = @_;
    my $body = '';
    while ( $r->read( my $buffer, 8192 ) ) { $body .= $buffer }

    my %field;
    for my $pair ( split /&/, $body ) {
        my ( $name, $value ) = map { unescape($_) } split( /=/, $pair, 2 ), '';
        $field{$name} = $value if defined $name;
    }
    return \%field;
}

sub unescape {
    my ($text) = @_;
    $text =~ tr/+/ /;
    $text =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
    return decode( 'UTF-8', $text, FB_DEFAULT );
}

1;
