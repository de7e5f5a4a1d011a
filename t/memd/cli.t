# memd's face: help, man page, completions, the configuration file, exit statuses; and memd.pl, which keeps the command line
# of 2.2.1.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Test::More;

use File::Temp ();
use Fixture::Memcached;
use Fixture::Memd;
use Fixture::Needs 'memcached';
use Fixture::Session;

subtest 'help, man page, completions' => sub {
    my $help = memd('--help');
    is $help->{status}, 0, '--help';
    my @commands = qw(show set delete touch list count purge who info stats doctor export import completions);
    like $help->{out}, qr/^  $_ /m,         $_ for @commands;
    like $help->{out}, qr/^Exit status:$/m, 'the exit statuses';
    my ($version) = memd('--version')->{out} =~ /^memd (\d+\.\d+\.\d+)$/;
    ok $version, 'a version';
    for my $command (@commands) {
        my $help = memd( $command, '--help' );
        is $help->{status}, 0, "$command --help";
    }
    my $man = memd('man');
    like $man->{out},                          qr/^\.SS memd $_\b/m,         "the man page has $_" for @commands;
    unlike $man->{out},                        qr/[^\x20-\x7e\n]/,           'in ASCII';
    like memd( 'completions', 'bash' )->{out}, qr/complete -F _memd .*memd/, 'bash';
    like memd( 'completions', 'zsh' )->{out},  qr/^#compdef memd/,           'zsh';
    is system( 'bash', '-nc', memd( 'completions', 'bash' )->{out} ), 0, 'which bash can read';
    like memd( 'completions', 'fish' )->{out}, qr/^complete -c memd/m, 'fish';
};

subtest 'what can\'t be used' => sub {
    for my $case (
        [ [],                                              qr/Usage/ ],
        [ ['frobnicate'],                                  qr/frobnicate/ ],
        [ [qw(-s a:1 -e /d list)],                         qr/cannot be used with/ ],
        [ [qw(-s nonsense list)],                          qr/^memd: argument servers: takes "host:port"/ ],
        [ [qw(-s a:1=x list)],                             qr/takes a whole number after =/ ],
        [ [qw(-e /d?size=x list)],                         qr/argument embedded/ ],
        [ [qw(list --where uid)],                          qr/takes FIELD=VALUE/ ],
        [ [qw(list --where n<x)],                          qr/takes a number after </ ],
        [ [qw(show --json --perl 0)],                      qr/cannot be used with/ ],
        [ [ '-s', 'a:1', '-n', 'two words', 'show', '0' ], qr/argument namespace/ ],
        [ [ '-c', '/nonexistent', 'list' ],                qr{^memd: /nonexistent: } ],
      )
    {
        my $run = memd( @{ $case->[0] } );
        is $run->{status}, 2, "memd @{ $case->[0] }";
        like $run->{err}, $case->[1], 'why';
        is $run->{out}, '', 'nothing else';
    }
};

subtest 'the configuration file' => sub {
    my @servers = map { Fixture::Memcached->start } 1 .. 2;
    my $list    = join ', ', map { q{"} . $_->address . q{"} } @servers;
    my $id =
      create( { servers => [ map { $_->address } @servers ], namespace => 'app:', principal => 'uid' }, uid => 'dwho' );
    my $file = File::Temp->new;
    print {$file} "servers = [$list]\nnamespace = \"app:\"\nprincipal = \"uid\"\nio_timeout = 2.5\n";
    $file->flush;
    is memd( '-c', "$file", 'who', '--last', 'dwho' )->{out},         "$id\n", '--config';
    is memd( { env => { MEMD_CONFIG => "$file" } }, 'count' )->{out}, "1\n",   'MEMD_CONFIG';
    is memd( '-c', "$file", '-n', 'other:', 'count' )->{out},         "0\n",   'the command line comes first';

    my %ring = ( servers => [ map { $_->address } @servers ], namespace => 'ring:', ketama_points => 150 );
    create( \%ring ) for 1 .. 40;
    my $ring = File::Temp->new;
    print {$ring} "servers = [$list]\nnamespace = \"ring:\"\nketama_points = 150\n";
    $ring->flush;
    is memd( '-c', "$ring", 'count' )->{out}, "40\n", 'ketama_points: each session is where it is looked for';
    isnt memd( '-c', "$file", '-n', 'ring:', 'count' )->{out}, "40\n", 'without it, some are not';

    print {$file} "serves = 1\n";
    $file->flush;
    my $run = memd( '-c', "$file", 'count' );
    is $run->{status}, 2, 'a key that is unknown';
    like $run->{err}, qr/^memd: \Q$file\E: line 5: unknown field `serves`/, 'with its line';
};

subtest 'memd.pl' => sub {
    my $server    = Fixture::Memcached->start;
    my %arguments = ( servers => [ $server->address ] );
    my $id        = create( \%arguments, uid => 'dwho', n => 1, _password => 'hunter2' );
    my $pl        = sub { Fixture::Memd::run( {}, $^X, 'blib/script/memd.pl', @_ ) };
    local $ENV{PATH} = join ':', 'blib/script', $ENV{PATH};
    my $at = $server->address;
    like $pl->( $at, '-s',    $id )->{out}, qr/uid  "dwho"/,      '-s';
    like $pl->( $at, '-show', $id )->{out}, qr/_password  \*{8}/, '-show masks';
    like $pl->( $at, '-s', $id, '--reveal' )->{out}, qr/hunter2/, 'or does not';
    is $pl->( $at, '-m',      $id, 'uid',  'rtyler' )->{status}, 0, '-m';
    is $pl->( $at, '-modify', $id, 'zero', '0' )->{status},      0, '-modify, a false value';
    is $pl->( $at, '-d', $id, 'n' )->{status}, 0, '-d a field';
    is_deeply contents( \%arguments, $id ), { _session_id => $id, uid => 'rtyler', zero => 0, _password => 'hunter2' },
      'in the session itself';
    like $pl->( $at, '-i' )->{out},             qr/^curr_items +\d/m,      '-i';
    like $pl->( $at, '-info', 'slabs' )->{out}, qr/^active_slabs/m,        '-info slabs';
    like $pl->('-TAG')->{out},                  qr/^misc\nitems\nslabs\n/, '-TAG';
    is $pl->( $at, '-delete', $id )->{status}, 0, '-delete';
    is $pl->( $at, '-s',      $id )->{status}, 1, 'and it is gone';

    for my $case (
        [ [] => 'usage' ], [ [ $at, '-i', 'malloc' ] => 'memcached has not told it' ],
        [ [ $at, '-m', $id ] => 'usage' ],
        [ [ $at, '-x' ] => 'usage' ], [ [ $at, '-i', 'x' ] => 'takes one of' ]
      )
    {
        my $run = $pl->( @{ $case->[0] } );
        is $run->{status}, 2, "@{ $case->[0] }";
        like $run->{err}, qr/$case->[1]/, 'what is said';
    }
    is $pl->('-help')->{status}, 0, '-help';
};

done_testing;
