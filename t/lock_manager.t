# Apache::Session::Lock::Memorycached on its own: with the stores of others, with
# hashes that are no sessions, and under mod_perl.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Apache::Session::Flex;
use Apache::Session::Lock::Memorycached;
use File::Temp ();
use Fixture::Backends;
use Fixture::Child;
use Fixture::Session;

sub manager { return Apache::Session::Lock::Memorycached->new(@_) }

on_each_backend {
    my ($arguments) = @_;
    my $locking = { %$arguments, Transaction => 1, lock_timeout => 10 };

    my $is_locked = sub {
        my ($id) = @_;
        return in_fork {
            my $session = { args => { %$arguments, lock_timeout => 0 }, data => { _session_id => $id } };
            error_of { manager()->acquire_write_lock($session) } =~ /^session $id: is locked by process / ? 1 : 0
        }
        ->finish;
    };

    subtest 'a plain hash' => sub {
        my $id      = 'ab' x 16;
        my $session = { args => $arguments, data => { _session_id => $id } };
        my $lock    = manager($session);
        ok $lock->$_($session), "$_ with nothing held"
          for qw(release_read_lock release_write_lock release_all_locks clean);
        ok $lock->acquire_read_lock($session),                                         'a read lock';
        ok !$is_locked->($id),                                                         'is none';
        ok $lock->acquire_write_lock($session) && $lock->acquire_write_lock($session), 'a write lock, twice';
        ok $is_locked->($id),                                                          'is one';
        ok $lock->release_read_lock($session)  && $is_locked->($id),  'release_read_lock keeps it';
        ok $lock->release_write_lock($session) && !$is_locked->($id), 'release_write_lock gives it back';
        $lock->acquire_write_lock($session);
        ok $lock->release_all_locks($session) && !$is_locked->($id), 'so does release_all_locks';
        $lock->acquire_write_lock($session);
        like error_of { $lock->acquire_write_lock( { %$session, data => { _session_id => 'cd' x 16 } } ) },
          qr/^session \w+: another session is locked by this lock manager/, 'one at a time';
        undef $lock;
        ok !$is_locked->($id), 'the end of the manager gives it back';
        like error_of { manager()->acquire_write_lock( { args => $arguments, data => {} } ) },
          qr/the session has no _session_id/, 'without an id: an error';
    };

    subtest 'methods of the tied object' => sub {
        my $id = create( $arguments, a => 1 );
        tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        ok !$is_locked->($id), 'without Transaction there is no lock';
        tied(%session)->acquire_write_lock;
        ok $is_locked->($id), 'until it is asked for';
        change( $arguments, $id, sub { $_[0]{b} = 1 } );
        $session{a} = 2;
        untie %session;
        ok !$is_locked->($id), 'and untie gives it back';
        is_deeply contents( $arguments, $id ), { _session_id => $id, a => 2, b => 1 }, 'saving merges';
    };

    for my $store (qw(Memorycached File)) {
        subtest "Flex with the store $store" => sub {
            my $dir  = File::Temp->newdir;
            my $flex = {
                %$locking,
                Store     => $store,
                Directory => "$dir",
                Lock      => 'Memorycached',
                Generate  => 'Memorycached',
                Serialize => 'Storable',
            };
            tie my %session, 'Apache::Session::Flex', undef, $flex;
            my $id = $session{_session_id};
            ok $is_locked->($id), 'a new session is locked';
            $session{n} = 0;
            untie %session;
            ok !$is_locked->($id), 'until untie';
            my @children = map {
                in_fork {
                    for ( 1 .. 10 ) {
                        tie my %session, 'Apache::Session::Flex', $id, $flex;
                        $session{n}++;
                        untie %session;
                    }
                }
            } 1 .. 4;
            $_->finish for @children;
            tie %session, 'Apache::Session::Flex', $id, $flex;
            is $session{n}, 40, 'no increment is lost';
            tied(%session)->delete;
            untie %session;
            ok !$is_locked->($id), 'a deleted one is not locked';
            like error_of { tie %session, 'Apache::Session::Flex', $id, $flex }, qr/does not exist/i, 'nor there';
            ok !$is_locked->($id), 'tie that dies leaves no lock';
        };
    }

    subtest 'a save without the lock, under Flex' => sub {
        my $id   = create( $arguments, a => 1 );
        my $flex = {
            %$locking,
            Store     => 'Memorycached',
            Lock      => 'Memorycached',
            Generate  => 'Memorycached',
            Serialize => 'Storable',
        };
        tie my %session, 'Apache::Session::Flex', $id, $flex;
        $session{a} = 2;
        change( $arguments, $id, sub { $_[0]{b} = 1 } );
        like error_of { tied(%session)->save }, qr/^session $id: another request saved it without its lock/,
          'is an error';
        warnings_of { untie %session };
        ok !$is_locked->($id), 'and leaves no lock';
    };

    subtest 'with the lock manager of somebody else' => sub {
        my $id   = create( $arguments, a => 1 );
        my $flex = {
            %$locking,
            Store     => 'Memorycached',
            Lock      => 'Null',
            Generate  => 'Memorycached',
            Serialize => 'Storable',
        };
        tie my %session, 'Apache::Session::Flex', $id, $flex;
        ok !$is_locked->($id), 'nothing is locked here';
        $session{a} = 2;
        change( $arguments, $id, sub { $_[0]{b} = 1 } );
        untie %session;
        is_deeply contents( $arguments, $id ), { _session_id => $id, a => 2, b => 1 }, 'and saving merges';
    };

    subtest 'the end of a request under mod_perl' => sub {
        my $id   = create( $arguments, a => 1 );
        my $said = in_perl( <<'END', $arguments->{servers}[0], $id )->finish;
            package Apache2::RequestUtil;
            my %notes;
            sub request { return bless {} }
            sub pnotes { return \%notes }

            package main;
            BEGIN { $ENV{MOD_PERL} = 'mod_perl/2.0'; $INC{'Apache2/RequestUtil.pm'} = 'here' }
            use Apache::Session::Memorycached;
            my ( $server, $id ) = @ARGV;
            my $arguments = { servers => [$server], Transaction => 1, lock_timeout => 0 };
            our %session;
            for my $request ( 1 .. 3 ) {
                tie %session, 'Apache::Session::Memorycached', $id, $arguments;
                $session{a}++;
                %notes = ();
            }
            for my $request ( 1 .. 3 ) {
                tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
                $session{a}++;
            }
            %notes = ();
            print 'done';
END
        is $said,                            'done', 'frees the lock of a session in a package variable';
        is contents( $arguments, $id )->{a}, 7,      'and saves it';
        ok !$is_locked->($id), 'nothing is left';
    };
};

done_testing;
