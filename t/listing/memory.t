# A listing of 20,000 sessions takes no more memory than one of a few, and leaves nothing behind: no memory, no file
# descriptor, no scalar, no temporary file.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Fixture::Needs 'memcached';
use Test::More;

use File::Temp ();
use IO::Socket::IP;
use Storable qw(nfreeze);
use Fixture::Memcached;
use Fixture::Session;

plan skip_all => 'no /proc/self' if !-r '/proc/self/statm';

my $class  = 'Apache::Session::Memorycached';
my $server = Fixture::Memcached->start( args => [ '-m', 256 ] );
my $dir    = File::Temp->newdir;
my $few    = { servers => [ $server->address ], namespace => 'few:' };
my $many   = { servers => [ $server->address ], namespace => 'many:' };

create( $few, uid => "user$_", list => [ 1 .. 5 ], object => bless( {}, 'Local::Thing' ) ) for 1 .. 20;
my $socket = IO::Socket::IP->new( PeerHost => '127.0.0.1', PeerPort => $server->port ) or die $@;
for my $thousand ( 1 .. 20 ) {
    for my $n ( 1 .. 1_000 ) {
        my $value = nfreeze(
            { uid => "user$n", text => 'x' x 2_000, list => [ 1 .. 5 ], object => bless( {}, 'Local::Thing' ) } );
        printf {$socket} "ms many:%s%02d%04d %d F1 q\r\n%s\r\n", 'k' x 150, $thousand, $n, length $value, $value;
    }
    print {$socket} "mn\r\n";
    $socket->flush;
    my $answer = <$socket>;
    is $answer, "MN\r\n", "$thousand,000 stored" if $thousand == 20;
}

sub resident {
    open my $file, '<', '/proc/self/statm' or die $!;
    return 4_096 * ( split ' ', <$file> )[1];
}

sub descriptors { return scalar( my @all = glob '/proc/self/fd/*' ) }

my %ways = (
    'some fields to a callback' => sub {
        my ($in) = @_;
        $class->for_each_session( $in, [ 'uid', 'list' ], sub { } );
    },
    'an object to a callback' => sub {
        my ($in) = @_;
        $class->for_each_session( $in, ['object'], sub { } );
    },
    'whole sessions to a callback' => sub {
        my ($in) = @_;
        $class->for_each_session( $in, undef, sub { } );
    },
    'a search that finds none' => sub { my ($in) = @_; $class->searchOn( $in, 'uid', 'nobody' ) },
    'a pattern'                => sub { my ($in) = @_; $class->searchOnExpr( $in, 'uid', '*user1', 'uid' ) },
    'deleting none'            => sub { my ($in) = @_; $class->deleteIfLowerThan( $in, { or => { uid => 1 } } ) },
    'dying'                    => sub {
        my ($in) = @_;
        my $calls = 0;
        return error_of {
            $class->for_each_session( $in, ['list'], sub { die "enough\n" if ++$calls == 15 } )
        };
    },
);

# In a directory of its own, where a file that is left would be seen.
local $ENV{TMPDIR} = "$dir";
for my $name ( sort keys %ways ) {
    my $work = $ways{$name};
    $work->($few)  for 1 .. 3;
    $work->($many) for 1 .. 1;
    my @before = ( resident(), descriptors() );
    $work->($many) for 1 .. 3;
    my @after = ( resident(), descriptors() );
    cmp_ok $after[0] - $before[0], '<', 4_000_000, "$name: memory";
    is $after[1], $before[1], "$name: file descriptors";
}
is_deeply [ glob "$dir/*" ], [], 'no file is left';

my $seen   = 0;
my $before = resident();
my $peak   = 0;
$class->for_each_session(
    $many, undef,
    sub { my $now = ++$seen % 500 ? 0 : resident(); $peak = $now if $now > $peak }
);
is $seen, 20_000, 'all were seen';
cmp_ok $peak - $before, '<', 4_000_000, 'and the most memory meanwhile, of 45 MB of sessions';

SKIP: {
    if ( !Fixture::Needs::has('Test::LeakTrace') ) {
        die "Test::LeakTrace is missing, and CI is set\n" if $ENV{CI};
        skip 'Test::LeakTrace is not installed', 1;
    }
    for my $name ( sort keys %ways ) {

        # What is made once and kept is no leak.
        my ($leaked) = reverse map {
            Test::LeakTrace::leaked_count( sub { $ways{$name}->($few) } )
        } 1 .. 3;
        cmp_ok $leaked, '<=', 0, "$name: no scalar is left";
    }
}

done_testing;
