package Fixture::Needs;

# What a test file can't do without: modules, programs, or `threads`. A module may be needed in a version ('Storable 3').
#
#     use Fixture::Needs qw(memcached Cache::Memcached);
#
# On a developer's machine a file that lacks something is skipped. Where CI is
# set everything should be there, so a lack is a failure.

use strict;
use warnings;

use Config;
use File::Spec;
use Test::More ();

sub import {
    my ( $class, @needs ) = @_;
    for my $need (@needs) {
        next                                    if has($need);
        die "$need is missing, and CI is set\n" if $ENV{CI};
        Test::More::plan( skip_all => "$need is not installed" );
    }
    return;
}

sub has {
    my ($need) = @_;
    return $Config{useithreads} && has_module($need) if $need eq 'threads';
    return has_module($need)                         if $need =~ /^[A-Z]/;
    return defined program($need);
}

sub has_module {
    my ( $module, $version ) = split / /, $_[0];
    ( my $file = "$module.pm" ) =~ s{::}{/}g;
    return eval { require $file; $module->VERSION($version) if defined $version; 1 };
}

sub program {
    my ($name) = @_;
    for my $dir ( File::Spec->path, qw(/usr/bin /usr/local/bin /usr/sbin) ) {
        my $file = File::Spec->catfile( $dir, $name );
        return $file if -x $file && !-d _;
    }
    return;
}

1;
