# Code is stored only with $Deparse, as its source, and revived only with $Eval,
# which may be a function that decides about it. Both are off.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Scalar::Util qw(refaddr reftype);
use Storable     ();
use Fixture::Storable;

my $image = do {
    local $Storable::Deparse = 1;
    freeze( [ sub { return 6 * 7 } ] );
};

subtest 'both are off' => sub {
    like error_of {
        freeze( [ sub { 1 } ] )
    }, qr/^Can't store CODE items at \Q$0\E line/, 'freeze dies';
    like error_of {
        freeze( sub { 1 } )
    }, qr/^Can't store CODE items/, 'at the top, too';
    like error_of {
        freeze( bless sub { 1 }, 'Code' )
    }, qr/^Can't store CODE items/, 'blessed, too';
    like error_of {
        dclone( { a => sub { 1 } } )
    }, qr/^Can't store CODE items/, 'dclone dies';
    like error_of { thaw($image) }, qr/^Can't eval, please set \$Storable::Eval to a true value at \Q$0\E line/,
      'thaw dies';
    {
        local $Storable::Deparse = 1;
        like error_of { thaw($image) }, qr/^Can't eval/, 'thaw obeys only $Eval';
        like error_of {
            dclone( [ sub { 1 } ] )
        }, qr/^Can't eval/, 'as does the second half of dclone';
    }
    local $Storable::Eval = 1;
    like error_of {
        freeze( [ sub { 1 } ] )
    }, qr/^Can't store CODE items/, 'freeze obeys only $Deparse';
};

subtest 'there and back' => sub {
    local $Storable::Deparse = 1;
    local $Storable::Eval    = 1;
    for my $copy (
        thaw($image), thaw( Storable::freeze( thaw($image) ) ), Storable::thaw($image),
        dclone( thaw($image) )
      )
    {
        is $copy->[0]->(), 42, 'a function';
    }
    my $function = sub { return join '-', @_ };
    ok freeze( [$function] ) eq Storable::freeze( [$function] ),   'freeze is as Storable\'s';
    ok nfreeze( [$function] ) eq Storable::nfreeze( [$function] ), 'nfreeze, too';

    is thaw( freeze( sub { return 'at the top' } ) )->(),                'at the top',   'a function itself';
    is dclone( { a => [ sub { return "sm\x{263a}le" } ] } )->{a}[0]->(), "sm\x{263a}le", 'with text in UTF-8';

    my $copy = dclone( [ $function, $function, { again => $function } ] );
    is refaddr $copy->[0], refaddr $copy->[1],        'a shared one is one';
    is refaddr $copy->[0], refaddr $copy->[2]{again}, 'wherever it is';

    my $blessed = dclone( bless sub { return 'called' }, 'Code' );
    is ref $blessed, 'Code',   'an object is one again';
    is $blessed->(), 'called', 'and is called';

    my $prototyped = dclone( [ sub ($$) { return $_[0] + $_[1] } ] )->[0];
    is prototype $prototyped, '$$', 'a prototype';

    my $outer = 'closed over';
    no strict 'vars';
    no warnings;
    is dclone( [ sub { return $outer } ] )->[0]->(), undef, 'what it closes over is lost';

    my $long = eval 'sub { return length q{' . 'x' x 70_000 . '} }';
    is dclone( [$long] )->[0]->(), 70_000, '70,000 bytes of source';
};

