#!/usr/bin/perl
# Makes the images in golden/ with the installed Storable, and golden/INDEX, which says what each is:
# a file, what it is (ok: it comes out byte for byte; as NAME: it is the same value as that one), and the Perl
# expression that was frozen, or the layout in which ByHand.pm wrote it.
#
#     perl tests/golden.pl
#
# NAME.net.bin is what nfreeze writes, NAME.nat.bin what freeze does; NAME.hand.bin is what other Storables wrote.
# Made once, on x86-64; made again only when a case is added, and then only new files should change.
use strict;
use warnings;
no warnings qw(once);
use utf8;

use File::Basename qw(dirname);
use lib dirname(__FILE__);

use ByHand        ();
use Storable 3.00 ();
use Scalar::Util  ();
use Hash::Util    ();
use Tie::Array    ();
use Tie::Hash     ();
use Tie::Scalar   ();

$Storable::canonical = 1;
$Storable::Deparse   = 1;

{

    package Overloaded;
    use overload '""' => sub { 'text' }, fallback => 1;

    package Hooked;
    sub STORABLE_freeze { return 'frozen' }
    sub STORABLE_thaw   { return }

    package Recursing;
    sub STORABLE_freeze { return ( 'frozen', [1] ) }
    sub STORABLE_thaw   { return }

    # Its hook returns what it is told to.
    package Told;
    our %tell;
    sub STORABLE_freeze { my ($self) = @_; return @{ $tell{ 0 + $self } || ['frozen'] } }
    sub STORABLE_thaw   { return }
    sub of { my ( $class, $object, @told ) = @_; $tell{ 0 + $object } = \@told; return bless $object, $class }

    package Told::Again;
    our @ISA = 'Told';

    package OverloadedHooked;
    use overload '""' => sub { 'text' }, '0+' => sub { Scalar::Util::refaddr(shift) }, fallback => 1;
    our @ISA = 'Told';

    package Attached;
    sub STORABLE_freeze { return 'frozen' }
    sub STORABLE_attach { my ( $class, $cloning, $frozen ) = @_; return bless [$frozen], $class }
}

# Classes with a hook whose names are no words of the program.
sub hooked_class {
    my ($class) = @_;
    no strict 'refs';
    @{"${class}::ISA"} = 'Told';
    return $class;
}

