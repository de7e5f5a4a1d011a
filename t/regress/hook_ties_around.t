# A hook that ties the hash it lies in, while that is thawed: what came after it
# was freed at once, since a tied hash keeps nothing, and counted once more by
# the next hook.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Scalar::Util                            qw(weaken);
use Tie::Hash                               ();
use Apache::Session::Memorycached::Storable qw(freeze thaw);

{

    package Tying;
    sub STORABLE_freeze { return ( 'x', $_[0]{around} ) }
    sub STORABLE_thaw   { my ( undef, undef, undef, $around ) = @_; tie %$around, 'Tie::StdHash'; return }
}

my $around = { map { ( $_ => [ "value of $_", { deep => $_ } ] ) } 'a' .. 'z' };
for my $key (qw( b h n t )) {
    $around->{$key} = bless { around => $around }, 'Tying';
    weaken $around->{$key}{around};
}
my $image = freeze( [ $around, [ values %$around ] ] );

my @values;
for my $round ( 1 .. 200 ) {
    my $copy = thaw($image);
    push @values, map { [ $round, $_ ] } 1 .. 100;
    is scalar @{ $copy->[1] }, 26, 'back references reach what the tied hash has dropped' if $round == 1;
    is_deeply [ sort map { $_->[1]{deep} } grep { ref eq 'ARRAY' } @{ $copy->[1] } ],
      [ grep { !/[bhnt]/ } 'a' .. 'z' ], 'whole' if $round == 1;
}
is_deeply [ map { $_->[1] } @values ], [ ( 1 .. 100 ) x 200 ], 'nothing was freed twice';

done_testing;
