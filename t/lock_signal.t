# Signals while a lock is waited for: `alarm` ends the wait at once, and leaves
# neither a lock nor a place in the queue; a handler that returns changes nothing.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use List::Util  qw(min);
use Time::HiRes qw(ualarm setitimer ITIMER_REAL time);
use Fixture::Backends;
use Fixture::Child;
use Fixture::Memcached;
use Fixture::Needs ();
use Fixture::Scripted;
use Fixture::Session;
use Fixture::Wait;

on_each_backend {
    my ( $arguments, $server ) = @_;
    my $locking = { %$arguments, Transaction => 1 };

    # A session that another process has locked, and how to free it.
    my $locked = sub {
        my $id = create( $arguments, n => 0 );
        pipe my $ready, my $is_ready or die "pipe: $!";
        pipe my $go_on, my $tell     or die "pipe: $!";
        my $holder = in_fork {
            close $_ for $ready, $tell;
            tie my %session, 'Apache::Session::Memorycached', $id, $locking;
            syswrite $is_ready, '.';
            sysread $go_on, my $word, 1;
            untie %session;
        };
        close $_ for $is_ready, $go_on;
        sysread $ready, my $word, 1;
        return ( $id, sub { close $tell; $holder->finish } );
    };

    subtest 'a handler that dies' => sub {
        my ( $id, $free ) = $locked->();
        my ( @until_handler, @until_end );
        for my $after ( 0.05, 0.4, 0.73 ) {
            my $fired;
            my $took = elapsed {
                local $SIG{ALRM} = sub { $fired = time; die "alarm\n" };
                ualarm $after * 1e6;
                contents( $locking, $id );
            };
            my $ended = time;
            is $@, "alarm\n", 'ends the wait with its own words';
            push @until_handler, $took - $after;
            push @until_end,     $ended - $fired;
        }
        cmp_ok min(@until_handler), '<', 0.05, 'within 50 ms, unless the machine is busy';
        cmp_ok min(@until_end),     '<', 0.05, 'also after it ran';
        if ($server) {
            my $text = $server->item("$id.lock")->{value};
            is scalar( () = $text =~ /^\+/mg ), scalar( () = $text =~ /^-/mg ), 'nobody is left in the queue';
        }
        $free->();
        my $took = elapsed { contents( $locking, $id ) };
        is $@, '', 'the lock is to be had';
        cmp_ok $took, '<', 2, 'at once';
        note sprintf 'after %.0f ms', $took * 1e3;
    };

    subtest 'a handler that returns' => sub {
        my ( $id, $free ) = $locked->();
        my $count = 0;
        local $SIG{ALRM} = sub { $free->() if ++$count == 5 };
        setitimer( ITIMER_REAL, 0.05, 0.05 );
        my $error = error_of {
            change( $locking, $id, sub { $_[0]{n}++ } )
        };
        setitimer( ITIMER_REAL, 0 );
        is $error, '', 'does not break the wait';
        cmp_ok $count, '>=', 5, 'and ran meanwhile';
        is contents( $arguments, $id )->{n}, 1, 'the work is done';
    };

    subtest 'a handler that locks another session' => sub {
        my ( $id, $free ) = $locked->();
        my $other = create( $arguments, n => 0 );
        local $SIG{ALRM} = sub {
            change( $locking, $other, sub { $_[0]{n}++ } );
            $free->();
        };
        ualarm 50_000;
        my $error = error_of {
            change( $locking, $id, sub { $_[0]{n}++ } )
        };
        is $error, '', 'does not break the wait';
        is contents( $arguments, $_ )->{n}, 1, 'both are done' for $id, $other;
    };
};

