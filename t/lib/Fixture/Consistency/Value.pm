package Fixture::Consistency::Value;

# What the workers store: values that name the write they came from, and that show
# it when they are damaged.
#
#     put( \%session, 'a', '3.17', 200 );    # request 17 of worker 3, about 200 bytes
#     remove( \%session, 'a', '3.18' );
#     count( \%session, '3.19' );            # adds one to n
#     names( \%session )                     # { a => '3.18-', n => '3.19:1' }
#
# Beside each key lies another one, KEY.by, with the name of the last write; so a
# removal has a name, too. The two are changed together by every request, and must
# never be seen apart. `cart` is changed below the top level, in two places.

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(put put_nested remove count names @KEYS);

our @KEYS = qw(a b c d cart);

sub put {
    my ( $session, $key, $name, $size ) = @_;
    my $text = text( $key, $name, $size );
    $session->{$key} = $key eq 'cart' ? { left => { text => $text }, right => [ 0, $text ] } : $text;
    $session->{"$key.by"} = $name;
    return $name;
}

# Changes a `cart` that is there, through references alone.
sub put_nested {
    my ( $session, $name, $size ) = @_;
    my $text = text( 'cart', $name, $size );
    my ( $left, $right ) = @{ $session->{cart} }{qw(left right)};
    $left->{text}         = $text;
    $right->[1]           = $text;
    $session->{'cart.by'} = $name;
    return $name;
}

sub remove {
    my ( $session, $key, $name ) = @_;
    delete $session->{$key};
    return $session->{"$key.by"} = "$name-";
}

sub count {
    my ( $session, $name ) = @_;
    $session->{n}++;
    $session->{'n.by'} = $name;
    return "$name:$session->{n}";
}

# What a session holds, as a name for each key; a name that begins with `!` says what
# is wrong with the value.
sub names {
    my ($session) = @_;
    my %names;
    for my $key (@KEYS) {
        my $name = name_of( $key, @$session{ $key, "$key.by" } );
        $names{$key} = $name if defined $name;
    }
    my ( $n, $by ) = @$session{qw(n n.by)};
    $names{n} = "$by:$n"         if defined $n && defined $by;
    $names{n} = '!one-of-n-n.by' if defined $n xor defined $by;
    return \%names;
}

sub name_of {
    my ( $key, $value, $by ) = @_;
    if ( !defined $by ) {
        return defined $value ? '!unsigned' : undef;
    }
    if ( $by =~ /-\z/ ) {
        return defined $value ? "!there-though-$by" : $by;
    }
    my @texts = $value;
    if ( $key eq 'cart' ) {
        return "!no-cart-of-$by" if ref $value ne 'HASH' || ref $value->{right} ne 'ARRAY';
        @texts = ( $value->{left}{text}, $value->{right}[1] );
    }
    for my $text (@texts) {
        return "!nothing-of-$by" if !defined $text;
        my ($size) = $text =~ /\A\S+ \S+ (\d+) /;
        return "!damaged-$by" if !defined $size || $text ne text( $key, $by, $size );
    }
    return $by;
}

sub text {
    my ( $key, $name, $size ) = @_;
    my $filler = "$name/";
    return "$key $name $size " . substr $filler x ( 1 + $size / length $filler ), 0, $size;
}

1;
