# An argument may be an object whose text is a sub's, and that sub may change the arguments: what was still to be read had
# been freed by then. The same for a key of the client that is a pair, whose first part changes the pair.
use strict;
use warnings;

use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use File::Temp ();
use Fixture::Session;

use Apache::Session::Memorycached         ();
use Apache::Session::Memorycached::Client ();

{

    package Evil;
    use overload '""' => sub { $_[0]{change}->(); $_[0]{text} }, fallback => 1;
}

my $dir = File::Temp->newdir;

# Takes the place of what was freed.
sub reuse {
    my @other = map { 'z' x 50 } 1 .. 200;
    return scalar @other;
}

sub evil {
    my (%rest) = @_;
    my $arguments = { servers => ["embedded:$dir/sessions"], %rest };
    $arguments->{namespace} = bless { text => 'evil:', change => sub { %$arguments = (); reuse() } }, 'Evil';
    return $arguments;
}

my %many = ( no_rehash => 0, connect_timeout => 1, io_timeout => 1, compress_threshold => 1_000 );
for my $round ( 1 .. 30 ) {
    my $client = Apache::Session::Memorycached::Client->new( evil( %many, utf8 => 0, readonly => 0 ) );
    my $key    = [ undef, 'key' x 20 ];
    $key->[0] = bless { text => 5, change => sub { @$key = (); reuse() } }, 'Evil';
    ok $client->set( $key, $round ), "round $round: a client" or last;
    is $client->get( 'key' x 20 ), $round, 'the key is what it was' or last;

    my $found = Apache::Session::Memorycached->searchOn( evil( %many, ttl => 60, sliding => 0 ), 'uid', 'dwho' );
    is_deeply $found, {}, 'a search' or last;
}

done_testing;
