# Whatever a session holds comes back as it was, from both backends: numbers
# as numbers, text as text, what was shared is shared, what was weak is weak.

use strict;
use warnings;
use utf8;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use B            ();
use Scalar::Util qw(blessed isweak refaddr weaken);
use Fixture::Backends;
use Fixture::Session;

# What Perl knows a scalar as: an integer, a double, a string.
sub kind {
    my $flags = B::svref_2object( \$_[0] )->FLAGS;
    return
        $flags & B::SVf_POK ? 'string'
      : $flags & B::SVf_IOK ? 'integer'
      : $flags & B::SVf_NOK ? 'double'
      :                       'none';
}

my %scalars = (
    'empty string'      => '',
    'a zero byte'       => "\0",
    'all bytes'         => join( '', map { chr } 0 .. 255 ),
    'bytes, long'       => "\xff\x00" x 40_000,
    'Latin-1, upgraded' => do { my $s = "\xe9\xff"; utf8::upgrade($s); $s },
    'text'              => "日本語 \x{1F600}",
    'text, long'        => "\x{20ac}" x 40_000,
    'line ends'         => "a\r\nEND\r\nb",
    'digits'            => '007',
    'zero'              => 0,
    'one'               => 1,
    'minus one'         => -1,
    '127, 128'          => 128,
    '32 bits'           => 2**31,
    '32 bits, negative' => -2**31 - 1,
    'largest integer'   => 9_223_372_036_854_775_807,
    'smallest integer'  => -9_223_372_036_854_775_807 - 1,
    'unsigned'          => 18_446_744_073_709_551_615,
    'double'            => 0.5,
    'negative double'   => -1234.0625,
    'huge'              => 1e300,
);

on_each_backend {
    my ($arguments) = @_;

    subtest 'scalars' => sub {
        my $id   = create( $arguments, %scalars, undef => undef );
        my $read = contents( $arguments, $id );
        for my $name ( sort keys %scalars ) {
            my ( $got, $expected ) = ( $read->{$name}, $scalars{$name} );
            ok $got eq $expected, $name;    # copies: before 5.36 comparing makes a number text
        }
        ok exists $read->{undef} && !defined $read->{undef}, 'undef';
        is kind( $read->{digits} ),         'string',  'digits stay a string';
        is kind( $read->{'minus one'} ),    'integer', 'an integer stays one';
        is kind( $read->{'empty string'} ), 'string',  'an empty string is not 0';
        ok utf8::is_utf8( $read->{text} ),         'text is text';
        ok !utf8::is_utf8( $read->{'all bytes'} ), 'bytes are bytes';
    };

    subtest 'integers of every size' => sub {
        my @integers = map { my $n = 1 << $_; ( $n - 1, $n, -$n, -$n - 1 ) } 0 .. 62;
        my $id       = create( $arguments, list => [@integers] );
        is_deeply contents( $arguments, $id )->{list}, \@integers, '252 of them';
    };

    subtest 'keys' => sub {
        my %content = map { $_ => "value of $_" } '', ' ', "\0", "a\r\nb", 'clé', '日本語',
          "\xe9", 'x' x 3_000, 0 .. 20;
        my $id   = create( $arguments, %content );
        my $read = contents( $arguments, $id );
        is delete $read->{_session_id}, $id, 'the id';
        is_deeply $read, \%content, 'empty, binary, long and UTF-8 keys';
    };

    subtest 'nesting' => sub {
        my $deep = my $tail = {};
        $tail = $tail->{next} = { level => $_ } for 1 .. 1_000;
        my $id = create(
            $arguments,
            mixed => { a => [ 1, { b => [ [], {}, undef, '' ] } ] }, deep => $deep
        );
        my $read = contents( $arguments, $id );
        is_deeply $read->{mixed}, { a => [ 1, { b => [ [], {}, undef, '' ] } ] }, 'mixed';
        my $level = 0;
        for ( my $at = $read->{deep} ; $at->{next} ; $at = $at->{next} ) { $level++ }
        is $level, 1_000, '1,000 levels deep';
    };

    subtest 'references' => sub {
        my $shared = { n => 1 };
        my $id     = create(
            $arguments,
            both => [ $shared, $shared ], scalar => \'text', twice => \\42
        );
        my $read = contents( $arguments, $id );
        is refaddr $read->{both}[0], refaddr $read->{both}[1], 'shared stays shared';
        is ${ $read->{scalar} },     'text',                   'a reference to a scalar';
        is ${ ${ $read->{twice} } }, 42,                       'a reference to a reference';
    };

    subtest 'sharing between two keys' => sub {
        my $shared = [ 1, 2 ];
        my $id     = create( $arguments, a => $shared, b => $shared );
        my $read   = contents( $arguments, $id );
        is refaddr $read->{a}, refaddr $read->{b}, 'is kept';
    };

    subtest 'a circle' => sub {
        my $parent = { name => 'parent' };
        $parent->{child} = { name => 'child', parent => $parent };
        weaken $parent->{child}{parent};
        my $self = [];
        push @$self, $self;
        my $id = create( $arguments, family => $parent, self => $self );
        $self->[0] = undef;

        my $read = contents( $arguments, $id );
        is refaddr $read->{family}{child}{parent}, refaddr $read->{family},
          'closed again';
        ok isweak( $read->{family}{child}{parent} ), 'its weak reference is weak';
        is refaddr $read->{self}[0], refaddr $read->{self}, 'an array in itself';
        $read->{self}[0] = undef;
    };

    subtest 'objects' => sub {
        my $id = create(
            $arguments,
            hash   => bless( { x => 1 },          'Some::Class' ),
            array  => bless( [ 1, 2 ],            'Other::Class' ),
            scalar => bless( \( my $text = 'x' ), 'Some::Class' ),
            many   => [ map { bless { n => $_ }, 'Some::Class' } 1 .. 300 ],
            long   => bless( {}, 'A' . '::Class' x 60 ),
        );
        my $read = contents( $arguments, $id );
        is blessed $read->{hash},   'Some::Class',  'a hash';
        is blessed $read->{array},  'Other::Class', 'an array';
        is blessed $read->{scalar}, 'Some::Class',  'a scalar';
        is_deeply [ map { blessed $_ } @{ $read->{many} } ], [ ('Some::Class') x 300 ],
          '300 of a class';
        is blessed $read->{long}, 'A' . '::Class' x 60, 'a long name';
    };

    subtest 'booleans' => sub {
        my $id   = create( $arguments, yes => !!1, no => !!0, list => [ !!1, !!0 ] );
        my $read = contents( $arguments, $id );
        ok $read->{yes} && $read->{list}[0],  'true';
        ok !$read->{no} && !$read->{list}[1], 'false';
        is $read->{yes}, 1,  'is 1';
        is $read->{no},  '', 'is the empty string';
    };

    subtest 'what was read can be changed' => sub {
        my $id = create( $arguments, %scalars, yes => !!1, list => [ 1, undef, !!0 ] );
        change(
            $arguments,
            $id,
            sub {
                my ($session) = @_;
                $session->{$_} .= '!' for keys %scalars;
                $session->{yes} = 2;
                $_ = 'new' for @{ $session->{list} };
            }
        );
        my $read = contents( $arguments, $id );
        is $read->{text}, $scalars{text} . '!', 'a string';
        is $read->{yes},  2,                    'a boolean';
        is_deeply $read->{list}, [ ('new') x 3 ], 'elements of an array';
    };
};

done_testing;
