# What goes wrong below CGI::Session is in errstr, and never silence: servers that are
# down, full, or break off, clients that die or refuse, items that are no sessions.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs qw(CGI CGI::Session memcached Cache::Memcached);
use Test::More;

use Apache::Session::Memorycached::Client;
use Cache::Memcached;
use Fixture::Memcached;
use Fixture::Port    qw(free_port);
use Fixture::Session qw(warnings_of);
use Fixture::Scripted;

my $DSN    = 'driver:memcache';
my $server = Fixture::Memcached->start;
my $good   = { Servers => [ $server->address ] };

# A client that is told what to do.
{

    package Told;
    sub new { my ( $class, %does ) = @_; return bless {%does}, $class }

    for my $call (qw(get set delete)) {
        no strict 'refs';
        *$call = sub { my $does = $_[0]{$call}; return ref $does ? $does->() : $does };
    }
}

sub stored {
    my $session = CGI::Session->new( $DSN, undef, $good );
    $session->param( n => 1 );
    $session->flush or die $session->errstr;
    return $session->id;
}

# CGI::Session's error is the class's, and while there is one, load fails.
sub load {
    my ( $id, $arguments ) = @_;
    CGI::Session->set_error('');
    return scalar CGI::Session->load( $DSN, $id, $arguments );
}

# What new, flush of a new session, and flush of a deletion say. A session that was made
# is one that nobody may store any more.
sub failing {
    my ( $arguments, $text, $name ) = @_;
    my @told = warnings_of {
        my $id = stored();
        is( load( $id, $arguments ), undef, "$name: load fails" );
        like( CGI::Session->errstr, qr/retrieve\(\): session $id: $text/, 'and says why' );
        my $session = CGI::Session->new( $DSN, undef, $arguments );
        is scalar( $session->flush ), undef, 'flush fails';
        like $session->errstr, qr/store\(\): session \w+: $text/, 'and says why';
        my $found = load( $id, $good );
        $found->{_OBJECTS}{driver} = CGI::Session::Driver::memcache->new($arguments);
        $found->delete;
        is scalar( $found->flush ), undef, 'flush of a deletion fails';
        like $found->errstr, qr/remove\(\): session $id: $text/, 'and says why';
        $found->{_OBJECTS}{driver} = CGI::Session::Driver::memcache->new($good);
    };
    is_deeply \@told, [], 'nothing is warned of';
    return;
}

subtest 'a server that is not there' => sub {
    my $address = '127.0.0.1:' . free_port();
    failing( { Servers => [$address] }, qr/memcached \Q$address\E: can't connect: /, 'Servers' );
    for my $on_error (qw(warn die quiet)) {
        my $client = Apache::Session::Memorycached::Client->new( servers => [$address], on_error => $on_error );
        failing( { Handle => $client }, qr/memcached \Q$address\E: can't connect: /, "a handle, on_error $on_error" );
    }
    ok !CGI::Session->find( $DSN, sub { fail 'nothing to see' }, { Servers => [$address] } ), 'find fails';
    like( CGI::Session->errstr, qr/traverse\(\): memcached \Q$address\E: can't connect: /, 'and says why' );
    my $theirs  = { Handle => Cache::Memcached->new( { servers => [$address] } ) };
    my $session = CGI::Session->new( $DSN, undef, $theirs );
    is scalar( $session->flush ), undef, 'with Cache::Memcached: flush fails';
    like $session->errstr, qr/store\(\): session \w+: the client did not store it/, 'and says so';
};

subtest 'a client that dies' => sub {
    my $die = sub { die "out of order at nowhere line 7.\n" };
    failing( { Handle => Told->new( get => $die, set => $die, delete => $die ) }, qr/out of order$/, 'with words' );
    my $object = sub { die bless( {}, 'Some::Exception' ) };
    failing(
        { Handle => Told->new( get => $object, set => $object, delete => $object ) }, qr/Some::Exception=HASH/,
        'an object'
    );
};

subtest 'a client that refuses' => sub {
    for my $false ( undef, '', 0 ) {
        my $session = CGI::Session->new( $DSN, undef, { Handle => Told->new( set => $false ) } );
        is scalar( $session->flush ), undef, 'a false set: flush fails';
        like $session->errstr, qr/the client did not store it; is there a server, and room for it\?/, 'and says so';
    }
};

subtest 'what is no client' => sub {
    for my $bad ( 3, [], {}, bless( {}, 'Nothing::At::All' ), '' ) {
        is scalar( eval { CGI::Session->new( $DSN, 'x', { Handle => $bad } ) } ), undef, 'is refused';
        like "$@", qr/Handle: takes a client of memcached, with get, set and delete/, 'and told';
    }
    is scalar( eval { CGI::Session->new( $DSN, 'x', { Servers => 'localhost:11211' } ) } ), undef,
      'servers that are none';
    like "$@", qr/argument servers: takes a reference to an array/, 'are told';
    ok !CGI::Session->find( $DSN, sub { }, { Handle => 3 } ), 'find fails';
    like( CGI::Session->errstr, qr/Handle: takes a client of memcached/, 'and says why' );
};

subtest 'what is no session' => sub {
    my $id = 'b' x 32;
    Cache::Memcached->new( { servers => [ $server->address ] } )->set( "sessions:$id", { a => 'hash' } );
    is( load( $id, $good ), undef, 'a structure: load fails' );
    like( CGI::Session->errstr, qr/retrieve\(\): session $id: sessions:$id holds something else/, 'and says why' );
    $server->set( "sessions:$id", 'damaged', flags => 1 );
    is( load( $id, $good ), undef, 'a damaged one: load fails' );
    like( CGI::Session->errstr, qr/retrieve\(\): session $id: key sessions:$id: /, 'and says why' );
    is $server->item("sessions:$id")->{value}, 'damaged', 'and it stays';
};

subtest 'too large' => sub {
    my $session = CGI::Session->new( $DSN, undef, $good );
    $session->param( text => 'before' );
    ok $session->flush, 'a session';
    $session->param( text => 'x' x 2_000_000 );
    is scalar( $session->flush ), undef, 'flush fails';
    like $session->errstr, qr/has \d+ bytes, larger than the 1048576 bytes that memcached/, 'and says why';
    is( load( $session->id, $good )->param('text'), 'before', 'the old state stays' );
};

subtest 'a server that breaks off' => sub {
    my $id = stored();
    for my $step ( 'silent', 'hangup', [ cut => 9 ], [ say => "SERVER_ERROR busy\r\n" ] ) {
        my $scripted = Fixture::Scripted->start( upstream => $server, script => [ [$step] ] );
        my $client   = Apache::Session::Memorycached::Client->new(
            servers    => [ $scripted->address ],
            io_timeout => 0.3,
            on_error   => 'quiet'
        );
        my $arguments = { Handle => $client };
        is( load( $id, $arguments ), undef, 'load fails' );
        like( CGI::Session->errstr, qr/retrieve\(\): session $id: memcached /, 'and says why' );
        is( load( $id, $arguments )->param('n'), 1, 'the next one is as if nothing had been' );
    }
};

done_testing;
