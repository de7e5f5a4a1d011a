# What is nested without end ends in an error: data, and calls of the codec in
# its own hooks.

use strict;
use warnings;
no warnings 'recursion';
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Test::More;

use Storable ();
use Fixture::Storable;

my $header     = substr nfreeze( \1 ), 0, 2;
my $too_deep   = qr/^Max\. recursion depth with nested structures exceeded at \Q$0\E line/;
my $too_nested = qr/^hooks that freeze or thaw, more than 100 inside each other at \Q$0\E line/;

subtest 'data' => sub {
    my %step = (
        arrays     => sub { return [ $_[0] ] },
        hashes     => sub { return { a => $_[0] } },
        references => sub { my $value = $_[0]; return \$value },
        objects    => sub { return bless [ $_[0] ], 'Some::Class' },
    );
    for my $name ( sort keys %step ) {
        my $deep = [];
        $deep = $step{$name}->($deep) for 1 .. 3_000;
        my $copy = eval { dclone($deep) };
        ok $copy, "3,000 $name" or diag $@;
        $deep = $step{$name}->($deep) for 1 .. 97_000;
        like error_of { $_->($deep) }, $too_deep, "100,000 $name" for \&freeze, \&nfreeze, \&dclone;

        # Perl frees what is nested by calling itself.
        while ( ref $deep ) {
            $deep = ref $deep eq 'HASH' ? $deep->{a} : ref $deep eq 'REF' ? $$deep : $deep->[0];
        }
    }
};

subtest 'images' => sub {
    like error_of { thaw( $header . "\x04" x 1_000_000 . "\x05" ) },               $too_deep, 'a million references';
    like error_of { thaw( $header . "\x02\x00\x00\x00\x01" x 100_000 . "\x05" ) }, $too_deep, '100,000 arrays';
    like error_of { thaw( $header . "\x13\x42" x 100_000 ) },                      $too_deep, '100,000 hooks';
    like error_of { thaw( $header . "\x0b" x 100_000 . "\x05" ) },                 $too_deep, '100,000 ties';
    ok eval { thaw( $header . "\x04" x 5_000 . "\x05" ) }, '5,000 references are fine' or diag $@;
};

subtest 'freeze in its own hook' => sub {
    my $depth = 0;
    class 'Endless', STORABLE_freeze => sub { $depth++; return freeze( [ $_[0] ] ) };
    my $object = bless [], 'Endless';
    for my $name (qw(freeze nfreeze dclone)) {
        $depth = 0;
        like error_of { Fixture::Storable->can($name)->($object) }, $too_nested, "$name ends";
        cmp_ok $depth, '>=', 50,    "after $depth calls";
        cmp_ok $depth, '<=', 1_000, 'and not too many';
    }
    is_deeply dclone( [1] ), [1], 'the codec goes on';
};

subtest 'a new object in each call' => sub {
    my $made = 0;
    class 'Multiplying', STORABLE_freeze => sub { $made++; return ( '', bless [], 'Multiplying' ) };
    like error_of { freeze( bless [], 'Multiplying' ) }, $too_deep, 'objects that give others';
    cmp_ok $made, '<', 100_000, "end after $made";
    is_deeply dclone( [1] ), [1], 'the codec goes on';
};

subtest 'thaw in its own hook' => sub {
    my ( $image, $depth ) = ( undef, 0 );
    class 'Returning',
      STORABLE_freeze => sub { return 'x' },
      STORABLE_thaw   => sub { $depth++; thaw($image); return };
    $image = freeze( [ bless [], 'Returning' ] );
    like error_of { thaw($image) }, $too_nested, 'ends';
    cmp_ok $depth, '<=', 1_000, "after $depth calls";
    class 'Returning', STORABLE_attach => sub { return thaw($image) };
    like error_of { thaw($image) }, $too_nested, 'in STORABLE_attach';
    is_deeply dclone( [1] ), [1], 'the codec goes on';
};

subtest 'one in another' => sub {
    class 'PingPong',
      STORABLE_freeze => sub { return 'x' },
      STORABLE_thaw   => sub { dclone( $_[0] ); return };
    like error_of { dclone( bless [], 'PingPong' ) }, $too_nested, 'dclone in thaw in dclone';
    my $caught = 0;
    class 'Catching',
      STORABLE_freeze => sub {
        eval { freeze( $_[0] ); 1 } or $caught++;
        return 'x';
      },
      STORABLE_thaw => sub { return };
    ok eval { freeze( bless [], 'Catching' ) }, 'an error that hooks catch' or diag $@;
    is $caught, 1, 'was there once';
    class 'Within',
      STORABLE_freeze => sub { my $n = $_[0][0];              return $n ? freeze( bless [ $n - 1 ], 'Within' ) : '' },
      STORABLE_thaw   => sub { thaw( $_[2] ) if length $_[2]; return };
    is ref dclone( bless [50], 'Within' ), 'Within', '50 in one another are fine';
};

done_testing;
