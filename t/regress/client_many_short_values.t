# Each value that get_multi had read took the 4 KB that serve most sessions, however short it was, until all had been made
# scalars of.
use strict;
use warnings;

use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Test::More;

use Fixture::Backends;
use Fixture::Child;

use Apache::Session::Memorycached::Client ();

use constant KEYS => 20_000;

plan skip_all => 'no /proc/self' if !-r '/proc/self/status';

# The most memory that the process has had so far, in KB.
sub peak {
    open my $file, '<', '/proc/self/status' or die $!;
    my ($peak) = map { /^VmHWM:\s+(\d+)/ } <$file>;
    return $peak;
}

on_each_backend {
    my ($arguments) = @_;
    my $storer      = Apache::Session::Memorycached::Client->new($arguments);
    my @keys        = map { "key$_" } 1 .. KEYS;
    for my $first ( map { $_ * 1_000 } 0 .. KEYS / 1_000 - 1 ) {
        $storer->set_multi( map { [ $_, 'x' x 100 ] } @keys[ $first .. $first + 999 ] );
    }

    # A process of its own, which has nothing yet that could be used again.
    my $child = in_fork {
        my $client = Apache::Session::Memorycached::Client->new($arguments);
        my $before = peak();
        my $found  = $client->get_multi(@keys);
        my $grown  = peak() - $before;
        my $good   = grep { $_ eq 'x' x 100 } values %$found;
        return "$good $grown";
    };
    my ( $good, $grown ) = split ' ', $child->finish;
    is $good, KEYS, 'all are found';
    cmp_ok $grown, '<', 40_000, 'and took less than 2 KB each';
    note "$grown KB";
};

done_testing;
