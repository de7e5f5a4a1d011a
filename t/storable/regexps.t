# Regular expressions come back as such, with their flags, and match what they
# matched.

use strict;
use warnings;
use utf8;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use re             qw(regexp_pattern is_regexp);
use Scalar::Util   qw(refaddr);
use Storable       ();
use Fixture::Needs ();
use Fixture::Storable;

# Storable 2 stores none.
my $compared = Fixture::Needs::has('Storable 3');

my %regexps = (
    'plain'         => qr/a.c/,
    'empty'         => qr//,
    'flags i m s x' => qr/ a . c /imsx,
    $] >= 5.022 ? ( 'flag n'  => eval 'qr/(a)/n' )    : (),
    $] >= 5.026 ? ( 'flag xx' => eval 'qr/[a b]/xx' ) : (),
    'flag p'        => qr/a/p,
    'flag a'        => qr/\w/a,
    'flag aa'       => qr/\w/aa,
    'flag u'        => qr/\w/u,
    'flag l'        => qr/\w/l,
    'escapes'       => qr/\x{65e5}\xe9\t/,
    'Latin-1'       => do { no utf8; qr/\xe9/ },
    'groups'        => qr/(?<year>\d{4})-(?:(?i:x)|y)/,
    'slashes'       => qr{a/b\/c},
    'dollar and at' => qr/\$a\@b$/,
    'a line end'    => qr/a
b/,
    'a zero byte'  => qr/a\0b/,
    'long'         => do { my $long  = 'x' x 300; qr/$long/ },
    'interpolated' => do { my $inner = qr/b/i;    qr/a$inner/ },
);

my %ways = (
    'freeze, thaw'            => sub { thaw( freeze( $_[0] ) ) },
    'nfreeze, thaw'           => sub { thaw( nfreeze( $_[0] ) ) },
    'dclone'                  => sub { dclone( $_[0] ) },
    'ours, read by Storable'  => sub { Storable::thaw( nfreeze( $_[0] ) ) },
    'Storable\'s, read by us' => sub { thaw( Storable::nfreeze( $_[0] ) ) },
);
delete @ways{ grep { /Storable/ } keys %ways } if !$compared;

for my $way ( sort keys %ways ) {
    subtest $way => sub {
        for my $name ( sort keys %regexps ) {
            my $copy = $ways{$way}->( { regexp => $regexps{$name} } )->{regexp};
            ok is_regexp($copy), $name;
            is_deeply [ regexp_pattern($copy) ], [ regexp_pattern( $regexps{$name} ) ], 'the same';
            is ref $copy, 'Regexp', 'of its class';
        }
    };
}

subtest 'byte for byte as Storable' => sub {
    plan skip_all => "Storable $Storable::VERSION stores no regexp" if !$compared;
    ok freeze( $regexps{$_} ) eq Storable::freeze( $regexps{$_} ), $_ for sort keys %regexps;
};

# The format does not say whether a pattern is text or bytes, and Storable takes it
# for bytes.
subtest 'a pattern with characters above 255' => sub {
    plan skip_all => "Storable $Storable::VERSION stores no regexp" if !$compared;
    my $image = nfreeze(qr/\w日本/);
    ok $image eq Storable::nfreeze(qr/\w日本/), 'is stored as Storable does';
    is_deeply [ regexp_pattern( thaw($image) ) ], [ regexp_pattern( Storable::thaw($image) ) ], 'and read likewise';
};

subtest 'it matches' => sub {
    my $copy = dclone( \%regexps );
    like 'xabcx',          $copy->{plain},           'a letter';
    like 'A' . "\n" . 'C', $copy->{'flags i m s x'}, 'by its flags';
    like "\x{65e5}\xe9\t", $copy->{escapes},         'escapes';
    ok '2024-X' =~ $copy->{groups}, 'groups';
    is $+{year}, 2024, 'by name';
    unlike 'b', $copy->{plain}, 'or not';
};

subtest 'shared, blessed, in a scalar' => sub {
    my $regexp = qr/a/;
    my $copy   = dclone( [ $regexp, $regexp ] );
    is refaddr $copy->[0], refaddr $copy->[1], 'a shared one is one';
    my $blessed = dclone( bless qr/a/i, 'My::Regexp' );
    is ref $blessed, 'My::Regexp', 'another class';
    ok is_regexp($blessed), 'is a regexp still';
    ok 'A' =~ $blessed,     'and matches';
    my $plain = ${qr/b/};
    my $read  = dclone( [ \$plain ] );
    like 'abc', ${ $read->[0] }, 'one that no reference leads to';
};

subtest 'code in a regexp' => sub {
    use re 'eval';
    our $ran = 0;
    my $regexp = eval q{qr/a(?{ $main::ran++ })/} or die $@;
    my $image  = freeze( [$regexp] );
    no re 'eval';
    like error_of { thaw($image) }, qr/^Eval-group not allowed at runtime/, 'is refused by thaw';
    is $ran, 0, 'and not run';
};

subtest 'what is wrong' => sub {
    my $regexp = sub {
        my ( $pattern, $flags ) = @_;
        return substr( nfreeze( \1 ), 0, 2 ) . "\x20\x00" . pack 'C/a C/a', $pattern, $flags;
    };
    ok is_regexp( thaw( $regexp->( 'a', 'i' ) ) ), 'a right one';
    like error_of { thaw( $regexp->( 'a',          'q' ) ) },     qr/^regexp flags invalid\b/, 'a flag that is none';
    like error_of { thaw( $regexp->( 'a',          'i;die' ) ) }, qr/^regexp flags invalid\b/, 'code instead of flags';
    like error_of { thaw( $regexp->( 'a',          "i\n" ) ) },   qr/^regexp flags invalid\b/, 'a line end after them';
    like error_of { thaw( $regexp->( '(',          '' ) ) },      qr/^Unmatched \(/,           'a pattern that is none';
    like error_of { thaw( $regexp->( '(?{ die })', '' ) ) },      qr/^Eval-group not allowed/, 'code in the pattern';
    like error_of { thaw( $regexp->( '(??{ die })', '' ) ) },     qr/^Eval-group not allowed/, 'or instead of one';
    is_deeply [ regexp_pattern( thaw( $regexp->( '@x[die]$x', '' ) ) ) ], [ '@x[die]$x', '' ],
      'a pattern is not interpolated';
};

subtest 'classes and flags' => sub {
    my $image = freeze( [qr/a/] );
    like error_of { thaw( $image, classes => [] ) }, qr/\bRegexp\b.*not allowed/, 'a regexp is of the class Regexp';
    ok is_regexp( thaw( $image, classes => ['Regexp'] )->[0] ), 'which can be allowed';
};

done_testing;
