# Sessions of any size, up to what a memcached takes by default.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Test::More;

use Fixture::Backends;
use Fixture::Session;

on_each_backend {
    my ($arguments) = @_;

    for my $count ( 0, 1, 100, 10_000 ) {
        subtest "$count keys" => sub {
            my %content = map { ( "key $_" => "value $_" ) } 1 .. $count;
            my $id      = create( $arguments, %content );
            is_deeply contents( $arguments, $id ), { %content, _session_id => $id },
              'read as written';
            change( $arguments, $id, sub { $_[0]{more} = 1 } );
            is keys %{ contents( $arguments, $id ) }, $count + 2, 'and with one more';
        };
    }

    subtest '900 KB' => sub {
        my $text = 'All work and no play makes Jack a dull boy. ' x 20_480;
        my $id   = create( $arguments, text => $text );
        ok contents( $arguments, $id )->{text} eq $text, 'read as written';
    };

    subtest '900 KB of small values' => sub {
        my @list = map { { n => $_, name => "name $_" } } 1 .. 20_000;
        my $id   = create( $arguments, list => \@list );
        is_deeply contents( $arguments, $id )->{list}, \@list, 'read as written';
    };
};

done_testing;
