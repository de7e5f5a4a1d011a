# Servers that do not answer as they should, at each step of a session: never a
# hang past the deadline, never another request's answer, never a half-written
# value; the connection is dropped, and the next request works (DESIGN §8).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 240;
use Fixture::Needs 'memcached';
use Test::More;

use Fixture::Memcached;
use Fixture::Scripted;
use Fixture::Session;
use Fixture::Wait;

my $memcached  = Fixture::Memcached->start;
my $direct     = { servers => [ $memcached->address ] };
my $IO_TIMEOUT = 0.3;

sub behind {
    my (@script) = @_;
    my $server = Fixture::Scripted->start( upstream => $memcached, script => \@script );
    return ( { servers => [ $server->address ], io_timeout => $IO_TIMEOUT }, $server );
}

# Whatever could not be saved is warned of once more when its scope ends.
$SIG{__WARN__} = sub { warn @_ if $_[0] !~ /^session [0-9a-f]+ is not saved: / };

my %faults = (
    'silent'                           => 'silent',
    'hangs up'                         => 'hangup',
    'answers late'                     => [ late  => 1 ],
    'cut after a byte'                 => [ cut   => 1 ],
    'cut in the first line'            => [ cut   => 5 ],
    'cut in the value'                 => [ cut   => 40 ],
    'stalls in the value'              => [ stall => 40 ],
    'an empty line'                    => [ say   => "\r\n" ],
    'garbage'                          => [ say   => "\x00\xff<html>garbage</html>\r\n" ],
    'endless line'                     => [ say   => 'x' x 100_000 ],
    'another protocol'                 => [ say   => "HTTP/1.1 400 Bad Request\r\n\r\n" ],
    'a server error'                   => [ say   => "SERVER_ERROR out of memory\r\n" ],
    'a client error'                   => [ say   => "CLIENT_ERROR bad command line\r\n" ],
    'a size that is none'              => [ say   => "VA many f1 c1 t-1\r\n" ],
    'a negative size'                  => [ say   => "VA -1 f1 c1 t-1\r\n\r\n" ],
    'a size beyond memory'             => [ say   => "VA 99999999999999 f1 c1 t-1\r\nabc\r\n" ],
    'a block without its end'          => [ say   => "VA 3 f1 c1 t-1\r\nabcdef\r\n" ],
    'an answer to more than was asked' => [ and   => "HD\r\nEN\r\n" ],
);

# An extra answer comes after the right one: either is right, the right one at
# once, or an error; but the bytes left over must not be taken for an answer.
my %may_work = ( 'an answer to more than was asked' => 1 );

for my $name ( sort keys %faults ) {
    my $fault = $faults{$name};

    subtest "$name: reading" => sub {
        my $id    = create( $direct, secret => 'mine' );
        my $other = create( $direct, secret => 'other' );
        my ( $arguments, $server ) = behind( ( [$fault] ) x 3 );
        my $read;
        my $took = elapsed { $read = contents( $arguments, $id ) };
        if ( $may_work{$name} && $read ) {
            is $read->{secret}, 'mine', 'the right answer';
        }
        else {
            like $@, qr/^memcached \Q${\ $server->address }\E: /, 'dies, naming the server';
        }
        cmp_ok $took, '<', 3 * $IO_TIMEOUT + 0.5, 'within the deadline';

        # Two more connections may run into the script.
        for ( 1 .. 4 ) {
            $read = eval { contents( $arguments, $other ) };
            next if !$read;
            is $read->{secret}, 'other', 'the next answer is the right one';
        }
        ok $read, 'there is one' or diag $@;
    };

    subtest "$name: writing" => sub {
        my $id = create( $direct, a => 'before', text => 'x' x 100 );
        my ( $arguments, $server ) = behind( ( [ 'pass', $fault ] ) x 3 );
        tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        $session{a} = 'after';
        my $saved;
        my $took  = elapsed { tied(%session)->save; $saved = 1 };
        my $error = $@;
        cmp_ok $took, '<', 4 * $IO_TIMEOUT + 0.5, 'within the deadline';
        like $error, qr/^memcached \Q${\ $server->address }\E: /, 'dies, naming the server'
          if !$saved;
        error_of { untie %session };

        my $stored = contents( $direct, $id );
        is length $stored->{text}, 100, 'what is stored is whole';
        like $stored->{a}, $saved ? qr/\Aafter\z/ : qr/\A(?:before|after)\z/,
          $saved ? 'what was acknowledged is there' : 'one or the other';
    };

    subtest "$name: a new session" => sub {
        my ( $arguments, $server ) = behind( [$fault] );
        my $id;
        my $took = elapsed { $id = create( $arguments, a => 1 ) };
        cmp_ok $took, '<', 4 * $IO_TIMEOUT + 0.5, 'within the deadline';
        if ($id) {
            is contents( $direct, $id )->{a}, 1, 'it is there';
        }
        else {
            like $@, qr/^memcached \Q${\ $server->address }\E: /, 'dies, naming the server';
        }
        ok eval { create( $arguments, a => 2 ) }, 'the next one works' or diag $@;
    };

    subtest "$name: deleting" => sub {
        my $id = create( $direct, a => 1 );
        my ( $arguments, $server ) = behind( [ 'pass', $fault ] );
        tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        my $deleted;
        my $took  = elapsed { tied(%session)->delete; $deleted = 1 };
        my $error = $@;
        error_of { untie %session };
        cmp_ok $took, '<', 4 * $IO_TIMEOUT + 0.5, 'within the deadline';

        if ($deleted) {
            is_deeply contents( $direct, $id ), {}, 'it is gone';
        }
        else {
            like $error, qr/^memcached \Q${\ $server->address }\E: /,
              'dies, naming the server';
        }
    };
}

