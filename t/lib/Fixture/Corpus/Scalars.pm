package Fixture::Corpus::Scalars;

# Numbers, strings, and what is both. Each structure holds its value three
# times: in an array, behind a reference, and in a hash.

use strict;
use warnings;

use Fixture::Corpus::Newer;
use Scalar::Util qw(dualvar);

sub structures {
    return ( integers(), doubles(), strings(), texts(), version_strings(), both(), immortals(), magical() );
}

sub in_three_places {
    my ( $name, $make, %option ) = @_;
    return [
        $name,
        sub {
            my $value = $make->();
            return [ $value, \$value, { key => $value } ];
        },
        %option
    ];
}

sub integers {
    my @integers = (
        0,                         1, -1, 126 .. 129, -127, -128, -129, 255, 256, 32_767, 32_768, 65_535, 65_536,
        2_147_483_647,             2_147_483_648,         2_147_483_649,
        -2_147_483_647,            -2_147_483_648,        -2_147_483_649,
        4_294_967_295,             4_294_967_296,         9_007_199_254_740_991,
        9_007_199_254_740_992,     9_007_199_254_740_993, 9_223_372_036_854_775_807,
        9_223_372_036_854_775_808, -9_223_372_036_854_775_807 - 1,
        18_446_744_073_709_551_615,
    );
    return map { in_three_places( named( integer => $_ ) ) } @integers;
}

sub doubles {
    my @doubles = (
        0.5,  -1.5,   0.1,   1 / 3, 1e15,  1e16,   1e300, -1e300, 1e-300, 5e-324,
        1e21, 9.2e18, 2**53, 2**63, 2**64, -2**63, 1.7976931348623157e308,
    );
    my %special = (
        'minus zero'        => -0.0,
        'infinity'          => 9**9**9,
        'minus infinity'    => -9**9**9,
        'not a number'      => -sin 9**9**9,
        '3, as a double'    => double(3),
        '127, as a double'  => double(127),
        '-128, as a double' => double(-128),
        '2**31 as a double' => double( 2**31 ),
    );
    return (
        ( map { in_three_places( named( double => double($_) ) ) } @doubles ),
        map { in_three_places( $_, returning( $special{$_} ) ) } sort keys %special
    );
}

# The name is made of a copy: a number that was used as text is no longer the
# same.
sub named {
    my ( $kind, $number ) = @_;
    my $copy = $number;
    return "the $kind $copy", returning($number);
}

# A double, also where an integer would do.
sub double {
    my ($number) = @_;
    return unpack 'd', pack 'd', $number;
}

sub returning {
    my ($value) = @_;
    return sub { $value };
}

