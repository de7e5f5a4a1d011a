package Fixture::Corpus::Shipped;

# Objects as applications keep them in sessions: of classes that come with perl,
# and of those that distributions pack for it.

use strict;
use warnings;

use Fixture::Corpus::Newer;

# What comes with perl; then one chapter for each module that may be missing.
sub chapters {
    return (
        { title => 'classes that come with perl', structures => [ numbers(), moments(), containers(), others() ] },
        map { { title => "objects of $_->[0]", needs => [ $_->[0] ], structures => [ named( @$_[ 1 .. $#$_ ] ) ] } }
          packed(),
    );
}

# A name, then what builds the structure, or a list of that and its options.
sub named {
    my @pairs = @_;
    my @structures;
    while ( my ( $name, $build ) = splice @pairs, 0, 2 ) {
        push @structures, [ $name, ref $build eq 'ARRAY' ? @$build : $build ];
    }
    return @structures;
}

sub numbers {
    require Math::BigFloat;
    require Math::BigInt;
    require Math::BigRat;
    require Math::Complex;
    return named(
        'a Math::BigInt'      => sub { [ Math::BigInt->new('123456789012345678901234567890') ] },
        'small Math::BigInts' => sub {
            [ map { Math::BigInt->new($_) } 0, 1, -1, 'NaN', 'inf', '-inf' ]
        },
        'a Math::BigInt that was used'   => sub { my $n = Math::BigInt->new(2); [ $n**200, $n, "$n", $n + 1 ] },
        'a Math::BigInt of 1,000 digits' => sub { Math::BigInt->new( '9' x 1_000 ) },
        'a Math::BigFloat'               =>
          sub { [ Math::BigFloat->new('3.14159265358979323846264338'), Math::BigFloat->new('-1e-50') ] },
        'a Math::BigFloat, rounded'    => sub { Math::BigFloat->new(2)->bsqrt(30) },
        'a Math::BigRat'               => sub { [ Math::BigRat->new('3/4'),       Math::BigRat->new('-22/7') ] },
        'numbers of bigint and bignum' => sub { [ eval 'use bigint; (2**100, 5)', eval 'use bignum; (0.1, 1e50)' ] },
        'a Math::Complex' => sub { [ Math::Complex->make( 1, -2 ), sqrt( Math::Complex->make( -1, 0 ) ) ] },
    );
}

sub moments {
    require File::stat;
    require Time::Piece;
    require Time::Seconds;
    require Time::gmtime;
    return named(
        'a Time::Piece'         => sub { [ Time::Piece::gmtime(1_700_000_000), Time::Piece::localtime(0) ] },
        'a Time::Piece, parsed' => sub { Time::Piece->strptime( '2024-02-29 12:30:00', '%Y-%m-%d %H:%M:%S' ) },
        'a Time::Seconds' => sub { [ Time::Seconds->new(3_600), Time::Piece::gmtime(9) - Time::Piece::gmtime(1) ] },
        'a Time::gmtime'  => sub { Time::gmtime::gmtime(86_400) },
        'a File::stat'    => sub { File::stat::populate( 1 .. 13 ) },
    );
}

sub containers {
    require Hash::Util::FieldHash;
    require Tie::Array;
    require Tie::Hash;
    require Tie::RefHash;
    require Tie::Scalar;
    require Tie::SubstrHash;
    return named(
        'a Tie::StdHash'    => sub { tie my %hash,  'Tie::StdHash';  %hash  = ( a => 1, b => [2] ); \%hash },
        'a Tie::StdArray'   => sub { tie my @array, 'Tie::StdArray'; @array = ( 1, [2], 3 ); \@array },
        'a Tie::StdScalar'  => sub { tie my $scalar, 'Tie::StdScalar', 5; \$scalar },
        'a Tie::ExtraHash'  => sub { tie my %hash, 'Tie::ExtraHash'; %hash = ( a => 1 ); \%hash },
        'a Tie::SubstrHash' => sub { tie my %hash, 'Tie::SubstrHash', 2, 3, 5; $hash{ab} = 'xyz'; \%hash },
        'a Tie::RefHash'    => [
            sub { tie my %hash, 'Tie::RefHash'; my $key = ['key']; $hash{$key} = 'value'; [ \%hash, $key ] },
            addresses => 1
        ],
        'a Tie::RefHash of several keys' =>
          [ sub { tie my %hash, 'Tie::RefHash'; $hash{$_} = 1 for [], 'plain'; \%hash }, addresses => 1 ],
        'a Tie::RefHash::Nestable' => sub { tie my %hash, 'Tie::RefHash::Nestable'; $hash{a} = { b => 1 }; \%hash },
        'an empty Tie::RefHash'    => sub { tie my %hash, 'Tie::RefHash'; \%hash },
        'a field hash'             => sub { Hash::Util::FieldHash::fieldhash( my %hash ); $hash{a} = 1; \%hash },
        'an id hash'               => sub { Hash::Util::FieldHash::idhash( my %hash );    $hash{a} = 1; \%hash },
    );
}

sub others {
    require Class::Struct;
    require Compress::Raw::Zlib;
    require Encode;
    require File::Temp;
    require IO::File;
    require JSON::PP;
    require POSIX;
    require version;
    Class::Struct::struct( 'Fixture::Corpus::Struct' => [ name => '$', list => '@' ] )
      if !Fixture::Corpus::Struct->can('new');
    my $glob = qr/^Can't store GLOB items/;
    return named(
        'a version' => sub {
            [ map { version->parse($_) } '1.2.3', 'v5.36.0', '1.05', '0' ]
        },
        'a version, declared' => sub { [ version->declare('1.2'), version->new(1.5), $^V ] },
        'a JSON::PP::Boolean' => sub { [ JSON::PP::true(),        JSON::PP::false(), JSON::PP::true() ] },
        'what JSON::PP reads' =>
          sub { JSON::PP->new->decode('{"a":[1,2.5,"x",true,null],"b":{"c":1e3,"d":"\u0100"}}') },
        'a JSON::PP'            => [ sub { JSON::PP->new->canonical->pretty }, any => 1 ],   # before 4.0, it holds code
        'an encoding'           => sub { [ Encode::find_encoding('UTF-8') ] },
        'an encoding by tables' => [
            sub { [ Encode::find_encoding('utf-16le') ] },
            Fixture::Corpus::Newer::boolean( sub { ref $_[0][0] eq 'Encode::Unicode' } )
        ],
        'a set of signals'                => sub { [ POSIX::SigSet->new( POSIX::SIGINT() ) ] },
        'a Class::Struct'                 => sub { Fixture::Corpus::Struct->new( name => 'x', list => [ 1, 2 ] ) },
        'a Benchmark'                     => sub { bless [ 1.5, 0.5, 0.25, 0, 0, 10 ], 'Benchmark' },
        'a file of IO::File'              => [ sub { [ IO::File->new( __FILE__, 'r' ) ] }, refused => $glob ],
        'a File::Temp'                    => [ sub { [ File::Temp->new ] },                refused => $glob ],
        'a directory of File::Temp'       => sub { bless { DIRNAME => '/nowhere', CLEANUP => 0 }, 'File::Temp::Dir' },
        'a stream of Compress::Raw::Zlib' => [
            sub { [ Compress::Raw::Zlib::Deflate->new ] },
            refused => qr/^Cannot freeze Compress::Raw::Zlib::deflateStream object/
        ],
    );
}

# name, then the structures of the chapter
sub packed {
    return (
        [
            URI                 => 'a URI' => sub { URI->new('http://user@example.org:8080/a/b?c=d#e') },
            'URIs of each kind' => sub {
                [ map { URI->new($_) } 'http://a/', 'https://b/', 'mailto:x@example.org', 'urn:isbn:1', 'a/b' ]
            },
            'one URI twice'                     => sub { my $uri = URI->new('ftp://a/'); { a => $uri, b => [$uri] } },
            'a URI that is relative to another' => sub { [ URI->new_abs( '../x', 'http://a/b/c/d' ) ] },
            'a URI in UTF-8'                    => sub { [ URI->new("http://a/\x{100}?\x{e9}") ] },
        ],
        [
            'Hash::MultiValue' => 'a Hash::MultiValue' => sub { Hash::MultiValue->new( a => 1, b => 2, a => 3 ) },
            'one Hash::MultiValue twice'       => sub { my $hash = Hash::MultiValue->new( a => 1 ); [ $hash, $hash ] },
            'a Hash::MultiValue of references' =>
              sub { Hash::MultiValue->new( a => [1], a => { b => 2 }, "\x{100}" => 3 ) },
        ],
        [
            'HTTP::Request' => 'a HTTP::Request' => sub {
                require HTTP::Request;
                HTTP::Request->new( GET => 'http://a/b', [ 'X-Y' => 1, 'X-Y' => 2 ], 'body' );
            },
            'a HTTP::Response to it' =>
              sub { require HTTP::Response; HTTP::Response->new( 404, 'Not Found', [ A => 'b' ], "text\n" ) },
        ],
        [
            'HTTP::Cookies' => 'a HTTP::Cookies' =>
              sub { my $jar = HTTP::Cookies->new; $jar->set_cookie( 0, 'a', 'b', '/', 'example.org' ); $jar }
        ],
        [
            'HTML::TreeBuilder' => 'a tree of HTML' =>
              sub { HTML::TreeBuilder->new_from_content('<p>a<b>c</b><a href="x">d</a></p>') }
        ],
        [
            'CGI::Cookie' => 'a CGI::Cookie' =>
              sub { CGI::Cookie->new( -name => 'a', -value => [ 1, 2 ], -path => '/' ) }
        ],
        [
            'JSON::XS' => 'what JSON::XS reads' =>
              sub { JSON::XS->new->decode('{"a":[1,2.5,"x",true,false,null],"b":"\u0100"}') }
        ],
        [
            'Types::Serialiser' => 'true, false and error of Types::Serialiser' =>
              sub { [ $Types::Serialiser::true, $Types::Serialiser::false ] }
        ],
        [ 'Error' => 'an Error' => sub { Error::Simple->new( 'message', 5 ) } ],
        [
            'DB_File' => 'a DB_File' => [
                sub {
                    tie my %hash, 'DB_File', undef, Fcntl::O_RDWR() | Fcntl::O_CREAT(), oct 600, $DB_File::DB_HASH
                      or die $!;
                    \%hash;
                },
                refused => qr/^Cannot freeze DB_File object/
            ]
        ],
        [
            'DateTime' => 'a DateTime' =>
              sub { DateTime->new( year => 2024, month => 2, day => 29, time_zone => 'Europe/Berlin' ) },
            'a DateTime::Duration'        => sub { DateTime::Duration->new( days => 3 ) },
            'DateTimes that share a zone' => sub {
                [ map { DateTime->new( year => $_, time_zone => 'UTC' ) } 2000 .. 2003 ]
            },
        ],
        [ 'Set::Object' => 'a Set::Object' => [ sub { Set::Object->new( 1, 'a', [2] ) }, addresses => 1 ] ],
    );
}

1;
