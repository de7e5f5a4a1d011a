# Tied variables are stored as what they are tied to, not as what they seem to
# hold, and are tied again when they are read. None of their methods is called.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Scalar::Util qw(refaddr reftype);
use Storable     ();
use Tie::Array;
use Tie::Hash;
use Tie::Scalar;
use Fixture::Storable;

sub tied_hash   { tie my %hash,   'Tie::StdHash';  %hash  = @_; return \%hash }
sub tied_array  { tie my @array,  'Tie::StdArray'; @array = @_; return \@array }
sub tied_scalar { tie my $scalar, 'Tie::StdScalar', @_; return \$scalar }

sub tied_to {
    my ($reference) = @_;
    my $type = reftype $reference;
    return $type eq 'HASH' ? tied %$reference : $type eq 'ARRAY' ? tied @$reference : tied $$reference;
}

# Every way there and back, Storable's in between.
my %ways = (
    'freeze, thaw'            => sub { thaw( freeze( $_[0] ) ) },
    'nfreeze, thaw'           => sub { thaw( nfreeze( $_[0] ) ) },
    'dclone'                  => sub { dclone( $_[0] ) },
    'ours, read by Storable'  => sub { Storable::thaw( nfreeze( $_[0] ) ) },
    'Storable\'s, read by us' => sub { thaw( Storable::nfreeze( $_[0] ) ) },
);

for my $way ( sort keys %ways ) {
    subtest $way => sub {
        my $hash = $ways{$way}->( tied_hash( a => 1, b => [2] ) );
        is ref tied_to($hash), 'Tie::StdHash', 'a hash is tied';
        is_deeply $hash, { a => 1, b => [2] }, 'to the same';
        $hash->{c} = 3;
        is tied_to($hash)->{c}, 3, 'and works';

        my $array = $ways{$way}->( tied_array( 1, [2], 3 ) );
        is ref tied_to($array), 'Tie::StdArray', 'an array is tied';
        is_deeply $array, [ 1, [2], 3 ], 'to the same';
        push @$array, 4;
        is tied_to($array)->[3], 4, 'and works';

        my $scalar = $ways{$way}->( tied_scalar('text') );
        is ref tied_to($scalar), 'Tie::StdScalar', 'a scalar is tied';
        is $$scalar,             'text',           'to the same';
        $$scalar = 'new';
        is ${ tied_to($scalar) }, 'new', 'and works';

        my $data =
          { list => [ tied_hash( a => 1 ), \my $x, tied_scalar('y') ], hash => tied_array( tied_hash( z => 26 ) ) };
        my $copy = $ways{$way}->($data);
        is_deeply $copy, $data, 'in one another';
        is ref tied_to( $copy->{hash}[0] ), 'Tie::StdHash', 'still tied';

        my $shared = tied_hash( a => 1 );
        $copy = $ways{$way}->( [ $shared, $shared, tied_to($shared) ] );
        is refaddr $copy->[0],            refaddr $copy->[1], 'a shared one is one';
        is refaddr tied_to( $copy->[0] ), refaddr $copy->[2], 'as is what it is tied to';

        my $blessed = $ways{$way}->( bless tied_hash( a => 1 ), 'Blessed' );
        is ref $blessed,          'Blessed',      'a blessed one is blessed';
        is ref tied_to($blessed), 'Tie::StdHash', 'and tied';

        my $element = $ways{$way}->( [ \tied_hash( a => [1] )->{a} ] );
        is_deeply ${ $element->[0] }, [1], 'an element of a hash';
        ${ $element->[0] } = 'new';
        is ${ $element->[0] }, 'new', 'which is tied, too';
        my $parent = tied_array( 1 .. 5 );
        $element = $ways{$way}->( [ $parent, \$parent->[3] ] );
        is ${ $element->[1] }, 4, 'an element of an array';
        ${ $element->[1] } = 'new';
        is $element->[0][3], 'new', 'is that of the array';
    };
}

subtest 'byte for byte as Storable' => sub {
    my $parent = tied_array( 1 .. 5 );
    my $hash   = tied_hash( a => 1, "\x{263a}" => 2 );
    my %values = (
        'a hash'                 => $hash,
        'an array'               => $parent,
        'a scalar'               => tied_scalar('text'),
        'an element of a hash'   => [ \$hash->{a} ],
        'one with a UTF-8 key'   => [ \$hash->{"\x{263a}"} ],
        'an element of an array' => [ \$parent->[2] ],
        'a blessed one'          => bless( tied_hash(), 'Blessed' ),
    );
    for my $name ( sort keys %values ) {
        ok freeze( $values{$name} ) eq Storable::freeze( $values{$name} ),   "$name, freeze";
        ok nfreeze( $values{$name} ) eq Storable::nfreeze( $values{$name} ), "$name, nfreeze";
    }
};

