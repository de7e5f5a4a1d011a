package Fixture::Consistency::Worker;

# A process that does random requests on a few sessions, and writes down what it
# does and sees.
#
#     Fixture::Consistency::Worker->new(
#         number => 3, seed => 42, dir => $dir, slots => 3, arguments => \%arguments,
#     )->work($seconds);
#
# Sessions come and go: what stays are slots. A slot is a file with the ids that its
# session had, the last one last. Who finds that there is no session any more makes a
# new one.

use strict;
use warnings;

use Apache::Session::Memorycached ();
use Fixture::Consistency::History;
use Fixture::Consistency::Value qw(put put_nested remove count names @KEYS);

my $CLASS = 'Apache::Session::Memorycached';

# In a thousand requests.
my @MIX = (
    look      => 250,
    look_back => 80,
    change    => 430,
    transact  => 235,
    logout    => 2,
    move      => 1,
    crash     => 1,
);

# What a save can end with that is certain to have changed nothing.
my $REFUSED = qr/^(?:
    session\ \w+:\ (?: another\ request\ saved\ it | was\ locked\ for | is\ locked | other\ requests\ saved\ it )
  | regenerate_id:\ there\ is\ no\ such\ session
)/x;

sub new {
    my ( $class, %option ) = @_;
    my $self = bless {%option}, $class;
    $self->{log} = Fixture::Consistency::History->writer("$self->{dir}/history/$self->{number}");
    return $self;
}

sub work {
    my ( $self, $until ) = @_;
    srand $self->{seed};
    while ( Fixture::Consistency::History::now() < $until ) {
        $self->{request}++;
        my $what = pick(@MIX);
        $self->$what;
        $self->log_stats if $self->{request} % 100 == 0;
    }
    return $self->log_stats;
}

# A look at every session that there ever was.
sub look_at_all {
    my ($self) = @_;
    for my $slot ( 1 .. $self->{slots} ) {
        for my $id ( $self->ids($slot) ) {
            $self->{request}++;
            my $session = $self->open_session($id) or next;
            untie %$session;
        }
    }
    return;
}

sub look {
    my ($self) = @_;
    my $session = $self->open_current or return;
    untie %$session;
    return;
}

# At a session that was moved, or logged out.
sub look_back {
    my ($self) = @_;
    my @ids = $self->ids( $self->any_slot );
    return if @ids < 2;
    my $session = $self->open_session( $ids[ -2 - int rand( @ids > 4 ? 3 : @ids - 1 ) ] ) or return;
    $self->change_something($session) if rand() < 0.2;
    $self->save($session);
    return;
}

sub change {
    my ($self) = @_;
    my $session = $self->open_current or return;
    pause();
    $self->change_something($session);
    return $self->save($session);
}

sub transact {
    my ($self) = @_;
    my $session = $self->open_current('transaction') or return;
    pause() if rand() < 0.1;
    $self->increment($session);
    $self->change_something($session) if rand() < 0.3;
    return $self->save($session);
}

sub crash {
    my ($self) = @_;
    my $session = $self->open_current( rand() < 0.5 ? 'transaction' : 'plain' ) or return;
    $self->change_something($session);
    kill KILL => $$;
    return;
}

sub logout {
    my ($self) = @_;
    my $session = $self->open_current or return;
    pause();
    $self->log('delete');
    my ($error) = outcome( sub { tied(%$session)->delete } );
    outcome( sub { untie %$session } );
    return $self->log( deleted => $error eq '' ? 'ok' : 'unknown', $error );
}

sub move {
    my ($self)  = @_;
    my $slot    = $self->any_slot;
    my $mode    = rand() < 0.3 ? 'transaction' : 'plain';
    my $session = $self->open_current( $mode, $slot ) or return;
    pause();
    $self->change_something($session) if rand() < 0.5;
    $self->increment($session)        if $mode eq 'transaction';
    $self->log( move => pairs( $self->{patch} ) );
    my $new;
    my ($error) = outcome( sub { $new = tied(%$session)->regenerate_id } );
    $self->log( moved => $error ? ( result($error), $error ) : ( 'ok', $new ) );
    leave($session);
    return $error ? () : $self->publish( $slot, $new );
}

# The steps of a request.

sub open_current {
    my ( $self, $mode, $slot ) = @_;
    $slot //= $self->any_slot;
    my $id = ( $self->ids($slot) )[-1];
    if ( defined $id ) {
        my $session = $self->open_session( $id, $mode );
        return $session if $session || !$self->{is_missing};
        return          if $id ne ( $self->ids($slot) )[-1];
        $self->{request}++;
    }
    my $session = $self->open_session( undef, $mode ) or return;
    $self->publish( $slot, $session->{_session_id} );
    return $session;
}

