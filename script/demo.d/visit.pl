#!/usr/bin/perl

# visit.pl URL TIMES: visits the demo with one cookie, prints what it got, and succeeds only if the last page counts
# TIMES visits.

use 5.020;
use strict;
use warnings;

use HTTP::Tiny;

my ( $url, $times ) = @ARGV;
die "usage: visit.pl URL TIMES\n" if !defined $times || $times !~ /\A[1-9][0-9]*\z/;

my $http = HTTP::Tiny->new( timeout => 10, keep_alive => 0 );
my ( $cookie, $count ) = ( '', 0 );

for my $visit ( 1 .. $times ) {
    my $response = $http->get( $url, { headers => { $cookie ? ( Cookie => $cookie ) : () } } );
    die "visit $visit: $response->{status} $response->{reason}\n" . text( $response->{content} )
      if !$response->{success};

    my $page = $response->{content};
    ($count)  = $page =~ /id="visits">([0-9]+)</ or die "visit $visit: the page has no count\n";
    ($cookie) = ( $response->{headers}{'set-cookie'} // '' ) =~ /\A([^;]+)/ or die "visit $visit: no cookie\n";
    my %fact = $page =~ m{<dt>([^<]+)</dt><dd>([^<]*)</dd>}g;
    printf "visit %d: count %d, session %s, tie %s, save %s, process %s\n", $visit, $count,
      @fact{ 'Session', 'Tie took', 'Save took', 'Process' };
}

die "expected a count of $times, got $count\n" if $count != $times;
print "the count is $count: the session lives\n";

# What a person reads of an error page.
sub text {
    my ($html) = @_;
    $html        =~ s/<head>.*<\/head>|<[^>]*>//gs;
    $html        =~ s/&(quot|#39|lt|gt|amp);/{ quot => '"', '#39' => "'", lt => '<', gt => '>', amp => '&' }->{$1}/ge;
    return $html =~ s/\s*\n\s*/\n/gr;
}
