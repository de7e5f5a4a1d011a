# What goes wrong below the client is told, and can be told from a value that is
# not there; what works goes on.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 90;
use Fixture::Needs qw(memcached Cache::Memcached);
use Test::More;

use Apache::Session::Memorycached;
use Apache::Session::Memorycached::Client;
use Cache::Memcached;
use Fixture::Memcached;
use Fixture::Port    qw(free_port);
use Fixture::Session qw(warnings_of error_of create);
use Fixture::Scripted;
use Fixture::Wait;

my $class  = 'Apache::Session::Memorycached::Client';
my $server = Fixture::Memcached->start;
my $direct = $class->new( servers => [ $server->address ] );
$direct->set( key => 'value' );

my @scripted;

sub behind {
    my ( $script, %more ) = @_;
    push @scripted, Fixture::Scripted->start( upstream => $server, script => $script );
    return $class->new( servers => [ $scripted[-1]->address ], io_timeout => 0.3, %more );
}

my %calls = (
    get     => ['key'],
    gets    => ['key'],
    set     => [ 'other',   1 ],
    add     => [ 'another', 1 ],
    replace => [ 'key',     'value' ],
    cas     => [ 'key',     1, 2 ],
    append  => [ 'none',    1 ],
    prepend => [ 'none',    1 ],
    incr    => ['none'],
    decr    => ['none'],
    touch   => [ 'key', 0 ],
    delete  => ['none'],
);

subtest 'a server that is not there' => sub {
    my $address = '127.0.0.1:' . free_port();
    for my $call ( sort keys %calls ) {
        my $memd   = $class->new( servers => [$address] );
        my $result = 'nothing yet';
        my @told   = warnings_of { $result = $memd->$call( @{ $calls{$call} } ) };
        is $result,      undef, "$call: undef";
        is scalar @told, 1,     'one warning';
        like $told[0],     qr/^memcached \Q$address\E: .*refused.* at \Q$0\E line/i, 'which names it, and the caller';
        like $memd->error, qr/^memcached \Q$address\E: /,                            'error has the same';
        my $quiet = $class->new( servers => [$address], on_error => 'quiet' );
        is_deeply [ warnings_of { $quiet->$call( @{ $calls{$call} } ) } ], [], 'quiet: no warning';
        like $quiet->error, qr/^memcached \Q$address\E: /, 'but the error';
        my $strict = $class->new( servers => [$address], on_error => 'die' );
        like error_of { $strict->$call( @{ $calls{$call} } ) }, qr/^memcached \Q$address\E: .* at \Q$0\E line/,
          'die: dies';
    }
    my $memd = $class->new( servers => [$address] );
    for my $call (qw(flush_all stats server_versions)) {
        my $result;
        my @told = warnings_of { $result = $memd->$call };
        like $told[0],     qr/^memcached \Q$address\E: .* at \Q$0\E line/, "$call: a warning, at the caller's line";
        like $memd->error, qr/^memcached \Q$address\E: /,                  'error has the same';
        ok !$result, 'false' if $call eq 'flush_all';
        my $strict = $class->new( servers => [$address], on_error => 'die' );
        like error_of { $strict->$call }, qr/^memcached \Q$address\E: .* at \Q$0\E line/, 'die: dies';
    }
};

subtest 'a server that misbehaves' => sub {
    my %steps = (
        silent => [ 'silent',                           qr/no answer within 300ms/ ],
        hangup => [ 'hangup',                           qr/closed the connection/ ],
        noise  => [ [ say => "<html>\r\n" ],            qr/answered out of step/ ],
        words  => [ [ say => "SERVER_ERROR busy\r\n" ], qr/SERVER_ERROR busy/ ],
        old    => [ [ say => "ERROR\r\n" ],             qr/speaks no meta commands/ ],
    );
    for my $step ( sort keys %steps ) {
        my ( $what, $text ) = @{ $steps{$step} };
        for my $call (qw(get touch delete incr)) {
            my $memd   = behind( [ ($what) x 1 ? [$what] : () ] );
            my $result = 'nothing yet';
            my @told   = warnings_of { $result = $memd->$call( @{ $calls{$call} } ) };
            is $result, undef, "$step: $call: undef";
            like $told[0] // '', $text, 'and why';
            is $memd->get('key'), 'value', 'the next call is as if nothing had been';
        }
    }
};

