# CGI::Session::Driver::memcache: any client of memcached as a handle, no handle at
# all, every serializer, what release 0.10 stored, and what `find` sees.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 90;
use Fixture::Needs qw(CGI CGI::Session memcached Cache::Memcached Cache::Memcached::Fast);
use Test::More;

use Apache::Session::Memorycached::Client;
use Cache::Memcached;
use Cache::Memcached::Fast;
use File::Temp ();
use Fixture::Memcached;
use Fixture::Wait;

$ENV{REMOTE_ADDR} = '127.0.0.1';
my $server  = Fixture::Memcached->start;
my @servers = ( $server->address );
my $dir     = File::Temp->newdir;

# The least that a client can be.
{

    package Least;
    sub new { return bless {}, shift }
    sub get { return $_[0]{ $_[1] } }
    sub set { $_[0]{ $_[1] } = $_[2]; return 1 }

    sub delete {
        return exists $_[0]{ $_[1] } && do { delete $_[0]{ $_[1] }; 1 }
    }
}

my %ways = (
    'Cache::Memcached'       => { Handle  => Cache::Memcached->new( { servers => [@servers] } ) },
    'Cache::Memcached::Fast' => { Handle  => Cache::Memcached::Fast->new( { servers => [@servers] } ) },
    'our client'             => { Handle  => Apache::Session::Memorycached::Client->new( { servers => [@servers] } ) },
    'another client'         => { Handle  => Least->new },
    'servers'                => { Servers => [@servers] },
    'a directory'            => { Servers => ["embedded:$dir/sessions"] },
);
my %can_list = map { $_ => 1 } 'Cache::Memcached', 'our client', 'servers', 'a directory';

my %data = (
    text  => "some text\nwith 'quotes' and \0 bytes \xff",
    list  => [ 1 .. 3, undef, [ 'deep', { er => 1 } ] ],
    hash  => { a => 1, b => { c => [] } },
    wide  => "\x{263a}",
    empty => '',
);

sub begin {
    my ( $way, $id, $serializer ) = @_;
    return CGI::Session->new( 'driver:memcache' . ( $serializer ? ";serializer:$serializer" : '' ), $id, $ways{$way} )
      || die CGI::Session->errstr;
}

sub load {
    my ( $way, $id, $serializer ) = @_;
    CGI::Session->set_error('');    # it is the class's, and while there is one, load fails
    return CGI::Session->load( 'driver:memcache' . ( $serializer ? ";serializer:$serializer" : '' ), $id, $ways{$way} )
      || die CGI::Session->errstr;
}

for my $way ( sort keys %ways ) {
    subtest $way => sub {
        for my $serializer ( 'default', 'storable', 'freezethaw', 'yaml' ) {
            next if $serializer eq 'freezethaw' && !eval { require FreezeThaw };
            next if $serializer eq 'yaml'       && !eval { require CGI::Session::Serialize::yaml };
            my $session = begin( $way, undef, $serializer );
            my %some    = %data;

            # YAML::Syck does not give back characters, and FreezeThaw can't read its own as bytes.
            delete $some{wide} if $serializer eq 'yaml' || $serializer eq 'freezethaw' && $ways{$way}{Handle};
            $session->param( $_ => $some{$_} ) for keys %some;
            ok $session->flush, "$serializer: is stored" or diag $session->errstr;
            my $again = load( $way, $session->id, $serializer );
            is_deeply {
                map { $_ => $again->param($_) } $again->param
            }, \%some, "$serializer: comes back";
            $again->delete;
            ok $again->flush,                                     "$serializer: is deleted";
            ok load( $way, $session->id, $serializer )->is_empty, "$serializer: is gone";
        }

        my $session = begin($way);
        my $id      = $session->id;
        ok $session->is_new, 'a new session';
        $session->param( n => 1 );
        $session->expire('+1h');
        $session->close;
        is begin( $way, $id )->id,                  $id, 'is found';
        is begin( $way, 'f' x 32 )->id eq 'f' x 32, '',  'an id that was made up is not taken';
        my $found = load( $way, $id );
        ok !$found->is_empty && !$found->is_expired && !$found->is_new, 'load: it is there';
        is $found->expire, 3600, 'with its expiry';
        $found->clear( ['n'] );
        $found->flush;
        is_deeply [ load( $way, $id )->param ], [], 'clear';
        ok load($way)->is_empty, 'load without an id is empty';

        my $short = begin($way);
        $short->expire('1s');
        $short->flush;
        my $gone;
        ok until_true { sleep 2; $gone = load( $way, $short->id ); $gone->is_expired }, 'expires';
        ok load( $way, $short->id )->is_empty,                                          'and is removed by that';

        my %seen;
        my $ok = CGI::Session->find( 'driver:memcache', sub { $seen{ $_[0]->id }++ if !$_[0]->is_empty }, $ways{$way} );
        if ( $can_list{$way} ) {
            ok $ok, 'find' or diag( CGI::Session->errstr );
            is $seen{$id}, 1, 'sees it';
            ok !$seen{ $short->id }, 'and not what is gone';
            my $died = eval {
                CGI::Session->find( 'driver:memcache', sub { die { mine => 1 } }, $ways{$way} );
                1;
            } ? undef : $@;
            is_deeply $died, { mine => 1 }, 'its code may die';
            is_deeply [ CGI::Session->find( 'driver:memcache', sub { $_[0]->delete; $_[0]->flush }, $ways{$way} ) ],
              [1],
              'and delete';
            ok load( $way, $id )->is_empty, 'what it sees';
        }
        else {
            ok !$ok, 'find fails';
            like(
                CGI::Session->errstr,
                qr/traverse\(\): can not list the sessions of a (?:Cache::Memcached::Fast|Least)/, 'and says why'
            );
        }
    };
}

