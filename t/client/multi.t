# The calls with _multi, gat and gats: what each returns in which context, on both
# backends; that they take one round trip; and that one bad key, value or server
# takes nothing away from the others.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 90;
use Fixture::Needs 'memcached';
use Test::More;

use Apache::Session::Memorycached::Client;
use Fixture::Backends;
use Fixture::Memcached;
use Fixture::Port    qw(free_port);
use Fixture::Session qw(warnings_of error_of);
use Fixture::Scripted;
use Fixture::Wait;

my $class = 'Apache::Session::Memorycached::Client';

on_each_backend {
    my ( $arguments, $server ) = @_;
    my $memd = $class->new($arguments);

    subtest 'results' => sub {
        is_deeply [ $memd->set_multi( [ a => 1 ], [ b => [2] ], [ c => 'three', 60 ] ) ], [ 1, 1, 1 ],
          'set_multi: a list';
        is_deeply $memd->get_multi(qw(a b c)), { a => 1, b => [2], c => 'three' }, 'which were stored';
        is_deeply scalar $memd->add_multi( [ a => 9 ], [ d => 4 ] ), { a => '', d => 1 }, 'add_multi: a hash';
        is_deeply [ $memd->replace_multi( [ a => 5 ], [ none => 1 ] ) ],   [ 1, '' ], 'replace_multi';
        is_deeply [ $memd->append_multi( [ c => '!' ], [ none => 1 ] ) ],  [ 1, '' ], 'append_multi';
        is_deeply [ $memd->prepend_multi( [ c => '>' ], [ none => 1 ] ) ], [ 1, '' ], 'prepend_multi';
        is $memd->get('c'), '>three!', 'have';
        my $read = $memd->gets_multi(qw(a d));
        is_deeply [
            $memd->cas_multi( [ a => $read->{a}[0], 6 ], [ d => $read->{d}[0] + 1, 7 ], [ none => 1, 8, 10 ] ) ],
          [ 1, '', '' ], 'cas_multi';
        is_deeply [ $memd->incr_multi( 'a', [ d => 10 ], ['a'], 'none' ) ],           [ 7, 14, 8, undef ], 'incr_multi';
        is_deeply scalar $memd->decr_multi( [ a => 100 ], 'd' ), { a => 0, d => 13 }, 'decr_multi';
        is_deeply [ $memd->touch_multi( 'a', [ d => 1 ], ['none'] ) ],                [ 1, 1, '' ], 'touch_multi';
        ok until_true { !defined $memd->get('d') }, 'which takes effect';
        is_deeply [ $memd->delete_multi( 'a', ['b'], 'none' ) ], [ 1, 1, '' ], 'delete_multi';
        is_deeply $memd->get_multi(qw(a b)), {}, 'which are gone';
        is $memd->error, undef, 'none of it is an error';
        $memd->set_multi( [ void => 1 ] );
        is $memd->get('void'), 1, 'in void context, too';
        is_deeply [ ( 'before', $memd->set_multi( map { [ "k$_" => $_ ] } 1 .. 50 ), 'after' ) ],
          [ 'before', (1) x 50, 'after' ], 'a list among others';
        my $result = $memd->set_multi( [ a => 1 ] );
        $result->{a}++;
        is $result->{a}, 2, 'results can be changed';
    };

    subtest 'of nothing' => sub {
        for my $call ( map { "${_}_multi" } qw(set add replace cas append prepend incr decr delete touch) ) {
            is_deeply [ $memd->$call ], [], "$call: a list";
            is_deeply scalar $memd->$call, {}, 'a hash';
        }
        is_deeply $memd->$_, {}, $_ for qw(gat_multi gats_multi);
    };

    subtest 'gat' => sub {
        $memd->set_multi( [ one => 'first' ], [ two => { second => 2 } ], [ three => 3 ] );
        is $memd->gat( 100, 'one' ), 'first', 'gat';
        is_deeply $memd->gat( 100, 'two' ), { second => 2 }, 'a structure';
        my $read = $memd->gats( 100, 'one' );
        is $read->[1],                              'first', 'gats';
        is $memd->cas( 'one', $read->[0], 'next' ), 1,       'whose version is good';
        is $memd->gat( 1, 'none' ),                 undef,   'of nothing';
        is $memd->gats( 1, 'none' ),                undef,   'of nothing';
        is_deeply [ sort keys %{ $memd->gats_multi( 100, qw(one two none) ) } ], [qw(one two)], 'gats_multi';
        is_deeply $memd->gat_multi( 1, qw(one three none) ), { one => 'next', three => 3 }, 'gat_multi';
        ok until_true { !keys %{ $memd->get_multi(qw(one three)) } }, 'gives the expiry';
        ok $memd->get('two'),                                         'to no other';
        $class->new( %$arguments, readonly => 1 )->gat( -1, 'two' );
        ok $memd->get('two'), 'with readonly, to none';
        like error_of { $memd->gat( 'soon', 'two' ) }, qr/^argument expiration time: takes/, 'no expiry';
    };

    subtest 'bad arguments: nothing is done' => sub {
        $memd->set( k1 => 'old' );
        for my $bad (
            [ [ k1 => 'new' ], [] ],
            [ [],              [ k1 => 'new' ] ],
            [ [ k1 => 'new' ], 'k2' ],
            [ [ k1 => 'new' ], [ k2 => undef ] ],
            [ [ k1 => 'new' ], [ undef, 1 ] ],
            [ [ k1 => 'new' ], undef ],
            [ [ k1 => 'new' ], { k2 => 1 } ],
            [ [ k1 => 'new' ], [ k2 => sub { } ] ],
            [ [ k1 => 'new' ], [ k2 => 1, 'soon' ] ],
          )
        {
            isnt error_of { $memd->set_multi(@$bad) }, '', 'set_multi dies';
        }
        like error_of { $memd->set_multi( [ k1 => 'new' ], ['k2'] ) },
          qr/^set_multi: argument 2 takes \[ key, value, expiry \].* at \Q$0\E line/, 'and says which one';
        like error_of { $memd->incr_multi( 'k1', [ k2 => 'x' ] ) }, qr/^incr_multi: argument 2 takes a key, or \[/,
          'incr_multi';
        like error_of { $memd->cas_multi( [ k1 => 'x', 1 ] ) }, qr/^cas_multi: argument 1 takes/,    'cas_multi';
        like error_of { $memd->append_multi( [ k1 => [] ] ) },  qr/^append_multi: argument 1 takes/, 'append_multi';
        is $memd->get('k1'), 'old', 'nothing was done';
    };

    subtest 'one that is bad takes nothing from the others' => sub {
        my @results;
        my @told = warnings_of { @results = $memd->set_multi( [ x => 1 ], [ 'two words' => 2 ], [ y => 3 ] ) };
        is_deeply \@results, [ 1, undef, 1 ], 'a key that is none';
        is scalar @told, 1, 'which is told';
        like $told[0], qr/^argument key: takes 1 to 250 bytes/, 'in words';
        $memd->set( text => 'abc' );
        @told = warnings_of { @results = $memd->incr_multi(qw(x text y)) };
        is_deeply \@results, [ 2, undef, 4 ], 'a value that is no number';
        like $memd->error, qr/non-numeric|not a number/, 'which is told';
        is_deeply $memd->get_multi(qw(x text y)), { x => 2, text => 'abc', y => 4 }, 'each is as the results say';
        return if !$server;
        @told = warnings_of { @results = $memd->set_multi( [ x => 5 ], [ text => 'x' x 2_000_000 ], [ y => 6 ] ) };
        is_deeply \@results, [ 1, undef, 1 ], 'a value that is too large';
        like $told[0], qr/^key text: has \d+ bytes, larger than/, 'which is told';
        is_deeply $memd->get_multi(qw(x text y)), { x => 5, text => 'abc', y => 6 }, 'the old value stays';
    };

    subtest 'readonly' => sub {
        my $reader = $class->new( %$arguments, readonly => 1 );
        $memd->set( x => 1 );
        is_deeply [ $reader->set_multi( [ x => 2 ], [ z => 2 ] ) ], [ '', '' ], 'set_multi: false';
        is_deeply [ $reader->incr_multi('x') ],                     [undef],    'incr_multi: undef';
        is_deeply scalar $reader->delete_multi('x'), { x => '' },   'delete_multi: false';
        is $memd->get('x'), 1, 'nothing has changed';
    };

    subtest 'many' => sub {
        my %values = map { ( "many$_" => "$_ " x 100 ) } 1 .. 5_000;
        my $stored = $memd->set_multi( map { [ $_ => $values{$_} ] } sort keys %values );
        is scalar( grep { $_ } values %$stored ), 5_000, 'are stored';
        is_deeply $memd->get_multi( keys %values ), \%values, 'and read';
        is scalar( grep { $_ } $memd->delete_multi( keys %values ) ), 5_000, 'and deleted';
    };

    subtest 'counted' => sub {
        my $fresh = $class->new($arguments);
        $fresh->set_multi( map { [ $_ => 1 ] } 1 .. 3 );
        is_deeply $fresh->stats('self'), { self => { set => 3 } }, 'as so many calls';
    };

    subtest 'compressed, with a namespace' => sub {
        my $other = $class->new( %$arguments, namespace => 'ns:', compress_threshold => 100 );
        is_deeply scalar $other->set_multi( [ long => 'x' x 5000 ] ), { long => 1 }, 'the key is without it';
        is $memd->get('ns:long'),             'x' x 5000, 'stored';
        is $server->item('ns:long')->{flags}, 2,          'compressed' if $server;
    };
};

my $server = Fixture::Memcached->start;

subtest 'one round trip' => sub {
    my $proxy = Fixture::Scripted->start( upstream => $server, script => [] );
    my $memd  = $class->new( servers => [ $proxy->address ] );
    $memd->set( n => 1 );
    my @keys  = map { "k$_" } 1 .. 20;
    my @calls = (
        [ set_multi    => map { [ $_    => 1 ] } @keys ],
        [ add_multi    => map { [ "a$_" => 1 ] } @keys ],
        [ incr_multi   => @keys ],
        [ append_multi => map { [ $_ => 0 ] } @keys ],
        [ touch_multi  => map { [ $_ => 60 ] } @keys ],
        [ gat_multi    => 60, @keys ],
        [ gats_multi   => 60, @keys ],
        [ delete_multi => @keys ],
    );
    for (@calls) {
        my ( $call, @arguments ) = @$_;
        my $before  = () = $proxy->requests;
        my @results = $memd->$call(@arguments);
        my @asked   = ( $proxy->requests )[ $before .. $proxy->requests - 1 ];
        is scalar @asked,                             1,                       "$call: one request";
        is scalar( () = $asked[0] =~ /^m[gsad] /mg ), 20,                      'with all of them';
        is scalar( grep { $_ } @results ),            $call =~ /^ga/ ? 1 : 20, 'and all answers';
    }
};

subtest 'one of three servers is dead' => sub {
    my @alive = ( $server, Fixture::Memcached->start );
    my $dead  = '127.0.0.1:' . free_port();
    my @list  = ( $alive[0]->address, $dead, $alive[1]->address );
    my $memd  = $class->new( servers => \@list, no_rehash => 1 );
    my $results;
    my @told = warnings_of {
        $results = $memd->set_multi( map { [ "three$_" => $_ ] } 1 .. 30 )
    };
    my @stored = grep { $results->{$_} } keys %$results;
    is scalar keys %$results, 30, 'a result for each';
    ok @stored && @stored < 30, 'some are stored, some are not';
    is scalar @told, 1, 'which is told once';
    like $told[0], qr/^memcached \Q$dead\E: .* at \Q$0\E line/, 'with the server';
    my $found;
    warnings_of {
        $found = $memd->get_multi( keys %$results )
    };
    is_deeply [ sort keys %$found ], [ sort @stored ], 'those whose result is true';
    like error_of {
        $class->new( servers => \@list, no_rehash => 1, on_error => 'die' )
          ->set_multi( map { [ "three$_" => $_ ] } 1 .. 30 )
    }, qr/^memcached \Q$dead\E: /, 'die: dies';
};

subtest 'a server that falls silent' => sub {
    my $proxy = Fixture::Scripted->start( upstream => $server, fault => 'silent', at => 2, stays => 1 );
    my $memd  = $class->new( servers => [ $proxy->address ], io_timeout => 0.3 );
    my @results;
    my @told = warnings_of {
        @results = $memd->set_multi( map { [ "silent$_" => 1 ] } 1 .. 3_000 )
    };
    is scalar( grep { defined } @results ), 0, 'no result is known';
    is scalar @told,                        1, 'which is told once';
    like $told[0], qr/no answer within 300ms/, 'and why';
    is scalar( () = $proxy->requests ), 2, 'it is not asked again';
};

done_testing;