subtest 'one of three servers is dead' => sub {
    my @alive = map { Fixture::Memcached->start } 1 .. 2;
    my $dead  = '127.0.0.1:' . free_port();
    my @list  = ( $alive[0]->address, $dead, $alive[1]->address );
    my $memd  = $class->new( servers => \@list, no_rehash => 1 );
    my ( %stored, @lost );
    my @told = warnings_of {
        for my $n ( 1 .. 30 ) {
            $memd->set( "key$n", $n ) ? ( $stored{"key$n"} = $n ) : push @lost, "key$n";
        }
    };
    ok %stored && @lost, 'no_rehash: some are stored, some are not';
    is scalar @told, scalar @lost, 'each of which is told';
    my $found;
    @told = warnings_of {
        $found = $memd->get_multi( map { "key$_" } 1 .. 30 )
    };
    is_deeply $found, \%stored, 'get_multi: those of the living servers';
    like $told[0], qr/^memcached \Q$dead\E: /, 'and why the others are missing';
    is scalar @told, 1, 'once';
    like $memd->error, qr/^memcached \Q$dead\E: /, 'error has the same';
    like error_of {
        $class->new( servers => \@list, no_rehash => 1, on_error => 'die' )->get_multi( map { "key$_" } 1 .. 30 )
    }, qr/^memcached \Q$dead\E: /, 'die: dies';

    $memd->set_norehash(0);
    @told = warnings_of {
        $memd->set( $_, 'elsewhere' ) or fail $_ for @lost
    };
    is_deeply \@told, [], 'else they are stored elsewhere';
    is_deeply $memd->get_multi(@lost), { map { ( $_ => 'elsewhere' ) } @lost }, 'and found there';
    my $theirs = Cache::Memcached->new( { servers => \@list } );
    is $theirs->get( $lost[0] ), 'elsewhere', 'where Cache::Memcached looks';

    my $result;
    @told = warnings_of { $result = $memd->flush_all };
    is $result,      0, 'flush_all: false';
    is scalar @told, 1, 'one warning';
    is_deeply $memd->get_multi( keys %stored ), {}, 'the living ones have flushed';
    @told = warnings_of { $result = $memd->server_versions };
    is_deeply [ sort keys %$result ], [ sort map { $_->address } @alive ], 'server_versions: of the living ones';
};

subtest 'a server that comes back' => sub {
    my $own  = Fixture::Memcached->start;
    my $memd = $class->new( servers => [ $own->address ] );
    ok $memd->set( key => 1 ), 'stored';
    $own->restart;
    my $got = 'nothing yet';
    is_deeply [ warnings_of { $got = $memd->get('key') } ], [], 'a restart is no error';
    is $got, undef, 'but empty';
    $own->restart;
    is_deeply [ warnings_of { ok $memd->set( key => 2 ), 'set goes on' } ], [], 'neither is the next';
};

subtest 'damaged values' => sub {
    my %damaged = (
        storable => [ 1, "\x05\x0b\x03\0\0", qr/^key bad: not a Storable value at byte/ ],
        noise    => [ 1, 'noise',            qr/^key bad: / ],
        gzip     => [ 2, 'no gzip',          qr/^key bad: damaged gzip data/ ],
        both     => [ 3, 'no gzip',          qr/^key bad: damaged gzip data/ ],
    );
    for my $kind ( sort keys %damaged ) {
        my ( $flags, $bytes, $text ) = @{ $damaged{$kind} };
        $server->set( bad => $bytes, flags => $flags );
        my ( $got, $found ) = ('nothing yet');
        my @told = warnings_of { $got = $direct->get('bad') };
        is $got, undef, "$kind: undef";
        like $told[0], $text, 'which is told';
        @told = warnings_of { $found = $direct->get_multi(qw(bad key)) };
        is_deeply $found, { key => 'value' }, 'the others of get_multi are read';
        like $told[0], $text, 'and it is told';
    }
};

