# No crate of Cargo.lock needs a later Rust than Makefile.PL asks for.

use strict;
use warnings;
use Test::More;

use JSON::PP ();

my $metadata = `cargo metadata --format-version 1 --locked 2>&1`;
plan skip_all => "cargo tells nothing: $metadata" if $? && !$ENV{CI};
is $?, 0, 'cargo tells what is used' or diag $metadata;
$metadata =~ s/^[^{]*\n(?=\{)//s;

open my $makefile, '<', 'Makefile.PL' or die "Makefile.PL: $!";
my ($promised) = map { /RUST_NEEDED = '1\.(\d+)'/ } <$makefile>;
ok $promised, 'Makefile.PL names a Rust';

for my $package ( @{ JSON::PP::decode_json($metadata)->{packages} } ) {
    my ($needed) = ( $package->{rust_version} // '1.0' ) =~ /^1\.(\d+)/;
    cmp_ok $needed, '<=', $promised, "$package->{name} $package->{version}";
}

done_testing;
