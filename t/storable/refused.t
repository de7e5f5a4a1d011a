# Bytes that are none of Storable's, or were damaged on their way: an error at the
# caller's line, never a wrong value, and the codec goes on.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Storable ();
use Tie::Hash;
use Fixture::Storable;

my $header = substr nfreeze( \1 ), 0, 2;

class 'Hooked',
  STORABLE_freeze => sub { return ( 'frozen', [ 1, 2 ], $_[0]{shared} ) },
  STORABLE_thaw   => sub { return };

# An image of each kind of thing that Perl code takes part in.
my $shared = ['shared'];
tie my %tied, 'Tie::StdHash';
$tied{a} = 1;
my %images = (
    hook   => nfreeze( [ map { bless { shared => $shared }, 'Hooked' } 1 .. 3 ] ),
    tie    => nfreeze( [ \%tied,    \$tied{a} ] ),
    regexp => nfreeze( [ qr/a.b/ix, bless( qr/c/, 'My::Regexp' ) ] ),
    object => nfreeze( [ map { bless { n => $_ }, 'Some::Class' } 1 .. 3 ] ),
    code   => do {
        local $Storable::Deparse = 1;
        nfreeze( [ sub { 42 } ] );
    },
    'native' => freeze( { a => [ 1, 2.5, 'text', "\x{263a}" ], b => \undef } ),
);

subtest 'cut off at each byte' => sub {
    local $Storable::Eval = sub {
        return sub { 1 }
    };
    for my $name ( sort keys %images ) {
        my $image = $images{$name};
        ok eval { thaw($image) }, "$name: whole" or diag $@;
        my @read = grep {
            defined eval { thaw( substr $image, 0, $_ ) }
        } 0 .. length($image) - 1;
        is_deeply \@read, [], 'none of its beginnings is read';
        my @elsewhere =
          grep {
            error_of { thaw( substr $image, 0, $_ ) }
            !~ / at \Q$0\E line [0-9]+\.\n\z/
          } 0 .. length($image) - 1;
        is_deeply \@elsewhere, [], 'each is an error at our line';
    }
};

subtest 'something after the end' => sub {
    for my $name ( sort keys %images ) {
        local $Storable::Eval = sub {
            return sub { 1 }
        };
        like error_of { thaw("$images{$name}x") }, qr/\S at \Q$0\E line/, $name;
    }
};

subtest 'a byte that is another' => sub {
    local $Storable::Eval = sub {
        return sub { 1 }
    };
    local $SIG{__WARN__} = sub { };
    for my $name ( sort keys %images ) {
        my ( $read, $refused ) = ( 0, 0 );
        for my $at ( 0 .. length( $images{$name} ) - 1 ) {
            for my $other ( 0, 1, 4, 0x7f, 0x80, 0xff ) {
                my $image = $images{$name};
                substr( $image, $at, 1 ) = chr $other;
                defined eval { thaw($image) } ? $read++ : $refused++;
            }
        }
        is_deeply dclone( [ $name, 1 ] ), [ $name, 1 ],
          "$name: $read were read, $refused refused, and the codec goes on";
    }
};

subtest 'what is no image' => sub {
    my %wrong = (
        'the empty string'       => '',
        'one byte'               => "\x05",
        'a header'               => $header,
        'text'                   => 'text',
        'JSON'                   => '{"a":1}',
        'a file'                 => 'pst0' . nfreeze( [1] ),
        'a tag that is none'     => "$header\x50",
        'an object not yet seen' => "$header\x00\x00\x00\x00\x05",
    );
    for my $name ( sort keys %wrong ) {
        like error_of { thaw( $wrong{$name} ) }, qr/\S at \Q$0\E line [0-9]+\.\n\z/, $name;
    }
    like error_of { thaw("\x{263a}") }, qr/^Frozen string corrupt - contains characters outside 0-255 at \Q$0\E line/,
      'characters above 255';
    for my $value ( [], {}, \'text', sub { 1 }, 42 ) {
        like error_of { thaw($value) }, qr/\S at \Q$0\E line/, ref $value || 'a number';
    }
};

subtest 'hooks that lie' => sub {
    my @given;
    class 'Liar', STORABLE_thaw => sub { push @given, [@_]; return };
    my $hook = sub { return $header . "\x13" . join '', @_ };
    is ref thaw( $hook->("\x02\x04Liar\x01x") ), 'Liar', 'a true one';
    my %wrong = (
        'a long class'            => $hook->("\x06\x7f\xff\xff\xffLiar\x01x"),
        'a class not yet seen'    => $hook->("\x22\x05\x01x"),
        'a long string'           => $hook->("\x0a\x04Liar\x7f\xff\xff\xffx"),
        'a negative string'       => $hook->("\x0a\x04Liar\xff\xff\xff\xffx"),
        'many references'         => $hook->("\x82\x04Liar\x01x\xff\x00\x00\x00\x00"),
        'very many references'    => $hook->("\xc2\x04Liar\x01x\x7f\xff\xff\xff\x00\x00\x00\x00"),
        'a reference that is not' => $hook->("\x82\x04Liar\x01x\x01\x00\x00\x00\x09"),
        'an extra that is none'   => $hook->("\x03\x09\x04Liar\x01x"),
        'recursion without end'   => $hook->( "\x42" x 1_000 ),
    );
    for my $name ( sort keys %wrong ) {
        @given = ();
        like error_of { thaw( $wrong{$name} ) }, qr/\S at \Q$0\E line [0-9]+\.\n\z/, $name;
        is scalar @given, 0, 'the hook is not called';
    }
    @given = ();
    is ref thaw( $hook->("\x82\x04Liar\x01x\x01\x00\x00\x00\x00") ), 'Liar',
      'a reference to the object itself is right';
    is $given[0][3], $given[0][0], 'and given to the hook';
    @given = ();
};

subtest 'class names that are none' => sub {
    my $object = sub { my ($class) = @_; return "$header\x11" . pack( 'C/a', $class ) . "\x03\x00\x00\x00\x00" };
    is ref thaw( $object->('Some::Class') ), 'Some::Class', 'one that is';
    ok defined eval { ref thaw( $object->($_) ) } || $@, 'handled: ' . s/[^ -~]/?/gr
      for "a\0b", '', ' ', '::', "main'x", "\xff\xfe", '1', 'main::';
    my $overload = sub {
        my ($class) = @_;
        return "$header\x04\x14\x11" . pack( 'C/a', $class ) . "\x03\x00\x00\x00\x00";
    };
    local $SIG{__WARN__} = sub { };
    for my $class ( '../../etc/passwd', '/etc/passwd', "a\0b", 'x;y' ) {
        like error_of { thaw( $overload->($class) ) }, qr/\S/, 'no file is loaded for ' . $class =~ s/\0/?/r;
    }
};

subtest 'keys that are values' => sub {
    my $image = "$header\x19\x00\x00\x00\x00\x01\x05\x08\x0a\x03key";
    is_deeply Storable::thaw($image), { key => undef }, 'Storable reads them';
    like error_of { thaw($image) }, qr/^unsupported Storable value at byte [0-9]+: .*key.* at \Q$0\E line/,
      'we refuse them';
};

done_testing;