# A tied hash, of a new session where the id is undefined; undef where there is no session, or none can be had.
sub open_session {
    my ( $self, $id, $mode ) = @_;
    $mode //= 'plain';
    my %arguments = ( %{ $self->{arguments} }, Transaction => $mode eq 'transaction' );
    my %session;
    $self->{is_missing} = 0;
    $self->{patch}      = {};
    $self->log( open => $id // '-', $mode );
    my ($error) = outcome( sub { tie %session, $CLASS, $id, \%arguments } );

    if ($error) {
        $self->log( opened => 'failed', $error );
        return;
    }
    if ( !defined $session{_session_id} ) {
        $self->log( opened => 'missing' );
        $self->{is_missing} = 1;
        leave( \%session );
        return;
    }
    $self->log( opened => 'ok', $session{_session_id}, pairs( names( \%session ) ) );
    return \%session;
}

# Up to three keys, each in one of the ways in which one can be changed.
sub change_something {
    my ( $self,  $session ) = @_;
    my ( $patch, $name )    = ( $self->{patch}, "$self->{number}.$self->{request}" );
    for ( 1 .. 1 + int rand 3 ) {
        my $key = $KEYS[ rand @KEYS ];
        next if $patch->{$key};
        my $size = rand() < 0.05 ? int rand 30_000 : int rand 200;
        $patch->{$key} =
            !exists $session->{$key} ? put( $session, $key, $name, $size )
          : $key eq 'cart'           ? put_nested( $session, $name, $size )
          : rand() < 0.2             ? remove( $session, $key, $name )
          :                            put( $session, $key, $name, $size );
    }
    return;
}

sub increment {
    my ( $self, $session ) = @_;
    $self->{patch}{n} = count( $session, "$self->{number}.$self->{request}" );
    return;
}

sub save {
    my ( $self, $session ) = @_;
    return leave($session) if !%{ $self->{patch} };
    $self->log( save => pairs( $self->{patch} ) );
    my ( $error, $is_dropped ) = outcome(
        sub {
            tied(%$session)->save if rand() < 0.3;
            untie %$session;
        }
    );
    leave($session) if $error;
    return $self->log( saved => result( $error, $is_dropped ), $error );
}

# Ends a request without saving what is not saved.
sub leave {
    my ($session) = @_;
    my $object = tied %$session or return;
    $object->{status} = 0;
    undef $object;
    outcome( sub { untie %$session } );
    return;
}

# What a block died of, and whether it warned that a session was deleted.
sub outcome {
    my ($block) = @_;
    my $is_dropped = 0;
    local $SIG{__WARN__} = sub { $is_dropped ||= $_[0] =~ /was deleted by another request/ };
    my $error = eval { $block->(); 1 } ? '' : $@;
    return ( $error, $is_dropped );
}

sub result {
    my ( $error, $is_dropped ) = @_;
    return
        $error eq ''         ? ( $is_dropped ? 'dropped' : 'ok' )
      : $error =~ /$REFUSED/ ? 'failed'
      :                        'unknown';
}

sub log {    ## no critic (as one says)
    my ( $self, $what, @rest ) = @_;
    $self->{log}->( $what, $self->{request}, @rest );
    return;
}

sub log_stats {
    my ($self) = @_;
    my $stats = $CLASS->stats;
    $self->{log}->( stats => map { "$_=$stats->{$_}" } qw(writes merged same_key lock_waits retries) );
    return;
}

sub any_slot { return 1 + int rand $_[0]{slots} }

sub ids {
    my ( $self, $slot ) = @_;
    open my $file, '<', "$self->{dir}/slot.$slot" or return;
    chomp( my @ids = <$file> );
    return @ids;
}

sub publish {
    my ( $self, $slot, $id ) = @_;
    open my $file, '>>', "$self->{dir}/slot.$slot" or die "slot $slot: $!";
    syswrite $file, "$id\n";
    return;
}

sub pairs {
    my ($map) = @_;
    return map { "$_=$map->{$_}" } sort keys %$map;
}

# The work of a request, during which others come.
sub pause {
    my $part = rand;
    select undef, undef, undef, $part < 0.6 ? 0 : $part < 0.995 ? rand 0.003 : rand 0.3;
    return;
}

sub pick {
    my (@weights) = @_;
    my $sum       = 0;
    my %mix       = @weights;
    $sum += $_ for values %mix;
    my $left = rand $sum;
    while ( my ( $what, $weight ) = splice @weights, 0, 2 ) {
        return $what if ( $left -= $weight ) < 0 || !@weights;
    }
    return;
}

1;
