package Apache::Session::Memorycached::Client;

use 5.020;
use strict;
use warnings;

our $VERSION = '3.000';

use Carp qw(carp croak);

use Apache::Session::Memorycached::Native ();

# new, get, gets, gat, gats, set, add, replace, cas, append, prepend, delete, touch, incr, decr, each of them with _multi,
# remove, error, each_key, enable_compress and disconnect_all are native.

sub set_servers            { $_[0]->_change( servers            => $_[1] ); return $_[0] }
sub set_norehash           { $_[0]->_change( no_rehash          => $_[1] ); return $_[1] }
sub set_compress_threshold { $_[0]->_change( compress_threshold => $_[1] ); return $_[1] }
sub set_connect_timeout    { $_[0]->_change( connect_timeout    => $_[1] ); return $_[1] }
sub set_select_timeout     { $_[0]->_change( select_timeout     => $_[1] ); return $_[1] }
sub set_readonly           { $_[0]->_change( readonly           => $_[1] ); return $_[1] }

# Kept, and without effect.
sub set_debug           { $_[0]{debug}           = $_[1]; return }
sub set_pref_ip         { $_[0]{pref_ip}         = $_[1]; return }
sub set_stat_callback   { $_[0]{stat_callback}   = $_[1]; return }
sub set_cb_connect_fail { $_[0]{cb_connect_fail} = $_[1]; return }

# Every call has its answer when it returns.
sub nowait_push { return }

sub servers { return $_[0]{servers} }

sub namespace {
    my ( $self, @new ) = @_;
    my $namespace = $self->{namespace} // '';
    $self->_change( namespace => $new[0] ) if @new;
    return $namespace;
}

# What is added up over all servers.
my %TOTAL = map { $_ => 1 } qw(
  bytes bytes_read bytes_written cmd_get cmd_set connection_structures curr_items get_hits get_misses
  total_connections total_items
);

# Lists of pairs, which come as a hash; others come as their lines.
my %PAIRS = map { $_ => 1 } qw(misc sizes);

