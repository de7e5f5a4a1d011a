# A session's load and save over memcached, held against bare round trips that
# move the same bytes on the same kind of socket (DESIGN §9).

use strict;
use warnings;
use lib 'bench/lib', 't/lib';

use Apache::Session::Memorycached;
use Bench::Bare;
use Bench::Data qw(visitor login text);
use Bench::Measure;
use Bench::Server;
use Bench::Session;
use Bench::Topic;

my $measure = Bench::Measure->from_arguments(@ARGV);
my $topic   = Bench::Topic->new('Sessions in memcached, against bare round trips');

my %sockets = ( 'TCP' => memcached(), 'Unix socket' => memcached( socket => 1 ) );

for my $session ( [ 'a visitor' => visitor() ], [ 'a login' => login() ], [ '100 KB of text' => text() ] ) {
    my ( $name, $data ) = @$session;
    for my $kind ( sort keys %sockets ) {
        against_bare( $kind, $name, $data );
    }
}

sub against_bare {
    my ( $kind, $name, $data ) = @_;
    my $server    = $sockets{$kind};
    my %arguments = ( servers => [ $server->address ] );
    my $session   = Bench::Session->new( 'Apache::Session::Memorycached', {%arguments},                     $data );
    my $locked    = Bench::Session->new( 'Apache::Session::Memorycached', { %arguments, Transaction => 1 }, $data );
    my $bare      = Bench::Bare->new( $server, $session->id );
    my $where     = sprintf '%s, %s bytes, %s', $name, $bare->size, $kind;
    for my $row (
        [ 'tie + read + untie',                    'one round trip',  $session->reading,  $bare->getting ],
        [ 'tie + change + untie',                  'two round trips', $session->changing, $bare->getting_setting ],
        [ 'tie + change + untie in a transaction', 'two round trips', $locked->changing,  $bare->getting_setting ],
      )
    {
        my ( $what, $against, @works ) = @$row;
        $topic->row( "$what: $where", $against, $measure->compare( time => @works ), at_most => 1.10 );
    }
    $_->check for $session, $locked;
    return;
}

$topic->note(<<'NOTE');
Time. Both in one process, taking turns in blocks of 2 ms; a ratio is that of two neighbouring blocks. A round trip is
`syswrite` and `sysread` on a blocking socket without delay: an `mg`, or an `mg` and then an `ms`, of the session's size.
Nothing is made of the answers. The server has one thread, and a processor of its own where there are two. While one side
works, the other's processor falls asleep, and waking it is part of every round trip; the column "theirs" says how long
they took here.
NOTE
$topic->print;
