package Fixture::Corpus::Hooks;

# Objects with hooks, in each form that the format has for them.

use strict;
use warnings;

use Scalar::Util qw(weaken);
use Fixture::Corpus::Hooked;
use Fixture::Corpus::Overloaded;
use Fixture::Corpus::Ties;

my $hooked = 'Fixture::Corpus::Hooked';

sub structures {
    return ( kinds(), returned(), references(), classes(), unusual(), tied_objects(), nested(), attached() );
}

sub hooked {
    my ( $string, @refs ) = @_;
    return bless { string => $string, refs => \@refs }, $hooked;
}

sub named {
    my (%structure) = @_;
    return map { [ $_, $structure{$_} ] } sort keys %structure;
}

sub kinds {
    return named(
        'a hash with a hook'                  => sub { hooked('hash') },
        'an array with a hook'                => sub { bless ['array'],                $hooked },
        'a scalar with a hook'                => sub { bless \( my $text = 'scalar' ), $hooked },
        'a reference with a hook'             => sub { bless \[ 'reference', [1] ],    $hooked },
        'a hash with a hook and references'   => sub { hooked( 'hash', [1], { a => 2 }, \'text' ) },
        'an array with a hook and references' => sub { bless [ 'array', [1], { a => 2 } ], $hooked },
        'a hook in a list'                    => sub { [ 1, hooked('a'), 2 ] },
        'a hook in a hash'                    => sub { { a => hooked('a') } },
        'a hook by reference'                 => sub { [ \hooked('a') ] },
        'hooks of all kinds' => sub { [ hooked('a'), bless( ['b'], $hooked ), bless( \( my $text = 'c' ), $hooked ) ] },
    );
}

sub returned {
    my @lengths = map {
        my $length = $_;
        [ "a hook that returns $length bytes", sub { [ hooked( 'x' x $length ) ] } ]
    } 0, 1, 127, 128, 254, 255, 256, 257, 65_536, 70_000;
    return @lengths, named(
        'a hook that returns any bytes' => sub {
            [ hooked( join '', map { chr } 0 .. 255 ) ]
        },
        'a hook that returns text'            => sub { [ hooked("\x{100}\x{20ac}") ] },
        'a hook that returns Latin-1 as text' => sub { my $text = "\xe9"; utf8::upgrade($text); [ hooked($text) ] },
        'a hook that returns a long text'     => sub { [ hooked( "\x{100}" x 200 ) ] },
        'a hook that returns a number'        => sub { [ hooked(42),    hooked(0.5), hooked(-1) ] },
        'a hook that returns true or false'   => sub { [ hooked( !!1 ), hooked( !!0 ) ] },
        'a hook that returns undef'                              => sub { [ hooked(undef) ] },
        'a hook that returns a v-string'                         => sub { [ hooked(v1.2.3) ] },
        'a hook that returns an overloaded object as its string' =>
          sub { [ hooked( bless {}, 'Fixture::Corpus::Overloaded' ) ] },
    );
}

sub references {
    my @counts = map {
        my $count = $_;
        [
            "a hook with $count new references",
            sub {
                [ hooked( 'many', map { [$_] } 1 .. $count ) ]
            }
        ],
          [ "a hook with one reference $count times", sub { my $list = [1]; [ hooked( 'same', ($list) x $count ) ] } ],
          [
            "a hook with $count known references",
            sub {
                my @list = map { [$_] } 1 .. $count;
                [ \@list, hooked( 'known', @list ) ];
            }
          ],
    } 1, 2, 254, 255, 256, 257, 300;
    return @counts, named(
        'a hook that refers to itself'   => sub { my $self = hooked('self'); push @{ $self->{refs} }, $self; $self },
        'a hook that refers to the root' => sub { my $root = []; push @$root, hooked( 'root', $root ); $root },
        'a hook that refers to what comes later' => sub { my $list = [1]; [ hooked( 'later', $list ), $list ] },
        'a hook that refers to what was before'  => sub { my $list = [1]; [ $list, hooked( 'before', $list ) ] },
        'a hook that refers to old and new' => sub { my $old = [1]; [ $old, hooked( 'both', $old, [2],  $old, {} ) ] },
        'a hook that refers to new and old' => sub { my $old = [1]; [ $old, hooked( 'both', [2],  $old, {}, $old ) ] },
        'a hook that refers to a scalar of the list' =>
          sub { my @list = ( 1, 2 ); push @list, hooked( 'element', \$list[0] ); \@list },
        'a hook that refers to a reference'    => sub { [ hooked( 'reference', \[1] ) ] },
        'a hook that refers to numbers'        => sub { [ hooked( 'numbers',   \1,     \0.5, \'text', \"\x{100}" ) ] },
        'a hook that refers to undef'          => sub { [ hooked( 'undef',     \undef, \( my $none ) ) ] },
        'a hook that refers to true and false' => sub { [ hooked( 'immortal',  \!!1,   \!!0, \!!1 ) ] },
        'a hook that refers to an object'      => sub { [ hooked( 'object',    bless {}, 'Fixture::Corpus::Plain' ) ] },
        'a hook that refers to a regexp'       => sub { [ hooked( 'regexp',    qr/a/i ) ] },
        'a hook that refers to an overloaded object' =>
          sub { [ hooked( 'overloaded', bless {}, 'Fixture::Corpus::Overloaded' ) ] },
        'a hook that refers to a tied hash'      => sub { [ hooked( 'tied', Fixture::Corpus::Ties::tied_hash() ) ] },
        'a hook that refers to a weak reference' =>
          sub { my $list = [1]; my $weak = $list; weaken $weak; [ hooked( 'weak', \$weak ), $list ] },
        'hooks that refer to hooks'          => sub { [ hooked( 'a', hooked( 'b', hooked('c') ) ) ] },
        'hooks that refer to hooks, 50 deep' =>
          sub { my $object = hooked('core'); $object = hooked( "level $_", $object ) for 1 .. 50; $object },
        'hooks that refer to several hooks' =>
          sub { [ hooked( 'a', hooked('b'), hooked('c'), [ hooked('d') ], hooked('e') ) ] },
        'hooks that refer to each other' => sub {
            my ( $a, $b ) = ( hooked('a'), hooked('b') );
            push @{ $a->{refs} }, $b;
            push @{ $b->{refs} }, $a;
            [ $a, $b ];
        },
        'a circle through a hook' =>
          sub { my $list = []; my $object = hooked( 'circle', $list ); push @$list, $object; $object },
        'a circle through two kinds of hooks' =>
          sub { my $list = bless ['list'], $hooked; push @$list, hooked( 'hash', $list ); $list },
        'one list behind several hooks' => sub {
            my $list = [1];
            [ map { hooked( $_, $list ) } 'a' .. 'e' ];
        },
        'a hook and one behind it, in a list' =>
          sub { my $inner = hooked('inner'); [ hooked( 'outer', $inner ), $inner ] },
    );
}

