package Bench::Data;

# What is stored, frozen and thawed: four sessions, each hard in its own way.
#
#     for my $shape (shapes) { print "$shape->{name}\n"; work_on( $shape->{data} ) }

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(shapes visitor login text);

sub shapes {
    return (
        { name => 'a login',               data => login() },
        { name => '1,000 integers',        data => { numbers => [ 1 .. 1_000 ] } },
        { name => '100 KB of text',        data => text() },
        { name => 'a tree of 255 objects', data => tree(7) },
    );
}

# What an application keeps of someone who looks around …
sub visitor {
    return { visits => 3, language => 'en', theme => 'dark', cart => { 4711 => 2 }, seen => [ 1 .. 5 ] };
}

# … and of someone who signed in: 40 short fields, and the groups that they are in.
sub login {
    my %login = map { ( sprintf( 'field%02d', $_ ) => "the value of field $_" ) } 1 .. 40;
    $login{groups} = [ map { { name => "group $_", id => $_, roles => [qw(reader writer)] } } 1 .. 8 ];
    return \%login;
}

sub text { return { text => 'All work and no play. ' x 4_655 } }

sub tree {
    my ($height) = @_;
    my @below = $height ? map { tree( $height - 1 ) } 1 .. 2 : ();
    return bless { name => "node $height", below => \@below }, 'Bench::Data::Node' . $height % 3;
}

1;
