package Fixture::Session;

# Sessions in one line, for tests that are about something else.
#
#     my $id   = create( \%arguments, a => 1 );   # a new session, stored
#     my $data = contents( \%arguments, $id );    # a plain copy of it
#     change( \%arguments, $id, sub { $_[0]{a}++ } );
#     like error_of { contents( \%arguments, 'x' ) }, qr/Invalid session ID/;

use strict;
use warnings;

use Exporter 'import';
use Apache::Session::Memorycached;

our @EXPORT = qw(create contents change warnings_of error_of);

sub create {
    my ( $arguments, %content ) = @_;
    tie my %session, 'Apache::Session::Memorycached', undef, $arguments;
    my $id = $session{_session_id};
    @session{ keys %content } = values %content;
    tied(%session)->save;
    untie %session;
    return $id;
}

sub contents {
    my ( $arguments, $id ) = @_;
    tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
    my %copy = %session;
    untie %session;
    return \%copy;
}

sub change {
    my ( $arguments, $id, $block ) = @_;
    tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
    $block->( \%session );
    tied(%session)->save;
    untie %session;
    return;
}

# What a block dies of, or ''. That what was not saved is warned of, too, when the
# session goes out of scope, is of no interest there.
sub error_of (&) {
    my ($block) = @_;
    local $SIG{__WARN__} = sub { };
    return eval { $block->(); 1 } ? '' : $@;
}

sub warnings_of (&) {
    my ($block) = @_;
    my @warnings;
    local $SIG{__WARN__} = sub { push @warnings, @_ };
    $block->();
    return @warnings;
}

1;
