package Apache::Session::Memorycached;

use 5.020;
use strict;
use warnings;

our $VERSION = '3.000';

use Apache::Session ();
our @ISA = ( 'Apache::Session', 'Apache::Session::Memorycached::Listing' );

use Apache::Session::Memorycached::Native   ();
use Apache::Session::Generate::Memorycached ();
use Apache::Session::Memorycached::Listing  ();
use Apache::Session::Lock::Memorycached     ();
use Apache::Session::Store::Memorycached    ();

1;

__END__

=head1 NAME

Apache::Session::Memorycached - web sessions in memcached, or in a directory of the host

=head1 SYNOPSIS

    use Apache::Session::Memorycached;

    my %arguments = (
        servers => [ '10.0.0.7:11211', '10.0.0.8:11211' ],
        timeout => 3600,    # seconds after the last save
    );

    # A new session. Its id goes into the browser's cookie.
    tie my %session, 'Apache::Session::Memorycached', undef, {%arguments};
    my $new = $session{_session_id};
    $session{visits} = 1;
    untie %session;    # saves, and dies when that fails

    # A later request: $cookie is the id that the browser sent.
    tie %session, 'Apache::Session::Memorycached', $cookie, {%arguments};
    if ( $session{_session_id} ) {    # there is such a session
        $session{cart}{book} = 2;     # changes are seen at any depth
        my $signed_in = tied(%session)->regenerate_id;
        tied(%session)->save;
        tied(%session)->delete;       # signs out
    }
    untie %session;

    # Without a memcached: a directory that the processes of this host share.
    tie my %embedded, 'Apache::Session::Memorycached', undef,
        { servers => ['embedded:/var/lib/shop/sessions?size=256M'] };

=head1 DESCRIPTION

This is an L<Apache::Session> class: it ties a hash to a session, which other
processes and hosts find again by its id. Sessions are items of memcached
(1.6.13 or later), in the form that version 2.2.1 of this module and
L<Cache::Memcached> give them; or, when no servers are named, records of an
embedded database. The work is done by a native library; there is nothing else
to install or to start.

=head2 Opening

C<tie> with no id (C<undef>, the empty string, C<0>) makes a new session and
stores it at once, unless C<updateOnly> is given. C<tie> with an id reads that
session. An id is made of hex digits; anything else dies C<Invalid session ID>.
An id that leads to no session gives an empty hash, without even the key
C<_session_id>; C<< missing => 'die' >> makes it die instead. What is stored in
such a hash is kept in memory only: a warning says so, once, and nothing is
written, so that nobody can choose the id of a session.

=head2 Changes and saving

A session is saved by C<untie>, by C<save>, and when the tied object goes out of
scope or the program ends. Storing into, deleting from or clearing the hash is a
change, also when the value is the same as before. When a reference was read out
of the session, what is below it is compared with what was loaded, so
C<< $session{cart}{book} = 2 >> is a change, too. Where nothing has changed,
nothing is sent, and the expiry stays as it was (but see C<sliding>).

C<%session = ()> empties the session but for its id, and what is saved then
replaces the whole session.

=head2 Two requests on one session

Each save names the version that was read. When another request has saved the
session in between, C<conflict> decides. With C<merge>, the default, every key
of the session that this request did not change keeps the other's value, and
every key that it set, changed below, or deleted gets this request's; when both
changed the same key, the later save wins, with everything below that key. The
unit is a key of the session itself: two requests that change C<$s{cart}{a}> and
C<$s{cart}{b}> both change C<cart>. The tied hash does not show what the others
stored until the session is tied again; L</conflicts> tells which keys that are.

A deleted session stays deleted: a request that still has it open saves nothing,
and is told so by a warning. A session that has gone for another reason (expired,
evicted, its server restarted) is written anew.

Merging needs no lock, and nobody waits. It can't keep both of two increments of
one counter, as the one was computed without the other. For that there are
transactions.

=head2 Transactions

    tie my %account, 'Apache::Session::Memorycached', $id,
        { %arguments, Transaction => 1 };
    $account{visits}++;
    untie %account;

With C<Transaction>, C<tie> takes the lock of the session and reads it, in one round
trip, and C<untie> saves it and gives the lock back, in another. Of all requests that
do so, on all hosts, one at a time has the session. The lock is also given back when
the hash goes out of scope, at the end of the program, however that comes, and under
mod_perl at the end of the request, for which mod_perl must know the request: C<SetHandler perl-script>, or
C<PerlOptions +GlobalRequest>; C<release_all_locks> gives it back earlier. C<save>
keeps it. A session that is new, or that does not exist, is locked as well.

