package Fixture::Wait;

# Waiting for something to become true, within a limit.
#
#     until_true { $server->item($id) } 5 or die 'not written';

use strict;
use warnings;

use Exporter 'import';
use Time::HiRes qw(time);

our @EXPORT = qw(until_true elapsed);

sub until_true (&;$) {
    my ( $check, $limit ) = @_;
    my $deadline = time + ( $limit // 10 );
    while (1) {
        my $result = $check->();
        return $result if $result || time > $deadline;
        select undef, undef, undef, 0.01;
    }
}

# How long a block takes, in seconds; what it dies of is left in $@.
sub elapsed (&) {
    my ($block) = @_;
    my $start = time;
    eval { $block->(); 1 };
    return time - $start;
}

1;
