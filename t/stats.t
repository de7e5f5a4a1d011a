# `Apache::Session::Memorycached->stats`: what this process has done. The names are
# promises.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs 'memcached';
use Test::More;

use Fixture::Child;
use Fixture::Memcached;
use Fixture::Scripted;
use Fixture::Session;

my $server    = Fixture::Memcached->start;
my $arguments = { servers                  => [ $server->address ] };
my $locking   = { %$arguments, Transaction => 1, lock_timeout => 0.1 };

my @names = qw(bytes_received bytes_sent connections deletes lock_wait_microseconds lock_waits locks
  merged misses reads retries round_trips same_key writes);
my @errors = qw(conflict corrupt embedded interrupted lock_lost locked other server timeout too_large);

sub stats { return Apache::Session::Memorycached->stats }

# What a block adds; what it dies of is of no interest.
sub grown (&) {
    my ($block) = @_;
    my $before = stats();
    error_of { $block->() };
    my $after = stats();
    my %errors =
      map { $_ => $after->{errors}{$_} - $before->{errors}{$_} } keys %{ $after->{errors} };
    my %grown = map { $_ => $after->{$_} - $before->{$_} } grep { $_ ne 'errors' } keys %$after;
    return { %grown, map { ( "errors.$_" => $errors{$_} ) } keys %errors };
}

# The counters of a block that are named, and no other error.
sub counts {
    my ( $block, %expected ) = @_;
    my $grown = grown { $block->() };
    my @seen  = ( keys %expected, grep { /^errors\./ && $grown->{$_} } keys %$grown );
    return is_deeply {
        map { $_ => $grown->{$_} } @seen
    }, \%expected, join ', ', map { "$_ $expected{$_}" } sort keys %expected;
}

is_deeply [ sort keys %{ stats() } ],                          [ sort @names, 'errors' ], 'the names';
is_deeply [ sort keys %{ stats()->{errors} } ],                \@errors,                  'the kinds of errors';
is_deeply [ grep { !/^\d+\z/ } map { stats()->{$_} } @names ], [],                        'plain numbers';

my $id = create( $arguments, a => 1 );

counts sub { contents( $arguments, $id ) }, reads => 1, misses => 0, writes => 0, round_trips => 1, connections => 0;
counts sub { contents( $arguments, 'ab' x 16 ) }, reads => 1, misses => 1;
counts sub {
    change( $arguments, $id, sub { $_[0]{a}++ } );
}, writes => 1, reads => 1, round_trips => 2, retries => 0;
counts sub {
    change( $arguments, create($arguments), sub { tied( %{ $_[0] } )->delete } );
}, deletes => 1, writes => 1;
counts sub { contents( $locking, $id ) }, locks => 1, lock_waits => 0, reads => 1, round_trips => 2;
counts sub {
    tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
    change( $arguments, $id, sub { @{ $_[0] }{qw(a b)} = ( 'theirs', 'theirs' ) } );
    @session{qw(a c)} = ( 'ours', 'ours' );
    tied(%session)->save;
}, merged => 1, same_key => 1, retries => 1, writes => 2;

my $bytes = grown { contents( $arguments, $id ) };
cmp_ok $bytes->{bytes_sent},     '>', 30, 'bytes sent';
cmp_ok $bytes->{bytes_received}, '>', 80, 'and received';

subtest 'locks that are waited for' => sub {
    tie my %session, 'Apache::Session::Memorycached', $id, $locking;
    my $in_child = in_fork {
        my $grown = grown { contents( $locking, $id ) };
        join ' ', map { $grown->{$_} } qw(lock_waits errors.locked lock_wait_microseconds locks);
    };
    like $in_child->finish, qr/^1 1 1\d\d\d\d\d 0\z/, 'one wait, of a tenth of a second, in vain';
    untie %session;
};

subtest 'errors' => sub {
    my $small = { %$arguments, conflict => 'die' };
    counts sub {
        tie my %session, 'Apache::Session::Memorycached', $id, $small;
        change( $arguments, $id, sub { $_[0]{x}++ } );
        $session{a}++;
        tied(%session)->save;
    }, 'errors.conflict' => 2;
    counts sub {
        change( $arguments, create($arguments), sub { $_[0]{a} = 'x' x 2_000_000 } );
    }, 'errors.too_large' => 2;
    $server->set( 'cafe' x 8, 'no gzip', flags => 3 );
    counts sub { contents( $arguments, 'cafe' x 8 ) }, 'errors.corrupt' => 1;
    my $silent = Fixture::Scripted->start( upstream => $server, script => [ ['silent'] ] );
    counts sub { contents( { servers => [ $silent->address ], io_timeout => 0.1 }, $id ) }, 'errors.timeout' => 1;
    my $rude = Fixture::Scripted->start( upstream => $server, script => [ [ [ say => "ERROR\r\n" ] ] ] );
    counts sub { contents( { servers => [ $rude->address ] },           $id ) }, 'errors.server'   => 1;
    counts sub { contents( { servers => ['embedded:/nowhere/at/all'] }, $id ) }, 'errors.embedded' => 1;
};

subtest 'a kept connection that was closed' => sub {
    contents( $arguments, $id );
    $server->restart;
    counts sub { contents( $arguments, $id ) }, connections => 1, misses => 1;
};

subtest 'a child begins with zeros' => sub {
    my $reads = in_fork { my $first = stats()->{reads}; contents( $arguments, $id ); "$first " . stats()->{reads} };
    is $reads->finish, '0 1', 'its own';
    cmp_ok stats()->{reads}, '>', 5, 'and the parent keeps its';
};

done_testing;
