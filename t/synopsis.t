# The SYNOPSIS of every public module, and the Perl in the README, run as they
# stand; only the addresses and directories are replaced by those of a test.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs qw(memcached CGI::Session Cache::Memcached);
use Test::More;

use File::Temp ();
use Fixture::Memcached;
use Fixture::Session;

my $base = File::Temp->newdir;
my ( $count, %server ) = (0);

# Each address that a text names is a server of its own.
sub address {
    my ($named) = @_;
    return ( $server{$named} //= Fixture::Memcached->start )->address;
}

my %synopsis = map { $_ => synopsis_of($_) } qw(
  Apache::Session::Memorycached
  Apache::Session::Memorycached::Listing
  Apache::Session::Store::Memorycached
  Apache::Session::Lock::Memorycached
  Apache::Session::Generate::Memorycached
  Apache::Session::Memorycached::Client
  CGI::Session::Driver::memcache
);

sub synopsis_of {
    my ($module) = @_;
    ( my $file = "$module.pm" ) =~ s{::}{/}g;
    require $file;
    my $text      = slurp( $INC{$file} );
    my ($section) = $text =~ /^=head1 SYNOPSIS\s*\n(.*?)^=(?:head1|cut)/ms or return '';
    return join "\n", $section =~ /^([ \t]+\S.*)$/mg;
}

sub slurp {
    my ($file) = @_;
    open my $handle, '<:encoding(UTF-8)', $file or die "$file: $!";
    local $/;
    return scalar readline $handle;
}

# Runs with an `$id` and a `$cookie` of a session that exists.
sub runs {
    my ( $code, $name ) = @_;
    my $dir = "$base/" . ++$count;
    $code =~ s{(['"])([\w.-]+:\d+|/\S+?\.sock)\1}{"'" . address($2) . "'"}ge;
    $code =~ s{(embedded:)/[^'"?]*}{$1$dir}g;
    my $id       = everywhere();
    my @warnings = warnings_of {
        ## no critic (running text is what this test is for)
        ok eval "package Synopsis$count; no strict 'vars';
            our ( \$id, \$cookie ) = ('$id') x 2; { $code\n } 1", $name
          or diag "$@\n$code";
    };
    is_deeply \@warnings, [], "$name: no warnings";
    return;
}

# A session on all servers, so that it is found by whatever list of them.
sub everywhere {
    my ( $first, @others ) = values %server;
    $first //= $server{any} //= Fixture::Memcached->start;
    my $id = create( { servers => [ $first->address ] }, uid => 'dwho', visits => 1 );
    $_->set( $id, $first->item($id)->{value}, flags => 1 ) for @others;
    return $id;
}

for my $module ( sort keys %synopsis ) {
    my $code = $synopsis{$module};
    ok length $code, "$module has a SYNOPSIS" or next;
    runs( $code, "that of $module" );
}

SKIP: {
    skip 'no README.md here', 1 if !-e 'README.md';
    my @blocks = slurp('README.md') =~ /^```perl\n(.*?)^```/msg;
    ok @blocks, 'README.md has Perl in it';
    runs( $blocks[ $_ - 1 ], "block $_ of README.md" ) for 1 .. @blocks;
}

done_testing;
