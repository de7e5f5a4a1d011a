package Fixture::Leaks;

# Ways through the codec that no scalar may outlive.
#
#     tight 'thaw' => sub { my $copy = thaw($image) };
#     all_ways 'an object' => sub { return bless [], 'Some::Class' };
#     all_ways 'ten levels down' => sub { return below( 10, $value ) };
#
# A way may die.

use strict;
use warnings;

use Exporter 'import';
use Test::LeakTrace                         qw(no_leaks_ok);
use Apache::Session::Memorycached::Storable qw(freeze nfreeze thaw dclone);

our @EXPORT = qw(tight all_ways below);

# What is made once and kept (caches of methods, compiled code) is no leak: each way
# is gone twice before it is looked at.
sub tight {
    my ( $name, $block ) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $way = sub {
        eval { $block->() };
        undef $@;
    };
    $way->() for 1 .. 2;
    return no_leaks_ok { $way->() } $name;
}

sub all_ways {
    my ( $name, $make ) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    tight "$name: freeze",         sub { my $image = freeze( $make->() ) };
    tight "$name: dclone",         sub { my $copy  = dclone( $make->() ) };
    tight "$name: there and back", sub { my $copy  = thaw( nfreeze( $make->() ) ) };
    return;
}

# The value inside so many hashes, references and arrays.
sub below {
    my ( $levels, $value ) = @_;
    for my $level ( 1 .. $levels ) {
        my $inner = $value;
        $value =
            $level % 3 == 0 ? [ 1, $inner, 2 ]
          : $level % 3 == 1 ? { a => 1, b => $inner, c => [] }
          :                   \$inner;
    }
    return $value;
}

1;
