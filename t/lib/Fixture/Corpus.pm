package Fixture::Corpus;

# Structures to freeze and thaw: each kind of value that Perl has, each kind
# beside each other, and objects as applications keep them.
#
#     for my $chapter ( chapters() ) {
#         Fixture::Needs->import( @{ $chapter->{needs} } );
#         for ( @{ $chapter->{structures} } ) {
#             my ( $name, $build, %option ) = @$_;
#             my $structure = $build->();    # a fresh one at each call
#         }
#     }
#
# The options say what is special:
#
#     set       Storable's variables, by name, that must be set meanwhile
#     refused   freezing it dies: of a text like this, or an object of this class
#     unread    thawing it dies, likewise
#     any       whether it is refused depends on what Storable was built for
#     addresses it holds addresses as numbers: these are all alike
#     differs   we do otherwise, on purpose: why, and a check of what we make of
#               our own image of it
#
# The classes of the corpus are beside it, as are `Portrait`, which compares
# structures, and `Outcome`, which compares calls.

use strict;
use warnings;

use Exporter qw(import);
use Fixture::Corpus::Arrays;
use Fixture::Corpus::Code;
use Fixture::Corpus::Hashes;
use Fixture::Corpus::HookFaults;
use Fixture::Corpus::Hooks;
use Fixture::Corpus::Objects;
use Fixture::Corpus::Pairs;
use Fixture::Corpus::References;
use Fixture::Corpus::Regexps;
use Fixture::Corpus::Scalars;
use Fixture::Corpus::Shipped;
use Fixture::Corpus::Ties;
use Fixture::Corpus::Variables;

our @EXPORT = qw(chapters);

sub chapters {
    my @own = map {
        my $chapter = "Fixture::Corpus::$_";
        { title => $_, structures => [ $chapter->structures ] };
    } qw(Scalars Arrays Hashes References Objects Regexps Code Ties Hooks HookFaults Variables Pairs);
    return ( @own, Fixture::Corpus::Shipped::chapters() );
}

1;
