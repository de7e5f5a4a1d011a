package Bench::Topic;

# One table of results, and how a program hands it to bench/report.pl: as a
# line of JSON.
#
#     my $topic = Bench::Topic->new('Round trips');
#     $topic->row( 'tie + read + untie', 'a bare round trip', $compared, at_most => 1.10 );
#     $topic->row( 'nfreeze', 'Storable', $compared, at_least => 4 );
#     $topic->note("How it was measured.\n");
#     $topic->print;
#
# `at_most` bounds ours / theirs; `at_least` bounds theirs / ours, which is how
# many times as fast ours is. A row without a bound is for orientation. A bound
# may have its words: at_most => 1 / 8, words => '1/8'.
#
# A table of another kind names its columns, and gives its lines as they are:
#
#     my $topic = Bench::Topic->new( 'Losses', columns => [ '', 'lost' ] );
#     $topic->line( 'merging', 0 );

use strict;
use warnings;

use Bench::Measure qw(quantile);
use JSON::PP       ();

sub new {
    my ( $class, $title, %option ) = @_;
    return bless { title => $title, rows => [], lines => [], notes => [], %option }, $class;
}

sub line {
    my ( $self, @cells ) = @_;
    push @{ $self->{lines} }, \@cells;
    return;
}

sub row {
    my ( $self, $what, $against, $compared, %bound ) = @_;
    my @ratios = @{ $compared->{ratios} };
    @ratios = map { 1 / $_ } @ratios if $bound{at_least};
    my %row = (
        what    => $what,
        against => $against,
        ours    => $compared->{ours},
        theirs  => $compared->{theirs},
        ratio   => [ map { quantile( $_, \@ratios ) } 0.25, 0.5, 0.75 ],
        %bound,
    );
    my $median = $row{ratio}[1];
    $row{holds} = $median <= $bound{at_most}  ? 1 : 0 if $bound{at_most};
    $row{holds} = $median >= $bound{at_least} ? 1 : 0 if $bound{at_least};
    push @{ $self->{rows} }, \%row;
    return;
}

sub note {
    my ( $self, $note ) = @_;
    push @{ $self->{notes} }, $note;
    return;
}

sub print {    ## no critic (what it does)
    my ($self) = @_;
    print JSON::PP->new->canonical->encode( {%$self} ), "\n";
    return;
}

1;
