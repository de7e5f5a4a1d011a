# Test::LeakTrace sees scalars. What the native code holds beside them must not grow
# either, however a call ends.

use strict;
use warnings;
no warnings 'recursion';
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Test::More;

use Fixture::Storable;

plan skip_all => 'no /proc/self' if !-r '/proc/self/statm';

my $ROUNDS  = 400;
my $ALLOWED = 1_500_000;    # bytes, over all rounds: a leak of 4 KB a round

sub resident {
    open my $file, '<', '/proc/self/statm' or die $!;
    return 4_096 * ( split ' ', <$file> )[1];
}

sub flat {
    my ( $name, $block ) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    eval { $block->() } for 1 .. $ROUNDS / 2;
    my $before = resident();
    eval { $block->() } for 1 .. $ROUNDS;
    return cmp_ok resident() - $before, '<', $ALLOWED, $name;
}

# 40 KB, so that one copy kept in each round is seen.
my $large = { text => 'x' x 20_000, list => [ map { "entry $_" } 1 .. 1_200 ] };

class 'Large',
  STORABLE_freeze => sub { return ( 'y' x 20_000, $large ) },
  STORABLE_thaw   => sub { return };
my $dies = 0;
class 'Dying',
  STORABLE_freeze => sub { die "in its hook\n" if $dies; return 'x' },
  STORABLE_thaw   => sub { die "in its hook\n" };

my $image  = freeze( [ $large, bless( [], 'Large' ) ] );
my $broken = substr $image, 0, -10;
my $dying  = freeze( [ $large, bless( [], 'Dying' ) ] );
my @data   = ( $large, bless( [], 'Large' ) );
my $deep   = [$large];
$deep = [$deep] for 1 .. 200;

flat 'freeze'                           => sub { freeze( \@data ) };
flat 'thaw'                             => sub { thaw($image) };
flat 'dclone'                           => sub { dclone( \@data ) };
flat 'freeze of what can not be stored' => sub {
    freeze( [ @data, sub { 1 } ] );
};
flat 'dclone of it' => sub {
    dclone( [ @data, sub { 1 } ] );
};
flat 'thaw of a damaged image'             => sub { thaw($broken) };
flat 'thaw of a class that is not allowed' => sub { thaw( $image, classes => [] ) };
flat 'a hook of thaw that dies'            => sub { thaw($dying) };
flat 'what is too deep'                    => sub { local $Storable::recursion_limit = 50; freeze($deep) };
$dies = 1;
flat 'a hook of freeze that dies' => sub { freeze( [ @data, bless [], 'Dying' ] ) };
flat 'canonical'                  => sub { local $Storable::canonical = 1; freeze( \@data ) };

class 'Deep', STORABLE_freeze => sub { return freeze( [ $large, $_[0] ] ) };
$ROUNDS = 20;
flat 'hooks inside each other' => sub { freeze( bless [], 'Deep' ) };

done_testing;
