# The options of thaw and retrieve, which Storable does not have: which classes
# may be made, and how deep and how long an image may be.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use File::Temp ();
use Fixture::Storable;

my $dir = File::Temp->newdir;

# Each way to read, with options; what is promised for one is for all.
my %readers = (
    thaw     => sub { my ( $image, @options ) = @_; return thaw( $image, @options ) },
    retrieve => sub {
        my ( $image, @options ) = @_;
        open my $file, '>:raw', "$dir/image" or die $!;
        print {$file} "pst0$image";
        close $file or die $!;
        return retrieve( "$dir/image", @options );
    },
);

# An image of an object whose class is not loaded, in a list with something before.
sub late {
    my ($class) = @_;
    my $here = $class =~ s/Late/Here/r;
    class $here, STORABLE_freeze => sub { return 'frozen' };
    return renamed( freeze( [ 'before', bless( { n => 5 }, $here ) ] ), $here => $class );
}

for my $reader ( sort keys %readers ) {
    my $read = $readers{$reader};

    subtest "$reader, classes" => sub {
        my $image   = nfreeze( { user => bless( {}, 'App::User' ), roles => [ bless [], 'App::Role' ] } );
        my %allowed = (
            'any, when not given' => [],
            'any, when undefined' => [ classes => undef ],
            'by names'            => [ classes => [qw(App::User App::Role)] ],
            'by a pattern'        => [ classes => [qr/^App::/] ],
            'by both'             => [ classes => [ 'App::User', qr/Role/ ] ],
        );
        for my $name ( sort keys %allowed ) {
            is ref eval { $read->( $image, @{ $allowed{$name} } )->{user} }, 'App::User', $name or diag $@;
        }
        my %refused = (
            'none'             => [],
            'one is missing'   => ['App::User'],
            'a part of a name' => [qw(App App::)],
            'another pattern'  => [qr/^Other::/],
        );
        for my $name ( sort keys %refused ) {
            like error_of { $read->( $image, classes => $refused{$name} ) },
              qr/\bclass App::(?:User|Role) is not allowed by classes at \Q$0\E line/, $name;
        }
        is_deeply $read->( nfreeze( { a => [1] } ), classes => [] ), { a => [1] }, 'data without objects';
        is ref $read->( $image, classes => [], flags => 0 ), 'HASH', 'nothing is refused that is not blessed';
    };

    subtest "$reader, an object that is not made is not destroyed, either" => sub {
        my $destroyed = 0;
        class 'Evil', DESTROY => sub { $destroyed++ };
        my $image = freeze( [ map { bless {}, 'Evil' } 1 .. 3 ] );
        $destroyed = 0;
        error_of { $read->( $image, classes => [] ) };
        is $destroyed, 0, 'refused';
        $read->($image);
        is $destroyed, 3, 'allowed';
    };

    subtest "$reader, classes and modules" => sub {
        my @late  = map { "Late::$_" } qw(Hooked Attach NoHook Broken);
        my %image = map { $_ => late($_) } @late;
        for my $class (@late) {
            like error_of { $read->( $image{$class}, classes => [] ) },
              qr/\bclass \Q$class\E is not allowed by classes at/, "$class: refused";
            like error_of { $read->( $image{$class}, classes => ["${class}X"] ) }, qr/is not allowed/, 'by others';
            ok !loaded($class), 'its module is not loaded';
        }
    };

    subtest "$reader, max_depth" => sub {
        my $value = 1;
        $value = [$value] for 1 .. 100;
        my $image = freeze($value);
        ok eval { $read->( $image, max_depth => 1_000 ) }, 'within' or diag $@;
        like error_of { $read->( $image, max_depth => 20 ) },
          qr/^Max\. recursion depth with nested structures exceeded at \Q$0\E line/, 'over';
        ok eval { $read->( freeze( [1] ), max_depth => 20 ) }, 'a flat one' or diag $@;
    };

    subtest "$reader, max_size" => sub {
        my $image = freeze( [ 'x' x 1_000 ] );
        ok eval { $read->( $image, max_size => 2_000 ) }, 'within' or diag $@;
        like error_of { $read->( $image, max_size => 500 ) }, qr/\b500\b.* at \Q$0\E line/, 'over';
    };

    subtest "$reader, together" => sub {
        my %all   = ( flags => FLAGS_COMPAT, classes => ['Some::Class'], max_depth => 10, max_size => 1_000 );
        my $image = freeze( bless { a => [1] }, 'Some::Class' );
        is ref $read->( $image, %all ), 'Some::Class', 'all of them';
        my %changed = ( flags => 0, classes => [], max_depth => 1, max_size => 10 );
        for my $name ( sort keys %changed ) {
            my %options = ( %all, $name => $changed{$name} );
            my $plain   = eval { $read->( $image, %options ) };
            $name eq 'flags' ? is( ref $plain, 'HASH', $name ) : ok( !$plain, $name );
        }
    };

    subtest "$reader, wrong ones" => sub {
        my $image = freeze( [1] );
        my %wrong = (
            'an unknown option'   => [ [ colour    => 1 ],             qr/\bcolour\b/ ],
            'one without a value' => [ [ max_depth => 5, 'max_size' ], qr/\bpairs of options and values\b/ ],
            'classes: a name'     => [ [ classes   => 'App' ],         qr/\bclasses\b.*takes a reference to an array/ ],
            'classes: a hash'     => [ [ classes   => {} ],            qr/\bclasses\b.*takes a reference to an array/ ],
            'classes: of hashes'  => [ [ classes   => [ {} ] ],        qr/\bclasses\b.*takes a reference to an array/ ],
            'max_depth: a word'   => [ [ max_depth => 'deep' ],        qr/\bmax_depth\b/ ],
            'max_depth: negative' => [ [ max_depth => -1 ],            qr/\bmax_depth\b/ ],
            'max_size: a word'    => [ [ max_size  => '1k' ],          qr/\bmax_size\b/ ],
        );
        for my $name ( sort keys %wrong ) {
            my ( $options, $text ) = @{ $wrong{$name} };
            like error_of { $read->( $image, @$options ) }, $text,               $name;
            like error_of { $read->( $image, @$options ) }, qr/ at \Q$0\E line/, 'at our line';
        }
    };
}

