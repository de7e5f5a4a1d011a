# What corpus.t compares: the portraits of two structures differ where the
# structures do, and are the same where they don't.

use strict;
use warnings;
use lib 't/lib';
use Test::More;

use Hash::Util   qw(lock_keys lock_hash);
use Scalar::Util qw(dualvar weaken);
use Fixture::Corpus::Overloaded;
use Fixture::Corpus::Portrait qw(portrait);
use Fixture::Corpus::Ties;

sub aliases   { return \@_ }
sub upgraded  { my ($text) = @_; utf8::upgrade($text); return $text }
sub locked    { my ( $lock, @more ) = @_; my %hash = ( a => 1 ); $lock->( \%hash, @more ); return \%hash }
sub weakened  { my ($all)   = @_;     weaken $all->[1];                   return $all }
sub used      { my ($text)  = @_;     my $sum = $text + 0;                return [ \$text ] }
sub read_only { my ($value) = @_;     Internals::SvREADONLY( $value, 1 ); return [ \$value ] }
sub gap       { my @array   = 1 .. 3; delete $array[1];                   return \@array }

my $list   = [1];
my $object = bless {}, 'Fixture::Corpus::Plain';

my %apart = (
    'an integer and a string'           => [ [1],                      ['1'] ],
    'an integer and a double'           => [ [1],                      [ unpack 'd', pack 'd', 1 ] ],
    'a string and one used as a number' => [ [ \( my $text = '12' ) ], used('12') ],
    'zero and minus zero'           => [ [ unpack 'd', pack 'd', 0 ], [ unpack 'd', pack 'H*', '0000000000000080' ] ],
    'signed and unsigned'           => [ [-1],                        [ ~0 ] ],
    'a number that is text'         => [ [5],                         [ dualvar 5, 'five' ] ],
    'bytes and text'                => [ ["\xe9"],                    [ upgraded("\xe9") ] ],
    'two long strings'              => [ [ 'a' x 500 ],               [ 'a' x 499 . 'b' ] ],
    'a string and a v-string'       => [ ["\1\2"],                    [v1.2] ],
    'undef and an empty string'     => [ [undef],                     [''] ],
    'undef and undef itself'        => [ [undef],                     aliases(undef) ],
    'true and true itself'          => [ [ !!1 ],                     aliases( !!1 ) ],
    'a scalar and a read-only one'  => [ [ \( my $same = 'x' ) ],     read_only('x') ],
    'an element and a gap'          => [ [ 1, undef, 3 ],             gap() ],
    'lengths of arrays'             => [ [ 1, 2 ],                    [ 1, 2, undef ] ],
    'keys'                          => [ { a => 1 },                  { b => 1 } ],
    'keys of bytes and of text'     => [ { "\xe9" => 1 },             { upgraded("\xe9") => 1 } ],
    'a hash and a locked one'       => [ { a => 1 },                  locked( \&Hash::Util::lock_ref_keys ) ],
    'hidden keys'                   => [ map { locked( \&Hash::Util::lock_ref_keys, 'a', $_ ) } 'b', 'c' ],
    'locked keys and locked values' => [ locked( \&Hash::Util::lock_ref_keys ), locked( \&Hash::Util::lock_hashref ) ],
    'one list twice, and two'       => [ [ $list, $list ],                      [ [1], [1] ] ],
    'strong and weak'               => [ [ $list, $list ],                      weakened( [ $list, $list ] ) ],
    'which of them is weak'         => [
        weakened( [ $list, $list, $list ] ),
        do { my $all = [ ($list) x 3 ]; weaken $all->[2]; $all }
    ],
    'a reference and its target'    => [ [ \'x' ],                       ['x'] ],
    'a scalar shared by references' => [ do { my $x = 1; [ \$x, \$x ] }, [ \( my $one = 1 ), \( my $other = 1 ) ] ],
    'classes'                       => [ $object,                        bless {}, 'Fixture::Corpus::Other' ],
    'an object and a hash'          => [ $object,                        {} ],
    'classes of operators'          =>
      [ ( map { bless {}, $_ } 'Fixture::Corpus::Overloaded', 'Fixture::Corpus::Overloaded::Heir' ) ],
    'regexps'               => [ qr/a/,     qr/b/ ],
    'modifiers'             => [ qr/a/,     qr/a/i ],
    'a regexp and its text' => [ [qr/a/],   [ '' . qr/a/ ] ],
    'classes of regexps'    => [ qr/a/,     bless qr/a/, 'Fixture::Corpus::Plain' ],
    'code'                  => [ sub { 1 }, sub { 2 } ],
    'a hash and a tied one' => [ {},        Fixture::Corpus::Ties::tied_hash() ],
    'what is tied to what'  =>
      [ map { Fixture::Corpus::Ties::tied_to( hash => bless $_, 'Fixture::Corpus::Tied::To' ) } [], {} ],
    'elements of what is tied' => [ map { [ \Fixture::Corpus::Ties::tied_hash()->{$_} ] } 'a', 'b' ],
    'elements of a tied array' => [ map { [ \Fixture::Corpus::Ties::tied_array()->[$_] ] } 0,  1 ],
);

for my $name ( sort keys %apart ) {
    my ( $one, $other ) = map { portrait($_) } @{ $apart{$name} };
    isnt $one,                       $other, $name;
    is portrait( $apart{$name}[0] ), $one,   "$name: looking changes nothing";
}

my $chain = { list => [ 1, 'a', undef ], object => $object };
is portrait( {%$chain} ), portrait( {%$chain} ), 'two copies are the same';

done_testing;
