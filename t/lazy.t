# Of a session, only those values are made that somebody asks for; nobody can
# tell, by whatever way they look at it, and what is saved is the same
# (DESIGN §5).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Fixture::Needs 'memcached';
use Test::More;

use Data::Dumper ();
use Hash::Util   qw(lock_keys lock_hash);
use Scalar::Util qw(refaddr weaken);
use Storable     ();
use Fixture::Memcached;
use Fixture::Session;
use Fixture::Slot;

local $Data::Dumper::Sortkeys = 1;
local $Data::Dumper::Indent   = 1;

my $server    = Fixture::Memcached->start;
my $arguments = { servers => [ $server->address ] };
my %content   = (
    name        => 'dwho',
    number      => 7,
    long        => 'long ' x 100,
    undefined   => undef,
    empty       => '',
    list        => [ 1, [ 2, 'three' ], undef, 4.5 ],
    tree        => { a => { b => { c => [ 1 .. 3 ] } } },
    "\x{263a}"  => "\x{263a}\x{263b}",
    "caf\x{e9}" => "caf\x{e9}",
    '5'         => 'a key that is a number',
    map { ( "field$_" => "value $_" ) } 1 .. 10,
);

sub opened {
    my ($id) = @_;
    tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
    return \%session;
}

# The frozen session in the store.
sub image { return $server->item( $_[0] )->{value} }

subtest 'only what is asked for is made' => sub {
    my $id      = create( $arguments, %content );
    my $session = opened($id);
    ok is_lazy($session), 'a session is lazy';
    is made($session),          0,      'nothing is made of it';
    is $session->{name},        'dwho', 'a key is asked for';
    is made($session),          1,      'it is made';
    is $session->{name},        'dwho', 'it is there';
    is made($session),          1,      'and is made once';
    is $session->{_session_id}, $id,    'the id';
    ok exists $session->{list},    'a key exists';
    ok !exists $session->{nobody}, 'another does not';
    is $session->{nobody}, undef, 'and has no value';
    is made($session),     2,     'nothing is made for that';

    my $cas = $server->item($id)->{cas};
    is $session->{list}[1][1], 'three', 'a structure is asked for';
    tied(%$session)->save;
    is made($session),            3,    'a save makes nothing';
    is $server->item($id)->{cas}, $cas, 'nor does it write where nothing changed';

    $session->{name} = 'other';
    push @{ $session->{list} }, 'more';
    delete $session->{number};
    $session->{new} = { deep => [1] };
    tied(%$session)->save;
    is made($session), 4, 'nor does one that writes';
    ok is_lazy($session), 'the session is as lazy as before';
    my %expected = (
        %content,
        _session_id => $id,
        name        => 'other',
        list        => [ @{ $content{list} }, 'more' ],
        new         => { deep => [1] },
    );
    delete $expected{number};
    is_deeply Storable::thaw( image($id) ), \%expected, 'and Storable reads it';
    is $session->{field3}, 'value 3', 'what was not made is there';
    is_deeply { %$session }, \%expected, 'as is all';
    ok !is_lazy($session), 'which is made then';
};

subtest 'who asks for many gets all' => sub {
    my $id      = create( $arguments, map { ( "key$_" => $_ ) } 1 .. 100 );
    my $session = opened($id);
    is $session->{"key$_"}, $_, "key $_" for 1 .. 40;
    ok !is_lazy($session), 'the whole session is made';
    $session = opened($id);
    ok !exists $session->{"none$_"} for 1 .. 40;
    ok !is_lazy($session), 'also when they are not there';
    $session = opened($id);
    $session->{"new$_"} = $_ for 1 .. 40;
    ok !is_lazy($session), 'or are set';
    tied(%$session)->save;
    is scalar( keys %{ contents( $arguments, $id ) } ), 141, 'and nothing is lost';
};

