# No scalar outlives its freezing or thawing, wherever that ends. hook_leaks.t is
# about hooks.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 240;
use Fixture::Needs 'Test::LeakTrace';
use Test::More;

use B::Deparse   ();
use File::Temp   ();
use Scalar::Util qw(weaken);
use Tie::Array;
use Tie::Hash;
use Tie::Scalar;
use Apache::Session::Serialize::Memorycached;
use Fixture::Leaks;
use Fixture::Storable;

local $SIG{__WARN__} = sub { };

our ( $freeze, $thaw ) = ( sub { return 'x' }, sub { return } );
class 'Hooked', STORABLE_freeze => sub { $freeze->(@_) }, STORABLE_thaw => sub { $thaw->(@_) };

subtest 'plain data' => sub {
    all_ways 'of every kind', sub {
        my $shared = [ 1, 2 ];
        my $weak   = { shared => $shared };
        weaken( $weak->{self} = $weak );
        return [ 1, 2.5, 'text', "\x{263a}", undef, \'x', { "k\x{263a}" => [] }, $shared, $shared, $weak, !!1, v1.2.3 ];
    };
    all_ways 'objects', sub {
        return [ map { bless { n => $_ }, 'Some::Class' } 1 .. 5 ];
    };
    all_ways 'what can not be stored', sub {
        return below( $_, sub { 1 } );
      }
      for 0, 1, 10;
    all_ways 'what is too deep', sub {
        local $Storable::recursion_limit = 20;
        return dclone( below( 100, 1 ) );
    };
    tight 'forgiven', sub {
        local $Storable::forgive_me = 1;
        my $copy = dclone( [ \*STDOUT, sub { 1 }, *STDOUT{IO} ] );
    };
    tight 'canonical', sub {
        local $Storable::canonical = 1;
        my $copy = dclone( { map { $_ => { a => 1 } } 'a' .. 'z', "\x{263a}" } );
    };
    tight 'arguments that are wrong', sub {
        eval { freeze(1) };
        eval { freeze( [], 1 ) };
        eval { thaw('x') };
        thaw(undef);
    };
};

subtest 'ties' => sub {
    my %made = (
        hash    => sub { tie my %hash,   'Tie::StdHash';   $hash{a} = [1];        return \%hash },
        array   => sub { tie my @array,  'Tie::StdArray';  @array   = ( 1, [2] ); return \@array },
        scalar  => sub { tie my $scalar, 'Tie::StdScalar'; $scalar  = [1];        return \$scalar },
        key     => sub { tie my %hash,   'Tie::StdHash';   $hash{a} = [1];        return \$hash{a} },
        index   => sub { tie my @array,  'Tie::StdArray';  @array   = ( 1, [2] ); return \$array[1] },
        blessed => sub { tie my %hash,   'Tie::StdHash';   return bless \%hash, 'Some::Class' },
        hooked  => sub { tie my %hash,   'Tie::StdHash';   return bless \%hash, 'Hooked' },
    );
    local $thaw = sub { return };
    for my $name ( sort keys %made ) {
        all_ways $name, sub { return below( 2, $made{$name}->() ) };
        my $image = freeze( below( 2, $made{$name}->() ) );
        tight "$name, forbidden",   sub { my $copy = thaw( $image, BLESS_OK ) };
        tight "$name, not allowed", sub { my $copy = thaw( $image, classes => [] ) };
    }
    for my $hook ( 'freeze', 'thaw' ) {
        local $freeze = sub { die "x\n" if $hook eq 'freeze'; return 'x' };
        local $thaw   = sub { die "x\n" };
        class 'Tie::Hooked', TIEHASH => sub { return bless {}, 'Hooked' };
        all_ways "what it is tied to dies in $hook", sub { tie my %hash, 'Tie::Hooked'; return [ 1, \%hash ] };
    }
};

