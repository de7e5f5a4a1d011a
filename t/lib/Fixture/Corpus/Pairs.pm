package Fixture::Corpus::Pairs;

# Each kind of value beside each other: in one list, one hash, behind
# references, one in the other, and all of it shared.

use strict;
use warnings;

use Hash::Util   qw(lock_keys);
use Scalar::Util qw(dualvar weaken);
use Fixture::Corpus::Hooked;
use Fixture::Corpus::Overloaded;
use Fixture::Corpus::Ties;

my %KIND = (
    'undef'                 => sub { undef },
    'an integer'            => sub { 300 },
    'a double'              => sub { 0.25 },
    'a string'              => sub { 'string' },
    'a text'                => sub { "text \x{100}" },
    'a number that is text' => sub { dualvar( 3, 'three' ) },
    'a v-string'            => sub { v1.2.3 },
    'a scalar'              => sub { \( my $text = 'scalar' ) },
    'an array'              => sub { [ 1, undef, 'b' ] },
    'a hash'                => sub { { a => 1 } },
    'a locked hash'         => sub { my %hash = ( a => 1 ); lock_keys( %hash, 'a', 'b' ); \%hash },
    'a UTF-8 key'           => sub { { "\x{100}" => 1, "\xe9" => 2 } },
    'a circle'              => sub { my $circle = [1]; push @$circle, $circle;              $circle },
    'a weak circle'         => sub { my $circle = {};  weaken( $circle->{self} = $circle ); $circle },
    'an object'             => sub { bless { a => 1 }, 'Fixture::Corpus::Plain' },
    'an overloaded object'  => sub { bless [1],        'Fixture::Corpus::Overloaded' },
    'a regexp'              => sub { qr/a.b/i },
    'code'                  => sub {
        sub { 'code' }
    },
    'a tied hash'               => \&Fixture::Corpus::Ties::tied_hash,
    'a tied array'              => \&Fixture::Corpus::Ties::tied_array,
    'a tied scalar'             => \&Fixture::Corpus::Ties::tied_scalar,
    'an element of a tied hash' => sub { my $hash = Fixture::Corpus::Ties::tied_hash(); \$hash->{a} },
    'a hook'                    => sub { bless { string => 'hook', refs => [ ['new'] ] }, 'Fixture::Corpus::Hooked' },
    'an attached object'        => sub { bless { name => 'x' }, 'Fixture::Corpus::Hooked::Attaching' },
);

sub structures {
    my @kinds = sort keys %KIND;
    return map {
        my $one = $kinds[$_];
        map { [ "$one beside $_", beside( $one, $_ ), set => { Deparse => 1, Eval => 1 } ] } @kinds[ $_ .. $#kinds ];
    } 0 .. $#kinds;
}

sub beside {
    my @kinds = @_;
    return sub {
        my ( $one, $other ) = map { $KIND{$_}->() } @kinds;
        my $all = {
            list    => [ $one, $other, $one ],
            hash    => { one => $one, other => $other },
            scalars => [ \$one, \$other, \$one ],
            deeper  => [ [ { other => $other } ], \\$one ],
        };
        weaken( $all->{weak} = $other ) if ref $other;
        return $all;
    };
}

1;
