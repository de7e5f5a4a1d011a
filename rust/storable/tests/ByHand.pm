# Images as other Storables and other machines wrote them, which the installed Storable can't write any more: made
# from the description of the format. Used by golden.pl.
#
#     use ByHand;
#     my $image = ByHand::image({ a => 1 }, major => 0, file => 1, order => '>', iv => 4, long => 4, pointer => 4);
#
# The layout is in network order unless `order` is given: `<` or `>`, for the least or the most significant byte
# first. `major` is 2 for Storable since 0.7, 1 for 0.6, 0 for 0.4 and 0.5; `versionless` is the format 0 of a file of
# Storable 0.1. `large` writes each length that can take eight bytes in eight.
package ByHand;

use strict;
use warnings;

use B            ();
use Scalar::Util qw(blessed looks_like_number refaddr reftype);

my %tag = (
    OBJECT => 0, LSCALAR => 1,  ARRAY => 2,  HASH     => 3,  REF => 4, UNDEF => 5, INTEGER => 6, DOUBLE => 7, BYTE => 8,
    NETINT => 9, SCALAR  => 10, BLESS => 17, IX_BLESS => 18, LOBJECT => 33,
);

sub image {
    my ( $data, %layout ) = @_;
    my $self = bless { major => 2, minor => 11, number => 0, %layout, out => '' };
    $self->header;
    $self->value($data);
    return $self->{out};
}

sub put {
    my ( $self, $template, @values ) = @_;
    $self->{out} .= pack $template, @values;
    return;
}

sub tag {
    my ( $self, $name ) = @_;
    return $self->put( C => $tag{$name} );
}

# A length, or an integer of so many bytes.
sub length4 {
    my ( $self, $length ) = @_;
    return $self->put( 'l' . ( $self->{order} // '>' ), $length );
}

sub integer {
    my ( $self, $integer, $size ) = @_;
    return $self->put( ( $size == 8 ? 'q' : 'l' ) . ( $self->{order} // '>' ), $integer );
}

# A tag and the length that belongs to it.
sub sized {
    my ( $self, $name, $length ) = @_;
    $self->tag('LOBJECT') if $self->{large};
    $self->tag($name);
    return $self->{large} ? $self->integer( $length, 8 ) : $self->length4($length);
}

sub header {
    my ($self) = @_;
    my ( $major, $order ) = @$self{qw(major order)};
    $self->{out} = $major ? 'pst0' : 'perl-store' if $self->{file};
    $self->put( C => $major << 1 | ( $order ? 0 : 1 ) ) if !$self->{versionless};
    $self->put( C => $self->{minor} )                   if $major == 2;
    return if !$order;
    my $bytes = join '', 1 .. $self->{iv};
    $self->put( 'C/a*', $order eq '<' ? $bytes : scalar reverse $bytes );
    $self->put( 'C3', 4, @$self{qw(long pointer)} );
    $self->put( C => 8 ) if $major == 2 && $self->{minor} >= 2;
    return;
}

# What a reference points to.
sub value {
    my ( $self, $target ) = @_;
    my $address = $self->{addresses}{ refaddr $target } //= 0x1000 + 24 * keys %{ $self->{addresses} };
    $self->integer( $address, $self->{pointer} // 4 ) if $self->{major} == 0;
    if ( defined( my $number = $self->{seen}{$address} ) ) {
        $self->tag('LOBJECT') if $self->{large};
        $self->tag('OBJECT');
        return if $self->{major} == 0;
        return $self->{large} ? $self->integer( $number, 8 ) : $self->put( N => $number );
    }
    $self->{seen}{$address} = $self->{number}++;
    $self->class( blessed $target) if $self->{major} == 2 && blessed $target;
    my $type  = reftype $target;
    my $write = $type eq 'ARRAY' ? 'array' : $type eq 'HASH' ? 'hash' : 'scalar';
    $self->$write($target);
    return                                     if $self->{major} == 2;
    $self->put( 'aC/a*', 'b', blessed $target) if blessed $target;
    return $self->put( a => 'X' );
}

sub class {
    my ( $self, $class ) = @_;
    if ( defined( my $index = $self->{classes}{$class} ) ) {
        return $self->put( 'CC', $tag{IX_BLESS}, $index );
    }
    $self->{classes}{$class} = keys %{ $self->{classes} };
    return $self->put( 'CC/a*', $tag{BLESS}, $class );
}

sub array {
    my ( $self, $array ) = @_;
    $self->sized( ARRAY => scalar @$array );
    for my $element (@$array) {
        $self->put( a => defined $element ? 'i' : 'I' ) if $self->{major} == 0;
        $self->value( \$element )                       if $self->{major} || defined $element;
    }
    return;
}

sub hash {
    my ( $self, $hash ) = @_;
    $self->sized( HASH => scalar keys %$hash );
    for my $key ( sort keys %$hash ) {
        my $defined = defined $hash->{$key};
        $self->put( a => $defined ? 'v' : 'V' ) if $self->{major} == 0;
        $self->value( \$hash->{$key} )          if $self->{major} || $defined;
        $self->put( a => 'k' )                  if $self->{major} == 0;
        $self->length4( length $key );
        $self->{out} .= $key;
    }
    return;
}

sub scalar {
    my ( $self, $scalar ) = @_;
    my $value = $$scalar;
    return $self->tag('UNDEF') if !defined $value;
    if ( ref $value ) {
        $self->tag('REF');
        return $self->value($value);
    }
    my $flags = B::svref_2object( \$value )->FLAGS;
    return $self->string($value)                        if $flags & B::SVf_POK || !looks_like_number($value);
    return $self->double($value)                        if !( $flags & B::SVf_IOK );
    return $self->put( 'CC', $tag{BYTE}, $value + 128 ) if $value >= -128 && $value <= 127;
    if ( $self->{order} ) {
        $self->tag('INTEGER');
        return $self->integer( $value, $self->{iv} );
    }
    return $self->put( 'Cl>', $tag{NETINT}, $value );
}

sub double {
    my ( $self, $value ) = @_;
    return $self->string("$value") if !$self->{order};
    $self->tag('DOUBLE');
    return $self->put( "d$self->{order}", $value );
}

sub string {
    my ( $self, $string ) = @_;
    if ( $self->{large} || length $string > 255 ) {
        $self->sized( LSCALAR => length $string );
        $self->{out} .= $string;
        return;
    }
    return $self->put( 'CC/a*', $tag{SCALAR}, $string );
}

1;
