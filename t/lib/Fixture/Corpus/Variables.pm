package Fixture::Corpus::Variables;

# Structures for which Storable's variables matter, other than those for code.

use strict;
use warnings;

use Storable ();
use Fixture::Corpus::Overloaded;

my $too_deep = qr/^Max\. recursion depth with nested structures exceeded/;

sub structures {
    return ( flags(), limits() );
}

sub flags {
    my %flags      = ( none => 0, BLESS_OK => 2, TIE_OK => 4 );
    my $object     = sub { [ bless( {}, 'Fixture::Corpus::Plain' ), { a => bless [], 'Fixture::Corpus::Plain' } ] };
    my $overloaded = sub { [ bless {}, 'Fixture::Corpus::Overloaded' ] };
    my $unblessed  = qr/^Cannot restore overloading on HASH/;
    my $plain      = [ 'Storable misses the class', sub { ref $_[0][0] eq 'HASH' } ];
    return (
        ( map { [ "objects, read with the flags $_", $object, set => { flags => $flags{$_} } ] } sort keys %flags ),
        [
            'an overloaded object, read unblessed', $overloaded, set => { flags => 0 }, unread => $unblessed,
            differs => $plain
        ],
        [ 'plain data, read with no flags', sub { [ 1, { a => 2 } ] }, set => { flags               => 0 } ],
        [ 'a newer minor version may come', sub { [1] },               set => { accept_future_minor => 1 } ],
    );
}

# Storable's own limits hold on this machine, or lower ones that are set.
sub limits {
    my %nest = (
        arrays     => sub { [ $_[0] ] },
        hashes     => sub { { a => $_[0] } },
        references => sub { my ($deeper) = @_; \$deeper },
        objects    => sub { bless [ $_[0] ], 'Fixture::Corpus::Plain' },
        mixture    => sub { my ($deeper) = @_; [ { a => \$deeper } ] },
    );
    my %low = ( recursion_limit => 30, recursion_limit_hash => 30 );

    # Ours count containers and references, two for a level: where references lead to references, they allow more.
    my %depths = map { $_ => /references|mixture/ ? [ 5, 8, 100 ] : [ 5, 8 .. 16, 28 .. 33, 60 ] } keys %nest;
    my @low    = map {
        my $kind = $_;
        map { [ "$kind, $_ deep, where 30 are allowed", deep( $_, $nest{$kind} ), set => \%low, any => 1 ] }
          @{ $depths{$kind} };
    } sort keys %nest;
    return (
        @low,
        [ 'arrays, deep beyond any limit',     deep( 20_000, $nest{arrays} ),     refused => $too_deep ],
        [ 'hashes, deep beyond any limit',     deep( 20_000, $nest{hashes} ),     refused => $too_deep ],
        [ 'references, deep beyond any limit', deep( 20_000, $nest{references} ), refused => $too_deep ],
        [
            'arrays, 2,000 deep, without a limit', deep( 2_000, $nest{arrays} ),
            set => { recursion_limit => -1, recursion_limit_hash => -1 }
        ],
    );
}

sub deep {
    my ( $depth, $nest ) = @_;
    return sub {
        my $structure = [];
        $structure = $nest->($structure) for 1 .. $depth;
        return $structure;
    };
}

1;
