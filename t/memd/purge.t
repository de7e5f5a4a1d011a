# memd purge: asks before it deletes, deletes what it found and nothing else, and leaves alone what was saved meanwhile.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Test::More;

use Fixture::Backends;
use Fixture::Child;
use Fixture::Memd;
use Fixture::Needs ();
use Fixture::Session;
use Fixture::Wait;

sub count { return memd( @_, 'count' )->{out} + 0 }

on_each_backend {
    my ( $arguments, $server ) = @_;
    my @place = place($arguments);
    my $with  = { %$arguments, principal => 'uid' };
    my @ids   = map { create( $with, uid => "u$_", n => $_ ) } 1 .. 10;

    my $run = memd( @place, 'purge', '--where', 'n<4' );
    is $run->{status}, 2, 'without a terminal it does not guess';
    like $run->{err}, qr/takes --yes/, 'and says what it takes';
    is memd( @place, 'purge', '--yes' )->{status}, 2,  'nor does it delete everything for want of a condition';
    is count(@place),                              10, 'nothing is deleted';

    subtest 'on a terminal' => sub {
        Fixture::Needs->import('script');
        for my $answer ( "\n", "n\n", "maybe\n", '' ) {
            my $run = on_terminal( { in => $answer }, @place, 'purge', '--where', 'n<4' );
            like $run->{out}, qr/Delete 3 of 10 sessions\? \[y\/N\] /, 'asked';
            like $run->{out}, qr/nothing is deleted/,                  'no';
        }
        is count(@place), 10, 'nothing is deleted';
        my $run = on_terminal( { in => "y\n" }, @place, '-p', 'uid', 'purge', '--where', 'n<4' );
        is $run->{status}, 0, 'yes';
        like $run->{out}, qr/3 sessions are deleted\r\n/, 'and done';
        is count(@place), 7, 'they are gone';
        is memd( @place, '-p', 'uid', 'who', '--last', "u$_" )->{status}, $_ < 4 ? 1 : 0, "the record of u$_"
          for 2 .. 5;
    };

    $run = memd( @place, 'purge', '--yes', '--where', 'n<6', '--where', 'uid=u5' );
    is $run->{out}, "1 sessions are deleted\n", 'one more';
    $run = memd( @place, 'purge', '--yes', '--where', 'n=77' );
    is $run->{out}, "none of 6 sessions is selected; nothing is deleted\n", 'none';
    is memd( @place, '-q', 'purge', '-y', '-w', 'n=10' )->{out}, '',        '--quiet';
    like warnings_of_saving( $with, $ids[8] ), qr/^$/, 'what is left can be used';

    subtest 'saved while it asks' => sub {
        Fixture::Needs->import('script');
        my $id    = create( $with, uid => 'busy', n => 99 );
        my $other = create( $with, uid => 'idle', n => 99 );
        pipe my $reader, my $writer or die $!;
        my $log = File::Temp->new;
        my $pid = fork // die $!;
        if ( !$pid ) {
            open STDIN,  '<&', $reader;
            open STDOUT, '>',  $log->filename;
            my $line = join q{ }, memd_program(), @place, qw(purge --where n=99);
            exec 'script', '-qefc', $line, '/dev/null' or POSIX::_exit(127);
        }
        Fixture::Watchdog::guard($pid);
        close $reader;
        until_true { Fixture::Memd::slurp($log) =~ /Delete 2 of/ } or fail 'it asks';
        change( $with, $id, sub { $_[0]{more} = 1 } );
        syswrite $writer, "y\n";
        until_true { Fixture::Memd::slurp($log) =~ /deleted/ } or fail 'it ends';
        close $writer;
        waitpid $pid, 0;
        like Fixture::Memd::slurp($log), qr/1 sessions are deleted; 1 were saved or went meanwhile, and are left alone/,
          'said';
        is contents( $with, $id )->{more}, 1, 'the one is left';
        is_deeply contents( $with, $other ), {}, 'the other is gone';
    };
};

sub warnings_of_saving {
    my ( $arguments, $id ) = @_;
    return join '', warnings_of {
        change( $arguments, $id, sub { $_[0]{again} = 1 } )
    };
}

done_testing;
