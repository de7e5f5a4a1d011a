# An address may be an object that overloads its text, by a sub that drops the list that it stands in: what was read from
# there later had been freed.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog;
use Fixture::Needs 'memcached';
use Test::More;

use Fixture::Memcached;
use Fixture::Session qw(create contents);

package Address {
    use overload '""' => sub { $_[0]{meddle}->(); return $_[0]{address} };
}

my $server = Fixture::Memcached->start;
my $id     = create( { servers => [ $server->address ] }, a => 1 );

sub address {
    my ($meddle) = @_;
    return bless { address => $server->address, meddle => $meddle }, 'Address';
}

for my $n ( 1 .. 50 ) {
    my %arguments;
    my @meddlers = (
        [ 'the arguments' => sub { %arguments = () } ],
        [ 'the list' => sub { $arguments{servers} = undef } ],
        [
            'its elements' => sub {
                @{ $arguments{servers} // [] } = map { "x$_" } 1 .. 5;
            }
        ],
        [ 'the pair' => sub { @{ $arguments{servers}[0] } = () if ref $arguments{servers} } ],
        [ 'the whole pair' => sub { $arguments{servers}[0] = 'x' x 50 if ref $arguments{servers} } ],
    );
    for my $meddler (@meddlers) {
        my ( $name, $meddle ) = @$meddler;
        for my $list (
            [ address($meddle) ], [ [ address($meddle), 2 ] ],
            [ { address => address($meddle), weight => 1 } ]
          )
        {
            %arguments = ( servers => $list );
            undef $list;
            eval { contents( \%arguments, $id ) };
        }
    }
}
pass 'nothing has broken';
is contents( { servers => [ address( sub { } ) ] }, $id )->{a}, 1, 'an object is as good as its text';

done_testing;
