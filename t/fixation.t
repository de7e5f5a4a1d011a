# An id that a client made up is never adopted: whoever ties it gets an empty
# session, and storing into that carps and creates nothing, so an attacker can't
# plant an id for someone else to sign in under (DESIGN §5).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Fixture::Backends;
use Fixture::Session;

my $planted = 'deadbeef' x 4;

on_each_backend {
    my ( $arguments, $server ) = @_;

    subtest 'an unknown id is an empty session' => sub {
        my @warnings = warnings_of {
            tie my %session, 'Apache::Session::Memorycached', $planted, $arguments;
            is scalar( keys %session ), 0,     'no keys';
            is $session{_session_id},   undef, 'not even its id';
            ok !%session, 'false';
            untie %session;
        };
        is_deeply \@warnings, [], 'looking at it is no fault';
    };

    subtest 'storing into it' => sub {
        my %ways = (
            'a key'  => sub { $_[0]{a}           = 1 },
            'a list' => sub { %{ $_[0] }         = ( a => 1 ) },
            'its id' => sub { $_[0]{_session_id} = $planted },
            'below'  => sub { $_[0]{a}{b}{c}     = 1 },
        );
        for my $way ( sort keys %ways ) {
            my @warnings = warnings_of {
                tie my %session, 'Apache::Session::Memorycached', $planted, $arguments;
                ok eval { $ways{$way}->( \%session ); 1 }, "$way: lives" or diag $@;
                untie %session;
            };
            ok @warnings, "$way: carps";
            like $warnings[0], qr/ at \Q$0\E line \d+/, "at the caller's line";
            is_deeply contents( $arguments, $planted ), {}, 'creates nothing';
            is $server->stats->{curr_items}, 0, 'under no key' if $server;
        }
    };

    subtest "missing => 'die'" => sub {
        my $strict = { %$arguments, missing => 'die' };
        ok !eval { contents( $strict, $planted ); 1 }, 'an unknown id dies';
        like $@, qr/^Object does not exist in the data store/,
          'with the text of Apache::Session';
        my $id = create( $strict, a => 1 );
        is contents( $strict, $id )->{a}, 1, 'a known one does not';
    };

    subtest 'ids that are none' => sub {
        my @none = (
            'not hex',   '../../etc/passwd', "dead\0beef", "a b",
            'deadbeef;', "\x{263a}",         'x' x 32
        );
        for my $id (@none) {
            ok !eval { contents( $arguments, $id ); 1 }, 'refused';
            like $@, qr/^Invalid session ID: /, 'with the text of Apache::Session';
        }
    };

    subtest 'an id is all hexadecimal digits, of any length and case' => sub {
        for my $id ( 'a', 'ABCDEF', 'f' x 64, 'f' x 200 ) {
            is_deeply eval { contents( $arguments, $id ) }, {}, 'unknown, but an id'
              or diag $@;
        }
        ok !eval { contents( $arguments, 'f' x 251 ); 1 },
          'but for one that no memcached takes as a key';
    };

    subtest 'no id makes a new session' => sub {
        for my $none ( undef, '', 0 ) {
            tie my %session, 'Apache::Session::Memorycached', $none, $arguments;
            like $session{_session_id}, qr/\A[0-9a-f]{32}\z/, 'a new id';
        }
    };
};

done_testing;
