package Fixture::Corpus::HookFaults;

# Hooks that die, that do what hooks may not, and objects that can't have any.

use strict;
use warnings;

use Fixture::Corpus::Hooked;
use Fixture::Corpus::Hooks ();
use Fixture::Corpus::Newer;
use Fixture::Corpus::Ties ();

my $hooked = 'Fixture::Corpus::Hooked';

sub structures {
    return ( returned(), dying(), missing(), misplaced(), attached() );
}

sub hooked { return Fixture::Corpus::Hooks::hooked(@_) }

sub of {
    my ( $kind, %content ) = @_;
    return bless {%content}, "Fixture::Corpus::Hooked::$kind";
}

sub returned {
    my $item = qr/^Item #\d returned by STORABLE_freeze for \S+ is not a reference/;
    my $late = qr/^Too late to ignore hooks for (?:storing|cloning) class "$hooked"/;
    my $code = sub { 1 };
    return (
        [ 'a hook that returns text for a reference',  sub { [ hooked( 'x', 'text' ) ] },    refused => $item ],
        [ 'a hook that returns undef for a reference', sub { [ hooked( 'x', [], undef ) ] }, refused => $item ],
        [ 'a hook that refers to code',   sub { [ hooked( 'x', $code ) ] }, refused => qr/^Can't store CODE items/ ],
        [ 'a hook that changes its mind', sub { [ hooked('x'), bless [], $hooked ] }, refused => $late ],
    );
}

sub dying {
    my ( $freeze, $thaw, $object ) = ( qr/^freeze failed/, qr/^thaw failed/, 'Fixture::Corpus::Failure' );
    my $dying = sub { of( DyingThaw => string => $_[0] ) };
    return (
        [ 'a hook that dies',              sub { [ of('DyingFreeze') ] },                refused => $freeze ],
        [ 'a hook that dies of an object', sub { [ of( DyingFreeze => object => 1 ) ] }, refused => $object ],
        [
            'a hook that dies, behind another', sub { [ hooked( 'x', [1], [ of('DyingFreeze') ] ) ] },
            refused => $freeze
        ],
        [ 'a hook that dies when thawed',              sub { [ $dying->('') ] },  unread => $thaw ],
        [ 'a hook that dies of an object when thawed', sub { [ $dying->('x') ] }, unread => $object ],
        [
            'a hook that dies when thawed, behind another', sub { [ hooked( 'x', [ $dying->('') ] ) ] }, unread => $thaw
        ],
    );
}

sub missing {
    my $undefined = qr/^No STORABLE_thaw defined for objects of class \S+ \(even after a "require \S+;"\)/;
    my $by_name   = [ 'Storable takes its bytes for the name', sub { ref $_[0][0] eq utf8_class() } ];
    return (
        [ 'a class that only freezes', sub { [ of('Freezing') ] },   unread => $undefined ],
        [ 'a class that is nowhere',   sub { [ of('Unloadable') ] }, unread => qr/^Can't locate \S+Unloadable\.pm/ ],
        [
            'a class with a hook, in UTF-8',     sub { [ bless ['x'], utf8_class() ] },
            unread => qr/^Can't locate \S+\.pm/, differs => $by_name
        ],
    );
}

# Storable finds a class of its bytes, which is not there.
sub utf8_class {
    my $name = "Fixture::Corpus::Hooked::\x{100}";
    no strict 'refs';
    @{"${name}::ISA"} = $hooked;
    return $name;
}

sub misplaced {
    my $odd    = qr/^Unexpected object type \(/;
    my %object = (
        'code with a hook' => sub {
            sub { 1 }
        },
        'a handle with a hook'                  => sub { open my $file, '<', __FILE__ or die $!; $file },
        'an element of a tied hash with a hook' => sub { \Fixture::Corpus::Ties::tied_hash()->{a} },
    );
    my $kept = sub { ref $_[0][0] eq $hooked };
    return (
        [
            'a regexp with a hook', sub { [ bless qr/a/, $hooked ] },
            Fixture::Corpus::Newer::hooked_regexp( $odd, $kept )
        ],
        map {
            my $build = $object{$_};
            [ $_, sub { [ bless $build->(), $hooked ] }, refused => $odd ]
        } sort keys %object
    );
}

sub attached {
    my $references = qr/^Freeze cannot return references if \S+ class is using STORABLE_attach/;
    my $other      = qr/^STORABLE_attach did not return a \S+ object/;
    return (
        [ 'an attached object that refers',      sub { [ of('Attaching::Referring') ] }, refused => $references ],
        [ 'an attached object of another class', sub { [ of('Attaching::Other') ] },     unread  => $other ],
        [ 'an attached nothing',                 sub { [ of('Attaching::Nothing') ] },   unread  => $other ],
        [ 'an attached hash without a class',    sub { [ of('Attaching::Unblessed') ] }, unread  => $other ],
        [ 'an attached object that dies',        sub { [ of('Attaching::Dying') ] },     unread => qr/^attach failed/ ],
    );
}

1;
