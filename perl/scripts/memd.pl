#!/usr/bin/perl
use 5.020;
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Spec     ();

# What each of the former commands is to memd.
my %COMMAND = (
    '-s' => [ 'show',   1, 1 ],
    '-m' => [ 'set',    3, 3 ],
    '-d' => [ 'delete', 1, 2 ],
);
my %SHORT = ( -show => '-s', -modify => '-m', -delete => '-d', -info => '-i' );

# The lists that memcached still has, and what became of the others.
my @LISTS = qw( misc items slabs sizes settings conns );
my %GONE  = (
    malloc    => 'memcached has not told it since 1.4',
    maps      => 'memcached has not told it since 1.4',
    self      => 'it was about the client that asked',
    cachedump => 'memd list shows the sessions themselves',
);

exit main(@ARGV);

sub main {
    my @arguments = @_;
    my $servers   = @arguments && $arguments[0] !~ /^-/ ? shift @arguments : '127.0.0.1:11211';
    my $command   = shift @arguments // return usage();
    return usage(0) if $command =~ /^--?(?:h|help)\z/;
    $command = $command =~ s/^--/-/r;
    $command = $SHORT{$command} // $command;

    if ( $command eq '-TAG' ) {
        say for @LISTS;
        return 0;
    }
    if ( $command eq '-i' ) {
        return usage() if @arguments > 1;
        my $list = $arguments[0] // 'misc';
        return complain("-info $list: $GONE{$list}")        if $GONE{$list};
        return complain("-info $list: takes one of @LISTS") if !grep { $_ eq $list } @LISTS;
        return memd( $servers, 'info', $list );
    }
    my ( $name, $least, $most ) = @{ $COMMAND{$command} // return usage() };
    my @options;
    @options   = grep { $_ eq '--reveal' } @arguments if $name eq 'show';
    @arguments = grep { $_ ne '--reveal' } @arguments if @options;
    return usage() if @arguments < $least || @arguments > $most;
    return memd( $servers, $name, @options, '--', @arguments );
}

# Becomes memd.
sub memd {
    my ( $servers, @arguments ) = @_;
    my $program = File::Spec->catfile( dirname( File::Spec->rel2abs(__FILE__) ), 'memd' );
    $program = 'memd' if !-x $program;
    { exec {$program} 'memd', "--servers=$servers", @arguments };
    print STDERR "memd.pl: can't run $program: $!\n";
    return 3;
}

sub complain {
    my $text = shift;
    print STDERR "memd.pl: $text\n";
    return 2;
}

sub usage {
    my $status = shift // 2;
    print { $status ? *STDERR : *STDOUT } <<'TEXT';
usage: memd.pl [host:port] -s|-show ID [--reveal]
       memd.pl [host:port] -m|-modify ID FIELD VALUE
       memd.pl [host:port] -d|-delete ID [FIELD]
       memd.pl [host:port] -i|-info [misc|items|slabs|sizes|settings|conns]
       memd.pl -TAG
memd --help tells what else can be done.
TEXT
    return $status;
}

__END__

=head1 NAME

memd.pl - show and change sessions, by the command line of release 2.2.1

=head1 SYNOPSIS

    memd.pl 10.0.0.7:11211 -s 5f0c63a2a1d94a7c8f1f0e5b1d2c3a4b
    memd.pl 10.0.0.7:11211 -m 5f0c63a2a1d94a7c8f1f0e5b1d2c3a4b uid dwho
    memd.pl 10.0.0.7:11211 -d 5f0c63a2a1d94a7c8f1f0e5b1d2c3a4b basket
    memd.pl 10.0.0.7:11211 -i slabs

=head1 DESCRIPTION

The commands of release 2.2.1, carried out by L<memd>, which can do more: see C<memd --help>. Scripts that call C<memd.pl>
go on working.

The first argument says where the session is: C<host:port>, several of them with commas between, or
C<embedded:/directory>. Without it, it is C<127.0.0.1:11211>.

=over

=item -s ID, -show ID

Shows a session. The values of fields that look like passwords or tokens are masked, unless C<--reveal> is given, too.

=item -m ID FIELD VALUE, -modify ID FIELD VALUE

Sets a field of a session. The session keeps its id, where 2.2.1 stored the change in a new one.

=item -d ID [FIELD], -delete ID [FIELD]

Deletes a session, or one field of it.

=item -i [LIST], -info [LIST]

What the server tells about itself: C<misc>, C<items>, C<slabs>, C<sizes>, C<settings>, C<conns>. The lists C<malloc>, C<maps>,
C<self> and C<cachedump> of 2.2.1 are gone.

=item -TAG

Lists those names.

=back

=head1 EXIT STATUS

That of memd: 0 done, 1 no such session, 2 the command line can't be used, 3 a server failed.

=cut
