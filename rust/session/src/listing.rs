//! All sessions of a store, one after the other.
//!
//! A scan gives each session to a function while the rest is still being found, so it holds flat memory however many
//! there are. What it reads has no part in the servers' order of eviction, and no expiry is renewed.
//!
//! What a scan sees: every session that was there from its beginning to its end, once. One that comes, goes or moves
//! meanwhile is seen or not. On memcached a session that lies on another server than the one where it would be looked for is
//! a leftover of a time when that was down, and is not listed. A server that can't be reached, can't be listed, or breaks
//! off is an error: nothing is missed in silence.
//!
//! ```no_run
//! use std::ops::ControlFlow;
//! use session::{Config, Error, NoWait, Store};
//!
//! # fn main() -> session::Result<()> {
//! let store = Store::open(Config::default())?;
//! let mut bytes = 0;
//! let scanned = store.scan(&mut NoWait, |listed| {
//!     bytes += listed.body()?.len();
//!     Ok::<_, Error>(ControlFlow::Continue(()))
//! })?;
//! println!("{} sessions, {bytes} bytes", scanned.sessions);
//! # Ok(()) }
//! ```

use std::borrow::Cow;
use std::ops::ControlFlow;

use rustix::process::getpid;

use crate::backend::{Seen, Version};
use crate::envelope::{self, Encoding};
use crate::error::{Error, Kind, Result};
use crate::id::Id;
use crate::principal::Principal;
use crate::secret::Secrets;
use crate::stats::{self, Counter};
use crate::store::{Store, backend};
use crate::wait::Wait;

/// A session as a scan found it.
#[derive(Debug, Clone, Copy)]
pub struct Listed<'a> {
    /// Its id.
    pub id: &'a Id,
    /// In how many seconds it expires; `None`: never.
    pub expiry: Option<u64>,
    /// The item's value: the serialized session, maybe compressed.
    pub value: &'a [u8],
    /// The item's client flags, which say so.
    pub flags: u32,
    version: Version,
    secrets: &'a Secrets,
}

/// Which state of a session was seen; see [`Store::delete_unchanged`].
///
/// It is good on any connection and for any time: beside the item's version, which a server counts from the beginning
/// again when it is restarted, it holds a checksum of what was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    version: u64,
    flags: u32,
    length: usize,
    checksum: u32,
}

impl State {
    pub(crate) fn of(version: Version, value: &[u8], flags: u32) -> State {
        State { version: version.number, flags, length: value.len(), checksum: crc32fast::hash(value) }
    }
}

impl<'a> Listed<'a> {
    /// The serialized session. Fails with an error that names the session where it is damaged, or encrypted.
    pub fn body(&self) -> Result<Cow<'a, [u8]>> {
        envelope::body(self.value, self.flags, self.secrets.of(self.id)).map_err(|fault| Error::session(self.id, fault))
    }

    /// Which state of the session this is.
    pub fn state(&self) -> State {
        State::of(self.version, self.value, self.flags)
    }

    /// By what it was serialized.
    pub fn encoding(&self) -> Encoding {
        envelope::encoding(self.flags)
    }
}

/// What came of a scan.
#[derive(Debug, Default)]
pub struct Scanned {
    /// Sessions that were given out.
    pub sessions: u64,
    /// Tombstones of sessions that were deleted or moved.
    pub tombstones: u64,
    /// Items that are no sessions: principals' reverse records, locks, other programs' items.
    pub others: u64,
    /// Items that were there when the server listed them, and had gone when they were read.
    pub gone: u64,
    /// Items on servers where nobody looks for them.
    pub misplaced: u64,
    /// Servers that could not be reached, in [`Store::scan_reachable`].
    pub unreachable: Vec<Error>,
    /// The addresses of servers too old to list all that they have: what was in use or moved between the server's
    /// queues at that moment is missing, and a session may have been given out twice.
    pub approximate: Vec<String>,
    /// The function ended the scan.
    pub stopped: bool,
}