Where another request has the lock, C<tie> waits for C<lock_timeout> seconds, then
dies. Those that wait get the lock in the order in which they came. There are no shared
locks: a reader takes the same one.

A request that dies without a word leaves its lock. After C<lock_ttl> seconds others may
take it, and not before: they go by the clock of the server and by that of the host that
has the lock. Where the clocks of hosts differ, it may be later, by that difference or
C<lock_ttl>, whichever is less; or a second earlier. A request that is only slow, and goes on after that, can't save any more, and can't give the lock of
another back; C<untie> dies. So C<lock_ttl> is how long a transaction may take.

The lock is among those who ask for it. A request without C<Transaction> can save the
session meanwhile; the transaction then dies when it is saved, whatever C<conflict>
says, for what it has computed may be wrong. A session that was deleted meanwhile
stays deleted. Deleting needs no lock.

Two requests that lock two sessions each, in opposite order, wait for each other until
C<lock_timeout> ends it, with an error that names both sessions. Locking one session
twice in one process dies at once.

The lock belongs to the process, and the thread, that took it. A child made by C<fork>,
or a new thread, has a copy of the session; saving that dies, and it is not saved when it
is destroyed, either. It can tie the session anew, and waits as anybody does.

A lock is an item beside its session, in its key C<.lock> after the session's, so an id
may have up to 245 bytes, C<namespace> included. memcached may evict it, as any item;
two requests may then have the lock for a while, but only one of them can save.

=head2 Failing

What goes wrong while a session is opened or saved dies, in C<tie>, C<untie> or
C<save>, at the caller's line. When C<untie> dies, the hash stays tied. Nothing
can be thrown while an object is destroyed; there it is a warning that begins
with C<session ID is not saved>. Call C<< tied(%session)->save >> where you want
to know.

=head1 ARGUMENTS

The third argument of C<tie> is a reference to a hash. It is read, never changed.
An undefined value is as good as none.

=over 4

=item servers

Where sessions are. A reference to an array of memcached servers, each
C<host:port>, C<[ipv6]:port> or the absolute path of a Unix socket, alone, as
C<[ address, weight ]>, or as C<< { address => ..., weight => ... } >>; a weight
is a whole number up to 10000. Their order and weights decide which session is
where, so all hosts must agree on them. Or one C<embedded:/directory>, see
L</EMBEDDED STORE>. Default: the embedded store of the current user.

=item local

A cache near the web server, given like C<servers>. It is read first, filled on a
miss, and written at each save. A copy there may be as old as C<local_ttl> allows,
but it never undoes a change on C<servers>: a save asks them for their version
first. When the cache fails, C<servers> do its work; only a deletion that it did
not take is an error. Where one of its servers is among C<servers>, too, there is
nothing to gain, and no cache is used. Default: none.

=item timeout

=item ttl

Seconds from the last save until the session expires, also for more than 30 days.
A fraction counts as a whole second; a time beyond the year 2038, which memcached
does not know, means never. C<ttl> is another name, and wins when both are given.
Default: 0, never.

=item local_ttl

Seconds until a copy in C<local> expires; never later than its session. Default:
C<timeout>.

=item sliding

True: reading a session from C<servers> renews its expiry, too, in the same round
trip. Copies in C<local> then live for half of C<timeout> at most. Without a
C<timeout> it does nothing. Default: false.

=item updateOnly

True: a new session is first stored when it is first changed, not by C<tie>.
Default: false.

=item principal

The name of a key, such as C<uid>, that leads back to the session: at each save
of a changed session, an item with the key C<md5_hex($session{uid})> and the
session's id as its value is written along, and C<$session{uid_MD5}> is set to
that digest. C<delete> removes that item if it still names this session. An
undefined or empty value leaves none. The item expires with the session; C<sliding>
renews it, too, at the cost of one more round trip when the session is read.
Default: none.

=item principal_unique

Default 0. True where a principal has one session at a time: then
L<searchOn|Apache::Session::Memorycached::Listing/searchOn> on their field asks for that one, and does not look at all
sessions.

=item conflict

