# Apache::Session::Memorycached::Client: what each call returns, on memcached and
# on the embedded store, is what Cache::Memcached documents.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Apache::Session::Memorycached::Client;
use Fixture::Backends;
use Fixture::Session qw(warnings_of error_of);
use Fixture::Wait;

my $class = 'Apache::Session::Memorycached::Client';

on_each_backend {
    my ( $arguments, $server ) = @_;
    my $memd = $class->new($arguments);
    isa_ok $memd, $class;

    subtest 'values' => sub {
        my %values = (
            string  => 'text',
            empty   => '',
            zero    => 0,
            number  => 42,
            binary  => join( '', map { chr } 0 .. 255 ),
            lines   => "one\r\ntwo\r\nEND\r\n",
            large   => 'x' x 200_000,
            list    => [ 1, [2], { three => 3 }, undef ],
            hash    => { a => { b => [ 1 .. 5 ] } },
            scalar  => \'referred to',
            object  => bless( { name => 'n' }, 'Some::Class' ),
            unicode => { text => "\x{263a}" },
        );
        for my $name ( sort keys %values ) {
            is $memd->set( $name, $values{$name} ), 1, "$name: is stored";
            is_deeply $memd->get($name), $values{$name}, "$name: comes back";
        }
        isa_ok $memd->get('object'), 'Some::Class';
        my $found = $memd->get_multi( sort( keys %values ), 'nothing', 'more nothing' x 0 || 'none' );
        is_deeply $found,                                                     \%values,          'all in one call';
        is_deeply [ sort keys %{ $memd->gets_multi(qw(string list none)) } ], [qw(list string)], 'with versions';
        is_deeply $memd->get_multi, {},                                       'of no keys, nothing';
    };

    subtest 'nothing there' => sub {
        is $memd->$_('none'), undef, $_ for qw(get gets incr decr);
        for my $way ( [ replace => 1 ], [ append => 1 ], [ prepend => 1 ], [ touch => 60 ], ['delete'], ['remove'] ) {
            my ( $method, @rest ) = @$way;
            is $memd->$method( 'none', @rest ), '', "$method: false, and defined";
        }
        is $memd->cas( 'none', 1, 'value' ), '',    'cas: false, and defined';
        is $memd->error,                     undef, 'that is no error';
    };

    subtest 'conditions' => sub {
        is $memd->add( key => 'first' ),      1,        'add, where there is none';
        is $memd->add( key => 'second' ),     '',       'add, where there is one';
        is $memd->get('key'),                 'first',  'which stays';
        is $memd->replace( key => 'second' ), 1,        'replace';
        is $memd->get('key'),                 'second', 'has';
        my $read = $memd->gets('key');
        is $read->[1],                                'second', 'gets: the value';
        is $memd->cas( 'key', $read->[0], 'third' ),  1,        'cas, unchanged';
        is $memd->cas( 'key', $read->[0], 'fourth' ), '',       'cas, changed';
        is $memd->get('key'),                         'third',  'which stays';
        is $memd->delete('key'),                      1,        'delete, where there is one';
        is $memd->get('key'),                         undef,    'has';
    };

    subtest 'strings and numbers' => sub {
        $memd->set( text => 'b' );
        is $memd->append( text => 'c' ),  1,     'append';
        is $memd->prepend( text => 'a' ), 1,     'prepend';
        is $memd->get('text'),            'abc', 'have';
        $memd->set( n => 10 );
        is $memd->incr('n'),            11,                     'incr';
        is $memd->incr( n => 5 ),       16,                     'by';
        is $memd->decr('n'),            15,                     'decr';
        is $memd->decr( n => 100 ),     0,                      'no further than 0';
        is $memd->incr( n => 0 ),       0,                      'by nothing';
        is $memd->get('n') + 0,         0,                      'is stored';
        is $memd->set( n => '9' x 19 ), 1,                      'a large number';
        is $memd->incr( n => 1 ),       '10000000000000000000', 'is exact';
        is $memd->set( n => ~0 ),       1,                      'the largest';
        is $memd->incr( n => 3 ),       2,                      'begins anew';
        like error_of { $memd->incr( n => 'x' ) }, qr/^argument value: takes a whole number/, 'by no number';
        like error_of { $memd->incr( n => -1 ) },  qr/^argument value: takes a whole number/, 'by less than none';
        like error_of { $memd->append( n => [] ) }, qr/^append or prepend cannot take a reference/, 'a reference';
        $memd->set( text => 'abc' );
        my $counted;
        my @warnings = warnings_of { $counted = $memd->incr('text') };
        is $counted, undef, 'what is no number does not count';
        like $warnings[0], qr/non-numeric|not a number/, 'and that is told';
        like $memd->error, qr/non-numeric|not a number/, 'and kept';
        is $memd->get('text'), 'abc', 'the value stays';
        is $memd->error,       undef, 'and the error goes with the next call';
    };

    subtest 'expiry' => sub {
        my $far = time + 40 * 86400;
        $memd->set( "in$_" => 1, $_ ) for -1, 1, 100, $far;
        $memd->set( past   => 1, time - 100 );
        $memd->set( never  => 1, undef );
        is $memd->get($_), undef, "$_: gone" for qw(in-1 past);
        is $memd->get($_), 1, "$_: there" for 'in100', "in$far", 'never';
        ok until_true { !defined $memd->get('in1') }, 'in1: goes';
        is $memd->touch( never => 1 ),   1, 'touch';
        is $memd->touch( in100 => 200 ), 1, 'touch';
        ok until_true { !defined $memd->get('never') }, 'has shortened';
        is $memd->touch( in100 => -1 ), 1,     'a touch that ends';
        is $memd->get('in100'),         undef, 'it';
        like error_of { $memd->set( a => 1, 'soon' ) }, qr/^argument expiration time: takes .* not 'soon'/, 'no time';
        return if !$server;
        $memd->set( wire => 1, 300 );
        cmp_ok $server->item('wire')->{ttl},   '<=', 300,              'on the wire';
        cmp_ok $server->item("in$far")->{ttl}, '>',  40 * 86400 - 100, 'a time';
    };

    subtest 'keys that are none' => sub {
        my @bad = ( '', 'two words', "line\r\nflush_all", "tab\t", 'x' x 251, "nul\0" );
        $memd->set( good => 1 );
        for my $key (@bad) {
            my ( $got, $set );
            my @warnings = warnings_of { $set = $memd->set( $key => 1 ); $got = $memd->get($key) };
            is_deeply [ $set, $got ], [ undef, undef ], 'nothing is done';
            is scalar( grep { /^argument key: takes 1 to 250 bytes/ } @warnings ), 2, 'and that is told';
        }
        my $found;
        my @warnings = warnings_of { $found = $memd->get_multi( 'good', @bad ) };
        is_deeply $found, { good => 1 }, 'the others of get_multi are read';
        is scalar @warnings,   scalar @bad, 'each is told';
        is $memd->get('good'), 1,           'no command was smuggled';
        like error_of { $memd->get( [1] ) }, qr/^argument key: takes a string, or \[ hash value, string \]/,
          'half a pair';
    };

    subtest 'keys of characters' => sub {
        for my $key (
            "\x{41a}\x{43b}\x{44e}\x{447}", "caf\xe9",
            do { utf8::upgrade( my $upgraded = "na\xefve" ); $upgraded }
          )
        {
            $memd->set( $key => 'value' );
            is $memd->get($key), 'value', 'is read';
            is_deeply $memd->get_multi($key), { $key => 'value' },               'comes back as it was given';
            is_deeply [ keys %{ $memd->gets_multi($key) } ],                     [$key], 'with a version, too';
            is_deeply scalar $memd->touch_multi( [ $key, 100 ] ), { $key => 1 }, 'and with a result';
        }
    };

    subtest 'what is not a value' => sub {
        my @warnings = warnings_of { $memd->set( undefined => undef ) };
        like $warnings[0], qr/^value for memkey:undefined is not defined at \Q$0\E line/, 'undef warns';
        is $memd->get('undefined'), '', "and is stored as ''";
        @warnings = warnings_of { $memd->set( wide => "\x{263a}" ) };
        like $warnings[0], qr/^Wide character/, 'a wide character, too';
        is $memd->get('wide'), "\xe2\x98\xba", 'and is stored as UTF-8';
        my $latin = "caf\xe9";
        utf8::upgrade( my $upgraded = $latin );
        $memd->set( latin => $upgraded );
        is $memd->get('latin'), $latin, 'how perl holds a string makes no difference';
        like error_of {
            $memd->set( code => sub { } )
        }, qr/Can't store CODE items/, 'code is refused';
        is $memd->get('code'), undef, 'and not there';
    };

    subtest 'a namespace' => sub {
        my $other = $class->new( %$arguments, namespace => 'ns:' );
        $memd->set( key => 'without' );
        $other->set( key => 'with' );
        is $memd->get('key'),    'without', 'does not mix';
        is $memd->get('ns:key'), 'with',    'stands before the key';
        is_deeply $other->get_multi('key'), { key => 'with' }, 'and not in what comes back';
        is $other->namespace,        'ns:', 'is told';
        is $other->namespace('no:'), 'ns:', 'is changed';
        is $other->get('key'),       undef, 'so';
        is $other->error,            undef, 'without a fault';
    };

    subtest 'compression' => sub {
        my $text  = 'session ' x 1000;
        my $small = $class->new( %$arguments, compress_threshold => 1000 );
        $small->set( text => $text );
        is $memd->get('text'), $text, 'is undone by a client that does none';
        $small->set( list => [$text] );
        is_deeply $memd->get('list'), [$text], 'in a structure, too';
        return if !$server;
        is $server->item('text')->{flags}, 2, 'is marked';
        is $server->item('list')->{flags}, 3, 'is marked';
        cmp_ok length $server->item('text')->{value}, '<', 1000, 'and shorter';
        $small->enable_compress(0);
        $small->set( text => $text );
        is $server->item('text')->{flags}, 0, 'is switched off';
        $small->enable_compress(1);
        $small->set( text => $text );
        is $server->item('text')->{flags}, 2, 'and on';
        $small->set_compress_threshold(10_000);
        $small->set( text => $text );
        is $server->item('text')->{flags}, 0, 'has another threshold';
    };

    subtest 'readonly' => sub {
        $memd->set( key => 1 );
        my $reader = $class->new( %$arguments, readonly => 1 );
        ok !$reader->$_( 'key', 1, 2 ), $_ for qw(set add replace append prepend cas touch incr decr delete);
        is $reader->get('key'), 1, 'nothing has changed';
        $reader->set_readonly(0);
        ok $reader->set( key => 2 ), 'until it may';
    };

    subtest 'characters' => sub {
        my $reader = $class->new( %$arguments, utf8 => 1 );
        is_deeply [ warnings_of { $reader->set( word => "\x{263a}" ) } ], [], 'with utf8: no warning';
        is $reader->get('word'), "\x{263a}", 'and characters come back';
        $reader->set( word => "caf\xe9" );
        is $reader->get('word'), "caf\xe9", 'bytes stay bytes';
    };

    subtest 'flush_all' => sub {
        $memd->set( key => 1 );
        ok $memd->flush_all, 'is done';
        is $memd->get('key'), undef, 'nothing is left';
        ok $memd->set( key => 1 ), 'and it goes on';
        is $memd->get('key'), 1, 'as before';
    };

    subtest 'stats' => sub {
        my $fresh = $class->new($arguments);
        $fresh->set( key => 1 );
        $fresh->get('key') for 1 .. 3;
        is_deeply $fresh->stats('self'), { self => { set => 1, get => 3 } }, 'of the object';
        my ( $versions, $stats ) = ( $fresh->server_versions, $fresh->stats( [qw(misc items)] ) );
        return is_deeply [ $versions, $stats ], [ {}, {} ], 'no servers, no statistics' if !$server;
        my $address = $server->address;
        like $versions->{$address}, qr/^1\./, 'the version of a server';
        is $stats->{hosts}{$address}{misc}{pid}, $server->pid, 'the statistics of a server';
        like $stats->{hosts}{$address}{items}, qr/^STAT items:\d+:number \d+\r$/m, 'other ones as they come';
        is $stats->{total}{curr_items}, $stats->{hosts}{$address}{misc}{curr_items}, 'the sum';
        is_deeply [ sort keys %{ $fresh->stats } ], [qw(hosts self total)], 'by default';
        like error_of { $fresh->stats('nonsense') }, qr/^argument stats: takes misc, .* not 'nonsense'/, 'no topic';
    };

    subtest 'after disconnect_all' => sub {
        $memd->set( key => 'kept' );
        $memd->disconnect_all;
        is $memd->get('key'), 'kept', 'it connects again';
    };
};

done_testing;