subtest 'code' => sub {
    local $Storable::Deparse = 1;
    local $Storable::Eval    = 1;
    my $function = sub { return 42 };
    my $image    = freeze( [ 1, $function ] );
    tight 'thaw', sub { my $copy = thaw($image) };
  SKIP: {
        my $deparse = sub { B::Deparse->new->coderef2text($function) };
        $deparse->();
        skip "B::Deparse $B::Deparse::VERSION leaks", 1 if Test::LeakTrace::leaked_count { $deparse->() };
        tight 'freeze', sub { my $frozen = freeze( [ 1, $function, $function ] ) };
    }
    tight 'a native function', sub { my $frozen = freeze( [ 1, \&weaken ] ) };
    my $broken = $image =~ s/return 42/retu(n 42/r;
    tight 'a syntax error', sub { my $copy = thaw($broken) };
    my %eval = (
        'a function' => sub {
            my ($source) = @_;
            return sub { $source }
        },
        'an error'       => sub { die "x\n" },
        'an exception'   => sub { die bless [@_], 'My::Exception' },
        'no function'    => sub { return [1] },
        'nothing'        => sub { return },
        'an error in $@' => sub { return eval 'die [1]' },
        'off'            => 0,
    );
    for my $name ( sort keys %eval ) {
        local $Storable::Eval = $eval{$name};
        tight "\$Eval: $name", sub { my $copy = thaw($image) };
    }
    tight 'forgiven', sub {
        local ( $Storable::Eval, $Storable::forgive_me ) = ( 0, 1 );
        my $copy = thaw($image);
    };
};

subtest 'regular expressions' => sub {
    my ( $regexp, $blessed ) = ( qr/a.b/i, bless qr/c/, 'My::Regexp' );
    my $image = nfreeze( [ 1, $regexp, $blessed ] );
    tight 'freeze', sub { my $frozen = freeze( [ $regexp, $regexp, $blessed ] ) };
    tight 'thaw',   sub { my $copy   = thaw($image) };
    my %wrong = ( 'a pattern' => $image =~ s/a\.b/a(b/r, 'flags' => $image =~ s/a\.b\x01i/a.b\x01q/r );
    tight "wrong $_", sub { my $copy = thaw( $wrong{$_} ) }
      for sort keys %wrong;
};

subtest 'overloads and modules' => sub {
    {

        package Overloaded;
        use overload '""' => sub { die "x\n" }, '0+' => sub { 1 };
    }
    all_ways 'overloads', sub {
        return [ map { bless {}, 'Overloaded' } 1, 2 ];
    };
    my $absent = renamed( freeze( [ 1, bless {}, 'Overloaded' ] ), Overloaded => 'No::Module' );
    tight 'a module that is not there', sub { my $copy = thaw($absent) };
    tight 'one that is not allowed',    sub { my $copy = thaw( $absent, classes => [qr/^Over/] ) };
    local $freeze = sub { return bless {}, 'Overloaded' };
    all_ways 'a string that dies', sub { return [ 1, bless {}, 'Hooked' ] };
};

subtest 'damage' => sub {
    local $freeze = sub { return ( 'x', [ 1, 2 ], { a => 1 } ) };
    local $thaw   = sub { return };
    tie my %tied, 'Tie::StdHash';
    my %images = (
        data   => nfreeze( [ 1, 'text', { a => [ \'x', undef ] }, bless [], 'Some::Class' ] ),
        hook   => nfreeze( [ map { bless {}, 'Hooked' } 1, 2 ] ),
        tie    => nfreeze( [ \%tied,                       \$tied{a} ] ),
        regexp => nfreeze( [qr/a/ix] ),
    );
    for my $name ( sort keys %images ) {
        tight "$name: cut off at each byte", sub {
            for my $length ( 0 .. length( $images{$name} ) - 1 ) {
                my $copy = eval { thaw( my $part = substr $images{$name}, 0, $length ) };
            }
        };
        tight "$name: each byte another", sub {
            for my $at ( 0 .. length( $images{$name} ) - 1 ) {
                my $image = $images{$name};
                substr( $image, $at, 1 ) = "\x02";
                my $copy = eval { thaw($image) };
            }
        };
    }
};

subtest 'files' => sub {
    my $data = { a => [ 1, 2 ] };
    my $dir  = File::Temp->newdir;
    tight 'store and retrieve', sub { store( $data, "$dir/file" ); my $copy = retrieve("$dir/file") };
    tight 'lock_store and lock_retrieve',
      sub { lock_store( $data, "$dir/file" ); my $copy = lock_retrieve("$dir/file") };
    tight 'what can not be stored', sub {
        store( [ sub { 1 } ], "$dir/file" );
    };
    tight 'what can not be written', sub { store( $data, "$dir/none/file" ) };
    tight 'what can not be read',    sub { my $copy = retrieve("$dir/none") };
    tight 'another file',            sub { my $copy = retrieve($0) };
};

subtest 'Apache::Session::Serialize::Memorycached' => sub {
    my $serializer = 'Apache::Session::Serialize::Memorycached';
    my ( $serialize, $unserialize ) = map { $serializer->can($_) } qw(serialize unserialize);
    tight 'there and back', sub {
        my $session = { data => { a => [1] }, args => {} };
        $serialize->($session);
        $unserialize->($session);
    };
    tight 'no session', sub { $unserialize->( { serialized => nfreeze( [1] ) } ) };
    tight 'damage',     sub { $unserialize->( { serialized => 'x', args => { classes => [] } } ) };
};

done_testing;
