# The value of a placeholder in a restricted hash means nothing and was freed as soon as it was read. A hostile image can
# refer back to it: that was a use of freed memory. The same for the value of a key whose UTF-8 is refused.
use strict;
use warnings;

use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Apache::Session::Memorycached ();

use constant {
    HEADER      => "\x05\x0b", OBJECT => "\x00", SCALAR => "\x0a", FLAG_HASH => "\x19", UTF8 => 1,
    PLACEHOLDER => 16
};

sub string { return SCALAR . chr( length $_[0] ) . $_[0] }
sub key    { my ( $flags, $key ) = @_; return chr($flags) . pack( 'N', length $key ) . $key }

sub thaw { return Apache::Session::Memorycached::Storable::thaw( HEADER . shift ) }

my $restricted = 1;
my $entry      = string('the value of a placeholder') . key( PLACEHOLDER, 'a' );
my $back       = OBJECT . pack( 'N', 1 ) . key( 0, 'b' );

my $hash = thaw( FLAG_HASH . chr($restricted) . pack( 'N', 2 ) . $entry . $back );
is $hash->{b}, 'the value of a placeholder', 'a back reference to what a placeholder held';
is_deeply [ keys %$hash ], ['b'], 'the placeholder is not a key';

for my $times ( 1 .. 50 ) {
    my $bad = string( 'x' x 40 ) . key( UTF8, "\xff\xfe" );
    is eval { thaw( FLAG_HASH . chr(0) . pack( 'N', 2 ) . $bad . $back ); 1 }, undef, "refused, round $times" or last;
}
like $@, qr/\Anot a Storable value at byte \d+: expected a hash key in UTF-8/, 'says why';

done_testing;
