#!/usr/bin/perl
# The installed Storable's side of the target `differential`. A question is the length of an image in four bytes and the
# image; an answer is a letter, the length of the rest in four bytes, and the rest:
#
#     F   what nfreeze makes of what thaw made of it
#     R   nothing: thaw read it, nfreeze could not write it
#     E   what thaw died of
#
# Modules that an image names are never loaded, and no source is compiled.
use strict;
use warnings;

use Storable    qw(nfreeze thaw);
use Time::HiRes qw(alarm);
use re          ();

{

    package Overloaded;
    use overload '""' => sub { 'text' }, fallback => 1;
}

@INC                            = ();
$Storable::canonical            = 1;
$Storable::recursion_limit      = 5_000;
$Storable::recursion_limit_hash = 5_000;
$SIG{__WARN__}                  = sub { };
binmode STDIN;
binmode STDOUT;
$| = 1;

sub answer {
    my ($image) = @_;
    my $value = eval { thaw($image) };
    return ( E => $@ || 'nothing' ) if !defined $value;
    my $frozen = eval { nfreeze($value) };
    return defined $frozen ? ( F => $frozen ) : ( R => '' );
}

while ( read( STDIN, my $length, 4 ) ) {
    my $image = '';
    $length = unpack 'N', $length;
    read( STDIN, $image, $length ) == $length or exit if $length;
    alarm 0.2;
    my ( $kind, $rest ) = answer($image);
    print pack 'a N/a*', $kind, $rest;
    alarm 0;
}