# What another than our own methods sees and does. Each is tried on a session
# that is lazy, on one of which some keys are made, and on one that is whole.
my %ways = (
    'a value'             => sub { $_[1]{data}{name} },
    'a value below'       => sub { $_[1]{data}{tree}{a}{b}{c}[1] },
    'exists'              => sub { exists $_[1]{data}{name} },
    'exists in the whole' => sub { exists $_[1]{data} },
    'defined'             => sub { defined $_[1]{data} },
    'ref'                 => sub { ref $_[1]{data} },
    'keys'                => sub { sort keys %{ $_[1]{data} } },
    'values'              => sub { scalar( my @all = values %{ $_[1]{data} } ) },
    'each'                => sub {
        my %all;
        while ( my ( $key, $value ) = each %{ $_[1]{data} } ) { $all{$key} = $value }
        return \%all;
    },
    'a slice'           => sub { @{ $_[1]{data} }{qw(name number)} },
    'a slice with keys' => sub {
        my %part = map { ( $_ => $_[1]{data}{$_} ) } qw(name list);
        \%part;
    },
    'a copy'               => sub { my $data   = $_[1]{data};        return {%$data} },
    'a copy of the object' => sub { my %copy   = %{ $_[1] };         $copy{data} },
    'a slice of it'        => sub { my ($data) = @{ $_[1] }{'data'}; $data },
    'each of the object'   => sub {
        while ( my ( $key, $value ) = each %{ $_[1] } ) {
            if ( $key eq 'data' ) { keys %{ $_[1] }; return $value }
        }
    },
    'values of the object' => sub {
        map { ref && exists $_->{name} ? $_->{name} : () } grep { ref eq 'HASH' } values %{ $_[1] };
    },
    'aliased in a loop' => sub { my @all; push @all, $_->{name} for $_[1]{data}; @all },
    'aliased in map'    => sub {
        map { $_->{name} } $_[1]{data};
    },
    'aliased as argument' => sub {
        sub { $_[0]{name} }
          ->( $_[1]{data} );
    },
    'a reference to it'     => sub { my $slot          = \$_[1]{data}; $$slot->{name} },
    'a reference, assigned' => sub { my $slot          = \$_[1]{data}; $$slot->{name} = 'assigned'; $_[0]{name} },
    'a value, assigned'     => sub { $_[1]{data}{name} = 'assigned';   $_[0]{name} },
    'a value, deleted'      => sub { ( delete $_[1]{data}{name}, exists $_[0]{name} ? 1 : 0 ) },
    'a value, local'        => sub {
        { local $_[1]{data}{name} = 'local'; is $_[0]{name}, 'local' }
        return $_[0]{name};
    },
    'local' => sub {
        { local $_[1]{data} = { name => 'local' }; is $_[0]{name}, 'local' }
        return ( $_[0]{name}, $_[0]{number} );
    },
    'local, empty' => sub {
        { local $_[1]{data}; }
        return $_[0]{number};
    },
    'deleted and put back' => sub { my $data = delete $_[1]{data}; $_[1]{data} = $data; $_[0]{number} },
    'replaced'     => sub { $_[1]{data} = { name => 'new' }; ( $_[0]{name}, $_[0]{number}, sort keys %{ $_[0] } ) },
    'emptied'      => sub { %{ $_[1]{data} } = ( name => 'only' ); ( sort keys %{ $_[0] } ) },
    'undef'        => sub { undef $_[1]{data};                     ref $_[1]{data} },
    'pushed below' => sub { push @{ $_[1]{data}{list} }, 'pushed'; $_[0]{list} },
    'made below'   => sub { $_[1]{data}{here}{and}{there} = 1;     $_[0]{here} },
    'cloned as argument' => sub { Storable::dclone( tied( %{ $_[0] } )->{data} ) },
    'frozen'             => sub { Storable::thaw( Storable::nfreeze( $_[1]{data} ) ) },
    'cloned'             => sub { Storable::dclone( $_[1]{data} ) },
    'dumped'             => sub { Data::Dumper::Dumper( $_[1]{data} ) },
    'dumped by Perl'     => sub { local $Data::Dumper::Useperl = 1; Data::Dumper::Dumper( $_[1]{data} ) },
    'dumped as a part'   => sub {
        my ($dumped) = Data::Dumper::Dumper( $_[1] ) =~ /'data' => (\{.*?^ +\}),/ms;
        return $dumped;
    },
    'the same values' => sub { refaddr( $_[0]{list} ) == refaddr( $_[1]{data}{list} ) },
    'the same hash'   => sub { $_[1]{data} == $_[1]{data} },
    'in a string'     => sub { "$_[1]{data}" =~ /^HASH/ },
    'locked'          => sub {
        lock_keys( %{ $_[1]{data} } );
        my @results = ( error_of { $_[0]{other} = 1 }, error_of { my $x = $_[0]{number} } );
        s/ at .*//s for @results;
        Hash::Util::unlock_keys( %{ $_[1]{data} } );
        return @results;
    },
    'weak'          => sub { my $strong = $_[1]{data}; weaken $_[1]{data}; ( $_[0]{name}, $strong->{number} ) },
    'inherited'     => sub { Apache::Session::FETCH( $_[1], 'name' ) },
    'inherited set' => sub { Apache::Session::STORE( $_[1], 'name', 'set' ); $_[0]{name} },
    'inherited del' => sub { Apache::Session::DELETE( $_[1], 'name' );       exists $_[0]{name} ? 1 : 0 },
    'inherited key' => sub { Apache::Session::FIRSTKEY( $_[1] );             scalar keys %{ $_[0] } },
    'all keys'      => sub { sort keys %{ $_[0] } },
    'in the middle' => sub {
        my $seen = 0;
        while ( my ($key) = each %{ $_[0] } ) { $_[0]{$key} = 'seen'; $seen++ }
        return $seen;
    },
    'as a number' => sub { scalar( %{ $_[0] } ) ? 1 : 0 },
    'cleared'     => sub { %{ $_[0] } = (); ( $_[0]{name}, sort keys %{ $_[1]{data} } ) },
    'local key'   => sub {
        { local $_[0]{name} = 'local' }
        $_[0]{name};
    },
    'key and data' => sub { $_[0]{field2} = 'set'; delete $_[0]{field3}; $_[1]{data} },
    'frozen as it is' => sub { tied( %{ $_[0] } )->save; $_[1]{data}{field1} },
);
my %first = (
    'nothing made'   => sub { },
    'some keys made' => sub { my $deep = $_[0]{tree}{a}; $_[0]{field1} = 'set'; delete $_[0]{field2} },
);