subtest 'a server that does not answer' => sub {
    Fixture::Needs->import('memcached');
    my $memcached = Fixture::Memcached->start;
    my $direct    = { servers => [ $memcached->address ], Transaction => 1 };
    my %scripts   = (
        'the answer to the lock is lost' => [ [ 'pass', [ stall => 0 ] ] ],
        'the server is silent'           => [ [ 'pass', 'silent' ], ['silent'] ],
        'the request comes last'         => [ [ 'pass', [ held => 0.3 ] ] ],
    );
    for my $name ( sort keys %scripts ) {
        my $id      = create( $direct, a => 1 );
        my $server  = Fixture::Scripted->start( upstream => $memcached, script => $scripts{$name} );
        my $locking = { servers => [ $server->address ], Transaction => 1, io_timeout => 10 };
        contents( { servers => $locking->{servers} }, 'ab' x 16 );
        my $took = elapsed {
            local $SIG{ALRM} = sub { die "alarm\n" };
            ualarm 100_000;
            contents( $locking, $id );
        };
        ualarm 0;
        is $@, "alarm\n", "$name: the handler's words";
        cmp_ok $took, '<', 2, 'long before the server is given up';
        note sprintf '%.1f ms after the alarm', 1e3 * ( $took - 0.1 );
        if ( $name =~ /last/ ) {
            ok until_true {
                grep { $_ eq 'held' } $server->requests
            }, 'the request has come';
        }
        is error_of { contents( { %$direct, lock_timeout => 0 }, $id ) }, '', 'no lock is left';
    }
};

subtest 'the end of a transaction' => sub {
    Fixture::Needs->import('memcached');
    my $memcached = Fixture::Memcached->start;
    my $direct    = { servers => [ $memcached->address ], Transaction => 1 };
    my $id        = create( $direct, a => 1 );
    my $server =
      Fixture::Scripted->start( upstream => $memcached, script => [ [ 'pass', [ stall => 0 ] ] ] );
    tie my %session, 'Apache::Session::Memorycached', $id,
      { %$direct, servers => [ $server->address ], io_timeout => 10 };
    $session{a} = 2;
    my $took = elapsed {
        local $SIG{ALRM} = sub { die "alarm\n" };
        ualarm 100_000;
        untie %session;
    };
    ualarm 0;
    is $@, "alarm\n", 'the wait for the save is ended';
    cmp_ok $took, '<', 2, 'long before the server is given up';
    note sprintf '%.1f ms after the alarm', 1e3 * ( $took - 0.1 );
    tied(%session)->{status} = 0;
    untie %session;
    is error_of { contents( { %$direct, lock_timeout => 0 }, $id ) }, '', 'no lock is left';
};

subtest 'after a save whose answer was not waited for' => sub {
    my ( $direct, $id, $session, @servers ) = saved_without_answer( a => 1, b => 1 );
    is contents( { servers => $direct->{servers} }, $id )->{a}, 2, 'it has arrived';
    $session->{a} = 3;
    is error_of { tied(%$session)->save; untie %$session }, '', 'that is not taken for another request\'s';
    my $stored = contents( $direct, $id );
    is $stored->{a}, 3, 'the next save is stored';
    is $stored->{b}, 1, 'with what it did not change';
};

subtest 'after such a save, and another request\'s' => sub {
    my ( $direct, $id, $session, @servers ) = saved_without_answer( a => 1 );
    change( { servers => $direct->{servers} }, $id, sub { $_[0]{other} = 1 } );
    $session->{a} = 3;
    like error_of { tied(%$session)->save }, qr/another request saved it without its lock/, 'that is an error';
    is contents( { servers => $direct->{servers} }, $id )->{other}, 1, 'and stays';
    undef $session;    # while there are its servers
};

# A session in a transaction whose save of `a` as 2 was ended by a handler, before its answer came: the arguments that lead
# straight to its server, its id, and the tied hash.
sub saved_without_answer {
    my (%data) = @_;
    Fixture::Needs->import('memcached');
    my $memcached = Fixture::Memcached->start;
    my $direct    = { servers => [ $memcached->address ], Transaction => 1 };
    my $id        = create( $direct, %data );
    my $server    = Fixture::Scripted->start( upstream => $memcached, script => [ [ 'pass', [ stall => 0 ] ] ] );
    tie my %session, 'Apache::Session::Memorycached', $id,
      { %$direct, servers => [ $server->address ], io_timeout => 10 };
    $session{a} = 2;
    {
        local $SIG{ALRM} = sub { die "alarm\n" };
        ualarm 200_000;
        eval { tied(%session)->save };
        ualarm 0;
    }
    is $@, "alarm\n", 'the save was ended';

    # The servers live as long as these.
    return ( $direct, $id, \%session, $memcached, $server );
}

done_testing;
