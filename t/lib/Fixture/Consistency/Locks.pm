package Fixture::Consistency::Locks;

# One transaction at a time has a session.
#
#     my @faults = Fixture::Consistency::Locks::faults($checker);
#
# A lock is certainly held from the time when it was acknowledged until its holder begins to
# save, and for one second less than `lock_ttl` at most, whatever becomes of the holder.

use strict;
use warnings;

sub faults {
    my ($checker) = @_;
    my ( @faults, %last );
    my @holders = sort { $a->{opening}{to} <=> $b->{opening}{to} }
      grep { $_->{mode} eq 'transaction' && $_->{seen} } $checker->requests;
    for my $holder (@holders) {
        my $until = $holder->{opening}{from} + $checker->{lock_ttl} - 1;
        for my $end ( grep { $_ } @$holder{qw(saving deleting moving)} ) {
            $until = $end->{from} if $end->{from} < $until;
        }
        next if $until < $holder->{opening}{to};

        my $last = $last{ $holder->{id} };
        if (   $last
            && $holder->{opening}{to} < $last->{until}
            && !$checker->evicted( $last->{holder}{opening}{from}, $holder->{opening}{to} ) )
        {
            push @faults, "lock: $holder->{name} has $holder->{id} while $last->{holder}{name} has it";
        }
        $last{ $holder->{id} } = { holder => $holder, until => $until } if !$last || $until > $last->{until};
    }
    return @faults;
}

1;
