# A listing while things go wrong: another listing has the turn, the server
# ends in the middle, stops, or says what makes no sense.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Fixture::Needs 'memcached';
use Test::More;

use IO::Socket::IP;
use Fixture::Memcached;
use Fixture::Port qw(free_port);
use Fixture::Scripted;
use Fixture::Session;
use Fixture::Wait;

my $class = 'Apache::Session::Memorycached';

# So much that the system does not keep it for a connection that nobody reads.
sub fill {
    my ($server) = @_;
    my $socket = IO::Socket::IP->new( PeerHost => '127.0.0.1', PeerPort => $server->port ) or die $@;
    for my $n ( 1 .. 40 ) {
        print {$socket} map( { sprintf "ms %s%02d%04d 1 q\r\nx\r\n", 'f' x 200, $n, $_ } 1 .. 1_000 ), "mn\r\n";
        $socket->flush;
        my $answer = <$socket>;
        die "not stored: $answer" if $answer ne "MN\r\n";
    }
    return;
}

sub unread {
    my ($server) = @_;
    my $socket = IO::Socket::IP->new( PeerHost => '127.0.0.1', PeerPort => $server->port ) or die $@;
    syswrite $socket, "lru_crawler metadump hash\r\n";
    my $stuck = 0;
    until_true { $stuck = $server->stats->{lru_crawler_running} ? $stuck + 1 : 0; $stuck > 20 };
    return $socket;
}

subtest 'another listing is under way' => sub {
    my $server    = Fixture::Memcached->start( args => [ '-m', 256 ] );
    my $address   = $server->address;
    my $arguments = { servers => [$address], lock_timeout => 0.3 };
    my $id        = create( $arguments, n => 1 );
    fill($server);
    my $other = unread($server);
    like error_of { $class->searchOn( $arguments, 'n', 1 ) },
      qr/^memcached \Q$address\E: lists its items to somebody else; no turn within 300ms/, 'no turn in time';
    {
        local $SIG{ALRM} = sub { die "alarm\n" };
        alarm 1;
        is error_of { $class->searchOn( { %$arguments, lock_timeout => 60 }, 'n', 1 ) }, "alarm\n",
          'alarm ends the waiting';
        alarm 0;
    }
    is contents( $arguments, $id )->{n}, 1, 'sessions are read meanwhile';

    # The turn comes while we wait for it.
    my $pid = fork // die "fork: $!";
    if ( !$pid ) {
        select undef, undef, undef, 0.3;
        shutdown $other, 2;
        require POSIX;
        POSIX::_exit(0);
    }
    close $other;
    is_deeply [ keys %{ $class->searchOn( { %$arguments, lock_timeout => 60 }, 'n', 1 ) } ], [$id],
      'a turn that comes is taken';
    waitpid $pid, 0;
};

subtest 'the server ends' => sub {
    my $server    = Fixture::Memcached->start;
    my $address   = $server->address;
    my $arguments = { servers => [$address], io_timeout => 2 };
    create( $arguments, n => $_ ) for 1 .. 2_000;
    my $calls = 0;
    like error_of {
        $class->for_each_session( $arguments, ['n'], sub { $server->crash if ++$calls == 100 } );
    }, qr/^memcached \Q$address\E: /, 'in the middle: an error';
    cmp_ok $calls, '>=', 100,   'what was seen was seen';
    cmp_ok $calls, '<',  2_000, 'and the rest was not';
    like error_of { $class->searchOn( $arguments, 'n', 1 ) }, qr/^memcached \Q$address\E: can't connect/,
      'before it begins';
};

subtest 'the server stops' => sub {
    my $server    = Fixture::Memcached->start;
    my $arguments = { servers => [ $server->address ], io_timeout => 0.1 };
    create( $arguments, n => $_ ) for 1 .. 2_000;
    my $calls = 0;
    my $error = error_of {
        $class->for_each_session( $arguments, ['n'], sub { $server->pause if ++$calls == 100 } );
    };
    like $error, qr/^memcached \S+: no answer within 100ms/, 'in the middle';
    like error_of { $class->searchOn( $arguments, 'n', 1 ) }, qr/^memcached \S+: no (?:answer|connection) within/,
      'before it begins';
    $server->resume;
    is keys %{ $class->get_key_from_all_sessions( { %$arguments, io_timeout => 2 }, 'n' ) }, 2_000,
      'all are there when it goes on';
};

# One connection for the list: whether it is busy, the list; then one for values.
subtest 'answers that make no sense' => sub {
    my $real = Fixture::Memcached->start;
    create( { servers => [ $real->address ] }, n => 1 );
    my %cases = (
        'a list that is cut'          => [ [ [ 'pass', [ cut   => 20 ] ] ],          qr/closed the connection/ ],
        'a list that stalls'          => [ [ [ 'pass', [ stall => 20 ] ] ],          qr/no answer within/ ],
        'a server without a list'     => [ [ [ 'pass', [ say   => "ERROR\r\n" ] ] ], qr/can't list its items: ERROR/ ],
        'a list that is switched off' => [
            [ [ 'pass', [ say => "ERROR lru crawler disabled\r\n" ] ] ],
            qr/can't list its items: ERROR lru crawler disabled/
        ],
        'garbage for a list' =>
          [ [ [ 'pass', [ say => "\e[31mHTTP/1.1\r\n" ] ] ], qr/answered out of step: "\\x1b\[31mHTTP/ ],
        'bytes after the list' => [ [ [ 'pass', [ and => "more\r\n" ] ] ], qr/answered out of step: "more/ ],
        'garbage for a value'  =>
          [ [ [], ['pass'], [ [ say => "VA 5 f1 c1 O9999\r\n12345\r\n" ] ] ], qr/answered out of step/ ],
        'a value that is cut' =>
          [ [ [ ('pass') x 2 ], [ [ cut => 10 ] ], [ [ cut => 10 ] ] ], qr/closed the connection/ ],
        'no value' => [ [ [ ('pass') x 2 ], ['silent'] ], qr/no answer within/ ],
    );
    $cases{'garbage for a value'}[0] = [ [ ('pass') x 2 ], [ [ say => "VA 5 f1 c1 O9999\r\n12345\r\n" ] ] ];
    for my $name ( sort keys %cases ) {
        my ( $script, $expected ) = @{ $cases{$name} };
        my $server    = Fixture::Scripted->start( upstream => $real, script => $script );
        my $address   = $server->address;
        my $arguments = { servers => [$address], io_timeout => 0.2, connect_timeout => 5 };
        like error_of { $class->searchOn( $arguments, 'n', 1 ) }, qr/^memcached \Q$address\E: $expected/, $name;
    }

    my $old = Fixture::Scripted->start(
        upstream => $real,
        script   => [ [ 'pass', [ say => "BADCLASS invalid class id\r\n" ] ] ]
    );
    my $found;
    my @told = warnings_of { $found = $class->searchOn( { servers => [ $old->address ] }, 'n', 1 ) };
    is keys %$found, 1, 'an old server is listed by its queues';
    like $told[0], qr/^memcached \S+: is too old to list all that it has; sessions may be missing/, 'with a warning';
};

done_testing;
