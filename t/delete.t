# A deleted session leaves a tombstone: a frozen empty hash, which other clients
# read as "no such session", under flag 16, so that a request that was under way
# can't bring a logged-out session back (DESIGN §5).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Storable ();
use Fixture::Backends;
use Fixture::Needs ();
use Fixture::Session;

sub remove {
    my ( $arguments, $id ) = @_;
    tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
    tied(%session)->delete;
    untie %session;
    return;
}

on_each_backend {
    my ( $arguments, $server ) = @_;

    subtest 'deleted' => sub {
        my $id = create( $arguments, a => 1 );
        remove( $arguments, $id );
        is_deeply contents( $arguments, $id ), {}, 'it is missing';
        is_deeply [ warnings_of { remove( $arguments, $id ) } ], [],
          'it can be deleted again';
    };

    subtest 'the tombstone on the wire' => sub {
        plan skip_all => 'on memcached' if !$server;
        my $id = create( $arguments, a => 1 );
        remove( $arguments, $id );
        my $item = $server->item($id);
        is $item->{flags}, 17, 'flags 1 and 16';
        is_deeply Storable::thaw( $item->{value} ), {}, 'an empty hash';
        ok $item->{ttl} > 290 && $item->{ttl} <= 300, 'for 300 s';
        if ( Fixture::Needs::has('Cache::Memcached') ) {
            my $client = Cache::Memcached->new( { servers => [ $server->address ] } );
            is_deeply $client->get($id), {}, 'Cache::Memcached reads it so';
        }
    };

    subtest 'a request that was under way' => sub {
        for my $late ( 'changes a key', 'changes below', 'clears' ) {
            my $id = create( $arguments, a => { b => 1 } );
            tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
            my $read = $session{a}{b};
            remove( $arguments, $id );
            my @warnings = warnings_of {
                $session{c}    = 1          if $late eq 'changes a key';
                $session{a}{b} = 2          if $late eq 'changes below';
                %session       = ( c => 1 ) if $late eq 'clears';
                tied(%session)->save;
                untie %session;
            };
            is_deeply contents( $arguments, $id ), {}, "$late: does not bring it back";
            is @warnings, 1, 'it is told so, once';
            like $warnings[0], qr/\b$id\b/, 'with the id';
        }
    };

    subtest 'the request that deleted it' => sub {
        my $id = create( $arguments, a => 1 );
        tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        tied(%session)->delete;
        warnings_of {
            $session{late} = 1;
            untie %session;
        };
        is_deeply contents( $arguments, $id ), {}, 'does not bring it back, either';
    };

    subtest 'changes made before delete are of no interest' => sub {
        my $id = create( $arguments, a => 1 );
        tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        $session{a} = 2;
        my @warnings = warnings_of {
            tied(%session)->delete;
            untie %session;
        };
        is_deeply \@warnings, [], 'no warnings';
        is_deeply contents( $arguments, $id ), {}, 'gone';
    };

    subtest 'a new session can be deleted' => sub {
        tie my %session, 'Apache::Session::Memorycached', undef, $arguments;
        my $id = $session{_session_id};
        $session{a} = 1;
        tied(%session)->delete;
        untie %session;
        is_deeply contents( $arguments, $id ), {}, 'gone';
    };

    subtest 'an unknown id' => sub {
        my $id = '0' x 31 . '1';
        is_deeply [ warnings_of { remove( $arguments, $id ) } ], [], 'no warnings';
        is_deeply contents( $arguments, $id ), {}, 'still unknown';
    };
};

done_testing;
