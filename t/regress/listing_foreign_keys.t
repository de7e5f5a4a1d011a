# memcached takes any bytes in a key that another client sends in base64. A listing put them into its own commands as they
# were: a blank in one ended the listing, and a line end in one had the server carry out what stood behind it.
use strict;
use warnings;

use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs 'memcached';
use Test::More;

use MIME::Base64 qw(encode_base64);
use Fixture::Memcached;
use Fixture::Session;

use Apache::Session::Memorycached::Client ();

my $server    = Fixture::Memcached->start;
my $arguments = { servers => [ $server->address ] };
my $id        = create( $arguments, n => 1 );

for my $key ( 'two words', "line\r\nmd $id\r\n", "bell\a", "line\nflush_all\n" ) {
    is $server->command( 'ms ' . encode_base64( $key, '' ) . ' 1 b F1', 'x' ), 'HD', 'another client stores it';
}

my @seen;
my $counted = Apache::Session::Memorycached->for_each_session( $arguments, ['n'], sub { push @seen, $_[1] } );
is_deeply \@seen, [$id], 'the session is listed, and nothing else';
is $counted->{others}, 4, 'the other items are counted';
ok $server->item($id), 'nothing was deleted';

my @keys;
Apache::Session::Memorycached::Client->new($arguments)->each_key( '', sub { push @keys, $_[0] } );
is_deeply \@keys, [$id], 'the same for the keys of a client';
ok $server->item($id), 'nothing was deleted';

done_testing;
