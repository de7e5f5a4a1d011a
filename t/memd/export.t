# memd export and import: what was in a store is in another one byte for byte, with its expiry; a file that is not whole is
# neither left behind nor taken; and what a store has is never replaced by what is older.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 180;
use Test::More;

use File::Temp ();
use Fixture::Backends;
use Fixture::Memcached;
use Fixture::Memd;
use Fixture::Needs ();
use Fixture::Scripted;
use Fixture::Session;
use Fixture::Wait;

sub done_ok {
    my ( $run, $name ) = @_;
    is $run->{status}, 0, $name or diag $run->{err};
    return $run;
}

sub bytes {
    my ($file) = @_;
    open my $handle, '<:raw', $file or die "$file: $!";
    local $/;
    return scalar <$handle>;
}

sub write_bytes {
    my ( $file, $bytes ) = @_;
    open my $handle, '>:raw', $file or die "$file: $!";
    print {$handle} $bytes;
    close $handle or die $!;
    return $file;
}

my $dir = File::Temp->newdir;

on_each_backend {
    my ( $arguments, $server ) = @_;
    my @place = place($arguments);
    my $with  = { %$arguments, timeout => 5000, principal => 'uid', compress_threshold => 500 };
    my @ids   = map { create( $with, uid => "u$_", n => $_, raw => "\0\xff\n", blob => 'x' x ( 100 * $_ ) ) } 1 .. 250;
    my $last  = create( $arguments, uid => 'endless', text => "\x{263a}" );
    my $file  = "$dir/" . ( $server ? 'memcached' : 'embedded' );

    my $run = done_ok memd( @place, 'export', $file ), 'exported';
    is $run->{err}, "251 sessions are exported\n", 'what is said';
    is( ( stat $file )[2] & oct 777, oct 600, 'nobody else can read it' );
    like bytes($file), qr/\Amemd-sessions 1\nS/, 'the format, with its version';
    is_deeply [ glob "$dir/.memd-*" ], [], 'nothing is left beside it';

    my $other = File::Temp->newdir;
    my @other = ( '-e', "$other/sessions?size=64M" );
    my $there = { servers => ["embedded:$other/sessions?size=64M"], principal => 'uid' };
    $run = done_ok memd( @other, '-p', 'uid', 'import', $file ), 'imported elsewhere';
    is $run->{err}, "251 sessions are put back\n", 'what is said';
    is_deeply contents( $there, $_ ), contents( $with, $_ ), 'what it holds' for @ids[ 0, 3, 249 ], $last;
    my @raw = map { memd( @$_, 'show', '--raw', '--reveal', $ids[249] )->{out} } \@place, \@other;
    is $raw[0], $raw[1], 'byte for byte';
    like memd( @other, 'show', $ids[249] )->{out}, qr/expires in 1h 2\dm, 24\.\d KB, \d+ B compressed/,
      'with its expiry, compressed as it was';
    like memd( @other, 'show', $last )->{out}, qr/never expires/, 'or without one';
    is memd( @other, '-p', 'uid', 'who', '--last', 'u7' )->{out}, "$ids[6]\n", 'the principal\'s record leads to it';

    subtest 'again' => sub {
        change( $there, $ids[0], sub { $_[0]{newer} = 1 } );
        memd( @other, 'delete', $ids[1] );
        my $run = done_ok memd( @other, 'import', $file ), 'imported once more';
        like $run->{err}, qr/^0 sessions are put back; 249 were there already; 2 are in the store in another state/,
          'what is said';
        is contents( $there, $ids[0] )->{newer}, 1, 'what is newer stays';
        is_deeply contents( $there, $ids[1] ), {}, 'what was deleted stays so';
        done_ok memd( @other, 'import', '--force', $file ), '--force';
        is contents( $there, $ids[0] )->{newer}, undef, 'puts the older in its place';
        is contents( $there, $ids[1] )->{uid},   'u2',  'and brings the other back';
    };

    subtest 'through a pipe, some of them' => sub {
        my $export = memd( @place, 'export', '-', '--where', 'n<11' );
        is $export->{status}, 0, 'to the standard output';
        my $third  = File::Temp->newdir;
        my @third  = ( '-e', "$third/s" );
        my $import = memd( { in => $export->{out} }, @third, 'import', '-' );
        is $import->{status},              0,      'from the standard input';
        is memd( @third, 'count' )->{out}, "10\n", 'ten';
        my $cut = memd( { in => substr $export->{out}, 0, -5 }, '-e', "$third/t", 'import', '-' );
        is $cut->{status}, 3, 'a pipe that breaks off';
        like $cut->{err}, qr/^memd: standard input: is cut off: it has no end \(at byte \d+\)$/m, 'is told';
        like $cut->{err}, qr/^10 sessions are put back$/m,                                        'with what was done';
        my $quiet = memd( '-q', @place, 'export', "$dir/quiet" );
        is "$quiet->{status}$quiet->{out}$quiet->{err}", '0', '--quiet says nothing';
    };

    subtest 'stopped by a signal' => sub {
        my $before = write_bytes( "$dir/stopped", 'what was there' );
        for my $signal (qw(INT TERM)) {
            my $pid = begin_memd( @place, 'export', "$dir/stopped" );

            # The file beside it is there while the export runs, so a signal then is in its midst, or at its end.
            until_true { glob("$dir/.memd-*") || bytes($before) ne 'what was there' };
            kill $signal => $pid;
            waitpid $pid, 0;
            my $is_whole = bytes($before) ne 'what was there';
            is $? >> 8, $is_whole ? 0 : 130, "$signal: the status says which";
            is memd( '-e', "$other/x$signal", 'import', $before )->{status}, $is_whole ? 0 : 3,
              'whole, or what was there';
            is_deeply [ glob "$dir/.memd-*" ], [], 'nothing is left beside it';
            write_bytes( $before, 'what was there' );
        }
    };
};