my @cases = (
    [ undef_alone => '\undef' ],
    [
        integers =>
'[0, 1, -1, 127, 128, -128, -129, 2147483647, 2147483648, -2147483648, -2147483649, 9223372036854775807, -9223372036854775807 - 1]'
    ],
    [ unsigned       => '[18446744073709551615, 9223372036854775808]' ],
    [ doubles        => '[0.5, -0.1, 1e100, 1e-7, 3.14159265358979, 1/3]' ],
    [ whole_doubles  => '[1e3, -2.0, 1e15, 1e16, 1e20]' ],
    [ infinities     => '[9**9**9, -9**9**9]' ],
    [ strings        => '["", "a", "0", "x" x 255, "\0\xff\x80"]' ],
    [ long_string    => '[("x" x 256), ("y" x 1000)]' ],
    [ texts          => '["\x{263a}", "caf\x{e9}\x{263a}", "\x{263a}" x 85, "\x{263a}" x 86]' ],
    [ lax_texts      => 'do { no warnings; ["\x{d800}", "\x{110000}", "\x{7fffffff}"] }' ],
    [ booleans       => '[!!1, !!0]' ],
    [ immortals      => '[\undef, \!!1, \!!0, \undef, \!!1]' ],
    [ undefs         => '[undef, undef]' ],
    [ holes          => 'do { my @a; $a[3] = 1; \@a }' ],
    [ undef_elements => 'do { my @a = (1); push @a, undef; sub { \@_ }->(undef, @a) }' ],
    [ empty_array    => '[]' ],
    [ empty_hash     => '{}' ],
    [ hash           => '{ a => 1, b => "two", "" => undef, "long key " x 40 => 3 }' ],
    [ utf8_keys      => '{ "\x{263a}" => 1, "caf\x{e9}" => 2, plain => 3 }' ],
    [ was_utf8_keys  => 'do { my $k = "caf\x{e9}"; utf8::upgrade($k); +{ $k => 1 } }' ],
    [ flags_left     => 'do { my %h = ("\x{263a}" => 1, a => 2); delete $h{"\x{263a}"}; \%h }' ],
    [ restricted     => 'do { my %h = (a => 1, b => 2); Hash::Util::lock_keys(%h); \%h }' ],
    [
        locked_value =>
          'do { my %h = (a => 1, b => 2); Hash::Util::lock_keys(%h); Hash::Util::lock_value(%h, "a"); \%h }'
    ],
    [ placeholders   => 'do { my %h = (a => 1); Hash::Util::lock_keys(%h, qw(a b c)); \%h }' ],
    [ nested         => '{ list => [1, [2, [3]]], map => { a => { b => { c => 1 } } } }' ],
    [ references     => '[\1, \\\\"x", \[], \{}]' ],
    [ scalar_ref     => '\"text"' ],
    [ shared         => 'do { my $x = [1]; my $y = "s"; [$x, $x, \$y, \$y, { x => $x }] }' ],
    [ cycle          => 'do { my $h = {}; $h->{self} = $h; $h->{list} = [$h]; $h }' ],
    [ self_reference => 'do { my $r; $r = \$r; $r }' ],
    [ weak           => 'do { my $h = { kid => {} }; $h->{kid}{up} = $h; Scalar::Util::weaken($h->{kid}{up}); $h }' ],
    [ blessed => 'bless({ a => bless([], "One"), b => bless(\(my $x = 1), "Two"), c => bless({}, "One") }, "Three")' ],
    [ many_classes    => '[map { bless [], sprintf "C%03d", $_ % 140 } 0 .. 279]' ],
    [ long_class      => '[map { bless [], "Long" x 32 } 1 .. 2]' ],
    [ overloaded      => '[map { bless {}, "Overloaded" } 1 .. 2]' ],
    [ weak_overloaded => 'do { my $o = bless {}, "Overloaded"; my $w = [$o, $o]; Scalar::Util::weaken($w->[1]); $w }' ],
    [ blessed_ref     => 'bless(\(my $r = []), "Ref")' ],
    [
        session =>
'{ _session_id => "0123456789abcdef0123456789abcdef", _utime => 1790000000, uid => "dwho", groups => ["users", "timelords"], mail => "dwho\@example.com", cn => "Doctor \x{263a}", auth => { level => 2, at => 1.5 } }'
    ],
    [ vstring        => '[v1.22.333, bless(\(my $v = v1.2), "Version")]' ],
    [ hook           => '[bless {}, "Hooked"]' ],
    [ recursing_hook => '[bless {}, "Recursing"]' ],
    [ tied_hash      => 'do { tie my %h, "Tie::StdHash"; [\%h] }' ],
    [ tied_array     => 'do { require Tie::Array; tie my @a, "Tie::StdArray"; [\@a] }' ],
    [ tied_scalar    => 'do { require Tie::Scalar; tie my $s, "Tie::StdScalar", 1; [\$s] }' ],
    [ code           => '[sub { 1 }]' ],
    [ regexp         => '[qr/a+/i]' ],
    [ hook_shapes    => '[map { Told->of($_, ref $_) } \(my $x = 1), [1], { a => 1 }]' ],
    [ hook_indexed   => '[map { Told->of([], "no $_") } 1 .. 3]' ],
    [ hook_refs      => 'do { my $x = [1]; my $y = "y"; [$x, Told->of({}, "", $x, \$y, [$x, \$y], \undef), \$y] }' ],
    [ hook_self      => 'do { my $o = []; my $p = [$o]; Told->of($o, "self", $o, $p, $p); $o }' ],
    [
        hook_nested =>
          'Told->of({}, "outer", Told->of([], "middle", [Told->of([], "inner", [])]), [Told::Again->of([], "")])'
    ],
    [
        hook_mixed =>
'[bless([], "Told::Again::Not"), Told::Again->of({}, "", [bless {}, "Told::Again::Not"]), Told::Again->of({}, "")]'
    ],
    [ hook_strings => '[map { Told->of({}, $_) } "", "x" x 255, "x" x 256, "\0\xff"]' ],
    [
        hook_long_class =>
          '[map { (hooked_class($_))->of({}, "") } "Long" x 63, "Long" x 64, "Long" x 63, "Long" x 64]'
    ],
    [ hook_classes    => '[map { hooked_class(sprintf "H%03d", $_ % 300)->of([], "") } 0 .. 302, 255, 256, 299]' ],
    [ hook_list_255   => 'do { my @l = map { [$_] } 1 .. 255; Told->of([], "", @l) }' ],
    [ hook_list_256   => 'do { my @l = map { [$_] } 1 .. 256; Told->of([], "", @l, @l[0, 1]) }' ],
    [ hook_overloaded => '[map { OverloadedHooked->of({}, "") } 1 .. 2]' ],
    [ hook_attached   => '[bless({}, "Attached"), bless([], "Attached")]' ],
    [
        hook_declined =>
          'do { my $o = { a => 1 }; Told->of($o); $Told::tell{ 0 + $o } = []; [$o, Told->of([], "not")] }'
    ],
    [ hook_weak       => 'do { my $o = Told->of({}, ""); my $l = [$o, $o]; Scalar::Util::weaken($l->[1]); $l }' ],
    [ hook_tied_hash  => 'do { tie my %h, "Tie::StdHash"; [Told->of(\%h, "tied", [1])] }' ],
    [ hook_tied_array => 'do { tie my @a, "Tie::StdArray"; [Told->of(\@a, "x" x 300)] }' ],
    [ hook_tied_value => 'do { tie my $s, "Tie::StdScalar", 1; [Told->of(\$s, "tied")] }' ],
    [
        tied_contents =>
          'do { tie my %h, "Tie::StdHash"; tie my @a, "Tie::StdArray"; @a = (1, \%h); %h = (a => \@a); [\%h, \@a] }'
    ],
    [ tied_blessed => 'do { tie my %h, "Tie::StdHash"; [bless(\%h, "Blessed"), bless([], "Blessed")] }' ],
    [ tied_hooked  => 'do { tie my %h, "Tie::StdHash"; Told->of(tied %h, "behind"); [\%h] }' ],
    [ tied_keys    => 'do { tie my %h, "Tie::StdHash"; %h = (a => 1); [\$h{a}, \$h{"\x{263a}"}, \%h] }' ],
    [ tied_indexes => 'do { tie my @a, "Tie::StdArray"; @a = (1, 2, 3); [\$a[0], \$a[2], \@a] }' ],
    [ code_texts   => '[sub { "\x{263a}" }, sub { "caf\x{e9}" }]' ],
    [
        code_long =>
          '[sub { return $_[0] + 1 + 2 + $_[1] x 3 . $_[2], map { $_ . "x" } grep { $_ > 3 } reverse 1 .. $_[3] }]'
    ],
    [ code_shared    => 'do { my $c = bless sub { 1 }, "Coded"; [$c, $c, { c => $c }] }' ],
    [ regexps        => '[qr//, qr/a b/xmsi, qr/\d+/a, qr/\w/aai, qr/x/n, qr/\xe9/u]' ],
    [ regexp_texts   => '[qr/\x{263a}/, qr/caf\x{e9}/]' ],
    [ regexp_long    => '[qr/${\("x" x 255)}/, qr/${\("x" x 256)}/]' ],
    [ regexp_blessed => 'do { my $r = qr/a/; [bless(qr/b/, "Pattern"), $r, $r] }' ],
    [ vstring_long   => '[eval("v" . join ".", (1) x 200), v1.22]' ],
    [ classes_300    => '[map { bless [], "D" . $_ % 300 } 0 .. 302, 255, 256, 299]' ],
    [ class_texts    => '[map { bless [], "Caf\x{e9}\x{263a}" } 1 .. 2]' ],
    [ long_list      => '[(undef, 1) x 500]' ],
    [ many_pairs     => '+{ map { ("key$_" => $_) } 1 .. 300 }' ],
    [ weak_only      => 'do { my $x = [1]; my $l = [$x, { x => $x }]; Scalar::Util::weaken($l->[1]{x}); $l }' ],
    [ sample         => 'sample()' ],
);

