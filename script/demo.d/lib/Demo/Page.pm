package Demo::Page;

# The demo's HTML: data in, a page as a character string out. Everything that is put into a page goes through
# fill(), which escapes it; only HTML that fill() made goes in as it is, by reference.

use 5.020;
use strict;
use warnings;
use utf8;

use JSON::PP ();

my $JSON = JSON::PP->new->canonical->allow_blessed;

# The templates of fill().

use constant DOCUMENT => <<'HTML';
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{TITLE} · Apache::Session::Memorycached</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/style.css">
</head>
<body><main>
{BODY}
</main></body>
</html>
HTML

use constant SESSION => <<'HTML';
<header>
  <p class="brand">Apache::Session::Memorycached</p>
  <form method="post" action="/logout">{TOKEN}<button class="quiet">Log out</button></form>
</header>
{PROBLEM}
<section class="hero">
  <p class="label">Visit</p>
  <p class="count" id="visits">{VISITS}</p>
  <p class="hint">Since {FIRST}. <a href="/">Visit again</a></p>
</section>
<dl class="facts">{FACTS}</dl>
<section class="card">
  <h2>What the session holds</h2>
  <div class="scroll"><table>
    <thead><tr><th scope="col">Key</th><th scope="col">Value</th><td></td></tr></thead>
    <tbody>{ROWS}</tbody>
  </table></div>
  <form class="set" method="post" action="/set">
    {TOKEN}
    <label>Key <input name="key" required maxlength="40" autocomplete="off" placeholder="colour"></label>
    <label>Value <input name="value" maxlength="500" autocomplete="off" placeholder="green"></label>
    <button>Set</button>
  </form>
</section>
HTML

use constant FACT => "<div><dt>{NAME}</dt><dd>{VALUE}</dd></div>\n";

use constant ROW => <<'HTML';
<tr><th scope="row">{KEY}</th><td>{VALUE}</td><td class="action">{DELETE}</td></tr>
HTML

use constant DELETE => <<'HTML';
<form method="post" action="/delete">{TOKEN}<button class="quiet" name="key" value="{KEY}" aria-label="Delete {KEY}">Delete</button></form>
HTML

use constant TOKEN => '<input type="hidden" name="token" value="{TOKEN}">';

use constant PROBLEM => '<p class="problem" role="alert">{TEXT}</p>';

use constant MESSAGE => <<'HTML';
<section class="card message">
  <h1>{TITLE}</h1>
  <p>{TEXT}</p>
  {ERROR}
  <p><a class="button" href="/">{LINK}</a></p>
</section>
HTML

use constant ERROR => '<pre>{TEXT}</pre>';

# $session{contents, own, token, store, lifetime, process}, and tie_micros, save_micros and first_tie, or problem.
sub session {
    my (%session) = @_;

    my $body = fill(
        SESSION,
        TOKEN   => token_field( $session{token} ),
        PROBLEM => defined $session{problem} ? fill( PROBLEM, TEXT => $session{problem} ) : \'',
        VISITS  => $session{contents}{visits},
        FIRST   => $session{contents}{first_visit},
        FACTS   => facts(%session),
        ROWS    => rows(%session),
    );
    return document( 'A session', $body );
}

# A page without a session: $message{title, text, link}, and error.
sub message {
    my (%message) = @_;

    my $body = fill(
        MESSAGE,
        TITLE => $message{title},
        TEXT  => $message{text},
        ERROR => defined $message{error} ? fill( ERROR, TEXT => $message{error} ) : \'',
        LINK  => $message{link},
    );
    return document( $message{title}, $body );
}

sub document {
    my ( $title, $body ) = @_;
    return ${ fill( DOCUMENT, TITLE => $title, BODY => $body ) };
}

sub facts {
    my (%session) = @_;
    my @facts = (
        [ 'Tie took',  micros( $session{tie_micros} ) . ( $session{first_tie} ? ', opening the store' : '' ) ],
        [ 'Save took', micros( $session{save_micros} ) ],
        [ 'Expires',   'in ' . $session{lifetime} / 60 . ' min' ],
        [ 'Process',   $session{process} ],
        [ 'Session',   shorten( $session{contents}{_session_id} ) ],
        [ 'Store',     $session{store} ],
    );
    return join_html( map { fill( FACT, NAME => $_->[0], VALUE => $_->[1] ) } @facts );
}

# The visitor's own keys first, then those of the application.
sub rows {
    my (%session) = @_;
    my ( $contents, $own, $token ) = @session{qw(contents own token)};

    my @rows;
    for my $key ( sort { !!$own->{$a} <=> !!$own->{$b} || $a cmp $b } keys %$contents ) {
        my $value  = $key eq '_session_id' ? shorten( $contents->{$key} ) : plain( $contents->{$key} );
        my $delete = $own->{$key}          ? \'' : fill( DELETE, TOKEN => token_field($token), KEY => $key );
        push @rows, fill( ROW, KEY => $key, VALUE => $value, DELETE => $delete );
    }
    return join_html(@rows);
}

sub token_field {
    my ($token) = @_;
    return fill( TOKEN, TOKEN => $token );
}

# Puts values in the places of {NAME}s: text escaped, a reference to HTML as it is. Gives a reference to HTML.
sub fill {
    my ( $template, %value ) = @_;
    $template =~ s/\{([A-Z]+)\}/ref $value{$1} ? ${ $value{$1} } : escape($value{$1})/ge;
    return \$template;
}

sub join_html {
    return \join '', map { $$_ } @_;
}

my %ENTITY = ( '&' => '&amp;', '<' => '&lt;', '>' => '&gt;', '"' => '&quot;', "'" => '&#39;' );

sub escape {
    my ($text) = @_;
    $text =~ s/([&<>"'])/$ENTITY{$1}/g;
    return $text;
}

sub plain {
    my ($value) = @_;
    return 'undef' if !defined $value;
    return ref $value ? $JSON->encode($value) : $value;
}

# A whole id is the key to the session: a page, and a screenshot of it, shows only its beginning.
sub shorten { return substr( $_[0], 0, 8 ) . '…' }

sub micros { return defined $_[0] ? sprintf( '%.0f µs', $_[0] ) : '–' }

1;
