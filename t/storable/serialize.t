# Apache::Session::Serialize::Memorycached: the codec for any Apache::Session
# class. Sessions go back and forth between it and Apache::Session's own
# serializer of Storable.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Apache::Session::Flex;
use Apache::Session::Serialize::Storable;
use File::Temp   ();
use Scalar::Util qw(refaddr);
use Apache::Session::Serialize::Memorycached;
use Fixture::Backends;
use Fixture::Session;
use Fixture::Storable ();

my $serializer = 'Apache::Session::Serialize::Memorycached';

sub serialized {
    my ($data) = @_;
    my $session = { data => $data };
    Apache::Session::Serialize::Memorycached::serialize($session);
    return $session->{serialized};
}

sub unserialized {
    my ( $bytes, %arguments ) = @_;
    my $session = { serialized => $bytes, args => \%arguments };
    Apache::Session::Serialize::Memorycached::unserialize($session);
    return $session->{data};
}

my %content = (
    text   => "sm\x{263a}le",
    list   => [ 1, [ 2, 'three' ], undef, 4.5 ],
    tree   => { a => { b => { c => \'x' } } },
    object => bless( { n => 1 }, 'App::User' ),
);

# A session by a class of Apache::Session, from id to id.
sub stored {
    my ( $arguments, %content ) = @_;
    tie my %session, 'Apache::Session::Flex', undef, $arguments;
    my $id = $session{_session_id};
    @session{ keys %content } = values %content;
    untie %session;
    return $id;
}

sub loaded {
    my ( $arguments, $id ) = @_;
    tie my %session, 'Apache::Session::Flex', $id, $arguments;
    my %copy = %session;
    untie %session;
    return \%copy;
}

subtest 'the two functions' => sub {
    ok serialized( \%content ) eq Storable::nfreeze( \%content ), 'serialize is nfreeze';
    is_deeply unserialized( serialized( \%content ) ),        \%content, 'unserialize is thaw';
    is_deeply unserialized( Storable::nfreeze( \%content ) ), \%content, 'of what Storable froze';
    is_deeply unserialized( Storable::freeze( \%content ) ),  \%content, 'in whatever order';
};

subtest 'sessions in files' => sub {
    my $dir  = File::Temp->newdir;
    my %flex = ( Store => 'File', Lock => 'Null', Generate => 'MD5', Directory => "$dir" );
    my %by   = map { $_ => { %flex, Serialize => $_ } } qw(Memorycached Storable);
    for my $writer ( sort keys %by ) {
        for my $reader ( sort keys %by ) {
            my $id = stored( $by{$writer}, %content );
            is_deeply loaded( $by{$reader}, $id ), { %content, _session_id => $id }, "$writer writes, $reader reads";
        }
    }
    my $id = stored( $by{Memorycached}, %content );
    like error_of { loaded( { %{ $by{Memorycached} }, classes => [] }, $id ) },
      qr/\bclass App::User is not allowed by classes at \Q$0\E line/, 'classes is an argument of the session';
    is ref loaded( { %{ $by{Memorycached} }, classes => ['App::User'] }, $id )->{object}, 'App::User',
      'which may allow';
    like error_of { loaded( { %{ $by{Memorycached} }, max_size => 10 }, $id ) }, qr/\b10\b/, 'as is max_size';
    like error_of { loaded( { %{ $by{Memorycached} }, max_depth => 2 }, $id ) }, qr/^Max\. recursion depth/,
      'and max_depth';

    my $bad = stored( $by{Memorycached}, a => 1 );
    open my $file, '>', "$dir/$bad" or die $!;
    print {$file} 'damaged';
    close $file;
    like error_of { loaded( $by{Memorycached}, $bad ) }, qr/ at \Q$0\E line/, 'damaged data is an error at our line';
};

on_each_backend {
    my ( $arguments, $server ) = @_;
    my %flex = ( %$arguments, Store => 'Memorycached', Lock => 'Memorycached', Generate => 'Memorycached' );
    my %by   = map { $_ => { %flex, Serialize => $_ } } qw(Memorycached Storable);

    subtest 'sessions in our store' => sub {
        for my $writer ( sort keys %by ) {
            for my $reader ( sort keys %by ) {
                my $id = stored( $by{$writer}, %content );
                is_deeply loaded( $by{$reader}, $id ), { %content, _session_id => $id },
                  "$writer writes, $reader reads";
            }
        }
        my $id = stored( $by{Memorycached}, %content );
        is_deeply contents( $arguments, $id ), { %content, _session_id => $id }, 'the tie class reads them';
        is_deeply loaded( $by{Memorycached}, create( $arguments, a => 1 ) )->{a}, 1, 'and they its';
        is $server->item($id)->{flags}, 1, 'they have the flag of Storable' if $server;
    };

    subtest 'two requests: both changes survive' => sub {
        my $id = stored( $by{Memorycached}, a => 1, b => 1 );
        tie my %first,  'Apache::Session::Flex', $id, $by{Memorycached};
        tie my %second, 'Apache::Session::Flex', $id, $by{Storable};
        $first{a}  = 'first';
        $second{b} = 'second';
        untie %first;
        untie %second;
        is_deeply loaded( $by{Memorycached}, $id ), { _session_id => $id, a => 'first', b => 'second' }, 'merged';
    };
};

subtest 'what is no session' => sub {
    my $text = qr/^Session could not be unserialized at \Q$0\E line/;
    like error_of { unserialized(undef) },                            $text, 'nothing';
    like error_of { unserialized( Fixture::Storable::nfreeze($_) ) }, $text, 'a frozen ' . ref $_ for [1], \'text', \\1;
    like error_of { unserialized('text') },                           qr/ at /, 'other bytes';
    like error_of { serialized($_) }, qr/^not a reference at /,                 $_ // 'undef' for undef, 'text';
};

subtest 'what fails leaves the session as it is' => sub {
    my $session = { data => { a => sub { 1 } }, serialized => 'before' };
    like error_of { Apache::Session::Serialize::Memorycached::serialize($session) }, qr/^Can't store CODE items at/,
      'serialize dies';
    is $session->{serialized}, 'before', 'serialized is as it was';
    my $data = { a => 1 };
    $session = { data => $data, serialized => 'damaged' };
    ok error_of { Apache::Session::Serialize::Memorycached::unserialize($session) }, 'unserialize dies';
    is refaddr $session->{data}, refaddr $data, 'data is as it was';
};

subtest 'Storable\'s variables' => sub {
    my $bytes = serialized( \%content );
    local $Storable::flags = 0;
    is ref unserialized($bytes)->{object}, 'HASH', '$flags';
    local $Storable::canonical = 1;
    ok serialized( \%content ) eq Storable::nfreeze( \%content ), '$canonical';
};

done_testing;
