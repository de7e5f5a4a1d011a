# A session could not be created, and tie died of that. Its object, which nobody had seen, then tried once more on its
# way out, and warned that a session was not saved: twice the wait for a server that is silent, and a second complaint.
use strict;
use warnings;

use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs 'memcached';
use Test::More;

use Fixture::Memcached;
use Fixture::Scripted;
use Fixture::Session;

my $memcached = Fixture::Memcached->start;
my $missing   = '0' x 32;
my $damaged   = create( { servers => [ $memcached->address ] }, a => 1 );
$memcached->set( $damaged, "\x05\x0b\x03\0\0\0\x01", flags => 1 );

# What happens to each request, whose session it is, the arguments, and how many requests it takes to find out.
my %failing = (
    'a new session' => [ 'hangup', undef,    {},                   1, 2 ],
    'one that is'   => [ 'hangup', $missing, {},                   1, 3 ],
    'a missing one' => [ 'pass',   $missing, { missing => 'die' }, 1, 2 ],
    'a damaged one' => [ 'pass',   $damaged, {},                   1, 2 ],
);

for my $name ( sort keys %failing ) {
    my ( $act, $id, $arguments, @most ) = @{ $failing{$name} };
    for my $transaction ( 0, 1 ) {
        my $server   = Fixture::Scripted->start( upstream => $memcached, script => [ ( [ ($act) x 9 ] ) x 9 ] );
        my %argument = ( %$arguments, servers => [ $server->address ], Transaction => $transaction );
        my $died;
        my @warnings = warnings_of {
            $died = !eval { tie my %session, 'Apache::Session::Memorycached', $id, \%argument };
        };
        my $about = $name . ( $transaction ? ', in a transaction' : '' );
        ok $died, "$about: tie dies";
        is "@warnings", '', 'that is all that it tells';
        cmp_ok scalar $server->requests, '<=', $most[$transaction], 'and all that it tries';
        is $memcached->item("$id.lock"), undef, 'no lock is left behind' if $id;
    }
}

done_testing;
