package Fixture::Corpus::Ties;

# What is tied, elements of it, and objects that are tied.

use strict;
use warnings;

use Scalar::Util qw(weaken);
use Fixture::Corpus::Tied;

sub structures {
    return ( tied_variables(), places(), elements(), objects(), variables_of_perl() );
}

# Tied, with something in it: returned as references.
sub tied_hash {
    tie my %hash, 'Fixture::Corpus::Tied::Hash';
    @{ tied %hash }{ 'a', "\x{100}", 'c' } = ( 1, 'two', [3] );
    return \%hash;
}

sub tied_array {
    tie my @array, 'Fixture::Corpus::Tied::Array';
    @{ tied @array } = ( 1, 'two', [3] );
    return \@array;
}

sub tied_scalar {
    tie my $scalar, 'Fixture::Corpus::Tied::Scalar', 'value';
    return \$scalar;
}

sub tied_to {
    my ( $kind, $object ) = @_;
    my $to = 'Fixture::Corpus::Tied::To';
    if ( $kind eq 'hash' )  { tie( my %hash,  $to, $object ); return \%hash }
    if ( $kind eq 'array' ) { tie( my @array, $to, $object ); return \@array }
    tie( my $scalar, $to, $object );
    return \$scalar;
}

sub object { return bless {}, 'Fixture::Corpus::Tied::To' }