What a save does when another request saved the session since it was read.
C<merge>: keep both sides' changes, see L</Two requests on one session>.
C<overwrite>: replace the other's, as 2.2.1 did. C<die>: leave the other's and
die. Default: C<merge>. In a transaction it is C<die>.

=item missing

What an unknown id gives: an C<empty> hash, or C<die>. Default: C<empty>; C<die>
for objects of other classes, see L</populate>.

=item on_error

When a server or the embedded store fails, or a session is too large for it:
C<die>, or C<warn> and go on: after C<tie>, with an empty session that will not be
saved; after a save, without it. Damaged data, conflicts and wrong arguments die
all the same. Default: C<die>.

=item namespace

A string before each key; it takes no part in choosing a server. At most 218
bytes, without spaces and control characters. Default: none.

=item no_rehash

True: when a session's server is down, fail, and don't look on the others.
Default: false.

=item compress_threshold

Compress sessions of this many bytes or more, where that saves more than a fifth.
Default: 0, never; a negative number is as good.

=item connect_timeout

Seconds to wait for a connection, fractions allowed. The time that the system
takes to look up a host's name is not counted. Default: 0.25.

=item io_timeout

Seconds that one exchange with the servers may take, all of it. Reading a session
and saving it are one each, unless others compete. Listing all sessions waits up to
ten times as long for a server's next keys. Default: 1.

=item classes

Which classes stored data may be blessed into: a reference to an array of names
and C<qr//>. C<[]> allows none. Default: any class. See L</SECURITY>.

=item max_depth

How many arrays, hashes and references may lie in one another; an array in an
array counts as two. What is deeper is neither read nor written. Default: 10000.

=item max_size

The longest session, in bytes of its frozen form, that is read. Default: no limit.

=item IDLength

How many hex digits a new id has, 1 to 128. Default: 32.

=item Transaction

True: the session is locked from C<tie> to C<untie>, see L</Transactions>. Default:
false.

=item lock_timeout

Seconds to wait for a lock, fractions allowed; 0 tries once. Default: 30.

=item lock_ttl

Seconds after which a lock may be taken from its holder. All hosts should agree on it.
Default: 60.

=item ketama_points

How many points a server of weight 1 has on the ring of consistent hashing, as in
L<Cache::Memcached::Fast>, which finds the sessions where they are put: with it, a
server that is added or taken away moves its own share of the sessions only. All
that use the same servers must agree on it. 150 is usual; 0, the default, is
L<Cache::Memcached>'s way. A server that is down leaves its sessions to the next one
on the ring, unless C<no_rehash> is set; L<Cache::Memcached::Fast> always has that.

=item secret

What sessions are encrypted with, and told from forged ones: a string of at least 32
random bytes (C<openssl rand -hex 32>), or a reference to an array of them. The first is
written with, all are read with; so a new secret is put before the old one, and the old
one is taken out when its sessions have expired. C<undef> in the list stands for no
encryption: without it, a session that is not encrypted is refused. Default: none.

A fleet begins with C<[ undef, $secret ]> on all hosts, goes on with C<[ $secret, undef ]>,
and ends with C<$secret>. 2.2.1 and other clients can't read encrypted sessions.

See L</SECURITY> for what it protects, and what not.

=back

An argument with any other name warns, with the nearest name that exists.

=head1 METHODS

Those of the object C<tied(%session)>. It is an L<Apache::Session>, and what it
inherits works, C<is_modified> and C<make_modified> for one.

=head2 save

Saves what has changed, now. Dies when that fails; the changes are still there,
and C<save> can be called again.

=head2 delete

Deletes the session, with its copy in C<local> and its principal's item. A
tombstone keeps its place for 300 seconds, see L</WIRE FORMAT>. What is stored in
the hash after that warns, and is not written.

=head2 regenerate_id

    my $id = tied(%session)->regenerate_id;

Moves the session to a new id, with what has changed, and returns the new one. Call it
at sign-in, so that an id that somebody knew before is worth nothing after; send the new
id to the browser. The old id leads nowhere from then on: a tombstone keeps its place.

What another request has saved meanwhile comes along as in a save (see C<conflict>, and
L</conflicts>); one that has the session still open, and saves later, is told that it was
deleted. A session that another request has deleted stays deleted: then C<regenerate_id>
dies, and nothing is stored. One that has gone for another reason is written anew, under
the new id. In a transaction the lock goes along: the new id is locked before the old one
is free.

