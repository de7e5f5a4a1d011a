# `tied(%s)->conflicts` tells what the last save found changed by other requests:
# the keys whose value is theirs, and those that both had changed, which are ours.

use strict;
use warnings;
use utf8;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Apache::Session::Flex;
use Fixture::Backends;
use Fixture::Session;

{

    package My::Session;
    our @ISA = ('Apache::Session');
    sub populate { return $_[0]->Apache::Session::Memorycached::populate }
}

on_each_backend {
    my ( $arguments, $server ) = @_;

    subtest 'what was merged' => sub {
        my $id = create( $arguments, map { $_ => 1 } qw(mine theirs both gone taken same) );
        tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        is_deeply tied(%session)->conflicts, { theirs => [], ours => [] }, 'nothing before a save';
        change(
            $arguments,
            $id,
            sub {
                my ($other) = @_;
                @$other{qw(theirs both new same)} = ( 2, 2, 2, 3 );
                delete @$other{qw(gone taken)};
            }
        );
        @session{qw(mine both taken same)} = ( 3, 3, 3, 3 );
        tied(%session)->save;
        is_deeply tied(%session)->conflicts, { theirs => [qw(gone new theirs)], ours => [qw(both taken)] },
          'keys of one side, and of both';
        $session{mine} = 4;
        tied(%session)->save;
        is_deeply tied(%session)->conflicts, { theirs => [], ours => [] }, 'the next save starts anew';
        untie %session;
        my $stored = contents( $arguments, $id );
        is_deeply [ @$stored{qw(mine both taken theirs new same)} ], [ 4, 3, 3, 2, 2, 3 ], 'as it says';
    };

    subtest 'names of keys are text' => sub {
        my $id = create($arguments);
        tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        change( $arguments, $id, sub { @{ $_[0] }{ 'clé', '鍵', "\xff" } = ( 1, 1, 1 ) } );
        $session{a} = 1;
        tied(%session)->save;
        is_deeply [ sort @{ tied(%session)->conflicts->{theirs} } ], [ sort 'clé', '鍵', "\xff" ], 'whatever they are';
        untie %session;
    };

    subtest 'nothing to merge' => sub {
        for my $conflict (qw(overwrite die)) {
            my $mode = { %$arguments, conflict => $conflict };
            my $id   = create( $mode, a => 1 );
            tie my %session, 'Apache::Session::Memorycached', $id, $mode;
            change( $arguments, $id, sub { $_[0]{b} = 1 } );
            $session{a} = 2;
            error_of { tied(%session)->save };
            is_deeply tied(%session)->conflicts, { theirs => [], ours => [] }, "conflict => '$conflict'";
            tied(%session)->{status} = 0;
            untie %session;
        }
    };

    for my $class ( 'My::Session', 'Apache::Session::Flex' ) {
        subtest "an object of $class" => sub {
            my %parts = (
                Store     => 'Memorycached',
                Lock      => 'Memorycached',
                Generate  => 'Memorycached',
                Serialize => 'Storable',
            );
            my $id = create( $arguments, a => 1, b => 1 );
            tie( my %session, $class, $id, { %$arguments, %parts } );
            change( $arguments, $id, sub { @{ $_[0] }{qw(a b)} = ( 2, 2 ) } );
            $session{a} = 3;
            tied(%session)->save;
            my $expected = { theirs => ['b'], ours => ['a'] };
            is_deeply tied(%session)->{object_store}->conflicts,                 $expected, 'its store tells';
            is_deeply Apache::Session::Memorycached::conflicts( tied %session ), $expected, 'so does our method';
            untie %session;
        };
    }

    subtest 'nothing extra on the wire' => sub {
        plan skip_all => 'on memcached' if !$server;
        my $id = create( $arguments, a => 1 );
        tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        change( $arguments, $id, sub { $_[0]{b} = 1 } );
        $session{a} = 2;
        my $counted = $server->counted(
            sub {
                tied(%session)->save;
                tied(%session)->conflicts;
            }
        );
        is $counted->{commands}, 3, 'a put, a read, a put';
        untie %session;
    };
};

done_testing;