sub strings {
    my %string = (
        'an empty string' => sub { '' },
        'one byte'        => sub { 'a' },
        'a zero byte'     => sub { "\0" },
        'the string 0'    => sub { '0' },
        'line ends'       => sub { "a\r\nb\n" },
        'every byte'      => sub {
            join '', map { chr } 0 .. 255;
        },
        'one string in two copies'       => sub { my $text = 'copied' x 300; my $copy = $text; $copy },
        'the head of a string cut off'   => sub { my $text = 'a' . 'b' x 40; $text =~ s/^a//;  $text },
        'bytes that would be UTF-8'      => sub { "\xc3\xa9\xe2\x82\xac" },
        'a string that looks like undef' => sub { 'undef' },
    );
    my @lengths = map {
        my $length = $_;
        in_three_places(
            "a string of $length bytes",
            sub {
                join '', map { chr $_ % 251 } 1 .. $length;
            }
        )
    } 254 .. 257, 65_535, 65_536;
    return (
        ( map { in_three_places( $_, $string{$_} ) } sort keys %string ),
        @lengths, in_three_places( 'a string of 70,000 bytes', sub { "\0\xff" x 35_000 } ),
    );
}

sub texts {
    no warnings qw(surrogate nonchar portable non_unicode);
    my %text = (
        'a character of two bytes'            => "\x{e9}\x{100}",
        'a character of three bytes'          => "\x{20ac}",
        'a character of four bytes'           => "\x{1F600}",
        'characters of all sizes'             => "a\x{e9}\x{20ac}\x{1F600}\0z",
        'a surrogate'                         => "\x{D800}\x{DFFF}",
        'code points that are not characters' => "\x{FFFE}\x{FFFF}\x{FDD0}",
        'beyond Unicode'                      => "\x{110000}",
        'beyond Unicode, far'                 => "\x{7FFFFFFF}",
        'beyond 32 bits'                      => "\x{FFFFFFFFFF}",
        'text of 254 bytes'                   => "\x{100}" x 127,
        'text of 255 bytes'                   => "\x{20ac}" x 85,
        'text of 256 bytes'                   => "\x{100}" x 128,
        'text of 70,000 bytes'                => "\x{100}" x 35_000,
    );
    my %upgraded = (
        'Latin-1 as text'       => "\xe9\xff",
        'ASCII as text'         => 'plain',
        'an empty text'         => '',
        'Latin-1 as text, long' => "\xe9" x 300,
        'digits as text'        => '42',
    );
    return (
        (
            map {
                my $text = $text{$_};
                in_three_places( $_, sub { $text } )
            } sort keys %text
        ),
        (
            map {
                my $text = $upgraded{$_};
                in_three_places( $_, sub { my $copy = $text; utf8::upgrade($copy); $copy } )
            } sort keys %upgraded
        ),
        in_three_places(
            'text that became bytes',
            sub { my $text = "\xe9\x{100}"; chop $text; utf8::downgrade($text); $text }
        ),
    );
}

sub version_strings {
    my %version = (
        'a v-string'                       => sub { v1.2.3 },
        'a v-string of one number'         => sub { v65 },
        'a v-string without a v'           => sub { 1.22.333 },
        'a v-string of wide numbers'       => sub { v1.2000.300000 },
        'a v-string of 255 bytes'          => sub { eval 'v' . join '.', (1) x 127, 1 },
        'a v-string of 256 bytes'          => sub { eval 'v' . join '.', (1) x 127, 10 },
        'a v-string of many numbers'       => sub { eval 'v' . join '.',            1 .. 3_000 },
        'a v-string that was used as text' => sub { my $version = v1.2; my $text = "$version"; $version },
    );
    return map { in_three_places( $_, $version{$_} ) } sort keys %version;
}

sub both {
    no warnings 'numeric';
    my %both = (
        'digits used as a number'        => sub { my $text   = '12';       my $sum  = $text + 0;   $text },
        'a fraction used as a number'    => sub { my $text   = '1.5';      my $sum  = $text + 0;   $text },
        'an exponent used as a number'   => sub { my $text   = '1e3';      my $sum  = $text + 0;   $text },
        'letters used as a number'       => sub { my $text   = 'abc';      my $sum  = $text + 0;   $text },
        'digits and letters as a number' => sub { my $text   = '3abc';     my $sum  = $text + 0;   $text },
        'wide digits used as a number'   => sub { my $text   = "7\x{100}"; my $sum  = $text + 0;   $text },
        'an integer used as text'        => sub { my $number = 12;         my $text = "$number";   $number },
        'a large integer used as text'   => sub { my $number = 2**40;      my $text = "$number";   $number },
        'a double used as text'          => sub { my $number = 0.5;        my $text = "$number";   $number },
        'a double used as an integer'    => sub { my $number = 3.7;        my $int  = $number | 0; $number },
        'a whole double used as integer' => sub { my $number = 3e9;        my $int  = $number | 0; $number },
        'an integer used as a double'    => sub { my $number = 7;          my $half = $number / 2; $number },
        'a number that became text'      => sub { my $value  = 12;         $value .= 'a'; $value },
        'text that became a number'      => sub { my $value  = '12';       $value++;      $value },
        'text that became undefined'     => sub { my $value  = 'gone';     undef $value;  $value },
        'an integer that is text'        => sub { dualvar( 5,   'five' ) },
        'a double that is text'          => sub { dualvar( 0.5, 'half' ) },
        'zero that is text'              => sub { dualvar( 0,   "\x{100}" ) },
        'an error number'                => sub { local $! = 2; my $error = $!; $error },
        'undef'                          => sub { undef },
    );
    return (
        ( map { in_three_places( $_, $both{$_} ) } sort keys %both ),
        in_three_places( 'true',  sub { !!1 }, Fixture::Corpus::Newer::boolean( sub { $_[0][0] eq '1' } ) ),
        in_three_places( 'false', sub { !!0 }, Fixture::Corpus::Newer::boolean( sub { $_[0][0] eq '' } ) ),
        [ 'a string, read-only',              sub { [ \read_only('constant') ] } ],
        [ 'a number that is text, read-only', sub { [ \read_only( dualvar 1.5, 'one and a half' ) ] } ],
    );
}

sub read_only : lvalue {
    my ($value) = @_;
    Internals::SvREADONLY( $value, 1 );
    $value;
}

# What `undef`, `!!1` and `!!0` are themselves, not copies of them: only an
# alias can put these into a structure.
sub immortals {
    my $aliases = sub { \@_ };
    return (
        [ 'a reference to undef itself', sub { \undef } ],
        [ 'a reference to true itself',  sub { \!!1 } ],
        [ 'a reference to false itself', sub { \!!0 } ],
        [ 'true itself in an array',     sub { $aliases->( !!1 ) } ],
        [ 'false itself in an array',    sub { $aliases->( !!0 ) } ],
        [ 'undef itself in an array',    sub { $aliases->(undef) } ],
        [
            'each of them, several times',
            sub { $aliases->( ( !!1 ) x 2, ( !!0 ) x 2, (undef) x 2, \undef, \!!1, \!!0 ) }
        ],
        [
            'an undefined scalar between two of them',
            sub { my $none; $aliases->( undef, $none, undef, $none ) }
        ],
    );
}

# Scalars that Perl does more with than keep a value.
sub magical {
    return (
        [ 'a string with a position', sub { my $text = 'abc'; $text =~ /b/g; [ \$text ] } ],
        [
            'a text with known length',
            sub { my $text = "\x{100}b\x{200}" x 50; my $at = index $text, 'b', 9; [ \$text ] }
        ],
        [ 'a part of a string',     sub { my $text  = 'abcdef'; [ \substr $text, 1, 3 ] } ],
        [ 'a position',             sub { my $text  = 'abcdef'; pos $text = 2; [ \pos $text ] } ],
        [ 'the length of an array', sub { my @array = 1 .. 3;   [ \$#array ] } ],
        [
            'an element of @_',
            sub {
                my %hash;
                sub { [ \$_[0] ] }
                  ->( $hash{absent} );
            }
        ],
        [ 'a variable of the environment', sub { local $ENV{CORPUS} = 'value'; [ \$ENV{CORPUS} ] } ],
    );
}

1;
