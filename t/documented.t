# The examples in the documentation of the original 2.2.1, as its users copied
# them; only the addresses are those of servers that exist.

use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs 'memcached';
use Test::More;

use Digest::MD5 qw(md5_hex);
use Fixture::Memcached;

my $main  = Fixture::Memcached->start;
my $cache = Fixture::Memcached->start;
my ( $cookie, %session, %s );

use Apache::Session::Memorycached;

subtest 'the first example: an id from a cookie, a server and a local cache' => sub {
#<<< as it stands in the documentation
    tie %session, 'Apache::Session::Memorycached', $cookie, {
          'servers' => [$main->address], #all write operations
          'local'  =>  [$cache->address],  #read-only operations
          'timeout' => '300'
     };
#>>>
    like $session{_session_id}, qr/\A[0-9a-f]{32}\z/, 'a new id';
    $session{visits} = 1;
    $cookie = $session{_session_id};
    untie %session;

#<<< as it stands in the documentation
    tie %session, 'Apache::Session::Memorycached', $cookie, {
          'servers' => [$main->address], #all write operations
          'local'  =>  [$cache->address],  #read-only operations
          'timeout' => '300'
     };
#>>>
    is_deeply { %session }, { _session_id => $cookie, visits => 1 },
      'the next request finds the session';
    untie %session;

    for my $server ( $main, $cache ) {
        my $item = $server->item($cookie);
        ok $item, 'the session is on ' . $server->address;
        cmp_ok $item->{ttl}, '<=', 300, 'and expires';
        cmp_ok $item->{ttl}, '>',  280, 'in 300 s';
    }
};

subtest 'the second example: updateOnly and principal' => sub {
#<<< as it stands in the documentation
 tie %s, 'Apache::Session::Memorycached', undef,
    {servers  => [$main->address],
     'timeout' => '300',
     'updateOnly' => 1 ,
     'principal' => uid,
        };
#>>>
    my $id = $s{_session_id};
    is $main->item($id), undef, 'nothing is written yet';
    $s{uid} = 'dwho';
    untie %s;

    tie %s, 'Apache::Session::Memorycached', $id,
      { servers => [ $main->address ], principal => 'uid' };
    is $s{uid},     'dwho',          'the session is written at its first update';
    is $s{uid_MD5}, md5_hex('dwho'), 'and holds the digest of its principal';
    untie %s;

    my $record = $main->item( md5_hex 'dwho' );
    is $record->{value}, $id, 'the principal leads to the session';
    is $record->{flags}, 0,   'by a plain string';
};

subtest 'Apache::Session: the calls of its documentation' => sub {
    my %arguments = ( servers => [ $main->address ] );
    tie my %hash, 'Apache::Session::Memorycached', undef, {%arguments};
    my $id = $hash{_session_id};
    $hash{bar} = [ 1, { two => 2 } ];
    $hash{foo} = 'x';
    delete $hash{foo};
    ok !exists $hash{foo}, 'delete and exists';
    untie %hash;
    undef %hash;

    tie %hash, 'Apache::Session::Memorycached', $id, {%arguments};
    is_deeply $hash{bar}, [ 1, { two => 2 } ], 'data is kept as it is';
    tied(%hash)->delete;
    untie %hash;

    tie %hash, 'Apache::Session::Memorycached', $id, {%arguments};
    is scalar( keys %hash ), 0, 'a deleted session is empty';
};

done_testing;
