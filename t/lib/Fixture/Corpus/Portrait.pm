package Fixture::Corpus::Portrait;

# All that can be told of a structure, as text: two structures are the same
# when their portraits are.
#
#     is portrait($got), portrait($expected);
#
# One line for each scalar, array, hash and so on, in the order of a walk: its
# number, its class, its flags and its value. One that the walk has come to
# before is a line with that number, so sharing and circles show. Of a
# reference it tells whether it is weak; of a hash, which keys it hides; of
# anything tied, what object stands behind it. No overloaded operator and no
# method of a tie is called. The one thing that is run is code: what it returns
# is part of its portrait.

use strict;
use warnings;
no warnings 'recursion';
no overloading;

use B            ();
use B::Deparse   ();
use Digest::MD5  ();
use Exporter     qw(import);
use Hash::Util   ();
use Scalar::Util qw(blessed isweak refaddr);
use re           ();

our @EXPORT_OK = qw(portrait quoted);

my @FLAGS = (
    [ IOK      => B::SVf_IOK ],
    [ NOK      => B::SVf_NOK ],
    [ POK      => B::SVf_POK ],
    [ ROK      => B::SVf_ROK ],
    [ pIOK     => B::SVp_IOK ],
    [ pNOK     => B::SVp_NOK ],
    [ pPOK     => B::SVp_POK ],
    [ READONLY => B::SVf_READONLY ],
    ( B->can('SVf_PROTECT') ? [ PROTECT => B->SVf_PROTECT ] : () ),    # since perl 5.22
);

# Magic that says nothing of the value: back references, the cache of UTF-8
# positions, the count of hidden keys.
my %SILENT = map { $_ => 1 } '<', 'w', '%';

my %KIND = (
    AV     => \&array,
    HV     => \&hash,
    CV     => \&code,
    REGEXP => \&regexp,
    GV     => sub { line( @_[ 0, 1 ], 'glob ' . $_[2]->NAME ) },
    IO     => sub { line( @_[ 0, 1 ], 'handle' ) },
    FM     => sub { line( @_[ 0, 1 ], 'format' ) },
);

sub portrait {
    my $walk = { numbers => {}, lines => [] };
    node( $walk, 0, 'root', \$_[0] );
    return join "\n", @{ $walk->{lines} }, '';
}

sub line {
    my ( $walk, $depth, $text ) = @_;
    push @{ $walk->{lines} }, "$depth $text";
    return;
}

