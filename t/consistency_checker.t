# The checker of histories finds what it is there to find: for each rule a history that
# keeps it and one that breaks it, made by hand (t/consistency.t makes real ones).

use strict;
use warnings;
use lib 't/lib';
use Test::More;

use Fixture::Consistency::Checker;
use Fixture::Consistency::History;
use Fixture::Consistency::Value qw(put put_nested remove count names);

# Lines of `WORKER TIME WHAT NUMBER …`, in any order.
sub faults_of {
    my ($text) = @_;
    my %lines;
    for my $line ( split /\n/, $text ) {
        my ( $worker, $rest ) = $line =~ /^\s*(\w+) (.*)/ or next;
        push @{ $lines{$worker} }, $rest;
    }
    my $history = Fixture::Consistency::History->parse(%lines);
    return Fixture::Consistency::Checker->new( $history, lock_ttl => 10 )->faults;
}

sub is_right {
    my ( $name, $text ) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is_deeply [ faults_of($text) ], [], $name;
}

# It is found; what breaks one rule may well break another.
sub is_wrong {
    my ( $name, $text, $pattern ) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @found = faults_of($text);
    return ok( scalar( grep { /$pattern/ } @found ), $name ) || diag "found: @found";
}

# Worker 1 makes the session `s` and stores `a` in it, from time 1 to 2.
my $MADE = <<'END';
    1 1.0 open 1 - plain
    1 1.1 opened 1 ok s
    1 1.2 save 1 a=1.1
    1 1.3 saved 1 ok
END

# A reading of it; a save between two times.
sub reading {
    my ( $worker, $time, @seen ) = @_;
    return sprintf "%d %.1f open 9%d s plain\n%d %.2f opened 9%d ok s %s\n", $worker, $time, $time * 10,
      $worker, $time + 0.05, $time * 10, "@seen";
}

sub saving {
    my ( $name, $opened, $saved, $seen, $patch, $outcome ) = @_;
    my ( $worker, $number ) = split /\./, $name;
    return join '', map { "$worker $_\n" } "$opened open $number s plain",
      $opened + 0.01 . " opened $number ok s $seen", "$saved save $number $patch",
      defined $outcome ? $saved + 0.01 . " saved $number $outcome" : ();
}

subtest 'changes of two keys' => sub {
    my $both = $MADE . saving( '2.1', 2, 3, 'a=1.1', 'b=2.1', 'ok' ) . saving( '3.1', 2, 3.5, 'a=1.1', 'c=3.1', 'ok' );
    is_right 'are both there', $both . reading( 4, 5, 'a=1.1', 'b=2.1', 'c=3.1' );
    is_wrong 'one is lost', $both . reading( 4, 5, 'a=1.1', 'c=3.1' ), qr/^register: b .*: 2\.1 is lost/;
    is_wrong 'one is lost later',
      $both . reading( 4, 5, 'a=1.1', 'b=2.1', 'c=3.1' ) . reading( 5, 6, 'a=1.1', 'c=3.1' ),
      qr/^register: b /;
    is_right 'one is lost with the server',
      $both
      . "nemesis 4 fault restart\nnemesis 4.5 over restart\n"
      . saving( '5.1', 2.9, 5, 'a=1.1', 'd=5.1', 'ok' )
      . reading( 4, 6, 'a=1.1', 'd=5.1' );
    is_wrong 'one is lost after the server has lost all',
      $both . "nemesis 1.5 fault flush\nnemesis 1.6 over flush\n" . reading( 4, 5, 'a=1.1', 'c=3.1' ),
      qr/^register: b .*: 2\.1 is lost/;
};

subtest 'changes of one key' => sub {
    my $both =
      $MADE . saving( '2.1', 2, 3, 'a=1.1', 'a=2.1', 'ok' ) . saving( '3.1', 2, 3.005, 'a=1.1', 'a=3.1', 'ok' );
    is_right "either may be the last ($_)", $both . reading( 4, 5, "a=$_" ) for qw(2.1 3.1);
    is_wrong 'but not one and then the other', $both . reading( 4, 5, 'a=2.1' ) . reading( 4, 6, 'a=3.1' ),
      qr/^register: a /;
    my $later = $MADE . saving( '2.1', 2, 3, 'a=1.1', 'a=2.1', 'ok' ) . saving( '3.1', 2, 4, 'a=1.1', 'a=3.1', 'ok' );
    is_right 'the later save wins', $later . reading( 4, 5, 'a=3.1' );
    is_wrong 'the earlier one', $later . reading( 4, 5, 'a=2.1' ), qr/^register: a .*: 3\.1 is lost/;
};

subtest 'removing' => sub {
    my $removed = $MADE . saving( '2.1', 2, 3, 'a=1.1', 'a=2.1-', 'ok' );
    is_right 'takes a key away', $removed . reading( 3, 5, 'a=2.1-' );
    is_wrong 'it is still there', $removed . reading( 3, 5, 'a=1.1' ), qr/^register: a .*: 2\.1- is lost/;
};

