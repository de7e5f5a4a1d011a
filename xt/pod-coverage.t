# Every public method of every module is documented. Run it with `prove -b xt`.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Needs 'Test::Pod::Coverage';
use Test::More;

use File::Find ();

# Perl's own names for a tied hash are documented in perltie, and those that the
# parts of an Apache::Session have in Apache::Session.
my @interface = (
    qr/^(?:SCALAR|UNTIE|CLONE)$/,
    qr/^(?:new|insert|update|materialize|remove|close|clean)$/,
    qr/^(?:acquire|release)_(?:read|write|all)_locks?$/,
    qr/^(?:generate|validate|populate|serialize|unserialize)$/,
);

my @modules;
File::Find::find(
    {
        no_chdir => 1,
        wanted   => sub {
            push @modules, $1 =~ s{/}{::}gr if m{^perl/lib/(.*)\.pm\z};
        },
    },
    'perl/lib'
);

plan tests => scalar @modules;
Test::Pod::Coverage::pod_coverage_ok( $_, { trustme => \@interface } ) for sort @modules;
