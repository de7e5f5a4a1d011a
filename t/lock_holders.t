# Whatever becomes of the holder of a lock, nobody else is harmed: it is killed,
# stopped, or waits for a lock itself (DESIGN §5, §6).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Test::More;

use POSIX ();
use Fixture::Backends;
use Fixture::Child;
use Fixture::Session;
use Fixture::Wait;

# A child that has locked a session and waits to be told to go on.
sub holder (&) {
    my ($block) = @_;
    pipe my $ready, my $is_ready or die "pipe: $!";
    pipe my $go_on, my $tell     or die "pipe: $!";
    my $child = in_fork {
        close $_ for $ready, $tell;
        my $wait = sub { syswrite $is_ready, '.'; sysread $go_on, my $word, 1 };
        $block->($wait);
    };
    close $_ for $is_ready, $go_on;
    sysread $ready, my $word, 1 or die 'the child has not locked the session: ' . eval { $child->finish } // $@;
    return ( $child, sub { syswrite $tell, '.' } );
}

on_each_backend {
    my ($arguments) = @_;
    my $locking = { %$arguments, Transaction => 1 };

    subtest 'killed with -9' => sub {
        my $id   = create( $arguments, n => 0 );
        my $mode = { %$locking, lock_ttl => 2 };
        my ( $child, $never ) = holder {
            tie my %session, 'Apache::Session::Memorycached', $id, $mode;
            $session{n} = 7;
            $_[0]->();
        };
        kill KILL => $child->pid;
        my $took = elapsed {
            change( $mode, $id, sub { $_[0]{n}++ } )
        };
        is $@, '', 'the next one gets the lock';
        cmp_ok $took, '<', 2.5, 'after lock_ttl at most';
        is contents( $arguments, $id )->{n}, 1, 'what was not saved is not there';
        $took = elapsed {
            change( $mode, $id, sub { $_[0]{n}++ } )
        };
        cmp_ok $took, '<', 2, 'and all is as before';
    };

    subtest 'stopped past lock_ttl' => sub {
        my $id   = create( $arguments, n => 0 );
        my $mode = { %$locking, lock_ttl => 2 };
        my ( $child, $go_on ) = holder {
            tie my %session, 'Apache::Session::Memorycached', $id, $mode;
            $session{n} = 7;
            $_[0]->();
            return error_of { untie %session };
        };
        kill STOP => $child->pid;
        waitpid $child->pid, POSIX::WUNTRACED();
        tie my %session, 'Apache::Session::Memorycached', $id, $mode;
        is $session{n}, 0, 'another one gets the lock';
        $session{n}++;
        $go_on->();
        kill CONT => $child->pid;
        like $child->finish, qr/^session $id: (?:was locked for|another request saved it).*; nothing is saved at /,
          'it can not save';
        like in_fork {
            error_of { contents( { %$locking, lock_timeout => 0 }, $id ) }
        }
        ->finish, qr/is locked by process $$ on /, 'nor give the lock of another back';
        untie %session;
        is contents( $arguments, $id )->{n}, 1, 'the other one has saved';
    };

    subtest 'a wait that is too long' => sub {
        my $id = create( $arguments, n => 0 );
        my ( $child, $go_on ) = holder {
            tie my %session, 'Apache::Session::Memorycached', $id, $locking;
            $_[0]->();
        };
        for my $timeout ( 0, 0.3 ) {
            my $took = elapsed {
                contents( { %$locking, lock_timeout => $timeout }, $id )
            };
            my $pid = $child->pid;
            like $@, qr/^session $id: is locked by process $pid on \S+, for \d s; waited 0\.\d s at /,
              'names the holder, its host and its age';
            cmp_ok $took, '>=', $timeout,       'not before lock_timeout';
            cmp_ok $took, '<',  $timeout + 0.5, 'and soon after';
        }
        my ($warning) = warnings_of {
            like error_of { contents( { %$locking, lock_timeout => 0, on_error => 'warn' }, $id ) },
              qr/is locked/, 'on_error is about servers'
        };
        $go_on->();
        $child->finish;
    };

    subtest 'two that wait for each other' => sub {
        my ( $one,   $two )   = map { create( $arguments, n => 0 ) } 1 .. 2;
        my ( $child, $go_on ) = holder {
            tie my %two, 'Apache::Session::Memorycached', $two, $locking;
            $_[0]->();
            my $error = error_of { contents( { %$locking, lock_timeout => 5 }, $one ) };
            $two{n} = 'child';
            return $error;
        };
        tie my %one, 'Apache::Session::Memorycached', $one, $locking;
        $go_on->();
        my $error = error_of { contents( { %$locking, lock_timeout => 0.5 }, $two ) };
        like $error, qr/^session $two: is locked by process \d+ .*, while this process has locked $one at /,
          'ends in lock_timeout, with both ids';
        $one{n} = 'parent';
        untie %one;
        is $child->finish, '', 'the other one gets on then';
        is contents( $arguments, $one )->{n}, 'parent', 'both save';
        is contents( $arguments, $two )->{n}, 'child',  'what they have locked';
    };

    subtest 'fork in a transaction' => sub {
        my $id = create( $arguments, n => 0 );
        tie my %session, 'Apache::Session::Memorycached', $id, $locking;
        $session{n} = 1;
        my $says = in_fork {
            $session{n} = 'child';
            my $error = error_of { tied(%session)->save };
            my $other = error_of { contents( { %$locking, lock_timeout => 0 }, $id ) };
            tied(%session)->release_all_locks;
            return "$error|$other";
        }
        ->finish;
        like $says, qr/^session $id: is locked by the process that this one was forked from; nothing is saved at /,
          'a child can not save';
        like $says, qr/\|session $id: is locked by process $$ /, 'and waits as anybody does';
        my @warnings = warnings_of {
            my $pid = fork // die "fork: $!";
            if ( !$pid ) {
                Test::More->builder->no_ending(1);
                exit 0;
            }
            waitpid $pid, 0;
            is $?, 0, 'one that ends with the session open ends well';
        };
        like in_fork {
            error_of { contents( { %$locking, lock_timeout => 0 }, $id ) }
        }
        ->finish, qr/is locked by process $$/, 'the lock is still ours';
        untie %session;
        is contents( $arguments, $id )->{n},                               1,  'and we save';
        is error_of { contents( { %$locking, lock_timeout => 0 }, $id ) }, '', 'the lock is free';
    };

    subtest 'a child that ties in turn' => sub {
        my $id = create( $arguments, n => 0 );
        tie my %session, 'Apache::Session::Memorycached', $id, $locking;
        $session{n} = 1;
        my $child = in_fork {
            change( $locking, $id, sub { $_[0]{n} .= ',child' } );
        };
        untie %session;
        $child->finish;
        is contents( $arguments, $id )->{n}, '1,child', 'gets the lock after its parent';
    };
};

done_testing;
