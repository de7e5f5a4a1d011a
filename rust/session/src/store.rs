//! The life of a session: read, created, saved, deleted.
//!
//! Everything here is written over [`Backend`]: what a save does when another request was faster,
//! what a delete leaves behind, how the principal's reverse record and the local tier are kept up.
//! Copies nearby are `local`'s affair, merging is `merge`'s, locks are `transaction`'s, new ids `moving`'s.
//!
//! ```no_run
//! use session::{Body, Config, Encoding, Id, NoWait, Store};
//!
//! # fn main() -> session::Result<()> {
//! let mut store = Store::open(Config::default())?;
//! let id = Id::generate(32)?;
//! store.insert(&id, Body::storable(vec![5, 11, 3, 0, 0, 0, 0]), None, &mut NoWait)?;
//!
//! let loaded = store.load(&id, &mut NoWait)?.expect("it was just stored");
//! let saved = store.save(&id, Some(&loaded), Body::storable(loaded.body.clone()), None, &mut NoWait)?;
//! assert!(saved.base.is_some());
//! assert!(store.delete(&id, None, &mut NoWait)?);
//! # Ok(()) }
//! ```

mod keeping;
mod moving;
mod transaction;
mod tries;

use std::sync::Arc;

pub use self::keeping::{Restore, Restored, Stored};
pub use self::moving::Moved;

use self::tries::Tries;

use crate::backend::{Backend, Item, Op, Payload, Reply, Version, When};
use crate::body::{Body, Loaded, Origin, Outcome, Saved};
use crate::bytes::Bytes;
use crate::config::{Config, Conflict};
use crate::embedded::Embedded;
use crate::envelope::{self, Encoding, Opened};
use crate::error::{Error, Fault, Kind, Result, SessionFault};
use crate::expiry::Expiry;
use crate::id::Id;
use crate::listing::State;
use crate::local::{Found, Local};
use crate::memcached::Memcached;
use crate::merge;
use crate::principal::Principal;
use crate::server::Target;
use crate::stats::{self, Counter};
use crate::wait::Wait;

/// How long a deleted session can't come back: longer than a request lasts that was under way.
const TOMBSTONE: Expiry = Expiry::fixed(300);

/// The sessions of one configuration.
///
/// Opening one is cheap, and opens nothing: connections are made at the first use, are kept by the
/// thread, and are shared by all its stores. A store is used by one thread; after a `fork`, parent
/// and child both go on with theirs.
pub struct Store {
    config: Arc<Config>,
    servers: Box<dyn Backend>,
    local: Option<Local>,
}

