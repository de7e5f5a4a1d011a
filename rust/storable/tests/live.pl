#!/usr/bin/perl
# The installed Storable's side of live.rs. Each line of standard input is one task, a word and an
# argument; each gets one line of answer.
#
#     random SEED     a structure made from the seed: nfreeze and freeze of it in hexadecimal
#     again HEX       thaw, then nfreeze in hexadecimal; or an exclamation mark and the error
#     number HEX      the string of the double with these bytes, in network order
use strict;
use warnings;
no warnings qw(recursion);

use Storable     qw(freeze nfreeze thaw);
use Scalar::Util qw(weaken);

$Storable::canonical             = 1;
$Storable::recursion_limit       = -1;
$Storable::recursion_limit_hash  = -1;

{
    package Overloaded;
    use overload '""' => sub {'text'}, fallback => 1;
}

my @pool;

sub pick { return $_[ int rand @_ ] }

sub scalar_value {
    return pick(
        sub { undef },
        sub { int(rand 300) - 150 },
        sub { (int(rand 2**31)) * pick(1, -1) },
        sub { (int(rand 2**53)) * pick(1, -1) * 1 },
        sub { int(rand 1e6) / 8 + 1 / 16 },
        sub { join '', map { chr rand 256 } 1 .. rand pick(5, 400) },
        sub { join '', map { chr 0x100 + rand 0x2000 } 1 .. rand pick(5, 200) },
        sub { pick(!!0, !!1) },
    )->();
}

sub key {
    return join '', map { chr pick(97 + rand 26, 97 + rand 26, rand 256, rand 0x300) } 0 .. rand 6;
}

sub structure {
    my ($depth) = @_;
    return pick(@pool) if @pool && rand() < .1;
    my $new = pick(
        sub { \(my $scalar = scalar_value()) },
        sub { my @list; push @pool, \@list; push @list, value($depth - 1) for 1 .. rand 6; \@list },
        sub { my %hash; push @pool, \%hash; $hash{ key() } = value($depth - 1) for 1 .. rand 6; \%hash },
        sub { my $reference = structure($depth - 1); \$reference },
    )->();
    bless $new, pick('Plain', 'Other::Class', 'Overloaded', 'Long' x 40) if rand() < .15;
    push @pool, $new;
    return $new;
}

sub value {
    my ($depth) = @_;
    return scalar_value() if $depth <= 0 || rand() < .5;
    my $reference = structure($depth);
    if (rand() < .05) {
        push @pool, my $owner = $reference;
        weaken($reference);
    }
    return $reference;
}

my %answers = (
    random => sub {
        srand $_[0];
        @pool = ();
        my $root = { map { ("k$_" => value(5)) } 1 .. rand 20 };
        $root->{pool} = [@pool];    # what is only held weakly needs an owner
        return join ' ', map { unpack 'H*', $_ } nfreeze($root), freeze($root);
    },
    again => sub {
        my $answer = eval { unpack 'H*', nfreeze(thaw(pack 'H*', $_[0])) };
        return defined $answer ? $answer : "!$@" =~ s/\n//gr;
    },
    number => sub { my $number = unpack 'd>', pack 'H*', $_[0]; return "$number" },
);

$| = 1;
while (my $line = <STDIN>) {
    my ($task, $argument) = split ' ', $line;
    print $answers{$task}->($argument), "\n";
}
