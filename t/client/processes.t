# A client on both sides of a fork, in threads, and while signals arrive: each has
# connections of its own, and no answer is read by another.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs 'memcached';
use Test::More;

use Apache::Session::Memorycached::Client;
use Config;
use Time::HiRes qw(ualarm);
use Fixture::Backends;
use Fixture::Child;
use Fixture::Memcached;
use Fixture::Scripted;
use Fixture::Session qw(warnings_of);
use Fixture::Wait;

my $class = 'Apache::Session::Memorycached::Client';

on_each_backend {
    my ($arguments) = @_;

    subtest 'fork' => sub {
        my $memd = $class->new($arguments);
        $memd->set( n => 0 );
        my @children = map {
            my $child = $_;
            in_fork {
                for ( 1 .. 100 ) {
                    $memd->set( "own$child", $_ );
                    $memd->incr('n');
                    die "read another's" if $memd->get("own$child") != $_;
                }
                'done';
            };
        } 1 .. 4;
        for ( 1 .. 100 ) {
            $memd->set( own => $_ );
            $memd->get('own') == $_ or fail 'read another\'s';
        }
        is $_->finish,      'done', 'a child' for @children;
        is $memd->get('n'), 400,    'the parent';
    };

    subtest 'threads' => sub {
        plan skip_all => 'this perl has no threads' if !$Config{useithreads};
        my $work = <<'END';
            use threads;
            use Apache::Session::Memorycached::Client;
            my $memd = Apache::Session::Memorycached::Client->new( servers => [ $ARGV[0] ] );
            $memd->set( n => 0 );
            my @threads = map {
                my $number = $_;
                threads->create( sub {
                    for ( 1 .. 50 ) {
                        $memd->set( "own$number", [ $number, $_ ] );
                        $memd->incr('n');
                        my $own = $memd->get("own$number");
                        return "read another's" if "@$own" ne "$number $_";
                    }
                    'done';
                } );
            } 1 .. 4;
            print join( ' ', map { $_->join } @threads ), ' ', $memd->get('n');
END
        is in_perl( $work, $arguments->{servers}[0] )->finish, 'done done done done 200', 'each for itself';
    };

    subtest 'global destruction' => sub {
        my $work = <<'END';
            use Apache::Session::Memorycached::Client;
            our $memd = Apache::Session::Memorycached::Client->new( servers => [ $ARGV[0] ] );
            $memd->set( n => 7 );
            our $self = { memd => $memd }; $self->{self} = $self;
            sub Late::DESTROY { print $memd ? $memd->get('n') : 'no client' }
            our $late = bless {}, 'Late';
            undef $late;
END
        is in_perl( $work, $arguments->{servers}[0] )->finish, '7', 'is quiet';
    };
};

my $server = Fixture::Memcached->start;
my $direct = $class->new( servers => [ $server->address ] );
$direct->set( key => 'value' );
my @scripted;

sub behind {
    my (@script) = @_;
    push @scripted, Fixture::Scripted->start( upstream => $server, script => \@script );
    return $class->new( servers => [ $scripted[-1]->address ], io_timeout => 10 );
}

my %calls = (
    get       => ['key'],
    get_multi => ['key'],
    touch     => [ 'key', 0 ],
    delete    => ['none'],
    incr      => ['none'],
);

for my $call ( sort keys %calls ) {
    subtest "$call: a handler that dies" => sub {
        my $memd = behind( ['silent'] );
        my $took = elapsed {
            local $SIG{ALRM} = sub { die "alarm\n" };
            ualarm 100_000;
            $memd->$call( @{ $calls{$call} } );
        };
        is $@, "alarm\n", 'ends the wait with its own words';
        cmp_ok $took, '<', 5, 'soon';
        is $memd->get('key'), 'value', 'the next call is as if nothing had been';
    };
}

subtest 'a handler that returns' => sub {
    my $memd = behind( [ [ late => 0.4 ] ] );
    my ( $handled, $got ) = ( 0, undef );
    local $SIG{ALRM} = sub { $handled++ };
    ualarm 100_000;
    is_deeply [ warnings_of { $got = $memd->get('key') } ], [], 'nothing is told';
    is $handled, 1,       'it has run';
    is $got,     'value', 'and the wait has gone on';
};

subtest 'a handler that uses the client that waits' => sub {
    my $memd = behind( [ [ late => 0.4 ] ], ['pass'] );
    my ( $inner, $key ) = ( undef, 'key' );
    local $SIG{ALRM} = sub { $inner = $memd->get('key'); $key = 'x' x 1000 };
    ualarm 100_000;
    is $memd->get($key),  'value', 'the outer call';
    is $inner,            'value', 'the inner call';
    is $memd->get('key'), 'value', 'and the next';
};

subtest 'a handler that changes what is stored meanwhile' => sub {
    my $memd  = behind( [ [ late => 0.4 ], 'pass' ] );
    my $value = 'the first value';
    local $SIG{ALRM} = sub { undef $value; $value = 'y' x 100_000 };
    ualarm 100_000;
    ok $memd->set( changed => $value ), 'is stored';
    is $direct->get('changed'), 'the first value', 'as it was when the call began';
};

done_testing;
