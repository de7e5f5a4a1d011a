# `classes`: which classes stored data may be blessed into. A class that is not
# allowed is an error, and none of its code is run or loaded (DESIGN §7).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Fixture::Backends;
use Fixture::Session;

my $destroyed = 0;
sub Evil::DESTROY { $destroyed++; return }

on_each_backend {
    my ($arguments) = @_;
    my $id = create(
        $arguments,
        user => bless( {}, 'App::User' ),
        role => bless( [], 'App::Role' )
    );
    my $evil  = create( $arguments, evil => bless( {}, 'Evil' ) );
    my $plain = create( $arguments, a    => 1 );

    my %allowed = (
        'any, when not given' => undef,
        'by names'            => [qw(App::User App::Role)],
        'by a pattern'        => [qr/^App::/],
        'by both'             => [ 'App::User', qr/Role/ ],
    );
    for my $name ( sort keys %allowed ) {
        my $list = $allowed{$name};
        my $read = eval { contents( { %$arguments, $list ? ( classes => $list ) : () }, $id ); };
        is ref $read->{user}, 'App::User', $name or diag $@;
    }

    my %refused = (
        'none'             => [],
        'one is missing'   => ['App::User'],
        'a part of a name' => [qw(App App::)],
        'another pattern'  => [qr/^Other::/],
    );
    for my $name ( sort keys %refused ) {
        ok !eval { contents( { %$arguments, classes => $refused{$name} }, $id ); 1 }, $name;
        like $@, qr/^session $id: .*App::(?:User|Role)/, 'is refused, by its name';
        is contents( { %$arguments, classes => $refused{$name} }, $plain )->{a}, 1,
          'data without objects is not';
    }

    subtest 'a class with a DESTROY' => sub {
        $destroyed = 0;
        eval { contents( { %$arguments, classes => [] }, $evil ) };
        is $destroyed, 0, 'refused: it is not run';
        contents( $arguments, $evil );
        cmp_ok $destroyed, '>', 0, 'allowed: it is';
    };
};

done_testing;
