# memd set, delete, touch: a session is changed in place, keeps its expiry, and loses nothing that an application saves
# at the same moment.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Test::More;

use Digest::MD5 qw(md5_hex);
use Fixture::Backends;
use Fixture::Memcached;
use Fixture::Memd;
use Fixture::Needs ();
use Fixture::Session;

sub done_ok {
    my ( $run, $name ) = @_;
    is $run->{status}, 0, $name or diag $run->{err};
    return;
}

on_each_backend {
    my ( $arguments, $server ) = @_;
    my @place = place($arguments);
    my $life  = { %$arguments, timeout => 1000 };

    subtest 'set' => sub {
        my $id = create( $life, uid => 'dwho', cart => { a => 1 } );
        done_ok memd( @place, 'set', $id, 'note', 'some words' ),               'a new field';
        done_ok memd( @place, 'set', $id, 'uid',  'rtyler' ),                   'one that is there';
        done_ok memd( @place, 'set', $id, 'zero', '0' ),                        'a false value';
        done_ok memd( @place, 'set', $id, 'void', '' ),                         'an empty one';
        done_ok memd( @place, 'set', $id, 'less', '-5' ),                       'one that looks like an option';
        done_ok memd( @place, 'set', $id, 'text', "caf\xc3\xa9 \xe2\x98\xba" ), 'characters';
        done_ok memd( @place, 'set', $id, 'raw',  "\xff\xfe" ),                 'bytes that are no UTF-8';
        done_ok memd( @place, 'set', $id, '--json', 'deep', '{"list":[1,"two",null,{"k":-2.5}]}' ), 'a structure';
        is_deeply contents( $life, $id ),
          {
            _session_id => $id,
            uid         => 'rtyler',
            note        => 'some words',
            zero        => 0,
            void        => '',
            less        => -5,
            text        => "caf\x{e9} \x{263a}",
            raw         => "\xff\xfe",
            deep        => { list => [ 1, 'two', undef, { k => -2.5 } ] },
            cart        => { a    => 1 },
          },
          'all is there, under the same id';
        if ($server) {
            my $item = $server->item($id);
            is $item->{flags}, 1, 'as a session of any Perl client';
            ok $item->{ttl} > 900 && $item->{ttl} <= 1000, 'with the expiry that it had';
        }
        like memd( @place, 'show', $id )->{out}, qr/expires in 16m/, 'which is left as it was';
        my $endless = create( $arguments, a => 1 );
        done_ok memd( @place, 'set', $endless, 'b', 2 ), 'where there is none';
        like memd( @place, 'show', $endless )->{out}, qr/never expires/, 'there is none after it';
    };

    subtest 'refused' => sub {
        my $id = create( $life, uid => 'dwho' );
        is memd( @place, 'set', $id, '_session_id', 'x' )->{status},     2, 'the id stays';
        is memd( @place, 'set', $id, '--json', 'a', '{"a":' )->{status}, 2, 'what is not JSON';
        is memd( @place, 'set', 'f' x 32, 'a', 1 )->{status},            1, 'no such session';
        is memd( @place, 'set', $id, 'a' )->{status},                    2, 'no value';
        is memd( @place, 'delete', $id, 'missing' )->{status},           1, 'no such field';
        is memd( @place, 'delete', 'f' x 32 )->{status},                 1, 'nothing to delete';
        is memd( @place, 'touch', 'f' x 32, 5 )->{status},               1, 'nothing to touch';
        is memd( @place, 'touch', $id, 'soon' )->{status},               2, 'no number';
        is_deeply contents( $life, $id ), { _session_id => $id, uid => 'dwho' }, 'nothing has changed';
    };

    subtest 'what an application saves meanwhile' => sub {
        my $id = create( $life, a => 1, b => 1, c => 1 );
        tie my %session, 'Apache::Session::Memorycached', $id, $life;
        $session{a} = 2;
        done_ok memd( @place, 'set', $id, 'b', 2 ), 'set while a request is under way';
        done_ok memd( @place, 'delete', $id, 'c' ), 'a field deleted';
        untie %session;
        is_deeply contents( $life, $id ), { _session_id => $id, a => 2, b => 2 }, 'both are kept';
    };

    subtest 'delete' => sub {
        my $id = create( $life, a => 1 );
        tie my %session, 'Apache::Session::Memorycached', $id, $life;
        $session{a} = 2;
        my $run = memd( @place, 'delete', $id );
        done_ok $run, 'deleted';
        is $run->{out}, "session $id: deleted\n", 'and said';
        my @warnings = warnings_of { untie %session };
        like "@warnings", qr/was deleted by another request/, 'a request under way does not bring it back';
        is memd( @place, 'show', $id )->{status}, 1, 'it is gone';
        my $quiet = memd( @place, '-q', 'delete', create( $life, a => 1 ) );
        is "$quiet->{status}$quiet->{out}$quiet->{err}", '0', '--quiet says nothing';
    };

    subtest 'touch' => sub {
        my $id = create( $life, a => 1 );
        done_ok memd( @place, 'touch', $id, 7200 ), 'touched';
        like memd( @place, 'show', $id )->{out}, qr/expires in (?:2h|1h 59m)/, 'it has the new time';
        done_ok memd( @place, 'touch', $id, 0 ), 'for ever';
        like memd( @place, 'show', $id )->{out}, qr/never expires/, 'is for ever';
    };

    subtest 'the principal\'s record' => sub {
        my $with = { %$life, principal => 'uid' };
        my $id   = create( $with, uid => 'dwho' );
        my @with = ( @place, '--principal', 'uid' );
        is memd( @with, 'who', '--last', 'dwho' )->{out}, "$id\n", 'leads to the session';
        done_ok memd( @with, 'set', $id, 'uid', 'rtyler' ), 'the session is given to another';
        is memd( @with, 'who', '--last', 'rtyler' )->{out},  "$id\n", 'whose record leads to it';
        is memd( @with, 'who', '--last', 'dwho' )->{status}, 1,       'the former does not any more';
        is contents( $with, $id )->{uid_MD5}, md5_hex('rtyler'), 'and the digest in it is theirs';
        done_ok memd( @with, 'delete', $id ), 'deleted';
        is memd( @with, 'who', '--last', 'rtyler' )->{status}, 1, 'the record is gone, too';
        is memd( @place, 'who', 'dwho' )->{status}, 2, 'without --principal nobody knows';
    };
};

subtest 'a damaged session' => sub {
    Fixture::Needs->import('memcached');
    my $server = Fixture::Memcached->start;
    my @place  = ( '-s', $server->address, '-p', 'uid' );
    $server->set( 'bad', "\x05\x0b\x03\xff\xff", flags => 1, ttl => 100 );
    for my $command ( [ 'set', 'bad', 'a', 1 ], [ 'delete', 'bad', 'a' ] ) {
        my $run = memd( @place, @$command );
        is $run->{status}, 3, "@$command";
        like $run->{err}, qr/^memd: session bad: /, 'is told';
    }
    is $server->item('bad')->{value}, "\x05\x0b\x03\xff\xff", 'nothing is overwritten';
    done_ok memd( @place, 'touch', 'bad', 50 ), 'it can be touched';
    done_ok memd( @place, 'delete', 'bad' ), 'and deleted';
    is $server->item('bad')->{flags}, 17, 'as any other';
};

done_testing;
