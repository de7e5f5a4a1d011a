# memd doctor, stats, info: what servers and embedded stores tell, what is wrong with them, and what the exit status says.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Test::More;

use File::Temp ();
use Fixture::Memd;
use Fixture::Memcached;
use Fixture::Needs 'memcached';
use Fixture::Port qw(free_port);
use Fixture::Scripted;
use Fixture::Session;

subtest 'servers in order' => sub {
    my @servers   = map { Fixture::Memcached->start } 1 .. 2;
    my %arguments = ( servers => [ map { $_->address } @servers ] );
    create( \%arguments, n => $_ ) for 1 .. 20;
    my @place = place( \%arguments );
    my $run   = memd( @place, 'doctor' );
    is $run->{status}, 0, 'all is well' or diag "$run->{out}$run->{err}";
    like $run->{out}, qr/^memcached \Q$_\E\n  ok    version [\d.]+, up \w+, speaks meta commands$/m, 'each server'
      for @{ $arguments{servers} };
    like $run->{out}, qr/^  ok    memory: .* used \([\d.]+%\)$/m,                'its memory';
    like $run->{out}, qr/^  ok    clock: agrees/m,                               'its clock';
    like $run->{out}, qr/^  ok    takes items of up to 1\.0 MB$/m,               'its largest item';
    like $run->{out}, qr/^  ok    20 sessions, 0 were deleted/m,                 'the sessions';
    like $run->{out}, qr/^  ok    placement: every item is where it is looked/m, 'where they are';
    is memd( @place, '-q', 'doctor' )->{out}, '', '--quiet: nothing to say';

    my $stats = memd( @place, 'stats' );
    is $stats->{status}, 0, 'stats';
    like $stats->{out}, qr/^server +version +up +items +bytes +full +hits +evicted +expired +conns$/m, 'with heads';
    like $stats->{out}, qr/^all +20 +[\d.]+ \w+ +[\d.]+%/m,                                            'and a sum';

    for my $list (
        [ misc  => 'curr_items' ],   [ settings => 'maxbytes' ],     [ items => 'items:\d+:number' ],
        [ slabs => 'active_slabs' ], [ sizes    => 'sizes_status' ], [ conns => '\d+:addr' ]
      )
    {
        my $info = memd( @place, 'info', $list->[0] );
        is $info->{status}, 0, "info $list->[0]";
        like $info->{out}, qr/^$list->[1] +\S/m, 'has what it should';
        like $info->{out}, qr/^\Q$_\E$/m,        'of each server' for @{ $arguments{servers} };
    }
    is memd( @place, 'info', 'malloc' )->{status}, 2, 'no such list';

    subtest 'one of them ends' => sub {
        my $dead = $servers[1]->address;
        $servers[1]->crash;
        my $run = memd( @place, 'doctor' );
        is $run->{status}, 3, 'sessions can\'t be used';
        like $run->{out}, qr/^memcached \Q$dead\E\n  BAD   can't connect: .*\n        -> is memcached running/m,
          'which, and why';
        like $run->{out}, qr/^1 thing to look at$/m,                             'counted';
        like $run->{out}, qr/^memcached \Q@{[ $servers[0]->address ]}\E\n  ok/m, 'the other is looked at';

        for my $command ( ['stats'], [ 'info', 'misc' ] ) {
            my $run = memd( @place, @$command );
            is $run->{status}, 3, "@$command";
            like $run->{err}, qr/^memd: memcached \Q$dead\E: can't connect/, 'names it';
            like $run->{out}, qr/\d/,                                        'and has what the other says';
        }
    };
};

subtest 'sessions where nobody looks' => sub {
    my @servers   = map { Fixture::Memcached->start } 1 .. 2;
    my @addresses = map { $_->address } @servers;
    create( { servers => \@addresses }, n => $_ ) for 1 .. 20;
    my $run = memd( '-s', "$addresses[1],$addresses[0]", 'doctor' );
    is $run->{status}, 1, 'something to do';
    like $run->{out},
      qr/^  look  placement: 20 items are on servers where nobody looks for them\n +-> do all applications/m,
      'the order of the servers is another';
    my $twice = memd( '-s', "$addresses[0],$addresses[1],$addresses[0]", 'doctor' );
    like $twice->{out}, qr/^memcached \Q$addresses[0]\E\n  look  is given twice$/m, 'a server that is given twice';
};

subtest 'too little memory' => sub {
    for my $case ( [ [] => 'items were thrown out before' ], [ ['-M'] => 'items were refused for want of memory' ] ) {
        my ( $options, $says ) = @$case;
        my $server = Fixture::Memcached->start( args => [ '-m', 2, '-I', '512k', @$options ] );
        my $value  = 'x' x 300_000;
        for my $n ( 1 .. 40 ) {
            my $size = length $value;
            $server->command( "ms k$n $size F0", $value );
        }
        my $run = memd( '-s', $server->address, 'doctor' );
        is $run->{status}, 1, 'something to do';
        like $run->{out}, qr/^  look  \d+ \Q$says\E.*\n +-> .*memcached -m/m,         $says;
        like $run->{out}, qr/^  look  takes items of up to 512\.0 KB\n +-> .*-I 1m/m, 'small items';
    }
};