# What ByHand.pm writes in all layouts.
sub sample {
    my $shared = [ 'shared', 'x' x 300 ];
    return {
        integers => [ 0,       -1, 127, -128, 128, 300, -70_000, 2**31 - 1, -2**31 ],
        doubles  => [ 1.5,     -0.25 ],
        list     => [ $shared, $shared, \$shared, [], {} ],
        objects  => [ bless( { a => 1 }, 'One' ), bless( [], 'Two' ), bless( \( my $x = 'x' ), 'One' ) ],
        ''       => 'text',
    };
}

my $directory = dirname(__FILE__) . '/golden';
mkdir $directory;

sub spew {
    my ( $name, $bytes ) = @_;
    open my $fh, '>:raw', "$directory/$name" or die "$directory/$name: $!\n";
    print {$fh} $bytes;
    close $fh or die "$directory/$name: $!\n";
    return;
}

my $index = '';
for my $case (@cases) {
    my ( $name, $code ) = @$case;
    for my $form ( [ net => \&Storable::nfreeze ], [ nat => \&Storable::freeze ] ) {
        my $data = eval $code;
        die "$name: $@" if $@;
        spew( "$name.$form->[0].bin", $form->[1]->($data) );
        $index .= "$name.$form->[0].bin\tok\t$code\n";
    }
}