sub tied_variables {
    my %tied = (
        'a tied hash'               => \&tied_hash,
        'a tied array'              => \&tied_array,
        'a tied scalar'             => \&tied_scalar,
        'a scalar tied to itself'   => sub { my $self = 1; tie $self, 'Fixture::Corpus::Tied::Itself', \$self; \$self },
        'a hash tied to an array'   => sub { tied_to( hash  => bless [ 1, 2 ],   'Fixture::Corpus::Tied::To' ) },
        'an array tied to a hash'   => sub { tied_to( array => bless { a => 1 }, 'Fixture::Corpus::Tied::To' ) },
        'a scalar tied to a scalar' =>
          sub { tied_to( scalar => bless \( my $text = 'x' ), 'Fixture::Corpus::Tied::To' ) },
        'a hash tied to an overloaded object' => sub { tied_to( hash => bless {}, 'Fixture::Corpus::Overloaded' ) },
        'a hash tied to a tied hash' => sub { tied_to( hash => bless tied_hash(), 'Fixture::Corpus::Tied::To' ) },
        'a hash that had been filled, then tied' => sub {
            my %hash = ( before => 1 );
            tie %hash, 'Fixture::Corpus::Tied::Hash';
            \%hash;
        },
        'a hash that is no longer tied' =>
          sub { my $hash = tied_hash(); no warnings 'untie'; untie %$hash; $hash->{a} = 1; $hash },
        'a scalar that is no longer tied' => sub { my $scalar = tied_scalar(); untie $$scalar; $scalar },
    );
    return (
        ( map { [ $_, $tied{$_} ] } sort keys %tied ),
        [ 'a tied handle', sub { [ tied_handle() ] }, refused => qr/^Can't store GLOB items/ ],
        map {
            [
                "a tied $_, where ties are disabled", \&{"tied_$_"}, set => { flags => 0 },
                unread => qr/^Tying is disabled\./
            ]
        } qw(hash array scalar),
    );
}

sub tied_handle {
    open my $handle, '<', __FILE__ or die $!;
    tie *$handle, 'Fixture::Corpus::Tied::To::Handle';
    return $handle;
}
sub Fixture::Corpus::Tied::To::Handle::TIEHANDLE { return bless [] }

sub places {
    my %place = (
        'all kinds of ties'              => sub { [ tied_hash(), tied_array(), tied_scalar() ] },
        'a tied hash twice'              => sub { my $hash   = tied_hash();   [ $hash,   $hash ] },
        'a tied scalar twice'            => sub { my $scalar = tied_scalar(); [ $scalar, $scalar ] },
        'a tied hash, then its object'   => sub { my $hash   = tied_hash();   [ $hash,   tied %$hash ] },
        'the object, then its tied hash' => sub { my $hash   = tied_hash();   [ tied %$hash, $hash ] },
        'two hashes tied to one object'  => sub {
            my $object = object();
            [ map { tied_to( hash => $object ) } 1, 2 ];
        },
        'all kinds, tied to one object' => sub {
            my $object = object();
            [ map { tied_to( $_ => $object ) } qw(hash array scalar) ];
        },
        'a tied hash in itself'       => sub { my $hash = tied_hash(); ( tied %$hash )->{self} = $hash;        $hash },
        'a tied array in a tied hash' => sub { my $hash = tied_hash(); ( tied %$hash )->{list} = tied_array(); $hash },
        'a tied scalar as an element' =>
          sub { my @array = ( 1, 2, 3 ); tie $array[1], 'Fixture::Corpus::Tied::Scalar', 'x'; \@array },
        'a tied scalar as a value' =>
          sub { my %hash = ( a => 1 ); tie $hash{a}, 'Fixture::Corpus::Tied::Scalar', 'x'; \%hash },
        'a weak reference to a tied hash' =>
          sub { my $hash = tied_hash(); my $all = [ $hash, $hash ]; weaken $all->[0]; $all },
        'tied among others' => sub { [ {}, tied_hash(), {}, tied_array(), [], tied_scalar(), \1 ] },
    );
    return map { [ $_, $place{$_} ] } sort keys %place;
}

sub elements {
    my %element = (
        'an element of a tied hash'           => sub { my $hash  = tied_hash();  [ \$hash->{a} ] },
        'an element of a tied array'          => sub { my $array = tied_array(); [ \$array->[1] ] },
        'an element of a tied hash, alone'    => sub { my $hash  = tied_hash();  \$hash->{a} },
        'an element of a tied array, alone'   => sub { my $array = tied_array(); \$array->[0] },
        'an element that is a reference'      => sub { my $hash  = tied_hash();  [ \$hash->{c} ] },
        'an element that is absent'           => sub { my $hash  = tied_hash();  [ \$hash->{absent} ] },
        'an element that is far'              => sub { my $array = tied_array(); [ \$array->[100_000] ] },
        'an element counted from the end'     => sub { my $array = tied_array(); [ \$array->[-1] ] },
        'an element with a UTF-8 key'         => sub { my $hash  = tied_hash();  [ \$hash->{"\x{100}"} ] },
        'an element with an empty key'        => sub { my $hash  = tied_hash();  [ \$hash->{''} ] },
        'an element with a number as its key' => sub { my $hash  = tied_hash();  [ \$hash->{42}, \$hash->{ 1 / 2 } ] },
        'an element with a reference as its key' =>
          sub { my $hash = tied_hash(); my $key = ['key']; [ \$hash->{$key}, $key ] },
        'an element, then its hash'          => sub { my $hash = tied_hash(); [ \$hash->{a}, $hash ] },
        'a hash, then its element'           => sub { my $hash = tied_hash(); [ $hash, \$hash->{a}, \$hash->{a} ] },
        'an array, its object, its elements' =>
          sub { my $array = tied_array(); [ $array, tied @$array, \( @$array[ 0, 1 ] ) ] },
        'a tied element that is blessed' =>
          sub { my $hash = tied_hash(); [ bless \$hash->{a}, 'Fixture::Corpus::Plain' ] },
    );
    return map { [ $_, $element{$_} ] } sort keys %element;
}

sub objects {
    my $class  = 'Fixture::Corpus::Plain';
    my %object = (
        'an object that is a tied hash'     => sub { bless tied_hash(),   $class },
        'an object that is a tied array'    => sub { bless tied_array(),  $class },
        'an object that is a tied scalar'   => sub { bless tied_scalar(), $class },
        'an overloaded object that is tied' => sub { [ bless tied_hash(), 'Fixture::Corpus::Overloaded' ] },
        'a tied object twice' => sub { my $object = bless tied_hash(), $class; [ $object, $object, tied %$object ] },
    );
    return map { [ $_, $object{$_} ] } sort keys %object;
}

sub variables_of_perl {
    require Errno;
    require Tie::Hash::NamedCapture;
    return (
        [ 'the hash of errors',        sub { [ \%! ] } ],
        [ 'the hash of named matches', sub { 'a' =~ /(?<name>a)/; [ \%+, \%- ] } ],
    );
}

1;
