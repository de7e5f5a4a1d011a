# A server that is not there, goes away, or comes back empty: an error that names
# it, soon; a session in flight is written anew; nothing is silent (DESIGN §8).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Fixture::Needs 'memcached';
use Test::More;

use Fixture::Memcached;
use Fixture::Port qw(free_port);
use Fixture::Session;
use Fixture::Wait;

subtest 'not there at tie' => sub {
    my $address   = '127.0.0.1:' . free_port();
    my $arguments = { servers => [$address] };
    for my $id ( undef, 'ab' x 16 ) {
        my $took = elapsed {
            tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        };
        like $@, qr/^memcached \Q$address\E: .*refused.* at \Q$0\E line \d+/i,
          'dies, naming it';
        cmp_ok $took, '<', 1, 'soon';
    }
};

subtest 'goes away between tie and save' => sub {
    my $server    = Fixture::Memcached->start;
    my $arguments = { servers => [ $server->address ] };
    my $id        = create($arguments);
    my @warnings  = warnings_of {
        tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        $session{a} = 1;
        $server->crash;
        for my $way ( sub { tied(%session)->save }, sub { untie %session } ) {
            ok !eval { $way->(); 1 }, 'save and untie die';
            like $@, qr/^memcached \Q${\ $server->address }\E: /, 'naming it';
        }
    };

    subtest 'scope exit' => sub {
        $server->restart;
        $id       = create($arguments);
        @warnings = warnings_of {
            tie my %scoped, 'Apache::Session::Memorycached', $id, $arguments;
            $scoped{a} = 1;
            $server->crash;
        };
        is @warnings, 1, 'warns once';
        like $warnings[0], qr/\b$id\b/,                                'with the id of the session';
        like $warnings[0], qr/memcached \Q${\ $server->address }\E: /, 'and the server';
    };

    subtest 'nothing to save' => sub {
        $server->restart;
        $id       = create( $arguments, a => 1 );
        @warnings = warnings_of {
            tie my %quiet, 'Apache::Session::Memorycached', $id, $arguments;
            my $a = $quiet{a};
            $server->crash;
        };
        is_deeply \@warnings, [], 'is no fault';
    };
};

subtest 'saved after it came back' => sub {
    my $server    = Fixture::Memcached->start;
    my $arguments = { servers => [ $server->address ], timeout => 300 };
    my $id        = create( $arguments, a => 1 );
    tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
    $session{b} = 2;
    $server->crash;
    eval { tied(%session)->save };
    $server->restart;
    ok eval { tied(%session)->save; 1 }, 'the second try succeeds' or diag $@;
    untie %session;
    is_deeply contents( $arguments, $id ), { _session_id => $id, a => 1, b => 2 },
      'and writes the whole session';
};

subtest 'restarted, empty' => sub {
    my $server    = Fixture::Memcached->start;
    my $arguments = { servers => [ $server->address ], timeout => 300 };
    my $id        = create( $arguments, a => 1 );
    $server->restart;
    is_deeply eval { contents( $arguments, $id ) }, {}, 'a session is missing, without an error'
      or diag $@;

    $id = create( $arguments, a => 1, b => 2 );
    tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
    $session{a} = 'changed';
    $server->restart;
    ok eval { tied(%session)->save; 1 }, 'a session in flight is saved' or diag $@;
    untie %session;
    is_deeply contents( $arguments, $id ), { _session_id => $id, a => 'changed', b => 2 },
      'whole';
    cmp_ok $server->item($id)->{ttl}, '>', 280, 'with its expiry';
};

subtest 'flushed' => sub {
    my $server    = Fixture::Memcached->start;
    my $arguments = { servers => [ $server->address ] };
    my $id        = create( $arguments, a => 1 );
    tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
    $session{b} = 2;
    $server->flush;
    untie %session;
    is_deeply contents( $arguments, $id ), { _session_id => $id, a => 1, b => 2 },
      'a session in flight is written anew';
};

subtest "on_error => 'warn'" => sub {
    my $address   = '127.0.0.1:' . free_port();
    my $arguments = { servers => [$address], on_error => 'warn' };
    my %session;
    for my $id ( undef, 'ab' x 16 ) {
        my @warnings = warnings_of {
            ok eval { tie %session, 'Apache::Session::Memorycached', $id, $arguments; 1 },
              'tie goes on'
              or diag $@;
        };
        ok @warnings, 'but says so';
        like $warnings[0], qr/memcached \Q$address\E: /, 'naming the server';
        is scalar( grep { $_ ne '_session_id' } keys %session ), 0, 'it is empty';
        @warnings = warnings_of {
            ok eval { $session{a} = 1; untie %session; 1 }, 'saving goes on' or diag $@;
        };
        ok @warnings, 'and says so';
    }
};

subtest 'one of several' => sub {
    my @servers   = map { Fixture::Memcached->start } 1 .. 2;
    my $arguments = { servers => [ map { $_->address } @servers ] };
    my @ids       = map  { create( $arguments, n => $_ ) } 1 .. 40;
    my @kept      = grep { $servers[0]->item($_) } @ids;
    my @lost      = grep { $servers[1]->item($_) } @ids;
    $servers[1]->crash;
    my $took = elapsed {
        my $read = grep { contents( $arguments, $_ )->{n} } @kept;
        is $read, scalar @kept, 'sessions on the other one are read';
        is_deeply contents( $arguments, $_ ), {}, 'one on the dead one is missing' for @lost;
        my @new = map { create( $arguments, n => $_ ) } 1 .. 20;
        is scalar( grep { $servers[0]->item($_) } @new ), 20, 'new ones go to the other one';
    };
    cmp_ok $took, '<', 2, 'and a dead server does not slow each request';
};

done_testing;