subtest 'remove says whether' => sub {
    require CGI::Session::Driver::memcache;
    for my $way ( sort keys %ways ) {
        my $driver = CGI::Session::Driver::memcache->new( $ways{$way} );
        is $driver->store( 'abc', 'data' ), 1,      "$way: store";
        is $driver->retrieve('abc'),        'data', 'retrieve';
        is $driver->remove('abc'),          1,      'there was one';
        is $driver->remove('abc'),          0,      'there was none';
        is $driver->retrieve('abc'),        '',     'retrieve: nothing';
        for my $bad ( "a b", "a\r\nflush_all", '', 'x' x 245, "caf\xe9", undef ) {
            is $driver->retrieve($bad),                  '',    'what is no id is no session';
            is $driver->remove($bad),                    0,     'nor can it be removed';
            is scalar( $driver->store( $bad, 'data' ) ), undef, 'nor stored';
            like $driver->errstr, qr/^store\(\): session \S*.*: its id is not one/, 'which is told';
        }
    }
};

subtest 'on the wire' => sub {
    my $id = 'a' x 32;
    my $text =
        q($D = {'_SESSION_ID' => 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','_SESSION_ATIME' => )
      . time
      . q(,'_SESSION_CTIME' => 1700000000,'_SESSION_REMOTE_ADDR' => '127.0.0.1','greet_en' => 'Hi !'};;$D);
    for my $way ( 'Cache::Memcached', 'Cache::Memcached::Fast', 'our client', 'servers' ) {
        Cache::Memcached->new( { servers => [@servers] } )->set( "sessions:$id", $text );
        my $session = begin( $way, $id );
        is $session->id,                $id,    "$way: a session as release 0.10 stored it is found";
        is $session->param('greet_en'), 'Hi !', 'and read';
        $session->param( greet_en => 'Hello' );
        $session->flush;
        my $item = $server->item("sessions:$id");
        is $item->{flags}, 0, 'and stored as it did';
        like $item->{value}, qr/^\$D = \{.*'greet_en' => 'Hello'/s, 'as a plain string';
        is $item->{ttl}, -1, 'for ever';
    }
    no warnings 'once';
    local $CGI::Session::Driver::memcache::sess_space = 'shop';
    ok load( 'servers', $id )->is_empty, 'another sess_space has other sessions';
    my $session = begin('servers');
    $session->flush;
    ok $server->item( 'shop:' . $session->id ), 'under keys of its own';
};

subtest 'Timeout' => sub {
    for my $way ( 'Cache::Memcached', 'Cache::Memcached::Fast', 'our client', 'servers' ) {
        for my $timeout ( 100, 99.5, 40 * 86400 ) {
            my $session = CGI::Session->new( 'driver:memcache', undef, { %{ $ways{$way} }, Timeout => $timeout } );
            $session->flush;
            my $left = $server->item( 'sessions:' . $session->id )->{ttl};
            cmp_ok abs( $left - $timeout ), '<=', 5, "$way: $timeout";
        }
    }
    for my $bad ( 'soon', -1 ) {
        is scalar( eval { CGI::Session->new( 'driver:memcache', 'x', { %{ $ways{servers} }, Timeout => $bad } ) } ),
          undef,
          "$bad: refused";
        like "$@" . CGI::Session->errstr, qr/Timeout: takes a number of seconds, not '\Q$bad\E'/, 'and told';
    }
};

subtest 'characters' => sub {
    my $driver = CGI::Session::Driver::memcache->new( $ways{'Cache::Memcached'} );
    ok $driver->store( 'wide', "\x{263a} caf\xe9" ), 'a serializer may make them';
    is $driver->retrieve('wide'), "\xe2\x98\xba caf\xc3\xa9", 'and gets UTF-8';
    utf8::upgrade( my $upgraded = "caf\xe9" );
    ok $driver->store( 'latin', $upgraded ), 'how perl holds a string';
    is $driver->retrieve('latin'), "caf\xe9", 'makes no difference';
};

done_testing;
