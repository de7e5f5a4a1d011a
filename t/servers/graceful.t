# A web server that is restarted gracefully while its browsers go on loses nothing of
# what they did; and Apache answers every request.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 180;
use Test::More;

use File::Temp ();
use List::Util qw(sum);
use Fixture::Browser;
use Fixture::Child;
use Fixture::Wait;
use Fixture::WebServers;

my $CLIENTS  = 4;
my $RESTARTS = 3;

# Starman's processes may end with a connection that they have accepted and not read
# from yet. Such a request is sent again; returns how many times.
sub persist {
    my ( $browser, $path ) = @_;
    my $again = 0;
    until ( eval { $browser->get($path); 1 } ) {
        die $@ if $@ !~ /: 599: .*(?:reset by peer|unexpected end)/i;
        ++$again;
    }
    return $again;
}

on_each_server {
    my ( $server, $memcached ) = @_;
    my $counting = Fixture::Browser->new( $server->url );
    my $setting  = Fixture::Browser->new( $server->url );
    $_->get('/new') for $counting, $setting;

    # Each client has a key of its own, and goes on until it finds the file.
    my $directory = File::Temp->newdir;
    my @clients   = map {
        my $client = $_;
        in_fork {
            my ( $rounds, $again ) = ( 0, 0 );
            until ( -e "$directory/stop" ) {
                ++$rounds;
                $again += persist( $setting,  "/set/key$client/$rounds" );
                $again += persist( $counting, '/count' );
            }
            "$rounds $again";
        };
    } 1 .. $CLIENTS;

    my $made = 0;
    for ( 1 .. $RESTARTS ) {
        until_true { $counting->value('count') > $made + 20 };
        $server->restart;
        $made = $counting->value('count');
    }
    open my $stop, '>', "$directory/stop" or die "$directory/stop: $!";
    my @answers = map {
        my $client = $_;
        eval { $client->finish } // $@
    } @clients;

    is_deeply [ grep { !/^\d+ \d+$/ } @answers ], [], "no request has failed in $RESTARTS restarts" or return;
    my @rounds = map { ( split / / )[0] } @answers;
    my ( $done, $again ) = ( sum(@rounds), sum( map { ( split / / )[1] } @answers ) );
    is $again, 0, 'or was sent again' if $server->isa('Fixture::Apache');
    my $count = $counting->value('count');
    cmp_ok $count, '>=', $done,          'all increments are there';
    cmp_ok $count, '<=', $done + $again, 'and no more than were asked for';
    is_deeply [ map { $setting->value("key$_") } 1 .. $CLIENTS ], \@rounds, 'and the last value of each key';
    return if !$memcached;

    # One more is the first process's, one is the fixture's.
    my $most = $server->parallel + 2;
    ok until_true { $memcached->stats->{curr_connections} <= $most }, 'the former processes have left no connection';
};

done_testing;
