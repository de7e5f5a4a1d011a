# `make install` puts memd, its man page, its completions and memd.pl where they are found, and each module's manual under
# the module's name.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 300;
use Test::More;

use Config;
use File::Find ();
use File::Temp ();
use Fixture::Needs 'make';

plan skip_all => 'there is no Makefile' if !-e 'Makefile';

my $dir = File::Temp->newdir;
my $log = `make install DESTDIR=$dir 2>&1`;
is $?, 0, 'installed' or diag $log;

# A perl that was built without a place for manuals installs none.
my @manuals = $Config{installman1dir} ? '/man1/memd.1' : ();
push @manuals,
  map { "/$_.$Config{man3ext}" } qw( Apache::Session::Memorycached Apache::Session::Memorycached::Storable )
  if $Config{installman3dir};

my %installed;
File::Find::find( { no_chdir => 1, wanted => sub { $installed{s{^\Q$dir\E}{}r} = $_ if -f } }, "$dir" );

for my $suffix (
    qw( /bin/memd /bin/memd.pl /share/bash-completion/completions/memd /share/zsh/site-functions/_memd
    /share/fish/vendor_completions.d/memd.fish ),
    @manuals
  )
{
    my @found = grep { /\Q$suffix\E\z/ } keys %installed;
    is @found, 1, $suffix;
    ok -s $installed{ $found[0] }, 'is not empty' if @found;
}
is_deeply [ grep { /perl::lib/ } keys %installed ], [], 'no manual under the name of a directory';
my ($memd) = grep { m{/bin/memd\z} } keys %installed;
is `$installed{$memd} --version` =~ /^memd \d/, 1, 'it runs' if $memd;
my ($pl) = grep { m{/bin/memd\.pl\z} } keys %installed;
like `$^X $installed{$pl} -s none 2>&1`, qr/^memd: /, 'memd.pl finds it beside itself' if $pl;

done_testing;
