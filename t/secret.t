# secret: what is stored is encrypted, and nothing that was not stored with the secret is taken for a session.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Fixture::Needs qw(memcached);
use Test::More;

use Apache::Session::Flex;
use Apache::Session::Memorycached;
use File::Temp qw(tempfile);
use Fixture::Backends;
use Fixture::Memcached;
use Fixture::Memd;
use Fixture::Session;

my $SECRET = '0123456789abcdef' x 2;
my $OTHER  = 'another secret, thirty-two bytes or more';
my $CLASS  = 'Apache::Session::Memorycached';

on_each_backend {
    my ($plain) = @_;
    my $sealed = { %$plain, secret => $SECRET };

    subtest 'a session of its own' => sub {
        for my $extra ( {}, { compress_threshold => 1 }, { Transaction => 1 }, { sliding => 1, timeout => 60 } ) {
            my $arguments = { %$sealed, %$extra };
            my $id        = create( $arguments, text => 'confidential ' x 100, cart => { pens => ['red'] } );
            is contents( $arguments, $id )->{text}, 'confidential ' x 100, 'read';
            change( $arguments, $id, sub { $_[0]{cart}{pens}[1] = 'blue' } );
            is_deeply contents( $arguments, $id )->{cart}, { pens => [ 'red', 'blue' ] }, 'changed below the top level';
            my %session;
            tie %session, $CLASS, $id, $arguments;
            my $new = tied(%session)->regenerate_id;
            untie %session;
            is_deeply contents( $arguments, $new )->{cart}, { pens => [ 'red', 'blue' ] }, 'moved';
            tie %session, $CLASS, $new, $arguments;
            tied(%session)->delete;
            untie %session;
            is_deeply contents( $arguments, $new ), {}, 'deleted';
        }
    };

    subtest 'other secrets, and none' => sub {
        my $id = create( $sealed, role => 'user' );
        for my $case (
            [ undef,             'is encrypted, no secret given' ],
            [ [undef],           'is encrypted, no secret given' ],
            [ $OTHER,            'is encrypted with another secret than those given' ],
            [ [ undef, $OTHER ], 'is encrypted with another secret than those given' ],
          )
        {
            my ( $secret, $says ) = @$case;
            my $error = error_of { tie my %session, $CLASS, $id, { %$plain, secret => $secret } };
            like $error, qr/^session $id: \Q$says\E/, $says;
        }
        is contents( { %$plain, secret => [ $OTHER, $SECRET ] }, $id )->{role}, 'user', 'among several, the right one';
        change( { %$plain, secret => [ $OTHER, $SECRET ] }, $id, sub { $_[0]{role} = 'guest' } );
        is contents( { %$plain, secret => $OTHER }, $id )->{role}, 'guest', 'a save is with the first';
    };

    subtest 'sessions that are not encrypted' => sub {
        my $id    = create( $plain, role => 'admin' );
        my $error = error_of { tie my %session, $CLASS, $id, $sealed };
        like $error, qr/^session $id: is not encrypted, as secret demands/, 'refused';
        is contents( $plain, $id )->{role}, 'admin', 'and left as they are';
        my $both = { %$plain, secret => [ $SECRET, undef ] };
        change( $both, $id, sub { $_[0]{role} = 'user' } );
        is contents( $sealed, $id )->{role}, 'user',
          'with undef in the list they are read, and encrypted when they are saved';
        $id = create( { %$plain, secret => [ undef, $SECRET ] }, role => 'user' );
        is contents( $plain, $id )->{role}, 'user', 'undef as the first: new ones are not encrypted';
    };

    subtest 'two requests at once' => sub {
        my $id = create( $sealed, a => 1, b => 1 );
        my %one;
        tie %one, $CLASS, $id, $sealed;
        change( $sealed, $id, sub { $_[0]{a} = 2 } );
        $one{b} = 2;
        untie %one;
        is_deeply contents( $sealed, $id ), { _session_id => $id, a => 2, b => 2 }, 'both changes are kept';
    };

    subtest 'a list of all' => sub {
        my %mine = ( %$sealed, namespace => 'list:' );
        my $id   = create( \%mine, uid => 'dwho' );
        create( { %mine, secret => $OTHER }, uid => 'dwho' );
        my ( $found, @warnings );
        @warnings = warnings_of { $found = $CLASS->searchOn( \%mine, 'uid', 'dwho' ) };
        is_deeply [ keys %$found ], [$id], 'has what can be read';
        like "@warnings", qr/is encrypted with another secret/, 'and tells of the others';
    };

    subtest 'Apache::Session::Flex, with a serializer of its own' => sub {
        my $flex = { %$sealed, Store => 'Memorycached', Lock => 'Null', Generate => 'MD5', Serialize => 'Base64' };
        tie my %session, 'Apache::Session::Flex', undef, $flex;
        my $id = $session{_session_id};
        $session{a} = 1;
        untie %session;
        tie %session, 'Apache::Session::Flex', $id, $flex;
        is $session{a}, 1, 'stored and read';
        untie %session;
        my $error = error_of { tie my %other, 'Apache::Session::Flex', $id, { %$flex, secret => undef } };
        like $error, qr/is encrypted, no secret given/, 'not without the secret';
    };

    subtest 'memd' => sub {
        my $id    = create( $sealed, uid => 'dwho', text => 'confidential' );
        my @place = place($plain);
        my $run   = memd( @place, 'show', $id );
        isnt $run->{exit}, 0, 'without the secret it can not show it';
        like $run->{err}, qr/session $id: is encrypted, no secret given/, 'and says so';
        for my $secret ( qq{"$SECRET"}, qq{["$OTHER", "$SECRET"]} ) {
            my ( $file, $name ) = tempfile( UNLINK => 1 );
            print {$file} "secret = $secret\n";
            close $file;
            $run = memd( '--config', $name, @place, 'show', $id );
            like $run->{out}, qr/confidential/, 'with it, it can';
            my $plain_id = create( $plain, text => 'in the clear' );
            $run = memd( '--config', $name, @place, 'show', $plain_id );
            like $run->{out}, qr/in the clear/, 'and what is not encrypted, too';
        }
    };
};