impl Store {
    /// A store of this configuration. Fails when the configuration can't be used; nothing is
    /// connected to yet.
    pub fn open(config: impl Into<Arc<Config>>) -> Result<Store> {
        stats::begin_process();
        let config = config.into();
        config.check()?;
        let servers = backend(&config.servers, &config);
        let local = config.local.as_ref().filter(|local| !local.overlaps(&config.servers));
        let local = local.map(|local| Local::new(backend(local, &config), &config));
        Ok(Store { config, servers, local })
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Reads a session; `None` when there is none, it was deleted, or the key holds something else.
    ///
    /// With [`Config::sliding`] what the key holds gets its expiry renewed in the same round trip. That
    /// is done before anybody knows what it is: a tombstone is given its own time again, but a
    /// principal's reverse record that is read by mistake stays renewed.
    pub fn load(&mut self, id: &Id, wait: &mut dyn Wait) -> Result<Option<Loaded>> {
        let loaded = self.load_from_nearest(id, wait);
        noted_reading(loaded)
    }

    fn load_from_nearest(&mut self, id: &Id, wait: &mut dyn Wait) -> Result<Option<Loaded>> {
        id.check_fits(&self.config.namespace)?;
        let mut useless = None;
        if let Some(local) = &mut self.local {
            match local.get(id, wait)? {
                Found::Copy(copy) => return Ok(Some(copy)),
                Found::Useless(version) => useless = Some(version),
                Found::Nothing => {}
            }
        }
        let Some(item) = self.servers.get(id.key(), self.renewal(), wait)? else {
            return Ok(None);
        };
        let Some(item) = self.after_reading(id, item, wait)? else {
            return Ok(None);
        };
        let copy = match &mut self.local {
            Some(local) if envelope::is_session(item.flags) => local.fill(id, &item, useless, wait)?,
            _ => None,
        };
        let mut loaded = self.unwrap(id, item)?;
        if let Some(loaded) = &mut loaded {
            loaded.local = copy;
        }
        Ok(loaded)
    }

    /// Stores a new session. When there is one with this id, fails with an error that
    /// [`is_exists`](Error::is_exists); a deleted one's place can be taken.
    pub fn insert(
        &mut self,
        id: &Id,
        body: Body,
        principal: Option<&Principal>,
        wait: &mut dyn Wait,
    ) -> Result<Loaded> {
        let inserted = self.insert_with(id, body, principal, None, wait);
        stats::noted(inserted.map(|(loaded, _)| loaded))
    }

    /// Stores a new session, and has `beside` carried out in the same round trip.
    fn insert_with(
        &mut self,
        id: &Id,
        body: Body,
        principal: Option<&Principal>,
        mut beside: Option<Op<'_>>,
        wait: &mut dyn Wait,
    ) -> Result<(Loaded, Option<Result<Reply>>)> {
        id.check_fits(&self.config.namespace)?;
        let mut when = When::Missing;
        let mut answer = None;
        let mut tries = Tries::new(self.config.io_timeout);
        loop {
            let (put, reply) = self.put(id, &body.bytes, body.encoding, when, principal, beside.take(), wait)?;
            answer = answer.or(reply);
            match put {
                Put::Stored(version) => {
                    let stored = body.bytes.clone();
                    return Ok((self.stored(id, body, stored, version, None, wait)?, answer));
                }
                Put::Missing => when = When::Missing,
                Put::Cut(error) => {
                    tries.cut(error)?;
                    when = When::Missing;
                }
                Put::Exists => match self.servers.get(id.key(), None, wait)? {
                    None => when = When::Missing,
                    Some(item) if envelope::is_tombstone(item.flags) => when = When::Version(item.version),
                    Some(_) => {
                        self.forget_record(id, principal, wait)?;
                        return Err(Kind::Exists.into());
                    }
                },
            }
            tries.again(id, wait)?;
        }
    }

    /// Saves a session that was read as `base`.
    ///
    /// When nobody else saved it since, this is one round trip. When somebody did,
    /// [`Config::conflict`] decides. When it has gone (expired, or the server lost it), it is
    /// written anew; when it was deleted, it stays deleted.
    ///
    /// Without a base there is nothing to compare with, and what is stored is replaced.
    pub fn save(
        &mut self,
        id: &Id,
        base: Option<&Loaded>,
        body: Body,
        principal: Option<&Principal>,
        wait: &mut dyn Wait,
    ) -> Result<Saved> {
        id.check_fits(&self.config.namespace)?;
        let saved = self.save_on_servers(id, base, body, principal, wait);
        self.after_saving(id, saved, wait)
    }

    /// Keeps the local copy from being older than what is known to have happened.
    fn after_saving(&mut self, id: &Id, saved: Result<Saved>, wait: &mut dyn Wait) -> Result<Saved> {
        if let Some(local) = &mut self.local {
            match &saved {
                Ok(Saved { outcome: Outcome::Dropped, .. }) => local.bury_if_up(tombstone(id, When::Always), wait)?,
                Err(error) if !error.is_interrupted() => local.forget(id, wait)?,
                _ => {}
            }
        }
        if let Ok(saved) = &saved {
            count_merged(&saved.outcome);
        }
        stats::noted(saved)
    }

    fn save_on_servers(
        &mut self,
        id: &Id,
        base: Option<&Loaded>,
        body: Body,
        principal: Option<&Principal>,
        wait: &mut dyn Wait,
    ) -> Result<Saved> {
        let mut outcome = Outcome::Stored;
        let mut bytes = self.combine_with_stored(id, base, &body)?;
        let mut when = match base {
            Some(base) if base.origin == Origin::Servers => Some(When::Version(base.version)),
            _ => None,
        };
        let mut recorded = false;
        let mut tries = Tries::new(self.config.io_timeout);
        loop {
            let condition = match when {
                Some(when) => when,
                None => match self.servers.get(id.key(), None, wait)? {
                    None => When::Missing,
                    Some(item) => {
                        let version = item.version;
                        match self.opened(id, item)? {
                            Opened::Tombstone => {
                                if recorded {
                                    self.forget_record(id, principal, wait)?;
                                }
                                let (outcome, base) = (Outcome::Dropped, None);
                                return Ok(Saved { outcome, base });
                            }
                            Opened::Other => return Err(Error::session(id, not_a_session())),
                            Opened::Session { body: theirs, encoding } => {
                                (bytes, outcome) = self.reconcile(id, base, &theirs, encoding, &body)?;
                            }
                        }
                        When::Version(version)
                    }
                },
            };
            recorded |= principal.is_some();
            match self.put(id, &bytes, body.encoding, condition, principal, None, wait)?.0 {
                Put::Stored(version) => {
                    let local = base.and_then(|base| base.local);
                    let base = Some(self.stored(id, body, bytes, version, local, wait)?);
                    return Ok(Saved { outcome, base });
                }
                Put::Missing => when = Some(When::Missing),
                Put::Exists => when = None,
                Put::Cut(error) => {
                    tries.cut(error)?;
                    when = None;
                }
            }
            tries.again(id, wait)?;
            stats::count(Counter::Retries);
        }
    }

    /// Deletes a session; returns whether there was one.
    ///
    /// A tombstone stays for five minutes, so that a request that still has the session can't bring
    /// it back. The principal's reverse record goes too, if it names this session.
    pub fn delete(&mut self, id: &Id, principal: Option<&Principal>, wait: &mut dyn Wait) -> Result<bool> {
        let deleted = self.bury(id, principal, wait);
        if let Ok(true) = deleted {
            stats::count(Counter::Deletes);
        }
        stats::noted(deleted)
    }

    fn bury(&mut self, id: &Id, principal: Option<&Principal>, wait: &mut dyn Wait) -> Result<bool> {
        id.check_fits(&self.config.namespace)?;
        let look = Op::Get { key: id.key(), body: false, touch: None };
        let existed = match self.servers.one(look, wait)? {
            Reply::Item(item) if envelope::is_session(item.flags) => true,
            Reply::Item(item) if !envelope::is_tombstone(item.flags) => return Ok(false),
            _ => false,
        };
        self.servers.one(tombstone(id, When::Always), wait)?;
        self.bury_beside(id, principal, wait).map(|()| existed)
    }

    /// Deletes a session that is still in one state.
    pub(crate) fn bury_if(
        &mut self,
        id: &Id,
        state: &State,
        principal: Option<&Principal>,
        wait: &mut dyn Wait,
    ) -> Result<bool> {
        id.check_fits(&self.config.namespace)?;
        let (value, flags) = (envelope::TOMBSTONE_VALUE, envelope::TOMBSTONE_FLAGS);
        let mut tries = Tries::new(self.config.io_timeout);
        loop {
            let version = match self.servers.get(id.key(), None, wait)? {
                Some(item) if State::of(item.version, &item.value, item.flags) == *state => item.version,
                _ => return Ok(false),
            };
            let when = When::Version(version);
            let buried = match self.servers.one(tombstone(id, when), wait) {
                Err(error) if error.is_broken_off() => {
                    self.find_out(id, value.into(), flags, TOMBSTONE, when, error, wait)?
                }
                reply => Put::from(reply?),
            };
            match buried {
                Put::Stored(_) => return self.bury_beside(id, principal, wait).map(|()| true),
                Put::Missing | Put::Exists => return Ok(false),
                Put::Cut(error) => tries.cut(error)?,
            }
            tries.again(id, wait)?;
        }
    }

    /// What goes with a session that was deleted: the local copy, the principal's record.
    fn bury_beside(&mut self, id: &Id, principal: Option<&Principal>, wait: &mut dyn Wait) -> Result<()> {
        // Neither failure is to keep the other half from being done.
        let buried = match &mut self.local {
            Some(local) => local.bury(tombstone(id, When::Always), wait),
            None => Ok(()),
        };
        let forgotten = match &buried {
            Err(error) if error.is_interrupted() => Ok(()),
            _ => self.forget_record(id, principal, wait),
        };
        buried.and(forgotten)
    }

    /// Renews the expiry of a session and of its principal's reverse record, as a save does without
    /// writing them. Returns whether there is such a session.
    pub fn touch(&mut self, id: &Id, principal: Option<&Principal>, wait: &mut dyn Wait) -> Result<bool> {
        let touched = self.renew(id, principal, wait);
        stats::noted(touched)
    }

    fn renew(&mut self, id: &Id, principal: Option<&Principal>, wait: &mut dyn Wait) -> Result<bool> {
        id.check_fits(&self.config.namespace)?;
        let touch = Some(self.expiry());
        let renew = |key| Op::Get { key, body: false, touch };
        let record = principal.map(|principal| renew(principal.key()));
        let ops: Vec<Op<'_>> = std::iter::once(renew(id.key())).chain(record).collect();
        let replies = self.servers.exchange(&ops, wait)?.into_iter().collect::<Result<Vec<Reply>>>()?;
        let Some(Reply::Item(item)) = replies.first() else {
            return Ok(false);
        };
        if envelope::is_tombstone(item.flags) {
            self.servers.one(tombstone(id, When::Version(item.version)), wait)?;
        }
        Ok(envelope::is_session(item.flags))
    }

    /// Renews the expiry of a principal's reverse record. This is the part of [`Config::sliding`] that
    /// [`load`](Store::load) leaves to its caller, who finds in the session whose it is. It takes a
    /// round trip of its own; a record that is not there is not made.
    pub fn renew_record(&mut self, principal: &Principal, wait: &mut dyn Wait) -> Result<()> {
        let (key, touch) = (principal.key(), Some(self.expiry()));
        stats::noted(self.servers.one(Op::Get { key, body: false, touch }, wait).map(drop))
    }

    fn expiry(&self) -> Expiry {
        Expiry::seconds(self.config.expiry)
    }

    /// What reading a session makes of its expiry.
    fn renewal(&self) -> Option<Expiry> {
        Some(self.expiry()).filter(|expiry| self.config.sliding && *expiry != Expiry::NEVER)
    }

    /// An item that was read with [`renewal`](Store::renewal): a tombstone is given its own time again.
    fn after_reading(&mut self, id: &Id, mut item: Item, wait: &mut dyn Wait) -> Result<Option<Item>> {
        let renewal = self.renewal();
        if renewal.is_some() && envelope::is_tombstone(item.flags) {
            self.servers.one(tombstone(id, When::Version(item.version)), wait)?;
            return Ok(None);
        }
        item.expiry = renewal.unwrap_or(item.expiry);
        Ok(Some(item))
    }

    /// What to store first: the caller's bytes, with what an earlier merge put beside them.
    fn combine_with_stored(&self, id: &Id, base: Option<&Loaded>, body: &Body) -> Result<Bytes> {
        match base {
            Some(Loaded { body: before, stored: Some(stored), .. }) if !body.whole => {
                let merged = merge::three_way(before, stored, &body.bytes, &self.config.limits)
                    .map_err(|fault| Error::session(id, fault))?;
                Ok(merged.bytes.into())
            }
            _ => Ok(body.bytes.clone()),
        }
    }

    /// What to store when the servers have `theirs`.
    fn reconcile(
        &self,
        id: &Id,
        base: Option<&Loaded>,
        theirs: &[u8],
        encoding: Encoding,
        body: &Body,
    ) -> Result<(Bytes, Outcome)> {
        let ours = || Ok((body.bytes.clone(), Outcome::Stored));
        let Some(base) = base else {
            return ours();
        };
        if *theirs == **base.stored() {
            return Ok((self.combine_with_stored(id, Some(base), body)?, Outcome::Stored));
        }
        match self.config.conflict {
            Conflict::Die => return Err(Error::session(id, SessionFault::Conflict)),
            Conflict::Overwrite => return ours(),
            Conflict::Merge => {}
        }
        let mergeable = [encoding, base.encoding, body.encoding].iter().all(|encoding| *encoding == Encoding::Storable);
        if body.whole || !mergeable {
            return ours();
        }
        let merged = merge::three_way(&base.body, theirs, &body.bytes, &self.config.limits)
            .map_err(|fault| Error::session(id, fault))?;
        let outcome = Outcome::Merged { theirs: merged.theirs, ours: merged.ours };
        Ok((merged.bytes.into(), outcome))
    }

    /// Writes a session, and in the same round trip the reverse record and whatever is to be done
    /// `beside`, whose reply is returned as it came.
    #[allow(clippy::too_many_arguments, reason = "the parts of one request")]
    fn put(
        &mut self,
        id: &Id,
        body: &Bytes,
        encoding: Encoding,
        when: When,
        principal: Option<&Principal>,
        beside: Option<Op<'_>>,
        wait: &mut dyn Wait,
    ) -> Result<(Put, Option<Result<Reply>>)> {
        let expiry = self.expiry();
        let (sealed, flags) = seal(&self.config, id, body, encoding)?;
        let value = Payload::Pieces(&sealed);
        let session = Op::Store { key: id.key(), value, flags, expiry, when };
        let record = principal.map(|principal| Op::Store {
            key: principal.key(),
            value: id.as_bytes().into(),
            flags: 0,
            expiry,
            when: When::Always,
        });
        let ops: Vec<Op<'_>> = std::iter::once(session).chain(record).chain(beside).collect();
        let mut replies = self.servers.exchange(&ops, wait)?.into_iter();
        let put = match replies.next().expect("a reply to each operation") {
            Err(error) if error.is_broken_off() => self.find_out(id, value, flags, expiry, when, error, wait)?,
            reply => Put::from(reply?),
        };
        if let Some(record) = record {
            match replies.next().expect("a reply to each operation") {
                Err(error) if error.is_broken_off() => self.servers.one(record, wait)?,
                reply => reply?,
            };
        }
        if let Put::Stored(_) = put {
            stats::count(Counter::Writes);
        }
        Ok((put, replies.next()))
    }

    /// The connection broke while a session was written: whether it was, the item itself tells. It may
    /// have had the same bytes before: then the number of its version says that nothing was written.
    #[allow(clippy::too_many_arguments, reason = "the parts of the request that broke")]
    fn find_out(
        &mut self,
        id: &Id,
        value: Payload<'_>,
        flags: u32,
        expiry: Expiry,
        when: When,
        broken: Error,
        wait: &mut dyn Wait,
    ) -> Result<Put> {
        let again = |when| Op::Store { key: id.key(), value, flags, expiry, when };
        match (self.servers.get(id.key(), None, wait)?, when) {
            (Some(Item { value: found, flags: its, version, .. }), _) if its == flags && *found == *value.whole() => {
                match when {
                    When::Version(before) if before.number == version.number => {
                        self.servers.one(again(When::Version(version)), wait).map(Put::from)
                    }
                    _ => Ok(Put::Stored(version)),
                }
            }
            (Some(_), When::Version(_)) => Ok(Put::Cut(broken)),
            (Some(_), _) => Ok(Put::Exists),
            (None, When::Missing) => self.servers.one(again(When::Missing), wait).map(Put::from),
            (None, _) => Ok(Put::Missing),
        }
    }

    /// A session was stored on the servers: brings the local copy up to date, and keeps what the
    /// next save needs.
    fn stored(
        &mut self,
        id: &Id,
        body: Body,
        stored: Bytes,
        version: Version,
        local: Option<Version>,
        wait: &mut dyn Wait,
    ) -> Result<Loaded> {
        let local = match &mut self.local {
            Some(tier) => {
                let (sealed, flags) = seal(&self.config, id, &stored, body.encoding)?;
                tier.renew(id, Payload::Pieces(&sealed), flags, local, wait)?
            }
            None => None,
        };
        let stored = Some(stored).filter(|stored| *stored != body.bytes);
        Ok(Loaded { body: body.bytes, encoding: body.encoding, version, origin: Origin::Servers, stored, local })
    }

    /// A session out of its item, to work with.
    fn unwrap(&self, id: &Id, item: Item) -> Result<Option<Loaded>> {
        let keyring = self.config.secrets.of(id);
        Loaded::from_item(item, Origin::Servers, keyring).map_err(|fault| Error::session(id, fault))
    }

    /// What an item turns out to be.
    fn opened(&self, id: &Id, item: Item) -> Result<Opened> {
        envelope::open(item.value, item.flags, self.config.secrets.of(id)).map_err(|fault| Error::session(id, fault))
    }

    /// What a principal's reverse record says.
    pub(crate) fn record(&mut self, principal: &Principal, wait: &mut dyn Wait) -> Result<Option<Id>> {
        let record = self.servers.get(principal.key(), None, wait)?;
        // Under a key that looks like a digest there may be a session, whose value is no id.
        Ok(record.filter(|record| record.flags == 0).and_then(|record| Id::parse(&record.value).ok()))
    }

    /// Removes a principal's reverse record, if it names this session: another session of theirs
    /// may have it by now.
    fn forget_record(&mut self, id: &Id, principal: Option<&Principal>, wait: &mut dyn Wait) -> Result<()> {
        let Some(principal) = principal else {
            return Ok(());
        };
        let key = principal.key();
        let mut tries = Tries::new(self.config.io_timeout);
        while let Some(record) = self.servers.get(key, None, wait)?
            && record.value == id.as_bytes()
        {
            let version = record.version;
            match self.servers.one(Op::Delete { key, version }, wait) {
                Ok(Reply::Outdated(server)) => tries.cut(Error::server(&server, Fault::Closed, false))?,
                // Whether it is still there is seen.
                Err(error) if error.is_broken_off() => tries.cut(error)?,
                deleted => return deleted.map(drop),
            }
        }
        Ok(())
    }
}

/// What became of one attempt to write.
enum Put {
    Stored(Version),
    /// The version to replace has gone.
    Missing,
    /// Something else is there.
    Exists,
    /// The connection that gave the version to replace is gone; nothing was written.
    Cut(Error),
}

impl From<Reply> for Put {
    fn from(reply: Reply) -> Put {
        match reply {
            Reply::Stored(version) => Put::Stored(version),
            Reply::Missing => Put::Missing,
            Reply::Outdated(server) => Put::Cut(Error::server(&server, Fault::Closed, false)),
            Reply::Exists | Reply::Item(_) | Reply::Counted(_) | Reply::Deleted => Put::Exists,
        }
    }
}

/// A session as its item is to have it, and the item's flags.
fn seal(config: &Config, id: &Id, body: &Bytes, encoding: Encoding) -> Result<(Bytes, u32)> {
    envelope::seal(body, encoding, config.compress_threshold, config.secrets.of(id))
}

fn count_merged(outcome: &Outcome) {
    if let Outcome::Merged { ours, .. } = outcome {
        stats::count(Counter::Merged);
        stats::add(Counter::SameKey, ours.len() as u64);
    }
}

/// Counts a reading.
fn noted_reading<T>(read: Result<Option<T>>) -> Result<Option<T>> {
    stats::count(Counter::Reads);
    if let Ok(None) = read {
        stats::count(Counter::Misses);
    }
    stats::noted(read)
}

/// What keeps a target's items.
pub(crate) fn backend(target: &Target, config: &Config) -> Box<dyn Backend> {
    match target {
        Target::Memcached(servers) => Box::new(Memcached::new(servers, config)),
        Target::Embedded { dir, map_size } => Box::new(Embedded::new(dir, *map_size, config)),
    }
}

fn tombstone(id: &Id, when: When) -> Op<'_> {
    Op::Store {
        key: id.key(),
        value: envelope::TOMBSTONE_VALUE.into(),
        flags: envelope::TOMBSTONE_FLAGS,
        expiry: TOMBSTONE,
        when,
    }
}

fn not_a_session() -> SessionFault {
    SessionFault::Corrupt("its key holds something that is not a session".to_owned())
}
