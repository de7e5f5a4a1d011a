//! Under a lock: read, created, saved.
//!
//! A transaction is [`Store::lock_and_load`] or [`Store::insert_locked`], then any number of saves, and
//! the end of the lock with the last of them, or with [`Store::unlock`]. It reads from the servers, never
//! from the local tier. Where somebody saved the session all the same, without a lock or because
//! ours has run out, that is an error: what was computed from the old state must not be put beside
//! the new one. Deleting needs no lock, and wins: see [`Store::delete`].

use super::tries::Tries;
use super::{Put, Store, noted_reading};
use crate::backend::{Op, Reply, When};
use crate::body::{Body, Loaded, Outcome, Saved};
use crate::envelope::Opened;
use crate::error::{Error, Result, SessionFault};
use crate::id::Id;
use crate::lock::{self, Attempt, End, Lock, Taken};
use crate::principal::Principal;
use crate::stats;
use crate::wait::Wait;

impl Store {
    /// Takes the lock of a session, whether there is such a session or not.
    ///
    /// Where it is taken, waits for [`Config::lock_timeout`](crate::Config::lock_timeout), then fails with
    /// an error that [`is_locked`](Error::is_locked).
    pub fn lock(&mut self, id: &Id, wait: &mut dyn Wait) -> Result<Lock> {
        let taken = self.take_lock(id, None, wait);
        stats::noted(taken).map(|taken| taken.lock)
    }

    /// Takes the lock of a session and reads it: one round trip, where the lock is free.
    pub fn lock_and_load(&mut self, id: &Id, wait: &mut dyn Wait) -> Result<(Lock, Option<Loaded>)> {
        let read = Op::Get { key: id.key(), body: true, touch: self.renewal() };
        let Taken { mut lock, read } = stats::noted(self.take_lock(id, Some(read), wait))?;
        let loaded = noted_reading(self.loaded(id, read, wait));
        match loaded {
            Ok(loaded) => Ok((lock, loaded)),
            Err(error) => {
                lock::forget(&mut *self.servers, &mut lock);
                Err(error)
            }
        }
    }

    /// Reads a session again, under its lock.
    pub fn load_locked(&mut self, lock: &Lock, wait: &mut dyn Wait) -> Result<Option<Loaded>> {
        let id = lock.id();
        let read = Op::Get { key: id.key(), body: true, touch: self.renewal() };
        let loaded = self.servers.one(read, wait).and_then(|reply| self.loaded(id, Some(reply), wait));
        noted_reading(loaded)
    }

    /// Stores a new session, as [`insert`](Store::insert) does, and takes its lock in the same round
    /// trip.
    pub fn insert_locked(
        &mut self,
        id: &Id,
        body: Body,
        principal: Option<&Principal>,
        wait: &mut dyn Wait,
    ) -> Result<(Lock, Loaded)> {
        id.check_lockable(&self.config.namespace)?;
        let config = self.config.clone();
        let attempt = Attempt::new(id, &config)?;
        let inserted = self.insert_with(id, body, principal, Some(attempt.add_op()), wait);
        let settled = match inserted {
            Ok((loaded, reply)) => {
                let reply = reply.expect("the lock was asked for");
                let read = Op::Get { key: id.key(), body: true, touch: None };
                let taken = attempt.settle(&mut *self.servers, reply, read, wait);
                taken.map(|Taken { lock, read }| (lock, self.with_new_version(id, loaded, read)))
            }
            Err(error) => {
                attempt.give_up(&mut *self.servers);
                Err(error)
            }
        };
        stats::noted(settled)
    }

    /// Saves a session under its lock, against what was read or saved under it before.
    ///
    /// With [`End::Unlock`] the lock is given back in the same round trip, whatever becomes of the
    /// save; unless nothing could be sent, then it is still [held](Lock::is_held).
    pub fn save_locked(
        &mut self,
        lock: &mut Lock,
        base: Option<&Loaded>,
        body: Body,
        principal: Option<&Principal>,
        end: End,
        wait: &mut dyn Wait,
    ) -> Result<Saved> {
        let id = lock.id().clone();
        let bytes = body.bytes.clone();
        let saved = self.save_under(&id, lock, base, body, principal, end, wait);
        match saved {
            Ok(_) => lock.forget_unanswered(),
            Err(_) => lock.add_unanswered(bytes),
        }
        self.after_saving(&id, saved, wait)
    }

