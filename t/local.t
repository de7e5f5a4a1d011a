# The `local` tier: a cache near the web server, read first, filled on a miss,
# written on every write. A stale copy never undoes another host's change.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs 'memcached';
use Test::More;

use File::Temp ();
use Storable   ();
use Fixture::Memcached;
use Fixture::Port qw(free_port);
use Fixture::Session;

my $main  = Fixture::Memcached->start;
my $cache = Fixture::Memcached->start;
my $far   = { servers      => [ $main->address ] };
my $near  = { %$far, local => [ $cache->address ] };

sub stored { return Storable::thaw( $_[0]->item( $_[1] )->{value} ) }

subtest 'a write goes to both' => sub {
    my $id = create( $near, a => 1 );
    is_deeply stored( $_, $id ), { _session_id => $id, a => 1 }, 'stored' for $main, $cache;
    change( $near, $id, sub { $_[0]{a} = 2 } );
    is stored( $_, $id )->{a}, 2, 'changed' for $main, $cache;
};

subtest 'local is read first, and alone' => sub {
    my $id      = create( $near, a => 1 );
    my $counted = $main->counted( sub { is contents( $near, $id )->{a}, 1, 'read' } );
    is $counted->{commands}, 0, 'the servers are not asked';
};

subtest 'a miss is filled from the servers' => sub {
    my $id = create( $far, a => 1 );
    is $cache->item($id),           undef, 'not there yet';
    is contents( $near, $id )->{a}, 1,     'read from the servers';
    is_deeply stored( $cache, $id ), { _session_id => $id, a => 1 }, 'and copied';
    my $counted = $main->counted( sub { contents( $near, $id ) } );
    is $counted->{commands}, 0, 'the next reading is local';
};

subtest 'an empty copy counts as a miss' => sub {
    my $id = create( $far, a => 1 );
    $cache->set( $id, Storable::nfreeze( {} ), flags => 1 );
    is contents( $near, $id )->{a}, 1, 'read from the servers';
};

subtest 'a save from a stale copy merges' => sub {
    my $id = create( $near, a => 1, b => 1, c => 1 );
    change( $far, $id, sub { $_[0]{b} = 'other host'; delete $_[0]{c} } );
    is stored( $cache, $id )->{b}, 1, 'the copy is stale';
    change( $near, $id, sub { $_[0]{a} = 'this host' } );
    my $expected = { _session_id => $id, a => 'this host', b => 'other host' };
    is_deeply stored( $_, $id ), $expected, 'both changes are stored' for $main, $cache;
};

subtest 'a stale copy does not bring a deleted session back' => sub {
    my $id = create( $near, a => 1 );
    tie my %far, 'Apache::Session::Memorycached', $id, $far;
    tied(%far)->delete;
    untie %far;
    warnings_of {
        change( $near, $id, sub { $_[0]{a} = 2 } )
    };
    is_deeply contents( $far, $id ), {}, 'it stays deleted';
};

subtest 'delete reaches both' => sub {
    my $id = create( $near, a => 1 );
    tie my %session, 'Apache::Session::Memorycached', $id, $near;
    tied(%session)->delete;
    untie %session;
    is_deeply contents( $near, $id ), {}, 'gone for this host';
    is_deeply contents( $far,  $id ), {}, 'gone for the others';
};

subtest 'how long a copy lives' => sub {
    my $id = create( { %$near, timeout => 300 } );
    cmp_ok $cache->item($id)->{ttl}, '<=', 300, 'as long as the session';
    $id = create( { %$near, timeout => 300, local_ttl => 15 } );
    cmp_ok $cache->item($id)->{ttl}, '<=', 15,  'or local_ttl';
    cmp_ok $main->item($id)->{ttl},  '>',  280, 'which is for the copy only';
    $cache->delete($id);
    contents( { %$near, local_ttl => 15 }, $id );
    my $ttl = $cache->item($id)->{ttl};
    ok $ttl > 0 && $ttl <= 15, 'also for a copy made by reading';
};

subtest 'local is down: the servers do its work' => sub {
    my $lame = { %$far, local => [ '127.0.0.1:' . free_port() ] };
    my $id;
    warnings_of {
        $id = create( $lame, a => 1 );
        is contents( $lame, $id )->{a}, 1, 'read';
        change( $lame, $id, sub { $_[0]{a} = 2 } );
    };
    is contents( $far, $id )->{a}, 2, 'written';
};

subtest 'a server that is in both' => sub {
    my $both = { %$far, local => $far->{servers} };
    my $id;
    my $error = error_of {
        $id = create( $both, a => 1 );
        change( $both, $id, sub { $_[0]{a} = 2 } );
    };
    if ($error) {
        like $error, qr/\blocal\b/, 'is refused at tie';
    }
    else {
        is contents( $far,  $id )->{a}, 2, 'is not told to forget what it just stored';
        is contents( $both, $id )->{a}, 2, 'and is read';
    }
};

subtest 'local may be embedded' => sub {
    my $dir       = File::Temp->newdir;
    my $arguments = { %$far, local => ["embedded:$dir/copies"] };
    my $id        = create( $arguments, a => 1 );
    my $counted   = $main->counted( sub { is contents( $arguments, $id )->{a}, 1, 'read' } );
    is $counted->{commands}, 0, 'from the copy';
    change( $arguments, $id, sub { $_[0]{a} = 2 } );
    is contents( $far, $id )->{a}, 2, 'written to the servers';
};

done_testing;
