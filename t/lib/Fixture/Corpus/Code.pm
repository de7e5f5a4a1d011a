package Fixture::Corpus::Code;

# Code, as Storable's variables have it: refused, kept as its source, run
# again, or left out.

use strict;
use warnings;

use Fixture::Corpus::Outcome ();
use Fixture::Corpus::Overloaded;
use Scalar::Util ();

my %KEPT     = ( Deparse    => 1, Eval => 1 );
my %FORGIVEN = ( forgive_me => 1 );

my $class = 'Fixture::Corpus::Plain';
my $code  = sub { 42 };

sub structures {
    return ( kept(), places(), revived(), refused(), left_out() );
}

sub returning {
    my ($structure) = @_;
    return sub { $structure };
}

sub in_a_list {
    my ($item) = @_;
    return sub { [$item] };
}

sub kept {
    our $variable = 5;
    my %code = (
        'code'                   => sub { 42 },
        'code with arguments'    => sub { my ( $first, @rest ) = @_; return scalar @rest },
        'code with a prototype'  => sub ($;@) { 'prototype' },
        'code with pragmas'      => sub { no strict 'refs'; use integer; 7 / 2 },
        'code with text'         => sub { "\x{100}\x{20ac}" },
        'code with quotes'       => sub { 'single' . "double\n\$" . q(`) },
        'code that returns code' => sub {
            sub { 'inner' }
        },
        'code that dies'                    => sub { die 'it died' },
        'code that loops'                   => sub { my $sum = 0; $sum += $_ for 1 .. 10; $sum },
        'code with a variable of a package' => sub { our $variable },
        'long code'                         => eval 'sub { (' . join( ', ', 1 .. 400 ) . ') }',
        'a named function'                  => \&named,
        'a constant'                        => \&CONSTANT,
    );
    return map { [ $_, in_a_list( $code{$_} ), set => \%KEPT ] } sort keys %code;
}

sub named { return 'a name' }
use constant CONSTANT => 'a constant';

sub places {
    my $list  = [];
    my %place = (
        'code alone'            => $code,
        'code twice'            => [ $code, $code ],
        'code and what follows' => [ $code, $list, $code, $list, 'end' ],
        'code in a hash'        => { code => $code },
        'code by reference'     => \$code,
    );
    my $object  = bless sub { 'an object' }, $class;
    my @objects = ( bless( {}, $class ), $object, bless [], $class );
    my $kept    = [ 'Storable loses the class of code', sub { ref $_[0][1] eq $class } ];
    return (
        ( map { [ $_, returning( $place{$_} ), set => \%KEPT ] } sort keys %place ),
        [ 'code that is an object, in a list',      returning( [ 1, $object ] ), set => \%KEPT, differs => $kept ],
        [ 'objects of one class, one of them code', returning( \@objects ),      set => \%KEPT, differs => $kept ],
    );
}

sub revived {
    my $closed = 5;
    my $caller = sub {
        my ($source) = @_;
        Fixture::Corpus::Outcome::event("revives $source");
        return eval $source;
    };
    my $odd        = sub { 42 };
    my $closes     = sub { $closed };
    my $lvalue     = sub : lvalue { my $value = 3; $value };
    my $loaded     = bless sub { 1 }, 'Fixture::Corpus::Overloaded';
    my $fails      = qr/^code sub .*caused an error/s;
    my $no_sub     = qr/did not evaluate to a subroutine reference/;
    my $closed_off = qr/^Can't eval, please set \$Storable::Eval to a true value/;
    return (
        [ 'code that something else revives', in_a_list($code), set => { Deparse => 1, Eval => $caller } ],
        [
            'code that is revived as a number', in_a_list($code), set => { Deparse => 1, Eval => $odd },
            unread => $no_sub
        ],
        [ 'code that may not be revived', in_a_list($code), set => { Deparse => 1 }, unread => $closed_off ],
        [
            'code that is forgiven too late', in_a_list($code), set => { Deparse => 1, %FORGIVEN },
            unread  => $closed_off,
            differs => [ 'Storable forgives only what it freezes', sub { ${ $_[0][0] } =~ /^sub \{/ } ]
        ],
        [ 'code that closes over a variable', in_a_list($closes), set => \%KEPT, unread => $fails ],
        [ 'code with an attribute',           in_a_list($lvalue), set => \%KEPT, unread => $fails ],
        [
            'code of an overloaded class', in_a_list($loaded), set => \%KEPT,
            unread  => qr/^Cannot restore overloading on CODE/,
            differs => [ 'Storable loses the class of code', sub { ref $_[0][0] eq 'Fixture::Corpus::Overloaded' } ]
        ],
    );
}

sub refused {
    my $refused = qr/^Can't store CODE items/;
    my $empty   = qr/^The result of B::Deparse::coderef2text was empty/;
    my $deep    = { a => [ 1, { b => $code } ] };
    my $object  = bless sub { 1 }, $class;
    return (
        [ 'code, refused',                   in_a_list($code),           refused => $refused ],
        [ 'code deep inside, refused',       in_a_list($deep),           refused => $refused ],
        [ 'an object that is code, refused', in_a_list($object),         refused => $refused ],
        [ 'code that could only be revived', in_a_list($code),           set => { Eval => 1 }, refused => $refused ],
        [ 'a format',                        in_a_list( *LINE{FORMAT} ), refused => qr/^Can't store FORMAT items/ ],
        [ 'native code',                     in_a_list( \&Scalar::Util::blessed ), set => \%KEPT, refused => $empty ],
        [ 'code without a body',             in_a_list( \&undefined ),             set => \%KEPT, refused => $empty ],
    );
}

sub undefined;

format LINE =
@<<<
'text'
.

sub left_out {
    my %item = (
        'code, forgiven'                   => $code,
        'a file handle, forgiven'          => \*STDOUT,
        'a handle twice, forgiven'         => [ \*STDOUT, \*STDOUT, *STDOUT{IO} ],
        'an object that is code, forgiven' => bless( sub { 1 }, $class ),
    );
    return (
        ( map { [ $_, in_a_list( $item{$_} ), set => \%FORGIVEN ] } sort keys %item ),
        [ 'code is kept, others are forgiven', in_a_list( [ $code, \*STDOUT, 'end' ] ), set => { %FORGIVEN, %KEPT } ],
    );
}

1;
