# Values that are not ours, damaged, or too large: an error with the session's id
# and where it went wrong, and nothing is overwritten (DESIGN §7, §8).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Fixture::Needs qw(memcached Compress::Zlib);
use Test::More;

use Storable ();
use Fixture::Memcached;
use Fixture::Session;

my $server    = Fixture::Memcached->start;
my $arguments = { servers => [ $server->address ] };
my $id        = 'ab' x 16;
my $image     = Storable::nfreeze(
    {
        _session_id => $id,
        list        => [ 1 .. 5, 'six', { seven => 8.5 } ],
        text        => "\x{263a}" x 10,
    }
);

# Whoever ties it is told, and what is stored stays, byte for byte.
sub refused {
    my ( $value, $flags, $text, $name ) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $server->set( $id, $value, flags => $flags );
    my $ok = eval {
        tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        $session{a} = 1;
        untie %session;
        1;
    };
    my $error = $@;
    subtest $name => sub {
        ok !$ok, 'dies';
        like $error, $text, 'with the right words';
        my $item = $server->item($id);
        ok $item && $item->{value} eq $value && $item->{flags} == $flags,
          'nothing is overwritten';
    };
    return;
}

my $at = qr/^session $id: .*\bbyte \d+/;

refused( 'garbage',                     1, $at,                'text' );
refused( '',                            1, $at,                'nothing at all' );
refused( "$image\0",                    1, $at,                'something after it' );
refused( substr( $image, 0, -1 ),       1, $at,                'a byte short' );
refused( substr( $image, 0, 2 ),        1, $at,                'the header alone' );
refused( Storable::nfreeze( [ 1, 2 ] ), 1, qr/^session $id: /, 'an array' );
refused( Storable::nfreeze( \'text' ),  1, qr/^session $id: /, 'a scalar' );
refused( 'garbage',                     3, qr/^session $id: /, 'gzip that is none' );
refused(
    substr( Compress::Zlib::memGzip($image), 0, -9 ), 3, qr/^session $id: /,
    'gzip, cut'
);
refused(
    do { my $z = Compress::Zlib::memGzip($image); substr $z, -6, 1, '!'; $z },
    3, qr/^session $id: /, 'gzip with a wrong checksum'
);
refused( Compress::Zlib::memGzip('garbage'), 3, $at,                           'garbage, compressed' );
refused( $image,                             9, qr/^session $id: .*encrypted/, 'encrypted' );

subtest 'the byte' => sub {
    ( my $broken = $image ) =~ s/six\z|six/six/;
    my $where = index $image, 'six';
    substr $broken, $where - 2, 1, "\xfa";    # the tag of that string
    $server->set( $id, $broken, flags => 1 );
    eval { contents( $arguments, $id ) };
    like $@, qr/\bbyte ${\ ( $where - 2 ) }\b/, 'is that of the damage';
};

subtest 'cut at every byte' => sub {
    my ( $survived, $named ) = ( 0, 0 );
    for my $length ( 0 .. length($image) - 1 ) {
        $server->set( $id, substr( $image, 0, $length ), flags => 1 );
        $survived++ if eval { contents( $arguments, $id ); 1 };
        $named++    if $@ =~ $at;
    }
    is $survived, 0,             'never read';
    is $named,    length $image, 'always told where';
};

subtest 'each byte changed' => sub {
    srand 1;
    my $total = 0;
    for my $at ( 0 .. length($image) - 1 ) {
        for my $bit ( 1, 2, 128, 255 ) {
            my $broken = $image;
            substr $broken, $at, 1, chr( ord( substr $image, $at, 1 ) ^ $bit );
            $server->set( $id, $broken, flags => 1 );
            warnings_of {
                eval { contents( $arguments, $id ) }
            };
            $total++;
        }
    }
    is $total, 4 * length $image, 'the process is still there';
};

subtest 'a count that promises billions' => sub {
    for my $tag ( "\x02", "\x03", "\x01" ) {
        refused( "\x05\x0b\x03\x00\x00\x00\x01$tag\x7f\xff\xff\xff", 1, $at, 'is not believed' );
    }
};

subtest 'nested too deep' => sub {
    my $deep = "\x05\x0b\x03\x00\x00\x00\x01" . ( "\x04" x 100_000 ) . "\x05";
    refused( $deep, 1, qr/^session $id: .*(?:deep|depth)/, '100,000 references' );
};

subtest 'code is not stored, nor run' => sub {
    my $good = create( $arguments, a => 1 );
    tie my %session, 'Apache::Session::Memorycached', $good, $arguments;
    $session{code} = sub { 1 };
    like error_of { tied(%session)->save }, qr/code/i, 'save dies, and says why';
    delete $session{code};
    untie %session;
    is_deeply contents( $arguments, $good ), { _session_id => $good, a => 1 },
      'the session is what it was';

    no warnings 'once';
    local $Storable::Deparse = 1;
    my $evil = Storable::nfreeze( { _session_id => $id, code => sub { die 'run' } } );
    refused( $evil, 1, qr/^session $id: .*code/, 'what another client stored is refused' );
};

subtest 'too large' => sub {
    my $good = create( $arguments, a => 'before' );
    tie my %session, 'Apache::Session::Memorycached', $good, $arguments;
    $session{a} = 'x' x 2_000_000;
    ok !eval { tied(%session)->save; 1 }, 'save dies';
    like $@, qr/\b200\d{4}\b.*\b1048576\b/,                      'with both sizes';
    like $@, qr/\b$good\b|memcached \Q${\ $server->address }\E/, 'and whose they are';
    is contents( $arguments, $good )->{a}, 'before', 'the old value stays';
    $session{a} = 'small again';
    ok eval { untie %session; 1 }, 'and the session can go on' or diag $@;
    is contents( $arguments, $good )->{a}, 'small again', 'once it is smaller';
};

subtest 'too large for a server with another limit' => sub {
    my $wide  = Fixture::Memcached->start( args => [ '-I', '4m' ] );
    my $there = { servers => [ $wide->address ] };
    my $good  = create( $there, a => 'x' x 2_000_000 );
    is length contents( $there, $good )->{a}, 2_000_000, '2 MB go into 4 MB';
    like error_of {
        change( $there, $good, sub { $_[0]{a} = 'x' x 5_000_000 } );
    }, qr/\b4194304\b/, '5 MB do not: dies with the limit';
    is length contents( $there, $good )->{a}, 2_000_000, 'the old value stays';
};

subtest 'no memory for items' => sub {
    my $full  = Fixture::Memcached->start( args => [ '-m', 2, '-M' ] );
    my $there = { servers => [ $full->address ] };
    my @ids;
    my $error = error_of {
        push @ids, create( $there, n => $_, text => 'x' x 50_000 ) for 1 .. 200;
    };
    ok $error, 'dies in the end';
    like $error, qr/^memcached \Q${\ $full->address }\E: .*out of memory/,
      "with the server's words";
    is scalar( grep { contents( $there, $ids[$_] )->{n} == $_ + 1 } 0 .. $#ids ),
      scalar @ids, 'what was stored is there';
};

done_testing;
