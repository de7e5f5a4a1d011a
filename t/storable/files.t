# store, nstore and retrieve, and those that lock. A file is replaced as a whole:
# whoever reads it finds the old or the new content, and what fails changes nothing.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Fcntl      qw(:flock);
use File::Temp ();
use POSIX      qw(mkfifo WNOHANG);
use Storable   ();
use Fixture::Child;
use Fixture::Needs ();
use Fixture::Storable;
use Fixture::Wait;

my $dir  = File::Temp->newdir;
my $file = "$dir/file";

sub content {
    my ($name) = @_;
    open my $handle, '<:raw', $name or return;
    local $/;
    return <$handle> // '';
}

sub names {
    opendir my $handle, $dir or die $!;
    return sort grep { !/^\.\.?\z/ } readdir $handle;
}

my %stores = ( store    => \&store,    nstore => \&nstore, lock_store => \&lock_store, lock_nstore => \&lock_nstore );
my %reads  = ( retrieve => \&retrieve, lock_retrieve => \&lock_retrieve );
my $data   = { list => [ 1 .. 5 ], text => "sm\x{263a}le", object => bless( {}, 'Some::Class' ) };

subtest 'there and back' => sub {
    for my $store ( sort keys %stores ) {
        unlink $file;
        ok $stores{$store}->( $data, $file ), "$store returns true";
        is_deeply $reads{$_}->($file),       $data,    "$_ reads it" for sort keys %reads;
        is_deeply Storable::retrieve($file), $data,    'as does Storable';
        is_deeply [names],                   ['file'], 'nothing else is there';
        ok $stores{$store}->( [1], $file ), 'again';
        is_deeply retrieve($file), [1], 'in its place';
        no strict 'refs';
        "Storable::$store"->( $data, $file );
        is_deeply retrieve($file), $data, 'what Storable stored is read';
        local $Storable::canonical = 1;
        "Storable::$store"->( $data, $file );
        my $theirs = content($file);
        $stores{$store}->( $data, $file );
        ok content($file) eq $theirs, 'byte for byte the same';
    }
};

subtest 'variables of perl that change what is printed and read' => sub {
    local ( $,, $\, $/ ) = ( ',', "end\n", \3 );
    for my $store ( sort keys %stores ) {
        $stores{$store}->( $data, $file );
        is_deeply $reads{$_}->($file), $data, "$store, $_" for sort keys %reads;
    }
};

subtest 'a long file' => sub {
    my $long = [ map { 'x' x 10_000 . $_ } 1 .. 500 ];
    store( $long, $file );
    is_deeply retrieve($file), $long, '5 MB';
    store( [], $file );
    is_deeply retrieve($file), [], 'and a short one after';
    lock_store( $long, $file );
    lock_store( [],    $file );
    is_deeply lock_retrieve($file), [], 'under a lock, too';
};

subtest 'what the file is' => sub {
    my $umask = umask oct 27;
    store( [1], "$dir/new" );
    is + ( stat "$dir/new" )[2] & oct 7777, oct 640, 'a new one has the mode that the umask gives';
    umask $umask;
    for my $mode ( oct 600, oct 664, oct 400 ) {
        chmod $mode, "$dir/new" or die $!;
        my @old = stat _ ? stat "$dir/new" : ();
        store( [$mode], "$dir/new" );
        is + ( stat "$dir/new" )[2] & oct 7777, $mode, sprintf '%o stays', $mode;
        is_deeply retrieve("$dir/new"), [$mode], 'with what was stored';
    }
    unlink "$dir/new";

    symlink 'target', "$dir/link" or die $!;
    store( ['first'], "$dir/link" );
    ok -l "$dir/link", 'a link stays one';
    is_deeply retrieve("$dir/target"), ['first'], 'its target is made';
    store( ['second'], "$dir/link" );
    ok -l "$dir/link" && !-l "$dir/target", 'again';
    is_deeply retrieve("$dir/target"), ['second'], 'and replaced';
    link "$dir/target", "$dir/other" or die $!;
    store( ['third'], "$dir/target" );
    is_deeply retrieve("$dir/other"), ['third'], 'a file with two names keeps both';
    unlink map { "$dir/$_" } qw(link target other);

    store( $data, \my $bytes );
    is_deeply retrieve( \$bytes ), $data, 'a scalar in place of a file';
  SKIP: {
        skip "Storable $Storable::VERSION reads only files", 1 if !Fixture::Needs::has('Storable 2.62');
        is_deeply Storable::retrieve( \$bytes ), $data, 'as with Storable';
    }
    my $object = bless { name => "$dir/named" }, 'Path';
    {

        package Path;
        use overload '""' => sub { $_[0]{name} };
    }
    store( $data, $object );
    is_deeply retrieve($object), $data, 'an object that is a name';
    unlink "$dir/named";
    is_deeply [names], ['file'], 'nothing is left behind';
};

