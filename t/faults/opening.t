# A server that misbehaves while a session is opened: never another's session, never half
# of one, never a wait past the deadline (DESIGN §8).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 300;
use Fixture::Needs 'memcached';
use Test::More;

use Fixture::FaultMatrix;
use Fixture::Memcached;
use Fixture::Session;

my $memcached = Fixture::Memcached->start;
my $matrix    = Fixture::FaultMatrix->new($memcached);
my $text      = 'x' x 200;

sub is_mine {
    my ( $id, $is_done, $read ) = @_;
    return if !$is_done;
    my $seen = join ' ', map { "$_=$read->{$_}" } sort keys %$read;
    return $seen eq "_session_id=$id secret=mine text=$text" ? () : "reads $seen";
}

my %reading = (
    id    => sub { create( $matrix->direct, secret => 'mine', text => $text ) },
    open  => sub { },
    act   => sub { contents( $_[1], $_[2] ) },
    after => \&is_mine,
);

$matrix->of( 'a session', %reading );
$matrix->of( 'a session, renewed as it is read', %reading, arguments => { timeout => 300, sliding => 1 } );
$matrix->of(
    'a session that is not there',
    %reading,
    id    => sub { sprintf '%032x', int rand 1 << 31 },
    after => sub {
        my ( $id, $is_done, $read ) = @_;
        return $is_done && %$read ? 'reads ' . join ' ', %$read : ();
    }
);
$matrix->of(
    'a new session',
    id    => sub { },
    open  => sub { },
    act   => sub { create( $_[1], secret => 'mine', text => $text ) },
    after => sub {
        my ( undef, $is_done, $id ) = @_;
        return $is_done ? is_mine( $id, 1, contents( $matrix->direct, $id ) ) : ();
    }
);

done_testing;
