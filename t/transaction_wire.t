# What a transaction costs on the wire: lock and session in one round trip, save
# and unlock in another, as long as nobody competes.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs 'memcached';
use Test::More;

use Apache::Session::Flex;
use Digest::MD5 qw(md5_hex);
use Fixture::Memcached;
use Fixture::Scripted;
use Fixture::Session;

my $memcached = Fixture::Memcached->start;
my $direct    = { servers => [ $memcached->address ] };

{

    package My::Session;
    our @ISA = ('Apache::Session');
    sub populate { return $_[0]->Apache::Session::Memorycached::populate }
}

# The requests of a block, each as the words that begin its commands.
sub requests (&) {
    my ($block) = @_;
    my $server  = Fixture::Scripted->start( upstream => $memcached );
    my $locking = { servers => [ $server->address ], Transaction => 1 };
    contents( { servers => $locking->{servers} }, 'ab' x 16 );
    $block->($locking);
    my ( undef, @requests ) = $server->requests;
    return [ map { join ' + ', /^(m[sgdn] \S+)(?= )/mg } @requests ];
}

sub tie_and {
    my ( $class, $id, $locking, $block ) = @_;
    tie( my %session, $class, $id, $locking );
    $block->( \%session );
    untie %session;
    return;
}

my $tie = 'Apache::Session::Memorycached';
my $id  = create( $direct, a => 1 );
my ( $lock, $read, $save, $unlock ) = ( "ms $id.lock", "mg $id", "ms $id", "md $id.lock" );

is_deeply requests {
    tie_and( $tie, $id, $_[0], sub { $_[0]{a}++ } )
}, [ "$lock + $read", "$save + $unlock" ], 'tie, change, untie: two round trips';

is_deeply requests {
    tie_and( $tie, $id, $_[0], sub { my $read = $_[0]{a} } )
}, [ "$lock + $read", $unlock ], 'tie, read, untie: two';

is_deeply requests {
    tie_and( $tie, $id, $_[0], sub { $_[0]{a}++; tied( %{ $_[0] } )->save; $_[0]{a}++ } )
}, [ "$lock + $read", $save, "$save + $unlock" ], 'a save in between: one more';

my $requests;
$requests = requests {
    tie_and( $tie, undef, $_[0], sub { $id = $_[0]{_session_id}; $_[0]{a} = 1 } )
};
is_deeply $requests, [ "ms $id + ms $id.lock", "ms $id + md $id.lock" ], 'a new session: two';

$requests = requests {
    tie_and( $tie, undef, { %{ $_[0] }, principal => 'uid' }, sub { $id = $_[0]{_session_id}; $_[0]{uid} = 'dwho' } )
};
my $record = 'ms ' . md5_hex 'dwho';
is_deeply $requests, [ "ms $id + ms $id.lock", "ms $id + $record + md $id.lock" ],
  "a principal's item goes along";

for my $class ( 'My::Session', 'Apache::Session::Flex' ) {
    my $id    = create( $direct, a => 1 );
    my %parts = (
        Store     => 'Memorycached',
        Lock      => 'Memorycached',
        Generate  => 'Memorycached',
        Serialize => 'Storable'
    );
    is_deeply requests {
        tie_and( $class, $id, { %{ $_[0] }, %parts }, sub { $_[0]{a}++ } )
    }, [ "ms $id.lock + mg $id", "ms $id", "md $id.lock" ], "$class: lock and session in one";
    is contents( $direct, $id )->{a}, 2, 'saved';

    is_deeply requests {
        tie_and( $class, $id, { %{ $_[0] }, %parts, Transaction => 0 }, sub { $_[0]{a}++ } )
    }, [ "mg $id", "ms $id" ], 'without Transaction, no lock';
}

subtest 'the item of a lock' => sub {
    my $id = create( $direct, a => 1 );
    tie( my %session, $tie, $id, { %$direct, Transaction => 1, lock_ttl => 100 } );
    my $item = $memcached->item("$id.lock");
    like $item->{value}, qr/\Ahost=\S+ pid=$$ since=\d+ ttl=100 token=[0-9a-f]{16}\n\z/, 'says who has it';
    is $item->{flags}, 0, 'is no session';
    cmp_ok $item->{ttl}, '<=', 400, 'expires';
    untie %session;
    is $memcached->item("$id.lock"), undef, 'and is removed';
};

done_testing;
