# No scalar outlives a freezing or thawing with hooks, whatever they return, wherever
# they die, and whatever they change.

use strict;
use warnings;
no warnings 'recursion';
use lib 't/lib';
use Fixture::Watchdog limit => 240;
use Fixture::Needs 'Test::LeakTrace';
use Test::More;

use Scalar::Util qw(weaken);
use Tie::Array;
use Tie::Hash;
use Fixture::Leaks;
use Fixture::Storable;

local $SIG{__WARN__} = sub { };

# Each hook may return or die; a level deeper, with something built already.
our ( $freeze, $thaw, $attach ) = ( sub { return 'x' }, sub { return } );
class 'Hooked', STORABLE_freeze => sub { $freeze->(@_) }, STORABLE_thaw => sub { $thaw->(@_) };
class 'Attached',
  STORABLE_freeze => sub { return 'x' },
  STORABLE_attach => sub { $attach->(@_) };

subtest 'hooks' => sub {
    local $thaw = sub { $_[0]{refs} = [ @_[ 3 .. $#_ ] ]; return };
    my %returned = (
        'a string'               => sub { return 'x' },
        'references'             => sub { return ( 'x', [1], { a => [2] }, \3 ) },
        'objects'                => sub { return ( 'x', bless( {}, 'Some::Class' ), bless( [], 'Attached' ) ) },
        'nothing'                => sub { return },
        'no reference'           => sub { return ( 'x', [1], 'text' ) },
        'what can not be stored' => sub {
            return ( 'x', [1], sub { 1 } );
        },
        'an error'                 => sub { die "in its hook\n" },
        'an exception'             => sub { die bless { list => [1] }, 'My::Exception' },
        'an error, with an object' => sub { my $object = bless {},     'Some::Class'; die [ $object, @_ ] },
    );
    local $attach = sub { return bless { attached => 1 }, $_[0] };
    for my $name ( sort keys %returned ) {
        local $freeze = $returned{$name};
        for my $levels ( 0, 1, 7 ) {
            all_ways "STORABLE_freeze gives $name, $levels levels down", sub {
                my $object = bless {}, 'Hooked';
                return below( $levels, [ $object, $object, bless( {}, 'Hooked' ) ] );
            };
        }
    }
};

subtest 'hooks of thaw' => sub {
    local $freeze = sub { return ( 'x', [1], { a => bless( {}, 'Some::Class' ) } ) };
    my %done = (
        'nothing'            => sub { return },
        'what it is for'     => sub { $_[0]{$_} = $_[$_] for 1 .. $#_; return },
        'an error'           => sub { die "in its hook\n" },
        'an exception'       => sub { die bless { list => [@_] }, 'My::Exception' },
        'another thaw'       => sub { $_[0]{more} = thaw( freeze( [1] ) ); return },
        'one that fails'     => sub { $_[0]{more} = thaw('x');             return },
        'one that is caught' => sub {
            eval { thaw('x') };
            return;
        },
        'a list' => sub { return ( 1 .. 10 ) },
    );
    for my $name ( sort keys %done ) {
        local $thaw = $done{$name};
        for my $levels ( 0, 1, 7 ) {
            my $image = freeze( below( $levels, [ map { bless {}, 'Hooked' } 1 .. 3 ] ) );
            tight "STORABLE_thaw does $name, $levels levels down", sub { my $copy = thaw($image) };
        }
    }
    my $only     = bless {}, 'Attached';
    my %attached = (
        'an object'      => sub { return bless { a => [1] }, $_[0] },
        'the same again' => sub { return $only },
        'undef'          => sub { return undef },
        'nothing'        => sub { return },
        'a list'         => sub { return ( 1, bless {}, $_[0] ) },
        'a plain hash'   => sub { return { a => [1] } },
        'another class'  => sub { return bless {}, 'Some::Class' },
        'an error'       => sub { die "in its hook\n" },
        'an exception'   => sub { die bless { list => [@_] }, 'My::Exception' },
    );
    for my $name ( sort keys %attached ) {
        local $attach = $attached{$name};
        for my $levels ( 0, 1, 7 ) {
            my $object = bless [], 'Attached';
            my $image  = freeze( below( $levels, [ $object, $object, bless {}, 'Attached' ] ) );
            tight "STORABLE_attach gives $name, $levels levels down", sub { my $copy = thaw($image) };
        }
    }
    class 'OnlyFreeze', STORABLE_freeze => sub { return ( 'x', [1] ) };
    my $image = freeze( [ 1, bless [], 'OnlyFreeze' ] );
    tight 'a class without STORABLE_thaw', sub { my $copy = thaw($image) };
    tight 'hooks that are not called',     sub { my $copy = thaw( $image, 0 ) };
    tight 'classes that are not allowed',  sub { my $copy = thaw( $image, classes => ['Other'] ) };
};

subtest 'hooks inside each other' => sub {
    class 'Endless', STORABLE_freeze => sub { return freeze( [ $_[0] ] ) };
    tight 'freeze', sub { freeze( bless [], 'Endless' ) };
    my $image;
    class 'Returning', STORABLE_freeze => sub { return 'x' }, STORABLE_thaw => sub { thaw($image); return };
    $image = freeze( [ bless [], 'Returning' ] );
    tight 'thaw', sub { thaw($image) };
    class 'Nested',
      STORABLE_freeze => sub { return freeze( { %{ $_[0] } } ) },
      STORABLE_thaw   => sub { %{ $_[0] } = %{ thaw( $_[2] ) }; return };
    all_ways 'both', sub { return bless { inner => bless { inner => [1] }, 'Nested' }, 'Nested' };
};

subtest 'hooks that change what they lie in' => sub {
    my $parent;
    my %deeds = (
        'empties it'   => sub { ref $_[0] eq 'HASH' ? %{ $_[0] } = ()  : ( @{ $_[0] } = () ) },
        'undefines it' => sub { ref $_[0] eq 'HASH' ? undef %{ $_[0] } : undef @{ $_[0] } },
        'fills it'     => sub { ref $_[0] eq 'HASH' ? $_[0]{$_}       = [$_]  : push @{ $_[0] }, [$_] for 1 .. 100 },
        'extends it'   => sub { ref $_[0] eq 'HASH' ? keys %{ $_[0] } = 1_000 : ( $#{ $_[0] } = 1_000 ) },
        'ties it'    => sub { ref $_[0] eq 'HASH' ? tie %{ $_[0] }, 'Tie::StdHash' : tie @{ $_[0] }, 'Tie::StdArray' },
        'blesses it' => sub { bless $_[0], 'Other::Class' },
        'empties it, and dies' => sub { ref $_[0] eq 'HASH' ? %{ $_[0] } = () : ( @{ $_[0] } = () ); die "x\n" },
        'makes it read-only'   =>
          sub { ref $_[0] eq 'HASH' ? Internals::SvREADONLY( %{ $_[0] }, 1 ) : Internals::SvREADONLY( @{ $_[0] }, 1 ) },
    );
    for my $kind (qw(array hash)) {
        my $make = sub {
            my $object = bless {}, 'Hooked';
            my $around =
              $kind eq 'array' ? [ 'before', $object, [1], 'after' ] : { a => 1, b => $object, c => [1], d => 2 };
            $object->{around} = $around;
            weaken $object->{around};
            return $around;
        };
        for my $name ( sort keys %deeds ) {
            local $freeze = sub { $deeds{$name}->( $_[0]{around} ); return ( 'x', $_[0]{around} ) };
            local $thaw   = sub { return };
            tight "$kind, STORABLE_freeze $name", sub { my $around = $make->(); my $image = freeze($around) };
            $freeze = sub { return ( 'x', $_[0]{around} ) };
            my $image = freeze( my $around = $make->() );
            $thaw = sub { $deeds{$name}->( $_[3] ); return };
            tight "$kind, STORABLE_thaw $name", sub { my $copy = thaw($image) };
        }
    }
};

done_testing;