subtest 'no method is called' => sub {
    my @called;
    for my $method (qw(FETCH STORE FETCHSIZE FIRSTKEY NEXTKEY CLEAR DELETE EXTEND STORESIZE SCALAR)) {
        class 'Counting', $method => sub { push @called, $method; die "$method\n" };
    }
    class 'Counting', map {
        $_ => sub { return bless {}, shift }
    } qw(TIEHASH TIEARRAY TIESCALAR);
    tie my %hash,   'Counting';
    tie my @array,  'Counting';
    tie my $scalar, 'Counting';
    my $copy = dclone( thaw( freeze( [ \%hash, \@array, \$scalar ] ) ) );
    is_deeply \@called, [], 'by freeze, thaw and dclone';
    is error_of { my $value = $copy->[0]{a} },   "FETCH\n",     'a hash that is used does call';
    is error_of { my $value = @{ $copy->[1] } }, "FETCHSIZE\n", 'and an array';
    is error_of { my $value = ${ $copy->[2] } }, "FETCH\n",     'and a scalar';
};

subtest 'what it is tied to may have hooks' => sub {
    class 'Tie::Hooked', TIEHASH => sub { return bless { $_[1] => 1 }, $_[0] };
    @Tie::Hooked::ISA = ('Tie::StdHash');
    class 'Tie::Hooked',
      STORABLE_freeze => sub { return join ',', sort keys %{ $_[0] } },
      STORABLE_thaw => sub { $_[0]{$_} = 1 for split /,/, $_[2]; return };
    tie my %hash, 'Tie::Hooked', 'a';
    $hash{b} = 1;
    is_deeply dclone( \%hash ), { a => 1, b => 1 }, 'they are called';
};

subtest 'what it is tied to may be no object' => sub {
    require Tie::RefHash;
    tie my %hash, 'Tie::RefHash';
    my $key = [1];
    $hash{$key} = 'value';
    my $copy = dclone( { key => $key, hash => \%hash } );
    my ($again) = keys %{ $copy->{hash} };
    is_deeply $again, [1], 'Tie::RefHash has its keys again';
    is $copy->{hash}{ $copy->{key} }, 'value', 'and finds by them';
};

subtest 'a scalar that is tied to itself' => sub {
    class 'Self', TIESCALAR => sub { return bless $_[1], $_[0] }, FETCH => sub { return 'fetched' };
    my $self;
    tie $self, 'Self', \$self;
    my $copy = thaw( Storable::freeze( \$self ) );
    is reftype $copy, 'SCALAR', 'is a scalar';
    ok freeze( \$self ) eq Storable::freeze( \$self ), 'is stored as Storable does';
    no warnings 'untie';
    untie $self;
};

subtest 'tying can be forbidden' => sub {
    my %values = (
        hash    => tied_hash( a => 1 ),
        array   => tied_array(1),
        scalar  => tied_scalar('x'),
        key     => [ \tied_hash( a => 1 )->{a} ],
        index   => [ \tied_array(1)->[0] ],
        blessed => bless( tied_hash(), 'Blessed' ),
    );
    for my $name ( sort keys %values ) {
        my $image = freeze( [ $values{$name} ] );
        like error_of { thaw( $image, BLESS_OK ) },
          qr/^Tying is disabled\. at \Q$0\E line|^Tying is disabled at \Q$0\E line/,
          $name;
        local $Storable::flags = BLESS_OK;
        like error_of { thaw($image) }, qr/^Tying is disabled/, 'by $Storable::flags, too';
    }
    local $Storable::flags = 0;
    is_deeply dclone( tied_hash( a => 1 ) ), { a => 1 }, 'dclone does as ever';
};

subtest 'classes' => sub {
    my $image = freeze( tied_hash( a => 1 ) );
    like error_of { thaw( $image, classes => [] ) }, qr/\bTie::StdHash\b.*not allowed/, 'one that is not allowed';
    is_deeply thaw( $image, classes => ['Tie::StdHash'] ), { a => 1 }, 'one that is';
};

subtest 'what it is tied to may fail' => sub {
    class 'Tie::Dying', TIEHASH => sub { return bless {}, $_[0] };
    class 'Tie::Dying',
      STORABLE_freeze => sub { return 'x' },
      STORABLE_thaw   => sub { die "in its hook\n" };
    tie my %hash, 'Tie::Dying';
    my $image = freeze( [ 1, { a => \%hash } ] );
    is error_of { thaw($image) }, "in its hook\n", 'when it is thawed';
    class 'Tie::Dying', STORABLE_freeze => sub { die "in its hook\n" };
    is error_of { freeze( \%hash ) }, "in its hook\n", 'when it is frozen';
};

done_testing;
