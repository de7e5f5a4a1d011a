//! Taking a lock, waiting for one's turn, and giving it back.
//!
//! One [`Attempt`] is one token. Where an answer got lost, the item tells whether the token has
//! the lock, so nothing is guessed.
//!
//! ```text
//! free:       add the item, read the session                      1 round trip
//! taken:      append "+token", look;  pause, look;  …
//!             my turn: rewrite the item if its version is what I saw, read the session
//! give back:  delete the item if it is what I wrote;  if not, somebody waits: append "-token"
//! ```
//!
//! When to look again, and who is passed over, is `patience`'s.

use std::time::{Duration, Instant};

use super::locked::Locked;
use super::patience::Patience;
use super::text::{Text, Token, holder_line};
use super::{Lock, held};
use crate::backend::{Backend, Item, Op, Reply, Version, When};
use crate::config::Config;
use crate::envelope;
use crate::error::{Error, Result, SessionFault};
use crate::expiry::Expiry;
use crate::id::Id;
use crate::pause::pause;
use crate::stats::{self, Counter};
use crate::wait::{NoWait, Wait};

/// How long an item is kept after its lock has run out, so that whoever takes the lock knows of the
/// former holder: longer than a request lasts. All that share a server must agree on it.
const KEPT: u64 = 300;

/// What is left to say when we have given up takes this long at most, each time that it is waited for. It goes over a new
/// connection, which takes several round trips.
pub(crate) const GOODBYE: Duration = Duration::from_millis(100);

/// How long, in seconds, a request may be under way that nobody waits for any more.
const UNDER_WAY: u64 = 10;

/// A lock of one second could be over at once, as the server counts whole ones.
const SHORTEST: u64 = 2;

/// A lock, and what the operation that went with it was answered.
pub(crate) struct Taken {
    pub(crate) lock: Lock,
    pub(crate) read: Option<Reply>,
}

/// Takes a lock, and reads the session with `read` in the same round trip.
pub(crate) fn acquire(
    backend: &mut dyn Backend,
    id: &Id,
    config: &Config,
    read: Option<Op<'_>>,
    wait: &mut dyn Wait,
) -> Result<Taken> {
    let mut attempt = Attempt::new(id, config)?;
    let taken = match attempt.add(backend, read, wait) {
        Ok(None) => attempt.wait_for_turn(backend, read, wait),
        Ok(Some(taken)) => Ok(taken),
        Err(error) => Err(error),
    };
    attempt.end(backend, taken)
}