impl Store {
    /// Gives all sessions to `each`, until that breaks or fails.
    ///
    /// The scan has connections of its own, so `each` may use other stores on the same servers: delete what it is
    /// given, for one. It is no bother to anybody but other scans: a server of memcached lists its items to one at a time,
    /// and this waits its turn for up to [`Config::lock_timeout`](crate::Config::lock_timeout). `io_timeout` is how long a server
    /// may take to go on, not how long it all takes. `each` may fork, if the child does not return into the scan.
    pub fn scan<E: From<Error>>(
        &self,
        wait: &mut dyn Wait,
        each: impl FnMut(Listed<'_>) -> std::result::Result<ControlFlow<()>, E>,
    ) -> std::result::Result<Scanned, E> {
        self.scan_all(false, wait, each)
    }

    /// Does what [`scan`](Store::scan) does without the servers that can't be reached, of which it tells at the end.
    /// Sessions that were stored elsewhere because their server is down are listed. Fails when none can be reached.
    pub fn scan_reachable<E: From<Error>>(
        &self,
        wait: &mut dyn Wait,
        each: impl FnMut(Listed<'_>) -> std::result::Result<ControlFlow<()>, E>,
    ) -> std::result::Result<Scanned, E> {
        self.scan_all(true, wait, each)
    }

    fn scan_all<E: From<Error>>(
        &self,
        reachable_only: bool,
        wait: &mut dyn Wait,
        mut each: impl FnMut(Listed<'_>) -> std::result::Result<ControlFlow<()>, E>,
    ) -> std::result::Result<Scanned, E> {
        let process = getpid();
        let mut scanned = Scanned::default();
        let mut failed = None;
        let mut look = |seen: Seen<'_>| {
            if envelope::is_tombstone(seen.flags) {
                scanned.tombstones += 1;
                return ControlFlow::Continue(());
            }
            let id = match Id::parse(seen.key) {
                Ok(id) if envelope::is_session(seen.flags) => id,
                _ => {
                    scanned.others += 1;
                    return ControlFlow::Continue(());
                }
            };
            scanned.sessions += 1;
            let Seen { value, flags, version, .. } = seen;
            let expiry = seen.expiry.in_seconds();
            let went = each(Listed { id: &id, version, expiry, value, flags, secrets: &self.config().secrets });
            if getpid() != process {
                failed = Some(Error::from(Kind::Forked).into());
                return ControlFlow::Break(());
            }
            match went {
                Ok(ControlFlow::Continue(())) => ControlFlow::Continue(()),
                Ok(ControlFlow::Break(())) => {
                    scanned.stopped = true;
                    ControlFlow::Break(())
                }
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        };
        let passed = backend(&self.config().servers, self.config()).scan(reachable_only, &mut look, wait);
        if let Some(error) = failed {
            return Err(error);
        }
        let passed = passed?;
        scanned.others += passed.foreign;
        scanned.gone = passed.gone;
        scanned.misplaced = passed.misplaced;
        scanned.unreachable = passed.unreachable;
        scanned.approximate = passed.approximate;
        Ok(scanned)
    }

    /// Deletes a session as [`delete`](Store::delete) does, if it is still in the state that a scan saw. Returns whether it
    /// was; one that was saved, deleted, or that expired since then is left alone.
    pub fn delete_unchanged(
        &mut self,
        id: &Id,
        state: &State,
        principal: Option<&Principal>,
        wait: &mut dyn Wait,
    ) -> Result<bool> {
        let deleted = self.bury_if(id, state, principal, wait);
        if let Ok(true) = deleted {
            stats::count(Counter::Deletes);
        }
        stats::noted(deleted)
    }

    /// The session that a principal's reverse record names: the one of theirs that was saved last. `None` where there is no
    /// record. That there still is such a session, and whose it is, is for the caller to see.
    pub fn id_for_principal(&mut self, principal: &Principal, wait: &mut dyn Wait) -> Result<Option<Id>> {
        self.record(principal, wait)
    }
}
