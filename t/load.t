# The modules load, have the faces that Apache::Session expects, and the native
# library brings no second perl into the process: a libperl under NEEDED would
# break perls that have theirs linked in (DESIGN §6).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Fixture::Needs ();

my $class = 'Apache::Session::Memorycached';

my %methods = (
    $class => [
        qw(TIEHASH FETCH STORE DELETE CLEAR EXISTS FIRSTKEY NEXTKEY SCALAR
          UNTIE DESTROY populate save restore delete)
    ],
    'Apache::Session::Store::Memorycached' => [qw(new insert update materialize remove close)],
    'Apache::Session::Lock::Memorycached'  => [
        qw(new acquire_read_lock acquire_write_lock release_read_lock
          release_write_lock release_all_locks clean)
    ],
    'Apache::Session::Generate::Memorycached' => [qw(generate validate)],
);

for my $module ( sort keys %methods ) {
    require_ok $module;
    can_ok $module, @{ $methods{$module} };
}

isa_ok $class, 'Apache::Session';
cmp_ok eval { $class->VERSION } // 0, '>=', 3, 'version 3 or later';

SKIP: {
    my ($library) = grep { -e }
      map { "$_/auto/Apache/Session/Memorycached/Memorycached.so" }
      grep { !ref } @INC;
    ok $library, 'the native library is in @INC' or skip 'no library', 2;

    my $readelf = Fixture::Needs::program('readelf');
    if ( !$readelf ) {
        fail 'readelf is installed' if $ENV{CI};
        skip 'readelf is not installed', 2;
    }
    my @needed = grep { /\(NEEDED\)/ } qx{"$readelf" -d "$library"};
    ok @needed, 'readelf reads it';
    is_deeply [ grep { /libperl/ } @needed ], [], 'libperl is not under NEEDED';
}

done_testing;
