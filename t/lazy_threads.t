# A lazy session goes into a new thread as it is: both make what they ask for,
# and neither sees the other's.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs 'threads';
use threads;
use Test::More;

use Fixture::Backends;
use Fixture::Session;
use Fixture::Slot;

on_each_backend {
    my ( $arguments, $server ) = @_;
    my %content = ( map( { ( "key$_" => "value $_" ) } 1 .. 20 ), list => [ 1, [2] ] );
    for my $parent_ends_first ( 0, 1 ) {
        my $id = create( $arguments, %content );
        tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        $session{key1} = 'of the parent';
        push @{ $session{list} }, 3;
        my $thread = threads->create(
            { context => 'list' },
            sub {
                select undef, undef, undef, 0.05 if $parent_ends_first;
                my @seen =
                  ( made( \%session ), is_lazy( \%session ), $session{key1}, $session{list}[2], $session{key2} );
                $session{thread} = made( \%session );
                push @seen, tied(%session)->{data}{key3}, scalar keys %session;
                tied(%session)->save;
                return @seen;
            }
        );
        my @seen;
        if ($parent_ends_first) {
            untie %session;
            @seen = $thread->join;
        }
        else {
            @seen = $thread->join;
            is made( \%session ), 2,         'what the thread makes is not made here';
            is $session{key3},    'value 3', 'and can be';
            untie %session;
        }
        is_deeply \@seen, [ 2, 1, 'of the parent', 3, 'value 2', 'value 3', 23 ], 'the thread has it all';
        is_deeply contents( $arguments, $id ),
          { %content, _session_id => $id, key1 => 'of the parent', list => [ 1, [2], 3 ], thread => 3 },
          'and both have saved';
    }
};

done_testing;
