//! A session moves to a new id, and loses nothing on the way.
//!
//! The new id gets the session first. Then a tombstone takes its former place, on the condition that
//! there still is what was moved. Where another request has saved it meanwhile, that is merged and
//! goes to the new id, too, and the tombstone is tried again. So a save that was acknowledged is
//! always in what the new id has at the end. A session that was deleted meanwhile is nowhere: the
//! new one is taken back. Nobody knows the new id until then.
//!
//! ```text
//! put it under the new id;  bury the former one if it is what was read      2 round trips
//!     saved by another:   read, merge, put under the new id, bury, …
//!     gone:               bury what is not there, so that nobody writes it anew
//!     deleted, or an error before anything was buried:  take the new one back
//! ```
//!
//! Where the server breaks off while it buries, the tombstone itself tells whose it is: it carries a
//! client flag that one of a deletion does not. Where nothing can be found out, the session has
//! moved, and [`Moved::left`] says why its former id may still lead to it.

use super::tries::Tries;
use super::{Put, Store, count_merged, not_a_session, tombstone};
use crate::backend::{Op, Reply, Version, When};
use crate::body::{Body, Loaded, Origin, Outcome, Saved};
use crate::bytes::Bytes;
use crate::envelope::{self, Opened};
use crate::error::{Error, Fault, Kind, Result, SessionFault};
use crate::id::Id;
use crate::lock::{GOODBYE, Lock};
use crate::principal::Principal;
use crate::stats;
use crate::wait::{NoWait, Wait};

/// What became of a session that was to move.
#[derive(Debug)]
pub struct Moved {
    /// What is stored under the new id. Nothing, where the session was deleted by another request:
    /// then the outcome is [`Outcome::Dropped`].
    pub saved: Saved,
    /// Why the former id may still lead to the session.
    pub left: Option<Error>,
}

/// A move under way.
struct Move<'a> {
    from: &'a Id,
    to: &'a Id,
    base: &'a Loaded,
    body: &'a Body,
    principal: Option<&'a Principal>,
    /// The lock of the former id: another's save is an error then.
    lock: Option<&'a mut Lock>,
    /// What the new id is to have, and how that came about.
    bytes: Bytes,
    outcome: Outcome,
    /// The version that the new id has.
    stored: Option<Version>,
    /// Something was sent that puts it there.
    is_begun: bool,
    /// A tombstone was sent, and nobody knows whether it arrived.
    is_in_doubt: bool,
}

/// What is found under the former id.
enum Former {
    /// Our tombstone.
    Buried,
    /// Another's.
    Deleted,
    /// Something that can be buried on this condition.
    There(When),
}

impl Store {
    /// Moves a session that was read as `base` from one id to another that nobody knows yet. `body`
    /// is what it is to be there.
    ///
    /// What another request saved meanwhile is treated as in [`save`](Store::save). An error means
    /// that it has not moved.
    pub fn move_to(
        &mut self,
        from: &Id,
        to: &Id,
        base: &Loaded,
        body: Body,
        principal: Option<&Principal>,
        wait: &mut dyn Wait,
    ) -> Result<Moved> {
        self.relocate(from, to, base, body, principal, None, wait)
    }

    /// The same under the lock of the former id, which is kept: that another request saved meanwhile
    /// is an error.
    pub fn move_locked(
        &mut self,
        lock: &mut Lock,
        to: &Id,
        base: &Loaded,
        body: Body,
        principal: Option<&Principal>,
        wait: &mut dyn Wait,
    ) -> Result<Moved> {
        stats::noted(lock.check())?;
        let from = lock.id().clone();
        self.relocate(&from, to, base, body, principal, Some(lock), wait)
    }

    #[allow(clippy::too_many_arguments, reason = "those of its two callers")]
    fn relocate(
        &mut self,
        from: &Id,
        to: &Id,
        base: &Loaded,
        body: Body,
        principal: Option<&Principal>,
        lock: Option<&mut Lock>,
        wait: &mut dyn Wait,
    ) -> Result<Moved> {
        stats::noted(to.check_fits(&self.config.namespace))?;
        let mut moving = Move {
            from,
            to,
            base,
            body: &body,
            principal,
            lock,
            bytes: stats::noted(self.combine_with_stored(from, Some(base), &body))?,
            outcome: Outcome::Stored,
            stored: None,
            is_begun: false,
            is_in_doubt: false,
        };
        let left = match self.carry_out(&mut moving, wait) {
            Ok(true) => self.bury_copy(from, wait).err(),
            Ok(false) => {
                self.take_back(&moving, None, wait);
                if let Some(local) = &mut self.local {
                    local.bury_if_up(tombstone(from, When::Always), wait)?;
                }
                let (outcome, base) = (Outcome::Dropped, None);
                return Ok(Moved { saved: Saved { outcome, base }, left: None });
            }
            Err(error) if moving.is_in_doubt => Some(error),
            Err(error) => {
                self.take_back(&moving, Some(&error), wait);
                if let Some(local) = self.local.as_mut().filter(|_| !error.is_interrupted()) {
                    local.forget(from, wait)?;
                }
                return stats::noted(Err(error));
            }
        };
        left.iter().for_each(stats::count_error);
        let Move { bytes, outcome, stored, .. } = moving;
        let version = stored.expect("it was put there before anything was buried");
        count_merged(&outcome);
        let stored = Some(bytes).filter(|bytes| *bytes != body.bytes);
        let Body { bytes: ours, encoding, .. } = body;
        let base = Loaded { body: ours, encoding, version, origin: Origin::Servers, stored, local: None };
        Ok(Moved { saved: Saved { outcome, base: Some(base) }, left })
    }

