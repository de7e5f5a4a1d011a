# What can't be stored dies with its name, and nothing is written: a session
# is never stored with a hole in it. What only looks exotic comes back as it was.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Apache::Session::Flex ();
use Hash::Util            ();
use Math::BigInt          ();
use Scalar::Util          qw(dualvar);
use Storable              ();
use Fixture::Backends;
use Fixture::Session;

sub Hooked::STORABLE_freeze { my ($self) = @_; return ( 'frozen', $self->{list} ) }

sub Hooked::STORABLE_thaw {
    my ( $self, $cloning, $text, $list ) = @_;
    @{$self}{qw(text list)} = ( $text, $list );
    return;
}

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
        qr/Can't store CODE items/
    ],
    'an object of code' => [
        sub {
            bless sub { 1 }, 'Some::Class';
        },
        qr/Can't store CODE items/
    ],
    'a glob'         => [ sub { \*STDOUT },                                qr/Can't store GLOB items/ ],
    'an open file'   => [ sub { open my $file, '<', $0 or die $!; $file }, qr/Can't store (?:GLOB|IO) items/ ],
    'an I/O handle'  => [ sub { *STDOUT{IO} },                             qr/Can't store IO items/ ],
    '100,000 levels' => [ sub { nested(100_000) },                         qr/recursion depth/ ],
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

    subtest 'code is never stored nor revived, whatever Storable is told' => sub {
        no warnings 'once';
        local $Storable::Deparse = 1;
        local $Storable::Eval    = 1;
        my $id = create( $arguments, a => 'before' );
        like error_of {
            change(
                $arguments,
                $id,
                sub {
                    $_[0]{bad} = sub { 1 }
                }
            );
        }, qr/Can't store CODE items/, 'storing';
        my %parts = ( Store => 'Memorycached', Lock => 'Null', Generate => 'Memorycached', Serialize => 'Storable' );
        tie my %other, 'Apache::Session::Flex', undef, { %$arguments, %parts };
        $id = $other{_session_id};
        $other{code} = sub { die 'it ran' };
        untie %other;
        like error_of { contents( $arguments, $id ) }, qr/^session $id: can't revive a code reference/, 'reading';
    };

    subtest 'an object with hooks' => sub {
        my $list   = [ 1, 2 ];
        my $id     = create( $arguments, object => bless( { list => $list, lost => 1 }, 'Hooked' ), list => $list );
        my $read   = contents( $arguments, $id );
        my $object = $read->{object};
        is ref $object, 'Hooked', 'is one again';
        is_deeply { %$object }, { text => 'frozen', list => [ 1, 2 ] }, 'as its hooks have it';
        is $object->{list}, $read->{list}, 'and shares what it shared';
    };

    subtest 'regular expressions' => sub {
        my $id = create( $arguments, match => [ qr/^a.c$/si, qr/b/ ] );
        my ( $first, $second ) = @{ contents( $arguments, $id )->{match} };
        is "$first", qr/^a.c$/si, 'come back';
        like "A\nC", $first,  'and match';
        like 'abc',  $second, 'each';
    };

    subtest 'tied variables' => sub {
        require Tie::Hash;
        tie my %hash, 'Tie::StdHash';
        $hash{a} = 1;
        my $id   = create( $arguments, tied => \%hash );
        my $read = contents( $arguments, $id )->{tied};
        isa_ok tied %$read, 'Tie::StdHash', 'a tied hash comes back tied, and what it is tied to';
        is $read->{a}, 1, 'with what it holds';
    };

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
