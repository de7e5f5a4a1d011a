# Storable's variables, which a program sets as it did for Storable.

use strict;
use warnings;
use utf8;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Storable       ();
use Fixture::Needs ();
use Fixture::Storable;

sub nested {
    my ( $levels, $kind ) = @_;
    my $value = 1;
    $value = $kind eq 'array' ? [$value] : { a => $value } for 1 .. $levels;
    return $value;
}

subtest '$canonical' => sub {
    my %hash = map {
        ( $_ => 1, "key $_" => { map { $_ => 1 } 'a' .. 'h' } )
    } 1 .. 100, 'é', '日本', "\xff";
    my @same = ( \%hash, {%hash}, { reverse( reverse %hash ) } );
    keys %{ $same[1] } = 4_096;
    local $Storable::canonical = 1;
    for my $function ( \&freeze, \&nfreeze ) {
        my ( $first, @others ) = map { $function->($_) } @same;
        ok $_ eq $first, 'one order for one content' for @others;
    }
    ok freeze( \%hash ) eq Storable::freeze( \%hash ),   'which is that of Storable';
    ok nfreeze( \%hash ) eq Storable::nfreeze( \%hash ), 'in both byte orders';
    local $Storable::canonical = 0;
    ok freeze( \%hash ) eq Storable::freeze( \%hash ), 'without it, that of the hash';
};

subtest '$forgive_me' => sub {
    my %values = ( GLOB => \*STDOUT, IO => *STDOUT{IO}, CODE => sub { 1 } );
    for my $kind ( sort keys %values ) {
        my $data = { before => 1, bad => $values{$kind}, after => [2] };
        like error_of { freeze($data) }, qr/^Can't store $kind items at \Q$0\E line/, "$kind: refused";
        local $Storable::forgive_me = 1;
        my $copy;
        my @warnings = warnings_of { $copy = thaw( nfreeze($data) ) };
        is scalar @warnings, 1, 'forgiven, with a warning';
        like $warnings[0], qr/^Can't store item $kind\(0x[0-9a-f]+\) at /, 'that names it';
        is_deeply [ @{$copy}{qw(before after)} ], [ 1, [2] ], 'what lies beside it is there';
        like ${ $copy->{bad} }, qr/^You lost $kind\(0x[0-9a-f]+\)/, 'and in its place a text';
        my ($warning) = warnings_of { dclone($data) };
        like $warning, qr/^Can't store item $kind\(0x[0-9a-f]+\) at \Q$0\E line/, 'dclone, too, at our line';
    }
    local $Storable::forgive_me = 1;
    my $image;
    warnings_of { $image = freeze( [ \*STDOUT, \*STDOUT ] ) };
    my $expected;
    warnings_of { $expected = Storable::freeze( [ \*STDOUT, \*STDOUT ] ) };
    ok $image eq $expected, 'byte for byte as Storable';
};

subtest '$flags' => sub {
    my $object = bless { list => bless( [ 1, 2 ], 'Inner' ) }, 'Outer';
    my $image  = freeze($object);
    is ref thaw($image), 'Outer', 'by default, objects are blessed';
    for my $flags ( 0, TIE_OK ) {
        local $Storable::flags = $flags;
        my $plain = thaw($image);
        is ref $plain,         'HASH',  "\$flags is $flags: not";
        is ref $plain->{list}, 'ARRAY', 'at any depth';
        is_deeply [ @{ $plain->{list} } ], [ 1, 2 ], 'all is there';
        is ref thaw( $image, FLAGS_COMPAT ),      'Outer', 'an argument has the last word';
        is ref thaw( $image, flags => BLESS_OK ), 'Outer', 'by its name, too';
        is ref dclone($object), 'Outer', 'dclone does as ever';
    }
    is ref thaw( $image, 0 ), 'HASH', 'an argument without the variable';

    my $called = 0;
    class 'Flagged', STORABLE_freeze => sub { return 'x' }, STORABLE_thaw => sub { $called++ };
    my $hooked = freeze( [ bless( {}, 'Flagged' ), 'after' ] );
    my $plain  = thaw( $hooked, 0 );
    is ref $plain->[0], 'HASH',  'an object with hooks is not blessed';
    is $plain->[1],     'after', 'what follows it is read';
    is $called,         0,       'and no hook is called';

    my $late = renamed( freeze( [ hooked_elsewhere() ] ), 'Here::Hooked' => 'Late::Hooked' );
    is_deeply thaw( $late, 0 ), [ {} ], 'nor';
    ok !loaded('Late::Hooked'), 'is a module loaded';
    require Tie::Hash;
    tie my %tied, 'Tie::StdHash';
    class 'TiedHooked', STORABLE_freeze => sub { return 'x' }, STORABLE_thaw => sub { $called++ };
    my $both = freeze( [ bless( \%tied, 'TiedHooked' ), 'after' ] );
    like error_of { thaw( $both, 0 ) }, qr/^Tying is disabled/, 'one that is tied, too, is refused';
};

