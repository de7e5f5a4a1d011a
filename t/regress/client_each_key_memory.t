# Each key that was handed to the sub of each_key was kept until all had been: 220 bytes for each of a million.
use strict;
use warnings;

use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use File::Temp ();

use Apache::Session::Memorycached::Client ();

my $dir    = File::Temp->newdir;
my $client = Apache::Session::Memorycached::Client->new( servers => ["embedded:$dir/items"] );
$client->set( "key$_", 1 ) for 1 .. 20;

my ( $freed, $living, $most ) = ( 0, 0, 0 );
{

    package Counted;
    sub DESTROY { $freed++; $living--; return }
}

my $count = $client->each_key(
    'key',
    sub {
        # Tells when the scalar that was handed over goes.
        bless \$_[0], 'Counted';
        $living++;
        $most = $living if $living > $most;
    }
);
is $count, 20, 'all keys';
is $freed, 20, 'all are freed';
is $most,  1,  'each before the next one comes';

done_testing;
