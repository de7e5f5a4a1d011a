# The Perl code is as perltidy leaves it, by the project's .perltidyrc.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Needs 'Perl::Tidy';
use Test::More;

use File::Find ();

plan skip_all => 'no .perltidyrc' if !-e '.perltidyrc';

# Each release of perltidy leaves some files otherwise than the one before.
my $RELEASE = 20220613;
plan skip_all => "perltidy is $Perl::Tidy::VERSION, not $RELEASE" if $Perl::Tidy::VERSION != $RELEASE;

my @files;
File::Find::find(
    {
        no_chdir => 1,
        wanted   => sub { push @files, $_ if /\.(?:pm|pl|t)\z/ },
    },
    grep { -d } qw(perl t xt)
);

for my $file ( sort @files ) {
    open my $handle, '<:raw', $file or die "$file: $!";
    my $source = do { local $/; <$handle> };
    my $tidy   = '';
    my $failed = Perl::Tidy::perltidy(
        argv        => [],
        source      => \$source,
        destination => \$tidy,
        perltidyrc  => '.perltidyrc',
        stderr      => \my $errors,
    );
    ok !$failed && $tidy eq $source, $file;
}

done_testing;