    #[allow(clippy::too_many_arguments, reason = "those of its only caller")]
    fn save_under(
        &mut self,
        id: &Id,
        lock: &mut Lock,
        base: Option<&Loaded>,
        body: Body,
        principal: Option<&Principal>,
        end: End,
        wait: &mut dyn Wait,
    ) -> Result<Saved> {
        lock.check()?;
        let mut when = base.map_or(When::Missing, |base| When::Version(base.version));
        let mut tries = Tries::new(self.config.io_timeout);
        loop {
            let unlock = (end == End::Unlock && !lock.is_released()).then(|| lock.unlock_op());
            let (put, reply) = self.put(id, &body.bytes, body.encoding, when, principal, unlock, wait)?;
            // Until it is known that the session can't be saved, the lock is not given back on its own.
            let is_saved = matches!(put, Put::Stored(_) | Put::Missing);
            let is_given_back = matches!(reply, Some(Ok(Reply::Deleted | Reply::Stored(_) | Reply::Missing)));
            let settled = reply.filter(|_| is_saved || is_given_back);
            let released = settled.map(|reply| lock::released(&mut *self.servers, lock, reply, wait));
            match put {
                Put::Stored(version) => {
                    stop_if_interrupted(released)?;
                    let local = base.and_then(|base| base.local);
                    let stored = body.bytes.clone();
                    let base = Some(self.stored(id, body, stored, version, local, wait)?);
                    return Ok(Saved { outcome: Outcome::Stored, base });
                }
                // It has expired, or the server lost it.
                Put::Missing => when = When::Missing,
                Put::Exists | Put::Cut(_) => {
                    stop_if_interrupted(released)?;
                    let cut = match put {
                        Put::Cut(error) => tries.cut(error),
                        _ => Ok(()),
                    };
                    match cut.and_then(|()| self.look_again(lock, base, wait)) {
                        Ok(Some(condition)) => when = condition,
                        deleted => {
                            if end == End::Unlock {
                                stop_if_interrupted(Some(lock::release(&mut *self.servers, lock, wait)))?;
                            }
                            deleted?;
                            self.forget_record(id, principal, wait)?;
                            return Ok(Saved { outcome: Outcome::Dropped, base: None });
                        }
                    }
                }
            }
            tries.again(id, wait)?;
        }
    }

    /// What the session has become, where it was not what was read: the condition on which it may be
    /// saved all the same, as only its version has changed; `None` where it was deleted.
    fn look_again(&mut self, lock: &mut Lock, base: Option<&Loaded>, wait: &mut dyn Wait) -> Result<Option<When>> {
        let id = lock.id().clone();
        let Some(item) = self.servers.get(id.key(), None, wait)? else {
            return Ok(Some(When::Missing));
        };
        let version = item.version;
        match self.opened(&id, item)? {
            Opened::Tombstone => Ok(None),
            Opened::Other => Err(Error::session(&id, super::not_a_session())),
            Opened::Session { body, .. } if self.is_unchanged(lock, base, &body, wait)? => {
                Ok(Some(When::Version(version)))
            }
            Opened::Session { .. } => Err(Error::session(&id, SessionFault::Intruded)),
        }
    }

    /// Whether what is stored is what was read or saved under a lock that is still ours. So it is
    /// where the connection was replaced that gave the versions of both, or a save was not answered.
    pub(super) fn is_unchanged(
        &mut self,
        lock: &mut Lock,
        base: Option<&Loaded>,
        stored: &[u8],
        wait: &mut dyn Wait,
    ) -> Result<bool> {
        let is_same = base.is_some_and(|base| **base.stored() == *stored) || lock.is_unanswered(stored);
        Ok(is_same && lock.is_held() && lock::is_still_ours(&mut *self.servers, lock, wait)?)
    }

    /// Gives a lock back. Without effect on one that was given back already, or that another process
    /// has taken; and on its next holder where it has run out.
    pub fn unlock(&mut self, lock: &mut Lock, wait: &mut dyn Wait) -> Result<()> {
        stats::noted(lock::release(&mut *self.servers, lock, wait))
    }

    /// What was stored, where waiting for its lock has given it a new version.
    fn with_new_version(&self, id: &Id, loaded: Loaded, read: Option<Reply>) -> Loaded {
        match read.and_then(Reply::into_item).map(|item| (item.version, self.opened(id, item))) {
            Some((version, Ok(Opened::Session { body, .. }))) if *body == *loaded.body => Loaded { version, ..loaded },
            _ => loaded,
        }
    }

    fn take_lock(&mut self, id: &Id, read: Option<Op<'_>>, wait: &mut dyn Wait) -> Result<Taken> {
        id.check_lockable(&self.config.namespace)?;
        lock::acquire(&mut *self.servers, id, &self.config, read, wait)
    }

    fn loaded(&mut self, id: &Id, read: Option<Reply>, wait: &mut dyn Wait) -> Result<Option<Loaded>> {
        let Some(item) = read.and_then(Reply::into_item) else {
            return Ok(None);
        };
        match self.after_reading(id, item, wait)? {
            Some(item) => self.unwrap(id, item),
            None => Ok(None),
        }
    }
}

/// That a lock could not be given back does not undo the save: it runs out. That a signal's handler
/// has died is told.
fn stop_if_interrupted(released: Option<Result<()>>) -> Result<()> {
    match released {
        Some(Err(error)) if error.is_interrupted() => Err(error),
        _ => Ok(()),
    }
}