It also dies for an unknown session, and for an object whose serializer is not this
module's. Where it dies, the session keeps its id, with one exception: when nobody knows
whether the old id was buried, because the server did not answer, the session has the new
id, and the error names both. With C<< on_error => 'warn' >>, where the new id can't be
stored, the session keeps the old one, and that is returned.

=head2 conflicts

    my $conflicts = tied(%session)->conflicts;
    log_it("$_ was changed by others, too") for @{ $conflicts->{ours} };

What the last save had to merge: a reference to a hash of two lists, in C<theirs> the
keys that others had changed and that now have their value, in C<ours> those that both
sides had changed and that now have this request's. Both are empty where nobody
competed, and before the first save. For an object of another class,
C<< tied(%session)->{object_store}->conflicts >>.

=head2 acquire_write_lock, release_write_lock, release_all_locks

Take the lock of the session and give it back, between C<tie> and C<untie>. With
C<Transaction>, C<tie> has taken it; after C<release_all_locks> a save takes it for
itself, and dies where the session was saved by others since it was read. Without
C<Transaction>, the lock keeps out those who ask for it, and saving merges. With
nothing held, releasing does nothing.

=head2 stats

    my $stats = Apache::Session::Memorycached->stats;
    print "$stats->{lock_waits} of $stats->{locks} locks were not free\n";

What the sessions of this process have done so far: a reference to a hash of numbers,
which only grow. A child made by C<fork> begins with zeros; threads are counted
together.

    reads           sessions that were asked for
    misses          those of them that were not there
    writes          sessions that were stored
    deletes         sessions that were deleted
    merged          saves that kept changes of another request
    same_key        keys that both sides had changed in those
    locks           locks that were taken
    lock_waits      locks that were not free at once
    lock_wait_microseconds  how long they were waited for
    retries         requests and saves that were tried again
    round_trips     requests sent to servers
    connections     connections opened
    bytes_sent, bytes_received
    errors          a reference to a hash of numbers, by kind:
      timeout       no answer, or no connection, in time
      server        a server was not there, hung up, or complained
      embedded      the embedded store could not be used
      too_large     a session is too large, or the embedded store full
      corrupt       what is stored could not be understood
      conflict      another request's save was in the way
      locked        a lock was not to be had in time
      lock_lost     a lock had run out, or was another process's
      interrupted   a signal handler has ended a wait
      other         anything else

=head2 for_each_session, get_key_from_all_sessions, searchOn, searchOnExpr, searchLt, deleteIfLowerThan, id_for_principal

All sessions, those that meet a condition, and deleting them: class methods with the arguments and results of
L<Apache::Session::Browseable>; see L<Apache::Session::Memorycached::Listing>.

=head2 restore

Reads the session, unless it is new or was read already. C<tie> does that; after
C<< tied(%session)->make_unsynced >> it reads the session again, and drops what
was not saved.

=head2 serialize, unserialize

What C<populate> gives an object as its serializer: subs that are called with the
object, and make C<< $object->{serialized} >> of C<< $object->{data} >>, and the
other way round.

=head2 populate

    package Shop::Session;
    our @ISA = ('Apache::Session');
    sub populate { return $_[0]->Apache::Session::Memorycached::populate }

Gives an object of any class that has Apache::Session's keys this module's store,
lock manager, ids and serializer, with the arguments in C<< $object->{args} >>,
and returns it. Two things differ for a class that does not inherit from this
one: an unknown id dies (see C<missing>), and arguments that are unknown are passed
over, as they may be meant for somebody else. With C<Transaction>, saving and giving the
lock back are two round trips. A change below the top level is noticed by C<FETCH>, which such a class does not have from us:
there, C<make_modified> says it.

=head1 ERRORS

What follows a text is C<at FILE line NUMBER>, of the code that called: yours, or
Apache::Session's where that stands between, as for L</populate>.

=over 4

=item Object does not exist in the data store

C<tie>, with C<< missing => 'die' >>: there is no such session. Make a new one.

=item Object already exists in the data store

A session is to be made under an id that is taken: another class chose the id, or
C<IDLength> is far too small.

=item Invalid session ID: ID

C<tie>: the id has other characters than hex digits, or, together with
C<namespace>, more than 250 bytes. It did not come from here: make a new session.

=item argument NAME: takes WHAT, not VALUE

=item argument NAME: the weight of ADDRESS takes a whole number

C<tie>: correct the argument.

=item the arguments of tie: takes a reference to a hash

=item the arguments are in a tied hash; takes a plain one

