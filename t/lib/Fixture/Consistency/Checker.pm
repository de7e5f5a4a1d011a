package Fixture::Consistency::Checker;

# Proves that a history is one that the store may have, or says what is wrong in it.
#
#     my @faults = Fixture::Consistency::Checker->new($history)->faults;
#
# The store promises this. A session is a map from keys to values, and passes from one
# state to the next in single steps:
#
#   a save     puts the keys that the request has changed into the state of that moment, and
#              leaves the others; of two that change one key, the later step wins
#   a transaction  is a save onto the very state that it has read, or none
#   a logout   ends the session for good: for 300 s it can't be read, and saves are
#              dropped, with a warning
#   a move     gives the state of that moment to another id, with what the request has changed, and
#              ends the old one
#   an eviction  (restart, flush) makes the server forget all, logouts and locks included;
#              the first request that then saves a session which it has open writes
#              all of it anew, and those that follow save onto that
#
# When a step happens is known by when it was asked for and when it was acknowledged. What
# failed has not happened. What was never acknowledged (a crash, no answer) may have
# happened, or may happen at any later time. Reading is looking at one state.
#
# From that follow the rules, each checked by a sub of its own here, in `Register` and
# in `Locks`. An eviction excuses what it explains, and nothing else does. All that is
# reported is certain; what could have been right in some order is not reported.

use strict;
use warnings;

use List::Util qw(max);

use Fixture::Consistency::Locks    ();
use Fixture::Consistency::Register ();

my $TOMBSTONE = 300;

# What a request may die of where nobody harms the server.
my $ORDINARY = qr/^(?:
    session\ \w+:\ is\ locked
  | session\ \w+:\ was\ locked\ for
  | session\ \w+:\ another\ request\ saved\ it
  | session\ \w+:\ other\ requests\ saved\ it\ before\ us
  | regenerate_id:\ there\ is\ no\ such\ session
)/x;

# Options: `lock_ttl` of the workers, `expected`: other errors that may be met.
sub new {
    my ( $class, $history, %option ) = @_;
    my $self = bless {
        lock_ttl => 60,
        expected => qr/(?!)/,
        %option,
        requests  => [ $history->requests ],
        evictions => [ $history->evictions ],
    }, $class;
    $self->{by_name} = { map { $_->{name} => $_ } $self->requests };
    $self->{origin}  = { map { $_->{new}  => $_ } grep { $_->{new} } $self->requests };
    return $self;
}

sub faults {
    my ($self) = @_;
    return (
        $self->errors,         $self->values_seen, $self->halves, $self->ends,
        $self->disappearances, $self->counters,
        Fixture::Consistency::Register::faults($self),
        Fixture::Consistency::Locks::faults($self),
    );
}

sub requests { return @{ $_[0]{requests} } }

# Whether an eviction may have happened between two times.
sub evicted {
    my ( $self, $from, $to ) = @_;
    return scalar grep { $_->[0] <= $to && $_->[1] >= $from } @{ $self->{evictions} };
}

# The request that a value names.
sub writer_of {
    my ( $self, $name ) = @_;
    my ($request) = $name =~ /^(\d+\.\d+)/ or return;
    return $self->{by_name}{$request};
}

# The id under which a session began.
sub root {
    my ( $self, $id ) = @_;
    my %passed;
    while ( my $move = $self->{origin}{$id} ) {
        last if $passed{$id}++;
        $id = $move->{id};
    }
    return $id;
}

# The saves that have certainly happened, and those that may have.
sub is_done     { return $_[0]{saving} && $_[0]{saving}{outcome} eq 'ok' }
sub is_possible { return $_[0]{saving} && $_[0]{saving}{outcome} =~ /^(?:ok|unknown)\z/ }

# Nothing dies of what it should not.
sub errors {
    my ($self) = @_;
    my @faults;
    for my $request ( $self->requests ) {
        my %steps = map { $_ => $_ } grep { $_ } @$request{qw(opening saving deleting moving)};
        for my $step ( values %steps ) {
            next if $step->{text} eq '' || $step->{text} =~ /$ORDINARY|$self->{expected}/;
            push @faults, "error: $request->{name} on $request->{id}: $step->{text}";
        }
    }
    return @faults;
}

