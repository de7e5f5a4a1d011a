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
NOTE
$topic->print;
