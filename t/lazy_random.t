# Whatever is done to a session, in whatever order, and whatever another request
# does meanwhile: a lazy session and one that is made as a whole behave alike
# and leave the same in the store. The random numbers are the same in each run.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 240;
use Fixture::Needs 'memcached';
use Test::More;

use Data::Dumper ();
use Storable     ();
use Fixture::Memcached;
use Fixture::Session;
use Fixture::Slot;

local $Data::Dumper::Sortkeys = 1;
local $Data::Dumper::Indent   = 1;

my $server = Fixture::Memcached->start;
my @keys   = ( map( { "key$_" } 1 .. 12 ), "caf\x{e9}", "\x{263a}", '', '17', 'name', 'name_MD5' );

# A generator of our own, so that perl's version makes no difference.
my $state;

sub roll {
    my ($sides) = @_;
    $state = ( $state * 1_103_515_245 + 12_345 ) % 2**31;
    return int( $state / 65_536 ) % $sides;
}
sub pick { return $_[ roll( scalar @_ ) ] }

sub value {
    my ($depth) = @_;
    my $kind = roll( $depth > 3 ? 9 : 14 );
    return
        $kind == 0  ? undef
      : $kind == 1  ? ''
      : $kind == 2  ? roll(300) - 150
      : $kind == 3  ? 2**31 + roll(1000)
      : $kind == 4  ? roll(1000) / 8
      : $kind == 5  ? "text " . roll(1000)
      : $kind == 6  ? "\x{263a} " . roll(1000)
      : $kind == 7  ? 'long ' x ( 50 + roll(50) )
      : $kind == 8  ? "\xe9\0" . roll(1000)
      : $kind <= 10 ? [ map { value( $depth + 1 ) } 1 .. roll(4) ]
      : $kind <= 12 ? { map { ( pick(@keys) => value( $depth + 1 ) ) } 1 .. roll(4) }
      :               \value( $depth + 1 );
}

sub dumped { return Data::Dumper::Dumper(@_) }

# Each takes the session and what was rolled for it, and returns what it saw.
my %operations = (
    fetch  => sub { my ( $session, $key ) = @_; return $session->{$key} },
    exists => sub { my ( $session, $key ) = @_; return exists $session->{$key} },
    store  => sub { my ( $session, $key, $value ) = @_; $session->{$key} = $value; return },
    delete => sub { my ( $session, $key ) = @_; return delete $session->{$key} },
    below  => sub {
        my ( $session, $key, $value ) = @_;
        my $found = $session->{$key};
        push @$found, $value if ref $found eq 'ARRAY';
        $found->{below} = $value if ref $found eq 'HASH';
        return $found;
    },
    share  => sub { my ( $session, $key ) = @_; $session->{shared} = $session->{$key}; return },
    twice  => sub { my ( $session, $key, $value ) = @_; $session->{$key} = [ $value, $session->{$key} ]; return },
    keys   => sub { return sort keys %{ $_[0] } },
    data   => sub { return tied( %{ $_[0] } )->{data} },
    clear  => sub { %{ $_[0] } = ();          return },
    save   => sub { tied( %{ $_[0] } )->save; return },
    object =>
      sub { my ( $session, $key, $value ) = @_; $session->{$key} = bless { x => $value }, 'Some::Class'; return },
    moved  => sub { return length tied( %{ $_[0] } )->regenerate_id },
    number => sub {
        my ( $session, $key ) = @_;
        no warnings;
        my $x = 0 + ( $session->{$key} // 0 ) if !ref $session->{$key};
        return;
    },
);
my @often = ( (qw(fetch exists store delete below)) x 6, qw(share twice save save) );
my @all   = ( @often, sort keys %operations );

sub died { return 'died: ' . $@ =~ s/ at t\/.*//sr }

# How long an image is. What a hash says of keys that it had once makes no difference.
sub size {
    my ( $image, $keys ) = @_;
    return length($image) - ( substr( $image, 2, 1 ) eq "\x19" ? 1 + $keys : 0 );
}

# Runs one history on a session; all that could be seen, and what is stored.
sub history {
    my ( $arguments, $is_whole, $seed, $operations ) = @_;
    $state = $seed;
    my %content = map { ( $_ => value(0) ) } grep { roll(3) } @keys;
    my $id      = create( $arguments, %content );
    my ( @seen, @warnings );
    local $SIG{__WARN__} = sub { push @warnings, $_[0] =~ s/ at .*//sr };
    tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
    my $lazy = is_lazy( \%session );
    whole( \%session ) if $is_whole;
    my $others = roll(2);
    change(
        { servers => $arguments->{servers} },
        $id, sub { my ($other) = @_; $other->{ pick(@keys) } = value(0) for 1 .. 3; delete $other->{ pick(@keys) } }
    ) if $others && !$arguments->{Transaction};

    for ( 1 .. 1 + roll(8) ) {
        my ( $name, $key, $value ) = ( pick(@$operations), pick(@keys), value(0) );
        push @seen, $name, eval { dumped( $operations{$name}->( \%session, $key, $value ) ) } // died();
    }
    my $ended = is_lazy( \%session );
    push @seen, eval { tied(%session)->save; 1 } ? 'saved' : died();
    my $last      = $session{_session_id};
    my $conflicts = tied(%session)->conflicts;
    $_ = [ sort @$_ ] for grep { ref eq 'ARRAY' } ref $conflicts eq 'HASH' ? values %$conflicts : ();
    eval { untie %session };
    my $item   = $server->item($last);
    my $stored = $item && Storable::thaw( $item->{value} );
    my $size   = $item && size( $item->{value}, scalar keys %$stored );
    my $seen   = dumped( \@seen, $conflicts, \@warnings, $stored, $size );

    # Ids, and digests of references, which are those of addresses.
    $seen =~ s/\b[0-9a-f]{32}\b/ID/g;
    return ( $seen, $lazy, $ended );
}

my %arguments = (
    'plain'         => {},
    'a transaction' => { Transaction => 1 },
    'a principal'   => { principal   => 'name' },
    'no merging'    => { conflict    => 'overwrite' },
    'conflicts die' => { conflict    => 'die' },
);

for my $name ( sort keys %arguments ) {
    my $arguments = { servers => [ $server->address ], %{ $arguments{$name} } };
    for my $operations ( \@often, \@all ) {
        my ( $alike, $lazy, $ended ) = ( 0, 0, 0 );
        for my $seed ( 1 .. 150 ) {
            my ( $seen, $is_lazy, $is_still ) = history( $arguments, 0, $seed * 7919, $operations );
            my ($expected) = history( $arguments, 1, $seed * 7919, $operations );
            $lazy  += $is_lazy;
            $ended += $is_still;
            if ( $seen eq $expected ) {
                $alike++;
                next;
            }
            is $seen, $expected, "$name: history $seed";
            last;
        }
        is $alike, 150, "$name: all histories are alike";
        is $lazy,  150, "$name: and all of the sessions were lazy at first";
        cmp_ok $ended, '>', $operations == \@often ? 75 : 20, "$name: many also in the end";
    }
}

done_testing;
