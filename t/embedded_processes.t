# Several processes on one embedded directory at the same time: nothing is lost,
# nothing is half-written, and one that is killed doesn't stop the others.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Test::More;

use File::Temp ();
use Fixture::Child;
use Fixture::Session;
use Fixture::Wait;

my $dir       = File::Temp->newdir;
my $arguments = { servers => ["embedded:$dir/sessions"] };

my $worker = <<'END';
    use Apache::Session::Memorycached;
    my ( $dir, $id, $who, $rounds ) = @ARGV;
    for ( 1 .. $rounds ) {
        tie my %session, 'Apache::Session::Memorycached', $id,
            { servers => ["embedded:$dir/sessions"] };
        $session{$who}{count}++;
        $session{$who}{text} = $who x ( 1 + $_ % 100 );
        untie %session;
    }
    print 'done';
END

subtest 'four processes change one session' => sub {
    my $id       = create($arguments);
    my @children = map { in_perl( $worker, $dir, $id, $_, 100 ) } 'a' .. 'd';
    is $_->finish, 'done', 'one is done' for @children;
    my $stored = contents( $arguments, $id );
    is_deeply [ map { $stored->{$_}{count} } 'a' .. 'd' ], [ (100) x 4 ],
      'no change is lost';
};

subtest 'each its own session' => sub {
    my %id       = map { $_ => create($arguments) } 'a' .. 'd';
    my @children = map { in_perl( $worker, $dir, $id{$_}, $_, 100 ) } 'a' .. 'd';
    is $_->finish,                                   'done', 'one is done' for @children;
    is contents( $arguments, $id{$_} )->{$_}{count}, 100,    $_            for 'a' .. 'd';
};

subtest 'processes that start at once on a directory that is not there yet' => sub {
    my $new = "$dir/deeper";
    mkdir $new, oct 700;
    my @children = map { in_perl( <<'END', $new, $_ ) } 1 .. 6;
        use Apache::Session::Memorycached;
        tie my %session, 'Apache::Session::Memorycached', undef,
            { servers => ["embedded:$ARGV[0]/sessions"] };
        $session{n} = $ARGV[1];
        print $session{_session_id};
END
    my $there = { servers => ["embedded:$new/sessions"] };
    is contents( $there, $children[ $_ - 1 ]->finish )->{n}, $_, "process $_" for 1 .. 6;
};

subtest 'killed at any moment' => sub {
    my $id = create($arguments);
    for my $round ( 1 .. 5 ) {
        my $child = in_perl( $worker, $dir, $id, "k$round", 1_000_000 );
        ok until_true { contents( $arguments, $id )->{"k$round"} }, 'at work';
        kill KILL => $child->pid;
        eval { $child->finish };
        my $stored = contents( $arguments, $id )->{"k$round"};
        like $stored->{text}, qr/\A(?:k$round)+\z/, 'killed: what is stored is whole';
        change( $arguments, $id, sub { $_[0]{round} = $round } );
        is contents( $arguments, $id )->{round}, $round, 'and the store goes on';
    }
};

subtest 'readers while another one writes' => sub {
    my $id    = create( $arguments, w => { text => 'w' } );
    my $child = in_perl( $worker, $dir, $id, 'w', 500 );
    my $torn  = 0;
    for ( 1 .. 500 ) {
        my $read = contents( $arguments, $id );
        $torn++ if $read->{_session_id} ne $id || $read->{w}{text} !~ /\Aw+\z/;
    }
    is $torn,          0,      'always see a whole session';
    is $child->finish, 'done', 'and the writer is not held up';
};

done_testing;
