# Hooks that change what is being stored or made, while it is. The outcome may be
# an error or a structure; it is never a crash, nor an image that can't be read.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Test::More;

use Scalar::Util qw(weaken);
use Tie::Array;
use Tie::Hash;
use Fixture::Storable;

local $SIG{__WARN__} = sub { };

# What a hook may do to an array that is being walked or filled.
my %to_array = (
    'empties it'               => sub { @{ $_[0] } = () },
    'undefines it'             => sub { undef @{ $_[0] } },
    'takes the first'          => sub { shift @{ $_[0] } },
    'takes the last'           => sub { pop @{ $_[0] } },
    'puts one first'           => sub { unshift @{ $_[0] }, 'new' },
    'adds 10,000'              => sub { push @{ $_[0] }, (1) x 10_000 },
    'cuts it off'              => sub { $#{ $_[0] } = 0 },
    'extends it'               => sub { $#{ $_[0] } = 50_000 },
    'reverses it'              => sub { @{ $_[0] }  = reverse @{ $_[0] } },
    'assigns to it'            => sub { @{ $_[0] }  = ( 1 .. 3 ) },
    'assigns to its elements'  => sub { $_          = 'new' for @{ $_[0] } },
    'deletes its elements'     => sub { delete $_[0][$_] for 0 .. $#{ $_[0] } },
    'puts it into itself'      => sub { push @{ $_[0] }, $_[0]; weaken $_[0][-1] },
    'ties it'                  => sub { tie @{ $_[0] },  'Tie::StdArray' },
    'blesses it'               => sub { bless $_[0],     'Other::Class' },
    'makes it read-only'       => sub { Internals::SvREADONLY( @{ $_[0] }, 1 ) },
    'makes elements read-only' => sub { Internals::SvREADONLY( $_,         1 ) for @{ $_[0] } },
    'keeps it'                 => sub { our $kept = $_[0] },
    'keeps elements'           => sub {
        our @kept = map { \$_ } @{ $_[0] };
    },
    'keeps and empties it'    => sub { our $kept = $_[0]; @{ $_[0] } = () },
    'makes its elements weak' => sub { ref and weaken $_ for @{ $_[0] } },
);

# And to a hash.
my %to_hash = (
    'empties it'            => sub { %{ $_[0] } = () },
    'undefines it'          => sub { undef %{ $_[0] } },
    'deletes its keys'      => sub { delete $_[0]{$_} for keys %{ $_[0] } },
    'deletes one'           => sub { delete $_[0]{ ( keys %{ $_[0] } )[-1] // '' } },
    'adds 10,000'           => sub { $_[0]{"new $_"} = 1 for 1 .. 10_000 },
    'assigns to it'         => sub { %{ $_[0] }      = ( x => 1, y => 2 ) },
    'assigns to its values' => sub { $_              = 'new' for values %{ $_[0] } },
    'iterates over it'      => sub { my ($key)       = each %{ $_[0] } },
    'makes room'            => sub { keys %{ $_[0] } = 4_096 },
    'puts it into itself'   => sub { $_[0]{self}     = $_[0]; weaken $_[0]{self} },
    'ties it'               => sub { tie %{ $_[0] }, 'Tie::StdHash' },
    'blesses it'            => sub { bless $_[0],    'Other::Class' },
    'restricts it'          => sub { require Hash::Util; Hash::Util::lock_hash( %{ $_[0] } ) },
    'keeps it'              => sub { our $kept = $_[0] },
    'keeps and empties it'  => sub { our $kept = $_[0]; %{ $_[0] } = () },
    'makes its values weak' => sub { ref and weaken $_ for values %{ $_[0] } },
);

my $nothing = sub { };
my ( $do, $parent ) = ($nothing);

# Does it to what it lies in, before and after it is frozen or thawed.
class 'Intrusive',
  STORABLE_freeze => sub { $do->($parent) if $parent; return ( 'x', $_[0]{around} ) },
  STORABLE_thaw   => sub { $do->( $_[3] );            return };
class 'Intrusive::Attach',
  STORABLE_freeze => sub { return 'x' },
  STORABLE_attach => sub { $do->($parent) if ref $parent; return bless {}, $_[0] };

sub around_array {
    my $array = [ 'before', undef, 'after', [ 1, 2 ], { a => 1 } ];
    $array->[1] = bless { around => $array }, 'Intrusive';
    weaken $array->[1]{around};
    return $array;
}

sub around_hash {
    my $hash = { ( map { $_ => "value of $_" } 'a' .. 'j' ), list => [ 1, 2 ] };
    $hash->{$_} = bless { around => $hash }, 'Intrusive' for qw(b e i);
    weaken $hash->{$_}{around} for qw(b e i);
    return $hash;
}

sub goes_on {
    my ($name) = @_;
    our ( $kept, @kept ) = ();
    undef $parent;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is_deeply dclone( [ 1, { a => [2] } ] ), [ 1, { a => [2] } ], $name;
}

# Whatever was stored can be read.
sub is_image {
    my ( $image, $error ) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ( $do, $parent ) = ($nothing);
    return like $error, qr/\S/, 'freeze dies' if !defined $image;
    return ok( eval { thaw($image); 1 }, 'freeze gives an image' ) || diag $@;
}

my %structures = ( array => [ \&around_array, \%to_array ], hash => [ \&around_hash, \%to_hash ] );
for my $kind ( sort keys %structures ) {
    my ( $make, $deeds ) = @{ $structures{$kind} };
    for my $deed ( sort keys %$deeds ) {
        subtest "a hook that $deed: the $kind around it" => sub {
            my $data = $make->();
            for my $function ( \&freeze, \&nfreeze ) {
                $do     = $deeds->{$deed};
                $parent = $make->();
                my $image = eval { $function->($parent) };
                is_image( $image, $@ );
            }
            $do     = $nothing;
            $parent = undef;
            my $image = freeze($data);
            $do = $deeds->{$deed};
            my $copy = eval { thaw($image) };
            ok $copy || $@, 'thaw';
            undef $copy;
            $copy = eval { dclone($data) };
            ok $copy || $@, 'dclone';
            undef $copy;
            for my $level ( 1 .. 3 ) { $data = [ $data, { deeper => $data } ] }
            $copy = eval { dclone($data) };
            ok $copy || $@, 'deeper';
            undef $copy;
            goes_on('the codec goes on');
        };
    }
}

subtest 'a hook that gives up the object itself' => sub {
    my %last = (
        'in an array' => sub {
            my $array = [ bless [], 'Vanishing' ];
            return ( $array, sub { @$array = () } );
        },
        'in a hash' => sub {
            my $hash = { a => bless [], 'Vanishing' };
            return ( $hash, sub { %$hash = () } );
        },
        'in a reference' => sub {
            my $object = bless [], 'Vanishing';
            return ( \$object, sub { undef $object } );
        },
    );
    for my $name ( sort keys %last ) {
        for my $function ( \&freeze, \&nfreeze, \&dclone ) {
            my ( $data, $vanish ) = $last{$name}->();
            class 'Vanishing',
              STORABLE_freeze => sub { undef $_[0]; $vanish->(); return ( 'x', [1] ) },
              STORABLE_thaw   => sub { return };
            my $result = eval { $function->($data) };
            ok defined $result || $@, $name;
        }
    }
    goes_on('the codec goes on');
};

subtest 'a hook that gives what goes away' => sub {
    class 'Giving',
      STORABLE_freeze => sub {
        my $given = [ 'given', bless [], 'Giving::Inner' ];
        $_[0][0] = $given;
        return ( 'x', $given );
      },
      STORABLE_thaw => sub { $_[0][0] = $_[3]; return };
    my @outer;
    class 'Giving::Inner',
      STORABLE_freeze => sub { @$_ = () for @outer; return 'y' },
      STORABLE_thaw   => sub { return };
    for my $function ( \&freeze, \&dclone ) {
        @outer = map { bless [], 'Giving' } 1 .. 3;
        my $result = eval { $function->( [@outer] ) };
        ok defined $result || $@, 'while it is stored';
    }
    goes_on('the codec goes on');
};

subtest 'a hook that changes its own object' => sub {
    my %deeds = (
        'fills it'       => sub { %{ $_[0] } = ( a => 1 ) },
        'blesses it'     => sub { bless $_[0],    'Other::Class' },
        'ties it'        => sub { tie %{ $_[0] }, 'Tie::StdHash' },
        'replaces $_[0]' => sub { $_[0]     = [] },
        'keeps it'       => sub { our $kept = $_[0] },
        'weakens'        => sub { weaken $_[0] },
        'restricts it'   => sub { require Hash::Util; Hash::Util::lock_hash( %{ $_[0] } ) },
        'changes all'    => sub { $_ = undef for @_ },
        'shifts all'     => sub { shift for 1 .. @_; @_ = ( 1 .. 1_000 ) },
    );
    for my $name ( sort keys %deeds ) {
        for my $hook (qw(STORABLE_freeze STORABLE_thaw)) {
            class 'Own',
              STORABLE_freeze => sub { return ( 'x', [ 1, 2 ] ) },
              STORABLE_thaw   => sub { return };
            class 'Own', $hook => sub { $deeds{$name}->(@_); &{ $deeds{$name} }; return ( 'x', [ 1, 2 ] ) };
            my $object = bless { n => 1 }, 'Own';
            for my $function ( sub { thaw( freeze( $_[0] ) ) }, \&dclone ) {
                my $result = eval { $function->( [ $object, $object ] ) };
                ok defined $result || $@, "$hook $name";
            }
        }
    }
    goes_on('the codec goes on');
};

subtest 'a hook that redefines hooks' => sub {
    class 'Redefining',
      STORABLE_freeze => sub {
        class 'Redefining', STORABLE_freeze => sub { return 'second' };
        return 'first';
      },
      STORABLE_thaw => sub {
        undef &Redefining::STORABLE_thaw;
        delete $Redefining::{STORABLE_thaw};
        return;
      };
    my $image = eval {
        freeze( [ map { bless [], 'Redefining' } 1 .. 3 ] );
    };
    ok $image || $@, 'freeze';
    my $copy = eval { thaw($image) };
    ok $copy || $@, 'thaw';
    class 'Undefining', STORABLE_freeze => sub { undef %Undefining::; return 'x' };
    ok eval {
        freeze( [ map { bless [], 'Undefining' } 1 .. 3 ] );
    } || $@, 'and whole classes';
    goes_on('the codec goes on');
};

subtest 'destructors that come in between' => sub {
    our @alive;
    class 'Destroying',
      STORABLE_freeze => sub { return 'x' },
      STORABLE_thaw   => sub { die "no\n" if our $die; return },
      DESTROY         => sub { thaw( freeze( [1] ) ); push @alive, $_[0] if our $resurrect; return };
    my $image = freeze( [ map { bless [], 'Destroying' } 1 .. 10 ] );
    for my $resurrect_them ( 0, 1 ) {
        our ( $die, $resurrect ) = ( 1, $resurrect_them );
        is error_of { thaw($image) }, "no\n", 'a thaw that fails';
        $die = 0;
        ok eval { thaw($image) }, 'and one that does not' or diag $@;
    }
    our $resurrect = 0;
    @alive = ();
    goes_on('the codec goes on');
};

subtest 'STORABLE_attach that changes what it lies in' => sub {
    class 'Revealing',
      STORABLE_freeze => sub { return ( '', $_[0]{around} ) },
      STORABLE_thaw   => sub { $parent = $_[3]; return };
    for my $deed ( sort keys %to_array ) {
        my $array = [ bless( {}, 'Revealing' ), 'before', bless( {}, 'Intrusive::Attach' ), 'after' ];
        $array->[0]{around} = $array;
        my $image = freeze($array);
        $array->[0]{around} = undef;
        $do = $to_array{$deed};
        my $copy = eval { thaw($image) };
        ok $copy || $@, $deed;
        undef $copy;
        undef $parent;
    }
    goes_on('the codec goes on');
};

done_testing;
