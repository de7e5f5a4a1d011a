# Perl code that runs while a session is read or written, and dies there: ties,
# overloads, DESTROY. The die comes out as it is, nothing is stored, nothing is
# left half-done, and the process goes on (DESIGN §6).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Fixture::Backends;
use Fixture::Session;

{

    package Dying::Hook;
    sub STORABLE_freeze { die "a hook\n" }

    package Dying::Hash;
    sub TIEHASH  { return bless [ bless [], 'Dying::Hook' ], shift }
    sub FIRSTKEY { die "never called\n" }
    sub FETCH    { die "never called\n" }

    package Dying::String;
    sub STORABLE_freeze { return bless [], 'Dying::Text' }

    package Dying::Scalar;
    sub TIESCALAR { return bless [], shift }
    sub FETCH     { die "a tied scalar\n" }
    sub STORE     { return }

    package Dying::Text;
    use overload '""' => sub { die "an overload\n" }, fallback => 1;

    package Dying::Destroy;
    sub DESTROY { die "a destructor\n" }
}

my %values = (
    'a hook'                     => sub { bless [],     'Dying::Hook' },
    'a hook in a tied hash'      => sub { tie my %hash, 'Dying::Hash'; \%hash },
    'the overload of its string' => sub { bless {},     'Dying::String' },
);

on_each_backend {
    my ($arguments) = @_;

    for my $name ( sort keys %values ) {
        subtest "$name that dies while it is saved" => sub {
            my $id = create( $arguments, a => 'before' );
            tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
            $session{a}    = 'after';
            $session{deep} = [ 1, { bad => $values{$name}->() } ];
            ok !eval { tied(%session)->save; 1 }, 'save dies';
            like $@, qr/\A(?:a hook|an overload)\n\z/, 'as it did inside';
            is contents( $arguments, $id )->{a}, 'before', 'nothing is stored';
            delete $session{deep};
            ok eval { tied(%session)->save; 1 }, 'without it, it is saved' or diag $@;
            untie %session;
            is contents( $arguments, $id )->{a}, 'after', 'and found';
        };
    }

    subtest 'a key whose overload dies' => sub {
        tie my %session, 'Apache::Session::Memorycached', undef, $arguments;
        my $key = bless [], 'Dying::Text';
        ok !eval { my $value = $session{$key}; 1 }, 'reading dies';
        is $@, "an overload\n", 'with its words';
        ok !eval { $session{$key} = 1; 1 }, 'storing dies';
        is $@, "an overload\n", 'with its words';
        ok !eval { my $there = exists $session{$key}; 1 }, 'exists dies';
        ok !eval { delete $session{$key};             1 }, 'deleting dies';
        $session{a} = 1;
        ok eval { tied(%session)->save; 1 }, 'the session goes on' or diag $@;
    };

    subtest 'an id whose overload dies' => sub {
        my $id = bless [], 'Dying::Text';
        ok !eval { tie my %session, 'Apache::Session::Memorycached', $id, $arguments; 1 },
          'tie dies';
        is $@, "an overload\n", 'with its words';
    };

    subtest 'a stored value that dies when it is fetched' => sub {
        tie my %session, 'Apache::Session::Memorycached', undef, $arguments;
        tie my $dying, 'Dying::Scalar';
        ok !eval { $session{a} = $dying; 1 }, 'storing it dies';
        is $@, "a tied scalar\n", 'with its words';
        ok !exists $session{a}, 'nothing is stored';
    };

    subtest 'a destructor that dies' => sub {
        my $id;
        warnings_of {
            $id = create( $arguments, a => bless( {}, 'Dying::Destroy' ) );
            ok eval { contents( $arguments, $id ); 1 }, 'reading is no fault' or diag $@;
            change( $arguments, $id, sub { delete $_[0]{a}; $_[0]{b} = 1 } );
        };
        is contents( $arguments, $id )->{b}, 1, 'nor is changing';
    };

    subtest '$@ and $! of the caller' => sub {
        my $id = create( $arguments, a => 1 );
        eval { die "mine\n" };
        {
            tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
            $session{a} = 2;
        }
        is $@, "mine\n", 'scope exit leaves $@';
    };

    subtest 'die while a session is open' => sub {
        my $id = create( $arguments, a => 1 );
        eval {
            tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
            $session{a} = 2;
            die "the application\n";
        };
        is $@,                               "the application\n", 'comes out as it is';
        is contents( $arguments, $id )->{a}, 2,                   'what was changed is saved, as ever';
    };
};

done_testing;