subtest 'modules are loaded where classes allow it' => sub {
    my $image = late('Late::Hooked');
    is_deeply thaw( $image, classes => ['Late::Hooked'] ), [ 'before', bless { thawed => 'frozen' }, 'Late::Hooked' ],
      'one with STORABLE_thaw';
    ok loaded('Late::Hooked'), 'is loaded';
    like error_of { thaw( late('Late::NoHook') ) },
qr/^No STORABLE_thaw defined for objects of class Late::NoHook \(even after a "require Late::NoHook;"\) at \Q$0\E line/,
      'one without';
    like error_of { thaw( late('Late::Broken') ) },
      qr/^Late::Broken is not to be loaded\nCompilation failed in require/,
      'one that can not be loaded: its own words';
    like error_of { thaw( late('Late::Absent') ) }, qr{^Can't locate Late/Absent\.pm in \@INC}, 'one that is not there';

    is_deeply thaw( late('Late::Attach') ), [ 'before', bless { attached => 'frozen' }, 'Late::Attach' ],
      'one with STORABLE_attach';
};

# An image of an object with overloaded operators, whose class is not loaded.
sub late_overloaded {
    my ($class) = @_;
    my $here    = $class =~ s/Late/Over/r;
    my $object  = bless { n => 5 }, $here;
    ## no critic (overload works on the package that it is compiled in)
    eval "package $here; use overload '0+' => sub { 0 }, fallback => 1; 1" or die $@;
    return renamed( freeze( [$object] ), $here => $class );
}

subtest 'modules of overloaded references' => sub {
    my $image = late_overloaded('Late::Number');
    like error_of { thaw( $image, classes => [] ) }, qr/\bLate::Number is not allowed/,
      'are not loaded when not allowed';
    ok !loaded('Late::Number'), 'really';
    is thaw($image)->[0] + 1, 6, 'are loaded';
    like error_of { thaw( late_overloaded('Late::Lacking') ) }, qr{^Can't locate Late/Lacking\.pm in \@INC}, 'or not';
    like error_of { thaw( late_overloaded('Late::NoHook') ) },
qr/^Cannot restore overloading on HASH\(0x[0-9a-f]+\) \(package Late::NoHook\) \(even after a "require Late::NoHook;"\) at \Q$0\E line/,
      'or have none';
};

done_testing;