C<tie>: the third argument is something else.

=item unknown argument NAME; did you mean OTHER?

A warning of C<tie>: the argument has no effect.

=item memcached HOST:PORT: can't connect: WHY

=item memcached HOST:PORT: can't resolve the name: WHY

=item memcached HOST:PORT: no connection within TIME

Any access: the server is down, or its address is wrong. Where there are several
servers, one that is down is passed over for 20 to 30 seconds, and its sessions
are looked for, and stored, on the others: those that it had are missing
meanwhile, and nothing dies until no server is left. With C<no_rehash>, each access
to such a session dies.

=item memcached HOST:PORT: no answer within TIME

=item memcached HOST:PORT: closed the connection

Any access: the server is overloaded, or was stopped. A save may or may not have
been carried out; saving again does no harm, though with C<< conflict => 'die' >>
it may find its own first try in its way. A kept connection that the server has
closed is replaced without a word.

=item memcached HOST:PORT: is memcached VERSION; memcached 1.6.13 or later is needed

=item memcached HOST:PORT: speaks no meta commands that we know; memcached 1.6.13 or later is needed

Any access: upgrade that server. Where it is new enough, what answers there is a
proxy that knows no meta commands, such as mcrouter: name the servers behind it.
Nothing of a session was sent there.

=item memcached HOST:PORT: closed the connection when asked whether it speaks meta commands

Any access: what answers there is a proxy that knows no meta commands, such as
twemproxy, or a memcached that was started for the binary protocol only (C<-B binary>)
or for TLS (C<-Z>); or the server was stopped at that moment.

=item memcached HOST:PORT: is no memcached: it answered WORDS

Any access: another program has that port.

=item memcached HOST:PORT: ERROR Too many open connections

=item memcached HOST:PORT: CLIENT_ERROR unauthenticated

Any access: the server's own words. Raise its limit of connections (memcached's
option C<-c>); start it without a password file (C<-Y>), for which there is no
argument.

=item memcached HOST:PORT: answered out of step: WORDS

Any access: what answers there is no memcached, or is broken. The connection is
given up, so that no answer is taken for that to another question.

=item memcached HOST:PORT: SERVER_ERROR WORDS

The server's own words, such as C<out of memory storing object>.

=item embedded DIRECTORY: is full: N bytes hold no more; give it a larger size

A save: expired sessions were removed, and that was not enough. The old value
stays. Give C<?size=> more, or sessions a C<timeout>.

=item embedded DIRECTORY: belongs to user N, not to user M

=item embedded DIRECTORY: has mode MODE; only its owner may have access (mode 0700)

=item embedded DIRECTORY: is a symbolic link; takes a directory

=item embedded DIRECTORY: is not a directory

Any access: somebody else could read or forge sessions there. Use another
directory, or correct its owner and mode.

=item embedded DIRECTORY: is open with a size of N bytes in this process, not M

=item embedded DIRECTORY: another process opened it with a larger size; give all of them the same

Any access: one directory has one size, everywhere.

=item embedded DIRECTORY: was in use by another thread when this process was forked

Any access in the child: fork while no other thread is at work on a session.

=item embedded DIRECTORY: WHY

The words of the system or of the database, such as C<No such file or directory>
where the directory above is missing.

=item session ID: has N bytes, larger than the M bytes that SERVER takes

A save: the old value stays. Store less, or raise the server's limit (memcached's
option C<-I>).

=item session ID: not a Storable value at byte N: expected THIS, found THAT

=item session ID: unsupported Storable version at byte N: MAJOR, this reads 0 to 2

=item session ID: damaged gzip data: WHY

=item session ID: its value is frozen, but is not a hash

C<tie>: what is stored is damaged, or no session. It is left as it is; delete the
item, or make a new session.

=item session ID: Storable value over its limit at byte N: WHAT is more than M

=item session ID: gzip data of N bytes grow beyond M bytes

C<tie>: see C<max_depth> and C<max_size>. A compressed session may grow to 64 MiB.

=item session ID: unsupported Storable value at byte N: WHAT

C<tie>, or a save that has to merge: a later Storable stored what is not known here.

=item session ID: can't revive a code reference

C<tie>: another program stored code. It is never compiled, whatever C<$Storable::Eval>
says.

=item session ID: Can't store KIND items

=item session ID: Max. recursion depth with nested structures exceeded

