package Fixture::Backends;

# The same promises on both backends: runs a block as a subtest on memcached
# and on the embedded store, each empty, with the arguments for `tie`.
#
#     on_each_backend {
#         my ($arguments) = @_;    # { servers => […] }
#         …
#     };

use strict;
use warnings;

use Exporter 'import';
use File::Temp ();
use Test::More;
use Fixture::Memcached;
use Fixture::Needs ();

our @EXPORT = qw(on_each_backend);

sub on_each_backend (&) {
    my ($block) = @_;
    subtest embedded => sub {
        my $dir = File::Temp->newdir;
        $block->( { servers => ["embedded:$dir/sessions"] } );
    };
    subtest memcached => sub {
        Fixture::Needs->import('memcached');
        my $server = Fixture::Memcached->start;
        $block->( { servers => [ $server->address ] }, $server );
    };
    return;
}

1;
