//! The lock of a session: who holds it, who waits for it, and how long it lasts.
//!
//! A lock is an item beside the session's, on the same server, whose key is the session's with
//! `.lock` after it. Taking a free one is an add, which travels with the reading of the session;
//! giving it back is a delete, which travels with the save. Nothing else is sent while nobody
//! competes.
//!
//! - `text`: what stands in the item
//! - `acquire`: taking it, waiting for one's turn, giving it back; `patience`: when to look again
//! - `held`: the locks of this thread, for those who wait for each other
//! - `locked`: what there is to say when a lock could not be had
//!
//! **Waiting.** Who finds the lock taken appends a line to its item, and looks at it again and
//! again: that is the queue, first come, first served. The line changes the item's version, so the
//! holder's delete finds that somebody waits, and the holder appends a line that says it is done.
//! The first in the queue then makes the item its own, and hands the queue on. A waiter that has
//! died is passed over when it does not take its turn.
//!
//! **Lasting.** A holder that dies leaves its lock, so a lock lasts for `lock_ttl` seconds, and
//! never less by the holder's own clock. A server counts whole seconds, and one that was stopped
//! does not count at all and then all at once; so it alone does not decide: whoever wants the lock
//! also looks at the time that the holder has written into the item, or watches it for that long
//! where clocks disagree. Where the holder's clock is ahead, a dead one blocks for twice the time
//! at most.
//!
//! The item itself stays a while longer, and whoever takes a lock that has run out first gives the
//! session a new version: the former holder, should it only have been slow, can't save then, as its
//! save names the old one. It can't free the new holder's lock either: it knows neither its version
//! nor its token. A holder that sees by its own clock that its time is over does not even try.
//! Where the server has forgotten the item altogether (it was restarted, or needed the room), two
//! may hold the lock for a moment; the session's version still lets one of them save.
//!
//! A lock belongs to the process that took it: a child that inherits the value holds nothing.
//!
//! ```no_run
//! use session::{Body, Config, End, Id, NoWait, Store};
//!
//! # fn main() -> session::Result<()> {
//! # let id = Id::generate(32)?;
//! let mut store = Store::open(Config::default())?;
//! let (mut lock, session) = store.lock_and_load(&id, &mut NoWait)?;
//! match session {
//!     Some(session) => {
//!         let body = Body::storable(session.body.clone());
//!         store.save_locked(&mut lock, Some(&session), body, None, End::Unlock, &mut NoWait)?;
//!     }
//!     None => store.unlock(&mut lock, &mut NoWait)?,
//! }
//! # Ok(()) }
//! ```

mod acquire;
mod held;
mod locked;
mod patience;
mod text;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::getpid;

pub(crate) use self::acquire::{Attempt, GOODBYE, Taken, acquire, forget, is_still_ours, release, released};
pub(crate) use self::locked::Locked;

use self::held::Held;
use crate::backend::{Op, Version};
use crate::bytes::Bytes;
use crate::error::{Error, Result, SessionFault};
use crate::id::Id;

/// How many saves that were not answered are known.
const MOST_UNANSWERED: usize = 4;

/// A lock that this process has taken.
///
/// Dropping it does not give it back, as that takes a store: see [`Store::unlock`](crate::Store::unlock).
#[derive(Debug)]
pub struct Lock {
    held: Arc<Held>,
    version: Version,
    /// The line that tells a queue that we are done, where there was one when we took the lock.
    farewell: Option<String>,
    /// Before the request was sent, so it is over for us no later than for the server.
    since: Instant,
    ttl: Duration,
    released: bool,
    /// What was to be saved under it, where it is not known whether that was done.
    unanswered: Vec<Bytes>,
}

/// Whether a save is the last thing that is done under a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Gives the lock back in the same round trip.
    Unlock,
    /// Keeps it.
    Keep,
}

impl Lock {
    fn new(held: Arc<Held>, version: Version, since: Instant, ttl: Duration, has_queue: bool) -> Lock {
        let farewell = has_queue.then(|| held.token.is_done());
        Lock { held, version, farewell, since, ttl, released: false, unanswered: Vec::new() }
    }

    /// The session that it locks.
    pub fn id(&self) -> &Id {
        &self.held.id
    }

    /// Whether it is this process's, and was not given back.
    pub fn is_held(&self) -> bool {
        !self.released && self.is_own()
    }

    /// Whether it was given back.
    pub fn is_released(&self) -> bool {
        self.released
    }

    /// Whether this process took it, and did not inherit it.
    pub fn is_own(&self) -> bool {
        self.held.process == getpid()
    }

    /// Whether it has run out by our clock.
    fn is_outlived(&self) -> bool {
        self.since.elapsed() >= self.ttl
    }

    /// Whether anything may be written under it.
    pub(crate) fn check(&self) -> Result<()> {
        let fault = if !self.is_own() {
            SessionFault::Inherited
        } else if self.released {
            SessionFault::Unlocked
        } else if self.is_outlived() {
            SessionFault::Outlived { held: self.since.elapsed(), ttl: self.ttl }
        } else {
            return Ok(());
        };
        Err(Error::session(self.id(), fault))
    }

    /// A save under it has failed, and may have been carried out all the same.
    pub(crate) fn add_unanswered(&mut self, bytes: Bytes) {
        if self.unanswered.len() == MOST_UNANSWERED {
            self.unanswered.remove(0);
        }
        self.unanswered.push(bytes);
    }

    /// A save was answered: none that was sent before can be carried out any more.
    pub(crate) fn forget_unanswered(&mut self) {
        self.unanswered.clear();
    }

    /// Whether that is what one of those saves was to store.
    pub(crate) fn is_unanswered(&self, stored: &[u8]) -> bool {
        self.unanswered.iter().any(|bytes| **bytes == *stored)
    }

    /// What gives it back, as far as we know who waits. Where the version is outdated, nothing does.
    pub(crate) fn unlock_op(&self) -> Op<'_> {
        let (key, version) = (self.id().lock_key(), self.version);
        match &self.farewell {
            Some(line) if !self.is_outlived() => Op::Append { key, bytes: line.as_bytes(), after: Some(version) },
            _ => Op::Delete { key, version },
        }
    }
}
