# `populate` on an object of another class, as LemonLDAP::NG calls it: that class
# is a pure-Perl Apache::Session, so the tie class's own TIEHASH, save and
# DESTROY never run, and Store and Lock do the whole job.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Digest::MD5 qw(md5_hex);
use Fixture::Backends;
use Fixture::Session;

{

    package My::Portal::Session;
    our @ISA = ('Apache::Session');

    # Calls the populate of the backend that it was told, then puts ids of its
    # own in the place of the backend's, when told to.
    sub populate {
        my ($self) = @_;
        my $backend = $self->{args}{backend};
        eval "require $backend" or die $@;
        die "$backend can't populate" if !$backend->can('populate');
        $self = $self->${ \"${backend}::populate" };
        if ( my $id = $self->{args}{setId} ) {
            $self->{generate} = sub { $_[0]{data}{_session_id} = $id };
            $self->{validate} = sub { 1 };
        }
        return $self;
    }
}

sub foreign {
    my ( $arguments, $id, $block ) = @_;
    tie my %session, 'My::Portal::Session', $id,
      { %$arguments, backend => 'Apache::Session::Memorycached' };
    $block->( \%session ) if $block;
    my $copy = {%session};
    untie %session;
    return $copy;
}

on_each_backend {
    my ( $arguments, $server ) = @_;

    subtest 'create, update, delete' => sub {
        my $id = foreign( $arguments, undef, sub { $_[0]{a} = { b => 1 } } )->{_session_id};
        like $id, qr/\A[0-9a-f]{32}\z/, 'a new id';
        is_deeply foreign( $arguments, $id ), { _session_id => $id, a => { b => 1 } },
          'read';
        foreign( $arguments, $id, sub { $_[0]{c} = 2; delete $_[0]{a} } );
        is_deeply foreign( $arguments, $id ), { _session_id => $id, c => 2 }, 'updated';
        is_deeply contents( $arguments, $id ), { _session_id => $id, c => 2 },
          'the tie class reads it';
        is $server->item($id)->{flags}, 1, 'flag 1' if $server;
        foreign( $arguments, $id, sub { tied( %{ $_[0] } )->delete } );
        ok !eval { foreign( $arguments, $id ); 1 }, 'deleted';
    };

    subtest 'an unknown id dies' => sub {
        ok !eval { foreign( $arguments, 'ab' x 16 ); 1 }, 'dies';
        like $@, qr/Object does not exist|Invalid session ID/,
          'as creating a session under a given id depends on';
        ok !eval { foreign( $arguments, 'no id' ); 1 }, 'dies';
        like $@, qr/Object does not exist|Invalid session ID/, 'the same';
        my $read = eval { foreign( { %$arguments, missing => 'empty' }, 'ab' x 16 ) };
        ok $read && !$read->{a}, "but for missing => 'empty'" or diag $@;
    };

    subtest 'ids of the framework' => sub {
        for my $id ( 'f' x 64, 'my-own_id' ) {
            my $mine = { %$arguments, setId => $id };
            is foreign( $mine, undef, sub { $_[0]{a} = 1 } )->{_session_id}, $id, $id;
            is_deeply foreign( $mine, $id ), { _session_id => $id, a => 1 }, 'is read';
        }
    };

    subtest 'a given id that is taken' => sub {
        my $mine = { %$arguments, setId => 'cafe' x 8 };
        foreign( $mine, undef, sub { $_[0]{a} = 1 } );
        ok !eval {
            foreign( $mine, undef, sub { $_[0]{a} = 2 } );
            1;
        }, 'dies';
        like $@, qr/Object already exists in the data store/, 'as any store does';
        is foreign( $mine, 'cafe' x 8 )->{a}, 1, 'and is not overwritten';
    };

    subtest 'a deleted id can be used again' => sub {
        my $mine = { %$arguments, setId => 'beef' x 8 };
        foreign( $mine, undef,      sub { $_[0]{a} = 1 } );
        foreign( $mine, 'beef' x 8, sub { tied( %{ $_[0] } )->delete } );
        foreign( $mine, undef,      sub { $_[0]{a} = 2 } );
        is foreign( $mine, 'beef' x 8 )->{a}, 2, 'created anew';
    };

    subtest 'arguments of the backend' => sub {
        my $full = { %$arguments, principal => 'uid', ttl => 300, updateOnly => 1 };
        my $id   = foreign( $full, undef )->{_session_id};
        ok !eval { foreign( $full, $id ); 1 }, 'updateOnly: not stored when new';
        $id = foreign( $full, undef, sub { $_[0]{uid} = 'dwho' } )->{_session_id};
        is foreign( $full, $id )->{uid_MD5}, md5_hex('dwho'), 'principal';
        if ($server) {
            is $server->item( md5_hex 'dwho' )->{value}, $id, 'its record';
            my $ttl = $server->item($id)->{ttl};
            ok $ttl > 280 && $ttl <= 300, 'ttl';
        }
    };

    subtest 'two requests: both changes survive' => sub {
        my $id = foreign( $arguments, undef, sub { $_[0]{a} = $_[0]{b} = 1 } )->{_session_id};
        foreign(
            $arguments,
            $id,
            sub {
                $_[0]{a} = 'ours';
                foreign( $arguments, $id, sub { $_[0]{b} = 'theirs' } );
            }
        );
        my $stored = foreign( $arguments, $id );
        is_deeply [ @$stored{qw(a b)} ], [ 'ours', 'theirs' ], 'merged';
    };

    subtest 'logout while a request is under way' => sub {
        my $id = foreign( $arguments, undef, sub { $_[0]{a} = 1 } )->{_session_id};
        warnings_of {
            foreign(
                $arguments,
                $id,
                sub {
                    $_[0]{a} = 2;
                    foreign( $arguments, $id, sub { tied( %{ $_[0] } )->delete } );
                }
            );
        };
        ok !eval { foreign( $arguments, $id ); 1 }, 'stays logged out';
    };

    subtest 'serialized is set, for frameworks that keep it' => sub {
        foreign(
            $arguments,
            undef,
            sub {
                my $object = tied %{ $_[0] };
                $_[0]{a} = 1;
                $object->save;
                ok length $object->{serialized}, 'after save';
            }
        );
    };

    subtest 'locks' => sub {
        foreign(
            $arguments,
            undef,
            sub {
                my $lock   = tied( %{ $_[0] } )->{lock_manager};
                my $object = tied %{ $_[0] };
                ok eval {
                    $lock->$_($object) for qw(acquire_read_lock acquire_write_lock
                      release_write_lock release_all_locks release_all_locks);
                    1;
                }, 'their calls are understood, also with nothing held' or diag $@;
            }
        );
    };
};

done_testing;
