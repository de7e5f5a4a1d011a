# Each argument of `tie`: bad values croak at the caller's line, naming the
# argument; an unknown one carps with the nearest known name; the caller's hash
# is never changed (DESIGN §4).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Digest::MD5 qw(md5_hex);
use Test::More;

use File::Temp ();
use Hash::Util ();
use Fixture::Memcached;
use Fixture::Needs 'memcached';
use Fixture::Session;

my $dir  = File::Temp->newdir;
my %good = ( servers => ["embedded:$dir/sessions"] );

sub attempt {
    my (%arguments) = @_;
    return eval { tie my %session, 'Apache::Session::Memorycached', undef, \%arguments; 1 };
}

my %bad = (
    servers => [
        'localhost:11211',             [], {}, [''], ['localhost'], ['localhost:'], ['localhost:port'],
        ['localhost:0'],               ['localhost:65536'],            ['[::1:11211'], ['embedded:'],
        ["embedded:$dir/s?size=much"], ["embedded:$dir/s?colour=red"], [undef],        [ {} ],
        [ [ 'localhost:11211', 0 ] ],       [ [ 'localhost:11211', -1 ] ],
        [ [ 'localhost:11211', 'heavy' ] ], [ [ 'localhost:11211', 1.5 ] ],
        [ "embedded:$dir/s", 'localhost:11211' ],
    ],
    local              => [ 'localhost:11211', ['localhost'] ],
    timeout            => [ -1,            'soon', '5 minutes', [] ],
    ttl                => [ -1,            'soon', {} ],
    local_ttl          => [ -1,            'soon' ],
    principal          => [ [],            {} ],
    conflict           => [ 'none',        [] ],
    max_depth          => [ 'deep',        [] ],
    max_size           => [ 'large',       [] ],
    missing            => [ 'ignore',      [] ],
    on_error           => [ 'ignore',      [] ],
    classes            => [ 'Some::Class', {},    [ [] ] ],
    namespace          => [ 'a b',         "a\n", 'x' x 250, [] ],
    compress_threshold => [ 'large',       [] ],
    connect_timeout    => [ 'long',        -1, [] ],
    io_timeout         => [ 'long',        -1, [] ],
    IDLength           => [ 'long',        -1, 0 ],
);

for my $name ( sort keys %bad ) {
    for my $value ( @{ $bad{$name} } ) {
        my $shown = shown($value);
        $shown = substr( $shown, 0, 40 ) . '…' if length $shown > 40;
        ok !attempt( %good, $name => $value ), "$name => $shown is refused";
        like $@, qr/\b$name\b/,           'by name';
        like $@, qr/ at \Q$0\E line \d+/, "at the caller's line";
    }
}

sub Hash::Dying::TIEHASH  { return bless {}, shift }
sub Hash::Dying::FIRSTKEY { die "no configuration\n" }

sub shown {
    my ($value) = @_;
    return 'undef'                                             if !defined $value;
    return '[' . join( ', ', map { shown($_) } @$value ) . ']' if ref $value eq 'ARRAY';
    return '{}'                                                if ref $value;
    ( my $text = $value ) =~ s/[^ -~]/?/g;
    return "'$text'";
}

subtest 'arguments that are not a hash' => sub {
    for my $arguments ( [], 'servers', \1 ) {
        ok !eval { tie my %session, 'Apache::Session::Memorycached', undef, $arguments; 1 },
          'refused';
        like $@, qr/ at \Q$0\E line \d+/, "at the caller's line";
    }
};

my %fine = (
    timeout            => [ undef, '', 0, 300, '300', 90 * 86_400 ],
    ttl                => [ undef, 0,  300 ],
    sliding            => [ undef, 0,  1 ],
    conflict           => [ undef, qw(merge overwrite die) ],
    max_depth          => [ undef, 20_000 ],
    max_size           => [ undef, 1_000_000 ],
    missing            => [ undef, qw(empty die) ],
    on_error           => [ undef, qw(die warn) ],
    classes            => [ [],    ['Some::Class'], [ 'Some::Class', qr/^Other::/ ] ],
    namespace          => [ undef, '', 'app:', 'x' x 200 ],
    compress_threshold => [ undef, 0,  10_000, -1 ],
    connect_timeout    => [ 0.5,   2,  '0.25' ],
    io_timeout         => [ 0.5,   2 ],
    no_rehash          => [ 0,     1 ],
    updateOnly         => [ 0,     1 ],
    principal          => [ undef, 'uid' ],
    IDLength           => [ 16,    64 ],
    Transaction        => [ undef, 0, 1 ],
    lock_timeout       => [ undef, 0, 0.5, 30 ],
    lock_ttl           => [ undef, 1, 60 ],
    ketama_points      => [ undef, 0, 150, 10_000 ],
);

