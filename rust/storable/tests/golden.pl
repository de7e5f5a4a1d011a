#!/usr/bin/perl
# Makes the images in golden/ with the installed Storable, and golden/INDEX, which says what each is:
# a file, how it reads (ok, or what it is refused for), and the Perl expression that was frozen.
#
#     perl tests/golden.pl
#
# NAME.net.bin is what nfreeze writes, NAME.nat.bin what freeze does. Made once, on x86-64; made again
# only when a case is added, and then only new files should change.
use strict;
use warnings;
no warnings qw(once);
use utf8;

use File::Basename qw(dirname);
use Storable 3.00  ();
use Scalar::Util   ();
use Hash::Util     ();
use Tie::Hash      ();

$Storable::canonical = 1;
$Storable::Deparse   = 1;

{
    package Overloaded;
    use overload '""' => sub {'text'}, fallback => 1;

    package Hooked;
    sub STORABLE_freeze { return 'frozen' }
    sub STORABLE_thaw   { return }

    package Recursing;
    sub STORABLE_freeze { return ('frozen', [1]) }
    sub STORABLE_thaw   { return }
}

my @cases = (
    [ undef_alone     => 'ok', '\undef' ],
    [ integers        => 'ok', '[0, 1, -1, 127, 128, -128, -129, 2147483647, 2147483648, -2147483648, -2147483649, 9223372036854775807, -9223372036854775807 - 1]' ],
    [ unsigned        => 'ok', '[18446744073709551615, 9223372036854775808]' ],
    [ doubles         => 'ok', '[0.5, -0.1, 1e100, 1e-7, 3.14159265358979, 1/3]' ],
    [ whole_doubles   => 'ok', '[1e3, -2.0, 1e15, 1e16, 1e20]' ],
    [ infinities      => 'ok', '[9**9**9, -9**9**9]' ],
    [ strings         => 'ok', '["", "a", "0", "x" x 255, "\0\xff\x80"]' ],
    [ long_string     => 'ok', '[("x" x 256), ("y" x 1000)]' ],
    [ texts           => 'ok', '["\x{263a}", "caf\x{e9}\x{263a}", "\x{263a}" x 85, "\x{263a}" x 86]' ],
    [ lax_texts       => 'ok', 'do { no warnings; ["\x{d800}", "\x{110000}", "\x{7fffffff}"] }' ],
    [ booleans        => 'ok', '[!!1, !!0]' ],
    [ immortals       => 'ok', '[\undef, \!!1, \!!0, \undef, \!!1]' ],
    [ undefs          => 'ok', '[undef, undef]' ],
    [ holes           => 'ok', 'do { my @a; $a[3] = 1; \@a }' ],
    [ undef_elements  => 'ok', 'do { my @a = (1); push @a, undef; sub { \@_ }->(undef, @a) }' ],
    [ empty_array     => 'ok', '[]' ],
    [ empty_hash      => 'ok', '{}' ],
    [ hash            => 'ok', '{ a => 1, b => "two", "" => undef, "long key " x 40 => 3 }' ],
    [ utf8_keys       => 'ok', '{ "\x{263a}" => 1, "caf\x{e9}" => 2, plain => 3 }' ],
    [ was_utf8_keys   => 'ok', 'do { my $k = "caf\x{e9}"; utf8::upgrade($k); +{ $k => 1 } }' ],
    [ flags_left      => 'ok', 'do { my %h = ("\x{263a}" => 1, a => 2); delete $h{"\x{263a}"}; \%h }' ],
    [ restricted      => 'ok', 'do { my %h = (a => 1, b => 2); Hash::Util::lock_keys(%h); \%h }' ],
    [ locked_value    => 'ok', 'do { my %h = (a => 1, b => 2); Hash::Util::lock_keys(%h); Hash::Util::lock_value(%h, "a"); \%h }' ],
    [ placeholders    => 'ok', 'do { my %h = (a => 1); Hash::Util::lock_keys(%h, qw(a b c)); \%h }' ],
    [ nested          => 'ok', '{ list => [1, [2, [3]]], map => { a => { b => { c => 1 } } } }' ],
    [ references      => 'ok', '[\1, \\\\"x", \[], \{}]' ],
    [ scalar_ref      => 'ok', '\"text"' ],
    [ shared          => 'ok', 'do { my $x = [1]; my $y = "s"; [$x, $x, \$y, \$y, { x => $x }] }' ],
    [ cycle           => 'ok', 'do { my $h = {}; $h->{self} = $h; $h->{list} = [$h]; $h }' ],
    [ self_reference  => 'ok', 'do { my $r; $r = \$r; $r }' ],
    [ weak            => 'ok', 'do { my $h = { kid => {} }; $h->{kid}{up} = $h; Scalar::Util::weaken($h->{kid}{up}); $h }' ],
    [ blessed         => 'ok', 'bless({ a => bless([], "One"), b => bless(\(my $x = 1), "Two"), c => bless({}, "One") }, "Three")' ],
    [ many_classes    => 'ok', '[map { bless [], sprintf "C%03d", $_ % 140 } 0 .. 279]' ],
    [ long_class      => 'ok', '[map { bless [], "Long" x 32 } 1 .. 2]' ],
    [ overloaded      => 'ok', '[map { bless {}, "Overloaded" } 1 .. 2]' ],
    [ weak_overloaded => 'ok', 'do { my $o = bless {}, "Overloaded"; my $w = [$o, $o]; Scalar::Util::weaken($w->[1]); $w }' ],
    [ blessed_ref     => 'ok', 'bless(\(my $r = []), "Ref")' ],
    [ session         => 'ok', '{ _session_id => "0123456789abcdef0123456789abcdef", _utime => 1790000000, uid => "dwho", groups => ["users", "timelords"], mail => "dwho\@example.com", cn => "Doctor \x{263a}", auth => { level => 2, at => 1.5 } }' ],
    [ vstring         => 'ok', '[v1.22.333, bless(\(my $v = v1.2), "Version")]' ],
    [ hook            => 'an object of Hooked with a STORABLE hook', '[bless {}, "Hooked"]' ],
    [ recursing_hook  => 'an object with a STORABLE hook', '[bless {}, "Recursing"]' ],
    [ tied_hash       => 'a tied hash', 'do { tie my %h, "Tie::StdHash"; [\%h] }' ],
    [ tied_array      => 'a tied array', 'do { require Tie::Array; tie my @a, "Tie::StdArray"; [\@a] }' ],
    [ tied_scalar     => 'a tied scalar', 'do { require Tie::Scalar; tie my $s, "Tie::StdScalar", 1; [\$s] }' ],
    [ code            => 'a code reference', '[sub { 1 }]' ],
    [ regexp          => 'a regular expression', '[qr/a+/i]' ],
);

my $directory = dirname(__FILE__) . '/golden';
mkdir $directory;

sub spew {
    my ($name, $bytes) = @_;
    open my $fh, '>:raw', "$directory/$name" or die "$directory/$name: $!\n";
    print {$fh} $bytes;
    close $fh or die "$directory/$name: $!\n";
    return;
}

my $index = '';
for my $case (@cases) {
    my ($name, $expected, $code) = @$case;
    for my $form ([ net => \&Storable::nfreeze ], [ nat => \&Storable::freeze ]) {
        my $data = eval $code;
        die "$name: $@" if $@;
        spew("$name.$form->[0].bin", $form->[1]->($data));
        $index .= "$name.$form->[0].bin\t$expected\t$code\n";
    }
}
spew(INDEX => $index);
