# What is stored is what every Cache::Memcached client writes and reads, so a
# fleet can be upgraded one host at a time, and rolled back (DESIGN §2).

use strict;
use warnings;
use utf8;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs qw(memcached Cache::Memcached Cache::Memcached::Fast);
use Test::More;

use Storable ();
use Fixture::Memcached;
use Fixture::Session;

my $server    = Fixture::Memcached->start;
my $arguments = { servers => [ $server->address ] };
my %clients = map { $_ => $_->new( { servers => [ $server->address ] } ) } qw(Cache::Memcached Cache::Memcached::Fast);

my @image = ( map { chr } 0 .. 255 );
my %data  = (
    undef    => undef,
    empty    => '',
    string   => 'dwho',
    digits   => '0123',
    bytes    => join( '', @image ),
    text     => "naïve – 日本語 \x{1F600}",
    'clé'    => 'a key in UTF-8',
    long     => 'x' x 5_000,
    zero     => 0,
    negative => -1,
    byte     => 127,
    int16    => -32_769,
    int32    => 2_147_483_648,
    int64    => 9_223_372_036_854_775_807,
    uint64   => 18_446_744_073_709_551_615,
    double   => 3.14159265358979,
    tiny     => 1e-300,
    array    => [ 1, [ 2, [ 3, [] ] ], {}, undef ],
    hash     => { a => { b => { c => 'd' } } },
    ref      => \'scalar',
    object   => bless( { name => 'x' }, 'Some::Class' ),
    objects  => [ map { bless [$_], 'Some::Class' } 1 .. 3 ],
);

sub canonical {
    local $Storable::canonical = 1;
    return Storable::nfreeze( $_[0] );
}

subtest 'a new session is Storable::nfreeze, byte for byte' => sub {
    my $id   = create($arguments);
    my $item = $server->item($id);
    is $item->{flags}, 1,  'client flag 1';
    is $item->{ttl},   -1, 'no expiry unless asked for';
    is unpack( 'H*', $item->{value} ),
      unpack( 'H*', Storable::nfreeze( { _session_id => $id } ) ), 'the bytes';
};

subtest 'each kind of value is Storable::nfreeze, byte for byte' => sub {
    for my $key ( sort keys %data ) {
        my $id      = create( $arguments, $key => $data{$key} );
        my $value   = $server->item($id)->{value};
        my %order   = ( $key => $data{$key}, _session_id => $id );
        my @both    = map { unpack 'H*', $_ } either_order( \%order );
        my $got     = unpack 'H*', $value;
        my ($right) = grep { $got eq $_ } @both;
        is $got, $right // $both[0], $key =~ /\A\w+\z/a ? $key : 'a key in UTF-8';
    }
};

# Which of two keys comes first is chance: the images of both orders.
sub either_order {
    my ($hash) = @_;
    my %images = ( Storable::nfreeze($hash) => 1 );
    for my $try ( 1 .. 200 ) {
        my %other = ( map { ( "filler$_" => 1 ) } 1 .. $try );
        @other{ $try % 2 ? sort keys %$hash : reverse sort keys %$hash } = ();
        delete @other{ grep { /^filler/ } keys %other };
        @other{ keys %$hash } = values %$hash;
        $images{ Storable::nfreeze( \%other ) } = 1;
        last if keys %images == 2;
    }
    return keys %images;
}

subtest 'all of them in one session' => sub {
    my $id    = create( $arguments, %data );
    my $value = $server->item($id)->{value};
    my $whole = { %data, _session_id => $id };
    is length $value, length Storable::nfreeze($whole), 'the size';
    ok canonical( Storable::thaw($value) ) eq canonical($whole),
      'the same, down to the type of every scalar';
};

for my $name ( sort keys %clients ) {
    my $client = $clients{$name};
    subtest "$name reads ours" => sub {
        my $id = create( $arguments, %data );
        is_deeply $client->get($id), { %data, _session_id => $id }, 'the session';
    };
    subtest "we read what $name wrote" => sub {
        my $id      = sprintf '%032x', length $name;
        my $written = { %data, _session_id => $id };
        ok $client->set( $id, $written ), 'written';
        my $read = contents( $arguments, $id );
        is_deeply $read, $written, 'read';
        ok canonical($read) eq canonical($written),
          'the same, down to the type of every scalar';
        change( $arguments, $id, sub { $_[0]{more} = 'ours' } );
        is_deeply $client->get($id), { %$written, more => 'ours' },
          'changed by us, read by it again';
    };
}

subtest 'freeze in native byte order is read, too' => sub {
    my $id = 'ab' x 16;
    $server->set( $id, Storable::freeze( { %data, _session_id => $id } ), flags => 1 );
    is_deeply contents( $arguments, $id ), { %data, _session_id => $id }, 'read';
};

subtest 'namespace goes before the key' => sub {
    my $spaced = { %$arguments, namespace => 'app:' };
    my $id     = create( $spaced, a => 1 );
    ok $server->item("app:$id"), 'on the wire';
    is $server->item($id), undef, 'and not without it';
    for my $class ( sort keys %clients ) {
        my $client =
          $class->new( { servers => [ $server->address ], namespace => 'app:' } );
        is_deeply $client->get($id), { a => 1, _session_id => $id }, "$class reads it";
    }
    is_deeply contents( $arguments, $id ), {}, 'another namespace has another session';
};

done_testing;
