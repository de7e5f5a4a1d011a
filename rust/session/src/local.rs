//! The local tier: a copy nearby, which is read first.
//!
//! A copy is only a cache. When it can't be read, or is damaged, the servers are asked; when it can't
//! be written after the servers were, the save stands, and the copy may be old until it expires,
//! which is never later than its session does. Two things are more than that: a deletion that the
//! local tier did not take is an error, because a session that was logged out would stay readable on
//! this host; and no old copy can undo another host's change, because a save of a session that came
//! from here asks the servers for theirs first.
//!
//! A tombstone here is never written over: a copy is put only where there is nothing, or in the
//! place of the copy that we know. So a request that is slow to make its copy can't bring back what
//! was deleted meanwhile.
//!
//! The copies that we make carry a client flag. What is here without it may be a copy that the first
//! release made, which is read; but it may be the session itself, too, where this memcached is one of
//! the servers under another name. So it is never removed, and replaced only by a save that
//! knows it.
//!
//! ```text
//! read:    local has a session -> that;  else the servers', and a copy of it here
//! save:    the servers first;  then in the place of the copy we know, else away with it
//!          failed: away with the copy;  the session was deleted: a tombstone here, too
//! delete:  a tombstone on the servers, then here
//! ```

use storable::Value;

use crate::backend::{Backend, Item, Op, Payload, Reply, Version, When};
use crate::body::{Loaded, Origin};
use crate::config::Config;
use crate::envelope::{self, Encoding};
use crate::error::Result;
use crate::expiry::Expiry;
use crate::id::Id;
use crate::secret::Secrets;
use crate::wait::Wait;

/// The copies of one configuration.
pub(crate) struct Local {
    backend: Box<dyn Backend>,
    expiry: Expiry,
    sliding: bool,
    secrets: Secrets,
}

/// What the local tier has of a session.
pub(crate) enum Found {
    Copy(Loaded),
    /// A copy that we made, and that a better one may replace.
    Useless(Version),
    /// Nothing, or nothing that a copy may replace.
    Nothing,
}

impl Local {
    pub(crate) fn new(backend: Box<dyn Backend>, config: &Config) -> Local {
        let session = Expiry::seconds(config.expiry);
        let expiry = Expiry::seconds(config.local_ttl).sooner(session);
        // A session in use must be read from the servers in time to be renewed there.
        let expiry = if config.sliding { expiry.sooner(session.half()) } else { expiry };
        Local { backend, expiry, sliding: config.sliding, secrets: config.secrets.clone() }
    }

    /// Reads the copy.
    pub(crate) fn get(&mut self, id: &Id, wait: &mut dyn Wait) -> Result<Found> {
        let Some(item) = unless_interrupted(self.backend.get(id.key(), None, wait))?.flatten() else {
            return Ok(Found::Nothing);
        };
        let (version, ours) = (item.version, envelope::is_copy(item.flags));
        // Another's copy may last as long as its session, which then would not be renewed in time.
        let serves = ours || !self.sliding;
        Ok(match Loaded::from_item(item, Origin::Local, self.secrets.of(id)) {
            Ok(Some(copy)) if serves && !is_empty(&copy) => Found::Copy(Loaded { local: Some(version), ..copy }),
            _ if ours => Found::Useless(version),
            _ => Found::Nothing,
        })
    }

    /// Makes a copy of what the servers have: where there is nothing, or in the place of a useless
    /// one. Returns its version.
    pub(crate) fn fill(
        &mut self,
        id: &Id,
        item: &Item,
        useless: Option<Version>,
        wait: &mut dyn Wait,
    ) -> Result<Option<Version>> {
        let when = useless.map_or(When::Missing, When::Version);
        let expiry = self.expiry.sooner(item.expiry);
        Ok(stored(self.put(id, (&item.value).into(), item.flags, expiry, when, wait)?))
    }

    /// Replaces the copy that we know; returns the new one's version. One that another request made
    /// is removed, as there is no telling which is newer.
    pub(crate) fn renew(
        &mut self,
        id: &Id,
        value: Payload<'_>,
        flags: u32,
        known: Option<Version>,
        wait: &mut dyn Wait,
    ) -> Result<Option<Version>> {
        let when = known.map_or(When::Missing, When::Version);
        match self.put(id, value, flags, self.expiry, when, wait)? {
            Some(Reply::Missing) => Ok(stored(self.put(id, value, flags, self.expiry, When::Missing, wait)?)),
            Some(Reply::Exists) => {
                self.forget(id, wait)?;
                Ok(None)
            }
            reply => Ok(stored(reply)),
        }
    }

    /// Leaves a tombstone. That this failed is for the caller to hear.
    pub(crate) fn bury(&mut self, tombstone: Op<'_>, wait: &mut dyn Wait) -> Result<()> {
        self.backend.one(tombstone, wait).map(drop)
    }

    /// Leaves a tombstone for a session that was deleted elsewhere.
    pub(crate) fn bury_if_up(&mut self, tombstone: Op<'_>, wait: &mut dyn Wait) -> Result<()> {
        unless_interrupted(self.bury(tombstone, wait)).map(drop)
    }

    /// Removes a copy of ours, whoever of us made it.
    pub(crate) fn forget(&mut self, id: &Id, wait: &mut dyn Wait) -> Result<()> {
        let key = id.key();
        let look = Op::Get { key, body: false, touch: None };
        if let Some(Reply::Item(item)) = unless_interrupted(self.backend.one(look, wait))?
            && envelope::is_copy(item.flags)
        {
            let version = item.version;
            unless_interrupted(self.backend.one(Op::Delete { key, version }, wait))?;
        }
        Ok(())
    }

    fn put(
        &mut self,
        id: &Id,
        value: Payload<'_>,
        flags: u32,
        expiry: Expiry,
        when: When,
        wait: &mut dyn Wait,
    ) -> Result<Option<Reply>> {
        let copy = Op::Store { key: id.key(), value, flags: flags | envelope::COPY, expiry, when };
        unless_interrupted(self.backend.one(copy, wait))
    }
}

fn stored(reply: Option<Reply>) -> Option<Version> {
    match reply {
        Some(Reply::Stored(version)) => Some(version),
        _ => None,
    }
}

/// Whether a copy has fewer than two keys, which the first release takes, and leaves, for a session
/// that is not there.
fn is_empty(copy: &Loaded) -> bool {
    /// More bytes than a session has that holds its id alone.
    const LARGE: usize = 512;
    copy.encoding == Encoding::Storable
        && copy.body.len() < LARGE
        && Value::parse(&copy.body, &storable::Limits::default())
            .map_or(true, |session| session.root().entries().take(2).count() < 2)
}

/// A fault is passed over; a signal's stop is not.
fn unless_interrupted<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_interrupted() => Err(error),
        Err(_) => Ok(None),
    }
}
