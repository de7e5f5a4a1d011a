# A server that misbehaves while a session is locked, saved under its lock, or given back:
# nobody believes to have a lock that another has, and none is left for longer than
# it lasts (DESIGN §5, §8).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 400;
use Fixture::Needs 'memcached';
use Test::More;

use Fixture::Child;
use Fixture::FaultMatrix;
use Fixture::Memcached;
use Fixture::Session;

my $LOCK_TTL  = 30;
my $memcached = Fixture::Memcached->start;
my $matrix    = Fixture::FaultMatrix->new($memcached);
my $text      = 'x' x 200;

my %locking = ( arguments => { Transaction => 1, lock_ttl => $LOCK_TTL, lock_timeout => 0.4 } );

sub locked {
    my ( $arguments, $id ) = @_;
    tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
    return \%session;
}

# Whether the lock can be had. One that was left must run out.
sub lock_of {
    my ( $id, $must_be_free ) = @_;
    my $mode  = { %{ $matrix->direct }, Transaction => 1, lock_timeout => 0 };
    my $error = error_of { contents( $mode, $id ) };
    return                    if $error eq '';
    return "the lock: $error" if $must_be_free || $error !~ /^session $id: is locked/;
    my $item = $memcached->item("$id.lock");
    return $item->{ttl} > 0 && $item->{ttl} <= $LOCK_TTL + 300 ? () : "the lock lasts for $item->{ttl} s";
}

sub value_of {
    my ( $id, @allowed ) = @_;
    my $stored = contents( $matrix->direct, $id );
    return "the session has @{[ %$stored ]}" if ( $stored->{text} // '' ) ne $text;
    return ( grep { $stored->{n} eq $_ } @allowed ) ? () : "n is $stored->{n}";
}

my %parts = (
    %locking,
    id => sub { create( $matrix->direct, n => 1, text => $text ) },
);

$matrix->of(
    'taking a lock that is free',
    %parts,
    open  => sub { },
    act   => sub { my $session = locked( $_[1], $_[2] ); my $n = $session->{n}; untie %$session; $n },
    after => sub {
        my ( $id, $is_done, $n ) = @_;
        return ( ( $is_done && $n ne 1 ? "reads n as $n" : () ), value_of( $id, 1 ), lock_of( $id, 0 ) );
    }
);

$matrix->of(
    'saving and giving back',
    %parts,
    open  => \&locked,
    act   => sub { $_[0]{n}++; untie %{ $_[0] } },
    after => sub {
        my ( $id, $is_done ) = @_;
        return ( value_of( $id, $is_done ? 2 : ( 1, 2 ) ), lock_of( $id, 0 ) );
    }
);

$matrix->of(
    'giving back',
    %parts,
    open  => \&locked,
    act   => sub { untie %{ $_[0] } },
    after => sub { return ( value_of( $_[0], 1 ), lock_of( $_[0], 0 ) ) }
);

$matrix->of(
    'a new session, locked',
    %locking,
    id    => sub { },
    open  => sub { },
    act   => sub { create( $_[1], n => 1, text => $text ) },
    after => sub {
        my ( undef, $is_done, $id ) = @_;
        return $is_done ? ( value_of( $id, 1 ), lock_of( $id, 0 ) ) : ();
    }
);

$matrix->of(
    'a session that others have saved without the lock',
    %parts,
    open => sub {
        my $session = locked(@_);
        change( $matrix->direct, $_[1], sub { $_[0]{n} = 7 } );
        return $session;
    },
    act     => sub { $_[0]{n}++; untie %{ $_[0] } },
    may_die => qr/^session \w+: another request saved it/,
    after   => sub {
        my ( $id, $is_done ) = @_;
        return ( ( $is_done ? 'it was saved' : () ), value_of( $id, 7 ), lock_of( $id, 0 ) );
    }
);

# The requests are the first ones that a waiter sends, until it gives up.
my $holder;
$matrix->of(
    'waiting for a lock',
    %parts,
    requests => [ 2, 5 ],
    limit    => 2.5,
    may_die  => qr/^session \w+: is locked/,
    open     => sub {
        my ( undef, $id ) = @_;
        pipe my $ready, my $is_ready or die "pipe: $!";
        $holder = in_fork {
            my $session = locked( { %{ $matrix->direct }, Transaction => 1, lock_ttl => $LOCK_TTL }, $id );
            $session->{n} = 5;
            syswrite $is_ready, '.';
            select undef, undef, undef, 0.1;
            untie %$session;
            return;
        };
        close $is_ready;
        sysread $ready, my $word, 1;
        return;
    },
    act => sub {
        my ( undef, $arguments, $id ) = @_;
        my $session = locked( $arguments, $id );
        $session->{n}++;
        untie %$session;
    },
    after => sub {
        my ( $id, $is_done ) = @_;
        $holder->finish;
        return ( value_of( $id, $is_done ? 6 : ( 5, 6 ) ), lock_of( $id, 0 ) );
    }
);

done_testing;