subtest 'a long export is stopped' => sub {
    Fixture::Needs->import('memcached');
    my $server = Fixture::Memcached->start;
    $server->set( sprintf( '%032x', $_ ), "\x05\x0b\x03\0\0\0\0", flags => 1 ) for 1 .. 2000;
    my $stuck = Fixture::Scripted->start( upstream => $server, fault => 'silent', at => 4, stays => 1 );
    my $to    = "$dir/long";
    my $pid   = begin_memd( '-s', $stuck->address, 'export', $to );
    until_true { $stuck->requests >= 4 && glob "$dir/.memd-*" } or fail 'it begins';
    kill INT => $pid;
    my $ended  = until_true { waitpid( $pid, POSIX::WNOHANG() ) == $pid } 3;
    my $status = $? >> 8;
    ok $ended, 'at once, though the server does not answer' or kill KILL => $pid;
    is $status, 130, 'the status says so';
    ok !-e $to, 'there is no such file';
    is_deeply [ glob "$dir/.memd-*" ], [], 'nothing is left';
};

subtest 'a signal that is ignored' => sub {
    Fixture::Needs->import('memcached');
    my $server = Fixture::Memcached->start;
    $server->set( sprintf( '%032x', $_ ), "\x05\x0b\x03\0\0\0\0", flags => 1 ) for 1 .. 2000;
    $server->pause;
    my $pid = do {
        local $SIG{HUP} = 'IGNORE';
        begin_memd( '-s', $server->address, 'export', "$dir/ignored" );
    };
    until_true { glob "$dir/.memd-*" } or fail 'it begins';
    kill HUP => $pid;
    $server->resume;
    waitpid $pid, 0;
    is $?, 0, 'does not stop it';
    ok -s "$dir/ignored", 'the file is there';
};

subtest 'files that are not whole' => sub {
    my $here = File::Temp->newdir;
    my $good = "$here/good";
    my %from = ( servers => ["embedded:$here/from"] );
    create( \%from, n => $_ ) for 1 .. 3;
    memd( '-e', "$here/from", 'export', $good );
    my $bytes = bytes($good);
    my ( $refused, $empty, $tried ) = ( 0, 0, 0 );
    for my $at ( 0 .. length($bytes) - 1 ) {
        next if $at % 7;
        my $flipped = $bytes;
        substr( $flipped, $at, 1 ) ^= "\x10";
        for my $bad ( substr( $bytes, 0, $at ), $flipped ) {
            $tried++;
            my $run = memd( '-e', "$here/to", 'import', write_bytes( "$here/bad", $bad ) );
            $refused++ if $run->{status} == 3 && $run->{err} =~ m{^memd: \Q$here\E/bad: .* \(at byte \d+\)$}m;
        }
    }
    is $refused,                                   $tried, 'refused, wherever they are cut off or damaged';
    is memd( '-e', "$here/to", 'list' )->{status}, 3,      'and nothing of them is put back';
    like memd( '-e', "$here/to", 'import', "$here/none" )->{err}, qr/No such file/, 'no such file';
    is memd( '-e', "$here/to",   'import', "$here" )->{status},     2, 'a directory';
    is memd( '-e', "$here/from", 'export', "/dev/null" )->{status}, 2, 'what is no file is not replaced';
    ok -c '/dev/null', 'by far not';
    is memd( '-e', "$here/from", 'export', "$here/none/file" )->{status}, 3, 'no such directory';
    symlink 'good', "$here/link" or die $!;
    memd( '-e', "$here/from", 'export', "$here/link" );
    ok -l "$here/link", 'a symbolic link stays one';
};

subtest 'what a store can\'t take' => sub {
    Fixture::Needs->import('memcached');
    my $here  = File::Temp->newdir;
    my %from  = ( servers => ["embedded:$here/from"] );
    my $large = create( \%from, blob => 'x' x 2_000_000 );
    my @small = map { create( \%from, n => $_ ) } 1 .. 20;
    my $gone  = create( { %from, timeout => 1 }, n => 21 );
    memd( '-e', "$here/from", 'export', "$here/file" );
    sleep 1;    # until the second in which it expires is past
    my $server = Fixture::Memcached->start;
    my $run    = until_true {
        my $run = memd( '-s', $server->address, 'import', "$here/file" );
        $run->{err} =~ /have expired/ && $run;
    };
    is $run->{status}, 3, 'one that is too large: an error';
    like $run->{err}, qr/^memd: session $large: has \d+ bytes, larger than/m, 'that names it';
    like $run->{err}, qr/; 1 have expired$/m,                                 'one has expired';
    is memd( '-s', $server->address, 'count' )->{out}, "20\n", 'the others are put back';
};

done_testing;