for my $name ( sort keys %fine ) {
    my @warnings = warnings_of {
        for my $value ( @{ $fine{$name} } ) {
            ok attempt( %good, $name => $value ), "$name => " . shown($value)
              or diag $@;
        }
    };
    is_deeply \@warnings, [], "$name: no warnings";
}

subtest 'unknown arguments' => sub {
    my %nearest = (
        Servers     => 'servers',
        server      => 'servers',
        timout      => 'timeout',
        Timeout     => 'timeout',
        tll         => 'ttl',
        update_only => 'updateOnly',
        principle   => 'principal',
        name_space  => 'namespace',
        transaction => 'Transaction',
        io_time_out => 'io_timeout',
    );
    for my $name ( sort keys %nearest ) {
        my @warnings = warnings_of {
            ok attempt( %good, $name => 1 ), "$name is let through";
        };
        is @warnings, 1, 'with one warning';
        like $warnings[0], qr/\b$name\b.*\b$nearest{$name}\b/, "that suggests $nearest{$name}";
        like $warnings[0], qr/ at \Q$0\E line \d+/,            "at the caller's line";
    }
    my @warnings = warnings_of { attempt( %good, zzzzzzzzzz => 1 ) };
    like $warnings[0], qr/zzzzzzzzzz/, 'one that resembles none is named alone';
};

subtest "the caller's hash" => sub {
    my $arguments = {
        servers            => ["embedded:$dir/sessions"],
        local              => ["embedded:$dir/local"],
        timeout            => '300',
        principal          => 'uid',
        updateOnly         => 0,
        classes            => [ 'A', qr/^B::/ ],
        compress_threshold => 10,
    };
    my %before = map { $_ => ref $arguments->{$_} ? [ @{ $arguments->{$_} } ] : $arguments->{$_} } keys %$arguments;
    my $id     = create( $arguments, uid => 'dwho' );
    change( $arguments, $id, sub { $_[0]{a} = 1 } );
    is_deeply $arguments, \%before, 'is what it was';

    Hash::Util::lock_hash_recurse(%$arguments);
    ok eval { contents( $arguments, $id ) }, 'may be read-only' or diag $@;
    Hash::Util::unlock_hash_recurse(%$arguments);
};

subtest 'arguments in a tied hash, as a configuration may be' => sub {
    require Tie::Hash;
    tie my %arguments, 'Tie::StdHash';
    %arguments = ( servers => ["embedded:$dir/tied"], principal => 'uid', IDLength => 16 );
    my $id = create( \%arguments, uid => 'dwho' );
    is length $id, 16, 'the length of an id';
    change( \%arguments, $id, sub { $_[0]{a} = 1 } );
    is_deeply contents( \%arguments, $id ), { _session_id => $id, uid => 'dwho', uid_MD5 => md5_hex('dwho'), a => 1 },
      'is read and saved';

    change( \%arguments, $id, sub { $_[0]{object} = bless {}, 'Some::Class' } );
    $arguments{classes} = [];
    ok !eval { contents( \%arguments, $id ) }, 'classes';
    like $@, qr/class Some::Class is not allowed/, 'are looked at';

    require Tie::Array;
    tie my @servers, 'Tie::StdArray';
    tie my @pair,    'Tie::StdArray';
    tie my %server,  'Tie::StdHash';
    tie my @classes, 'Tie::StdArray';
    my ( $one, $two ) = map { Fixture::Memcached->start } 1 .. 2;
    @pair    = ( $one->address, 3 );
    %server  = ( address => $two->address, weight => 2 );
    @servers = ( \@pair, \%server );
    @classes = ('Some::Other');
    $id      = create( { servers => \@servers, classes => \@classes }, object => bless {}, 'Some::Class' );
    my $plain = { servers => [ [ $one->address, 3 ], [ $two->address, 2 ] ] };
    ok contents( $plain, $id )->{object},                                      'tied lists of servers';
    ok !eval { contents( { %$plain, classes => \@classes }, $id )->{object} }, 'and of classes';
    push @classes, 'Some::Class';
    ok contents( { %$plain, classes => \@classes }, $id )->{object}, 'are looked at';

    tie my %dying, 'Hash::Dying';
    ok !eval { create( \%dying ); 1 }, 'one that dies';
    like $@, qr/^no configuration/, 'is heard';
};

subtest 'the same hash, changed between two ties, is looked at again' => sub {
    my %arguments = ( servers => ["embedded:$dir/one"] );
    my $id        = create( \%arguments, a => 1 );
    $arguments{servers} = ["embedded:$dir/two"];
    is_deeply contents( \%arguments, $id ), {}, 'another store';
    $arguments{servers}[0] = "embedded:$dir/one";
    is contents( \%arguments, $id )->{a}, 1, 'and the first again, changed in place';
};

subtest 'IDLength' => sub {
    for my $length ( 8, 16, 32, 64 ) {
        like create( { %good, IDLength => $length } ), qr/\A[0-9a-f]{$length}\z/,
          "$length digits";
    }
};

done_testing;
