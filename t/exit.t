# However a process ends, what its sessions hold is saved, and it ends well: at
# the end of the program, `exit`, `die`, with sessions in lexicals and in package
# variables, which Perl destroys last, when much else is gone.

use strict;
use warnings;
use lib 't/lib';
use Fixture::Watchdog limit => 60;
use Test::More;

use Fixture::Backends;
use Fixture::Child;
use Fixture::Session;

my %endings = (
    'the end of the program' => q{},
    'exit'                   => q{ exit 0; },
    'exit in a function'     => q{ sub leave { exit 0 } leave(); },
    'die'                    => q{ $SIG{__WARN__} = sub { }; close STDERR; die 'the end'; },
    'an END block'           => q{ END { $session{late} = 1 } },
);

on_each_backend {
    my ($arguments) = @_;
    my $server = $arguments->{servers}[0];

    for my $scope (qw(my our)) {
        for my $ending ( sort keys %endings ) {
            my $id    = create( $arguments, a => { b => 1 } );
            my $child = in_perl( <<"END", $server, $id );
                use Apache::Session::Memorycached;
                $scope %session;
                tie %session, 'Apache::Session::Memorycached', \$ARGV[1],
                    { servers => [ \$ARGV[0] ] };
                \$session{a}{b} = 2;
                $endings{$ending}
END
            is $child->finish, '', "$ending, $scope: without a word";
            is contents( $arguments, $id )->{a}{b}, 2, 'and it is saved';
            is contents( $arguments, $id )->{late}, 1, 'with what END did'
              if $ending =~ /END/;
        }
    }

    subtest 'not saved by POSIX::_exit, of course, but nothing is harmed' => sub {
        my $id    = create( $arguments, a => 1 );
        my $child = in_fork {
            tie my %session, 'Apache::Session::Memorycached', $id, $arguments;
            $session{a} = 2;
            POSIX::_exit(0);
        };
        eval { $child->finish };
        is contents( $arguments, $id )->{a}, 1, q{what was there is there};
    };
};

done_testing;
