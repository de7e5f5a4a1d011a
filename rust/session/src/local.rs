//! The local tier: a copy nearby, which is read first.
//!
//! A copy is only a cache. When it can't be read, or what it holds can't be understood, the servers
//! are asked; when it can't be written after the servers were, the save stands, and the copy may be
//! old until it expires. Two things are more than that: a deletion that the local tier did not take
//! is an error, because a session that was logged out would stay readable on this host; and no old
//! copy can undo another host's change, because a save of a session that came from here asks the
//! servers for theirs first.
//!
//! A tombstone here is never written over: a copy is put only where there is nothing, or in the
//! place of the copy that we know. So a request that is slow to make its copy can't bring back what
//! was deleted meanwhile.
//!
//! ```text
//! read:    local has a session -> that;  else the servers', and a copy of it here
//! save:    the servers first;  then in the place of the copy we know, else away with it
//! delete:  a tombstone on the servers, then here
//! ```

use crate::backend::{Backend, Item, Op, Reply, Version, When};
use crate::config::Config;
use crate::envelope;
use crate::error::Result;
use crate::expiry::Expiry;
use crate::id::Id;
use crate::wait::Wait;

/// The copies of one configuration.
pub(crate) struct Local {
    backend: Box<dyn Backend>,
    expiry: Expiry,
}

impl Local {
    pub(crate) fn new(backend: Box<dyn Backend>, config: &Config) -> Local {
        let whole = Expiry::seconds(config.local_ttl.or(config.expiry));
        // A session in use must be read from the servers in time to be renewed there.
        let expiry = match config.expiry {
            Some(expiry) if config.sliding && expiry > 0 => whole.at_most(expiry.div_ceil(2)),
            _ => whole,
        };
        Local { backend, expiry }
    }

    /// Reads what there is.
    pub(crate) fn get(&mut self, id: &Id, wait: &mut dyn Wait) -> Result<Option<Item>> {
        Ok(unless_interrupted(self.backend.get(id.as_bytes(), None, wait))?.flatten())
    }

    /// Puts a copy where there is nothing; returns its version.
    pub(crate) fn fill(&mut self, id: &Id, value: &[u8], flags: u32, wait: &mut dyn Wait) -> Result<Option<Version>> {
        Ok(match self.put(id, value, flags, When::Missing, wait)? {
            Some(Reply::Stored(version)) => Some(version),
            _ => None,
        })
    }

    /// Replaces the copy that we know; returns the new one's version. One that somebody else wrote
    /// is removed, as there is no telling which is newer.
    pub(crate) fn renew(
        &mut self,
        id: &Id,
        value: &[u8],
        flags: u32,
        known: Option<Version>,
        wait: &mut dyn Wait,
    ) -> Result<Option<Version>> {
        let when = known.map_or(When::Missing, When::Version);
        match self.put(id, value, flags, when, wait)? {
            Some(Reply::Stored(version)) => Ok(Some(version)),
            Some(Reply::Missing) => self.fill(id, value, flags, wait),
            Some(Reply::Exists) => {
                self.remove(id, wait)?;
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// Leaves a tombstone. That this failed is for the caller to hear.
    pub(crate) fn bury(&mut self, tombstone: Op<'_>, wait: &mut dyn Wait) -> Result<()> {
        self.backend.one(tombstone, wait).map(drop)
    }

    fn put(&mut self, id: &Id, value: &[u8], flags: u32, when: When, wait: &mut dyn Wait) -> Result<Option<Reply>> {
        let copy = Op::Store { key: id.as_bytes(), value, flags, expiry: self.expiry, when };
        unless_interrupted(self.backend.one(copy, wait))
    }

    /// Removes a copy, and leaves a tombstone.
    fn remove(&mut self, id: &Id, wait: &mut dyn Wait) -> Result<()> {
        let key = id.as_bytes();
        let look = Op::Get { key, body: false, touch: None };
        if let Some(Reply::Item(item)) = unless_interrupted(self.backend.one(look, wait))?
            && !envelope::is_tombstone(item.flags)
        {
            let version = item.version;
            unless_interrupted(self.backend.one(Op::Delete { key, version }, wait))?;
        }
        Ok(())
    }
}

/// A fault is passed over; a signal's stop is not.
fn unless_interrupted<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_interrupted() => Err(error),
        Err(_) => Ok(None),
    }
}