    /// Moves it on the servers. `false`: it was deleted meanwhile.
    fn carry_out(&mut self, moving: &mut Move<'_>, wait: &mut dyn Wait) -> Result<bool> {
        let read = moving.base.origin == Origin::Servers;
        let mut seen = read.then_some(When::Version(moving.base.version));
        let mut tries = Tries::new(self.config.io_timeout);
        loop {
            let when = match seen {
                Some(when) => when,
                None => match self.look_at_former(moving, wait)? {
                    Former::There(when) => when,
                    Former::Buried => return Ok(true),
                    Former::Deleted => return Ok(false),
                },
            };
            self.put_under_new(moving, wait)?;
            seen = match self.bury_former(moving, when, wait)? {
                Reply::Stored(_) => return Ok(true),
                Reply::Missing => Some(When::Missing),
                Reply::Outdated(server) => {
                    tries.cut(Error::server(&server, Fault::Closed, false))?;
                    None
                }
                _ => None,
            };
            tries.again(moving.from, wait)?;
        }
    }

    /// Looks at what the former id has now, and merges it with what is to be under the new one.
    fn look_at_former(&mut self, moving: &mut Move<'_>, wait: &mut dyn Wait) -> Result<Former> {
        let item = self.servers.get(moving.from.key(), None, wait)?;
        let was_in_doubt = std::mem::replace(&mut moving.is_in_doubt, false);
        let Some(item) = item else {
            return Ok(Former::There(When::Missing));
        };
        let (version, is_moved) = (item.version, envelope::is_moved(item.flags));
        let from = moving.from;
        match self.opened(from, item)? {
            Opened::Tombstone if was_in_doubt && is_moved => return Ok(Former::Buried),
            Opened::Tombstone => return Ok(Former::Deleted),
            Opened::Other => return Err(Error::session(from, not_a_session())),
            Opened::Session { body: theirs, encoding } => match &mut moving.lock {
                Some(lock) => {
                    if !self.is_unchanged(lock, Some(moving.base), &theirs, wait)? {
                        return Err(Error::session(from, SessionFault::Intruded));
                    }
                }
                None => {
                    (moving.bytes, moving.outcome) =
                        self.reconcile(from, Some(moving.base), &theirs, encoding, moving.body)?;
                }
            },
        }
        Ok(Former::There(When::Version(version)))
    }

    fn put_under_new(&mut self, moving: &mut Move<'_>, wait: &mut dyn Wait) -> Result<()> {
        let (to, encoding, principal) = (moving.to, moving.body.encoding, moving.principal);
        moving.is_begun = true;
        // What we have put there before nobody else knows of.
        let when = if moving.stored.is_some() { When::Always } else { When::Missing };
        match self.put(to, &moving.bytes, encoding, when, principal, None, wait)?.0 {
            Put::Stored(version) => {
                moving.stored = Some(version);
                Ok(())
            }
            Put::Missing | Put::Exists | Put::Cut(_) => Err(Kind::Exists.into()),
        }
    }

    fn bury_former(&mut self, moving: &mut Move<'_>, when: When, wait: &mut dyn Wait) -> Result<Reply> {
        let buried = self.servers.one(moved_tombstone(moving.from, when), wait);
        moving.is_in_doubt = buried.as_ref().is_err_and(Error::is_in_doubt);
        match buried {
            // A look will tell.
            Err(error) if error.is_broken_off() => Ok(Reply::Exists),
            buried => buried,
        }
    }

    fn bury_copy(&mut self, from: &Id, wait: &mut dyn Wait) -> Result<()> {
        match &mut self.local {
            Some(local) => local.bury(moved_tombstone(from, When::Always), wait),
            None => Ok(()),
        }
    }

    /// Removes what was put under the new id, if that is what is there, and the principal's record.
    /// Where that fails, it stays until it expires, under an id that nobody knows.
    fn take_back(&mut self, moving: &Move<'_>, because: Option<&Error>, wait: &mut dyn Wait) {
        if !moving.is_begun {
            return;
        }
        if because.is_some_and(|error| error.is_interrupted() || error.is_timeout()) {
            self.servers.hurry(Some(GOODBYE));
            let _ = self.remove_new(moving, &mut NoWait);
            self.servers.hurry(None);
        } else {
            let _ = self.remove_new(moving, wait);
        }
    }

    fn remove_new(&mut self, moving: &Move<'_>, wait: &mut dyn Wait) -> Result<()> {
        self.forget_record(moving.to, moving.principal, wait)?;
        let key = moving.to.key();
        if let Some(item) = self.servers.get(key, None, wait)?
            && let version = item.version
            && let Ok(Opened::Session { body, .. }) = self.opened(moving.to, item)
            && body == *moving.bytes
        {
            self.servers.one(Op::Delete { key, version }, wait)?;
        }
        Ok(())
    }
}

/// A tombstone that tells a move from a deletion.
fn moved_tombstone(id: &Id, when: When) -> Op<'_> {
    match tombstone(id, when) {
        Op::Store { key, value, expiry, when, .. } => {
            Op::Store { key, value, flags: envelope::MOVED_FLAGS, expiry, when }
        }
        op => op,
    }
}