# A value that is read is whole, was written to this key of this session, by a save that
# had begun and was not refused.
sub values_seen {
    my ($self) = @_;
    my @faults;
    for my $reader ( grep { $_->{seen} } $self->requests ) {
        my $who = "$reader->{name} reads";
        push @faults, "mixed: $who $reader->{id} and finds the session $reader->{is_of}"
          if $reader->{is_of} ne $reader->{id};
        for my $key ( sort keys %{ $reader->{seen} } ) {
            my $name   = $reader->{seen}{$key};
            my $what   = "$who $key of $reader->{id}: $name";
            my $writer = $self->writer_of($name);
            my $why =
                $name =~ /^!/                                                              ? 'damaged'
              : !$writer || !$writer->{patch} || ( $writer->{patch}{$key} // '' ) ne $name ? 'never written'
              : $self->root( $writer->{id} ) ne $self->root( $reader->{id} ) ? "mixed, it is of $writer->{id}"
              : $writer->{saving}{from} > $reader->{opening}{to}             ? 'not yet written'
              : !is_possible($writer) ? "the save ended as $writer->{saving}{outcome}"
              :                         next;
            push @faults, "value: $what: $why";
        }
    }
    return @faults;
}

# Who sees one key of a save does not see, in another one, what that save has replaced.
sub halves {
    my ($self) = @_;
    my @faults;
    for my $reader ( grep { $_->{seen} } $self->requests ) {
        my $seen = $reader->{seen};
        for my $key ( sort keys %$seen ) {
            my $writer = $self->writer_of( $seen->{$key} ) or next;
            for my $other ( sort keys %{ $writer->{patch} // {} } ) {
                next if ( $seen->{$other} // '' ) ne ( $writer->{seen}{$other} // '' );
                push @faults, "half: $reader->{name} reads $key of $writer->{name}, but $other of before it";
            }
        }
    }
    return @faults;
}

# Nothing returns after a logout or a move.
sub ends {
    my ($self) = @_;
    my @faults;
    my %ends;
    for my $request ( $self->requests ) {
        for my $step ( grep { $_ && $_->{outcome} eq 'ok' } @$request{qw(deleting moving)} ) {
            push @{ $ends{ $request->{id} } }, [ $step, $request ];
        }
    }
    for my $request ( $self->requests ) {
        for my $end ( @{ $ends{ $request->{id} } // [] } ) {
            my ( $step, $by ) = @$end;
            my %after = (
                'is there'     => $request->{seen}  && $request->{opening},
                'can be saved' => is_done($request) && $request->{saving},
                'moves'        => $request->{new}   && $request != $by && $request->{moving},
            );
            for my $what ( sort keys %after ) {
                my $later = $after{$what} or next;
                next
                  if $later->{from} <= ( $what eq 'moves' && $by->{new} ? $step->{from} : $step->{to} )
                  || $later->{to} > $step->{from} + $TOMBSTONE
                  || $self->evicted( $step->{from}, $later->{to} );
                push @faults, "return: $request->{id} $what for $request->{name}, after $by->{name} has ended it";
            }
        }
    }
    return @faults;
}

# A session is gone, or a save is dropped, only after somebody may have ended the session, or
# an eviction.
sub disappearances {
    my ($self) = @_;
    my ( @faults, %born, %first );
    for my $request ( $self->requests ) {
        $born{ $request->{id} }  //= $request->{opening}{from};
        $born{ $request->{new} } //= $request->{moving}{from} if $request->{new};
        for my $step ( grep { $_ && $_->{outcome} ne 'failed' } @$request{qw(deleting moving)} ) {
            my $first = $first{ $request->{id} } //= $step->{from};
            $first{ $request->{id} } = $step->{from} if $step->{from} < $first;
        }
    }
    for my $request ( $self->requests ) {
        my ($gone) = grep { $_ && $_->{outcome} =~ /^(?:missing|dropped)\z/ } @$request{qw(opening saving)};
        next if !$gone || $self->evicted( $born{ $request->{id} }, $gone->{to} );
        next if exists $first{ $request->{id} } && $first{ $request->{id} } <= $gone->{to};
        push @faults, "vanished: $request->{id} is $gone->{outcome} for $request->{name}, but nobody has ended it";
    }
    return @faults;
}

# Of two transactions, one has seen what the other did: no number is handed out twice.
sub counters {
    my ($self) = @_;
    my %is_seen = map { $_ => 1 } grep { defined } map { $_->{seen}{n} } grep { $_->{seen} } $self->requests;
    my ( @faults, %next );
    for my $request ( $self->requests ) {
        my $name = is_possible($request) ? $request->{patch}{n} : undef;
        next if !defined $name || !( is_done($request) || $is_seen{$name} );
        my $before = $request->{seen}{n} // ':0';
        my ($from) = $before =~ /:(\d+)\z/;
        my ($to)   = $name   =~ /:(\d+)\z/;
        push @faults, "counter: $request->{name} makes $to of $from" if $to != $from + 1;
        push @{ $next{ $self->root( $request->{id} ) }{$before} }, $request;
    }
    for my $root ( sort keys %next ) {
        for my $before ( sort keys %{ $next{$root} } ) {
            my ( $first, @others ) = sort { $a->{opening}{from} <=> $b->{opening}{from} } @{ $next{$root}{$before} };
            for my $other (@others) {
                next if $self->evicted( $first->{opening}{from}, max( $first->{last}, $other->{last} ) );
                push @faults, "counter: $first->{name} and $other->{name} both count on from $before in $root";
            }
        }
    }
    return @faults;
}

1;