for my $name ( sort keys %ways ) {
    for my $first ( sort keys %first ) {
        my %outcome;
        for my $kind (qw(lazy whole)) {
            my $id      = create( $arguments, %content );
            my $session = opened($id);
            whole($session) if $kind eq 'whole';
            $first{$first}->($session);
            is is_lazy($session), $kind eq 'lazy', "$name, $first: $kind";
            my ( @result, @warnings );
            local $SIG{__WARN__} = sub { push @warnings, $_[0] =~ s/ at .*//sr };
            @result = $ways{$name}->( $session, tied %$session );

            if ( ref tied(%$session)->{data} ) {
                $session->{after} = 1;
                tied(%$session)->save;
            }
            undef $session;
            $outcome{$kind} = Data::Dumper::Dumper( \@result, \@warnings, Storable::thaw( image($id) ) ) =~ s/$id/ID/gr;
        }
        is $outcome{lazy}, $outcome{whole}, "$name, $first: the same";
    }
}

subtest 'data in other hands' => sub {
    my $id      = create( $arguments, %content );
    my $session = opened($id);
    my $data    = tied(%$session)->{data};
    ok !is_lazy($session), 'who has the hash has all of it';
    undef $session;
    is $data->{number}, 7, 'also when the session has ended';
};

subtest 'what was stored by hand' => sub {
    my $id     = create( $arguments, a => 1 );
    my %images = (
        'another id'            => Storable::nfreeze( { _session_id => 'f' x 32, a    => 1, list => [1] } ),
        'an id of another kind' => Storable::nfreeze( { _session_id => 42,       a    => 1, list => [1] } ),
        'no id'                 => Storable::nfreeze( { a           => 1,        list => [1] } ),
        'a key twice'           => "\5\x0b\3\0\0\0\3\x08\x85\0\0\0\1a\x08\x81\0\0\0\1a\4\2\0\0\0\1\x08\x81\0\0\0\4list",
    );
    for my $name ( sort keys %images ) {
        for my $touched ( 0, 1 ) {
            $server->set( $id, $images{$name}, flags => 1 );
            my $session = opened($id);
            ok is_lazy($session), "$name: lazy";
            is $session->{_session_id}, $id, "$name: the id is the one that was asked for";
            is $session->{a},           1,   "$name: the last value counts" if $touched;
            $session->{new} = 2;
            tied(%$session)->save;
            is_deeply Storable::thaw( image($id) ), { _session_id => $id, a => 1, list => [1], new => 2 },
              "$name: what is saved";
            is_deeply contents( $arguments, $id ), { _session_id => $id, a => 1, list => [1], new => 2 },
              "$name: and read";
        }
    }
};

subtest 'what can only be read as a whole' => sub {
    my $shared = [1];
    my %values = (
        'an object'            => { object => bless( {}, 'Some::Class' ) },
        'a value in two keys'  => { a      => $shared, b => $shared },
        'a regular expression' => { re     => qr/x/ },
    );
    for my $name ( sort keys %values ) {
        my $id      = create( $arguments, %{ $values{$name} } );
        my $session = opened($id);
        ok !is_lazy($session), $name;
        $session->{new} = 1;
        undef $session;
        is contents( $arguments, $id )->{new}, 1, "$name: is saved";
    }
};

subtest 'values that lead to each other' => sub {
    for my $whole ( 0, 1 ) {
        my $id      = create( $arguments, %content );
        my $session = opened($id);
        whole($session) if $whole;
        $session->{a}          = $session->{b} = [ 'shared', $session->{list} ];
        $session->{self}       = {};
        $session->{self}{self} = $session->{self};
        $session->{object}     = bless { x => 1 }, 'Some::Class';
        tied(%$session)->save;
        my $stored = Storable::thaw( image($id) );
        is refaddr( $stored->{a} ),    refaddr( $stored->{b} ),          'two keys share a value';
        is refaddr( $stored->{a}[1] ), refaddr( $stored->{list} ),       'one that was there, too';
        is refaddr( $stored->{self} ), refaddr( $stored->{self}{self} ), 'a cycle';
        is ref $stored->{object},      'Some::Class',                    'an object';
        is $stored->{field9},          'value 9',                        'and all the others';
        delete $session->{self}{self};
        delete $stored->{self}{self};
    }
};

subtest 'sorted keys' => sub {
    local $Storable::canonical = 1;
    my $id      = create( $arguments, %content );
    my $session = opened($id);
    $session->{name} = 'other';
    tied(%$session)->save;
    is image($id), Storable::nfreeze( { %content, _session_id => $id, name => 'other' } ), 'all of them';
};

subtest 'a child of the process' => sub {
    my $id      = create( $arguments, %content );
    my $session = opened($id);
    is $session->{name}, 'dwho', 'before';
    my $pid = fork // die "fork: $!";
    if ( !$pid ) {
        $session->{child} = $session->{number} + 1;
        tied(%$session)->save;
        require POSIX;
        POSIX::_exit( keys %$session == keys(%content) + 2 ? 0 : 1 );
    }
    waitpid $pid, 0;
    is $?, 0, 'it has all keys';
    $session->{parent} = $session->{field4};
    undef $session;
    my $contents = contents( $arguments, $id );
    is_deeply [ @$contents{qw(child parent number)} ], [ 8, 'value 4', 7 ], 'both have saved';
};

done_testing;
