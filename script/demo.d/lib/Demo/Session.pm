package Demo::Session;

# The part to read first: how the demo ties a session, counts a visit in it, and ends it.
#
# Which store to use stands in the server's configuration (PerlSetVar DemoServers), the rest of the arguments here.

use 5.020;
use strict;
use warnings;

use Apache::Session::Memorycached;
use POSIX       qw(strftime);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

our $LIFETIME = 3600;    # seconds; each save renews it
our $RECENT   = 5;       # how many visits are remembered by their time

# Keys that the application itself writes. A visitor sees them, and can't set or delete them.
our %OWN = map { $_ => 1 } qw(_session_id visits first_visit recent_visits);

# The session that the cookie's id names: a reference to the tied hash, or nothing when there is none. What a
# visitor sends is never adopted as the id of a new session (session fixation), so a missing session has to be an
# error here, and not the empty hash that `missing => 'empty'` gives.
sub existing {
    my ( $id, @servers ) = @_;
    return if !defined $id;

    my %session;
    return \%session if eval { tie %session, 'Apache::Session::Memorycached', $id, arguments(@servers) };
    return           if $@ =~ /^(?:Object does not exist|Invalid session ID)/;
    die $@;
}

sub create {
    my (@servers) = @_;
    tie my %session, 'Apache::Session::Memorycached', undef, arguments(@servers);
    return \%session;
}

# Nothing is assigned to $session->{recent_visits} after the first visit: the change is below it, and is saved all
# the same.
sub count_visit {
    my ($session) = @_;
    my @now = gmtime;

    $session->{visits}++;
    $session->{first_visit}   ||= strftime( '%Y-%m-%d %H:%M UTC', @now );
    $session->{recent_visits} ||= [];

    my $recent = $session->{recent_visits};
    unshift @$recent, strftime( '%H:%M:%S', @now );
    pop @$recent while @$recent > $RECENT;
    return;
}

# save and delete are called by name, where untie would do, because an error in untie could only be a warning.
sub save { return tied( %{ $_[0] } )->save }
sub end  { return tied( %{ $_[0] } )->delete }

# Runs the code; gives its value and the microseconds that it took.
sub timed {
    my ($code)   = @_;
    my $start    = clock_gettime(CLOCK_MONOTONIC);
    my $value    = $code->();
    my $duration = clock_gettime(CLOCK_MONOTONIC) - $start;
    return ( $value, $duration * 1_000_000 );
}

sub arguments {
    my (@servers) = @_;
    return { servers => \@servers, timeout => $LIFETIME, missing => 'die' };
}

1;
