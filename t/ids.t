# Ids come from the operating system: 32 lower-case hexadecimal digits, never the
# same one twice, whatever `srand` or `fork` do (CVE-2025-40931).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Apache::Session::Generate::Memorycached;
use Fixture::Child;

sub generate {
    my (%arguments) = @_;
    my $session = { args => \%arguments, data => {} };
    Apache::Session::Generate::Memorycached::generate($session);
    return $session->{data}{_session_id};
}

sub validate {
    my ($id) = @_;
    my $session = { args => {}, data => { _session_id => $id } };
    return eval { Apache::Session::Generate::Memorycached::validate($session); 1 };
}

subtest 'form' => sub {
    like generate(), qr/\A[0-9a-f]{32}\z/, '32 digits';
    like generate( IDLength => $_ ), qr/\A[0-9a-f]{$_}\z/, "$_ digits" for 1, 7, 16, 64, 128;
};

subtest 'never twice' => sub {
    my %seen;
    $seen{ generate() }++ for 1 .. 20_000;
    is keys %seen, 20_000, '20,000 different ones';
};

subtest 'all digits at all places' => sub {
    my %seen;
    for ( 1 .. 2_000 ) {
        my @digits = split //, generate();
        $seen{"$_:$digits[$_]"}++ for 0 .. $#digits;
    }
    is keys %seen, 32 * 16, 'within 2,000 ids';
};

subtest 'not from rand' => sub {
    my @ids = map { srand 42; generate() } 1 .. 2;
    isnt $ids[0], $ids[1], 'srand does not repeat them';
};

subtest 'not shared by fork' => sub {
    generate();
    my @children = map {
        in_fork { generate() }
    } 1 .. 4;
    my %seen = map { $_ => 1 } generate(), map { $_->finish } @children;
    is keys %seen, 5, 'parent and children differ';
};

subtest 'validate' => sub {
    ok validate($_), 'an id' for 'a' x 32, 'A1' x 8, 'f' x 64;
    for my $bad ( 'xyz', '', "a b", '../a', "\x{263a}" ) {
        ok !validate($bad), 'refused';
        like $@, qr/^Invalid session ID: /, 'with the text of Apache::Session';
    }
};

subtest 'validate takes the taint off' => sub {
    my $child = in_tainted_perl( <<'END' );
        use Apache::Session::Generate::Memorycached;
        use Scalar::Util 'tainted';
        my $id = 'ab' x 16 . substr $ENV{PATH}, 0, 0;
        my $session = { args => {}, data => { _session_id => $id } };
        Apache::Session::Generate::Memorycached::validate($session);
        print tainted($id) ? 1 : 0, tainted( $session->{data}{_session_id} ) ? 1 : 0;
END
    is $child->finish, '10', 'from what goes on with the session';
};

done_testing;
