# fork with an open session: parent and child both go on, each over connections
# and databases of its own; neither reads an answer meant for the other, and
# what both changed survives (DESIGN §6).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Test::More;

use Fixture::Backends;
use Fixture::Child;
use Fixture::Session;

on_each_backend {
    my ( $arguments, $server ) = @_;

    subtest 'both change it' => sub {
        my $id = create( $arguments, a => 1 );
        tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        $session{before} = 'fork';
        my $child = in_fork {
            $session{child} = $session{a} + 1;
            tied(%session)->save;
            join ',', sort keys %session;
        };
        is $child->finish, '_session_id,a,before,child', 'the child goes on';
        $session{parent} = 1;
        untie %session;
        is_deeply contents( $arguments, $id ),
          { _session_id => $id, a => 1, before => 'fork', child => 2, parent => 1 },
          'both changes are there';
    };

    subtest 'a child that changes nothing' => sub {
        my $id = create( $arguments, a => 1 );
        tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        my $child = in_fork { $session{a} };
        is $child->finish, 1, 'reads';
        $session{a} = 2;
        untie %session;
        is contents( $arguments, $id )->{a}, 2, 'the parent goes on';
    };

    subtest 'a child that unties' => sub {
        my $id = create( $arguments, a => 1 );
        tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        in_fork { $session{a} = 'child'; untie %session }->finish;
        is contents( $arguments, $id )->{a}, 'child', 'has saved';
        $session{b} = 'parent';
        untie %session;
        is_deeply contents( $arguments, $id ),
          { _session_id => $id, a => 'child', b => 'parent' }, 'the parent, too';
    };

    subtest 'a grandchild' => sub {
        my $id = create( $arguments, a => 1 );
        tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        my $child = in_fork {
            $session{child} = 1;
            my $grandchild = in_fork {
                $session{grandchild} = 1;
                tied(%session)->save;
            };
            $grandchild->finish;
            tied(%session)->save;
        };
        $child->finish;
        $session{parent} = 1;
        untie %session;
        is_deeply contents( $arguments, $id ),
          { _session_id => $id, a => 1, child => 1, grandchild => 1, parent => 1 },
          'all three';
    };

    subtest 'parent and children at the same time' => sub {
        my @ids  = map { create( $arguments, owner => $_ ) } 0 .. 4;
        my $work = sub {
            my ($who) = @_;
            for my $round ( 1 .. 200 ) {
                my $at   = ( $who + $round ) % @ids;
                my $read = contents( $arguments, $ids[$at] );
                die "read the session of $read->{owner} for that of $at"
                  if $read->{owner} ne $at || $read->{_session_id} ne $ids[$at];
                change( $arguments, $ids[$who], sub { $_[0]{count}++ } );
            }
        };
        my @children = map {
            my $who = $_;
            in_fork { $work->($who) };
        } 1 .. 4;
        ok eval { $work->(0); 1 }, 'the parent reads its own answers' or diag $@;
        for my $child (@children) {
            ok eval { $child->finish; 1 }, 'so does a child' or diag $@;
        }
        is_deeply [ map { contents( $arguments, $_ )->{count} } @ids ], [ (200) x 5 ],
          'and nothing is lost';
    };

    subtest 'connections' => sub {
        plan skip_all => 'on memcached' if !$server;
        contents( $arguments, 'ab' x 16 );
        my $counted = $server->counted( sub { contents( $arguments, 'ab' x 16 ) for 1 .. 10 } );
        is $counted->{total_connections}, 0, 'one is kept between requests';
        $counted = $server->counted(
            sub {
                in_fork { contents( $arguments, 'ab' x 16 ) for 1 .. 10; '' }->finish;
                contents( $arguments, 'ab' x 16 );
            }
        );
        is $counted->{total_connections}, 1, 'a child opens its own, the parent keeps its';
    };

    subtest 'a child that exits with the session open' => sub {
        my $id = create( $arguments, a => 1 );
        tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        my $pid = fork // die "fork: $!";
        if ( !$pid ) {
            $session{a} = 'child';
            Test::More->builder->no_ending(1);
            exit 0;
        }
        waitpid $pid, 0;
        is $?,                               0,       'exits well';
        is contents( $arguments, $id )->{a}, 'child', 'what it changed is saved';
        $session{b} = 'parent';
        untie %session;
        is contents( $arguments, $id )->{b}, 'parent', 'and the parent goes on';
    };
};

done_testing;