subtest 'the server learns nothing' => sub {
    my $server = Fixture::Memcached->start;
    my $id     = create( { servers => [ $server->address ], secret => $SECRET }, text => 'confidential' );
    my $item   = $server->item($id);
    is $item->{flags}, 9, 'flags 1 and 8';
    unlike $item->{value}, qr/confidential|text|$id/, 'nothing in clear';

    # Whoever has access to the server changes a bit, or gives the session of one user to another.
    my $value = $item->{value};
    substr( $value, 40, 1 ) ^= "\x01";
    my $other = create( { servers => [ $server->address ], secret => $SECRET }, role => 'admin' );
    for my $forged ( $value, $server->item($other)->{value} ) {
        $server->set( $id, $forged, flags => 9 );
        my $error = error_of { tie my %session, $CLASS, $id, { servers => [ $server->address ], secret => $SECRET } };
        like $error, qr/^session $id: its encrypted value has been changed, or is not this session's/, 'is found out';
    }
};

subtest 'what is no secret' => sub {
    my %wrong = (
        ''                    => qr/^argument secret: takes secrets of at least 32 random bytes, not 'one of 0 bytes'/,
        hunter2               => qr/^argument secret: takes secrets of at least 32 random bytes, not 'one of 7 bytes'/,
        'an empty list'       => qr/^argument secret: takes a string, or a reference to an array of strings and undef/,
        'a hash'              => qr/^argument secret: takes a string, or a reference to an array of strings and undef/,
        'a list with a short' => qr/^argument secret: takes secrets of at least 32 random bytes, not 'one of 3 bytes'/,
    );
    my %value = ( 'an empty list' => [], 'a hash' => {}, 'a list with a short' => [ $SECRET, 'abc' ] );
    for my $name ( sort keys %wrong ) {
        my $error = error_of { tie my %session, $CLASS, undef, { secret => $value{$name} // $name } };
        like $error,   $wrong{$name},           "'$name' is refused";
        unlike $error, qr/hunter2|abc|$SECRET/, 'and not told';
    }
};

done_testing;
