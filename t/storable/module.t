# The module's face: what it exports, how it is loaded, which arguments its
# functions take, and that its variables are Storable's.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use File::Temp ();
use Fixture::Child;
use Fixture::Storable;

my $module = 'Apache::Session::Memorycached::Storable';

sub output { return in_perl(@_)->finish }

subtest 'what is exported' => sub {
    my @default = qw(store retrieve);
    my @request = qw(freeze nfreeze thaw dclone nstore lock_store lock_nstore lock_retrieve);
    for my $name (@default) {
        is output("use $module; print defined &main::$name ? 1 : 0"), 1, "$name, when nothing is asked for";
    }
    for my $name (@request) {
        is output("use $module; print defined &main::$name ? 1 : 0"),           0, "$name is not,";
        is output("use $module qw($name); print defined &main::$name ? 1 : 0"), 1, 'but on request';
    }
    my $all = join ' && ', map { "defined &main::$_" } @default, @request, qw(BLESS_OK TIE_OK FLAGS_COMPAT);
    is output("use $module ':all'; print $all ? 1 : 0"), 1, ':all is all';
};

subtest 'the constants are those of Storable' => sub {
    plan skip_all => "Storable $Storable::VERSION has none" if !Storable->can('BLESS_OK');
    is BLESS_OK,     Storable::BLESS_OK(),     'BLESS_OK';
    is TIE_OK,       Storable::TIE_OK(),       'TIE_OK';
    is FLAGS_COMPAT, Storable::FLAGS_COMPAT(), 'FLAGS_COMPAT';
};

subtest 'loading' => sub {
    my $works = "print $module\::thaw($module\::freeze([7]))->[0]";
    is output("use $module; $works"),                                    7, 'alone';
    is output("use $module; use Apache::Session::Memorycached; $works"), 7, 'before the tie class';
    is output("use Apache::Session::Memorycached; use $module; $works"), 7, 'after it';
    is output("use Storable qw(:DEFAULT thaw); use $module (); print thaw($module\::freeze([7]))->[0]"), 7,
      'beside Storable';
    is output("BEGIN { unshift \@INC, sub { die if \$_[1] =~ m{Apache/Session\\.pm} } } use $module; $works"), 7,
      'without Apache::Session';
};

subtest 'the variables are those of Storable' => sub {
    for my $name (
        qw(canonical forgive_me Deparse Eval flags accept_future_minor
        recursion_limit recursion_limit_hash)
      )
    {
        no strict 'refs';
        local ${"Storable::$name"} = 'set there';
        is ${"${module}::$name"}, 'set there', "\$$name set there is seen here";
        local ${"${module}::$name"} = 'set here';
        is ${"Storable::$name"}, 'set here', 'and the other way';
    }
};

