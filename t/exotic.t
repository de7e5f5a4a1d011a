# What can't be stored yet dies with its name, and nothing is written: a session
# is never stored with a hole in it. What only looks exotic comes back as it was.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Hash::Util   ();
use Math::BigInt ();
use Scalar::Util qw(dualvar);
use Fixture::Backends;
use Fixture::Session;

sub Hooked::STORABLE_freeze { return 'frozen' }
sub Hooked::STORABLE_thaw   { return }

sub nested {
    my ($depth) = @_;
    my $value = [];
    $value = [$value] for 1 .. $depth;
    return $value;
}

my %refused = (
    'code' => [
        sub {
            sub { 1 }
        },
        qr/code/
    ],
    'an object of code' => [
        sub {
            bless sub { 1 }, 'Some::Class';
        },
        qr/code/
    ],
    'a glob'               => [ sub { \*STDOUT },                                qr/glob/ ],
    'an open file'         => [ sub { open my $file, '<', $0 or die $!; $file }, qr/glob|handle/ ],
    'an I/O handle'        => [ sub { *STDOUT{IO} },                             qr/handle/ ],
    'a regular expression' => [ sub { qr/x/i },                                  qr/regular expression/ ],
    'a tied hash'          => [
        sub {
            require Tie::Hash;
            tie my %hash, 'Tie::StdHash';
            \%hash;
        },
        qr/tied hash/
    ],
    'an object with a hook' => [ sub { bless [], 'Hooked' }, qr/\bHooked\b.*hook/ ],
    '100,000 levels'        => [ sub { nested(100_000) },    qr/deep/ ],
);

on_each_backend {
    my ($arguments) = @_;

    for my $name ( sort keys %refused ) {
        my ( $make, $text ) = @{ $refused{$name} };
        my $id    = create( $arguments, a => 'before' );
        my $error = error_of {
            change( $arguments, $id, sub { $_[0]{a} = 'after'; $_[0]{bad}[2]{x} = $make->() } );
        };
        like $error, qr/^session $id: .*$text/, "$name is refused by its name";
        is_deeply contents( $arguments, $id ), { _session_id => $id, a => 'before' },
          'and nothing is written';
    }

    subtest 'an object with overloads' => sub {
        my $id = create( $arguments, n => Math::BigInt->new('123456789012345678901234567890') );
        my $n  = contents( $arguments, $id )->{n};
        is "$n",   '123456789012345678901234567890', 'is what it was';
        is $n + 1, '123456789012345678901234567891', 'and can do what it could';
    };

    subtest 'numbers that are none' => sub {
        my $id   = create( $arguments, inf => 9**9**9, neg => -9**9**9, nan => -sin 9**9**9 );
        my $read = contents( $arguments, $id );
        cmp_ok $read->{inf}, '==', 9**9**9,  'infinity';
        cmp_ok $read->{neg}, '==', -9**9**9, 'and less';
        ok $read->{nan} != $read->{nan}, 'not a number';
    };

    subtest 'text and number in one' => sub {
        my $id = create( $arguments, dual => dualvar( 5, 'five' ) );
        is contents( $arguments, $id )->{dual}, 'five', 'is text, as Storable has it';
    };

    subtest 'a reference to itself' => sub {
        my $self;
        $self = \$self;
        my $id = create( $arguments, self => $self );
        undef $self;
        my $read = contents( $arguments, $id )->{self};
        is ${$$read}, $$read, 'still is one';
        undef $$read;
    };

    subtest 'read-only values' => sub {
        my $id   = create( $arguments, text => \'text', list => [ \1, \undef ] );
        my $read = contents( $arguments, $id );
        is ${ $read->{text} }, 'text', 'are read';
        ok eval { ${ $read->{text} } = 'changed'; 1 }, 'and can be changed' or diag $@;
    };

    subtest 'a restricted hash' => sub {
        my %hash = ( a => 1, b => 2 );
        Hash::Util::lock_keys(%hash);
        my $id    = eval { create( $arguments, hash => \%hash ) };
        my $error = $@;
        if ($id) {
            is_deeply contents( $arguments, $id )->{hash}, { a => 1, b => 2 }, 'is read';
        }
        else {
            like $error, qr/restricted/, 'or refused by its name';
        }
    };
};

done_testing;