sub stats {
    my ( $self, $topics ) = @_;
    croak 'argument stats: takes a name, or a reference to an array of names'
      if ref $topics && ref $topics ne 'ARRAY';
    my ( %stats, @faults );
    for my $topic ( ref $topics ? @$topics : $topics || qw(misc self) ) {
        if ( $topic eq 'self' ) {
            $stats{self} = $self->_counted;
            next;
        }
        for ( @{ $self->_ask($topic) } ) {
            my ( $server, $answer ) = @$_;
            if ( !ref $answer ) {
                push @faults, $answer;
                next;
            }
            $stats{hosts}{$server}{$topic} = $PAIRS{$topic} ? {@$answer} : _lines(@$answer);
            _add_up( $stats{total} //= {}, @$answer ) if $topic eq 'misc';
        }
    }
    $self->_tell(@faults);
    return \%stats;
}

sub server_versions {
    my ($self) = @_;
    my ( %versions, @faults );
    for ( @{ $self->_ask('version') } ) {
        my ( $server, $answer ) = @$_;
        ref $answer ? $versions{$server} = $answer->[1] : push @faults, $answer;
    }
    $self->_tell(@faults);
    return \%versions;
}

sub versions { return $_[0]->server_versions }

sub flush_all {
    my ( $self, $delay ) = @_;
    my $faults = $self->_flush($delay);
    $self->_tell(@$faults);
    return @$faults ? 0 : 1;
}

# Faults of servers, as on_error says. The last one is kept for `error`.
sub _tell {
    my ( $self, @faults ) = @_;
    my $how;
    $how = $self->_note($_) for @faults ? @faults : undef;
    return           if !@faults || $how eq 'quiet';
    croak $faults[0] if $how eq 'die';
    carp $_ for @faults;
    return;
}

sub _lines {
    my (@pairs) = @_;
    my $lines = '';
    while ( my ( $name, $value ) = splice @pairs, 0, 2 ) {
        $lines .= "STAT $name $value\r\n";
    }
    return $lines;
}

sub _add_up {
    my ( $total, %pairs ) = @_;
    $total->{$_} += $pairs{$_} for grep { $TOTAL{$_} } keys %pairs;
    return;
}

1;

__END__

=head1 NAME

Apache::Session::Memorycached::Client - a client of memcached, with the calls of Cache::Memcached

=head1 SYNOPSIS

    use Apache::Session::Memorycached::Client;

    my $memd = Apache::Session::Memorycached::Client->new({
        servers            => [ '127.0.0.1:11211', [ '127.0.0.1:11212', 3 ] ],
        namespace          => 'shop:',
        compress_threshold => 10_000,
    });

    $memd->set( colour => 'red' );
    $memd->set( cart => { book => 2, lamp => 1 }, 3600 );
    my $cart  = $memd->get('cart');
    my $found = $memd->get_multi( 'colour', 'cart', 'nothing' );    # { colour => 'red', cart => { ... } }

    $memd->add( visits => 0 );
    my $visits = $memd->incr('visits');

    # Many in one round trip.
    my $stored = $memd->set_multi( [ size => 'XL' ], [ token => 'abc', 60 ] );    # { size => 1, token => 1 }
    my @gone   = $memd->delete_multi( 'size', 'token' );                          # ( 1, 1 )

    # Change what nobody has changed meanwhile.
    my $read = $memd->gets('colour');                               # [ version, 'red' ]
    $memd->cas( 'colour', $read->[0], 'green' ) or warn 'somebody was faster';

    defined $memd->get('colour') or die $memd->error // 'no colour';

=head1 DESCRIPTION

Where an application has a L<Cache::Memcached> or a L<Cache::Memcached::Fast>, this can stand in its place: it has the same
calls, stores the same bytes, on the same servers, and reads what the others wrote. It works over the native core of
L<Apache::Session::Memorycached>, and shares its connections.

It also works on the embedded store, without a memcached: C<< servers => ['embedded:/directory'] >>, or no C<servers> at all,
which is the directory that sessions are in by default, too.

This is for items of any kind. Sessions have rules, such as that concurrent changes are merged and that a deleted one stays
deleted: for these use L<Apache::Session::Memorycached>, or L<CGI::Session::Driver::memcache>.

=head1 METHODS

Keys are 1 to 250 bytes, with the namespace, without blanks and control characters. A key can also be given as
C<[ $hash_value, $key ]>: then the number decides which server has it.

Values are strings or references. A reference is frozen, as C<Storable::nfreeze> does it. Strings are bytes; a string with
characters above 255 is stored as UTF-8, with a warning, unless C<utf8> is set.

An I<$expiry> is 0 or left out for never; up to 30 days it is in seconds from now, and above that a Unix time. A negative one
is past.

=head2 new(\%arguments), new(%arguments)

A new client. Nothing is connected to yet.

=over 4

=item servers

A reference to an array of C<host:port>, C<[ipv6]:port> or C</path/of/socket>, each alone, or as C<[ $address, $weight ]>, or as
C<< { address => $address, weight => $weight } >>. Or one C<embedded:/directory?size=1G>. Without it, the embedded store below
F</var/tmp>. With an empty array there are no servers: nothing is found and nothing is stored, until C<set_servers> gives some.

=item namespace

Stands before every key.

=item hash_namespace

The namespace takes part in choosing a server, as in Cache::Memcached::Fast. By default it does not.

=item ketama_points

How many points a server of weight 1 has on the ring of Cache::Memcached::Fast's consistent hashing; by default none, and
servers are chosen as by Cache::Memcached.

=item no_rehash

Don't look for the keys of a dead server elsewhere.

=item compress_threshold

Compress values of this many bytes or more, where that saves a fifth. They are read by any client that has Compress::Zlib.

=item connect_timeout, select_timeout, io_timeout

Seconds, which may have a fraction: to wait for a connection (0.25), and for an answer (1). The last two are the same.

=item readonly

Change nothing: the calls that would, return false.

=item utf8

Strings of characters are stored with a mark, and come back as such, as in Cache::Memcached::Fast.

=item classes

A reference to an array of names and C<qr//>: which classes stored data may be blessed into; C<[]> for none. By default any.
Code references are never revived.

=item on_error

What to do when a server fails: C<warn> (default), C<die>, or C<quiet>. With the first and the last, the method returns undef, and
L</error> has the reason.

=item check_args

C<skip>: no warning of arguments that are not known.

=back

All of them, known or not, are kept in the object, which is a hash.

What other clients take and what means nothing here is accepted: C<debug>, C<pref_ip>, C<stat_callback>, C<parser_class>,
C<nowait>, C<close_on_error>, C<compress_ratio>, C<compress_algo>, C<compress_methods>, C<max_failures>, C<failure_timeout>,
C<max_size>. C<serialize_methods> other than Storable's would make other bytes: they die. Any other name warns.

=head2 get($key)

The value, or undef.

=head2 get_multi(@keys)

A reference to a hash of those that were found, in one round trip to all servers at once; above 1,000 keys, in one for each 1,000. Where a server has failed, its
keys are missing, as if they were not there, those of the others are not, and L</error> tells.

=head2 gets($key), gets_multi(@keys)

The same, with C<[ $version, $value ]> instead of the value, for C<cas>.

=head2 gat($expiry, $key), gats($expiry, $key), gat_multi($expiry, @keys), gats_multi($expiry, @keys)

The same as C<get>, C<gets>, C<get_multi> and C<gets_multi>; what is found also gets the expiry, in the same round trip. With C<readonly>, it
keeps the one that it has.

=head2 set($key, $value, $expiry)

Stores a value. True if it was stored, undef if not.

=head2 add($key, $value, $expiry), replace($key, $value, $expiry)

Stores a value if the key is not there yet, or only if it is. True if it was stored, false if not, and undef on an error.

=head2 cas($key, $version, $value, $expiry)

Stores a value if nobody has changed it since it was read with that version. True, false or undef, as above.

=head2 append($key, $string), prepend($key, $string)

Puts a string behind or before a value that is a string. True, false where there is none, undef on an error.

=head2 incr($key, $by), decr($key, $by)

Adds 1, or another whole number, to a value that is a whole number, or takes it away, down to 0. The new value; undef where there is
none, or where it is not a number.

=head2 delete($key), remove($key)

True if the key was there, false if not, undef on an error. There is no second argument any more, since servers have
none; it warns.

=head2 touch($key, $expiry)

Gives a value a new expiry. True, false where there is none, undef on an error.

=head2 set_multi, add_multi, replace_multi, cas_multi, append_multi, prepend_multi, incr_multi, decr_multi, delete_multi, touch_multi

    my @stored = $memd->set_multi( [ $key, $value, $expiry ], ... );      # add_multi, replace_multi
    my @stored = $memd->cas_multi( [ $key, $version, $value, $expiry ], ... );
    my @longer = $memd->append_multi( [ $key, $string ], ... );           # prepend_multi
    my @counts = $memd->incr_multi( $key, [ $key, $by ], ... );           # decr_multi
    my @gone   = $memd->delete_multi( $key, [$key], ... );
    my @there  = $memd->touch_multi( $key, [ $key, $expiry ], ... );

The call of the same name without C<_multi>, for many keys in one round trip to all servers at once; above 1,000 keys or 4 MiB of values, in
several. In list context they return the results, in the order of the arguments; in scalar context a reference to a hash from each
key to its result. Each result is what the single call returns.

Where an argument is not as above, or a value is not defined, the call dies, and nothing is sent. Otherwise each key is on its own: where one can't be
a key, a value is too large, or a server fails, its result is undef, and the others are carried out. Each fault is told once; L</error>
has the last one.

=head2 each_key($prefix, $code)

Calls C<< $code->($key) >> for each key that begins with I<$prefix>, in any order, while the servers still list their
items. Returns how many there were, or undef where a server has failed. If the code dies, so does this. The code may use the client,
and delete what it is given. Of several servers, keys that lie where nobody looks for them are left out; so are keys with blanks or
control characters, which only other clients can give, in base64. A server lists its items to one
caller at a time; this waits for its turn for up to 30 s.

=head2 error

Why the last call failed, in words that begin with the server: C<memcached 127.0.0.1:11211: no answer within 1s>. Undef if it has not:
so a value that is not there can be told from one that could not be asked for.

=head2 stats($topics)

What the servers tell about themselves, as in Cache::Memcached: C<< { hosts => { $server => { $topic => ... } }, total => { ... },
self => { ... } } >>. I<$topics> is a name, or a reference to an array of names: C<misc> (a hash), C<sizes> (a hash), C<items>, C<slabs>,
C<settings>, C<conns> (their lines), and C<self>, how often each method of this object was called; C<set_multi> of three keys counts as three of
C<set>, and so on. By default C<misc> and C<self>. C<total> is
the sum of the numbers in C<misc> that can be added up. An embedded store has no statistics.

=head2 server_versions, versions

A reference to a hash from each server to its version.

=head2 flush_all($delay)

Removes B<everything> that the servers have, or the embedded store, whatever its namespace; sessions, too. With I<$delay>, after so many
seconds. True if all have done so.

=head2 disconnect_all

Closes the connections of this thread to all servers. There is no need for it: a child of C<fork> makes its own connections.

=head2 nowait_push

Does nothing: every call has its answer when it returns.

=head2 servers, namespace, namespace($new)

What the client was given.

=head2 set_servers(\@servers), set_norehash($bool), set_readonly($bool)

=head2 set_compress_threshold($bytes), set_connect_timeout($seconds), set_select_timeout($seconds)

Change the argument of that name.

=head2 set_debug, set_pref_ip, set_stat_callback, set_cb_connect_fail

Keep the value in the object; they have no effect.

=head2 enable_compress($bool)

Switches compression off, and on again.

=head1 WHAT IS DIFFERENT

=over 4

=item *

memcached 1.6.13 or later is needed.

=item *

A fault warns, where Cache::Memcached is silent. C<< on_error => 'quiet' >> is as silent.

=item *

A key that can't be one is an error, where Cache::Memcached sends it, with whatever commands are in it.

=item *

A value that was damaged is an error; it names the key and the byte.

=item *

A value larger than the server takes is an error before it is sent, with both sizes; the old value stays.

=item *

C<incr> and C<decr> are those of Cache::Memcached: undef where there is no number to count with, and 0 for 0. Cache::Memcached::Fast
has C<''> and C<0E0>. C<flush_all> returns true or false, too, and no hash.

=item *

No C<nowait> mode and no C<noreply>: every call waits for its answer.

=item *

No C<stats_reset>, C<run_command>, C<forget_dead_hosts>, and nothing that hands out sockets.

=back

=head1 FORK, SIGNALS, THREADS

A client can be used on both sides of a C<fork>, and in threads that start later. C<alarm> works: a handler runs when its
signal comes, and may die. A handler may use the very client that is waiting.

=head1 SEE ALSO

L<Apache::Session::Memorycached>, L<CGI::Session::Driver::memcache>, L<Cache::Memcached>, L<Cache::Memcached::Fast>

=head1 LICENSE

The same terms as Perl 5 itself.

=cut
