# STORABLE_attach: a class that makes its objects itself when they are thawed.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Scalar::Util qw(refaddr);
use Fixture::Storable;

subtest 'STORABLE_attach' => sub {
    my @given;
    class 'Attached',
      STORABLE_freeze => sub { return $_[0]{name} },
      STORABLE_attach => sub { push @given, [@_]; return bless { name => $_[2], attached => 1 }, $_[0] },
      STORABLE_thaw   => sub { die 'not to be called' };
    my $object = bless { name => 'x' }, 'Attached';
    is_deeply thaw( freeze($object) ), bless( { name => 'x', attached => 1 }, 'Attached' ), 'makes the object';
    is_deeply \@given,                 [ [ 'Attached', 0, 'x' ] ], 'of the class, whether it is cloned, and the string';
    dclone($object);
    ok $given[1][1], 'cloned';

    @given = ();
    my $copy = thaw( freeze( [ $object, $object, \$object ] ) );
    is scalar @given,           1,                  'is called once for an object';
    is refaddr $copy->[1],      refaddr $copy->[0], 'which is one again';
    is refaddr ${ $copy->[2] }, refaddr $copy->[0], 'wherever it is';

    @Attached::Child::ISA = ('Attached');
    is ref thaw( freeze( bless { name => 'y' }, 'Attached::Child' ) ), 'Attached::Child', 'inherited';

    my $only = bless { name => 'the only one' }, 'Single';
    class 'Single', STORABLE_freeze => sub { return 'x' }, STORABLE_attach => sub { return $only };
    $copy = thaw( freeze( { a => $only, b => [$only] } ) );
    is refaddr $copy->{a},    refaddr $only, 'may return an object that there is';
    is refaddr $copy->{b}[0], refaddr $only, 'twice';
    undef $copy;
    is $only->{name}, 'the only one', 'which goes on';

    class 'Parental', STORABLE_freeze => sub { return 'x' },
      STORABLE_attach => sub { return bless [], 'Parental::Child' };
    @Parental::Child::ISA = ('Parental');
    is ref thaw( freeze( bless [], 'Parental' ) ), 'Parental::Child', 'or one of a class below';
};

subtest 'STORABLE_attach that is wrong' => sub {
    my %returned = (
        'undef'            => undef,
        'text'             => 'Wrong',
        'a plain hash'     => {},
        'another class'    => bless( {}, 'Other' ),
        'the class itself' => 'Wrong::Attach',
    );
    for my $name ( sort keys %returned ) {
        class 'Wrong::Attach',
          STORABLE_freeze => sub { return 'x' },
          STORABLE_attach => sub { return $returned{$name} };
        my $image = freeze( [ 1, bless( [], 'Wrong::Attach' ) ] );
        like error_of { thaw($image) },
          qr/^STORABLE_attach did not return a Wrong::Attach object at \Q$0\E line/, "$name: thaw dies";
    }
    class 'Wrong::Attach', STORABLE_attach => sub { return };
    my $image = freeze( bless [], 'Wrong::Attach' );
    like error_of { thaw($image) }, qr/^STORABLE_attach did not return a Wrong::Attach object/, 'nothing: thaw dies';

    class 'Wrong::Attach', STORABLE_freeze => sub { return ( 'x', [] ) };
    like error_of { freeze( bless [], 'Wrong::Attach' ) },
      qr/^Freeze cannot return references if Wrong::Attach class is using STORABLE_attach at \Q$0\E line/,
      'references: freeze dies';

    class 'With::Refs', STORABLE_freeze => sub { return ( 'x', [] ) };
    $image = freeze( bless [], 'With::Refs' );
    class 'With::Refs', STORABLE_attach => sub { return bless [], 'With::Refs' };
    like error_of { thaw($image) }, qr/^STORABLE_attach called with unexpected references at/, 'and thaw of those';
};

done_testing;