sub classes {
    my $of = sub {
        my ( $count, @refs ) = @_;
        no strict 'refs';
        return map {
            my $class = "Fixture::Corpus::Hooked::Many$_";
            @{"${class}::ISA"} = $hooked;
            bless { string => $_, refs => [@refs] }, $class;
        } 1 .. $count;
    };
    my @counts = map {
        my $count = $_;
        [
            "$count classes with hooks, each twice",
            sub {
                [ map { $of->($count) } 1, 2 ]
            }
        ]
    } 2, 128, 255, 256, 257, 300;
    my @names = map {
        my $name = 'H' x $_;
        [
            "a class with a hook, its name of $_",
            sub {
                no strict 'refs';
                @{"${name}::ISA"} = $hooked;
                [ map { bless ['x'], $name } 1, 2 ];
            }
        ]
    } 1, 127, 128, 255, 256, 300;
    return @counts, @names, named(
        'two objects of one class'             => sub { [ hooked('a'), hooked('b') ] },
        '300 objects of one class with a hook' => sub {
            [ map { hooked($_) } 1 .. 300 ]
        },
        'one object with a hook, twice'  => sub { my $object = hooked('x'); [ $object, $object ] },
        'classes with and without hooks' => sub {
            [ map { ( hooked($_), bless( [], 'Fixture::Corpus::Plain' ) ) } 1 .. 3 ]
        },
        '300 classes with and without' => sub {
            [ map { ( $_, bless [], "Fixture::Corpus::Many$_->{string}" ) } $of->(150) ]
        },
        'many classes, new references'   => sub { [ $of->( 260, [1], {} ) ] },
        'a hook of another class before' =>
          sub { [ bless( {}, 'Fixture::Corpus::Plain' ), hooked( 'x', bless {}, 'Fixture::Corpus::Plain' ) ] },
    );
}

sub unusual {
    my $of = sub {
        my ( $kind, %content ) = @_;
        return bless {%content}, "Fixture::Corpus::Hooked::$kind";
    };
    return named(
        'hooks that are inherited'            => sub { [ $of->( 'Heir',       string => 'x', refs => [ [] ] ) ] },
        'hooks of an overloaded class'        => sub { [ $of->( 'Overloaded', string => 'x', refs => [ [] ] ) ] },
        'hooks of an overloaded class, twice' =>
          sub { my $object = $of->( 'Overloaded', string => 'x' ); [ $object, $object ] },
        'hooks of an overloaded class, weak' => sub {
            my $object = $of->( 'Overloaded', string => 'x' );
            my $all    = [ $object, $object ];
            weaken $all->[0];
            $all;
        },
        'an object with a hook, weak' =>
          sub { my $object = hooked('x'); my $all = [ $object, $object ]; weaken $all->[0]; $all },
        'a hook that declines' => sub { [ $of->( 'Declining', a => 1 ) ] },
        'hooks that decline'   => sub {
            [ map { $of->( 'Declining', a => $_ ) } 1 .. 3 ]
        },
        'a hook that returns an empty array' => sub { [ bless( [], $hooked ), bless( {}, 'Fixture::Corpus::Plain' ) ] },
        'a hook that declines unless cloning'          => sub { [ $of->( 'Cloning',     string => 'x' ) ] },
        'a class that only thaws'                      => sub { [ $of->( 'Thawing',     a      => 1 ) ] },
        'a class that loads its methods'               => sub { [ $of->( 'Autoloading', a      => 1 ) ] },
        'a class that denies its hooks'                => sub { [ $of->( 'Denying',     string => 'x' ) ] },
        'an object that changes its class when thawed' => sub { [ $of->( 'Reblessing',  string => 'x' ) ] },
        'an object of a class that was changed'        => sub { bless hooked('x'), 'Fixture::Corpus::Plain' },
    );
}