sub hooked_elsewhere {
    class 'Here::Hooked', STORABLE_freeze => sub { return 'x' };
    return bless {}, 'Here::Hooked';
}

subtest 'limits on depth' => sub {
    my $text = qr/^Max\. recursion depth with nested structures exceeded at \Q$0\E line/;
    for my $levels ( 300, 600, 5_000 ) {
        ok eval { freeze( nested( $levels, 'array' ) ) }, "$levels arrays, as Storable sets its limits" or diag $@;
        ok eval { freeze( nested( $levels, 'hash' ) ) },  "$levels hashes"                              or diag $@;
    }
    {
        local $Storable::recursion_limit = 50;
        ok eval { freeze( nested( 20, $_ ) ) }, "\$recursion_limit: ${_}s below it" or diag $@ for qw(array hash);
        like error_of { freeze( nested( 60, 'array' ) ) },  $text, 'above it';
        like error_of { nfreeze( nested( 60, 'array' ) ) }, $text, 'for nfreeze';
        like error_of { dclone( nested( 60, 'array' ) ) },  $text, 'for dclone';
        like error_of { freeze( nested( 60, 'hash' ) ) },   $text, 'for hashes, which references lead to';
    }
    {
        local $Storable::recursion_limit_hash = 50;
        ok eval { freeze( nested( 20, 'hash' ) ) }, '$recursion_limit_hash: below it' or diag $@;
        like error_of { freeze( nested( 60, 'hash' ) ) }, $text, 'above it';
        ok eval { freeze( nested( 60, 'array' ) ) }, 'is none for arrays' or diag $@;
    }
    my @together = Fixture::Needs::has('Storable 3') ? ( [ 20, 30 ], [ 30, 20 ], [ 20, -1 ], [ -1, 20 ] ) : ();
    for my $limits (@together) {    # before, it has no limits
        local ( $Storable::recursion_limit, $Storable::recursion_limit_hash ) = @$limits;
        for my $kind ( 'array', $limits->[0] > 0 && $limits->[1] > 0 ? 'hash' : () ) {
            my @accepted = map {
                my $function = $_;
                scalar grep {
                    my $value = nested( $_, $kind );
                    eval { $function->($value) }
                } 1 .. 40
            } \&freeze, \&Storable::freeze;
            is $accepted[0], $accepted[1], "@$limits: ${kind}s as deep as with Storable";
        }
    }
    local $Storable::recursion_limit      = -1;
    local $Storable::recursion_limit_hash = -1;
    ok eval { freeze( nested( 4_000, 'array' ) ) }, '-1 is none' or diag $@;
    ok eval { freeze( nested( 4_000, 'hash' ) ) },  'for hashes' or diag $@;
};

subtest '$accept_future_minor' => sub {
    my $future = sub {
        my ( $image, $major, $minor ) = @_;
        substr( $image, 0, 2 ) = chr( $major << 1 | 1 ) . chr $minor;
        return $image;
    };
    my $image = nfreeze( [ 1, 'text' ] );
    is_deeply thaw( $future->( $image, 2, 200 ) ), [ 1, 'text' ], 'a later minor version is read';
    like error_of { thaw( $future->( $image, 3, 0 ) ) },
      qr/^Storable binary image v3\.0 more recent than I am \(v2\.[0-9]+\) at \Q$0\E line/, 'a later major one is not';
    my $unknown = $future->( substr( nfreeze( \1 ), 0, 2 ) . "\x60", 2, 200 );
    like error_of { thaw($unknown) },
qr/^Storable binary image v2\.200 contains data of type 96\. This Storable is v2\.[0-9]+ and can only handle data types up to [0-9]+/,
      'what it holds must be known';
    local $Storable::accept_future_minor = 0;
    like error_of { thaw( $future->( $image, 2, 200 ) ) },
      qr/^Storable binary image v2\.200 more recent than I am \(v2\.[0-9]+\) at \Q$0\E line/, 'unless it is off';
    is_deeply thaw($image), [ 1, 'text' ], 'which leaves our own';
};

done_testing;
