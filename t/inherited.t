# The tied object is an Apache::Session with its keys, so inherited methods and
# code that looks inside work (DESIGN §6).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Fixture::Backends;
use Fixture::Session;

on_each_backend {
    my ($arguments) = @_;
    tie my %session, 'Apache::Session::Memorycached', undef, $arguments;
    my $object = tied %session;
    my $id     = $session{_session_id};

    isa_ok $object, 'Apache::Session';
    isa_ok $object, 'HASH', 'and';
    is_deeply $object->{args}, $arguments, 'args';
    is $object->{data}{_session_id}, $id,    'data';
    is ref $object->{$_},            'CODE', $_ for qw(generate validate serialize unserialize);
    isa_ok $object->{object_store}, 'Apache::Session::Store::Memorycached';
    isa_ok $object->{lock_manager}, 'Apache::Session::Lock::Memorycached';

    ok !$object->is_modified, 'not modified';
    $session{a} = 1;
    ok $object->is_modified, 'modified by a store';
    is $object->{data}{a}, 1, 'which data shows';
    $object->save;
    ok !$object->is_modified, 'not after save';
    ok !$object->is_new,      'nor new';
    ok $object->is_synced,    'but synced';
    ok !$object->is_deleted,  'not deleted';

    subtest 'data changed from inside, and declared' => sub {
        $object->{data}{inside} = 'seen';
        is $session{inside}, 'seen', 'the hash shows it';
        $object->make_modified;
        $object->save;
        is contents( $arguments, $id )->{inside}, 'seen', 'and it is stored';
    };

    subtest 'locks are asked for and released by their names' => sub {
        for my $lock (qw(read write)) {
            my ( $acquire, $release, $has ) =
              map { "${_}_${lock}_lock" } qw(acquire release has);
            $object->$acquire;
            ok $object->$has, "has a $lock lock";
            $object->$release;
            ok !$object->$has, 'and has not';
        }
        $object->acquire_write_lock;
        $object->release_all_locks;
        ok !$object->has_write_lock, 'all released';
        $object->release_all_locks;
        pass 'released again';
    };

    subtest 'restore' => sub {
        change( $arguments, $id, sub { $_[0]{other} = 'request' } );
        $object->make_unsynced;
        $object->restore;
        is $session{other}, 'request', 'reads what another request stored';
    };

    subtest 'a class of the application' => sub {
        @My::Session::ISA = ('Apache::Session::Memorycached');
        tie my %mine, 'My::Session', $id, $arguments;
        isa_ok tied %mine, 'My::Session';
        is $mine{a}, 1, 'reads';
        $mine{mine}{deep} = 1;
        untie %mine;
        is_deeply contents( $arguments, $id )->{mine}, { deep => 1 }, 'and writes';
    };

    undef $object;
    untie %session;
};

done_testing;