/// One attempt to get one lock.
pub(crate) struct Attempt<'a> {
    id: &'a Id,
    token: Token,
    ttl: Duration,
    timeout: Duration,
    /// What the item says when the lock was free.
    text: String,
    /// When the last request to take it was sent.
    since: Instant,
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(id: &'a Id, config: &Config) -> Result<Attempt<'a>> {
        let token = Token::generate()?;
        let (ttl, timeout) = (Duration::from_secs(config.lock_ttl), config.lock_timeout);
        Ok(Attempt { id, token, ttl, timeout, text: holder_line(token, config.lock_ttl), since: Instant::now() })
    }

    /// Takes the lock if it is free.
    pub(crate) fn add_op(&self) -> Op<'_> {
        self.write(&self.text, When::Missing)
    }

    /// The lock, where [`add_op`](Attempt::add_op) was sent together with something else, and this
    /// is its answer. Waits where the lock was not free, or the answer got lost; only then `read` is
    /// carried out.
    pub(crate) fn settle(
        mut self,
        backend: &mut dyn Backend,
        reply: Result<Reply>,
        read: Op<'_>,
        wait: &mut dyn Wait,
    ) -> Result<Taken> {
        let taken = match self.taken(backend, vec![reply], false) {
            Ok(None) => self.wait_for_turn(backend, Some(read), wait),
            Ok(Some(taken)) => Ok(taken),
            Err(error) => Err(error),
        };
        self.end(backend, taken)
    }

    /// The lock if it is free.
    fn add(&self, backend: &mut dyn Backend, read: Option<Op<'_>>, wait: &mut dyn Wait) -> Result<Option<Taken>> {
        let replies = both(backend, self.add_op(), read, wait)?;
        self.taken(backend, replies, false)
    }

    /// What came of writing the item: the first reply, and that of the reading if there was one.
    fn taken(&self, backend: &mut dyn Backend, replies: Vec<Result<Reply>>, has_queue: bool) -> Result<Option<Taken>> {
        let mut replies = replies.into_iter();
        match replies.next().expect("a reply to each operation") {
            Ok(Reply::Stored(version)) => {
                let mut lock = self.lock(version, has_queue);
                match replies.next().transpose() {
                    Ok(read) => Ok(Some(Taken { lock, read })),
                    Err(error) => {
                        forget(backend, &mut lock);
                        Err(error)
                    }
                }
            }
            Ok(_) => Ok(None),
            // Whether it was carried out is seen in the item.
            Err(error) if error.is_broken_off() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn wait_for_turn(&mut self, backend: &mut dyn Backend, read: Option<Op<'_>>, wait: &mut dyn Wait) -> Result<Taken> {
        let began = Instant::now();
        let taken = self.stand_in_queue(backend, read, began, wait);
        stats::count(Counter::LockWaits);
        stats::add(Counter::LockWaitMicroseconds, began.elapsed().as_micros() as u64);
        taken
    }

    fn stand_in_queue(
        &mut self,
        backend: &mut dyn Backend,
        read: Option<Op<'_>>,
        began: Instant,
        wait: &mut dyn Wait,
    ) -> Result<Taken> {
        let mut patience = Patience::new();
        let mut is_queued = false;
        loop {
            let Some(item) = self.look(backend, !is_queued, wait)? else {
                is_queued = false;
                self.since = Instant::now();
                self.text = holder_line(self.token, self.ttl.as_secs());
                match self.add(backend, read, wait)? {
                    Some(taken) => return Ok(taken),
                    None if began.elapsed() < self.timeout => continue,
                    None => return Err(self.locked(None, began)),
                }
            };
            let text = Text::parse(&item.value);
            let place = text.place(self.token);
            is_queued = place.is_some();
            let has_run_out = has_run_out(&item, &text, patience.watched(&text));
            if text.token == Some(self.token) {
                return self.found(backend, &item, read, wait);
            }
            if text.is_free || has_run_out {
                if patience.is_turn(place, &text) {
                    if let Some(taken) = self.take_over(backend, &item, &text, read, wait)? {
                        return Ok(taken);
                    }
                    // Something has happened to the item since: it may still be our turn.
                    if began.elapsed() < self.timeout {
                        continue;
                    }
                }
            } else if text.token.is_some_and(held::is_mine) {
                self.leave(backend, wait)?;
                return Err(Error::session(self.id, SessionFault::Locked(Locked::by_us(self.id).into())));
            }
            let left = self.timeout.saturating_sub(began.elapsed());
            if left.is_zero() {
                self.leave(backend, wait)?;
                return Err(self.locked(Some(&text), began));
            }
            pause(patience.pause(place, &text).min(left), wait)?;
        }
    }

    /// Looks at the item; `enter`: stands in the queue before that.
    fn look(&self, backend: &mut dyn Backend, enter: bool, wait: &mut dyn Wait) -> Result<Option<Item>> {
        let key = self.id.lock_key();
        let get = Op::Get { key, body: true, touch: None };
        if !enter {
            return Ok(backend.one(get, wait)?.into_item());
        }
        let line = self.token.waits();
        let append = Op::Append { key, bytes: line.as_bytes(), after: None };
        let mut replies = both(backend, append, Some(get), wait)?.into_iter();
        match replies.next_back().expect("a reply to each operation") {
            // Neither may have been carried out, or both: the item says it.
            Err(error) if error.is_broken_off() => Ok(backend.one(get, wait)?.into_item()),
            reply => Ok(reply?.into_item()),
        }
    }

    /// Makes the item ours, if it still is what we saw. Where the holder is not known to be done, it
    /// is kept from saving.
    fn take_over(
        &mut self,
        backend: &mut dyn Backend,
        item: &Item,
        text: &Text,
        read: Option<Op<'_>>,
        wait: &mut dyn Wait,
    ) -> Result<Option<Taken>> {
        self.since = Instant::now();
        let has_queue = text.queue.last() != Some(&self.token);
        let ours = text.taken_by(self.token, self.ttl.as_secs());
        let replies = both(backend, self.write(&ours, When::Version(item.version)), read, wait)?;
        let mut taken = self.taken(backend, replies, has_queue)?;
        if let Some(taken) = &mut taken
            && !text.is_free
            && let Err(error) = fence(backend, self.id, read, &mut taken.read, wait)
        {
            forget(backend, &mut taken.lock);
            return Err(error);
        }
        Ok(taken)
    }

    /// The item turns out to be ours: it was written, and the answer got lost.
    fn found(
        &self,
        backend: &mut dyn Backend,
        item: &Item,
        read: Option<Op<'_>>,
        wait: &mut dyn Wait,
    ) -> Result<Taken> {
        let mut lock = self.lock(item.version, true);
        // Who had it before is not in the item any more.
        let mut reply = None;
        match fence(backend, self.id, read, &mut reply, wait) {
            Ok(()) => Ok(Taken { lock, read: read.and(reply) }),
            Err(error) => {
                forget(backend, &mut lock);
                Err(error)
            }
        }
    }

    fn leave(&self, backend: &mut dyn Backend, wait: &mut dyn Wait) -> Result<()> {
        let line = self.token.is_done();
        backend.one(Op::Append { key: self.id.lock_key(), bytes: line.as_bytes(), after: None }, wait).map(drop)
    }

    /// The end of the attempt. Where the wait for an answer was given up, the lock may be ours, or we
    /// stand in the queue: the same line ends either.
    fn end(&self, backend: &mut dyn Backend, taken: Result<Taken>) -> Result<Taken> {
        if taken.as_ref().is_err_and(|error| error.is_interrupted() || error.is_timeout()) {
            self.give_up(backend);
        }
        taken
    }

    /// Takes back whatever was asked for. If that is not heard, the lock runs out, or we are passed
    /// over.
    pub(crate) fn give_up(&self, backend: &mut dyn Backend) {
        backend.hurry(Some(GOODBYE));
        let _ = self.take_back(backend);
        backend.hurry(None);
    }

    /// What was asked for may not have arrived, for it went over another connection. An item that says
    /// that we are done keeps it from making one that nobody would end.
    fn take_back(&self, backend: &mut dyn Backend) -> Result<()> {
        let (key, line) = (self.id.lock_key(), self.token.is_done());
        let done = format!("{}{line}", self.text);
        let append = Op::Append { key, bytes: line.as_bytes(), after: None };
        let (value, expiry) = (done.as_bytes().into(), Expiry::fixed(UNDER_WAY));
        let add = Op::Store { key, value, flags: 0, expiry, when: When::Missing };
        for op in [append, add, append] {
            if matches!(backend.one(op, &mut NoWait)?, Reply::Stored(_)) {
                break;
            }
        }
        Ok(())
    }

    fn write<'t>(&self, text: &'t str, when: When) -> Op<'t>
    where
        'a: 't,
    {
        let expiry = Expiry::fixed(self.ttl.as_secs().max(SHORTEST).saturating_add(KEPT));
        Op::Store { key: self.id.lock_key(), value: text.as_bytes().into(), flags: 0, expiry, when }
    }

    fn lock(&self, version: Version, has_queue: bool) -> Lock {
        stats::count(Counter::Locks);
        Lock::new(held::remember(self.id, self.token), version, self.since, self.ttl, has_queue)
    }

    fn locked(&self, seen: Option<&Text>, began: Instant) -> Error {
        // Of a lock that is free, others are to have it first.
        let holder = seen.filter(|text| !text.is_free).and_then(|text| text.holder.clone());
        let locked = Locked { holder, waited: began.elapsed(), others: held::others(self.id), is_own: false };
        Error::session(self.id, SessionFault::Locked(locked.into()))
    }
}

