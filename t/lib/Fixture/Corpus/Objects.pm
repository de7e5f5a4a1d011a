package Fixture::Corpus::Objects;

# Objects of classes without hooks: what can be blessed, names of classes,
# overloaded operators.

use strict;
use warnings;

use Scalar::Util qw(weaken);
use Fixture::Corpus::Overloaded;

sub structures {
    return ( things(), names(), many(), overloaded(), refused() );
}

my $class = 'Fixture::Corpus::Plain';

sub things {
    my %thing = (
        'a blessed hash'                   => sub { bless { a => 1 },                               $class },
        'an empty blessed hash'            => sub { bless {},                                       $class },
        'a blessed array'                  => sub { bless [ 1, 2 ],                                 $class },
        'a blessed string'                 => sub { bless \( my $text = 'text' ),                   $class },
        'a blessed number'                 => sub { bless \( my $number = 7 ),                      $class },
        'a blessed double'                 => sub { bless \( my $number = 0.5 ),                    $class },
        'a blessed text'                   => sub { bless \( my $text = "\x{100}" ),                $class },
        'a blessed v-string'               => sub { bless \( my $version = v1.2.3 ),                $class },
        'a blessed undef'                  => sub { bless \( my $none ),                            $class },
        'a blessed reference'              => sub { bless \[1],                                     $class },
        'a blessed reference to a scalar'  => sub { bless \\'text',                                 $class },
        'a blessed reference to an object' => sub { bless \( bless [], $class ),                    $class },
        'an object in an object'           => sub { bless { inner => bless [], "${class}::Inner" }, $class },
        'an object in itself'         => sub { my $self   = bless {}, $class; $self->{self} = $self;           $self },
        'an object in itself, weakly' => sub { my $self   = bless {}, $class; weaken( $self->{self} = $self ); $self },
        'an object twice'             => sub { my $object = bless {}, $class; [ $object, $object ] },
        'an object whose reference is shared' => sub { my $object = bless [], $class; [ \$object, \$object, $object ] },
        'an element that is blessed'          => sub { my @array  = ( 1, 2 );   bless \$array[1], $class; \@array },
        'a value that is blessed'             => sub { my %hash   = ( a => 1 ); bless \$hash{a}, $class; \%hash },
        'an object that changed its class'    => sub { bless bless( {}, 'Fixture::Corpus::Before' ), $class },
        'objects of all kinds of one class'   => sub {
            [ map { bless $_, $class } {}, [], \( my $text = 1 ), \[], \\1 ]
        },
        'an object whose class looks like a type' => sub {
            [ map { bless [], $_ } qw(HASH ARRAY SCALAR REF CODE Regexp) ]
        },
        'an object of a class that can anything'   => sub { bless { a => 1 }, 'Fixture::Corpus::Obliging' },
        'an object that says it is something else' => sub { bless { a => 1 }, 'Fixture::Corpus::Liar' },
        'an object whose class ends things'        => sub { bless { a => 1 }, 'Fixture::Corpus::Mortal' },
    );
    return map { [ $_, $thing{$_} ] } sort keys %thing;
}

sub names {
    my @lengths = map {
        my $name = 'C' x $_;
        [
            "a class name of $_",
            sub {
                [ map { bless [], $name } 1 .. 3 ]
            }
        ]
    } 1, 126, 127, 128, 129, 254, 255, 256, 300, 10_000;
    my %name = (
        '0 as a class name'                      => '0',
        'main as a class name'                   => 'main',
        'a class name in Latin-1'                => "Fixture::Corpus::\xe9",
        'a class name with an apostrophe'        => "Fixture'Corpus'Old",
        'a class name with leading colons'       => '::Fixture::Corpus::Lead',
        'a class name with trailing colons'      => 'Fixture::Corpus::Trail::',
        'a class name with spaces and line ends' => "Fixture Corpus\nClass",
    );
    my ( $short, $long, $cut ) = ( "Fixture::Corpus::\x{100}\x{20ac}", "\x{100}" x 100, "Fixture::Corpus::A\0B" );
    my $bytes = 'Storable takes its bytes for the name';
    return (
        @lengths,
        ( map { [ $_, objects_of( $name{$_} ) ] } sort keys %name ),
        [ 'a class name in UTF-8',      objects_of($short), differs => [ $bytes, of_class($short) ] ],
        [ 'a long class name in UTF-8', objects_of($long),  differs => [ $bytes, of_class($long) ] ],
        [
            'a class name with a zero byte', objects_of($cut),
            differs => [ 'Storable cuts the name there', of_class($cut) ]
        ],
    );
}

sub objects_of {
    my ($class) = @_;
    return sub {
        [ map { bless {}, $class } 1, 2 ]
    };
}

