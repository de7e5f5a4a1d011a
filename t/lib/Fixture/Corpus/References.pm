package Fixture::Corpus::References;

# References: to each kind of thing, shared, in circles, weak.

use strict;
use warnings;

use Scalar::Util qw(weaken);

sub structures {
    return ( plain(), shared(), circles(), weak() );
}

sub plain {
    return (
        [ 'a scalar alone',               sub { \'alone' } ],
        [ 'a number alone',               sub { \42 } ],
        [ 'a variable that is undefined', sub { \my $none } ],
        [ 'a reference to a reference',   sub { \\'deeper' } ],
        [ 'references, 5 deep',           sub { \\\\\'deep' } ],
        [ 'references, 200 deep',  sub { my $deep = 'core'; $deep = \( my $next = $deep ) for 1 .. 200; $deep } ],
        [ 'a reference to a list', sub { \[ 1, 2 ] } ],
        [ 'a reference to a reference to a hash', sub { \\{ a => 1 } } ],
        [ 'references to all kinds',          sub { [ \1, \'a', \undef, \[], \{}, \\1, [], {}, \0.5, \"\x{100}" ] } ],
        [ 'a hash of references',             sub { { a => \1, b => \\2, c => [], d => {}, e => \[] } } ],
        [ 'a reference that is read-only',    sub { my $ref   = [1]; Internals::SvREADONLY( $ref, 1 ); [ \$ref ] } ],
        [ 'a scalar that was a reference',    sub { my $value = [];           $value = 'text'; [ \$value ] } ],
        [ 'a string that became a reference', sub { my $value = 'text' x 100; $value = [1];    [ \$value ] } ],
    );
}

sub shared {
    return (
        [ 'a scalar referred to twice', sub { my $scalar = 'shared'; [ \$scalar, \$scalar ] } ],
        [ 'a hash and a list share',    sub { my $list   = [1];      { a => $list, b => [$list], c => \$list } } ],
        [ 'a reference shared as such', sub { my $ref    = [1];      [ \$ref, \$ref, $ref ] } ],
        [ 'an element by reference, before its array', sub { my @array = 1 .. 3; [ \$array[1], \@array ] } ],
        [
            'a value by reference, before its hash',
            sub { my %hash = ( a => 1, b => 2 ); [ \$hash{a}, \%hash, \$hash{b} ] }
        ],
        [ 'an element that refers to its neighbour', sub { my @array = ( 1, 2 ); $array[2] = \$array[0]; \@array } ],
        [
            'two strings that are one buffer',
            sub { my $text = 'long' x 500; my $copy = $text; [ $text, $copy, \$text ] }
        ],
        [
            '300 things, each twice',
            sub {
                my @list = map { [$_] } 1 .. 300;
                [ @list, @list ];
            }
        ],
        [
            'many scalars, each by reference',
            sub {
                my @list = 1 .. 300;
                [ ( map { \$_ } @list ), \@list ];
            }
        ],
        [ 'the same constant twice', sub { my $ref = \1; [ $ref, $ref, \1 ] } ],
    );
}

sub circles {
    return (
        [ 'an array in itself',         sub { my @array = (1);        push @array, \@array, 2; \@array } ],
        [ 'a hash in itself',           sub { my %hash  = ( a => 1 ); $hash{self} = \%hash;    \%hash } ],
        [ 'a reference to itself',      sub { my $self; $self = \$self; $self } ],
        [ 'two references in a circle', sub { my ( $a, $b ); $a = \$b; $b = \$a; $a } ],
        [ 'a circle of all kinds',      sub { my $hash = {}; $hash->{list} = [ \$hash, [$hash], \\$hash ]; $hash } ],
        [
            'a list that goes both ways',
            sub {
                ring( 20, sub { } );
            }
        ],
        [ 'an element that refers to itself', sub { my @array = 1; $array[1] = \$array[1]; \@array } ],
        [ 'a scalar that refers to its holder', sub { my $scalar; my $list = [ \$scalar ]; $scalar = $list; $list } ],
    );
}

sub ring {
    my ( $size, $each ) = @_;
    my @nodes = map { { name => $_ } } 1 .. $size;
    for my $at ( 0 .. $#nodes ) {
        $nodes[$at]{next}     = $nodes[ ( $at + 1 ) % $size ];
        $nodes[$at]{previous} = $nodes[ $at - 1 ];
        $each->( $nodes[$at] );
    }
    return \@nodes;
}

# Some hold what they refer to weakly only: what is elsewhere when they are
# frozen is nowhere when they are thawed.
my $elsewhere = { elsewhere => 1 };
my $scalar    = 'elsewhere';

sub weak {
    my %weak = (
        'a weak reference, after a strong one' =>
          sub { my $list = [1]; my $all = [ $list, $list ]; weaken $all->[1]; $all },
        'a weak reference, before a strong one' =>
          sub { my $list = [1]; my $all = [ $list, $list ]; weaken $all->[0]; $all },
        'a weak reference in a hash' =>
          sub { my $list = [1]; my $all = { strong => $list, weak => $list }; weaken $all->{weak}; $all },
        'a weak reference to the root' => sub { my $root = {}; $root->{root} = $root; weaken $root->{root}; $root },
        'a weak reference to a parent' =>
          sub { my $root = { a => [ {} ] }; weaken( $root->{a}[0]{parent} = $root ); $root },
        'a weak reference to a scalar' => sub { my $text = 'x'; my $all = [ \$text, \$text ]; weaken $all->[0]; $all },
        'a weak reference to a reference' => sub { my $ref = [1]; my $all = [ \$ref, \$ref ]; weaken $all->[1]; $all },
        'a weak reference to itself'      => sub { my $self; $self = \$self; my $all = [ \$self ]; weaken $self; $all },
        'a weak reference to an element'  =>
          sub { my @list = 1 .. 3; my $all = [ \$list[1], \@list ]; weaken $all->[0]; $all },
        'a weak reference by reference' =>
          sub { my $list = [1]; my $all = [ \( my $weak = $list ), $list ]; weaken ${ $all->[0] }; $all },
        'a weak reference to what is elsewhere'    => sub { my $all = [$elsewhere];         weaken $all->[0];    $all },
        'two weak references to what is elsewhere' => sub { my $all = [ ($elsewhere) x 2 ]; weaken $_ for @$all; $all },
        'a weak reference to a scalar elsewhere'   => sub { my $all = [ \$scalar, 1 ];      weaken $all->[0];    $all },
        'a weak reference to an object'            => sub {
            my $object = bless {}, 'Fixture::Corpus::Plain';
            my $all    = [ $object, $object ];
            weaken $all->[0];
            $all;
        },
        'a ring with weak backward links' => sub {
            ring( 20, sub { weaken $_[0]{previous} } );
        },
        'a ring that is weak all around' => sub {
            ring( 5, sub { weaken $_[0]{previous}; weaken $_[0]{next} } );
        },
        'a weak reference that was copied' => sub { my $list = [1]; weaken( my $weak = $list ); [ $weak, $list ] },
        'a weak reference to what is gone' =>
          sub { my $list = [1]; my $all = [$list]; weaken $all->[0]; undef $list; $all },
        'a read-only weak reference' => sub {
            my $list = [1];
            my $all  = [ $list, $list ];
            weaken $all->[1];
            Internals::SvREADONLY( $all->[1], 1 );
            $all;
        },
        '300 weak references' =>
          sub { my $list = [1]; my $all = [ ($list) x 300 ]; weaken $all->[$_] for 1 .. 299; $all },
    );
    return map { [ $_, $weak{$_} ] } sort keys %weak;
}

1;
