package Fixture::Corpus::Outcome;

# What comes of a call: what it returns or dies of, what it warns of, and what
# it called on its way.
#
#     my $outcome = outcome { thaw($image) };
#     $outcome->{value};        # what was returned, if it did not die
#     $outcome->{died};         # what it died of, or undef
#     is told($outcome), told( outcome { Storable::thaw($image) } );
#
# The hooks and ties of the corpus call `event` with a line of text, so that it
# shows which of them ran, in which order and with which arguments. Places in
# the source and addresses differ from call to call, and are left out.

use strict;
use warnings;

use Exporter qw(import);
use Fixture::Corpus::Newer;
use Fixture::Corpus::Portrait qw(portrait);

our @EXPORT_OK = qw(outcome told event);

my $kinds_are_named = Fixture::Corpus::Newer::names_kinds();
my @events;

sub event {
    push @events, @_;
    return;
}

sub outcome (&) {
    my ($call) = @_;
    @events = ();
    local $SIG{__WARN__} = sub { event( 'warns: ' . plain( $_[0] ) ) };
    local $@;
    my $value;
    my $lived = eval { $value = $call->(); 1 };
    return {
        value  => $value,
        died   => $lived ? undef : ref $@ ? $@ : plain($@),
        events => [@events],
    };
}

# The outcome as text. Of the value of a call that makes an image nothing is
# said: images are compared as they are.
sub told {
    my ( $outcome, $image ) = @_;
    my $died = $outcome->{died};
    return join "\n", @{ $outcome->{events} },
      ref $died       ? 'dies of ' . portrait($died)
      : defined $died ? "dies: $died"
      : $image        ? 'returns an image'
      :                 portrait( $outcome->{value} );
}

sub plain {
    my ($message) = @_;
    $message =~ s/,? at (?:\S+|\(eval \d+\)) line \d+.*//s;
    $message =~ s/,?\n\z//;
    $message =~ s/0x[0-9a-f]+/0x.../g;
    $message =~ s/^Unexpected object type \(\K.*/...)/s if $kinds_are_named;
    return $message;
}

1;