subtest 'damaged sessions' => sub {
    my $server = Fixture::Memcached->start;
    $server->set( 'bad', "\x05\x0b\x03\xff", flags => 1 );
    my $run = memd( '-s', $server->address, 'doctor' );
    is $run->{status}, 1, 'something to do';
    like $run->{out}, qr/^  look  1 of them can't be read, the first: session bad: /m, 'which';
};

subtest 'a server that sessions can\'t be kept on' => sub {
    my $server = Fixture::Memcached->start;
    my %cases  = (
        'ERROR'                        => [ qr/speaks no meta commands that we know; .*/, qr/sessions can't be kept/ ],
        "VERSION 1.6.12\r\nEN"         => [ qr/is memcached 1\.6\.12; .*/,                qr/sessions can't be kept/ ],
        "VERSION 1.6.38\r\nSERVER_ERR" => [ qr/answered out of step: .*/,     qr/is that memcached itself/ ],
        'HTTP/1.1 400 Bad Request'     => [ qr/is no memcached: .*/,          qr/sessions can't be kept/ ],
        'CLIENT_ERROR unauthenticated' => [ qr/CLIENT_ERROR unauthenticated/, qr/is that memcached itself/ ],
    );
    for my $answer ( sort keys %cases ) {
        my ( $says, $hint ) = @{ $cases{$answer} };
        my $proxy = Fixture::Scripted->start(
            upstream => $server,
            script   => [ [ [ say => "$answer\r\n$answer\r\n" ] ] ],
        );
        my $run = memd( '-s', $proxy->address, 'doctor' );
        is $run->{status}, 3, $answer;
        like $run->{out}, qr/^  BAD   $says\n +-> $hint/m, 'said';
    }
    my $proxy = Fixture::Scripted->start( upstream => $server, script => [ ['hangup'] ] );
    like memd( '-s', $proxy->address, 'doctor' )->{out},
      qr/^  BAD   closed the connection when asked .*\n +-> is that/m,
      'one that hangs up';
};

# Each question to a server that keeps silent takes the whole timeout, 5 seconds by default.
subtest 'a server that keeps silent is asked no more' => sub {
    my $config = File::Temp->new;
    print {$config} "io_timeout = 0.3\n";
    $config->flush;
    my $server = Fixture::Memcached->start;
    for my $answered ( 0 .. 3 ) {
        my $proxy = Fixture::Scripted->start(
            upstream => $server,
            script   => [ ( ['pass'] ) x $answered, ( ['silent'] ) x 9 ],
        );
        my $run = memd( '-c', $config->filename, '-s', $proxy->address, 'doctor' );
        is $run->{status}, 3, "after $answered answers: sessions can't be used";
        like $run->{out}, qr/^  BAD   no answer within 300ms\n +-> \w/m, 'said';
        is scalar( my @asked = $proxy->requests ), $answered + 1, 'and no more questions';
    }
};

subtest 'a server that keeps something to itself' => sub {
    my $server = Fixture::Memcached->start;
    my $proxy  = Fixture::Scripted->start(
        upstream => $server,
        script   => [ ['pass'], ['pass'], [ [ say => "ERROR\r\n" ] ] ],
    );
    my $run = memd( '-s', $proxy->address, 'doctor' );
    is $run->{status}, 1, 'something to look at';
    like $run->{out}, qr/^  look  does not tell its settings: .*ERROR.*\n +-> is that memcached itself/m, 'said';
};

subtest 'an embedded store' => sub {
    my $dir       = File::Temp->newdir;
    my %arguments = ( servers => ["embedded:$dir/s?size=1M"] );
    create( \%arguments, n => $_ ) for 1 .. 5;
    my $run = memd( '-e', "$dir/s?size=1M", 'doctor' );
    is $run->{status}, 0, 'all is well' or diag "$run->{out}$run->{err}";
    like $run->{out}, qr/^  ok    room: [\d.]+ KB of 1\.0 MB used/m, 'its room';
    like $run->{out}, qr/^  ok    5 sessions/m,                      'its sessions';
    create( \%arguments, blob => 'x' x 95_000 ) for 1 .. 10;
    $run = memd( '-e', "$dir/s?size=1M", 'doctor' );
    is $run->{status}, 1, 'something to do';
    like $run->{out}, qr/^  look  room: .*\n +-> give the applications a larger one/m, 'it is nearly full';
    chmod 0755, "$dir/s" or die $!;
    $run = memd( '-e', "$dir/s?size=1M", 'doctor' );
    is $run->{status}, 3, 'others have access';
    like $run->{out}, qr/^  BAD   has mode 0755; .*\n +-> run memd as the application's user/m, 'said';
    $run = memd( '-e', "$dir/none", 'doctor' );
    is $run->{status}, 3, 'none there';
    ok !-e "$dir/none", 'and none is made';
    is memd( '-e', "$dir/s", 'stats' )->{status}, 2, 'it has no servers to ask';
};

done_testing;
