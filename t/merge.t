# Two requests of one browser, at the same time, on one session: what each
# changed survives, key by key (DESIGN §5).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Fixture::Backends;
use Fixture::Child;
use Fixture::Session;

# Both read, then both save, ours last; returns what is stored then.
sub compete {
    my ( $arguments, $content, $theirs, $ours ) = @_;
    my $id = create( $arguments, %$content );
    tie my %first,  'Apache::Session::Memorycached', $id, $arguments;
    tie my %second, 'Apache::Session::Memorycached', $id, $arguments;
    $theirs->( \%first );
    $ours->( \%second );
    untie %first;
    untie %second;
    my $stored = contents( $arguments, $id );
    delete $stored->{_session_id};
    return $stored;
}

on_each_backend {
    my ( $arguments, $server ) = @_;

    is_deeply compete( $arguments, {}, sub { $_[0]{a} = 1 }, sub { $_[0]{b} = 2 } ),
      { a => 1, b => 2 }, 'two keys added: both are there';

    is_deeply compete(
        $arguments, { a => 1, b => 1, c => 1 },
        sub { $_[0]{a} = 'theirs' }, sub { $_[0]{b} = 'ours' }
      ),
      { a => 'theirs', b => 'ours', c => 1 }, 'two keys changed';

    is_deeply compete(
        $arguments, { a => { x => 1 }, b => { x => 1 } },
        sub { $_[0]{a}{x} = 'theirs' }, sub { $_[0]{b}{x} = 'ours' }
      ),
      { a => { x => 'theirs' }, b => { x => 'ours' } }, 'below the top level';

    is_deeply compete(
        $arguments, { a => 1, b => 1, c => 1 },
        sub { delete $_[0]{a} }, sub { delete $_[0]{b} }
      ),
      { c => 1 }, 'two keys deleted';

    is_deeply compete(
        $arguments, { a => 1, b => 1 },
        sub { delete $_[0]{a} }, sub { $_[0]{b} = 'ours' }
      ),
      { b => 'ours' }, 'theirs deleted, ours changed';

    is_deeply compete(
        $arguments, { a => 1 }, sub { $_[0]{a} = 'theirs' },
        sub { $_[0]{a} = 'ours' }
      ),
      { a => 'ours' }, 'the same key: the later one wins';

    is_deeply compete(
        $arguments, { a => 1, b => 1 }, sub { $_[0]{c} = 'theirs' },
        sub { %{ $_[0] } = ( d => 'ours' ) }
      ),
      { d => 'ours' }, "the whole session replaced: others' keys, too";

    is_deeply compete(
        $arguments, { list => [1] },
        sub { $_[0]{other} = 1 },
        sub { push @{ $_[0]{list} }, 2; $_[0]{same} = $_[0]{list} }
      ),
      { list => [ 1, 2 ], same => [ 1, 2 ], other => 1 }, 'with shared references';

    subtest 'nothing changed on our side' => sub {
        my $id = create( $arguments, a => 1 );
        tie my %idle, 'Apache::Session::Memorycached', $id, $arguments;
        my $read = $idle{a};
        change( $arguments, $id, sub { $_[0]{a} = 2 } );
        untie %idle;
        is contents( $arguments, $id )->{a}, 2, 'theirs stays';
    };

    subtest 'three saves in turn' => sub {
        my $id = create($arguments);
        tie my %first,  'Apache::Session::Memorycached', $id, $arguments;
        tie my %second, 'Apache::Session::Memorycached', $id, $arguments;
        for my $round ( 1 .. 3 ) {
            $first{"first$round"}   = 1;
            $second{"second$round"} = 1;
            tied(%first)->save;
            tied(%second)->save;
        }
        untie %first;
        untie %second;
        is keys %{ contents( $arguments, $id ) }, 7, 'nothing is lost';
    };

    subtest "conflict => 'overwrite'" => sub {
        my $mode = { %$arguments, conflict => 'overwrite' };
        is_deeply compete(
            $mode, { a => 1, b => 1 },
            sub { $_[0]{a} = 'theirs' }, sub { $_[0]{b} = 'ours' }
          ),
          { a => 1, b => 'ours' }, 'as 2.2.1: the later one has all';
    };

    subtest "conflict => 'die'" => sub {
        my $mode  = { %$arguments, conflict => 'die' };
        my $id    = create( $mode, a => 1 );
        my $error = error_of {
            tie my %ours, 'Apache::Session::Memorycached', $id, $mode;
            change( $arguments, $id, sub { $_[0]{a} = 'theirs' } );
            $ours{b} = 1;
            tied(%ours)->save;
        };
        like $error, qr/\b$id\b/, 'dies, with the id';
        is_deeply contents( $arguments, $id ), { _session_id => $id, a => 'theirs' },
          'theirs stays';
    };

    subtest 'eight processes, each its own keys' => sub {
        my $id       = create($arguments);
        my @children = map {
            my $number = $_;
            in_fork {
                for my $round ( 1 .. 20 ) {
                    change(
                        $arguments, $id,
                        sub { $_[0]{"p$number"}++; $_[0]{"p$number.$round"} = 1 }
                    );
                }
            };
        } 1 .. 8;
        $_->finish for @children;
        my $stored = contents( $arguments, $id );
        is_deeply [ map { $stored->{"p$_"} } 1 .. 8 ], [ (20) x 8 ], 'all counters right';
        is keys %$stored, 1 + 8 + 160, 'all keys there';
    };

    subtest 'deeper than the default, with max_depth' => sub {
        my $deep   = { %$arguments, max_depth => 50_000 };
        my $nested = [];
        $nested = [$nested] for 1 .. 15_000;
        my $merged = eval {
            compete(
                $deep,
                { nested => $nested },
                sub { $_[0]{a} = 1 },
                sub { $_[0]{b} = 2; delete $_[0]{nested} }
            );
        };
        is_deeply $merged, { a => 1, b => 2 }, 'is merged, too' or diag $@;
    };

    subtest 'nobody competes' => sub {
        plan skip_all => 'on memcached' if !$server;
        my $id      = create($arguments);
        my $counted = $server->counted(
            sub {
                change( $arguments, $id, sub { $_[0]{a} = 1 } );
            }
        );
        is $counted->{commands}, 2, 'one read, one write';
    };
};

done_testing;