/// Whether a lock may be taken from its holder: by the server's clock, which may stand still and then
/// jump, and by the holder's, or ours where these two do not agree.
fn has_run_out(item: &Item, text: &Text, watched: Duration) -> bool {
    let for_server = item.expiry.in_seconds().is_some_and(|left| left <= KEPT);
    for_server && text.holder.as_ref().is_none_or(|holder| holder.age().max(watched) >= holder.ttl())
}

/// Gives the session a new version, so that nobody can save who has read it before. Its newest state
/// is left in `found`, for whom `read` means something.
fn fence(
    backend: &mut dyn Backend,
    id: &Id,
    read: Option<Op<'_>>,
    found: &mut Option<Reply>,
    wait: &mut dyn Wait,
) -> Result<()> {
    let read = read.unwrap_or(Op::Get { key: id.key(), body: true, touch: None });
    let touched = match read {
        Op::Get { touch, .. } => touch,
        _ => None,
    };
    loop {
        let reply = match found.take() {
            Some(reply) => reply,
            None => backend.one(read, wait)?,
        };
        let Reply::Item(Item { value, flags, version, expiry }) = reply else {
            *found = Some(reply);
            return Ok(());
        };
        let expiry = touched.unwrap_or(expiry);
        let mut item = Item { value, flags, version, expiry };
        if !envelope::is_session(flags) {
            *found = Some(Reply::Item(item));
            return Ok(());
        }
        let when = When::Version(version);
        match backend.one(Op::Store { key: id.key(), value: (&item.value).into(), flags, expiry, when }, wait) {
            Ok(Reply::Stored(version)) => {
                item.version = version;
                *found = Some(Reply::Item(item));
                return Ok(());
            }
            Err(error) if !error.is_broken_off() => return Err(error),
            // Somebody was faster, or it may have been carried out: read it again.
            _ => {}
        }
    }
}