subtest 'a save that was never acknowledged' => sub {
    my $begun = $MADE . saving( '2.1', 2, 3, 'a=1.1', 'a=2.1' );
    is_right 'may have happened',     $begun . reading( 3, 5, 'a=2.1' );
    is_right 'may not have happened', $begun . reading( 3, 5, 'a=1.1' );
    is_right 'may happen late',       $begun . reading( 3, 5, 'a=1.1' ) . reading( 3, 6, 'a=2.1' );
    is_wrong 'but happens once', $begun . reading( 3, 5, 'a=2.1' ) . reading( 3, 6, 'a=1.1' ), qr/^register: a /;
};

subtest 'a save that was refused' => sub {
    for my $outcome ( 'failed session s: is locked', 'dropped' ) {
        my $refused = $MADE . saving( '2.1', 2, 3, 'a=1.1', 'a=2.1', $outcome );
        $refused .= "5 2.5 open 1 s plain\n5 2.6 opened 1 ok s a=1.1\n5 3.1 delete 1\n" if $outcome eq 'dropped';
        $refused =~ s/ 3\.01 / 4 /;
        is_right 'is not seen', $refused . reading( 3, 5, 'a=1.1' );
        is_wrong 'is seen', $refused . reading( 3, 5, 'a=2.1' ), qr/^value: .* the save ended as/;
    }
};

subtest 'values' => sub {
    my %wrong = (
        'a=!damaged-1.1' => 'damaged',
        'a=7.7'          => 'never written',
        'b=1.1'          => 'never written',
        'a=5.1'          => 'mixed',
    );
    my $other = "5 1 open 1 - plain\n5 1.1 opened 1 ok t\n5 1.2 save 1 a=5.1\n5 1.3 saved 1 ok\n";
    is_wrong "$_: $wrong{$_}", $MADE . $other . reading( 3, 5, split / / ), qr/^value: .*$wrong{$_}/
      for sort keys %wrong;
    is_wrong 'another session', $MADE . $other . "3 5 open 1 s plain\n3 5.1 opened 1 ok t a=1.1\n", qr/^mixed: /;
    is_wrong 'from the future', $MADE . reading( 3, 5, 'a=2.1' ) . saving( '2.1', 6, 7, 'a=1.1', 'a=2.1', 'ok' ),
      qr/not yet written/;
    is_wrong 'half of a save',
      $MADE . saving( '2.1', 2, 3, 'a=1.1', 'a=2.1 b=2.1' ) . reading( 3, 5, 'a=1.1', 'b=2.1' ), qr/^half: /;
};

subtest 'a logout' => sub {
    my $ended = $MADE . "2 2 open 1 s plain\n2 2.1 opened 1 ok s a=1.1\n2 3 delete 1\n2 3.1 deleted 1 ok\n";
    is_right 'stands', $ended . "3 5 open 1 s plain\n3 5.1 opened 1 missing\n";
    is_right 'while somebody reads', $ended . reading( 3, 3, 'a=1.1' );
    is_wrong 'is undone', $ended . reading( 3, 5, 'a=1.1' ), qr/^return: s is there/;
    is_right 'is forgotten by a server that restarts',
      $ended . "nemesis 4 fault restart\nnemesis 4.5 over restart\n" . reading( 3, 5, 'a=1.1' );
    is_right 'drops what others save', $ended . saving( '4.1', 2.5, 5, 'a=1.1', 'b=4.1', 'dropped' );
    is_wrong 'does not', $ended . saving( '4.1', 2.5, 5, 'a=1.1', 'b=4.1', 'ok' ), qr/^return: s can be saved/;
    is_wrong 'nobody asked for it, but it is gone', $MADE . "3 5 open 1 s plain\n3 5.1 opened 1 missing\n",
      qr/^vanished: /;
    is_wrong 'nobody asked for it, but a save is dropped',
      $MADE . saving( '4.1', 2.5, 5, 'a=1.1', 'b=4.1', 'dropped' ), qr/^vanished: /;
};

subtest 'a move to another id' => sub {
    my $moved = $MADE . "2 2 open 1 s plain\n2 2.1 opened 1 ok s a=1.1\n2 3 move 1\n2 3.1 moved 1 ok t\n";
    my $there = "4 5 open 1 t plain\n4 5.1 opened 1 ok t ";
    is_right 'takes along what is there', $moved . $there . "a=1.1\n";
    my $meanwhile = $moved . saving( '3.1', 2, 2.5, 'a=1.1', 'b=3.1', 'ok' );
    is_right 'also what was saved meanwhile', $meanwhile . $there . "a=1.1 b=3.1\n";
    is_wrong 'loses it', $meanwhile . $there . "a=1.1\n", qr/^register: b of s: 3\.1 is lost/;
    ( my $changing = $moved ) =~ s/move 1$/move 1 b=2.1/m;
    is_right 'with a change', $changing . $there . "a=1.1 b=2.1\n";
    is_wrong 'loses the change', $changing . $there . "a=1.1\n", qr/^register: b of s: 2\.1 is lost/;
    is_wrong 'after a logout',
      $moved . "5 2 open 1 s plain\n5 2.1 opened 1 ok s a=1.1\n5 2.3 delete 1\n5 2.4 deleted 1 ok\n",
      qr/^return: s moves/;
    is_wrong 'leaves the old one', $moved . reading( 3, 5, 'a=1.1' ), qr/^return: s is there/;
    is_wrong 'is done twice',
      $moved . "5 2 open 1 s plain\n5 2.1 opened 1 ok s a=1.1\n5 3.05 move 1\n5 3.15 moved 1 ok u\n",
      qr/^return: s moves/;
};

