# memd show: a session in each form that it takes, on both backends. Secrets are masked at any depth, and no byte of a
# session reaches the terminal as a command to it.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Test::More;

use JSON::PP ();
use Storable ();
use Fixture::Backends;
use Fixture::Memd;
use Fixture::Session;

my $HOSTILE = "a\e[31mred\e]0;title\a\r\n\x{9b}2J\x7f";

my %DATA = (
    uid       => 'dwho',
    visits    => 3,
    half      => 0.5,
    none      => undef,
    text      => "caf\x{e9} \x{263a}",
    raw       => "\xff\xfe\x00",
    hostile   => $HOSTILE,
    "k\e[2J"  => 1,
    cart      => { pens => [ 'red', 'blue' ], empty => {}, password => 'deep' },
    _password => 'hunter2',
    api_key   => [ 'k1', 'k2' ],
    object    => bless( { a => 1 }, 'Some::Class' ),
    nested    => \\'x',
);

on_each_backend {
    my ($arguments) = @_;
    my @place       = place($arguments);
    my $id          = create( { %$arguments, timeout => 3600 }, %DATA );

    subtest 'a tree' => sub {
        my $run = memd( @place, 'show', $id );
        is $run->{status}, 0, 'done' or diag $run->{err};
        like $run->{out},   qr/^\Q$id\E  \(expires in (?:1h|59m 5\ds), [\d.]+ K?B\)$/m, 'what it is';
        like $run->{out},   qr/^├─ uid  "dwho"$|^└─ uid  "dwho"$/m,                     'a field';
        like $run->{out},   qr/^│  └─ pens$/m,                                          'a list';
        like $run->{out},   qr/^│     ├─ \[0\]  "red"$/m,                               'and what is in it';
        like $run->{out},   qr/object  \(Some::Class\)/,                                'a class';
        like $run->{out},   qr/none  undef/,                                            'undef';
        like $run->{out},   qr/_password  \*{8}$/m,                                     'a secret';
        like $run->{out},   qr/api_key  \*{8}$/m,                                       'a secret list';
        unlike $run->{out}, qr/hunter2|deep|k1/,                                        'no secret is told';
        unlike $run->{out}, qr/[\x00-\x09\x0b-\x1f\x7f]/,                               'no control character';
        unlike $run->{out}, qr/\xc2[\x80-\x9f]/,                                        'nor one of the second set';
        my $ascii = memd( { env => { LC_ALL => 'C' } }, @place, 'show', $id );
        unlike $ascii->{out}, qr/[^\x20-\x7e\n]/, 'in an ASCII locale nothing but ASCII';
        my $revealed = memd( @place, 'show', $id, '--reveal' );
        like $revealed->{out}, qr/_password  "hunter2"/, '--reveal';
        like $revealed->{out}, qr/password  "deep"/,     'at any depth';
    };

    subtest 'JSON' => sub {
        my $run = memd( @place, 'show', $id, '--json', '--reveal' );
        is $run->{status}, 0, 'done' or diag $run->{err};
        unlike $run->{out}, qr/[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]/, 'no control character';
        my $read = JSON::PP->new->utf8->decode( $run->{out} );
        is_deeply $read,
          {
            %DATA,
            _session_id => $id,
            half        => '0.5',
            object      => { a => 1 },
            nested      => 'x',
          },
          'what the session holds';
        my $masked = JSON::PP->new->utf8->decode( memd( @place, 'show', $id, '--json' )->{out} );
        is $masked->{_password},      '*' x 8, 'secrets are masked';
        is $masked->{cart}{password}, '*' x 8, 'at any depth';
        is $masked->{api_key},        '*' x 8, 'with all that they hold';
    };

    subtest 'Perl' => sub {
        my $run = memd( @place, 'show', $id, '--perl', '--reveal' );
        unlike $run->{out}, qr/[^\x20-\x7e\n]/, 'ASCII';
        my $VAR1;
        eval "$run->{out}; 1" or die $@;    ## no critic
        is_deeply $VAR1, { %DATA, _session_id => $id }, 'what the session holds';
        is ref $VAR1->{object}, 'Some::Class', 'and its class';
    };

    subtest 'bytes' => sub {
        my $run = memd( @place, 'show', $id, '--raw', '--reveal' );
        is_deeply Storable::thaw( $run->{out} ), { %DATA, _session_id => $id }, 'what Storable reads';
        is memd( @place, 'show', $id, '--raw' )->{status}, 2, 'they can\'t be masked: --reveal is needed';
    };

    subtest 'what lies in itself' => sub {
        my $list = [1];
        push @$list, $list;
        my $id  = create( $arguments, list => $list, also => $list );
        my $run = memd( @place, 'show', $id );
        like $run->{out}, qr/\[1\]  \(the same as \{also\}\)/, 'is named';
        like $run->{out}, qr/list  \(the same as \{also\}\)/,  'as is what is shared';
        my $perl = memd( @place, 'show', $id, '--perl' );
        like $perl->{out}, qr/"list" => \$VAR1->\{"also"\},/, 'in Perl by its path';
        my $json = memd( @place, 'show', $id, '--json' );
        is $json->{status}, 3, 'JSON has no words for it';
        like $json->{err}, qr/^memd: session $id: holds parts that lie in themselves/, 'and says so';
        $list->[1] = 2;
        my $shared = create( $arguments, list => $list, also => $list );
        my $read   = JSON::PP::decode_json( memd( @place, 'show', $shared, '--json' )->{out} );
        is_deeply [ @$read{qw(list also)} ], [ [ 1, 2 ], [ 1, 2 ] ], 'what is shared is written twice';
    };

    subtest 'deep and large' => sub {
        my $deep = 'end';
        $deep = [$deep] for 1 .. 4000;
        my $id   = create( $arguments, deep => $deep );
        my $tree = memd( @place, 'show', $id );
        is $tree->{status}, 0, 'a tree';
        like $tree->{out}, qr/\(more below/, 'ends somewhere';
        my $json = memd( @place, 'show', $id, '--json' );
        is $json->{status}, 0, 'JSON';
        is( () = $json->{out} =~ /\[/g, 4000, 'has all of it' );
        my $large = create( $arguments, blob => 'x' x 900_000 );
        like memd( @place, 'show', $large )->{out}, qr/\.\.\. \(900,000 characters in all\)/, 'a long string is cut';
        is length JSON::PP::decode_json( memd( @place, 'show', $large, '--json' )->{out} )->{blob}, 900_000,
          'but not as JSON';
    };

    subtest 'no such session' => sub {
        for my $command ( ['show'], [ 'show', '--json' ] ) {
            my $run = memd( @place, @$command, 'f' x 32 );
            is $run->{status}, 1,                                                 "@$command";
            is $run->{err},    'memd: session ' . 'f' x 32 . ": there is none\n", 'what is said';
            is $run->{out},    '',                                                'and nothing else';
        }
        my $bad = memd( @place, 'show', "a b\e[31m" );
        is $bad->{status}, 2, 'an id that is none';
        unlike $bad->{err}, qr/\e/, 'is not repeated raw';
    };
};

subtest 'damaged, and others\' items' => sub {
    Fixture::Needs->import('memcached');
    my $server = Fixture::Memcached->start;
    my @place  = ( '-s', $server->address );
    my $image  = Storable::nfreeze( { uid => 'dwho', list => [ 1, 2, 3 ] } );
    my $told   = 0;
    for my $end ( 0 .. length($image) - 1 ) {
        $server->set( 'damaged', substr( $image, 0, $end ), flags => 1 );
        my $run = memd( @place, 'show', 'damaged' );
        $told++ if $run->{status} == 3 && $run->{err} =~ /^memd: session damaged: /;
    }
    is $told, length $image, 'cut off anywhere: an error that names the session';
    $server->set( 'record', 'an id', flags => 0 );
    is memd( @place, 'show', 'record' )->{status}, 1, 'what is no session is not there';
    $server->set( 'sealed', 'x', flags => 9 );
    like memd( @place, 'show', 'sealed' )->{err}, qr/session sealed: is encrypted/, 'an encrypted one is told';
    $server->set( 'opaque', "{\"a\":\"\e[31m\"}", flags => 32 );
    my $run = memd( @place, 'show', 'opaque' );
    like $run->{out},                                         qr/not written by Storable/, 'another serializer';
    unlike $run->{out},                                       qr/31m/,                     'is not shown unasked';
    like memd( @place, 'show', 'opaque', '--reveal' )->{out}, qr/\\e\[31m/,                'and never raw';
};

done_testing;
