package Fixture::Corpus::Arrays;

# Arrays: of all sizes, with what is not there, with what can't be changed.

use strict;
use warnings;

sub structures {
    my @sizes = map {
        my $size = $_;
        [ "an array of $size", sub { [ 1 .. $size ] } ]
    } 1, 2, 255, 256, 10_000;
    return ( [ 'an empty array', sub { [] } ], @sizes, gaps(), shapes(), guarded() );
}

sub gaps {
    return (
        [ 'an array with a gap',             sub { my @array; $array[5] = 'five'; \@array } ],
        [ 'an array with a deleted element', sub { my @array = 1 .. 5; delete $array[2]; \@array } ],
        [ 'an array longer than its last',   sub { my @array = (1);    $#array = 9;      \@array } ],
        [ 'an array of nothing but gaps',    sub { my @array; $#array = 3; \@array } ],
        [ 'an array of undef',               sub { [ (undef) x 5 ] } ],
        [ 'gaps, undef, and undef itself',   sub { my $array = aliases( undef, 1 ); $array->[4] = undef; $array } ],
        [ 'references to undef',             sub { my $none;  [ \undef, \$none, \undef, \$none, undef ] } ],
        [ 'a reference to a gap',            sub { my @array; $array[3] = 1; [ \@array, \$array[1] ] } ],
    );
}

sub shapes {
    return (
        [ 'an array that lost its head', sub { my @array = 1 .. 20; splice @array, 0, 5; shift @array; \@array } ],
        [ 'an array that was extended',  sub { my @array; $#array = 999; $#array = -1; push @array, 1; \@array } ],
        [ 'arrays in arrays',            sub { [ [], [ [] ], [ [], [ [] ] ] ] } ],
        [
            'arrays in arrays, 200 deep',
            sub {
                nested( 200, sub { [ $_[0] ] } );
            }
        ],
        [
            'arrays and hashes, 100 deep',
            sub {
                nested( 100, sub { { list => [ $_[0] ] } } );
            }
        ],
        [
            'a table',
            sub {
                [ map { [ $_, "row $_", $_ / 8 ] } 1 .. 100 ]
            }
        ],
        [ 'one array 300 times', sub { my $array = [1]; [ ($array) x 300 ] } ],
        [
            'an array with elements by name',
            sub { my @array = 1 .. 3; [ \@array, \$array[1], \$array[1], \$array[2] ] }
        ],
        [ 'arguments of a sub', sub { my ( $a, @b ) = ( 1, 2, 3 ); aliases( $a, @b, $a ) } ],
        [ 'an @ISA', sub { @Fixture::Corpus::Heir::ISA = 'UNIVERSAL'; \@Fixture::Corpus::Heir::ISA } ],
    );
}

sub guarded {
    return (
        [ 'an array, read-only', sub { my @array = 1 .. 3; Internals::SvREADONLY( @array, 1 ); \@array } ],
        [
            'an array of read-only scalars',
            sub { my @array = 1 .. 3; Internals::SvREADONLY( $_, 1 ) for @array; \@array }
        ],
        [ 'an array of constants', sub { aliases( 1, 'constant', 0.5 ) } ],
    );
}

sub aliases { return \@_ }

sub nested {
    my ( $depth, $wrap ) = @_;
    my $structure = 'core';
    $structure = $wrap->($structure) for 1 .. $depth;
    return $structure;
}

1;
