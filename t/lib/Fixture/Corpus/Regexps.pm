package Fixture::Corpus::Regexps;

# Regular expressions: their modifiers, what they hold, what they are blessed
# into.

use strict;
use warnings;

sub structures {
    return ( modifiers(), patterns(), places() );
}

sub modifiers {
    my @modifiers = ( '', qw(i m s x n p a aa u l d xx im imsx imsxn imsxxnp msixpaa iu) );
    return map {
        my $modifiers = $_;
        [ "a regexp with the modifiers '$modifiers'", sub { no warnings; [ eval "qr/a (b) c/$modifiers" ] } ]
    } @modifiers;
}

sub patterns {
    my %pattern = (
        'an empty regexp'          => sub { qr// },
        'a regexp with a slash'    => sub { qr{a/b\/c} },
        'a regexp with a line end' => sub {
            qr/a\nb
            c/x;
        },
        'a regexp with a zero byte'       => sub { my $zero = "a\0b"; qr/$zero/ },
        'a regexp with quotes and braces' => sub { qr/['"`{}\\\[\]]/ },
        'a regexp with a comment'         => sub {
            qr/a # what
            b/x;
        },
        'a regexp in Latin-1'            => sub { my $text = "\xe9";            qr/$text/ },
        'a regexp in Latin-1, as text'   => sub { my $text = "\xe9";            utf8::upgrade($text); qr/$text/ },
        'a regexp in UTF-8'              => sub { my $text = "\x{100}\x{20ac}"; qr/$text/i },
        'a regexp with escapes of UTF-8' => sub { qr/\x{100}\N{U+20ac}/ },
        'a regexp with properties'       => sub { qr/\p{Lu}\P{IsSpace}/ },
        'a regexp with names'            => sub { qr/(?<year>\d+)-(?<month>\d+)\k<year>/ },
        'a regexp with looks around'     => sub { qr/(?<=a)b(?!c)(?>d+)/ },
        'a regexp in a regexp'           => sub { my $inner = qr/b+/i;         qr/a${inner}c/x },
        'a regexp with an array in it'   => sub { my @words = ( 'a', 'b' );    local $" = '|'; qr/(?:@words)/ },
        'a regexp of 255 bytes'          => sub { my $text  = 'a' x 255;       qr/$text/ },
        'a regexp of 256 bytes'          => sub { my $text  = 'a' x 256;       qr/$text/ },
        'a regexp of 5,000 bytes'        => sub { my $text  = 'ab' x 2_500;    qr/$text/ },
        'a long regexp in UTF-8'         => sub { my $text  = "\x{100}" x 300; qr/$text/ },
        'a regexp of 255 bytes in UTF-8' => sub { my $text  = "\x{20ac}" x 85; qr/$text/ },
    );
    return (
        (
            map {
                my $make = $pattern{$_};
                [ $_, sub { [ $make->() ] } ]
            } sort keys %pattern
        ),
        [ 'a regexp with code in it', sub { [qr/a(?{ 1 })b/] }, unread => qr/^Eval-group not allowed at runtime/ ],
    );
}

sub places {
    my $class = 'Fixture::Corpus::Plain';
    my %place = (
        'a regexp alone'                => sub { qr/a/ },
        'a regexp twice'                => sub { my $regexp = qr/a/; [ $regexp, $regexp ] },
        'two regexps that are the same' => sub {
            [ map { qr/a/ } 1, 2 ]
        },
        'a regexp by reference'           => sub { [ \qr/a/ ] },
        'a regexp of another class'       => sub { bless qr/a/i, $class },
        'a regexp of an overloaded class' => sub { [ bless qr/a/i, 'Fixture::Corpus::Overloaded' ] },
        'a regexp without a class'        => sub { my $regexp = ${qr/a/}; [ \$regexp ] },
        'a regexp as an element'          => sub { [ ${qr/a/} ] },
        'a regexp, weak'                  =>
          sub { my $regexp = qr/a/; my $all = [ $regexp, $regexp ]; Scalar::Util::weaken( $all->[0] ); $all },
        'regexps as values'     => sub { { a => qr/a/, b => [ qr/b/, { c => qr/c/ } ] } },
        'regexps among objects' => sub { [ qr/a/, bless( [], 'Regexp' ), qr/b/, bless( {}, $class ) ] },
        'a regexp that matched' => sub { my $regexp = qr/(a)/; 'cab' =~ $regexp; [$regexp] },
    );
    return map { [ $_, $place{$_} ] } sort keys %place;
}

1;
