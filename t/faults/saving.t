# A server that misbehaves while a session is saved or deleted: what was acknowledged is
# there, and what is there is whole (DESIGN §8).

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 300;
use Fixture::Needs 'memcached';
use Test::More;

use Fixture::FaultMatrix;
use Fixture::Memcached;
use Fixture::Session;

my $memcached = Fixture::Memcached->start;
my $matrix    = Fixture::FaultMatrix->new($memcached);
my $text      = 'x' x 200;

sub tied_to {
    my ( $arguments, $id ) = @_;
    tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
    $session{a} = 'after';
    return \%session;
}

# Both of `a` and `text` are there, and `a` is what it may be.
sub is_whole {
    my ( $id, $is_done ) = @_;
    my $stored = contents( $matrix->direct, $id );
    return 'is gone' if !%$stored;
    my @complaints;
    push @complaints, 'the text is damaged' if ( $stored->{text} // '' ) ne $text;
    push @complaints, "a is $stored->{a}"
      if $stored->{a} !~ ( $is_done ? qr/\Aafter\z/ : qr/\A(?:before|after)\z/ );
    return @complaints;
}

my %saving = (
    id    => sub { create( $matrix->direct, a => 'before', text => $text ) },
    open  => \&tied_to,
    act   => sub { tied( %{ $_[0] } )->save },
    after => \&is_whole,
);

$matrix->of( 'a save', %saving );

$matrix->of(
    'a save next to another request',
    %saving,
    open => sub {
        my ( $arguments, $id ) = @_;
        my $session = tied_to( $arguments, $id );
        change( $matrix->direct, $id, sub { $_[0]{theirs} = 'kept' } );
        return $session;
    },
    after => sub {
        my ($id) = @_;
        my $theirs = contents( $matrix->direct, $id )->{theirs} // '';
        return ( is_whole(@_), $theirs eq 'kept' ? () : "the other's change is lost" );
    }
);

$matrix->of(
    'a save of a session that has gone',
    %saving,
    open => sub {
        my ( $arguments, $id ) = @_;
        my $session = tied_to( $arguments, $id );
        $memcached->delete($id);
        return $session;
    },
    after => sub {
        my ( $id, $is_done ) = @_;
        return !$is_done && !%{ contents( $matrix->direct, $id ) } ? () : is_whole( $id, $is_done );
    }
);

$matrix->of(
    'a save of a session that was deleted',
    %saving,
    open => sub {
        my ( $arguments, $id ) = @_;
        my $session = tied_to( $arguments, $id );
        tie my %other, 'Apache::Session::Memorycached', $id, $matrix->direct;
        tied(%other)->delete;
        return $session;
    },
    after => sub { return %{ contents( $matrix->direct, $_[0] ) } ? 'is back' : () }
);

$matrix->of( 'a save with a principal', %saving, arguments => { principal => 'a' } );

$matrix->of(
    'deleting',
    %saving,
    open  => sub { tie my %session, 'Apache::Session::Memorycached', $_[1], $_[0]; \%session },
    act   => sub { tied( %{ $_[0] } )->delete },
    after => sub {
        my ( $id, $is_done ) = @_;
        return %{ contents( $matrix->direct, $id ) } ? $is_done ? 'is still there' : is_before($id) : ();
    }
);

sub is_before {
    my ($id) = @_;
    my $stored = contents( $matrix->direct, $id );
    return $stored->{a} eq 'before' && $stored->{text} eq $text ? () : 'is damaged';
}

done_testing;
