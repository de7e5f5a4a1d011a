package Bench::Measure;

# How long one piece of work takes beside another, on a machine that has other
# things to do.
#
#     my $measure = Bench::Measure->from_arguments(@ARGV);    # --quick: fewer rounds
#     my $compared = $measure->compare( time => $ours, $theirs );
#     $compared->{ours}      # the median of a single operation, in seconds
#     $compared->{ratios}    # ours / theirs, a number for each round
#
# A piece of work is a sub that is told how many times to do it. The two take
# turns in short blocks, so that a disturbance meets both, and each block is
# held against its neighbour only. The one that begins changes with each round.

use strict;
use warnings;

use Exporter 'import';
use Fixture::Child;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC CLOCK_PROCESS_CPUTIME_ID);

our @EXPORT_OK = qw(quantile);

# For each clock: what it reads, how long a block is, and how many rounds there
# are, of them in a quick run.
my %CLOCKS = (
    time => { id => CLOCK_MONOTONIC,          block => 0.002, rounds => 2_000, quick => 200 },
    cpu  => { id => CLOCK_PROCESS_CPUTIME_ID, block => 0.004, rounds => 250,   quick => 25 },
);

# The kernel tells user from system time by looking, a few hundred times a
# second, so only seconds of it say anything.
my $SPLIT       = { block => 1.0, rounds => 9 };
my $SPLIT_QUICK = { block => 0.4, rounds => 3 };

sub from_arguments {
    my ( $class, @arguments ) = @_;
    my $quick = grep { $_ eq '--quick' } @arguments;
    return bless { quick => $quick }, $class;
}

sub compare {
    my ( $self, $clock, @works ) = @_;
    my $how    = $CLOCKS{$clock};
    my @counts = map { count_for( $how, $_ ) } @works;
    my ( @took, @ratios );
    for my $round ( 1 .. $how->{ $self->{quick} ? 'quick' : 'rounds' } ) {
        my @each;
        for my $turn ( $round % 2 ? ( 0, 1 ) : ( 1, 0 ) ) {
            $each[$turn] = block( $how, $works[$turn], $counts[$turn] ) / $counts[$turn];
            push @{ $took[$turn] }, $each[$turn];
        }
        push @ratios, $each[0] / $each[1];
    }
    return { ours => quantile( 0.5, $took[0] ), theirs => quantile( 0.5, $took[1] ), ratios => \@ratios };
}

# User CPU, CPU in all and time, each compared as above. Every block runs in a
# process of its own, whose user and system time are then no one else's.
sub compare_cpu {
    my ( $self, @works ) = @_;
    my $how = $self->{quick} ? $SPLIT_QUICK : $SPLIT;
    my ( %took, %ratios );
    for my $round ( 1 .. $how->{rounds} ) {
        my @each;
        for my $turn ( $round % 2 ? ( 0, 1 ) : ( 1, 0 ) ) {
            $each[$turn] = split_cpu( $how->{block}, $works[$turn] );
        }
        for my $kind (qw(user cpu time)) {
            push @{ $took{$kind}[$_] }, $each[$_]{$kind} for 0, 1;
            push @{ $ratios{$kind} }, $each[0]{$kind} / $each[1]{$kind};
        }
    }
    return map {
        $_ => {
            ours   => quantile( 0.5, $took{$_}[0] ),
            theirs => quantile( 0.5, $took{$_}[1] ),
            ratios => $ratios{$_},
        }
    } qw(user cpu time);
}

# The value below which a share of the values lies, between two of them where
# it has to be.
sub quantile {
    my ( $share, $values ) = @_;
    my @sorted = sort { $a <=> $b } @$values;
    my $place  = $share * $#sorted;
    my $below  = int $place;
    my $above  = $below < $#sorted ? $below + 1 : $below;
    return $sorted[$below] + ( $place - $below ) * ( $sorted[$above] - $sorted[$below] );
}

sub split_cpu {
    my ( $block, $work ) = @_;
    my $child = in_fork {
        my $count  = count_for( { id => CLOCK_PROCESS_CPUTIME_ID, block => $block }, $work );
        my $time   = clock_gettime(CLOCK_MONOTONIC);
        my $cpu    = clock_gettime(CLOCK_PROCESS_CPUTIME_ID);
        my ($user) = times;
        $work->($count);
        $user = (times)[0] - $user;
        $cpu  = clock_gettime(CLOCK_PROCESS_CPUTIME_ID) - $cpu;
        $time = clock_gettime(CLOCK_MONOTONIC) - $time;
        join ' ', map { $_ / $count } $user, $cpu, $time;
    };
    my %each;
    @each{qw(user cpu time)} = split / /, $child->finish;
    return \%each;
}

# How many times the work has to be done to fill a block; warms it up, too.
sub count_for {
    my ( $how, $work ) = @_;
    my $count = 1;
    while (1) {
        my $took = block( $how, $work, $count );
        if ( $took > $how->{block} / 4 ) {
            my $fitting = int( $count * $how->{block} / $took + 0.5 );
            return $fitting || 1;
        }
        $count *= 2;
    }
}

sub block {
    my ( $how, $work, $count ) = @_;
    my $start = clock_gettime( $how->{id} );
    $work->($count);
    return clock_gettime( $how->{id} ) - $start;
}

1;
