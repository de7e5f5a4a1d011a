# What programs do with a Cache::Memcached or a Cache::Memcached::Fast beside
# storing values: no servers at first, arguments that are read back, arguments
# of other clients.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Fixture::Needs 'memcached';
use Test::More;

use Apache::Session::Memorycached::Client;
use Fixture::Memcached;
use Fixture::Session qw(warnings_of error_of);

my $class  = 'Apache::Session::Memorycached::Client';
my $server = Fixture::Memcached->start;

subtest 'no servers' => sub {
    my $memd = $class->new( { servers => [] } );
    my @told = warnings_of {
        is $memd->$_('key'), undef, $_ for qw(get gets incr decr);
        ok !$memd->$_( 'key', 1 ),     $_ for qw(set add replace append prepend touch);
        ok !$memd->cas( 'key', 1, 2 ), 'cas';
        ok !$memd->delete('key'),      'delete';
        is_deeply $memd->get_multi(qw(a b)), {},                  'get_multi';
        is_deeply [ $memd->set_multi( [ a => 1 ], [ b => 2 ] ) ], [ '', '' ], 'set_multi';
        is_deeply $memd->server_versions, {},                     'server_versions';
        is $memd->each_key( '', sub { } ), 0, 'each_key';
        is_deeply [ sort keys %{ $memd->stats } ], ['self'], 'stats';
        ok $memd->flush_all, 'flush_all';
    };
    is_deeply \@told, [], 'that is no error';
    is $memd->error, undef, 'neither here';
    $memd->set_servers( [ $server->address ] );
    ok $memd->set( key => 'value' ), 'until there are some';
    is $memd->get('key'), 'value', 'which are asked';
    $memd->set_servers( [] );
    is $memd->get('key'), undef, 'and can be taken away';
    like error_of { $class->new( servers => [ [ $server->address, 0 ] ] ) }, qr/^argument servers: takes/,
      'only servers without a weight are still refused';
};

subtest 'arguments are kept' => sub {
    my %given = ( servers => [ $server->address ], debug => 3, namespace => 'n:', nowait => 1, io_timeout => 2 );
    my $memd  = $class->new( {%given} );
    is_deeply { %$memd }, \%given, 'as they were given';
    $memd->set_debug(0);
    is $memd->{debug}, 0, 'and changed';
    $memd->set_readonly(1);
    is $memd->{readonly}, 1, 'by each call that does';
    $memd->$_(1) for qw(set_pref_ip set_stat_callback set_cb_connect_fail);
    is_deeply [ $memd->nowait_push ], [], 'nowait_push returns nothing';
};

subtest 'arguments that are not known' => sub {
    my %given = ( servers => [ $server->address ], what_is_this => 1 );
    is scalar( warnings_of { $class->new(%given) } ), 1, 'warn';
    is_deeply [ warnings_of { $class->new( %given, check_args => 'skip' ) } ], [], 'but not with check_args => skip';
    is_deeply [ warnings_of { $class->new( %given, check_args => 'Skip' ) } ], [], 'in any case';
    is scalar( warnings_of { $class->new( %given, check_args => undef ) } ), 1, 'with another value they do';
    like error_of { $class->new( %given, check_args => 'skip', on_error => 'never' ) }, qr/^argument on_error/,
      'what is wrong still dies';
};

done_testing;