sub of_class {
    my ($class) = @_;
    return sub { ref $_[0][1] eq $class };
}

sub many {
    my $objects = sub {
        my ($count) = @_;
        return map { bless [$_], "Fixture::Corpus::Many$_" } 1 .. $count;
    };
    my @counts = map {
        my $count = $_;
        [
            "$count classes, each twice",
            sub {
                [ map { $objects->($count) } 1, 2 ]
            }
        ]
    } 127, 128, 129, 256, 257, 300;
    return (
        @counts,
        [
            '300 objects of one class',
            sub {
                [ map { bless { n => $_ }, $class } 1 .. 300 ]
            }
        ],
        [
            'two classes in turn',
            sub {
                [ map { bless [], $class . $_ % 2 } 1 .. 100 ]
            }
        ],
    );
}

sub overloaded {
    my %kind = (
        'an overloaded object'                  => 'Fixture::Corpus::Overloaded',
        'an object overloaded without fallback' => 'Fixture::Corpus::Overloaded::Strictly',
        'an object that inherits its operators' => 'Fixture::Corpus::Overloaded::Heir',
        'an object that overloads what it is'   => 'Fixture::Corpus::Overloaded::Disguised',
        'an object whose operators die'         => 'Fixture::Corpus::Overloaded::Dying',
        'an object that only sets fallback'     => 'Fixture::Corpus::Overloaded::Barely',
    );
    my @simple = map {
        my ( $name, $overloaded ) = ( $_, $kind{$_} );
        (
            [ $name,                     sub { bless { value => 7 },              $overloaded } ],
            [ "$name, in a list, twice", sub { my $object = bless { value => 7 }, $overloaded; [ $object, $object ] } ],
        )
    } sort keys %kind;
    my $with = 'Fixture::Corpus::Overloaded';
    my %more = (
        'an overloaded array'        => sub { [ bless [ 1, 2 ],            $with ] },
        'an overloaded scalar'       => sub { [ bless \( my $text = 'x' ), $with ] },
        'an overloaded reference'    => sub { [ bless \[1],                $with ] },
        'an overloaded object, weak' =>
          sub { my $object = bless {}, $with; my $all = [ $object, $object ]; weaken $all->[1]; $all },
        'an overloaded object, weak first' =>
          sub { my $object = bless {}, $with; my $all = [ $object, $object ]; weaken $all->[0]; $all },
        'an overloaded object in itself' => sub { my $self = bless {}, $with; $self->{self} = $self; $self },
        'an overloaded parent, weak'     =>
          sub { my $self = bless { child => {} }, $with; weaken( $self->{child}{up} = $self ); $self },
        'a reference to an overloaded object'          => sub { [ \( bless {}, $with ) ] },
        'an overloaded object that is elsewhere, weak' =>
          sub { our $kept = bless {}, $with; my $all = [$kept]; weaken $all->[0]; $all },
        'overloaded among others' => sub {
            [ map { bless {}, $_ } $with, $class, $with, $class ]
        },
    );
    return @simple, map { [ $_, $more{$_} ] } sort keys %more;
}

sub refused {
    my %refused = (
        'a file handle'              => [ sub { [ \*STDOUT ] },                   qr/^Can't store GLOB items/ ],
        'a copy of a glob'           => [ sub { my $glob = *STDOUT; [ \$glob ] }, qr/^Can't store GLOB items/ ],
        'a glob as an element'       => [ sub { [*STDOUT] },                      qr/^Can't store GLOB items/ ],
        'an input and output object' => [ sub { [ *STDOUT{IO} ] },                qr/^Can't store IO items/ ],
        'an open file'               =>
          [ sub { open my $file, '<', __FILE__ or die $!; { file => $file } }, qr/^Can't store GLOB items/ ],
        'a table of symbols'    => [ sub { \%Fixture::Corpus::Liar:: }, qr/^Can't store GLOB items/ ],
        'a blessed file handle' =>
          [ sub { open my $file, '<', __FILE__ or die $!; bless $file, $class }, qr/^Can't store GLOB items/ ],
        'undef instead of a reference'    => [ sub { undef },  qr/^not a reference/ ],
        'text instead of a reference'     => [ sub { 'text' }, qr/^not a reference/ ],
        'a number instead of a reference' => [ sub { 42 },     qr/^not a reference/ ],
    );
    return map { [ $_, $refused{$_}[0], refused => $refused{$_}[1] ] } sort keys %refused;
}

package Fixture::Corpus::Obliging;
our $AUTOLOAD;
sub AUTOLOAD { return $AUTOLOAD }
sub DESTROY  { }

package Fixture::Corpus::Liar;
sub isa { return 1 }
sub can { return }
sub ref { return 'HASH' }

package Fixture::Corpus::Mortal;
sub DESTROY { return $_[0]{a}++ }

1;
