package Bench::Server;

# The memcached that a program measures with, and the end of it: when the
# program ends, is interrupted or is killed.
#
#     my $server = memcached();                # TCP, on a free port of 127.0.0.1
#     my $server = memcached( socket => 1 );   # a Unix socket
#     my $server = memcached( near => 1 );     # on the program's own processor
#     my $server = memcached( free => 1 );     # all where the system likes
#     my $server = memcached( args => [ '-m', 2_048 ] );
#
# It has one worker thread: with more, the connections that are compared could
# have different ones. It and the program have a processor each, where there
# are two: a server that answers on the caller's own is three times as near as
# one that has to be woken, and which it is would change from block to block.

use strict;
use warnings;

use Exporter 'import';
use Fixture::Watchdog limit => 1_800;
use Fixture::Memcached;

our @EXPORT = qw(memcached);

# So that objects are destroyed, and with them what they started.
$SIG{$_} = sub { exit 1 }
  for qw(INT TERM HUP);

sub memcached {
    my (%option) = @_;
    my ( $near, $free ) = delete @option{qw(near free)};
    my $server = Fixture::Memcached->start( %option, args => [ '-t', 1, @{ $option{args} // [] } ] );
    return $server if $free;
    place( $$,           0 );
    place( $server->pid, $near ? 0 : 1 );
    return $server;
}

# All threads of the process, from now on. Where that can't be had, the system
# chooses, and the spread of the results tells.
sub place {
    my ( $pid, $processor ) = @_;
    system "taskset -acp $processor $pid >/dev/null 2>&1";
    return;
}

1;
