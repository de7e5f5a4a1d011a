# Hooks that end otherwise than by returning: a die comes out as it was thrown,
# exit ends the program, and no jump leaves them. What is the caller's stays.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Scalar::Util qw(refaddr);
use Fixture::Storable;

subtest 'hooks that die' => sub {
    my $exception = bless { code => 7 }, 'My::Exception';
    for my $thrown ( "in words\n", 'with a place', $exception, [1] ) {
        my $name = ref $thrown || $thrown =~ s/\n//r;
        for my $depth ( 0, 1, 10, 500 ) {
            class 'Dying', STORABLE_freeze => sub { die $thrown }, STORABLE_thaw => sub { return };
            my $data = bless [], 'Dying';
            $data = $depth % 2 ? { a => 1, b => $data } : [ 1, $data, 2 ] for 1 .. $depth;
            for my $function ( \&freeze, \&nfreeze, \&dclone ) {
                my $error = error_of { $function->($data) };
                ref $thrown
                  ? is(
                    refaddr $error, refaddr $thrown,
                    "STORABLE_freeze, $name, $depth levels down: as it was thrown"
                  )
                  : like(
                    $error, qr/^\Q$thrown\E(?:\z| at \Q$0\E line [0-9]+\.\n\z)/,
                    "STORABLE_freeze, $name, $depth levels down"
                  );
            }
            class 'Dying', STORABLE_freeze => sub { return 'x' }, STORABLE_thaw => sub { die $thrown };
            my $image = freeze($data);
            my $error = error_of { thaw($image) };
            ref $thrown
              ? is( refaddr $error, refaddr $thrown, "STORABLE_thaw, $name: as it was thrown" )
              : like( $error, qr/^\Q$thrown\E(?:\z| at \Q$0\E line [0-9]+\.\n\z)/, "STORABLE_thaw, $name" );
        }
    }
    class 'Dying',
      STORABLE_freeze => sub { return 'x' },
      STORABLE_thaw   => sub { return },
      STORABLE_attach => sub { die $exception };
    my $image = freeze( [ bless [], 'Dying' ] );
    is refaddr error_of { thaw($image) }, refaddr $exception, 'STORABLE_attach: as it was thrown';
    undef $Dying::{STORABLE_attach};
    delete $Dying::{STORABLE_attach};
    is_deeply dclone( [ 1, { a => 2 } ] ), [ 1, { a => 2 } ], 'and the codec goes on';
};

subtest 'the string has an overload, or is tied' => sub {
    {

        package Text;
        use overload '""' => sub { $_[0][0]->() };
    }
    {

        package Tied::Text;
        sub TIESCALAR { bless [], shift }
        sub FETCH     { die "a tied string\n" }
    }
    my $object = bless [], 'Overloading';
    my $text   = bless [ sub { 'from an overload' } ], 'Text';
    class 'Overloading',
      STORABLE_freeze => sub { return $text },
      STORABLE_thaw   => sub { $_[0][0] = $_[2]; return };
    is thaw( freeze($object) )->[0], 'from an overload', 'an overload gives the string';
    $text = bless [ sub { die "an overload\n" } ], 'Text';
    is error_of { freeze($object) }, "an overload\n", 'or dies';
    tie my $tied, 'Tied::Text';
    class 'Overloading', STORABLE_freeze => sub : lvalue { $tied };
    is error_of { freeze($object) }, "a tied string\n", 'a tied one may die, too';
};

subtest 'what hooks see of the caller' => sub {
    class 'Noisy',
      STORABLE_freeze => sub {
        eval { die 'inner' };
        local $_ = 'x';
        $! = 1;
        return 'x';
      },
      STORABLE_thaw => sub {
        eval { die 'inner' };
        $! = 1;
        return;
      };
    my $data = [ bless [], 'Noisy' ];
    for my $function ( sub { freeze($data) }, sub { thaw( freeze($data) ) }, sub { dclone($data) } ) {
        eval { die "mine\n" };
        local $_ = 'mine';
        $function->();
        is $@, "mine\n", '$@ is as before';
        is $_, 'mine',   '$_, too';
    }
    my @seen = warnings_of {
        class 'Warning',
          STORABLE_freeze => sub { warn "frozen\n"; return 'x' },
          STORABLE_thaw   => sub { warn "thawed\n"; return };
        dclone( bless [], 'Warning' );
    };
    is_deeply \@seen, [ "frozen\n", "thawed\n" ], 'warnings come as they are made';
};

subtest 'exit and jumps in a hook' => sub {
    my $program = <<'PERL';
        use Apache::Session::Memorycached::Storable qw(freeze thaw);
        sub Leaving::STORABLE_freeze { exit 7 if $ARGV[0] eq 'freeze'; 'x' }
        sub Leaving::STORABLE_thaw   { exit 8 }
        END { print 'END' }
        eval { thaw( freeze( [ bless [], 'Leaving' ] ) ) };
        print 'not reached';
PERL
    my %status = ( freeze => 7, thaw => 8 );
    for my $where ( sort keys %status ) {
        open my $pipe, '-|', $^X, ( map { "-I$_" } grep { !ref } @INC ), '-e', $program, $where or die $!;
        is do { local $/; <$pipe> }, 'END', "exit in $where ends the program";
        close $pipe;
        is $? >> 8, $status{$where}, 'with its status';
    }
    no warnings 'exiting';
    my %jumps = (
        next => sub { next },
        last => sub { last },
        goto => sub { goto OUT },
    );
    for my $name ( sort keys %jumps ) {
        class 'Jumping', STORABLE_freeze => $jumps{$name}, STORABLE_thaw => sub { return };
        my $error = '';
        for my $once (1) {
            $error = error_of { freeze( bless [], 'Jumping' ) };
        }
      OUT:
        like $error, qr/^Can't (?:"$name" outside a loop block|find label OUT)/, "$name does not leave the hook";
        is_deeply dclone( [1] ), [1], 'and the codec goes on';
    }
};

done_testing;
