# The parts serve Apache::Session::Flex with any serializer. What Storable wrote
# is a session to every client (flag 1); what another one wrote is marked with
# flag 32, so nobody takes it for one.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Apache::Session::Flex;
use JSON::PP ();
use Fixture::Backends;
use Fixture::Session;

{

    package Apache::Session::Serialize::TestJSON;

    sub serialize {
        my ($session) = @_;
        $session->{serialized} = JSON::PP->new->utf8->encode( $session->{data} );
        return;
    }

    sub unserialize {
        my ($session) = @_;
        $session->{data} = JSON::PP->new->utf8->decode( $session->{serialized} );
        return;
    }
}

my %flags = ( Storable => 1, Base64 => 32, UUEncode => 32, TestJSON => 32 );

on_each_backend {
    my ( $arguments, $server ) = @_;

    for my $serializer ( sort keys %flags ) {
        my $flex = {
            %$arguments,
            Store     => 'Memorycached',
            Lock      => 'Memorycached',
            Generate  => 'Memorycached',
            Serialize => $serializer,
            timeout   => 300,
        };

        subtest $serializer => sub {
            my @warnings = warnings_of {
                tie my %session, 'Apache::Session::Flex', undef, $flex;
                my $id = $session{_session_id};
                like $id, qr/\A[0-9a-f]{32}\z/, 'a new session';
                $session{list} = [ 1, { two => 2 } ];
                $session{text} = 'naive';
                untie %session;

                tie %session, 'Apache::Session::Flex', $id, $flex;
                is_deeply { %session },
                  { _session_id => $id, list => [ 1, { two => 2 } ], text => 'naive' },
                  'read again';
                $session{more} = 1;
                untie %session;

                tie %session, 'Apache::Session::Flex', $id, $flex;
                is $session{more}, 1, 'an update';
                if ($server) {
                    my $item = $server->item($id);
                    is $item->{flags}, $flags{$serializer}, "flag $flags{$serializer}";
                    ok $item->{ttl} > 280 && $item->{ttl} <= 300, 'with an expiry';
                }
                tied(%session)->delete;
                untie %session;

                ok !eval { tie %session, 'Apache::Session::Flex', $id, $flex; 1 },
                  'deleted: tie dies';
                like $@, qr/Object does not exist in the data store/, 'as any store does';
            };
            is_deeply \@warnings, [], 'no warnings';
        };

        subtest "$serializer: an unknown id" => sub {
            ok !eval { tie my %session, 'Apache::Session::Flex', 'ab' x 16, $flex; 1 },
              'dies';
            like $@, qr/Object does not exist in the data store/, 'as any store does';
        };
    }

    my $flex = {
        %$arguments,
        Store    => 'Memorycached',
        Lock     => 'Memorycached',
        Generate => 'Memorycached',
    };

    subtest 'Flex with Storable and the tie class share sessions' => sub {
        my $id = create( $arguments, a => 1 );
        tie my %session, 'Apache::Session::Flex', $id, { %$flex, Serialize => 'Storable' };
        is $session{a}, 1, 'Flex reads';
        $session{b} = 2;
        untie %session;
        is contents( $arguments, $id )->{b}, 2, 'and is read';
    };

    subtest 'two requests under Flex with Storable: both changes survive' => sub {
        my $storable = { %$flex, Serialize => 'Storable' };
        my $id       = create( $arguments, a => 1, b => 1 );
        tie my %first,  'Apache::Session::Flex', $id, $storable;
        tie my %second, 'Apache::Session::Flex', $id, $storable;
        $first{a}  = 'first';
        $second{b} = 'second';
        untie %first;
        untie %second;
        is_deeply contents( $arguments, $id ),
          { _session_id => $id, a => 'first', b => 'second' }, 'merged';
    };

    subtest 'what another serializer wrote is not a session of the tie class' => sub {
        tie my %session, 'Apache::Session::Flex', undef,
          { %$flex, Serialize => 'TestJSON' };
        my $id = $session{_session_id};
        $session{a} = 1;
        untie %session;
        my $read = eval { contents( $arguments, $id ) };
        ok !( $read && keys %$read ), 'not read as one';
        eval {
            warnings_of {
                change( $arguments, $id, sub { $_[0]{b} = 2 } )
            }
        };
        tie %session, 'Apache::Session::Flex', $id, { %$flex, Serialize => 'TestJSON' };
        is_deeply { %session }, { _session_id => $id, a => 1 }, 'nor overwritten';
        untie %session;
    };

    subtest 'the parts with those of Apache::Session' => sub {
        for my $other ( [ Lock => 'Null' ], [ Generate => 'MD5' ] ) {
            my $mixed = { %$flex, Serialize => 'Storable', @$other };
            tie my %session, 'Apache::Session::Flex', undef, $mixed;
            my $id = $session{_session_id};
            $session{a} = 1;
            untie %session;
            is contents( $arguments, $id )->{a}, 1, "$other->[0]: $other->[1]";
        }
    };
};

done_testing;