# The name, what it is the same as, and the layout or the bytes.
sub by_hand {
    my ( $name, $same, @layout ) = @_;
    my $bytes = @layout == 1 ? $layout[0] : ByHand::image( sample(), @layout );
    spew( "$name.hand.bin", $bytes );
    my %layout = @layout == 1 ? () : @layout;
    $index .= "$name.hand.bin\tas $same.net.bin\t" . join( ', ', map { "$_ $layout{$_}" } sort keys %layout ) . "\n";
    return;
}

my %little   = ( order => '<', iv => 8, long => 8, pointer => 8 );
my %big      = ( order => '>', iv => 4, long => 4, pointer => 4 );
my %machines = (
    little_64   => {%little},
    little_32   => { order => '<', iv => 4, long => 4, pointer => 4 },
    little_32_8 => { order => '<', iv => 8, long => 4, pointer => 4 },
    little_64_4 => { order => '<', iv => 8, long => 4, pointer => 8 },
    big_64      => { order => '>', iv => 8, long => 8, pointer => 8 },
    big_32      => {%big},
);

for my $minor ( 0 .. 12 ) {
    by_hand( sprintf( 'minor_%02d_network', $minor ), 'sample', minor => $minor );
    by_hand( sprintf( 'minor_%02d_native', $minor ), 'sample', minor => $minor, %little );
}
for my $machine ( sort keys %machines ) {
    my %machine = %{ $machines{$machine} };
    by_hand( "machine_$machine",       'sample', %machine );
    by_hand( "machine_${machine}_0_6", 'sample', %machine, major => 1 );
    by_hand( "machine_${machine}_0_5", 'sample', %machine, major => 0 );
    by_hand( "machine_${machine}_0_1", 'sample', %machine, major => 0, versionless => 1, file => 1 );
    by_hand( "large_$machine",         'sample', %machine, large => 1 );
}
by_hand( 'network_0_6',      'sample', major => 1 );
by_hand( 'network_0_5',      'sample', major => 0 );
by_hand( 'large_network',    'sample', large => 1 );
by_hand( 'file_network',     'sample', file  => 1 );
by_hand( 'file_native',      'sample', file  => 1, %little );
by_hand( 'file_network_0_6', 'sample', file  => 1, major => 1 );
by_hand( 'file_native_0_6',  'sample', file  => 1, major => 1, %little );
by_hand( 'file_network_0_5', 'sample', file  => 1, major => 0 );
by_hand( 'file_native_0_5',  'sample', file  => 1, major => 0, %big );

# What ByHand.pm does not write.
by_hand(
    large_texts => 'texts', "\5\13" . pack 'C N (C C Q>/a*)4', 2, 4,
    map { ( 33, 24, $_ ) } map { utf8::encode($_); $_ } my @texts =
      ( "\x{263a}", "caf\x{e9}\x{263a}", "\x{263a}" x 85, "\x{263a}" x 86 )
);
by_hand(
    large_flag_hash => 'restricted', "\5\13" . pack 'C C C Q> (C C C N/a*)2', 33, 25, 1, 2, 8, 129, 0, 'a', 8,
    130, 0, 'b'
);
by_hand( large_hook => 'hook', "\5\13" . pack 'C N C C C C C/a* Q>/a*', 2, 1, 4, 33, 19, 2, 'Hooked', 'frozen' );
by_hand(
    large_hook_list => 'recursing_hook',
    "\5\13" . pack 'C N C C C C N C C C C/a* C/a* l> Q>', 2, 1, 4, 19, 0x42, 2, 1, 8, 129, 0x92, 'Recursing', 'frozen',
    -1, 3
);
by_hand( booleans_3_27 => 'booleans', "\5\13" . pack 'C N C C', 2, 2, 34, 35 );
by_hand(
    tied_0_6 => 'tied_hash', "\3" . pack 'C N C C C C N a C/a* a*', 2, 1, 4, 12, 4, 3, 0, 'b', 'Tie::StdHash',
    'XXXXX'
);
by_hand(
    tied_0_5 => 'tied_hash', "\1" . pack 'N C N a N C N C N C N C N a C/a* a*',
    1, 2, 1, 'i', 2, 4, 3, 12, 4, 4, 5, 3, 0, 'b', 'Tie::StdHash', 'XXXXX'
);

spew( INDEX => $index );
