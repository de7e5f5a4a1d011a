# The tied hash is a hash: every operation of Perl's on it does what it does on
# any other hash, beside a plain one that goes through the same.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Fixture::Backends;
use Fixture::Session;

my @operations = (
    store  => sub { $_[0]{a}            = 1 },
    again  => sub { $_[0]{a}            = 2 },
    list   => sub { @{ $_[0] }{qw(b c)} = ( [1], {} ); 'done' },
    fetch  => sub { $_[0]{b}[0] },
    absent => sub { $_[0]{none} },
    exists => sub {
        join ',', map { exists $_[0]{$_} ? 1 : 0 } qw(a none);
    },
    delete => sub { delete $_[0]{a} },
    twice  => sub { delete $_[0]{a} },
    slice  => sub {
        join ',', map { defined $_ ? 1 : 0 } delete @{ $_[0] }{qw(b none)};
    },
    increment => sub { $_[0]{n}++;                         ++$_[0]{n} },
    append    => sub { $_[0]{t} .= 'x' for 1 .. 3;         $_[0]{t} },
    vivify    => sub { push @{ $_[0]{new}{deep}[2] }, 'x'; scalar @{ $_[0]{new}{deep} } },
    local     => sub {
        my ($hash) = @_;
        { local $hash->{n} = 'local'; $hash->{n} eq 'local' or die }
        $hash->{n};
    },
    alias     => sub { $_    = "<$_>" for $_[0]{t}; $_[0]{t} },
    foreach   => sub { my $n = 0; $n++ for values %{ $_[0] }; $n },
    undefined => sub { undef $_[0]{t}; exists $_[0]{t} ? 1 : 0 },
    keys      => sub { join ',', sort keys %{ $_[0] } },
    count     => sub { scalar keys %{ $_[0] } },
    truth     => sub { %{ $_[0] } ? 'full' : 'empty' },
    each      => sub {
        my ( $hash, %seen ) = @_;
        while ( my ( $key, $value ) = each %$hash ) { $seen{$key}++ }
        join ',', map { "$_=$seen{$_}" } sort keys %seen;
    },
    'delete while iterating' => sub {
        my ($hash) = @_;
        while ( my ($key) = each %$hash ) { delete $hash->{$key} if $key eq 'c' }
        join ',', sort keys %$hash;
    },
    'numeric key' => sub { $_[0]{7}          = 'seven'; $_[0]{'7'} },
    'empty key'   => sub { $_[0]{''}         = 'empty'; $_[0]{''} },
    'wide key'    => sub { $_[0]{"\x{263a}"} = 'wide';  $_[0]{"\x{263a}"} },
    'latin key'   => sub {
        my ( $hash, $key ) = ( $_[0], "\xe9" );
        $hash->{$key} = 'latin';
        utf8::upgrade($key);
        $hash->{$key};
    },
    'magic value' => sub { 'abc' =~ /(b)/; $_[0]{match} = $1; 'x' =~ /x/; $_[0]{match} },
);

on_each_backend {
    my ($arguments) = @_;
    tie my %session, 'Apache::Session::Memorycached', undef, $arguments;
    my %plain = ( _session_id => $session{_session_id} );

    my @left = @operations;
    while ( my ( $name, $operation ) = splice @left, 0, 2 ) {
        my @results = map { scalar $operation->($_) } \%session, \%plain;
        is $results[0], $results[1], $name;
        is_deeply { %session }, \%plain, "$name: the same content";
    }

    my $id = $session{_session_id};
    untie %session;
    is_deeply contents( $arguments, $id ), \%plain, 'and so it is stored';

    subtest 'clear' => sub {
        tie my %again, 'Apache::Session::Memorycached', $id, $arguments;
        %again = ();
        is scalar( grep { $_ ne '_session_id' } keys %again ), 0, 'empty';
        ok !%again || join( q{}, keys %again ) eq '_session_id', 'in boolean context';
    };
};

done_testing;
