#!/usr/bin/perl
# The installed Storable's side of live.rs. Each line of standard input is one task, a word and an
# argument; each gets one line of answer.
#
#     random SEED     a structure made from the seed: nfreeze and freeze of it in hexadecimal
#     again HEX       thaw, then nfreeze in hexadecimal; or an exclamation mark and the error
#     file HEX        the same of what lies in a file: retrieve, then nfreeze
#     number HEX      the string of the double with these bytes, in network order
use strict;
use warnings;
no warnings qw(recursion);

use File::Temp   ();
use Storable     qw(freeze nfreeze retrieve thaw);
use Scalar::Util qw(weaken);
use Tie::Hash    ();

$Storable::canonical            = 1;
$Storable::recursion_limit      = -1;
$Storable::recursion_limit_hash = -1;

{

    package Overloaded;
    use overload '""' => sub { 'text' }, fallback => 1;

    # Its hook returns what it is told to.
    package Told;
    our %tell;
    sub STORABLE_freeze { my ($self) = @_; return @{ $tell{ 0 + $self } } }
    sub STORABLE_thaw   { return }

    # As in golden.pl.
    package Hooked;
    sub STORABLE_freeze { return 'frozen' }
    sub STORABLE_thaw   { return }

    package Recursing;
    sub STORABLE_freeze { return ( 'frozen', [1] ) }
    sub STORABLE_thaw   { return }
}

my @pool;

sub pick { return $_[ int rand @_ ] }

sub scalar_value {
    return pick(
        sub { undef },
        sub { int( rand 300 ) - 150 },
        sub { ( int( rand 2**31 ) ) * pick( 1, -1 ) },
        sub { ( int( rand 2**53 ) ) * pick( 1, -1 ) * 1 },
        sub { int( rand 1e6 ) / 8 + 1 / 16 },
        sub {
            join '', map { chr rand 256 } 1 .. rand pick( 5, 400 );
        },
        sub {
            join '', map { chr 0x100 + rand 0x2000 } 1 .. rand pick( 5, 200 );
        },
        sub { pick( !!0, !!1 ) },
    )->();
}

sub key {
    return join '', map { chr pick( 97 + rand 26, 97 + rand 26, rand 256, rand 0x300 ) } 0 .. rand 6;
}

sub told {
    my ( $object, @told ) = @_;
    $Told::tell{ 0 + $object } = \@told;
    push @pool, $object;
    return bless $object, 'Told';
}

sub structure {
    my ($depth) = @_;
    return pick(@pool) if @pool && rand() < .1;
    my $new = pick(
        sub { \( my $scalar = scalar_value() ) },
        sub { my @list; push @pool, \@list; push @list, value( $depth - 1 ) for 1 .. rand 6; \@list },
        sub { my %hash; push @pool, \%hash; $hash{ key() } = value( $depth - 1 ) for 1 .. rand 6; \%hash },
        sub { my $reference = structure( $depth - 1 ); \$reference },
        sub {
            told(
                pick( [], {}, \( my $scalar ) ), 'x' x rand pick( 10, 300 ),
                grep { ref } map { value( $depth - 1 ) } 1 .. rand 6
            );
        },
        sub { tie my %hash, 'Tie::StdHash'; push @pool, \%hash; $hash{ key() } = value( $depth - 1 ); \%hash },
        sub { my $pattern = 'a' x rand pick( 10, 300 ); pick( qr/$pattern/, qr/$pattern/xi ) },
    )->();
    bless $new, pick( 'Plain', 'Other::Class', 'Overloaded', 'Long' x 40 ) if rand() < .15;
    push @pool, $new;
    return $new;
}

sub value {
    my ($depth) = @_;
    return scalar_value() if $depth <= 0 || rand() < .5;
    my $reference = structure($depth);
    if ( rand() < .05 ) {
        push @pool, my $owner = $reference;
        weaken($reference);
    }
    return $reference;
}

sub frozen_again {
    my ($read) = @_;
    my $data = eval { $read->() };
    return '!' . ( $@ || 'nothing' ) =~ s/\n//gr if !defined $data;
    return eval { unpack 'H*', nfreeze($data) } // "!$@" =~ s/\n//gr;
}

my %answers = (
    random => sub {
        srand $_[0];
        @pool       = ();
        %Told::tell = ();
        my $root = { map { ( "k$_" => value(5) ) } 1 .. rand 20 };
        $root->{pool} = [@pool];    # what is only held weakly needs an owner
        return join ' ', map { unpack 'H*', $_ } nfreeze($root), freeze($root);
    },
    again => sub {
        my ($hex) = @_;
        return frozen_again( sub { thaw( pack 'H*', $hex ) } );
    },
    file => sub {
        my ($hex) = @_;
        my $file = File::Temp->new;
        binmode $file;
        print {$file} pack 'H*', $hex;
        close $file or die "$file: $!\n";
        return frozen_again( sub { retrieve("$file") } );
    },
    number => sub { my $number = unpack 'd>', pack 'H*', $_[0]; return "$number" },
);

$| = 1;
while ( my $line = <STDIN> ) {
    my ( $task, $argument ) = split ' ', $line;
    print $answers{$task}->($argument), "\n";
}
