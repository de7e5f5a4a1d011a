# A server that is no memcached, or one that is too old: an error that names it and says why, and
# nothing of a session is sent there, where its lines would be taken for commands. memcached 1.6.0 to
# 1.6.9 answer a read as later releases do: it does not count.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs 'memcached';
use Test::More;

use Storable qw(nfreeze);
use Apache::Session::Memorycached::Client;
use Fixture::Memcached;
use Fixture::Scripted;
use Fixture::Session;

my $memcached = Fixture::Memcached->start;
my $direct    = { servers => [ $memcached->address ] };
my $class     = 'Apache::Session::Memorycached';
my $absent    = 'ab' x 16;
my $LINES     = "x\r\nflush_all\r\n";

my $frozen = nfreeze( { _session_id => $absent, a => 1 } );
sub found { return sprintf "VA %d f1 c7 t-1 %s\r\n%s\r\n", length $frozen, $_[0], $frozen }
my $found = found('O1');

# 1.6.9, which answers each line as what it is: the probe is nothing special to it.
sub old {
    my ($request) = @_;
    my @answers = map {
            /^version/        ? "VERSION 1.6.9\r\n"
          : /^mg \S+ .*\bb\b/ ? "CLIENT_ERROR invalid flag\r\n"
          : /^mg .* (O\d+)/   ? found($1)
          : "ERROR\r\n"
    } split /\r\n/, $request;
    return join '', @answers;
}

# What others say to the probe, and to the read that comes with it.
my %unfit = (
    '1.6.9'    => [ \&old,                            qr/is memcached 1\.6\.9; .*1\.6\.13 or later/ ],
    '1.6.12'   => [ "VERSION 1.6.12\r\nEN\r\n$found", qr/is memcached 1\.6\.12; .*1\.6\.13 or later/ ],
    'nameless' =>
      [ "VERSION UNKNOWN\r\nCLIENT_ERROR invalid flag\r\n$found", qr/speaks no meta commands that we know/ ],
    'proxy' => [ "ERROR\r\nERROR\r\nERROR\r\n",         qr/speaks no meta commands that we know/ ],
    'HTTP'  => [ "HTTP/1.1 400 Bad Request\r\n\r\n",    qr/is no memcached: it answered "HTTP/ ],
    'Redis' => [ "-ERR unknown command\r\n" x 3,        qr/is no memcached: it answered "-ERR/ ],
    'full'  => [ "ERROR Too many open connections\r\n", qr/ERROR Too many open connections/ ],
);

# Whatever could not be saved is warned of once more when its scope ends.
$SIG{__WARN__} = sub { warn @_ if $_[0] !~ /^session [0-9a-f]+ is not saved: / };

# A server that says that on each connection, and arguments for it.
sub saying {
    my ( $answer, @before ) = @_;
    my @connections = ( @before, ( [ ( [ ref $answer ? 'by' : 'say', $answer ] ) x 9 ] ) x 20 );
    my $server      = Fixture::Scripted->start( upstream => $memcached, script => \@connections, unproven => 1 );
    return ( $server, { servers => [ $server->address ], io_timeout => 5 } );
}

# What each step sends besides the probe: nothing, or what has nothing of a session in it.
my %steps = (
    'a new session' => sub { create( $_[0], a => $LINES ) },
    'reading'       => sub { contents( $_[0], $absent ) },
    'change'        => sub {
        change( $_[0], $absent, sub { $_[0]{a} = $LINES } );
    },
    'a transaction' => sub {
        change( { %{ $_[0] }, Transaction => 1 }, $absent, sub { $_[0]{a} = $LINES } );
    },
    'a new transaction' => sub { create( { %{ $_[0] }, Transaction => 1 }, a => $LINES ) },
);

for my $name ( sort keys %unfit ) {
    my ( $answer, $says ) = @{ $unfit{$name} };
    subtest $name => sub {
        my ( $server, $arguments ) = saying($answer);
        my $told = qr/^memcached \Q${\ $server->address }\E: $says/;
        for my $step ( sort keys %steps ) {
            like error_of { $steps{$step}->($arguments) }, $told, $step;
        }
        my $read;
        my @warnings = warnings_of { $read = contents( { %$arguments, on_error => 'warn' }, $absent ) };
        is_deeply $read, {}, 'on_error => warn: an empty session';
        like $warnings[0], $told, 'and a warning';

        my $client = Apache::Session::Memorycached::Client->new( %$arguments, on_error => 'die' );
        like error_of { $client->set( key => $LINES ) },                                $told, 'a client: set';
        like error_of { $client->get('key') },                                          $told, 'get';
        like error_of { $client->set_multi( [ key => $LINES ], [ other => $LINES ] ) }, $told, 'set_multi';

        my @requests = $server->requests;
        is scalar( grep { !/^version\r\n/ } @requests ), 0, 'each connection begins with the probe';
        is scalar( grep { /flush_all/ } @requests ),     0, 'nothing of a session is sent';
    };

    subtest "$name: in the place of a good server" => sub {
        my $id = create( $direct, a => 'before' );
        my ( $server, $arguments ) = saying( $answer, ['last'] );
        tie( my %session, $class, $id, $arguments );
        is $session{a}, 'before', 'read from the good one';
        $session{a} = $LINES;
        my $told = qr/^memcached \Q${\ $server->address }\E: $says/;
        like error_of { tied(%session)->save },   $told, 'the save dies';
        like error_of { tied(%session)->delete }, $told, 'and so does deleting';
        error_of      { untie %session };
        is scalar( grep { /flush_all/ } $server->requests ), 0,        'nothing of the session is sent';
        is contents( $direct, $id )->{a},                    'before', 'which is what it was';
    };
}

done_testing;
