# A listing connects to all servers before it asks the first one. While that was listed, the next one could close its
# connection as idle, and the listing ended with an error.
use strict;
use warnings;

use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs 'memcached';
use Test::More;

use Fixture::Memcached;
use Fixture::Session;

my @servers   = map { Fixture::Memcached->start } 1 .. 2;
my $arguments = { servers => [ map { $_->address } @servers ] };

# Some on each of them.
create( $arguments, n => $_ ) for 1 .. 40;
my ( $first, $second ) = map { $_->stats->{curr_items} } @servers;
ok $first && $second, 'there are sessions on both';

my $seen    = 0;
my $counted = Apache::Session::Memorycached->for_each_session(
    $arguments,
    ['n'],
    sub {
        # This closes all its connections, and those to come are served.
        $servers[1]->restart if !$seen++;
    }
);
is $seen,                $first, 'those of the first server, and none of one that was restarted';
is $counted->{sessions}, $first, 'and that is what is counted';

done_testing;