subtest 'transactions' => sub {
    my $count = sub {
        my ( $name, $opened, $locked, $saved, $seen, $patch, $outcome ) = @_;
        my ( $worker, $number ) = split /\./, $name;
        return join '', map { "$worker $_\n" } "$opened open $number s transaction",
          "$locked opened $number ok s a=1.1 $seen", $saved ? "$saved save $number $patch" : (),
          $outcome ? $saved + 0.01 . " saved $number $outcome" : ();
    };
    my $first = $MADE . $count->( '2.1', 2, 2.1, 3, '', 'n=2.1:1', 'ok' );
    is_right 'one after another', $first . $count->( '3.1', 2.2, 3.1, 4, 'n=2.1:1', 'n=3.1:2', 'ok' );
    is_wrong 'a number is handed out twice', $first . $count->( '3.1', 3.05, 3.1, 4, '', 'n=3.1:1', 'ok' ),
      qr/^counter: 2\.1 and 3\.1 both/;
    is_right 'the second one was not saved',
      $first . $count->( '3.1', 2.2, 3.1, 4, 'n=2.1:1', 'n=3.1:2', 'failed session s: another request saved it' );
    is_wrong 'two have the lock',
      $first . $count->( '3.1', 2.2, 2.5, 4, '', 'n=3.1:1', 'failed session s: another request saved it' ),
      qr/^lock: 3\.1 has s while 2\.1 has it/;
    my $dead = $MADE . $count->( '2.1', 2, 2.1, undef, '' );
    is_right 'a dead one has it for lock_ttl', $dead . $count->( '3.1', 2.2, 12, 13, '', 'n=3.1:1', 'ok' );
    is_wrong 'and not for less', $dead . $count->( '3.1', 2.2, 8, 9, '', 'n=3.1:1', 'ok' ), qr/^lock: /;
    my $forked =
        $first
      . "5 2.2 open 1 s plain\n5 2.25 opened 1 ok s a=1.1\n5 2.3 move 1\n5 2.35 moved 1 ok t\n"
      . "3 2.4 open 1 t transaction\n3 2.45 opened 1 ok t a=1.1\n3 2.5 save 1 n=3.1:1\n3 2.55 saved 1 ok\n";
    is_wrong 'two go on from one, at both ends of a move', $forked, qr/^counter: 2\.1 and 3\.1 both/;
    is_right 'the tombstone that kept them apart is flushed',
      $forked . "nemesis 2.7 fault flush\nnemesis 2.8 over flush\n";
    is_wrong 'counting is adding one', $MADE . $count->( '2.1', 2, 2.1, 3, '', 'n=2.1:2', 'ok' ),
      qr/^counter: 2\.1 makes 2 of 0/;
};

subtest 'errors' => sub {
    is_wrong 'that should not be are told', $MADE . "2 2 open 1 s plain\n2 2.1 opened 1 failed session s: damaged\n",
      qr/^error: 2\.1 on s: session s: damaged/;
};

subtest 'values that the workers store' => sub {
    my %session;
    put( \%session, 'a',    '1.1', 50 );
    put( \%session, 'cart', '1.1', 50 );
    count( \%session, '1.1' ) for 1 .. 2;
    is_deeply names( \%session ), { a => '1.1', cart => '1.1', n => '1.1:2' }, 'say who wrote them';
    put_nested( \%session, '1.2', 10 );
    remove( \%session, 'a', '1.3' );
    is_deeply names( \%session ), { a => '1.3-', cart => '1.2', n => '1.1:2' }, 'and who changed and removed them';

    my %damage = (
        'cut'                => sub { chop $_[0]{b} },
        'of another key'     => sub { $_[0]{b} =~ s/^b/c/ },
        'of another write'   => sub { $_[0]{'b.by'} = '1.7' },
        'gone'               => sub { delete $_[0]{b} },
        'without its name'   => sub { delete $_[0]{'b.by'} },
        'back again'         => sub { $_[0]{'b.by'} = '1.7-' },
        'one half of a tree' => sub { $_[0]{cart}{left}{text} =~ s/1\.2/1.3/g },
        'no tree'            => sub { $_[0]{cart} = 1 },
    );
    for my $what ( sort keys %damage ) {
        my %damaged;
        put( \%damaged, $_, '1.2', 50 ) for qw(b cart);
        $damage{$what}->( \%damaged );
        ok scalar( grep { /^!/ } values %{ names( \%damaged ) } ), "are damaged: $what";
    }
};

done_testing;