subtest '$Eval as a function' => sub {
    my @given;
    local $Storable::Eval = sub {
        push @given, @_;
        return sub { return 'its own' }
    };
    is thaw($image)->[0]->(), 'its own', 'makes the code';
    is scalar @given,         1,         'is called once';
    like $given[0], qr/\Asub \{.*6 \* 7|\Asub \{.*42/s, 'with the source';

    my $exception = bless {}, 'My::Exception';
    $Storable::Eval = sub { die $exception };
    is refaddr error_of { thaw($image) }, refaddr $exception, 'may die';
    for my $returned ( undef, 'text', [], \'x' ) {
        $Storable::Eval = sub { return $returned };
        like error_of { thaw($image) }, qr/^code sub \{.*\} did not evaluate to a subroutine reference\b/s,
          'must return code, not ' . ( ref $returned || $returned // 'undef' );
    }
    $Storable::Eval = sub { return };
    like error_of { thaw($image) }, qr/^code sub \{.*\} did not evaluate to a subroutine reference\b/s, 'nor nothing';
    $Storable::Eval = sub { return eval 'die "in words\n"' };
    like error_of { thaw($image) }, qr/^code sub \{.*\} caused an error: in words\b/s, 'and may leave why in $@';
};

subtest 'source that is wrong' => sub {
    local $Storable::Eval = 1;
    my $header = substr nfreeze( \1 ), 0, 2;
    my $code   = sub { my ($source) = @_; return "$header\x1a\x0a" . pack 'C/a', $source };
    my %wrong  = (
        'a syntax error'       => [ '{ 1 +* }', qr/^code sub \{ 1 \+\* \} caused an error: .*syntax error/s ],
        'a die in its BEGIN'   => [ '{ BEGIN { die "x\n" } }', qr/^code sub .* caused an error: x/s ],
        'no function'          => [ '{ 1 }; 7', qr/^code sub \{ 1 \}; 7 did not evaluate to a subroutine reference/ ],
        'an early end of file' => [ '{ 1 ',     qr/^code sub \{ 1  caused an error: Missing right curly/ ],
    );
    for my $name ( sort keys %wrong ) {
        my ( $source, $text ) = @{ $wrong{$name} };
        like error_of { thaw( $code->($source) ) }, $text, $name;
    }
    is thaw( $code->('{ return 5 }') )->(), 5, 'and right';
    like error_of { thaw("$header\x1a\x08\x85") }, qr/\S/, 'no string';
    is_deeply thaw( freeze( [1] ) ), [1], 'the codec goes on';
};

subtest 'code without source' => sub {
    local $Storable::Deparse = 1;
    my $text = q{The result of B::Deparse::coderef2text was empty - maybe you're trying to serialize an XS function?};
    like error_of { freeze( [ \&Scalar::Util::refaddr ] ) }, qr/^\Q$text\E/, 'a native function';
    sub declared;
    like error_of { freeze( \&declared ) }, qr/^\Q$text\E/, 'one that is only declared';
};

subtest '$forgive_me' => sub {
    local $Storable::forgive_me = 1;
    my $function = sub { 1 };
    my $copy;
    my @warnings = warnings_of { $copy = thaw( freeze( [ 1, $function, 2 ] ) ) };
    like $warnings[0], qr/^Can't store item CODE\(0x[0-9a-f]+\) at /, 'freeze warns';
    is scalar @warnings, 1, 'once';
    is scalar @$copy,    3, 'what lies beside it is there';
    like ${ $copy->[1] }, qr/^You lost CODE\(0x[0-9a-f]+\)/, 'and it is named in its place';
    is_deeply [ warnings_of { $copy = thaw($image) } ], [], 'thaw without $Eval';
    like ${ $copy->[0] }, qr/^sub \{/, 'gives the source';
};

subtest 'classes and flags' => sub {
    my $blessed = do {
        local $Storable::Deparse = 1;
        freeze( bless sub { 1 }, 'Code' );
    };
    my $called = 0;
    local $Storable::Eval = sub {
        $called++;
        return sub { 1 }
    };
    like error_of { thaw( $blessed, classes => [] ) }, qr/\bCode\b.*not allowed/, 'a class that is not allowed';
    is $called,                        0,      'its code is not evaluated';
    is reftype( thaw( $blessed, 0 ) ), 'CODE', 'without BLESS_OK';
    is ref( thaw( $blessed, 0 ) ),     'CODE', 'it is not blessed';
};

done_testing;
