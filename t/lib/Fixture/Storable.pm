package Fixture::Storable;

# What the tests of the codec share: its functions, classes made on the spot, and
# what a block dies of or warns.
#
#     class 'Some::Class', STORABLE_freeze => sub { … };
#     my $image = renamed( freeze($object), 'Here::Hooked' => 'Late::Hooked' );
#     like error_of { thaw($image) }, qr/^Can't locate/;
#
# The classes Late::… are files under t/lib/Late, which nothing has loaded. Images
# of their objects are made of those of classes Here::….

use strict;
use warnings;

use Exporter 'import';
use Apache::Session::Memorycached::Storable qw(:all);

our @EXPORT = (
    qw(class error_of warnings_of renamed loaded),
    @{ $Apache::Session::Memorycached::Storable::EXPORT_TAGS{all} }
);

sub class {
    my ( $name, %subs ) = @_;
    no strict 'refs';
    no warnings 'redefine';
    *{"${name}::$_"} = $subs{$_} for keys %subs;
    return $name;
}

# What a block dies of, or ''.
sub error_of (&) {
    my ($block) = @_;
    return eval { $block->(); 1 } ? '' : $@;
}

sub warnings_of (&) {
    my ($block) = @_;
    my @warnings;
    local $SIG{__WARN__} = sub { push @warnings, @_ };
    $block->();
    return @warnings;
}

# The image with another class name, of the same length.
sub renamed {
    my ( $image, $from, $to ) = @_;
    die "$from and $to differ in length" if length $from != length $to;
    return $image =~ s/\Q$from\E/$to/gr;
}

sub loaded {
    my ($class) = @_;
    return exists $INC{ $class =~ s{::}{/}gr . '.pm' };
}

1;
