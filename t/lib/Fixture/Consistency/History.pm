package Fixture::Consistency::History;

# What the workers did: written while it happens, one file for each, line by line,
# so that a worker which is killed leaves all it has begun; and read again.
#
#     my $log = Fixture::Consistency::History->writer("$dir/3");
#     $log->( open => 17, $id, 'plain' );
#     my $history = Fixture::Consistency::History->read( glob "$dir/*" );
#     $history->requests    # in the order in which they were begun
#     $history->evictions   # [ from, to ] of each time at which all was lost
#
# A line is the time by the monotonic clock, what happens, the number of the request,
# and more. Each step of a request is two lines: it begins, it has ended.
#
#     open N ID|- plain|transaction           opened N ok|missing|failed ID KEY=NAME…
#     save N KEY=NAME…                        saved N ok|dropped|failed|unknown TEXT
#     delete N                                deleted N ok|unknown TEXT
#     move N KEY=NAME…                        moved N ok|failed|unknown NEW
#     fault KIND                              over KIND
#     stats KEY=NUMBER…
#
# `failed` is certain: nothing was done. `unknown` may have been done, or may still
# be done later. The last line that is missing is `unknown`, too.
#
# A request, read:
#     name         worker.number
#     id, mode     as in `open`; the id of a new session is the one that it got
#     is_new       it made the session
#     is_of        what the session says of its id
#     seen         { KEY => NAME }, where it was opened and there was a session
#     patch        { KEY => NAME }, what it set out to save; a move may save, too
#     opening, saving, deleting, moving    { from, to, outcome, text }; `to` is
#                  infinite where the outcome is unknown
#     new          the id that it moved to
#     last         when it was last heard of

use strict;
use warnings;

use Fcntl       qw(O_WRONLY O_CREAT O_APPEND);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my $NEVER = 9**9**9;
my %STEP  = (
    open   => 'opened',
    save   => 'saved',
    delete => 'deleted',
    move   => 'moved',
);
my %GERUND = ( open => 'opening', save => 'saving', delete => 'deleting', move => 'moving' );
my %BEGIN  = reverse %STEP;

sub now { return clock_gettime(CLOCK_MONOTONIC) }

sub writer {
    my ( $class, $file ) = @_;
    sysopen my $handle, $file, O_WRONLY | O_CREAT | O_APPEND or die "$file: $!";
    return sub {
        my ( $what, @rest ) = @_;
        s/\s+/ /g for @rest;
        my $line = sprintf "%.6f %s\n", now(), join ' ', $what, @rest;
        ( syswrite( $handle, $line ) // 0 ) == length $line or die "$file: $!";
        return;
    };
}

sub read {    ## no critic (the counterpart of `writer`)
    my ( $class, @files ) = @_;
    my %lines;
    for my $file (@files) {
        open my $handle, '<', $file or die "$file: $!";
        my ($worker) = $file =~ m{([^/]+)\z};
        $lines{$worker} = [<$handle>];
    }
    return $class->parse(%lines);
}

sub parse {
    my ( $class, %lines ) = @_;
    my $self = bless { requests => [], faults => [], stats => {} }, $class;
    for my $worker ( sort keys %lines ) {
        my %request;
        for my $line ( @{ $lines{$worker} } ) {
            my ( $time, $what, @rest ) = split ' ', $line;
            if ( $what eq 'stats' ) {
                $self->{stats}{$worker} = { map { split /=/ } @rest };
            }
            elsif ( $what eq 'fault' ) { push @{ $self->{faults} }, { kind => $rest[0], from => $time, to => $NEVER } }
            elsif ( $what eq 'over' )  { $self->{faults}[-1]{to} = $time }
            else {
                my $number  = shift @rest;
                my $request = $request{$number} //= { name => "$worker.$number", worker => $worker };
                note_step( $request, $time, $what, @rest );
                $request->{last} = $time;
            }
        }
        push @{ $self->{requests} }, values %request;
    }
    @{ $self->{requests} } = sort { $a->{opening}{from} <=> $b->{opening}{from} } @{ $self->{requests} };
    @{ $self->{faults} }   = sort { $a->{from}          <=> $b->{from} } @{ $self->{faults} };
    return $self;
}

sub note_step {
    my ( $request, $time, $what, @rest ) = @_;
    if ( $STEP{$what} ) {
        $request->{ $GERUND{$what} } = { from => $time, to => $NEVER, outcome => 'unknown', text => '' };
        @$request{qw(id mode is_new)} = ( @rest, $rest[0] eq '-' ) if $what eq 'open';
        if ( $what eq 'save' || $what eq 'move' && @rest ) {
            $request->{patch}  = pairs(@rest);
            $request->{saving} = $request->{ $GERUND{$what} };
        }
        return;
    }
    my $begin = $BEGIN{$what} or die "a line that says $what";
    my $step  = $request->{ $GERUND{$begin} };
    $step->{outcome} = shift @rest;
    $step->{to}      = $time if $step->{outcome} ne 'unknown';
    if    ( $step->{outcome} ne 'ok' ) { $step->{text} = "@rest" }
    elsif ( $what eq 'opened' ) {
        $request->{is_of} = shift @rest;
        $request->{id}    = $request->{is_of} if $request->{is_new};
        $request->{seen}  = pairs(@rest);
    }
    elsif ( $what eq 'moved' ) { $request->{new} = $rest[0] }
    return;
}

sub pairs {
    return { map { split /=/, $_, 2 } @_ };
}

sub requests { return @{ $_[0]{requests} } }
sub faults   { return @{ $_[0]{faults} } }
sub stats    { return $_[0]{stats} }

sub evictions {
    my ($self) = @_;
    return map { [ @$_{qw(from to)} ] } grep { $_->{kind} =~ /^(?:restart|flush)\z/ } $self->faults;
}

1;
