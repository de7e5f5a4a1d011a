# exec with an open session: the program that takes the place inherits no
# connection and no database, and goes on with the session (DESIGN §6).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Test::More;

use Fixture::Backends;
use Fixture::Child;
use Fixture::Session;

# Prints what it inherited beyond the standard streams, and the session.
my $AFTER = <<'PERL';
    use Apache::Session::Memorycached;
    my ( $server, $id ) = @ARGV;
    my @inherited = grep { defined } map { readlink "/proc/self/fd/$_" } 3 .. 63;
    print 'inherited: ', join( ',', grep { /^socket|\.mdb$/ } @inherited ), "\n";
    tie my %session, 'Apache::Session::Memorycached', $id, { servers => [$server] };
    print "found: $session{a}\n";
    $session{after} = 'exec';
    untie %session;
PERL

on_each_backend {
    my ( $arguments, $server ) = @_;
    my ($address) = @{ $arguments->{servers} };

    for my $saved ( 0, 1 ) {
        subtest $saved ? 'with a session that was saved' : 'with changes that were not saved' => sub {
            my $id   = create( $arguments, a => 1 );
            my $code = <<'PERL';
                use Apache::Session::Memorycached;
                my ( $after, $server, $id, $saved, @library ) = @ARGV;
                tie our %session, 'Apache::Session::Memorycached', $id, { servers => [$server] };
                $session{a} = 2;
                tied(%session)->save if $saved;
                exec $^X, @library, '-e', $after, '--', $server, $id or die "exec: $!";
PERL
            my @library = map { "-I$_" } grep { !ref } @INC;
            my $said    = in_perl( $code, $AFTER, $address, $id, $saved, @library )->finish;
            my $value   = $saved ? 2 : 1;
            is $said, "inherited: \nfound: $value\n", 'the next program inherits nothing, and finds what was saved';
            is_deeply contents( $arguments, $id ), { _session_id => $id, a => $value, after => 'exec' }, 'and saves';
        };
    }
};

done_testing;
