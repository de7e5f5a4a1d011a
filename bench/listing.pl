# Listing a million sessions of 500 bytes, held against the least that it takes
# to read them: draining `lru_crawler metadump`, and then the values in batches
# (DESIGN §9). And the memory that it takes.

use strict;
use warnings;
use lib 'bench/lib', 't/lib';

use Apache::Session::Memorycached;
use Bench::Bare;
use Bench::Measure qw(quantile);
use Bench::Server;
use Bench::Topic;
use Storable    qw(nfreeze);
use Time::HiRes qw(time);

my $quick  = grep { $_ eq '--quick' } @ARGV;
my $COUNT  = $quick ? 100_000 : 1_000_000;
my $ROUNDS = 3;
my $SIZE   = 500;

my $class     = 'Apache::Session::Memorycached';
my $server    = memcached( args => [ '-m', 2_048 ] );
my $arguments = { servers => [ $server->address ], io_timeout => 10 };

fill();
my $growth = memory( sub { each_session() } );

my %works = (
    bare     => \&bare,
    nothing  => sub { found( 0,             $class->searchOn( $arguments, 'uid', 'nobody', 'uid' ) ) },
    some     => sub { found( $COUNT / 1000, $class->searchOn( $arguments, 'uid', 'user7',  'uid' ) ) },
    callback => \&each_session,
);
my %took = map { $_ => [] } keys %works;
for ( 1 .. $ROUNDS ) {
    for my $work (qw(bare nothing some callback)) {
        my $start = time;
        $works{$work}->();
        push @{ $took{$work} }, time - $start;
    }
}

my $topic = Bench::Topic->new( sprintf 'Listing %d sessions of %d bytes', $COUNT, $SIZE );
for my $row (
    [ 'searchOn, which finds none',                        'nothing' ],
    [ 'searchOn, which finds one of a thousand',           'some' ],
    [ 'for_each_session, one field of each to a callback', 'callback' ],
  )
{
    my ( $what, $work ) = @$row;
    my @pairs    = map { [ $took{$work}[$_] / $COUNT, $took{bare}[$_] / $COUNT ] } 0 .. $ROUNDS - 1;
    my %compared = (
        ours   => quantile( 0.5, [ map { $_->[0] } @pairs ] ),
        theirs => quantile( 0.5, [ map { $_->[1] } @pairs ] ),
        ratios => [ map { $_->[0] / $_->[1] } @pairs ],
    );
    $topic->row( $what, 'draining `metadump`, then reading the values', \%compared, at_most => 1.5 );
}
$topic->note( sprintf <<'NOTE', $ROUNDS, $growth / 1e6 );
Time for one session, of whole listings, %d each, taking turns. What is held against takes the keys out of the list with
a regular expression, sends `mg KEY v` for 256 at a time, and looks at nothing that comes back. The memory of the process grew by
%.1f MB at most while it gave all sessions to a callback for the first time.
NOTE
$topic->print;

sub fill {
    my $socket  = Bench::Bare::connection( $server->address );
    my $request = '';
    for my $n ( 1 .. $COUNT ) {
        my $id = sprintf '%032x', $n;
        my %session =
          ( _session_id => $id, uid => 'user' . $n % 1000, _utime => 1_700_000_000 + $n, groups => [ 'a', 'b' ] );
        $session{filler} = 'x' x ( $SIZE - 15 - length nfreeze( \%session ) );
        my $value = nfreeze( \%session );
        $request .= sprintf "ms %s %d F1 q\r\n%s\r\n", $id, length $value, $value;
        next if $n % 500;
        send_all( $socket, "${request}mn\r\n" );
        read_to( $socket, "MN\r\n" );
        $request = '';
    }
    return;
}

sub each_session {
    my $count = 0;
    $class->for_each_session( $arguments, ['uid'], sub { my ( $session, $id ) = @_; $count++ if $session->{uid} } );
    die "$count sessions of $COUNT\n" if $count != $COUNT;
    return;
}

sub found {
    my ( $expected, $found ) = @_;
    my $count = keys %$found;
    die "$count sessions found, not $expected\n" if $count != $expected;
    return;
}

sub bare {
    my $dump = Bench::Bare::connection( $server->address );
    send_all( $dump, "lru_crawler metadump hash\r\n" );
    my ( $buffer,  @requests ) = ('');
    my ( $request, $keys )     = ( '', 0 );
    while ( sysread $dump, $buffer, 1 << 18, length $buffer ) {
        while ( $buffer =~ /\Gkey=(\S+)[^\n]*\n/gc ) {
            $request .= "mg $1 v\r\n";
            next if ++$keys % 256;
            push @requests, $request;
            $request = '';
        }
        my $at = pos($buffer) // 0;
        last if substr( $buffer, $at ) eq "END\r\n";
        substr( $buffer, 0, $at, '' );
    }
    push @requests, $request if length $request;
    die "$keys keys of $COUNT\n" if $keys != $COUNT;
    my $values = Bench::Bare::connection( $server->address );
    for my $batch (@requests) {
        send_all( $values, "${batch}mn\r\n" );
        read_to( $values, "MN\r\n" );
    }
    return;
}

sub send_all {
    my ( $socket, $request ) = @_;
    while ( length $request ) {
        my $sent = syswrite $socket, $request or die "memcached takes no request: $!\n";
        substr( $request, 0, $sent, '' );
    }
    return;
}

sub read_to {
    my ( $socket, $end ) = @_;
    my $last = '';
    until ( $last eq $end ) {
        my $got = sysread $socket, my $answer, 1 << 18 or die "memcached does not answer\n";
        $last = substr $last . substr( $answer, -4 ), -4;
    }
    return;
}

# By how much the process grew at most.
sub memory {
    my ($work) = @_;
    my $before = kilobytes('VmHWM');
    $work->();
    return 1_024 * ( kilobytes('VmHWM') - $before );
}

sub kilobytes {
    my ($what) = @_;
    open my $file, '<', '/proc/self/status' or return 0;
    my ($line) = grep { /^$what:/ } <$file>;
    return ( $line // '' ) =~ /(\d+)/ ? $1 : 0;
}
