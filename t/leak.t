# No scalar outlives the session that it belonged to, on any way through the
# native code, dying included.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Fixture::Needs 'Test::LeakTrace';
use Test::LeakTrace;
use Test::More;

use Apache::Session::Flex;
use Scalar::Util qw(weaken);
use Time::HiRes  qw(setitimer ITIMER_REAL);
use Fixture::Backends;
use Fixture::Memcached;
use Fixture::Port qw(free_port);
use Fixture::Scripted;
use Fixture::Session;

# What is made once and kept (connections, caches of methods) is no leak: each
# way is gone twice before it is looked at.
sub tight {
    my ( $name, $block ) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $block->() for 1 .. 2;
    return no_leaks_ok { $block->() } $name;
}

sub quietly (&) {
    my ($block) = @_;
    local $SIG{__WARN__} = sub { };
    eval { $block->(); 1 };
    return;
}

on_each_backend {
    my ( $arguments, $server ) = @_;
    my %content = (
        text   => "\x{263a}",
        list   => [ 1, [ 2, 'three' ], undef, 4.5 ],
        tree   => { a => { b => { c => \'x' } } },
        object => bless( {}, 'Some::Class' ),
    );
    my $id    = create( $arguments, %content );
    my @class = 'Apache::Session::Memorycached';

    my %ways = (
        'a new session' => sub {
            tie my %session, $class[0], undef, $arguments;
            untie %session;
        },
        'tie and untie' => sub {
            tie my %session, $class[0], $id, $arguments;
            untie %session;
        },
        'tie and scope exit' => sub { tie my %session, $class[0], $id, $arguments },
        'reading'            => sub {
            tie my %session, $class[0], $id, $arguments;
            my %copy = %session;
            my $deep = $session{tree}{a}{b}{c};
            my $none = $session{none};
            my $any  = exists $session{text};
            untie %session;
        },
        'writing' => sub {
            tie my %session, $class[0], $id, $arguments;
            $session{count}++;
            $session{list}[1][1] .= '!';
            $session{new} = [ {}, [] ];
            delete $session{new};
            tied(%session)->save;
            $session{list}[1][1] = 'three';
            untie %session;
        },
        'clearing' => sub {
            tie my %session, $class[0], $id, $arguments;
            %session = %content;
            untie %session;
        },
        'iterating, left half-way' => sub {
            tie my %session, $class[0], $id, $arguments;
            my ($key) = each %session;
            untie %session;
        },
        'merging' => sub {
            tie my %first,  $class[0], $id, $arguments;
            tie my %second, $class[0], $id, $arguments;
            $first{first}   = { n => rand };
            $second{second} = { n => rand };
            untie %first;
            untie %second;
        },
        'deleting' => sub {
            tie my %session, $class[0], undef, $arguments;
            $session{a} = [1];
            tied(%session)->delete;
            untie %session;
        },
        'a tombstone in the way' => sub {
            quietly {
                tie my %session, $class[0], undef,                 $arguments;
                tie my %other,   $class[0], $session{_session_id}, $arguments;
                tied(%session)->delete;
                $other{a} = 1;
                untie %other;
                untie %session;
            };
        },
        'restoring' => sub {
            tie my %session, $class[0], $id, $arguments;
            tied(%session)->make_unsynced;
            tied(%session)->restore;
            untie %session;
        },
        'a weak circle' => sub {
            tie my %session, $class[0], undef, $arguments;
            my $parent = { child => {} };
            $parent->{child}{parent} = $parent;
            weaken $parent->{child}{parent};
            $session{family} = $parent;
            my $new = $session{_session_id};
            untie %session;
            tie %session, $class[0], $new, $arguments;
            my $name = $session{family}{child};
            untie %session;
        },
        'a missing session' => sub {
            quietly {
                tie my %session, $class[0], 'ab' x 16, $arguments;
                $session{a} = 1;
                untie %session;
            };
        },
        'a missing session that dies' => sub {
            quietly {
                tie my %session, $class[0], 'ab' x 16, { %$arguments, missing => 'die' };
            };
        },
        'an id that is none' => sub {
            quietly { tie my %session, $class[0], 'no id', $arguments };
        },
        'a bad argument' => sub {
            quietly { tie my %session, $class[0], undef, { %$arguments, timeout => 'x' } };
        },
        'an unknown argument' => sub {
            quietly { tie my %session, $class[0], $id, { %$arguments, timout => 1 } };
        },
        'a value that can not be stored' => sub {
            quietly {
                tie my %session, $class[0], $id, $arguments;
                $session{bad} = [ 1, { code => sub { 1 } } ];
                tied(%session)->save;
            };
        },
        'a principal' => sub {
            my $named = { %$arguments, principal => 'uid' };
            tie my %session, $class[0], undef, $named;
            $session{uid} = 'dwho';
            tied(%session)->save;
            tied(%session)->delete;
            untie %session;
        },
        'Flex' => sub {
            my %flex = (
                Store    => 'Memorycached', Lock      => 'Memorycached',
                Generate => 'Memorycached', Serialize => 'Storable'
            );
            tie my %session, 'Apache::Session::Flex', undef, { %$arguments, %flex };
            my $new = $session{_session_id};
            $session{a} = [1];
            untie %session;
            tie %session, 'Apache::Session::Flex', $new, { %$arguments, %flex };
            $session{a}[1] = 2;
            $session{b} = 1;
            untie %session;
        },
        'Flex, a missing session' => sub {
            my %flex = (
                Store    => 'Memorycached', Lock      => 'Memorycached',
                Generate => 'Memorycached', Serialize => 'Storable'
            );
            quietly {
                tie my %session, 'Apache::Session::Flex', 'ab' x 16,
                  { %$arguments, %flex };
            };
        },
    );

    # Without its object, a session is lazy.
    my %plain = %content;
    delete $plain{object};
    my $plain = create( $arguments, %plain, map { ( "field$_" => $_ ) } 1 .. 50 );
    my %lazy  = (
        'reading one key' => sub { my $deep = $_[0]{tree}{a}{b}{c} },
        'many'            => sub { my $text = $_[0]{"field$_"} for 1 .. 50 },
        'none'            => sub { my $none = $_[0]{none}; exists $_[0]{text} },
        'writing'       => sub { $_[0]{field1}++; delete $_[0]{field2}; $_[0]{new} = [ {} ]; push @{ $_[0]{list} }, 1 },
        'in the middle' => sub { my $text = $_[0]{text}; my %copy = %{ $_[0] } },
        'the data'        => sub { my $all           = keys %{ $_[1]{data} } },
        'the data, local' => sub { local $_[1]{data} = {} },
        'the data, gone'  => sub { my $list    = $_[0]{list}; my $data = delete $_[1]{data}; $_[1]{data} = {%$data} },
        'another'         => sub { $_[1]{data} = { _session_id => $_[0]{_session_id} } },
        'clearing'        => sub { my $list    = $_[0]{list}; %{ $_[0] } = () },
        'values that are tangled' => sub { $_[0]{new} = [ $_[0]{list} ] },
        'restoring'               => sub { my $list   = $_[0]{list}; $_[1]->make_unsynced; $_[1]->restore },
    );
    for my $name ( keys %lazy ) {
        $ways{"lazy: $name"} = sub {
            tie my %session, $class[0], $plain, $arguments;
            $lazy{$name}->( \%session, tied %session );
            untie %session;
        };
    }
    if ( $class[0]->can('regenerate_id') ) {
        $ways{'a new id'} = sub {
            tie my %session, $class[0], undef, $arguments;
            $session{a} = [1];
            tied(%session)->regenerate_id;
            untie %session;
        };
    }

    tight( $_, $ways{$_} ) for sort keys %ways;

    if ($server) {
        $server->set( 'cd' x 16, "\x05\x0b\x03\x00\x00\x00\x02\x0a\x01xgarbage", flags => 1 );
        tight 'a damaged value' => sub {
            quietly { tie my %session, $class[0], 'cd' x 16, $arguments };
        };
        $server->set( 'ce' x 16, 'garbage', flags => 3 );
        tight 'damaged gzip' => sub {
            quietly { tie my %session, $class[0], 'ce' x 16, $arguments };
        };
        tight 'a value that is too large' => sub {
            quietly {
                tie my %session, $class[0], $id, $arguments;
                $session{large} = 'x' x 2_000_000;
                tied(%session)->save;
            };
        };
        tight 'compressed' => sub {
            my $zipped = { %$arguments, compress_threshold => 100 };
            tie my %session, $class[0], undef, $zipped;
            my $new = $session{_session_id};
            $session{a} = 'abc' x 1_000;
            untie %session;
            tie %session, $class[0], $new, $zipped;
            my $text = $session{a};
        };
        my $down = { servers => [ '127.0.0.1:' . free_port() ] };
        for my $whose ( $id, undef ) {
            for my $more ( {}, { Transaction => 1 }, { on_error => 'warn' } ) {
                my $about = join ' ', 'a server that is down:', $whose ? 'a session' : 'a new session', %$more;
                tight $about => sub {
                    quietly {
                        tie my %session, $class[0], $whose, { %$down, %$more };
                        $session{a} = [1];
                        untie %session;
                    };
                };
            }
        }
        my $late = Fixture::Scripted->start( upstream => $server, script => [ ( [ ( [ late => 0.2 ] ) x 9 ] ) x 99 ] );
        for my $transaction ( 0, 1 ) {
            my $interrupted;
            tight "a handler that dies while a session is awaited, transaction $transaction" => sub {
                quietly {
                    local $SIG{ALRM} = sub { $interrupted++; die [1] };
                    setitimer ITIMER_REAL, 0.05;
                    tie my %session, $class[0], $id, { servers => [ $late->address ], Transaction => $transaction };
                };
            };
            cmp_ok $interrupted, '>=', 3, 'it has died each time';
        }
        my $mortal = Fixture::Memcached->start;
        tight 'a server that goes down' => sub {
            quietly {
                tie my %session, $class[0], undef, { servers => [ $mortal->address ] };
                $session{a} = [1];
                $mortal->crash;
                tied(%session)->save;
            };
            $mortal->restart;
        };
    }
};

done_testing;