subtest 'classes' => sub {
    $direct->set( object => bless {}, 'Some::Class' );
    my $strict = $class->new( servers => [ $server->address ], classes => ['Other::Class'] );
    my $got    = 'nothing yet';
    my @told   = warnings_of { $got = $strict->get('object') };
    is $got, undef, 'what is not allowed is not made';
    like $told[0], qr/^key object: class Some::Class is not allowed/, 'and that is told';
    my $loose = $class->new( servers => [ $server->address ], classes => [qr/^Some::/] );
    isa_ok $loose->get('object'), 'Some::Class';
    {
        require Tie::Hash;
        tie my %tied, 'Tie::StdHash';
        %tied = ( servers => [ $server->address ], classes => [], on_error => 'quiet' );
        my $careful = $class->new( \%tied );
        is $careful->get('key'),    'value', 'arguments in a tied hash';
        is $careful->get('object'), undef,   'are all obeyed';
    }
    like error_of { $class->new( classes => 'Some::Class' ) }, qr/^argument classes: takes/, 'a bad list';
};

subtest 'too large' => sub {
    $direct->set( large => 'before' );
    my ( $result, @told );
    @told = warnings_of { $result = $direct->set( large => 'x' x 2_000_000 ) };
    is $result, undef, 'is not stored';
    like $told[0], qr/^key large: has \d+ bytes, larger than the 1048576 bytes that memcached \S+ takes/,
      'with both sizes';
    is $direct->get('large'), 'before', 'the old value stays';
};

subtest 'arguments' => sub {
    my @told = warnings_of { $class->new( servers => [ $server->address ], compres_threshold => 1, debug => 1 ) };
    is scalar @told, 1, 'one is unknown';
    like $told[0], qr/^unknown argument compres_threshold; did you mean compress_threshold\? at \Q$0\E line/,
      'and told';
    for my $bad (
        [ servers           => 'localhost:11211',    qr/^argument servers: takes a reference to an array/ ],
        [ servers           => ['localhost'],        qr/^argument servers: takes "host:port"/ ],
        [ namespace         => 'two words',          qr/^argument namespace: takes/ ],
        [ connect_timeout   => 'soon',               qr/^argument connect_timeout: takes/ ],
        [ on_error          => 'never',              qr/^argument on_error: takes warn or die or quiet/ ],
        [ ketama_points     => 10_001,               qr/^argument ketama_points: takes a number from 0 to 10000/ ],
        [ serialize_methods => [ sub { }, sub { } ], qr/^argument serialize_methods: takes/ ],
      )
    {
        my ( $name, $value, $text ) = @$bad;
        like error_of { $class->new( $name => $value ) }, $text, "$name is refused";
    }
    like error_of { $class->new('servers') }, qr/^the arguments of new: takes names and values/, 'half a pair';
    my $memd = $class->new( servers => [ $server->address ] );
    like error_of { $memd->set_servers( ['nowhere'] ) }, qr/^argument servers: takes/, 'set_servers refuses, too';
    is $memd->get('key'), 'value', 'and leaves it as it was';
    my %many =
      map { ( $_ => 1 ) } qw(debug pref_ip stat_callback parser_class nowait close_on_error max_size max_failures);
    is_deeply [ warnings_of { $class->new( %many, servers => [ $server->address ] ) } ], [], 'many at once';
};

subtest 'objects of other kinds' => sub {
    my $id = create( { servers => [ $server->address ] } );
    tie my %session, 'Apache::Session::Memorycached', $id, { servers => [ $server->address ] };
    my $get = $class->can('get');
    my @not = ( tied %session, tied(%session)->{object_store}, bless( {}, $class ), $class, undef, 1, [], \1 );
    my @bad = map {
        my $object = $_;
        error_of { $get->( $object, 'key' ) }
    } @not;
    my @good = grep { /^called without an object of \Q$class\E/ } @bad;
    is scalar @good, scalar @not, 'are refused by the client';
    my $memd = $class->new( servers => [ $server->address ] );
    for my $method (qw(FETCH STORE serialize conflicts)) {
        my $sub = Apache::Session::Memorycached->can($method);
        isnt error_of { $sub->( $memd, 'key' ) }, '', "a client is refused by a session's $method";
    }
    for my $method (qw(materialize update remove conflicts)) {
        my $sub = Apache::Session::Store::Memorycached->can($method);
        isnt error_of { $sub->( $memd, tied %session ) }, '', "and by a store's $method";
    }
    is $memd->get('key'), 'value', 'and is as before';
    untie %session;
};

done_testing;
