package Fixture::Consistency::Register;

# Each key of each session is an atomic register: there is an order of all saves and
# readings, in keeping with the times at which they were asked for and acknowledged, in
# which each reading finds the last value before it. Where there is none, an acknowledged
# change was lost, or an old value came back.
#
#     my @faults = Fixture::Consistency::Register::faults($checker);
#
# As each value names its write, this can be decided without trying orders. A value with
# all its readings is a cluster; its zone lies between the first end of any of them and
# the last begin. Where the first end comes first, the register certainly has that value
# all through the zone; else everything may have happened at one moment within it. No two
# zones of the first kind may overlap, and none of the second kind may lie inside one of
# the first. (P. B. Gibbons, E. Korach: Testing shared memories, 1997, section 4.)
#
# Between two evictions, a register may begin with a value of before: that of the request
# which wrote the session anew. There is one such value at most, and it comes before all
# that is saved then. A session that moves keeps its registers.

use strict;
use warnings;

use Fixture::Consistency::Value qw(@KEYS);

my $NEVER = 9**9**9;

sub faults {
    my ($checker) = @_;
    my @bounds = ( [ -$NEVER, -$NEVER ], @{ $checker->{evictions} }, [ $NEVER, $NEVER ] );
    return map { epoch( $checker, $bounds[ $_ - 1 ], $bounds[$_] ) } 1 .. $#bounds;
}

# All between two evictions; what happened during one of them may belong here.
sub epoch {
    my ( $checker, $before, $after ) = @_;
    my $inside = sub { $_[0]{from} > $before->[1] && $_[0]{to} < $after->[0] };
    my %moved_here;
    for my $request ( $checker->requests ) {
        $moved_here{ $request->{new} } = $request->{id} if $request->{new} && $inside->( $request->{moving} );
    }
    my %group;
    for my $request ( $checker->requests ) {
        my ( $id, %passed ) = $request->{id};
        while ( defined $moved_here{$id} && !$passed{$id}++ ) { $id = $moved_here{$id} }
        my $group = $group{$id} //= { id => $id, reads => [], saves => [], since => $before->[0], first => $NEVER };

        push @{ $group->{reads} }, $request if $request->{seen} && $inside->( $request->{opening} );
        $group->{made} = $request->{opening} if $request->{is_new} && $inside->( $request->{opening} );

        my $saving = $request->{saving};
        next if !Fixture::Consistency::Checker::is_possible($request);
        next if $saving->{to} < $before->[0] || $saving->{from} > $after->[1];
        my $is_sure = Fixture::Consistency::Checker::is_done($request) && $inside->($saving);
        push @{ $group->{saves} }, [ $request, $is_sure ];
        $group->{first} = $saving->{to} if $is_sure && $saving->{to} < $group->{first};
    }
    return map { registers( $group{$_} ) } sort keys %group;
}

sub registers {
    my ($group) = @_;
    my @faults;
    for my $key ( @KEYS, 'n' ) {
        my $clusters = clusters( $group, $key );
        my @old      = sort grep { $clusters->{$_}{is_old} } keys %$clusters;
        push @faults, "register: $key of $group->{id} came back as @old" if @old > 1;
        push @faults, map { "register: $key of $group->{id}: $_" } zones( values %$clusters );
    }
    return @faults;
}

# What was written and what was read, by value.
sub clusters {
    my ( $group, $key ) = @_;
    my %cluster;
    for my $save ( @{ $group->{saves} } ) {
        my ( $request, $is_sure ) = @$save;
        my $name = $request->{patch}{$key} // next;
        my ( $from, $to ) = @{ $request->{saving} }{qw(from to)};

        # It may have happened before the eviction, too, and have come back.
        if ( $from < $group->{since} ) {
            $from = $group->{since};
            $to   = $group->{first} if $to < $group->{first};
        }
        $cluster{$name} = { name => $name, begin => $from, end => $to, last => '', is_sure => $is_sure };
    }
    for my $read ( @{ $group->{reads} } ) {
        my $name    = $read->{seen}{$key} // '';
        my $cluster = $cluster{$name} //= beginning( $group, $name );
        my ( $from, $to ) = @{ $read->{opening} }{qw(from to)};
        @$cluster{qw(begin last)} = ( $from, $read->{name} ) if $from > $cluster->{begin};
        $cluster->{end}           = $to                      if $to < $cluster->{end};
        $cluster->{is_sure}       = 1;
    }
    delete @cluster{ grep { !$cluster{$_}{is_sure} } keys %cluster };
    return \%cluster;
}

# What a register had when the session was made, or brought back.
sub beginning {
    my ( $group, $name ) = @_;
    my %cluster = ( name => $name eq '' ? 'nothing' : $name, last => '' );
    return { %cluster, begin => $group->{made}{from}, end => $group->{made}{to} } if $group->{made};
    return { %cluster, begin => $group->{since}, end => $group->{first}, is_old => 1 };
}

sub zones {
    my (@clusters) = @_;
    my @lasting = sort { $a->{end} <=> $b->{end} } grep { $_->{end} < $_->{begin} } @clusters;
    my @faults;
    for my $n ( 1 .. $#lasting ) {
        my ( $one, $next ) = @lasting[ $n - 1, $n ];
        next if $next->{end} >= $one->{begin};
        push @faults, sprintf '%s is read by %s at %.6f, though %s had replaced it, or the other way round',
          $one->{name}, $one->{last}, $one->{begin}, $next->{name};
    }
    for my $short ( grep { $_->{end} >= $_->{begin} } @clusters ) {
        my $around = last_before( \@lasting, $short->{begin} ) or next;
        next if $around->{begin} <= $short->{end};
        push @faults, sprintf '%s is lost: acknowledged at %.6f, but %s, of before it, is read by %s at %.6f',
          $short->{name}, $short->{end}, $around->{name}, $around->{last}, $around->{begin};
    }
    return @faults;
}

# The last of some zones that ends before a time; by halving.
sub last_before {
    my ( $zones, $time ) = @_;
    my ( $low,   $high ) = ( 0, scalar @$zones );
    while ( $low < $high ) {
        my $middle = int( ( $low + $high ) / 2 );
        if   ( $zones->[$middle]{end} < $time ) { $low  = $middle + 1 }
        else                                    { $high = $middle }
    }
    return $low ? $zones->[ $low - 1 ] : undef;
}

1;