subtest 'a pipe' => sub {
    mkfifo( "$dir/pipe", oct 600 ) or die $!;
    my $child = in_fork { store( $data, "$dir/pipe" ) };
    is_deeply retrieve("$dir/pipe"), $data, 'is written into, and read';
    $child->finish;
    ok -p "$dir/pipe", 'and stays a pipe';
    unlink "$dir/pipe";
};

subtest 'what can not be stored' => sub {
    for my $store ( sort keys %stores ) {
        $stores{$store}->( ['before'], $file );
        like error_of {
            $stores{$store}->( [ 1, sub { 1 } ], $file )
        },
          qr/\ACan't store CODE items at \Q$0\E line [0-9]+\.\n\z/, "$store dies, at our line";
        is_deeply retrieve($file), ['before'], 'and leaves the file as it is';
        like error_of {
            $stores{$store}->( [ sub { 1 } ], "$dir/none" )
        }, qr/^Can't store CODE/, 'or makes none';
        is_deeply [names], ['file'], 'really';
        class 'Dying', STORABLE_freeze => sub { die "in its hook\n" };
        is error_of { $stores{$store}->( bless( [], 'Dying' ), $file ) }, "in its hook\n", "a hook's die is its own";
        my $exception = bless {}, 'My::Exception';
        class 'Dying', STORABLE_freeze => sub { die $exception };
        is error_of { $stores{$store}->( bless( [], 'Dying' ), $file ) }, $exception, 'as it was thrown';
        is_deeply retrieve($file), ['before'], 'the file is as it was';
    }
};

