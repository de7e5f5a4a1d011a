# `principal`: md5_hex of a key's value leads to the session's id. The record is
# a plain string under flag 0, and its key, which looks like an id, is no session.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs 'memcached';
use Test::More;

use Digest::MD5 qw(md5_hex);
use Encode      qw(encode_utf8);
use File::Temp  ();
use Fixture::Memcached;
use Fixture::Session;

my $server    = Fixture::Memcached->start;
my $arguments = { servers => [ $server->address ], principal => 'uid', timeout => 300 };

subtest 'written with the session' => sub {
    my $id     = create( $arguments, uid => 'dwho' );
    my $record = $server->item( md5_hex 'dwho' );
    is $record->{value}, $id, 'the session id';
    is $record->{flags}, 0,   'flag 0';
    ok $record->{ttl} > 280 && $record->{ttl} <= 300, 'the expiry of the session';
    is contents( $arguments, $id )->{uid_MD5}, md5_hex('dwho'), 'uid_MD5 in the session';
};

subtest 'visible at once' => sub {
    tie my %session, 'Apache::Session::Memorycached', undef, $arguments;
    ok !exists $session{uid_MD5}, 'not before there is a principal';
    $session{uid} = 'rtyler';
    tied(%session)->save;
    is $session{uid_MD5}, md5_hex('rtyler'), 'after save';
    $session{uid} = 'other';
    tied(%session)->save;
    is $session{uid_MD5}, md5_hex('other'), 'and after a change';
};

subtest 'in one round trip with the session' => sub {
    my $id      = create( $arguments, uid => 'dwho' );
    my $counted = $server->counted(
        sub {
            change( $arguments, $id, sub { $_[0]{a}++ } );
        }
    );
    is $counted->{cmd_set}, 2, 'two items are written';
};

subtest 'several sessions of one principal: the last one written' => sub {
    my @ids = map { create( $arguments, uid => 'twice' ) } 1 .. 2;
    is $server->item( md5_hex 'twice' )->{value}, $ids[1], 'the second';
};

subtest 'what a principal may be' => sub {
    my %digest = (
        'wide'     => [ "\x{263a}", md5_hex( encode_utf8("\x{263a}") ) ],
        'bytes'    => [ "\xff\x00", md5_hex("\xff\x00") ],
        'a number' => [ 42,         md5_hex('42') ],
        'zero'     => [ 0,          md5_hex('0') ],
    );
    for my $name ( sort keys %digest ) {
        my ( $value, $digest ) = @{ $digest{$name} };
        my $id = create( $arguments, uid => $value );
        is eval { $server->item($digest)->{value} }, $id, $name;
    }
};

subtest 'no principal, no record' => sub {
    for my $content ( {}, { uid => undef } ) {
        my $id = create( $arguments, %$content, a => 1 );
        ok !exists contents( $arguments, $id )->{uid_MD5}, 'no digest in the session';
    }
    is $server->item( md5_hex '' ), undef, 'nor a record of the empty string';
};

subtest 'the record is no session' => sub {
    my $id  = create( $arguments, uid => 'dwho' );
    my $key = md5_hex 'dwho';
    is_deeply contents( $arguments, $key ), {}, 'missing';
    warnings_of {
        change( $arguments, $key, sub { $_[0]{evil} = 1 } )
    };
    is $server->item($key)->{value}, $id, 'and never overwritten';
    tie my %session, 'Apache::Session::Memorycached', $key, $arguments;
    warnings_of {
        eval { tied(%session)->delete };
        untie %session
    };
    is $server->item($key)->{value}, $id, 'nor deleted';
};

subtest 'delete takes the record along' => sub {
    my $id = create( $arguments, uid => 'gone' );
    tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
    tied(%session)->delete;
    untie %session;
    is $server->item( md5_hex 'gone' ), undef, 'gone';
};

subtest "delete leaves another session's record" => sub {
    my @ids = map { create( $arguments, uid => 'shared' ) } 1 .. 2;
    tie my %session, 'Apache::Session::Memorycached', $ids[0], $arguments;
    tied(%session)->delete;
    untie %session;
    is eval { $server->item( md5_hex 'shared' )->{value} }, $ids[1], 'there';
};

subtest 'sliding renews the record with its session' => sub {
    my $sliding = { %$arguments, sliding => 1 };
    my $id      = create( $sliding, uid => 'slider' );
    $server->expire_in( $_, 20 ) for $id, md5_hex 'slider';
    contents( $sliding, $id );
    cmp_ok $server->item($_)->{ttl}, '>', 280, 'renewed' for $id, md5_hex 'slider';
};

subtest 'the embedded store does it, too' => sub {
    my $dir   = File::Temp->newdir;
    my $store = { %$arguments, servers => ["embedded:$dir/sessions"] };
    my $id    = create( $store, uid => 'dwho' );
    is contents( $store, $id )->{uid_MD5}, md5_hex('dwho'), 'the digest';
    is_deeply contents( $store, md5_hex 'dwho' ), {}, 'the record is no session';
};

done_testing;