subtest 'arguments' => sub {
    my %functions = (
        freeze  => [ \&freeze,  'not a reference' ],
        nfreeze => [ \&nfreeze, 'not a reference' ],
        dclone  => [ \&dclone,  'Not a reference' ],
    );
    for my $name ( sort keys %functions ) {
        my ( $function, $text ) = @{ $functions{$name} };
        my $line = __LINE__ + 1;
        is error_of { $function->($_) }, "$text at $0 line $line.\n", "$name: " . ( $_ // 'undef' )
          for undef, '', 0, 'text', '[1]';
        like error_of { $function->() }, qr/^\Q$text\E at \Q$0\E line/, "$name: nothing";
    }
    like error_of { freeze( \1, 2 ) },  qr/^too many arguments at \Q$0\E line/, 'freeze: two';
    like error_of { nfreeze( \1, 2 ) }, qr/^too many arguments at \Q$0\E line/, 'nfreeze: two';
    is thaw(undef), undef, 'thaw: undef is undef';
    is_deeply [ thaw(undef) ], [undef], 'in a list, too';
};

subtest 'arguments that perl code gives' => sub {
    my $value = { a => [1] };
    my $image = freeze($value);
    is_deeply thaw( substr $image, 0 ), $value, 'a part of a string';
    ok $image =~ /\A(.*)\z/s, 'what a pattern matched';
    is_deeply thaw($1), $value, 'is read';
    {

        package Tie::Given;
        sub TIESCALAR { return bless $_[1], $_[0] }
        sub FETCH     { return $_[0]->() }
    }
    tie my $given, 'Tie::Given', sub { $image };
    is_deeply thaw($given), $value, 'a tied image';
    tie my $reference, 'Tie::Given', sub { $value };
    is_deeply thaw( $_->($reference) ), $value, 'a tied reference' for \&freeze, \&nfreeze;
    is_deeply dclone($reference), $value, 'for dclone, too';
    tie my $flags, 'Tie::Given', sub { 0 };
    is ref thaw( freeze( bless {}, 'Some::Class' ), $flags ), 'HASH', 'tied flags';
    tie my $dying, 'Tie::Given', sub { die "in its FETCH\n" };
    is error_of { $_->($dying) }, "in its FETCH\n", 'one that dies' for \&freeze, \&nfreeze, \&dclone, \&thaw;
    {

        package Text::Image;
        use overload '""' => sub { return $_[0]{image} };
    }
    is_deeply thaw( bless { image => $image }, 'Text::Image' ), $value, 'an object that is an image';
};

subtest 'each kind of reference' => sub {
    my %references = (
        array            => [ 1, 2 ],
        hash             => { a => 1 },
        scalar           => \'text',
        reference        => \\1,
        'an object'      => bless( { a => 1 }, 'Some::Class' ),
        'an object in a' => bless( \\1,        'Some::Class' ),
    );
    for my $name ( sort keys %references ) {
        my $value = $references{$name};
        for my $copy ( thaw( freeze($value) ), thaw( nfreeze($value) ), dclone($value) ) {
            is_deeply $copy, $value, $name;
            is ref $copy, ref $value, 'of its class';
            isnt $copy,   $value,     'is another';
        }
    }
};

subtest 'the image' => sub {
    is nfreeze( [1] ), Storable::nfreeze( [1] ), 'in network order is that of Storable';
    is freeze( [1] ),  Storable::freeze( [1] ),  'in our own, too';
    ok !utf8::is_utf8( nfreeze( ["\x{263a}"] ) ), 'is bytes';
    my $upgraded = nfreeze( ["\xe9"] );
    utf8::upgrade($upgraded);
    is_deeply thaw($upgraded), ["\xe9"], 'is read when perl has upgraded it';
};

subtest 'what is not ours is left alone' => sub {
    for my $function ( sub { thaw( freeze( [1] ) ) }, sub { dclone( [1] ) } ) {
        eval { die "mine\n" };
        $! = 2;
        $function->();
        is $@,     "mine\n", '$@ stays';
        is $! + 0, 2,        '$! stays';
    }
    my @list = ( 1, thaw( freeze( [2] ) ), 3 );
    is scalar @list, 3, 'one value is returned';
    my $value = [ 1, \'x', { a => undef } ];
    my $image = freeze($value);
    freeze($value) for 1 .. 3;
    is freeze($value), $image, 'what is stored is not changed';
};

subtest 'the SYNOPSIS runs as it stands' => sub {
    for my $name ( $module, "${module}::File", 'Apache::Session::Serialize::Memorycached' ) {
        ( my $file = "$name.pm" ) =~ s{::}{/}g;
        ok eval { require $file }, $name or diag $@;
        open my $handle, '<', $INC{$file} or die "$file: $!";
        my ($section) = do { local $/; <$handle> }
          =~ /^=head1 SYNOPSIS\s*\n(.*?)^=/ms;
        my $code = join "\n", ( $section // '' ) =~ /^([ \t]+\S.*)$/mg;
        my $base = File::Temp->newdir;
        $code =~ s{'/var/lib/}{'$base/}g;
        my @warnings = warnings_of {
            ## no critic (running text is what this test is for)
            ok eval "package Synopsis; no strict 'vars'; { $code\n } 1", 'runs' or diag "$@\n$code";
        };
        is_deeply \@warnings, [], 'without warnings';
        ok length $code, 'and is there';
    }
};

done_testing;
