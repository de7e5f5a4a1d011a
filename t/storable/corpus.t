# What Storable does with a structure, we do: the same bytes, the same structure
# again, the same clone, the same refusal. Over a corpus of structures, each
# frozen in both byte orders, with keys sorted and not. Where we do otherwise,
# on purpose, the structure says why, and what we do is checked.
#
# `CORPUS_MODULE=Storable prove …` compares Storable with itself: it proves the
# corpus, and shows whether a failure is ours.

use strict;
use warnings;
no warnings 'once';    # the variables of Storable
use lib 't/lib';
use Fixture::Watchdog limit => 120;
use Test::More;

use Storable ();
use Fixture::Corpus;
use Fixture::Corpus::Outcome qw(outcome told);
use Fixture::Needs           ();

my $MODULE = $ENV{CORPUS_MODULE} // 'Apache::Session::Memorycached::Storable';
eval "require $MODULE; 1" or die $@;

# What an older Storable can't do or does otherwise, so that there is nothing to compare with: it is not looked at there.
my %OTHERWISE = (
    '3.21' => qr/regexp/,    # perl 5.30: an element after one that was read is taken for another
    '3.00' => qr/deep (?: , | \ beyond )   # perl 5.26: no limits, no flags, and what dies is not always told
      | with\ the\ flags | unblessed | ties\ are\ disabled | dies\ of\ an\ object | forgiven\ too\ late
      | returns\ (?: 0\ bytes | undef | true\ or\ false ) | an\ empty\ text | a\ handle\ with\ a\ hook /x,
);

sub is_otherwise {
    my ($name) = @_;
    return scalar grep { !Fixture::Needs::has("Storable $_") && $name =~ $OTHERWISE{$_} } keys %OTHERWISE;
}

# A function of the one or the other, and what came of calling it.
sub call {
    my ( $module, $function, $argument ) = @_;
    local $Fixture::Corpus::Hooked::codec = $module;
    my $code = $module->can($function);
    no warnings 'uninitialized';    # what a hook returns may be undefined
    return outcome { $code->($argument) };
}

sub ours   { return call( $MODULE,    @_ ) }
sub theirs { return call( 'Storable', @_ ) }

# All that is wrong with our ways of treating a structure.
sub faults {
    my ( $build, $option ) = @_;
    my %set = %{ $option->{set} // {} };
    local $Storable::Deparse              = $set{Deparse};
    local $Storable::Eval                 = $set{Eval};
    local $Storable::forgive_me           = $set{forgive_me};
    local $Storable::accept_future_minor  = $set{accept_future_minor}  // $Storable::accept_future_minor;
    local $Storable::flags                = $set{flags}                // $Storable::flags;
    local $Storable::recursion_limit      = $set{recursion_limit}      // $Storable::recursion_limit;
    local $Storable::recursion_limit_hash = $set{recursion_limit_hash} // $Storable::recursion_limit_hash;

    my @faults;
    for my $canonical ( 0, 1 ) {
        local $Storable::canonical = $canonical;
        my $mode = $canonical ? 'canonical ' : '';
        push @faults, map { "$mode$_" } map { images( $build->(), $_, $option ) } qw(freeze nfreeze);
    }
    push @faults, clones( $build->(), $option );
    return @faults                          if !$option->{differs} || $MODULE eq 'Storable';
    return otherwise( $build->(), $option ) if @faults;
    return Fixture::Needs::has('Storable 3.21') ? 'differs no longer' : ();
}

# Ours is first: it must do without what Storable, in freezing, finds out of a
# scalar and keeps there.
sub images {
    my ( $structure, $freeze, $option ) = @_;
    my ( $ours, $theirs ) = ( ours( $freeze, $structure ), theirs( $freeze, $structure ) );
    return "$freeze: Storable does not do as expected:\n" . told( $theirs, 1 )
      if !$option->{any} && !expected( $theirs, $option->{refused} );
    my @faults = difference( $freeze, told( $ours, 1 ), told( $theirs, 1 ) );
    return @faults if @faults || defined $theirs->{died};

    my @images = map { $_->{value} } $ours, $theirs;
    @faults = difference( "$freeze, bytes", map { join "\n", unpack '(H16)*', $_ } @images );
    my $expected = theirs( thaw => $images[1] );
    push @faults, "thaw, after $freeze: Storable does not do as expected:\n" . told($expected)
      if !expected( $expected, $option->{unread} );

    my %read = ( "we thaw Storable's $freeze" => ours( thaw => $images[1] ) );
    if ( $images[0] ne $images[1] ) {
        $read{"Storable thaws our $freeze"} = theirs( thaw => $images[0] );
        $read{"we thaw our $freeze"}        = ours( thaw => $images[0] );
    }
    return @faults, map {
        difference( $_, map { shown( $_, $option ) } $read{$_}, $expected )
    } sort keys %read;
}

sub clones {
    my ( $structure, $option ) = @_;
    return difference(
        'dclone', map { shown( $_, $option ) } ours( dclone => $structure ),
        theirs( dclone => $structure )
    );
}

# Whether we do what is said of a structure with which we do otherwise.
sub otherwise {
    my ( $structure, $option ) = @_;
    my ( $reason, $check )     = @{ $option->{differs} };
    my $frozen = ours( freeze => $structure );
    my $thawed = ours( thaw   => $frozen->{value} );
    return if !defined $thawed->{died} && $check->( $thawed->{value} );
    return "$reason, but what we make of it is not expected:\n" . told($thawed);
}

# Whether a call died of what it should, if it should.
sub expected {
    my ( $outcome, $reason ) = @_;
    my $died = $outcome->{died};
    return !defined $died       if !defined $reason;
    return ref $died eq $reason if !ref $reason;
    return defined $died && $died =~ $reason;
}

sub shown {
    my ( $outcome, $option ) = @_;
    my $text = told($outcome);
    $text =~ s/\b\d{12,}\b/an address/g if $option->{addresses};
    return $text;
}

# Nothing, or the first line where two texts differ.
sub difference {
    my ( $what, $got, $expected ) = @_;
    return if $got eq $expected;
    my @got      = split /\n/, $got,      -1;
    my @expected = split /\n/, $expected, -1;
    my $at       = 0;
    $at++ while defined $got[$at] && defined $expected[$at] && $got[$at] eq $expected[$at];
    return sprintf "%s, line %d\n  got      %s\n  expected %s", $what, $at,
      map { $_->[$at] // 'nothing' } \@got, \@expected;
}

my %count;
for my $chapter ( chapters() ) {
    subtest $chapter->{title} => sub {
        Fixture::Needs->import( @{ $chapter->{needs} // [] } );
        for ( @{ $chapter->{structures} } ) {
            my ( $name, $build, %option ) = @$_;
            $count{$name}++;
          SKIP: {
                skip "$name: not so with Storable $Storable::VERSION", 1 if is_otherwise($name);
                my @faults = faults( $build, \%option );
                ok !@faults, $name or diag map { "$_\n" } @faults;
            }
        }
    };
}

cmp_ok scalar keys %count, '>=', 400, 'there are enough structures';
is_deeply [ grep { $count{$_} > 1 } sort keys %count ], [], 'each has a name of its own';

done_testing;