subtest 'a kept connection that was closed meanwhile is opened again' => sub {
    my $id = create( $direct, a => 1 );
    my ( $reading, $first ) = behind( ( ['last'] ) x 5 );
    is contents( $reading, $id )->{a}, 1, 'reads' for 1 .. 5;

    my ( $writing, $second ) = behind( ['last'], ['last'] );
    contents( $writing, $id );
    change( $writing, $id, sub { $_[0]{a} = 2 } );
    is contents( $direct, $id )->{a}, 2, 'writes';

    my ( $making, $third ) = behind( ['last'] );
    contents( $making, $id );
    is contents( $direct, create( $making, a => 3 ) )->{a}, 3, 'makes';

    my ( $deleting, $fourth ) = behind( ['last'] );
    tie my %session, 'Apache::Session::Memorycached', $id, $deleting;
    tied(%session)->delete;
    untie %session;
    is_deeply contents( $direct, $id ), {}, 'deletes';
};

subtest 'an answer that got lost: the write is not done twice' => sub {
    my $id = create( $direct, a => 1 );
    my ( $arguments, $server ) = behind( [ 'pass', [ cut => 0 ] ] );
    tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
    $session{a} = 2;
    error_of { tied(%session)->save };
    error_of { untie %session };
    my $stored = contents( $direct, $id );
    is $stored->{a}, 2, 'it arrived';
    my @writes = grep { /^ms /m } $server->requests;
    cmp_ok scalar @writes, '<=', 1, 'and was sent once';
};

subtest 'a server that speaks no meta commands' => sub {
    my @answer    = ( [ say => "ERROR\r\n" x 3 ] ) x 9;
    my $server    = Fixture::Scripted->start( script => [ ( \@answer ) x 9 ], unproven => 1 );
    my $arguments = { servers => [ $server->address ] };
    for my $id ( undef, 'ab' x 16 ) {
        ok !eval { tie my %session, 'Apache::Session::Memorycached', $id, $arguments; 1 },
          'dies';
        like $@, qr/^memcached \Q${\ $server->address }\E: .*meta commands/, 'and says so';
    }
};

subtest 'paused: the deadline holds, and the late answer is not read by the next' => sub {
    my $id        = create( $direct, secret => 'mine' );
    my $other     = create( $direct, secret => 'other' );
    my $arguments = { %$direct, io_timeout => $IO_TIMEOUT };
    contents( $arguments, $id );
    $memcached->pause;
    my $took = elapsed { contents( $arguments, $id ) };
    like $@, qr/^memcached \Q${\ $memcached->address }\E: /, 'dies, naming the server';
    cmp_ok $took, '>', 0.9 * $IO_TIMEOUT,     'not before the deadline';
    cmp_ok $took, '<', 2 * $IO_TIMEOUT + 0.5, 'soon after it';
    $memcached->resume;
    is eval { contents( $arguments, $other )->{secret} }, 'other', 'the right answer'
      or diag $@;
};

done_testing;
