package Bench::Machine;

# What results depend on: the processor, and the version of each program and
# module that was measured. Nothing in it names the machine.
#
#     print "$_->[0]: $_->[1]\n" for facts;

use strict;
use warnings;

use Config;
use Exporter 'import';
use POSIX ();

our @EXPORT_OK = qw(facts);

my @MODULES = qw(
  Apache::Session::Memorycached Apache::Session::Memcached Cache::Memcached Cache::Memcached::Fast
  Storable Sereal::Encoder Sereal::Decoder
);

sub facts {
    my @cpuinfo     = lines('/proc/cpuinfo');
    my $count       = grep { /^processor\s*:/ } @cpuinfo;
    my ($model)     = map  { /^model name\s*:\s*(.*)/ } @cpuinfo;
    my ($load)      = map  { ( split / / )[0] } lines('/proc/loadavg');
    my ($memcached) = `memcached -V` =~ /([\d.]+)/;
    return (
        [ 'processors',                      join( ' x ', $count || 'unknown', $model // $Config{archname} ) ],
        [ 'load average when this was over', $load // 'unknown' ],
        [ 'kernel',    ( POSIX::uname() )[0] . ' ' . ( POSIX::uname() )[2] =~ s/^(\d+\.\d+).*/$1/r ],
        [ 'perl',      sprintf '%vd', $^V ],
        [ 'memcached', $memcached // 'unknown' ],
        map { [ $_ => version($_) ] } @MODULES,
    );
}

sub version {
    my ($module) = @_;
    ( my $file = "$module.pm" ) =~ s{::}{/}g;
    return eval { require $file; $module->VERSION } // 'unknown';
}

sub lines {
    my ($file) = @_;
    open my $handle, '<', $file or return;
    chomp( my @lines = <$handle> );
    return @lines;
}

1;