sub node {
    my ( $walk, $depth, $label, $ref ) = @_;
    my $b = B::svref_2object($ref);
    return line( $walk, $depth, "$label: immortal $B::specialsv_name[$$b]" )
      if $b->isa('B::SPECIAL');

    my $number = $walk->{numbers}{ refaddr $ref };
    return line( $walk, $depth, "$label: #$number again" ) if defined $number;
    $number = $walk->{numbers}{ refaddr $ref } = keys %{ $walk->{numbers} };

    my ($type) = ref($b) =~ /(\w+)$/;
    my $class  = blessed $ref;
    my $what   = $KIND{$type} ? $type : 'scalar';
    my $flags  = join ' ', grep { length } flags($b), defined $class ? 'of ' . quoted($class) : '';
    line( $walk, $depth, "$label: #$number $what $flags" );
    return if magic( $walk, $depth + 1, $b ) && $what =~ /^[AH]V$/;
    return ( $KIND{$type} // \&scalar )->( $walk, $depth + 1, $b, $ref );
}

sub flags {
    my ($b) = @_;
    my $flags = $b->FLAGS;
    return map { $_->[0] } grep { $flags & $_->[1] } @FLAGS;
}

# Returns whether it is tied.
sub magic {
    my ( $walk, $depth, $b ) = @_;
    return if !$b->can('MAGIC') || !( $b->FLAGS & ( B::SVs_GMG | B::SVs_SMG | B::SVs_RMG ) );
    my $tied;
    for my $magic ( $b->MAGIC ) {
        my $type = $magic->TYPE;
        next if $SILENT{$type};
        line( $walk, $depth, "magic $type" );
        if ( $type eq 'V' ) { line( $walk, $depth, 'v-string ' . quoted( $magic->PTR ) ) }
        next if $type !~ /^[Ppq]$/;
        $tied = 1;
        behind( $walk, $depth, 'tied to', $magic->OBJ );
        next if $type ne 'p';
        my $key = $magic->PTR;
        if ( ref $key ) { behind( $walk, $depth, 'key', $key ) }
        else            { line( $walk, $depth, 'index ' . $magic->LENGTH ) }
    }
    return $tied;
}

# Something that B has led to: the immortals and nothing at all have no address.
sub behind {
    my ( $walk, $depth, $label, $b ) = @_;
    return node( $walk, $depth, $label, $b->object_2svref ) if !$b->isa('B::SPECIAL');
    return line( $walk, $depth, "$label: immortal $B::specialsv_name[$$b]" ) if $$b;
    return line( $walk, $depth, "$label: nothing" );
}

sub array {
    my ( $walk, $depth, $b ) = @_;
    my $index = 0;
    behind( $walk, $depth, $index++, $_ ) for $b->ARRAY;
    return;
}

# References to the values are taken by way of `values`, which hands out the
# immortals among them as they are.
sub hash {
    my ( $walk, $depth, $b, $ref ) = @_;
    my @keys = keys %$ref;
    line( $walk, $depth, 'holds ' . keys %$ref );
    my %value;
    @value{ map { quoted($_) } @keys } = map { \$_ } values %$ref;
    node( $walk, $depth, $_, $value{$_} ) for sort keys %value;
    line( $walk, $depth, "hidden $_" ) for sort map { quoted($_) } Hash::Util::hidden_ref_keys($ref);
    return;
}

sub code {
    my ( $walk, $depth, $b, $ref ) = @_;
    return line( $walk, $depth, 'undefined' ) if !defined &$ref;
    return line( $walk, $depth, 'native' )    if $b->XSUB;
    line( $walk, $depth, $_ ) for split /\n/, B::Deparse->new->coderef2text($ref);
    my @result = eval { $ref->() };
    line( $walk, $depth, 'dies' ) if $@ ne '';
    node( $walk, $depth, 'returns', \@result );
    return;
}

sub regexp {
    my ( $walk, $depth, $b, $ref ) = @_;
    my ( $pattern, $flags ) = re::regexp_pattern($ref);
    return line( $walk, $depth, quoted($pattern) . " /$flags" );
}

sub scalar {
    my ( $walk, $depth, $b, $ref ) = @_;
    my $flags = $b->FLAGS;
    if ( $flags & B::SVf_ROK ) {
        my $weak = isweak($$ref) ? 'weakly refers to' : 'refers to';
        return node( $walk, $depth, $weak, $$ref );
    }
    line( $walk, $depth, 'string ' . quoted( $b->PV ) ) if $flags & B::SVf_POK;
    line( $walk, $depth, 'integer ' . ( $flags & B::SVf_IVisUV ? $b->UVX : $b->IVX ) )
      if $flags & B::SVf_IOK;
    line( $walk, $depth, 'double ' . unpack 'H*', pack 'd>', $b->NVX ) if $flags & B::SVf_NOK;
    return;
}

# In ASCII, whether it is bytes or text, and short.
sub quoted {
    my ($string) = @_;
    return 'undef' if !defined $string;
    my $kind = utf8::is_utf8($string) ? 'text' : 'bytes';
    if ( length $string > 100 ) {
        my $length = length $string;
        utf8::encode($string) if $kind eq 'text';
        return "$kind of $length, " . Digest::MD5::md5_hex($string);
    }
    $string =~ s/([^ !#-\[\]-~])/sprintf '\\x{%x}', ord $1/ge;
    return qq($kind "$string");
}

1;
