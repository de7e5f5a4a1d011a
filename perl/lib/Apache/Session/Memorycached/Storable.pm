package Apache::Session::Memorycached::Storable;

use 5.020;
use strict;
use warnings;

our $VERSION = '3.000';

use Carp     qw(croak);
use Exporter qw(import);
use Storable ();

use Apache::Session::Memorycached::Native ();
use Apache::Session::Memorycached::Storable::File qw(read_all replace overwrite_locked);

use constant {
    BLESS_OK     => 2,
    TIE_OK       => 4,
    FLAGS_COMPAT => 6,
};

our @EXPORT    = qw(store retrieve);
our @EXPORT_OK = qw(
  freeze nfreeze thaw dclone nstore lock_store lock_nstore lock_retrieve
  BLESS_OK TIE_OK FLAGS_COMPAT
);
our %EXPORT_TAGS = ( all => [ @EXPORT, @EXPORT_OK ] );

# Storable's variables under our name, too. Whole globs: `local` separates two that share no more than a scalar.
BEGIN {
    no strict 'refs';
    *{$_} = *{"Storable::$_"} for qw(
      canonical forgive_me Deparse Eval flags accept_future_minor recursion_limit recursion_limit_hash
    );
}
{ package Storable; our ( $Deparse, $Eval ) }    # which it does not declare itself

# freeze, nfreeze, thaw, dclone, _file_image, _thaw_file and _limits are native.

# Storable's own limits protect its C stack, which is not used here. Only what a program has set is obeyed.
_limits( $Storable::recursion_limit, $Storable::recursion_limit_hash );

sub store       { return _store( \&replace,          0, @_ ) }
sub nstore      { return _store( \&replace,          1, @_ ) }
sub lock_store  { return _store( \&overwrite_locked, 0, @_ ) }
sub lock_nstore { return _store( \&overwrite_locked, 1, @_ ) }

sub retrieve      { return _retrieve( 0, @_ ) }
sub lock_retrieve { return _retrieve( 1, @_ ) }

sub _store {
    my ( $write, $network_order, $reference, $file ) = @_;
    croak 'not a reference'       if !ref $reference;
    croak 'wrong argument number' if @_ != 4;
    $write->( $file, _for_caller( \&_file_image, $reference, $network_order ) );
    return 1;
}

sub _retrieve {
    my ( $locked, $file, @options ) = @_;
    return _for_caller( \&_thaw_file, read_all( $file, $locked ), @options );
}

# A native function's own errors name the line that calls it, which is here. Those of hooks name theirs.
sub _for_caller {
    my ( $native, @arguments ) = @_;
    my ( $result, $error );
    {
        local $@;
        eval { $result = $native->(@arguments); 1 } and return $result;
        $error = $@;
    }
    croak $1 if $error =~ m{\A(.*) at \Q${\ __FILE__ }\E line [0-9]+(?:, <.*> (?:line|chunk) [0-9]+)?\.\n\z}s;
    die $error;
}

1;
