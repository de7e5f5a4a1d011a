# Reads what the programs beside this one print, and prints it as Markdown.
#
#     perl -Mblib bench/codec.pl --quick | perl -Mblib bench/report.pl --quick

use strict;
use warnings;
use lib 'bench/lib';

use Bench::Machine qw(facts);
use JSON::PP       ();
use POSIX          qw(strftime);

my $quick  = grep { $_ eq '--quick' } @ARGV;
my @topics = map  { JSON::PP->new->decode($_) } <STDIN>;

print "# How fast it is\n\n";
print 'Written by `script/bench` on ', strftime( '%Y-%m-%d', gmtime ), $quick ? ', in a quick run' : '', ". All ratios";
print " were taken in this one run: the median of the rounds,\nand in brackets their quartiles.";
print " What must hold is DESIGN.md's section 9. Times are for one operation.\n\n";

print_summary( map { @{ $_->{rows} } } @topics );
print_topic($_) for @topics;
print_facts();

sub print_summary {
    my @bound   = grep { defined $_->{holds} } @_;
    my @failing = grep { !$_->{holds} } @bound;
    printf "**%d of %d bounds hold.**", @bound - @failing, scalar @bound;
    print @failing ? ' These do not:' : '', "\n\n";
    printf "- %s, against %s: %s, must be %s\n", @$_{qw(what against)}, ratio($_), must_be($_) for @failing;
    print "\n" if @failing;
    return;
}

sub print_topic {
    my ($topic) = @_;
    print "## $topic->{title}\n\n";
    $topic->{columns} ? print_lines($topic) : print_comparisons( @{ $topic->{rows} } );
    print "\n";
    print "$_\n" for @{ $topic->{notes} };
    return;
}

sub print_lines {
    my ($topic) = @_;
    print_row( @{ $topic->{columns} } );
    print_row( '---', ('---:') x $#{ $topic->{columns} } );
    print_row(@$_) for @{ $topic->{lines} };
    return;
}

sub print_comparisons {
    my (@rows) = @_;
    print_row( 'what', 'against', 'ours', 'theirs', 'ratio', 'must be', 'holds' );
    print_row( '---',  '---',     '---:', '---:',   '---:',  '---',     '---' );
    for my $row (@rows) {
        my $holds = !defined $row->{holds} ? '' : $row->{holds} ? 'yes' : '**no**';
        print_row(
            $row->{what}, $row->{against}, duration( $row->{ours} ), duration( $row->{theirs} ),
            ratio($row),  must_be($row),   $holds
        );
    }
    return;
}

sub print_row { print '| ', join( ' | ', @_ ), " |\n"; return }

sub print_facts {
    print "## Where\n\n";
    print_row( 'what', 'which' );
    print_row( '---',  '---' );
    print_row(@$_) for facts();
    return;
}

sub ratio {
    my ($row) = @_;
    my @three = @{ $row->{ratio} }[ 1, 0, 2 ];
    return sprintf $row->{at_least} ? '%.2f x as fast (%.2f – %.2f)' : '%.3f (%.3f – %.3f)', @three;
}

sub must_be {
    my ($row) = @_;
    return sprintf '≤ %s', $row->{words} // sprintf '%.2f', $row->{at_most} if $row->{at_most};
    return '' if !$row->{at_least};
    return $row->{at_least} == 1 ? 'faster' : "≥ $row->{at_least} x as fast";
}

sub duration {
    my ($seconds) = @_;
    my $us = $seconds * 1e6;
    return sprintf $us < 10 ? '%.2f us' : $us < 100 ? '%.1f us' : '%.0f us', $us;
}
