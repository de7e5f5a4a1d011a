# compress_threshold: gzip and client flag 2, as Cache::Memcached does it and
# reads it; kept only where it saves a fifth.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs qw(memcached Cache::Memcached Cache::Memcached::Fast Compress::Zlib);
use Test::More;

use Storable ();
use Fixture::Memcached;
use Fixture::Session;

my $server    = Fixture::Memcached->start;
my $plain     = { servers                     => [ $server->address ] };
my $arguments = { %$plain, compress_threshold => 1_000 };

subtest 'at the threshold and above' => sub {
    my $id   = create( $arguments, text => 'abc ' x 5_000 );
    my $item = $server->item($id);
    is $item->{flags},                3,      'flags 1 and 2';
    is unpack( 'n', $item->{value} ), 0x1f8b, 'a gzip header';
    cmp_ok length $item->{value}, '<', 1_000, 'small';
    my $image = Compress::Zlib::memGunzip( my $copy = $item->{value} );
    is_deeply Storable::thaw($image), { text => 'abc ' x 5_000, _session_id => $id },
      'zlib reads it';
    is contents( $plain, $id )->{text}, 'abc ' x 5_000,
      'we read it, with the argument or without';
};

subtest 'below' => sub {
    my $id = create( $arguments, text => 'abc ' x 10 );
    is $server->item($id)->{flags}, 1, 'is stored as it is';
};

subtest 'what hardly shrinks' => sub {
    srand 7;
    my $noise = join '', map { chr int rand 256 } 1 .. 4_000;
    my $id    = create( $arguments, noise => $noise );
    is $server->item($id)->{flags},          1,      'is stored as it is';
    is contents( $arguments, $id )->{noise}, $noise, 'and read back';
};

subtest 'without the argument' => sub {
    my $id = create( $plain, text => 'abc ' x 50_000 );
    is $server->item($id)->{flags}, 1, 'nothing is compressed';
};

for my $class (qw(Cache::Memcached Cache::Memcached::Fast)) {
    my $client = $class->new( { servers => [ $server->address ], compress_threshold => 1_000 } );
    subtest $class => sub {
        my $id = create( $arguments, text => 'abc ' x 5_000 );
        is_deeply $client->get($id), { text => 'abc ' x 5_000, _session_id => $id },
          'reads ours';
        my $theirs = 'f' x 32;
        my $data   = { text => 'xyz ' x 5_000, _session_id => $theirs };
        ok $client->set( $theirs, $data ), 'writes';
        is $server->item($theirs)->{flags}, 3, 'compressed';
        is_deeply contents( $plain, $theirs ), $data, 'and we read it';
    };
}

done_testing;