subtest 'what can not be written' => sub {
    my %wrong = (
        'a missing directory' => [ "$dir/none/file", 'No such file or directory' ],
        'a directory'         => [ "$dir",           'Is a directory' ],
        'no name'             => [ '',               'No such file or directory' ],
        'undef'               => [ undef,            'No such file or directory' ],
        'a circle of links'   => [ "$dir/circle",    'Too many levels of symbolic links' ],
    );
    symlink 'circle', "$dir/circle" or die $!;
    for my $name ( sort keys %wrong ) {
        my ( $bad, $why ) = @{ $wrong{$name} };
        $bad //= '';
        my %text = (
            ( map { $_ => "can't create $bad: $why" } qw(store nstore) ),
            ( map { $_ => "can't write into $bad: $why" } qw(lock_store lock_nstore) ),
        );
        for my $store ( sort keys %stores ) {
            my @warnings = warnings_of {
                like error_of { $stores{$store}->( [1], $wrong{$name}[0] ) },
                  qr/\A\Q$text{$store}\E at \Q$0\E line [0-9]+\.\n\z/, "$name: $store";
            };
            is_deeply \@warnings, [], 'without warnings';
        }
    }
    unlink "$dir/circle";
  SKIP: {
        skip 'no /dev/full', 8 if !-c '/dev/full';
        for my $store ( sort keys %stores ) {
            like error_of { $stores{$store}->( [1], '/dev/full' ) },
              qr{\Acan't write /dev/full: No space left on device at \Q$0\E line [0-9]+\.\n\z}, "$store: a full device";
            ok -c '/dev/full', 'stays';
        }
    }
};

# A program under a limit on the size of its files, which is as good as a full disk.
sub limited {
    my ($code)  = @_;
    my $program = 'use Apache::Session::Memorycached::Storable qw(:all); $SIG{XFSZ} = "IGNORE";' . $code;
    my $pid     = fork // die $!;
    if ( !$pid ) {
        open STDERR, '>&', \*STDOUT;
        exec 'sh', '-c', 'ulimit -f 1; exec "$@"', 'sh', $^X, ( map { "-I$_" } grep { !ref } @INC ), '-e', $program;
        die $!;
    }
    waitpid $pid, 0;
    return $? >> 8;
}

subtest 'a full disk' => sub {
    my $too_long = "[ 'x' x 100_000 ]";
    my $catch    = 'exit( $@ =~ /^can\'t write \S+: File too large at -e line 1\.$/ ? 7 : 8 )';
    store( ['before'], $file );
    is limited("eval { store( $too_long, '$file' ) }; $catch"), 7, 'store dies';
    is_deeply retrieve($file), ['before'], 'the old content stays';
    is limited("eval { store( $too_long, '$dir/new' ) }; $catch"), 7, 'a new file';
    is_deeply [names], ['file'], 'is not there';
    is limited("eval { lock_store( $too_long, '$file' ) }; $catch"), 7, 'lock_store dies';
    is_deeply [names], [], 'a part of the content does not stay';
};

# Runs the block as a user who may not write everywhere.
sub unprivileged (&) {
    my ($block) = @_;
    return in_fork { $> = 65_534 if !$>; $block->() }->finish;
}

subtest 'where no new file can take the place of the old one' => sub {
    chmod oct 755, $dir;
    mkdir "$dir/open" or die $!;
    chmod oct 777, "$dir/open";
    unprivileged { store( ['before'], "$dir/open/file" ) };
    my $inode = ( stat "$dir/open/file" )[1];
    chmod oct 555, "$dir/open";
    ok eval {
        unprivileged { store( ['after'], "$dir/open/file" ) }
    }, 'in a directory that is closed to us' or diag $@;
    is_deeply retrieve("$dir/open/file"), ['after'], 'the old one is overwritten';
    is + ( stat "$dir/open/file" )[1], $inode, 'in place';
    like error_of {
        unprivileged { store( [1], "$dir/open/new" ) }
    },
      qr{^can't create \S+/open/new: Permission denied at \Q$0\E line}, 'and a new one is not made';
    chmod oct 777, "$dir/open";

    if ( !$> ) {
        store( ['before'], "$dir/open/root" );
        chmod oct 666, "$dir/open/root";
        ok eval {
            unprivileged { store( ['after'], "$dir/open/root" ) }
        }, "another user's file" or diag $@;
        is_deeply retrieve("$dir/open/root"), ['after'], 'is overwritten';
        is + ( stat "$dir/open/root" )[4], 0, 'and stays theirs';
        store( ['root'], "$dir/open/file" );
        is + ( stat "$dir/open/file" )[4], 65_534, 'which the superuser sees to, too';
    }
    my @left = glob "$dir/open/.storable*";
    is_deeply \@left, [], 'nothing is left behind';
    unlink map { "$dir/open/$_" } qw(file root);
    rmdir "$dir/open" or die $!;
};

subtest 'what can not be read' => sub {
    my %wrong = (
        'a missing file' => [ "$dir/none", qr{can't open \Q$dir\E/none: No such file or directory} ],
        'a directory'    => [ "$dir",      qr{can't read \Q$dir\E: Is a directory} ],
        'undef'          => [ undef,       qr{can't open : No such file or directory} ],
    );
    my %content = (
        'another file'             => [ "#!/bin/sh\nexit 0\n", qr/File is not a perl storable/ ],
        'a frozen string'          => [ freeze( [1] ),         qr/File is not a perl storable/ ],
        'an empty file'            => [ '',                    qr/\S.*/ ],
        'the beginning of a magic' => [ 'pst',                 qr/\S.*/ ],
        'a magic'                  => [ 'pst0',                qr/\S.*/ ],
        'a part of a file' => [ 'pst0' . substr( freeze( [ 1 .. 100 ] ), 0, 50 ), qr/not a Storable value at byte .*/ ],
    );
    for my $name ( keys %content ) {
        my $written = "$dir/" . $name =~ s/ /-/gr;
        open my $handle, '>:raw', $written or die $!;
        print {$handle} $content{$name}[0];
        close $handle;
        $wrong{$name} = [ $written, $content{$name}[1] ];
    }
    for my $name ( sort keys %wrong ) {
        my ( $bad, $text ) = @{ $wrong{$name} };
        for my $read ( sort keys %reads ) {
            my @warnings = warnings_of {
                like error_of { $reads{$read}->($bad) }, qr/\A$text at \Q$0\E line [0-9]+\.\n\z/, "$name: $read dies";
            };
            is_deeply \@warnings, [], 'without warnings';
        }
        unlink $bad if defined $bad && -f $bad;
    }
    like error_of { thaw( 'pst0' . freeze( [1] ) ) }, qr/\S/, 'a file is not a frozen string';
};

subtest 'arguments' => sub {
    for my $store ( sort keys %stores ) {
        like error_of { $stores{$store}->( $_, $file ) }, qr/\Anot a reference at \Q$0\E line [0-9]+\.\n\z/,
          "$store: " . ( $_ // 'undef' ) for undef, '', 'text';
        like error_of { $stores{$store}->( [1] ) }, qr/\Awrong argument number at \Q$0\E line [0-9]+\.\n\z/, 'no name';
        like error_of { $stores{$store}->( [1], $file, 1 ) }, qr/\Awrong argument number at \Q$0\E line [0-9]+\.\n\z/,
          'two names';
    }
};

subtest 'errors after a file was read elsewhere' => sub {
    open my $handle, '<', $0 or die $!;
    my $line = <$handle>;
    like error_of {
        store( [ sub { 1 } ], $file )
    }, qr/\ACan't store CODE items at \Q$0\E line [0-9]+(?:, <\$handle> line 1)?\.\n\z/,
      'are at our line still';
};

subtest '$@ of the caller' => sub {
    eval { die "mine\n" };
    store( $data, $file );
    retrieve($file);
    lock_store( $data, $file );
    lock_retrieve($file);
    is $@, "mine\n", 'stays';
};

# Until the process waits in flock; the kernel lists it with an arrow then.
sub wait_for_lock {
    my ($child) = @_;
    my $pid = $child->pid;
    return until_true {
        open my $locks, '<', '/proc/locks' or return 1;
        return scalar grep { /-> FLOCK .* $pid / } <$locks>;
    };
}

subtest 'locks' => sub {
    unlink $file;
    store( ['before'], $file );
    for my $case ( [ LOCK_EX, 'lock_retrieve' ], [ LOCK_EX, 'lock_store' ], [ LOCK_SH, 'lock_store' ] ) {
        my ( $how, $function ) = @$case;
        open my $handle, '<', $file or die $!;
        flock $handle, $how or die $!;
        my $child = in_fork {
            close $handle;
            return $function eq 'lock_store' ? lock_store( ['after'], $file ) : lock_retrieve($file)->[0];
        };
        wait_for_lock($child);
        is_deeply retrieve($file), ['before'], "$function waits, changing nothing";
        flock $handle, LOCK_UN;
        close $handle;
        is $child->finish, $function eq 'lock_store' ? 1 : 'before', 'and goes on when the lock is free';
        is_deeply retrieve($file), [ $function eq 'lock_store' ? 'after' : 'before' ], 'to do its work';
        store( ['before'], $file );
    }
};

subtest 'a file that is replaced while its lock is waited for' => sub {
    store( ['before'], $file );
    open my $handle, '<', $file or die $!;
    flock $handle, LOCK_EX or die $!;
    my $child = in_fork { close $handle; lock_store( ['locked'], $file ) };
    wait_for_lock($child);
    store( ['replaced'], $file );
    close $handle;
    $child->finish;
    is_deeply retrieve($file), ['locked'], 'is written where its name leads';
};

subtest 'readers beside a writer' => sub {
    my @versions = map { [ ($_) x 20_000 ] } 1 .. 4;
    store( $versions[0], $file );
    my $child = in_fork {
        store( $versions[ $_ % 4 ], $file ) for 1 .. 100;
        store( ['the last'],        $file );
    };
    my ( $whole, $broken ) = ( 0, 0 );
    while (1) {
        my $read = eval { retrieve($file) };
        $read && ( @$read == 1 || @$read == 20_000 && $read->[0] == $read->[-1] ) ? $whole++ : $broken++;
        last if $broken || @$read == 1;
    }
    $child->finish;
    is $broken, 0, "find one version or another, all of $whole times";
    cmp_ok $whole, '>', 0, 'really';
};

subtest 'a signal while a lock is waited for' => sub {
    store( ['before'], $file );
    open my $handle, '<', $file or die $!;
    flock $handle, LOCK_EX or die $!;
    my $caught = 0;
    local $SIG{ALRM} = sub { $caught++; close $handle };
    alarm 1;
    is_deeply lock_retrieve($file), ['before'], 'a handler that returns';
    is $caught, 1, 'was run';
    open $handle, '<', $file or die $!;
    flock $handle, LOCK_EX or die $!;
    $SIG{ALRM} = sub { die "in time\n" };
    alarm 1;
    is error_of { lock_retrieve($file) }, "in time\n", 'one that dies';
};

done_testing;
