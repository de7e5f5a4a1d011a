# `updateOnly`: a new session costs nothing until something is stored in it.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs 'memcached';
use Test::More;

use Fixture::Memcached;
use Fixture::Session;

my $server    = Fixture::Memcached->start;
my $plain     = { servers             => [ $server->address ] };
my $arguments = { %$plain, updateOnly => 1 };

subtest 'with it' => sub {
    tie my %session, 'Apache::Session::Memorycached', undef, $arguments;
    my $id = $session{_session_id};
    like $id, qr/\A[0-9a-f]{32}\z/, 'there is an id';
    is $server->item($id), undef, 'and nothing stored';
    $session{a} = { deep => 1 };
    tied(%session)->save;
    ok $server->item($id), 'stored at the first update';
    untie %session;
    is_deeply contents( $arguments, $id ), { _session_id => $id, a => { deep => 1 } },
      'and read';
    change( $arguments, $id, sub { $_[0]{a}{deep} = 2 } );
    is contents( $arguments, $id )->{a}{deep}, 2, 'and changed';
};

subtest 'with it, and never updated' => sub {
    tie my %session, 'Apache::Session::Memorycached', undef, $arguments;
    my $id = $session{_session_id};
    untie %session;
    is $server->item($id), undef, 'nothing is stored';
};

subtest 'with it, and deleted before it was stored' => sub {
    tie my %session, 'Apache::Session::Memorycached', undef, $arguments;
    my $id = $session{_session_id};
    tied(%session)->delete;
    my @warnings = warnings_of {
        $session{late} = 1;
        untie %session;
    };
    is_deeply contents( $arguments, $id ), {}, 'nothing is stored';
    ok @warnings, 'what came after is told to be lost';
};

subtest 'without it' => sub {
    tie my %session, 'Apache::Session::Memorycached', undef, $plain;
    ok $server->item( $session{_session_id} ), 'a new session is stored at tie';
};

done_testing;
