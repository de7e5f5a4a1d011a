# memd list, count, who: sessions by what is in them, on both backends, over several servers and with a namespace; what is no
# session, or damaged, is passed over, and said.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Test::More;

use JSON::PP ();
use Fixture::Backends;
use Fixture::Memd;
use Fixture::Memcached;
use Fixture::Needs ();
use Fixture::Session;

sub ids {
    my ($run) = @_;
    is $run->{status}, 0, 'done' or diag $run->{err};
    return [ sort map { /^(\S+)/ } split /\n/, $run->{out} ];
}

# Twelve sessions of three users; the ids by user.
sub populate {
    my ($arguments) = @_;
    my %ids;
    for my $n ( 1 .. 12 ) {
        my $uid = (qw(dwho rtyler caf))[ $n % 3 ];
        my $id =
          create( $arguments, uid => $uid, n => 0 + $n, half => $n + 0.5, token => "t$n", list => [$n], none => undef );
        push @{ $ids{$uid} }, $id;
    }
    return \%ids;
}

sub check {
    my ( $arguments, @place ) = @_;
    my $ids = populate($arguments);
    my @all = sort map { @$_ } values %$ids;

    is_deeply ids( memd( @place, 'list' ) ), \@all, 'all of them';
    is_deeply ids( memd( @place, 'list', '--where', 'uid=dwho' ) ),   [ sort @{ $ids->{dwho} } ], 'by a value';
    is_deeply ids( memd( @place, 'list', '--where', 'uid~*o' ) ),     [ sort @{ $ids->{dwho} } ], 'by a pattern';
    is_deeply ids( memd( @place, 'list', '--where', 'uid=nobody' ) ), [],                         'none';
    is memd( @place, 'count' )->{out},                                   "12\n", 'counted';
    is memd( @place, 'count', '--where', 'n<5' )->{out},                 "4\n",  'by a number';
    is memd( @place, 'count', '--where', 'half<5' )->{out},              "4\n",  'by a fraction';
    is memd( @place, 'count', '-w', 'n<7', '-w', 'uid=caf' )->{out},     "2\n",  'by two conditions';
    is memd( @place, 'count', '--where', 'none=' )->{out},               "0\n",  'undef meets none';
    is memd( @place, 'count', '--where', "_session_id=$all[0]" )->{out}, "1\n",  'by the id';
    is scalar @{ ids( memd( @place, 'list', '--limit', 5 ) ) },          5,      'no more than asked for';
    is scalar @{ ids( memd( @place, 'list', '--limit', 0 ) ) },          0,      'nor than none';

    my @lines = split /\n/, memd( @place, 'list', '-w', 'n=3', '-f', 'uid,n,token,list,none,missing' )->{out};
    is @lines, 1, 'one';
    like $lines[0],
      qr/^\w{32}  +(?:never|\w+)  +\d+ B  uid="dwho"  n=3  token=\*{8}  list=\(a structure\)  none=undef$/,
      'with its fields';
    like memd( @place, 'list', '-w', 'n=3', '-f', 'token', '--reveal' )->{out}, qr/token="t3"/, '--reveal';

    my $json = memd( @place, 'list', '--json', '-w', 'n=3', '-f', 'uid,n,half,token,list,none,missing' );
    my $read = JSON::PP->new->utf8->decode( $json->{out} );
    like $read->{id}, qr/^\w{32}$/, 'JSON: the id';
    ok $read->{bytes} > 50, 'the size';
    is_deeply $read->{fields},
      { uid => 'dwho', n => 3, half => '3.5', token => '********', list => [3], none => undef }, 'the fields';

    is_deeply ids( memd( @place, '-p', 'uid', 'who', 'caf' ) ), [ sort @{ $ids->{caf} } ], 'all sessions of a user';
    my $nobody = memd( @place, '-p', 'uid', 'who', 'nobody' );
    is $nobody->{status}, 1,                                         'nobody';
    is $nobody->{err},    "memd: uid nobody: there is no session\n", 'what is said';
    return;
}

on_each_backend {
    my ($arguments) = @_;
    check( $arguments, place($arguments) );
};

subtest 'three servers, a weight, a namespace' => sub {
    Fixture::Needs->import('memcached');
    my @servers   = map { Fixture::Memcached->start } 1 .. 3;
    my @addresses = map { $_->address } @servers;
    my %arguments = ( servers => [ $addresses[0], [ $addresses[1], 3 ], $addresses[2] ] );
    create( \%arguments, uid => 'other' ) for 1 .. 5;
    my $list = "$addresses[0],$addresses[1]=3,$addresses[2]";
    check( { %arguments, namespace => 'app:' }, '-s', $list, '-n', 'app:' );
    is memd( '-s', $list, 'count', '-w', 'uid=other' )->{out}, "5\n", 'without the namespace the others';
};

subtest 'what is no session' => sub {
    Fixture::Needs->import('memcached');
    my $server    = Fixture::Memcached->start;
    my @place     = ( '-s', $server->address );
    my %arguments = ( servers => [ $server->address ], principal => 'uid' );
    my $id        = create( \%arguments, uid => 'dwho', "e\e[31m" => "\e[2J" );
    tie my %gone, 'Apache::Session::Memorycached', create( \%arguments, uid => 'x' ), \%arguments;
    tied(%gone)->delete;
    untie %gone;
    $server->set( 'other',         'anything',               flags => 0 );
    $server->set( "dam\xff",       "\x05\x0b\x03\xff\e[31m", flags => 1 );
    $server->set( "control\e[31m", "\x05\x0b\x03\0\0\0\0",   flags => 1 );
    $server->set( 'sealed',        'x',                      flags => 9 );
    my $run = memd( @place, 'list', '-f', "uid,e\e[31m" );
    is $run->{status}, 0, 'listed';
    like $run->{out}, qr/^\Q$id\E .* uid="dwho"  e\\x\{1b\}\[31m="\\e\[2J"$/m, 'the session';
    is scalar( split /\n/, $run->{out} ), 3, 'and the two that can\'t be read';
    like $run->{err},                qr/^memd: 2 sessions can't be read, the first of them: session /, 'which is said';
    unlike "$run->{out}$run->{err}", qr/\e/,                                                           'nothing raw';
    is ids( memd( @place, 'list', '-w', 'uid=dwho' ) )->[0], $id, 'they meet no condition';
};

subtest 'another reader goes' => sub {
    my $dir       = File::Temp->newdir;
    my %arguments = ( servers => ["embedded:$dir/s"] );
    create( \%arguments, blob => 'x' x 1000 ) for 1 .. 200;
    my $program = memd_program();
    my $out     = `$program -e $dir/s list --fields blob 2>&1 | head -n 1`;
    like $out, qr/^\w{32} .*\n\z/, 'in silence';
};

subtest 'the store is not there' => sub {
    my $dir = File::Temp->newdir;
    my $run = memd( '-e', "$dir/none", 'list' );
    is $run->{status}, 3, 'an error';
    like $run->{err}, qr/^memd: \Q$dir\E\/none: there is no such embedded store/, 'that says so';
    ok !-e "$dir/none", 'none is made';
    my $port = Fixture::Port::free_port('127.0.0.1');
    $run = memd( '-s', "127.0.0.1:$port", 'list' );
    is $run->{status}, 3, 'a server that is not there';
    like $run->{err}, qr/^memd: memcached 127\.0\.0\.1:$port: can't connect/, 'is named';
};

done_testing;
