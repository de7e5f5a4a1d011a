# The embedded store: sessions of one host in a directory, without a daemon.
# They survive their process; the directory is private; what is full or can't be
# used is an error that says which directory and why (DESIGN §3, §8).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Test::More;

use Fcntl      qw(:mode);
use File::Temp ();
use Fixture::Child;
use Fixture::Session;
use Fixture::Wait;

my $base = File::Temp->newdir;
my $next = 0;

sub fresh { return "$base/" . ++$next }

sub at {
    my ( $dir, %more ) = @_;
    return { servers => ["embedded:$dir"], %more };
}

sub refused {
    my ( $dir, $name ) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $error = error_of { create( at($dir) ) };
    ok $error, $name;
    like $error, qr/\Q$dir\E/, 'the error names the directory';
    return;
}

subtest 'the directory' => sub {
    my $dir = fresh();
    create( at($dir) );
    my $mode = ( stat $dir )[2];
    ok S_ISDIR($mode), 'is made';
    is S_IMODE($mode), oct 700, 'for its owner only';
    my @others = grep { S_IMODE( ( stat $_ )[2] ) & oct 77 } glob "$dir/*";
    is_deeply \@others, [], 'and so is what is in it';
};

subtest 'a session survives its process' => sub {
    my $dir = fresh();
    my $id  = in_perl( <<'END', $dir )->finish;
        use Apache::Session::Memorycached;
        tie my %session, 'Apache::Session::Memorycached', undef,
            { servers => ["embedded:$ARGV[0]"] };
        $session{from} = 'another process';
        print $session{_session_id};
END
    like $id, qr/\A[0-9a-f]{32}\z/, 'made by another process';
    is contents( at($dir), $id )->{from}, 'another process', 'and read here';
};

subtest 'a session survives a process that is killed' => sub {
    my $dir   = fresh();
    my $child = in_fork {
        my $id = create( at($dir), a => 1 );
        open my $file, '>', "$dir.id" or die $!;
        print {$file} $id;
        close $file;
        kill KILL => $$;
    };
    eval { $child->finish };
    open my $file, '<', "$dir.id" or die $!;
    my $id = <$file>;
    is contents( at($dir), $id )->{a}, 1, 'read';
    change( at($dir), $id, sub { $_[0]{a} = 2 } );
    is contents( at($dir), $id )->{a}, 2, 'written';
};

subtest 'two directories are two stores' => sub {
    my @dirs = ( fresh(), fresh() );
    my $id   = create( at( $dirs[0] ), a => 1 );
    is_deeply contents( at( $dirs[1] ), $id ), {}, 'unknown in the other';
    is contents( at("$dirs[0]/"), $id )->{a}, 1, 'known by another spelling';
};

subtest 'namespaces' => sub {
    my $dir = fresh();
    my $id  = create( at( $dir, namespace => 'app:' ), a => 1 );
    is_deeply contents( at($dir), $id ), {}, 'unknown without it';
    is contents( at( $dir, namespace => 'app:' ), $id )->{a}, 1, 'known with it';
};

subtest 'no `servers`: a directory of its own choice' => sub {
    my $home = File::Temp->newdir;
    local @ENV{qw(HOME XDG_STATE_HOME XDG_CACHE_HOME XDG_RUNTIME_DIR TMPDIR)} =
      ( "$home", map { "$home/$_" } qw(state cache run tmp) );
    mkdir "$home/$_", oct 700 for qw(state cache run tmp);
    my $id = in_perl( <<'END' )->finish;
        use Apache::Session::Memorycached;
        tie my %session, 'Apache::Session::Memorycached', undef, {};
        $session{a} = 1;
        my $id = $session{_session_id};
        untie %session;
        tie %session, 'Apache::Session::Memorycached', $id;
        print $session{a};
END
    is $id, 1, 'stores and finds';
};

subtest 'full' => sub {
    my $dir       = fresh();
    my $arguments = at("$dir?size=1M");
    my @ids;
    my $error = error_of {
        push @ids, create( $arguments, n => $_, text => 'x' x 20_000 ) for 1 .. 100;
    };
    ok $error, 'dies in the end';
    like $error, qr/\Q$dir\E/,                'naming the directory';
    like $error, qr/1\s*(?:M|MiB)\b|1048576/, 'and the size';
    cmp_ok scalar @ids, '>', 10, 'not before it is';
    my $right = grep { ( contents( $arguments, $ids[$_] )->{n} // '' ) eq $_ + 1 } 0 .. $#ids;
    is $right, scalar @ids, 'what was stored before is there';

    my $id = $ids[0];
    ok error_of {
        change( $arguments, $id, sub { $_[0]{more} = 'x' x 500_000 } )
    },
      'a change that does not fit dies, too';
    is length contents( $arguments, $id )->{text}, 20_000, 'and leaves what was there';

    for my $id (@ids) {
        tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
        error_of { tied(%session)->delete; untie %session };
    }
    is error_of { create( $arguments, text => 'x' x 20_000 ) }, '', 'deleting makes room';
};

subtest 'what has expired makes room' => sub {
    my $dir       = fresh();
    my $arguments = at( "$dir?size=1M", timeout => 1 );
    my @ids;
    error_of { push @ids, create( $arguments, text => 'x' x 20_000 ) for 1 .. 100 };
    cmp_ok scalar @ids, '>', 10, 'filled';
    until_true { !keys %{ contents( $arguments, $ids[-1] ) } };
    my $error = error_of {
        create( at("$dir?size=1M"), text => 'x' x 20_000 ) for 1 .. 10;
    };
    is $error, '', 'it takes new sessions again';
};

subtest 'two sizes for one directory, in one process' => sub {
    my $dir = fresh();
    create( at("$dir?size=8M") );
    like error_of { create( at("$dir?size=16M") ) },
      qr/\Q$dir\E.*\b8388608\b.*\b16777216\b/, 'dies with both';
};

subtest 'directories that are not private' => sub {
    my $open = fresh();
    mkdir $open;
    chmod oct 777, $open;
    refused( $open, 'anyone may write' );

    my $target = fresh();
    mkdir $target, oct 700;
    my $link = fresh();
    symlink $target, $link;
    refused( $link, 'a symbolic link' );

    my $file = fresh();
    open my $handle, '>', $file or die $!;
    close $handle;
    refused( $file, 'a file' );
};

subtest "another user's directory" => sub {
    plan skip_all => 'only root can make one' if $> != 0;
    my $theirs = fresh();
    mkdir $theirs, oct 700;
    chown 65534, 65534, $theirs;
    refused( $theirs, 'is refused' );
};

subtest 'a directory that can not be made' => sub {
    refused( '/proc/none/sessions', 'is an error' );
};

subtest 'a database that is none' => sub {
    my $dir = fresh();
    create( at($dir) );
    my ($data) = glob "$dir/data*";
    my $other = fresh();
    mkdir $other, oct 700;
    my $copy = $data =~ s{.*/}{$other/}r;
    open my $handle, '>', $copy or die $!;
    print {$handle} 'not a database ' x 10_000;
    close $handle;
    chmod oct 600, $copy;
    refused( $other, 'is an error' );
};

done_testing;