sub tied_objects {
    my $object = sub {
        my ($kind) = @_;
        return bless Fixture::Corpus::Ties->can("tied_$kind")->(), 'Fixture::Corpus::Hooked::Tied';
    };
    my %structure = map {
        my $kind = $_;
        (
            "a tied $kind with a hook"                  => sub { $object->($kind) },
            "a tied $kind with a hook, in a list"       => sub { [ $object->($kind), 'after' ] },
            "a tied $kind with a hook, twice"           => sub { my $tied = $object->($kind); [ $tied, $tied ] },
            "two tied things with hooks, a $kind first" => sub { [ $object->($kind), $object->('hash') ] },
        )
    } qw(hash array scalar);
    return named(
        %structure,
        'a tied hash with a hook, its object first' => sub { my $tied = $object->('hash'); [ tied %$tied, $tied ] },
        'a tied hash with a hook, its object later' => sub { my $tied = $object->('hash'); [ $tied, tied %$tied ] },
        'a tied hash whose object has a hook' => sub { [ Fixture::Corpus::Ties::tied_to( hash => hooked('behind') ) ] },
        'a tied array whose object has a hook' =>
          sub { [ Fixture::Corpus::Ties::tied_to( array => hooked( 'behind', [1] ) ) ] },
        'a tied scalar whose object has a hook' =>
          sub { [ Fixture::Corpus::Ties::tied_to( scalar => hooked('behind') ) ] },
      ),
      map { [ "a tied $_ with a hook that refers", tied_and_referring($_) ] } qw(hash array scalar);
}

sub tied_and_referring {
    my ($kind) = @_;
    return sub {
        my $known = [1];
        my $tied  = bless Fixture::Corpus::Ties->can("tied_$kind")->(), 'Fixture::Corpus::Hooked::Tied::Referring';
        @Fixture::Corpus::Hooked::Tied::Referring::refs = ( $known, { new => 1 } );
        return [ $known, $tied ];
    };
}

sub nested {
    my $nesting = sub {
        my ($inner) = @_;
        return bless { inner => $inner }, 'Fixture::Corpus::Hooked::Nesting';
    };
    return named(
        'a hook that freezes'                  => sub { [ $nesting->( [ 1, { a => 2 } ] ) ] },
        'hooks that freeze, within each other' => sub { [ $nesting->( $nesting->( [ $nesting->( [1] ) ] ) ) ] },
        'hooks that freeze, beside each other' => sub {
            [ 'before', ( map { $nesting->( [$_] ) } 1 .. 3 ), 'after' ]
        },
        'a hook that freezes other hooks' => sub { [ $nesting->( [ hooked( 'x', [1] ) ] ), hooked('y') ] },
        'a hook that clones'              =>
          sub { [ bless( { inner => { a => [1] } }, 'Fixture::Corpus::Hooked::CloningInside' ), 'after' ] },
        'a hook that clones other hooks' =>
          sub { [ bless( { inner => [ hooked('x') ] }, 'Fixture::Corpus::Hooked::CloningInside' ) ] },
    );
}

sub attached {
    my $of = sub {
        my ( $kind, $name ) = @_;
        return bless { name => $name // 'x' }, "Fixture::Corpus::Hooked::Attaching$kind";
    };
    return named(
        'an object that is attached'    => sub { $of->('') },
        'an attached object in a list'  => sub { [ 'before', $of->(''), 'after' ] },
        'an attached object twice'      => sub { my $object = $of->(''); [ $object, $object ] },
        'attached objects of one class' => sub {
            [ map { $of->( '', $_ ) } 'a' .. 'e' ]
        },
        'attaching that is inherited'           => sub { [ $of->('::Heir') ] },
        'an array that is attached'             => sub { [ bless [1], 'Fixture::Corpus::Hooked::Attaching::Array' ] },
        'a scalar that is attached as an array' =>
          sub { [ bless \( my $text = 1 ), 'Fixture::Corpus::Hooked::Attaching::Array' ] },
        'an object that is one of a kind' => sub {
            [ map { $of->('::Single') } 1 .. 3 ]
        },
        'an attached object of a derived class' => sub { [ $of->('::Derived') ] },
        'an attached object, weak'              =>
          sub { my $object = $of->(''); my $all = [ $object, $object ]; weaken $all->[0]; $all },
        'an attached object behind a hook'  => sub { [ hooked( 'x', $of->(''), [ $of->('') ] ) ] },
        'attached objects and what follows' =>
          sub { my $list = [1]; [ $list, $of->(''), $list, [2], $of->(''), $list ] },
    );
}

1;