A save: take that value out; KIND is C<CODE> for a reference to a sub, see L</LIMITS>.
For the depth, see C<max_depth>. Nothing was written.

=item session ID: class CLASS is not allowed by classes

C<tie>: the session holds an object of a class that C<classes> does not name.

=item session ID: class CLASS makes its objects itself; stored ones can't be revived

C<tie>: the class was made by perl's C<class> feature.

=item session ID: is encrypted, no secret given

=item session ID: is encrypted with another secret than those given

C<tie>: it was stored with a C<secret> that is not given here.

=item session ID: is not encrypted, as secret demands

C<tie>: it was stored without C<secret>; put C<undef> into its list while there are
such sessions. If there should be none, somebody else has put it there.

=item session ID: its encrypted value has been changed, or is not this session's

=item session ID: its encrypted value is cut short

=item session ID: it is encrypted in a format N that is not known

C<tie>: what the server holds is not what was stored. Somebody has written to it, or
its memory is damaged; the last one may be of a later release.

=item session ID: was stored by another serializer

C<tie>: it was stored by L<Apache::Session::Flex> with a serializer other than
Storable. Read it that way.

=item session ID: its key holds something that is not a session

A save: another program has put its item there. It is left as it is.

=item session ID: another request saved it since it was read

A save with C<< conflict => 'die' >>: tie the session again, and do the work again.

=item session ID: other requests saved it before us N times in a row

A save: many requests write this session at once, and it had no luck for as long as
C<io_timeout>. Try again.

=item session ID: is locked by process PID on HOST, for N s; waited N s

C<tie>, with C<Transaction>: that process did not give the lock back within
C<lock_timeout>. What follows as C<while this process has locked ID> are sessions that
it may be waiting for: lock them in the same order everywhere.

=item session ID: is locked; waited N s

C<tie>, with C<Transaction>: the lock was taken whenever it was looked at, by nobody who
can be named.

=item session ID: is locked by this very process

C<tie>, with C<Transaction>: another tied hash of this process has the session. It may be
one that was not untied.

=item session ID: another request saved it without its lock, or after the lock had run out; nothing is saved

C<untie> or C<save>, with C<Transaction>: tie the session again, and do the work again.

=item session ID: was locked for N s, longer than its lock lasts (N s); nothing is saved

C<untie> or C<save>, with C<Transaction>: the work took longer than C<lock_ttl>. Another
request may have the session now.

=item session ID: is locked by the process that this one was forked from; nothing is saved

=item session ID: is locked by the thread that this one was made from; nothing is saved

A save: tie the session in the child, or the thread, itself.

=item session ID: its lock lasts for up to N s, it can't be given back: WHY

A warning of C<untie>: everything is saved, but others may have to wait.

=item session ID: another request saved it, and ours can't be merged: WHY

A save: what was read, or what is to be stored, can't be taken apart: with
L<Apache::Session::Flex>, Storable itself stores what is deeper than C<max_depth>. What the
other request stored stays.

=item session ID: there is no such session; what is stored in it will be lost

=item session ID: it could not be read; what is stored in it will be lost

Warnings, at the first change of an unknown or deleted session, and of one that
C<< on_error => 'warn' >> went on without.

=item session ID: was deleted by another request; this one's changes are dropped

A warning of a save: the user has signed out meanwhile.

=item session ID is not saved: WHY

A warning: the object was destroyed with changes that could not be saved.

=item session ID: has moved here, but OLD may still lead to it: WHY

C<regenerate_id>: a server did not answer when the old id was to be buried. The session is
whole under its new id. What was stored before may still be under the old one; C<delete> it
there.

=item regenerate_id: there is no such session

=item regenerate_id: there is no such session: another request has deleted it

=item regenerate_id: this session has a store or a serializer that is not ours

The session is unknown or deleted; or it belongs to another class.

=item the session is being read or saved; it can't be used meanwhile

A signal handler saves the very session that is being saved. What it changed there
is kept for the next save.

=item no random bytes from the system: WHY

C<tie>, C<regenerate_id>: the operating system gave none. No id is made.

=item internal error: WORDS

A fault of this module. Please report it.

=back

A die in a signal handler, a tied value or an overloaded operator comes out with
its own text.

=head1 WIRE FORMAT

