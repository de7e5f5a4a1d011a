# deleteIfLowerThan deletes what it has read and nothing else: a session that
# another request saves meanwhile stays, and one that is deleted stays deleted.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Fixture::Needs 'memcached';
use Test::More;

use POSIX ();
use Fixture::Backends;
use Fixture::Memcached;
use Fixture::Session;

my $class = 'Apache::Session::Memorycached';

on_each_backend {
    my ($arguments) = @_;

    subtest 'a race with requests that save' => sub {
        my $COUNT = 400;
        my @ids   = map { create( $arguments, seen => 1, n => $_ ) } 1 .. $COUNT;

        # Others use half of the sessions, one after the other, for as long as this lasts; what they have renewed is
        # not to be deleted any more.
        my @children;
        pipe my $from, my $to or die $!;
        for my $part ( 0, 1 ) {
            my $pid = fork // die "fork: $!";
            push @children, $pid and next if $pid;
            my @renewed;
            local $SIG{__WARN__} = sub { };
            for my $n ( grep { $_ % 4 == $part } 0 .. $COUNT - 1 ) {
                my $there;
                change(
                    $arguments,
                    $ids[$n],
                    sub {
                        my ($session) = @_;
                        $there = exists $session->{n} or return;
                        $session->{seen} = 1_000;
                    }
                );
                push @renewed, $n if $there && ( contents( $arguments, $ids[$n] )->{seen} // 0 ) == 1_000;
            }
            syswrite $to, join( ',', @renewed ) . "\n";
            POSIX::_exit(0);
        }
        close $to;
        my $deleted = 0;
        for ( 1 .. 20 ) {
            my ( $done, $count ) = $class->deleteIfLowerThan( $arguments, { or => { seen => 100 } } );
            $deleted += $count;
        }
        my @renewed = map { chomp; split /,/ } <$from>;
        waitpid $_, 0 for @children;
        my ( undef, $rest ) = $class->deleteIfLowerThan( $arguments, { or => { seen => 100 } } );
        $deleted += $rest;

        my $left = $class->get_key_from_all_sessions( $arguments, [ 'n', 'seen' ] );
        is_deeply [ grep { !$left->{ $ids[$_] } } @renewed ], [], 'no session that was renewed is deleted';
        is keys(%$left) + $deleted, $COUNT, 'each is there or was deleted, once';
        is_deeply [ grep { $_->{seen} < 100 } values %$left ], [], 'nothing that is too old is left';
        note scalar(@renewed), " renewed, $deleted deleted";
        $class->deleteIfLowerThan( $arguments, { or => { seen => 10_000 } } );
    };

    subtest 'the same in a row' => sub {
        my $mine = { %$arguments, principal => 'uid' };
        my $id   = create( $mine, uid => 'dwho', seen => 1 );
        my %open;
        tie %open, $class, $id, $mine;
        $open{late} = 1;
        is_deeply [ $class->deleteIfLowerThan( $mine, { or => { seen => 2 } } ) ], [ 1, 1 ], 'deleted under a request';
        my @told = warnings_of { tied(%open)->save };
        like $told[0], qr/was deleted by another request/, 'which is told';
        untie %open;
        is_deeply contents( $mine, $id ), {}, 'and does not bring it back';
        is $class->id_for_principal( 'dwho', $mine ), undef, 'nor its record';
        is_deeply [ $class->deleteIfLowerThan( $mine, { or => { seen => 2 } } ) ], [ 1, 0 ], 'once';
    };
};

done_testing;
