# A signal's handler changed the client that was waiting at that moment. When the wait was over, the client went on with
# what it had before: another namespace, other servers than its methods said.
use strict;
use warnings;

use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs 'memcached';
use Test::More;

use Time::HiRes ();
use Fixture::Memcached;

use Apache::Session::Memorycached::Client ();

my $server = Fixture::Memcached->start;
my $client = Apache::Session::Memorycached::Client->new(
    servers    => [ $server->address ],
    namespace  => 'old:',
    io_timeout => 30
);
$client->set( key => 'old' );

my $handled = 0;
local $SIG{ALRM} = sub { $handled++; $client->namespace('new:'); $server->resume };
$server->pause;
Time::HiRes::ualarm(200_000);
is $client->get('key'), 'old', 'what was under way ends as it began';
is $handled,            1,     'the handler ran meanwhile';

is $client->namespace, 'new:', 'the client has changed';
$client->set( key => 'new' );
is $server->item('new:key')->{value}, 'new', 'and works so';
is $server->item('old:key')->{value}, 'old', 'the former item is left alone';

done_testing;