A session is one item. Its key is C<namespace> and the id. Its value is what
C<Storable::nfreeze> makes of the hash, C<_session_id> included; C<$Storable::canonical>
is followed. One thing differs: perl 5.36's booleans are written as C<1> and the
empty string, which every Storable reads. The value begins with the version of the
format that this perl's own Storable writes: 2.11, and 2.10 up to perl 5.26. All
Storable formats from version 0.7 on are read, in network order and in the own order
of any machine with integers of 4 or 8 bytes.

Regular expressions are written and read on each perl. Storable itself has done so
since perl 5.32; up to 5.26 it refuses to read them, and in 5.28 and 5.30 it confuses
what an image refers to after one. Where 2.2.1 runs on these, keep them out of
sessions.

The client flags of the item say what it is:

     1  a frozen hash, as of every Perl client
     2  compressed with gzip
     8  encrypted
    16  a tombstone: the session was deleted
    32  a session in another serializer's form (Apache::Session::Flex)
   128  with 16: the session has moved to another id

An item with neither 1 nor 32 is not a session. A tombstone has the flags 1 and 16
and the value of a frozen empty hash, for 300 seconds; 2.2.1 and Cache::Memcached
find an empty session there. A principal's item has no flags.

The server of a session is the one that Cache::Memcached chooses, with weights and
past servers that are down. So hosts with this module, 2.2.1 and other programs
can share their sessions.

A value of more than 16 KB is sent when the server has told the largest item that
it takes; memcached would drop the old value of one that is too large.

The lock of a session is an item on the same server, whose key has C<.lock> at the
end. It has no flags and a few lines of text: who has the lock and who waits. It is kept
for 300 seconds longer than the lock lasts.

=head1 EMBEDDED STORE

C<< servers => ['embedded:/directory?size=64M'] >> keeps sessions in files of that
directory, in an LMDB database that the processes of a host share. Readers never
wait; writers take turns.

=over 4

=item Directory

It is made when it is missing; the directory above must be there. It must belong
to the user of the process, with mode 0700, and must not be a symbolic link. It
must be on a local file system. Without C<servers>, it is
C</var/tmp/apache-session-memorycached-UID>, with the number of the user.

=item Durability

What was saved survives the end and the crash of every process, and an orderly
restart of the host. It is not forced to the disk at each save: when the system
crashes or loses power, the last saves may be lost, and in the worst case the
database is damaged and has to be removed. A process that keeps saving forces it
to the disk every 30 seconds.

=item Size

How many bytes of sessions it holds, C<64K> at least, with C<K>, C<M>, C<G> or no
unit; 1 GiB by default. It is a limit, not an allocation; the file may become a
quarter and 4 MiB larger. A session takes pages of the system, mostly 4 KiB: small
ones share a page, large ones have their own.

=item Expiry

An expired session is gone at once. Its space is freed a little at every save, and
altogether when the store is full.

=back

=head1 FORK, THREADS, SIGNALS

Loading the module opens nothing; a server's connection is opened at its first
use, and kept for the sessions that follow, one for each server, process and
thread.

After a C<fork>, parent and child both go on with the sessions that are tied. The
child opens connections and databases of its own, and does not touch those of its
parent. A child that ends with C<exit> saves the sessions that it has changed,
as any process does; one that must not should leave by C<POSIX::_exit>. In a
L<transaction|/Transactions>, it saves nothing.

A new thread gets copies of the tied sessions, and shares no connection with the
thread that made it.

Signals interrupt the waits for a connection, for an answer, for a lock, and between
two attempts of a save. Perl's handlers run at once. One that returns lets the wait go
on, with the time that is left; one that dies ends it, so C<alarm> works. The
connection is closed then, a lock that was waited for is not taken, and the session
can be saved again. A handler may use
other sessions meanwhile; it may change the one that is being saved, but not save it.
Looking up a host's name, and waiting for one's turn to write to the embedded store, is not
interrupted: handlers run after it. C<SIGPIPE> is never raised.

=head1 UPGRADING FROM 2.2.1

Programs, arguments and stored sessions go on as they are, and hosts with either
version can share a memcached. What changes:

=over 4

=item *

memcached must be 1.6.13 or later.

=item *

Faults that were silent die: a server that is down, a session that is too large or
damaged. C<< on_error => 'warn' >> goes on as before where a server fails, and says
so.

=item *

C<%session> is saved when something below the top level has changed, and is not
sent when nothing has.

=item *

Two requests on one session keep each other's changes. C<< conflict => 'overwrite' >>
is the old way.

=item *

C<Transaction> locks the session; it was without effect.

