# The matrix of faults finds what it is there to find, and the scripted server does what it
# is told (t/faults/opening.t, saving.t and locking.t use both).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs 'memcached';
use Test::More;

use IO::Socket::IP;
use Fixture::FaultMatrix;
use Fixture::Memcached;
use Fixture::Scripted;
use Fixture::Session;
use Fixture::Wait;

my $memcached = Fixture::Memcached->start;
my $matrix    = Fixture::FaultMatrix->new($memcached);

# A save: requests are the reading of another session, `tie`, and the save.
my %saving = (
    id   => sub { create( $matrix->direct, a => 'before' ) },
    open => sub {
        tie my %session, 'Apache::Session::Memorycached', $_[1], $_[0];
        $session{a} = 'after';
        return \%session;
    },
    act   => sub { tied( %{ $_[0] } )->save },
    after => sub {
        my ( $id, $is_done ) = @_;
        my $stored = contents( $matrix->direct, $id );
        return $is_done && $stored->{a} ne 'after' ? 'not saved' : ();
    },
);
my $save_at = 3;

sub complaints_of {
    my ( $fault, %part ) = @_;
    return join '; ', $matrix->cell( $fault, $save_at, 1, %saving, %part );
}

is_deeply $matrix->requests_of(%saving), [ $save_at, $save_at ], 'requests are counted';
is complaints_of('refuse'), '', 'a right save has no complaints';

my %wrong = (
    'an acknowledged save that was not done' => [
        qr/^not saved$/,
        act => sub {
            eval { tied( %{ $_[0] } )->save }
        }
    ],
    'an error with other words' => [ qr/^dies of: oops/, act => sub { die "oops\n" } ],
    'a wait that is too long'   => [ qr/^takes /, limit => 0.01, act => sub { select undef, undef, undef, 0.02 } ],
);
for my $what ( sort keys %wrong ) {
    my ( $pattern, %part ) = @{ $wrong{$what} };
    like complaints_of( 'refuse', after => $saving{after}, %part ), $pattern, $what;
}
{
    local $matrix->{other} = create( $matrix->direct, secret => 'mine' );
    like complaints_of('last'), qr/reads the wrong session/, "another session's data";
}

subtest 'the scripted server' => sub {
    my $connected = sub {
        my $server = Fixture::Scripted->start( upstream => $memcached, at => 2, @_ );
        my $socket = IO::Socket::IP->new( PeerAddr => $server->address, Timeout => 5 ) or die "no connection: $@";
        $socket->autoflush(1);
        my $ask = sub { print {$socket} "$_[0]\r\n"; return <$socket> // 'nothing' };
        return ( $ask, $server );
    };
    my ( $ask, $server ) = $connected->( fault => 'former' );
    my $version = $ask->('version');
    like $version, qr/^VERSION/, 'passes what is to pass';
    is $ask->('mn'), $version, 'answers a former request';
    is $ask->('mn'), "MN\r\n", 'once';

    ( $ask, $server ) = $connected->( fault => [ say => "BUSY\r\n" ], stays => 1 );
    like $ask->('mn'), qr/^MN/, 'passes what is to pass';
    is $ask->('mn'), "BUSY\r\n", 'answers with an error' for 1 .. 2;

    ( $ask, $server ) = $connected->( fault => 'refuse' );
    $ask->('mn');
    is $ask->('mn'), 'nothing', 'hangs up';
    ok until_true { !IO::Socket::IP->new( PeerAddr => $server->address, Timeout => 5 ) },
      'and refuses further connections';
    is scalar( $server->requests ), 2, 'what was asked is known';
};

done_testing;
