package Fixture::Corpus::Hashes;

# Hashes: their keys in each way that Perl keeps them, and what can be locked.

use strict;
use warnings;

use Hash::Util qw(lock_hash lock_hash_recurse lock_keys lock_value unlock_hash unlock_keys);

sub structures {
    return ( sizes(), keys_of_each_kind(), used(), restricted() );
}

sub sizes {
    my @sizes = map {
        my $size = $_;
        [
            "a hash of $size",
            sub {
                +{ map { ( "key $_" => $_ ) } 1 .. $size };
            }
        ]
    } 1, 2, 9, 255, 256, 3_000;
    return (
        [ 'an empty hash', sub { {} } ],
        @sizes,
        [ 'hashes in hashes',           sub { { a => {}, b => { c => {}, d => { e => {} } } } } ],
        [ 'hashes in hashes, 100 deep', sub { my $hash = {}; $hash = { deeper => $hash } for 1 .. 100; $hash } ],
        [ 'one hash 300 times',         sub { my $hash = { a => 1 }; [ ($hash) x 300 ] } ],
        [ 'a hash of undefined values', sub { { a => undef, b => undef, c => \undef } } ],
    );
}

sub keys_of_each_kind {
    my %keys = (
        'an empty key'                      => [''],
        'a zero byte as a key'              => [ "\0",                        "\0\0",    "a\0b" ],
        'keys with line ends'               => [ "\n",                        "\r\n",    'a b' ],
        'numbers as keys'                   => [ 0 .. 20,                     -1,        1.5, '01', 1e20 ],
        'long keys'                         => [ 'a' x 255,                   'a' x 256, 'a' x 300, 'b' x 70_000 ],
        'keys in Latin-1'                   => [ "\xe9",                      "\xff\xfe",      "caf\xe9" ],
        'keys in UTF-8'                     => [ "\x{100}",                   "\x{20ac}",      "\x{1F600}" ],
        'long keys in UTF-8'                => [ "\x{100}" x 127,             "\x{100}" x 128, "\x{20ac}" x 10_000 ],
        'keys that were UTF-8'              => [ map { as_text($_) } "\xe9",  "\xff\xfe" ],
        'ASCII keys that were UTF-8'        => [ map { as_text($_) } 'plain', '' ],
        'keys in Latin-1 and in UTF-8'      => [ "\xe9",                      "\x{100}",  'a' ],
        'a key as text, its UTF-8 as bytes' => [ "\x{100}",                   "\xc4\x80", as_text("\xe9"), "\xc3\xa9" ],
        'keys of all kinds'       => [ 'a',        '', "\xe9", as_text("\xea"), "\x{100}", "\xc4\x80", as_text('b') ],
        'keys beyond Unicode'     => [ "\x{D800}", "\x{110000}" ],
        'keys that sort as bytes' => [ 'a',        'B', 'b', 'A', '10', '9', "\xe9", "\x{100}", "\x{e8}\x{100}" ],
    );
    return map {
        my $list = $keys{$_};
        [
            $_,
            sub {
                +{ map { ( $_ => "value of a key of $_" ) } @$list };
            }
        ]
    } sort keys %keys;
}

sub as_text {
    my ($bytes) = @_;
    utf8::upgrade($bytes);
    return $bytes;
}

sub used {
    my $hash = sub {
        +{ map { ( $_ => ord ) } 'a' .. 'h' };
    };
    return (
        [ 'a hash within each',             sub { my $hash = $hash->(); my ($key) = each %$hash;  $hash } ],
        [ 'a hash after keys were deleted', sub { my $hash = $hash->(); delete @$hash{qw(a c g)}; $hash } ],
        [ 'a hash with room for more',      sub { my $hash = $hash->(); keys(%$hash) = 1_000; $hash } ],
        [ 'a hash that was cleared',        sub { my $hash = $hash->(); %$hash = (); $hash } ],
        [
            'a hash of lists',
            sub {
                +{ map { ( $_ => [ 1 .. $_ ] ) } 1 .. 30 };
            }
        ],
        [
            'a hash that lost its UTF-8',
            sub { my $hash = $hash->(); $hash->{"\x{100}"} = 1; delete $hash->{"\x{100}"}; $hash }
        ],
    );
}

sub hiding {
    my ($count) = @_;
    my %hash;
    lock_keys( %hash, 1 .. $count );
    return \%hash;
}

sub unlocked {
    my %hash = ( a => 1 );
    lock_keys( %hash, qw(a hidden) );
    unlock_keys(%hash);
    return \%hash;
}

my $lost_lock = [ 'Storable forgets the lock of a hash without keys', sub { Internals::SvREADONLY( %{ $_[0] } ) } ];
my $revived   = [ 'Storable makes a key of what is hidden',           sub { !exists $_[0]{hidden} } ];

sub restricted {
    my %change = (
        'keys are locked'                    => sub { lock_keys( %{ $_[0] } ) },
        'keys are locked, more are allowed'  => sub { lock_keys( %{ $_[0] }, qw(a b c more), "\x{100}" ) },
        'keys are locked, one was deleted'   => sub { lock_keys( %{ $_[0] } ); delete $_[0]{b} },
        'one value is locked'                => sub { lock_keys( %{ $_[0] } ); lock_value( %{ $_[0] }, 'a' ) },
        'keys and values are locked'         => sub { lock_hash( %{ $_[0] } ) },
        'all is locked'                      => sub { lock_hash_recurse( %{ $_[0] } ) },
        'keys were locked, and unlocked'     => sub { lock_keys( %{ $_[0] } ); unlock_keys( %{ $_[0] } ) },
        'all was locked, and unlocked'       => sub { lock_hash( %{ $_[0] } ); unlock_hash( %{ $_[0] } ) },
        'keys are locked, none is left'      => sub { lock_keys( %{ $_[0] } ); %{ $_[0] } = () },
        'a UTF-8 key, keys are locked'       => sub { $_[0]{"\x{100}"}         = 1;  lock_keys( %{ $_[0] } ) },
        'a key that was UTF-8, all locked'   => sub { $_[0]{ as_text("\xe9") } = 1;  lock_hash( %{ $_[0] } ) },
        'undefined values, keys are locked'  => sub { $_[0]{$_} = undef for qw(a d); lock_keys( %{ $_[0] } ) },
        'a value is read-only, keys are not' => sub { Internals::SvREADONLY( $_[0]{a}, 1 ) },
        'an object, keys are locked'         => sub { bless $_[0], 'Fixture::Corpus::Locked'; lock_keys( %{ $_[0] } ) },
    );
    return (
        [ 'an empty hash, locked',                          sub { hiding(0) }, differs => $lost_lock ],
        [ 'keys were locked, one was hidden, and unlocked', \&unlocked,        differs => $revived ],
        [ 'an empty hash that may have keys',               sub { my %hash; lock_keys( %hash, qw(a b c) ); \%hash } ],
        [ 'many hidden keys', sub { my %hash; my $hash = hiding(300); $hash->{7} = 1; $hash } ],
        [
            'hidden keys of all counts',
            sub {
                [ map { hiding($_) } 1 .. 60 ]
            }
        ],
        [ 'a locked hash, twice', sub { my %hash = ( a => 1 ); lock_keys(%hash); [ \%hash, \%hash ] } ],
        map {
            my $change = $change{$_};
            [ $_, sub { my $hash = { a => 1, b => { deep => 2 }, c => 'x' }; $change->($hash); $hash } ]
        } sort keys %change
    );
}

1;