=item *

A deleted session can't come back within 300 seconds, and an item stays for that
time.

=item *

What is stored in an unknown session warns; 2.2.1 stored it under the empty key.

=item *

A C<timeout> of more than 30 days is that many seconds, not a date in 1970.

=item *

Ids are 32 random hex digits from the operating system, not digests of the time
and the process number, which could be guessed (CVE-2025-40931).

=item *

C<principal>: a value with characters above 255 is encoded in UTF-8 before it is
digested (2.2.1 died), and an undefined one leaves no item.

=item *

Gone from this release: C<Apache::Session::MemcachedReplicator>,
C<Apache::Session::MemcachedClient>, and the SOAP service. C<memd.pl> stays; C<memd> does what it
does, and more.

=back

=head1 LIMITS

What has no form outside its process is not stored: code references, globs, file
handles, and objects of perl's C<class> feature. C<save> dies with C<Can't store CODE
items> and the like, and nothing is written; with C<$Storable::forgive_me> it warns, and
stores a text in that place. C<$Storable::Deparse> and C<$Storable::Eval> have no meaning for a session:
code is not stored, and stored code is not revived.

All else that Storable takes is stored and comes back: objects, also those with hooks
(C<STORABLE_freeze>, C<STORABLE_thaw>, C<STORABLE_attach>), tied variables, regular
expressions, weak and shared references; see
L<Apache::Session::Memorycached::Storable/WHAT IS SUPPORTED>.

A memcached that runs with C<-M> and is full drops the session that it has no room to replace.
A memcached counts versions anew after a restart; so a version is trusted only on the connection
that gave it, and a save over a new connection reads first. A proxy that keeps connections open
while the server behind it restarts defeats that.

memcached forgets what it has no room for, whatever the C<timeout>, and everything
when it is restarted. The embedded store forgets nothing that has not expired, but
serves one host, and there one user.

=head1 SECURITY

=over 4

=item Ids

A new id is 128 bits from the operating system. Shorter ones, by C<IDLength>, can
be guessed sooner. Whoever knows an id has the session: keep ids out of URLs and
logs, and send cookies over TLS only. Error messages name them.

=item Session fixation

An id that a client sends is never adopted: where there is no session, none is
made. An attacker can still plant the id of a session of their own. So call
L</regenerate_id> when somebody signs in.

=item Stored data

Without C<secret>, whoever can write to the servers can forge sessions, and whoever can read
from them has all that is in them; memcached asks nobody who they are, and sends everything in
the clear. Keep it on a network of its own. What is read is checked against its length, C<max_depth> and C<max_size>, and code is never
compiled. But any class may be named. Where it has hooks, its module is loaded and
C<STORABLE_thaw> or C<STORABLE_attach> is called; the methods of tied variables, and the
C<DESTROY> and overloaded operators of any class that your program has loaded, will run:
all on data that somebody else made. C<< classes => [] >>, or a list of your own,
prevents that: a class that it does not name is refused before any of its code is loaded
or run. Regular expressions are of the class C<Regexp>.

=item What secret protects

The data of sessions, on the servers, in C<local>, in the embedded store and on the way there: nobody
reads it, changes it, makes it up or gives it to another session without the secret
(XChaCha20-Poly1305, with a key that HKDF-SHA-256 makes of the secret). Ids, sizes and
times are not hidden, nor whose session a principal's item names: whoever can list the
server's keys has the ids, and an id is all that a cookie needs. Nor is it seen when somebody
puts back what the same session was before, or deletes it. With C<compress_threshold> the
size tells something of what is in it. Give each application a secret of its own. L<CGI::Session::Driver::memcache>
and L<Apache::Session::Memorycached::Client> do not encrypt.

=item Principals

The key of a principal's item is a digest of their name, no secret. It is not
taken for a session, though it looks like an id.

=back

=head1 SEE ALSO

L<Apache::Session>, L<Apache::Session::Flex>,
L<Apache::Session::Store::Memorycached>, L<Apache::Session::Lock::Memorycached>,
L<Apache::Session::Generate::Memorycached>, L<Cache::Memcached>, L<Storable>,
L<https://memcached.org/>

=head1 COPYRIGHT AND LICENSE

The versions up to 2.2.1 were written by Eric German.

This is free software. You may redistribute and modify it under the same terms as
Perl 5 itself: the Artistic License, or the GNU General Public License, version 1
or later.

=cut
