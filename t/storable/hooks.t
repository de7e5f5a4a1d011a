# Objects that freeze and thaw themselves: what their hooks are given, what they
# may return, and what comes of it. All of it is as with Storable.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Scalar::Util qw(blessed refaddr weaken);
use Storable     ();
use Fixture::Storable;

# A class whose objects keep all that their hooks were called with.
my ( @frozen, @thawed );

sub recording {
    my ( $class, @returned ) = @_;
    ( @frozen, @thawed ) = ();
    return class(
        $class,
        STORABLE_freeze => sub {
            push @frozen, [ $_[0], !!$_[1], wantarray ];
            return @returned;
        },
        STORABLE_thaw => sub { push @thawed, [@_]; return },
    );
}

subtest 'what the hooks are given' => sub {
    my $extra = [ 1, 2 ];
    my $class = recording( 'Given', "a\0b", $extra, \'text' );
    my %kinds = (
        HASH   => bless( { a => 1 },          $class ),
        ARRAY  => bless( [ 1, 2 ],            $class ),
        SCALAR => bless( \( my $text = 'x' ), $class ),
    );
    my %ways = (
        freeze  => [ 0, sub { thaw( freeze( $_[0] ) ) } ],
        nfreeze => [ 0, sub { thaw( nfreeze( $_[0] ) ) } ],
        dclone  => [ 1, sub { dclone( $_[0] ) } ],
    );
    for my $kind ( sort keys %kinds ) {
        for my $way ( sort keys %ways ) {
            my ( $cloning, $function ) = @{ $ways{$way} };
            ( @frozen, @thawed ) = ();
            my $copy = $function->( $kinds{$kind} );
            is_deeply [ map { refaddr $_->[0], @{$_}[ 1 .. $#$_ ] } @frozen ],
              [ refaddr $kinds{$kind}, !!$cloning, 1 ],
              "$way of $kind: STORABLE_freeze has the object, whether it is cloned, and list context";
            is scalar @thawed, 1, 'STORABLE_thaw is called once';
            my ( $object, $clone, $frozen, @rest ) = @{ $thawed[0] };
            is refaddr $object,                refaddr $copy, 'with the new object';
            is blessed $object,                $class,        'of its class';
            is Scalar::Util::reftype($object), $kind,         'of its kind';
            is !!$clone,                       !!$cloning,    'whether it is cloned';
            is $frozen,                        "a\0b",        'the string';
            is_deeply \@rest, [ [ 1, 2 ], \'text' ], 'the references';
            isnt refaddr $rest[0], refaddr $extra, 'which are new, too';
        }
    }
    is_deeply thaw( freeze( $kinds{HASH} ) ), bless( {}, $class ), 'the new object is empty';
};

subtest 'strings of every length' => sub {
    for my $string ( '', 'x', "\0" x 255, 'y' x 256, 'z' x 70_000 ) {
        my $object = bless [], recording( 'Strings', $string );
        thaw( freeze($object) );
        ok $thawed[0][2] eq $string,                     length($string) . ' bytes';
        ok freeze($object) eq Storable::freeze($object), 'as Storable has them';
    }
};

subtest 'strings that are none' => sub {
    my %returned = ( 'a number' => [ 42, '42' ], 'text' => [ "\x{263a}", "\xe2\x98\xba" ] );
    for my $name ( sort keys %returned ) {
        my ( $returned, $expected ) = @{ $returned{$name} };
        my $object = bless [], recording( 'NoStrings', $returned );
        thaw( freeze($object) );
        is $thawed[0][2], $expected, "$name comes as its bytes";
    }
};

subtest 'references' => sub {
    for my $count ( 1, 2, 255, 256, 300 ) {
        my $object = bless [], recording( 'References', 'x', map { [$_] } 1 .. $count );
        thaw( freeze($object) );
        is_deeply [ @{ $thawed[0] }[ 3 .. $count + 2 ] ], [ map { [$_] } 1 .. $count ], "$count of them";
        ok freeze($object) eq Storable::freeze($object), 'as Storable has them';
    }
};

subtest 'references to what is shared' => sub {
    my $shared = { name => 'shared' };
    class 'Sharing',
      STORABLE_freeze => sub { return ( '', $_[0]{has} ) },
      STORABLE_thaw   => sub { $_[0]{has} = $_[3]; return };
    my $data = [ $shared, ( map { bless { has => $shared }, 'Sharing' } 1, 2 ), $shared ];
    for my $copy ( thaw( freeze($data) ), thaw( nfreeze($data) ), dclone($data) ) {
        is refaddr $copy->[1]{has}, refaddr $copy->[0], 'one seen before';
        is refaddr $copy->[2]{has}, refaddr $copy->[0], 'by another object';
        is refaddr $copy->[3],      refaddr $copy->[0], 'and after';
    }
    my @new  = ( ( map { bless { has => $shared }, 'Sharing' } 1, 2 ), $shared );
    my $copy = thaw( freeze( \@new ) );
    is refaddr $copy->[1]{has}, refaddr $copy->[0]{has}, 'one that a hook gave first';
    is refaddr $copy->[2],      refaddr $copy->[0]{has}, 'and the structure has later';
};

subtest 'circles through a hook' => sub {
    class 'Circle',
      STORABLE_freeze => sub { return ( '', $_[0]{other} ) },
      STORABLE_thaw   => sub { $_[0]{other} = $_[3]; return };
    my $self = bless {}, 'Circle';
    $self->{other} = $self;
    my $copy = thaw( freeze($self) );
    is refaddr $copy->{other}, refaddr $copy, 'an object that gives itself';
    delete $_->{other} for $self, $copy;

    my ( $a, $b ) = map { bless {}, 'Circle' } 1, 2;
    $a->{other} = $b;
    $b->{other} = $a;
    $copy       = thaw( freeze($a) );
    is refaddr $copy->{other}{other}, refaddr $copy, 'two that give each other';
    delete $_->{other} for $a, $b, $copy;

    my $parent = { child => bless {}, 'Circle' };
    $parent->{child}{other} = $parent;
    $copy = thaw( nfreeze($parent) );
    is refaddr $copy->{child}{other}, refaddr $copy, 'one that gives what it lies in';
    delete $_->{child} for $parent, $copy;
};

subtest 'what a hook gives away is alive until the end' => sub {
    class 'Fleeting',
      STORABLE_freeze => sub { return ( '', [ $_[0]{n} ] ) },
      STORABLE_thaw   => sub { $_[0]{n} = $_[3][0]; return };
    my $data = [ map { bless { n => $_ }, 'Fleeting' } 1 .. 100 ];
    is_deeply thaw( freeze($data) ), $data, '100 references that nobody else has';
};

subtest 'an object that is met twice' => sub {
    my $object = bless {}, recording( 'Twice', 'x' );
    my $copy   = thaw( freeze( [ $object, $object ] ) );
    is scalar @frozen,     1,                  'is frozen once';
    is scalar @thawed,     1,                  'is thawed once';
    is refaddr $copy->[0], refaddr $copy->[1], 'is one again';
};

subtest 'many objects of many classes' => sub {
    my @classes = map { recording( "Many$_", 'x' ) } 1 .. 300;
    my $data    = [ ( map { bless [], $_ } @classes ), ( map { bless {}, $_ } @classes ) ];
    my $image   = freeze($data);
    ok $image eq Storable::freeze($data), 'are stored as Storable does';
    is_deeply [ map { ref } @{ thaw($image) } ], [ @classes, @classes ], 'and come back';
};

subtest 'long class names' => sub {
    for my $length ( 127, 128, 255, 256, 1_000 ) {
        my $class  = recording( 'L' x $length, 'x' );
        my $object = bless [], $class;
        is ref thaw( freeze($object) ), $class, "$length bytes";
        ok freeze($object) eq Storable::freeze($object), 'as Storable has them';
    }
};

subtest 'an empty list: this class has no hook after all' => sub {
    my $class = recording('Declined');
    my $data  = [ map { bless { n => $_ }, $class } 1, 2 ];
    my $copy  = thaw( freeze($data) );
    is_deeply $copy, $data, 'its objects are stored as any';
    is scalar @frozen, 1, 'and the class is not asked again';
    is scalar @thawed, 0, 'nor when they are read';
    freeze($data);
    is scalar @frozen, 2, 'until the next time';
};

subtest 'an empty list, too late' => sub {
    my $calls = 0;
    class 'Fickle',
      STORABLE_freeze => sub { return $calls++ ? () : 'x' },
      STORABLE_thaw   => sub { return };
    my $data = [ map { bless [], 'Fickle' } 1, 2 ];
    like error_of { freeze($data) },
      qr/^Too late to ignore hooks for storing class "Fickle" at \Q$0\E line/, 'freeze dies';
    $calls = 0;
    like error_of { dclone($data) },
      qr/^Too late to ignore hooks for cloning class "Fickle" at \Q$0\E line/, 'dclone dies';
};

subtest 'only one of the two' => sub {
    class 'OnlyFreeze', STORABLE_freeze => sub { return 'x' };
    my $image = freeze( bless [], 'OnlyFreeze' );
    $INC{'OnlyFreeze.pm'} = __FILE__;
    like error_of { thaw($image) },
      qr/^No STORABLE_thaw defined for objects of class OnlyFreeze \(even after a "require OnlyFreeze;"\) at/,
      'STORABLE_freeze alone: thaw dies';
    class 'OnlyThaw', STORABLE_thaw => sub { die 'not to be called' };
    is_deeply thaw( freeze( bless [1], 'OnlyThaw' ) ), bless( [1], 'OnlyThaw' ), 'STORABLE_thaw alone is not called';
};

subtest 'hooks that are inherited' => sub {
    recording( 'Parent', 'x' );
    @Child::ISA = ('Parent');
    my $copy = thaw( freeze( bless {}, 'Child' ) );
    is ref $copy,         'Child', 'the class stays the own one';
    is ref $frozen[0][0], 'Child', 'for STORABLE_freeze';
    is ref $thawed[0][0], 'Child', 'for STORABLE_thaw';

    our $autoloaded = 0;
    class 'Autoloading', AUTOLOAD => sub { $autoloaded++; return }, DESTROY => sub { return };
    is_deeply thaw( freeze( bless [1], 'Autoloading' ) ), bless( [1], 'Autoloading' ), 'AUTOLOAD';
    is $autoloaded, 0, 'is not asked';
};

subtest 'hooks that change from one call to the next' => sub {
    my $object = bless [1], 'Changing';
    is_deeply thaw( freeze($object) ), $object, 'none';
    recording( 'Changing', 'x' );
    my $image = freeze($object);
    is scalar @frozen, 1, 'added';
    recording( 'Changing', 'y' );
    is length freeze($object), length $image, 'redefined';
    is scalar @frozen,         1,             'and called';
    undef $Changing::{STORABLE_freeze};
    delete $Changing::{STORABLE_freeze};
    is_deeply thaw( freeze($object) ), $object, 'removed';
};

subtest 'not a reference' => sub {
    for my $returned ( 'text', undef, 1 ) {
        my $object = bless [], recording( 'NotReferences', 'x', [], $returned );
        like error_of { freeze($object) },
          qr/^Item #2 returned by STORABLE_freeze for NotReferences is not a reference at \Q$0\E line/,
          'freeze dies of ' . ( $returned // 'undef' );
    }
};

subtest 'tied, and an object with hooks' => sub {
    require Tie::Hash;
    require Tie::Array;
    require Tie::Scalar;
    my %made = (
        HASH   => sub { tie my %hash,   'Tie::StdHash';  $hash{a}  = 1; \%hash },
        ARRAY  => sub { tie my @array,  'Tie::StdArray'; $array[1] = 1; \@array },
        SCALAR => sub { tie my $scalar, 'Tie::StdScalar', 'text'; \$scalar },
    );
    for my $kind ( sort keys %made ) {
        my $object = bless $made{$kind}->(), recording( 'Tied::Hooked', 'x', [7] );
        for my $copy ( thaw( freeze($object) ), dclone($object) ) {
            is ref $copy, 'Tied::Hooked', "$kind: the class";
            my $tied = $kind eq 'HASH' ? tied %$copy : $kind eq 'ARRAY' ? tied @$copy : tied $$copy;
            like ref $tied, qr/^Tie::Std/, 'it is tied again';
            is_deeply $thawed[0][3], [7], 'STORABLE_thaw was called';
        }
        ok freeze($object) eq Storable::freeze($object), 'stored as Storable does';
    }
};

subtest 'hooks that use the codec' => sub {
    class 'Nested',
      STORABLE_freeze => sub { return freeze( { inner => $_[0]{inner} } ) },
      STORABLE_thaw   => sub { $_[0]{inner} = thaw( $_[2] )->{inner}; return };
    my $object = bless { inner => bless { inner => [ 1, 2, 3 ] }, 'Nested' }, 'Nested';
    my $data   = [ $object, { again => $object }, bless { inner => 'x' }, 'Nested' ];
    for my $copy ( thaw( freeze($data) ), thaw( nfreeze($data) ), dclone($data) ) {
        is_deeply $copy, $data, 'freeze in freeze, thaw in thaw';
    }
    class 'Cloning',
      STORABLE_freeze => sub { return ( 'x', dclone( $_[0]{list} ) ) },
      STORABLE_thaw   => sub { $_[0]{list} = dclone( $_[3] ); return };
    my $cloning = bless { list => [ 1, { a => 2 } ] }, 'Cloning';
    is_deeply dclone( [ $cloning, $cloning ] ), [ $cloning, $cloning ], 'dclone in dclone';

    class 'Mixed',
      STORABLE_freeze => sub { return Storable::freeze( { %{ $_[0] } } ) },
      STORABLE_thaw   => sub { %{ $_[0] } = %{ Storable::thaw( $_[2] ) }; return };
    my $mixed = bless { a => [ 1, 2 ] }, 'Mixed';
    is_deeply thaw( freeze( [$mixed] ) ),           [$mixed],                      'Storable in ours';
    is_deeply Storable::thaw( freeze( [$mixed] ) ), [$mixed],                      'read by Storable';
    is_deeply dclone( [$object] ),                  Storable::dclone( [$object] ), 'ours in Storable';
};

subtest 'weak references' => sub {
    class 'Weak',
      STORABLE_freeze => sub { return ( '', $_[0]{list} ) },
      STORABLE_thaw   => sub { $_[0]{list} = $_[3]; return };
    my $object = bless { list => [] }, 'Weak';
    push @{ $object->{list} }, $object;
    weaken $object->{list}[0];
    my $copy = thaw( freeze($object) );
    is refaddr $copy->{list}[0], refaddr $copy, 'to the object';
    ok Scalar::Util::isweak( $copy->{list}[0] ), 'are weak again';
};

subtest 'hooks that ask Storable what is being done' => sub {
    my @answers;
    my $ask = sub {
        push @answers, join ' ',
          map { ( $_ => Storable->can($_)->() ? 1 : 0 ) } qw(is_storing is_retrieving last_op_in_netorder);
    };
    no warnings 'once';
    local *Asking::STORABLE_freeze = sub { $ask->(); return 'x' };
    local *Asking::STORABLE_thaw   = sub { $ask->(); return };
    my $object = bless [], 'Asking';
    thaw( nfreeze($object) );
    thaw( freeze($object) );
    is_deeply \@answers,
      [
        'is_storing 1 is_retrieving 0 last_op_in_netorder 1', 'is_storing 0 is_retrieving 1 last_op_in_netorder 1',
        'is_storing 1 is_retrieving 0 last_op_in_netorder 0', 'is_storing 0 is_retrieving 1 last_op_in_netorder 0',
      ],
      'are told';
    ok !Storable::is_storing(), 'and afterwards nothing is';
    Storable::nfreeze( [1] );
    ok Storable::last_op_in_netorder(), 'Storable answers for itself';
};

done_testing;
