# A change is seen at any depth and stored; where nothing changed, nothing is
# sent (DESIGN §5). The server's own counters are the witness.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs 'memcached';
use Test::More;

use Fixture::Memcached;
use Fixture::Session;

my $server    = Fixture::Memcached->start;
my $arguments = { servers => [ $server->address ] };

my $id;

sub fresh {
    $id = create(
        $arguments,
        name   => 'dwho',
        number => 7,
        roles  => [qw(user admin)],
        tree   => { a => { b => [ 1, { c => 'deep' } ] } },
        ref    => \( my $text = 'text' ),
        object => bless( { x => 1 }, 'Some::Class' ),
        empty  => {},
    );
    return;
}

# What a request sends, as the server counts it.
sub cost {
    my ($block) = @_;
    return $server->counted(
        sub {
            tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
            $block->( \%session );
            untie %session;
        }
    );
}

my %quiet = (
    'nothing at all'        => sub { },
    'reading one key'       => sub { my $name                 = $_[0]{name} },
    'reading all'           => sub { my %copy                 = %{ $_[0] } },
    'reading below'         => sub { my $deep                 = $_[0]{tree}{a}{b}[1]{c} },
    'iterating below'       => sub { my @k                    = keys %{ $_[0]{tree} } },
    'exists and scalar'     => sub { exists $_[0]{x}; my $any = %{ $_[0] } },
    'a number read as text' => sub { my $text                 = "$_[0]{number}" },
    'text read as a number' => sub { no warnings; my $n       = 0 + $_[0]{name} },
    'save without a change' => sub { tied( %{ $_[0] } )->save },
    'a missing key deleted' => sub { delete $_[0]{none} },
);

for my $name ( sort keys %quiet ) {
    fresh();
    my $cas     = $server->item($id)->{cas};
    my $counted = cost( $quiet{$name} );
    is $counted->{cmd_set},       0,    "$name: nothing is written";
    is $counted->{cmd_touch},     0,    "$name: nothing is touched";
    is $counted->{commands},      1,    "$name: one command in all";
    is $server->item($id)->{cas}, $cas, "$name: the item is the same one";
}

my %changes = (
    'a key set'            => [ sub { $_[0]{name} = 'other' },       name   => 'other' ],
    'a key added'          => [ sub { $_[0]{new} = 1 },              new    => 1 ],
    'a key deleted'        => [ sub { delete $_[0]{name} },          name   => undef ],
    'a number incremented' => [ sub { $_[0]{number}++ },             number => 8 ],
    'text appended'        => [ sub { $_[0]{name} .= '!' },          name   => 'dwho!' ],
    'an element pushed'    => [ sub { push @{ $_[0]{roles} }, 'x' }, roles  => [qw(user admin x)] ],
    'an element set'       => [ sub { $_[0]{roles}[0] = 'x' },       roles  => [qw(x admin)] ],
    'four levels down'     => [
        sub { $_[0]{tree}{a}{b}[1]{c} = 'changed' },
        tree => { a => { b => [ 1, { c => 'changed' } ] } }
    ],
    'a key deleted below' => [ sub { delete $_[0]{tree}{a}{b} },  tree   => { a => {} } ],
    'a key made below'    => [ sub { $_[0]{empty}{x} = 1 },       empty  => { x => 1 } ],
    'autovivified below'  => [ sub { $_[0]{empty}{x}{y}[2] = 1 }, empty  => { x => { y => [ undef, undef, 1 ] } } ],
    'through a reference' => [ sub { ${ $_[0]{ref} } = 'other' }, ref    => \'other' ],
    'in an object'        => [ sub { $_[0]{object}{x} = 2 },      object => bless( { x => 2 }, 'Some::Class' ) ],
    'an alias kept' => [ sub { my $roles = $_[0]{roles}; my $name = $_[0]{name}; pop @$roles }, roles => ['user'] ],
    'sorted in place'         => [ sub { @{ $_[0]{roles} } = sort @{ $_[0]{roles} } }, roles => [qw(admin user)] ],
    'text to the same number' => [ sub { $_[0]{name} = 0 },                            name  => 0 ],
);

for my $name ( sort keys %changes ) {
    my ( $change, $key, $expected ) = @{ $changes{$name} };
    fresh();
    my $counted = cost($change);
    is $counted->{cmd_set},  1, "$name: written once";
    is $counted->{commands}, 2, "$name: two commands in all";
    is_deeply contents( $arguments, $id )->{$key}, $expected, "$name: found again";
}

subtest 'saved twice, written for each change' => sub {
    fresh();
    my $counted = cost(
        sub {
            my ($session) = @_;
            $session->{tree}{a}{x} = 1;
            tied(%$session)->save;
            tied(%$session)->save;
            $session->{tree}{a}{x} = 2;
            tied(%$session)->save;
        }
    );
    is $counted->{cmd_set},                       2, 'two writes';
    is contents( $arguments, $id )->{tree}{a}{x}, 2, 'the last one counts';
};

subtest 'scope exit saves, too' => sub {
    fresh();
    {
        tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        $session{tree}{a}{x} = 'scope';
    }
    is contents( $arguments, $id )->{tree}{a}{x}, 'scope', 'found again';
};

subtest 'a value that came from another structure is stored as it is at save' => sub {
    fresh();
    my $list = [1];
    tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
    $session{list} = $list;
    push @$list, 2;
    untie %session;
    is_deeply contents( $arguments, $id )->{list}, [ 1, 2 ], 'with what came later';
};

subtest 'clearing replaces all, the id stays' => sub {
    fresh();
    cost( sub { %{ $_[0] } = ( only => 1 ) } );
    is_deeply contents( $arguments, $id ), { _session_id => $id, only => 1 },
      'a list assigned';
    fresh();
    cost( sub { %{ $_[0] } = () } );
    is_deeply contents( $arguments, $id ), { _session_id => $id }, 'emptied';
};

done_testing;
