# CGI::Session with the driver memcache, as a browser meets it: over requests to
# HTTP::Server::Simple::CGI, and to programs that Apache starts for each.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 180;
use Fixture::Needs qw(CGI CGI::Session memcached);
use Test::More;

use Fixture::ApacheCgi;
use Fixture::Browser;
use Fixture::Child;
use Fixture::Memcached;
use Fixture::SimpleCgi;
use Fixture::Wait;

my %NEEDS = (
    SimpleCgi => ['HTTP::Server::Simple::CGI'],
    ApacheCgi => ['apache2'],
);

sub cookie_of { my ($browser) = @_; return $browser->cookie =~ /CGISESSID=(\w+)/ ? $1 : undef }

sub flows {
    my ($server) = @_;
    my $browser = Fixture::Browser->new( $server->url );

    is $browser->get('/load'),  'empty', 'no cookie, no session';
    is $browser->get('/visit'), 1,       'the first visit makes one';
    my $id = cookie_of($browser);
    like $id, qr/^[0-9a-f]{32}$/, 'its id is in a cookie';
    is $browser->get('/visit'), 2,       "the next one finds it";
    is cookie_of($browser),     $id,     'under the same id';
    is $browser->get('/load'),  'there', 'load does, too';
    $browser->get('/set/colour/red');
    is $browser->get('/show'), "colour red\nvisits 2", 'parameters stay';

    my ( $made, $used ) = split / /, $browser->get('/times');
    ok until_true { ( split / /, $browser->get('/times') )[1] > $used }, 'the time of access goes on';
    is( ( split / /, $browser->get('/times') )[0], $made, 'that of creation does not' );

    my $other = Fixture::Browser->new( $server->url );
    is $other->get('/visit'),  1,   'another browser has another session';
    isnt cookie_of($other),    $id, 'under another id';
    is $browser->get('/find'), join( "\n", sort "$id 2", cookie_of($other) . ' 1' ), 'find finds both';

    my $forger = Fixture::Browser->new( $server->url );
    for my $claimed (
        '0123456789abcdef' x 2, 'nothing', '../../etc/passwd', 'x' x 300, '%0d%0aflush_all%0d%0a', 'a%20b',
        '%00'
      )
    {
        $forger->{cookie} = "CGISESSID=$claimed";
        is $forger->get('/visit'), 1, 'an id that was made up begins anew';
        like cookie_of($forger), qr/^[0-9a-f]{32}$/, 'under one of ours';
        isnt cookie_of($forger), $claimed, 'and not the one claimed';
    }
    is $browser->get('/show'), "colour red\nvisits 2", 'and does no harm';

    $browser->get('/expire/colour/1s');
    ok until_true { $browser->get('/load'); $browser->get('/show') !~ /colour/ or sleep(2) && 0 },
      'a parameter expires';
    is $browser->get('/visit'), 3, 'the others stay';
    $browser->get('/clear');
    is $browser->get('/show'), '',  'clear leaves nothing';
    is cookie_of($browser),    $id, 'of the same session';

    $browser->get('/delete');
    $browser->{cookie} = "CGISESSID=$id";
    is $browser->get('/load'),  'empty', 'delete does not even leave that';
    is $browser->get('/visit'), 1,       'and the next visit';
    isnt cookie_of($browser),   $id,     'is that of a new session';

    $id = cookie_of($browser);
    $browser->get('/expire/1s');
    my $cookie = $browser->cookie;
    like $cookie, qr/expires=/i, 'a session that expires has a cookie that does';
    my $state;
    ok until_true { sleep 2; $browser->{cookie} = "CGISESSID=$id"; ( $state = $browser->get('/load') ) ne 'there' },
      'it goes';
    is $state, 'expired', 'and load says so';
    $browser->{cookie} = "CGISESSID=$id";
    is $browser->get('/load'), 'empty', 'once';
    return;
}

sub at_once {
    my ($server) = @_;
    my @children = map {
        in_fork {
            my $browser = Fixture::Browser->new( $server->url );
            join ' ', map { $browser->get('/visit') } 1 .. 8;
        }
    } 1 .. 4;
    is $_->finish, '1 2 3 4 5 6 7 8', 'four browsers at once do not mix' for @children;
    return;
}

for my $kind (qw(SimpleCgi ApacheCgi)) {
    for my $backend (qw(memcached embedded)) {
        subtest "$kind, $backend" => sub {
            Fixture::Needs->import( @{ $NEEDS{$kind} } );
            my $memcached = $backend eq 'memcached' ? Fixture::Memcached->start : undef;
            my $server    = "Fixture::$kind"->start( $memcached && $memcached->address );
            flows($server);
            at_once($server);
            if ($memcached) {
                my $browser = Fixture::Browser->new( $server->url );
                $browser->get('/visit');
                my $item = $memcached->item( 'sessions:' . cookie_of($browser) );
                is $item->{flags}, 0, 'a session is a plain string';
                like $item->{value}, qr/^\$D = \{/, 'which the serializer made';
                cmp_ok $item->{ttl}, '<=', 600, 'it expires';
                $memcached->crash;
                my ( $status, $text ) = $browser->try('/visit');
                is $status, 500, 'a server that is down is an error' if $kind eq 'ApacheCgi';
                like $text, qr/memcached \S+: can't connect/, 'that says so';
                $memcached->restart;
                is $browser->get('/visit'), 1, 'and when it is back, it goes on';
            }
            diag $server->log if !Test::More->builder->is_passing;
        };
    }
}

done_testing;