/// Gives a lock back.
pub(crate) fn release(backend: &mut dyn Backend, lock: &mut Lock, wait: &mut dyn Wait) -> Result<()> {
    if !lock.is_held() {
        return Ok(());
    }
    let reply = backend.one(lock.unlock_op(), wait);
    released(backend, lock, reply, wait)
}

/// The rest of giving a lock back, after [`Lock::unlock_op`] was answered.
pub(crate) fn released(
    backend: &mut dyn Backend,
    lock: &mut Lock,
    reply: Result<Reply>,
    wait: &mut dyn Wait,
) -> Result<()> {
    let is_open = match reply {
        Err(error) if error.is_broken_off() => true,
        reply => matches!(reply?, Reply::Exists | Reply::Outdated(_)),
    };
    // A queue has formed since, or nobody knows. Where the lock has run out it may be another's, and
    // nobody needs to be told.
    if is_open && !lock.is_outlived() {
        let line = lock.held.token.is_done();
        let tell = Op::Append { key: lock.id().lock_key(), bytes: line.as_bytes(), after: None };
        match backend.one(tell, wait) {
            // Saying it twice does no harm.
            Err(error) if error.is_broken_off() => backend.one(tell, wait)?,
            told => told?,
        };
    }
    lock.released = true;
    Ok(())
}

/// Whether nobody else has taken a lock, and what it is given back by from now on. An item that the
/// server has lost is nobody's.
pub(crate) fn is_still_ours(backend: &mut dyn Backend, lock: &mut Lock, wait: &mut dyn Wait) -> Result<bool> {
    let Some(item) = backend.get(lock.id().lock_key(), None, wait)? else {
        return Ok(true);
    };
    let text = Text::parse(&item.value);
    if text.token != Some(lock.held.token) {
        return Ok(false);
    }
    lock.version = item.version;
    lock.farewell = (!text.queue.is_empty()).then(|| lock.held.token.is_done());
    Ok(true)
}

/// Gives a lock back where the caller has another error to tell. If that fails, the lock runs out.
pub(crate) fn forget(backend: &mut dyn Backend, lock: &mut Lock) {
    backend.hurry(Some(GOODBYE));
    let _ = release(backend, lock, &mut NoWait);
    backend.hurry(None);
}

/// Two operations in one round trip.
fn both(
    backend: &mut dyn Backend,
    first: Op<'_>,
    second: Option<Op<'_>>,
    wait: &mut dyn Wait,
) -> Result<Vec<Result<Reply>>> {
    match second {
        Some(second) => backend.exchange(&[first, second], wait),
        None => backend.exchange(&[first], wait),
    }
}
