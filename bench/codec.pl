# Sessions to bytes and back, held against Storable and Sereal (DESIGN §9).

use strict;
use warnings;
use lib 'bench/lib', 't/lib';

use Apache::Session::Memorycached;
use Bench::Data qw(shapes);
use Bench::Measure;
use Bench::Topic;
use Sereal::Decoder qw(sereal_decode_with_object);
use Sereal::Encoder qw(sereal_encode_with_object);
use Storable        ();

my $measure = Bench::Measure->from_arguments(@ARGV);
my $topic   = Bench::Topic->new('Freezing and thawing, against Storable and Sereal');
my $encoder = Sereal::Encoder->new;
my $decoder = Sereal::Decoder->new;

for my $shape (shapes) {
    my $data  = $shape->{data};
    my $image = Storable::nfreeze($data);
    die "$shape->{name}: the bytes differ from Storable's\n"
      if Apache::Session::Memorycached::Storable::nfreeze($data) ne $image;

    my $ours = sub { Apache::Session::Memorycached::Storable::nfreeze($data) for 1 .. $_[0] };
    compare( "nfreeze: $shape->{name}", Storable => $ours, sub { Storable::nfreeze($data) for 1 .. $_[0] }, 4 );
    compare(
        "nfreeze: $shape->{name}",
        Sereal => $ours,
        sub { sereal_encode_with_object( $encoder, $data ) for 1 .. $_[0] },
        1
    );
}
for my $shape (shapes) {
    my $image   = Storable::nfreeze( $shape->{data} );
    my $encoded = $encoder->encode( $shape->{data} );

    my $ours = sub { Apache::Session::Memorycached::Storable::thaw($image) for 1 .. $_[0] };
    compare( "thaw: $shape->{name}", Storable => $ours, sub { Storable::thaw($image) for 1 .. $_[0] }, 2 );
    compare(
        "thaw: $shape->{name}",
        Sereal => $ours,
        sub { sereal_decode_with_object( $decoder, $encoded ) for 1 .. $_[0] },
        1
    );
}

sub compare {
    my ( $what, $peer, $ours, $theirs, $at_least ) = @_;
    $topic->row( $what, $peer, $measure->compare( cpu => $ours, $theirs ), at_least => $at_least );
    return;
}

$topic->note(<<'NOTE');
CPU time. Blocks of 4 ms, taking turns; the ratio is how many times as fast ours is. Freezing gives the same bytes as
Storable, in its hash order, which is made sure of before. Sereal is used with its defaults and in its fastest way: its
functions, on objects that are kept. Thawing includes freeing what was thawed, the same work for all three.

What bounds thawing, in instructions as callgrind counts them. A login takes 84,000 of them with us and 116,000 with
Storable. 25,000 are perl's, to free the result. Of the 59,000 that making it takes, some 38,000 are perl's and
malloc's, too: keys are hashed and looked up in perl's table of keys, and each string is a head, a body and a buffer. That
alone is more than half of Storable's total, so twice its speed is out of reach while each value becomes a value of perl's.
The tree is much the same: 194,000 to free and 278,000 of perl's to make, of 757,000 in all; Storable takes 1,060,000.
A session that is tied does not pay this: its values are made when they are asked for.

100 KB of text are one copy of memory, for Storable and Sereal as for us: 98 % of the instructions of freezing it and 97.5 %
of those of thawing it are memcpy's, so there is next to nothing left to be faster with.
NOTE
$topic->print;
