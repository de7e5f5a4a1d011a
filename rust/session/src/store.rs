//! The life of a session: read, created, saved, deleted.
//!
//! Everything here is written over [`Backend`]: what a save does when another request was faster,
//! what a delete leaves behind, how the principal's reverse record and the local tier are kept up.
//! It is bytes in and bytes out: only merging looks into a session.
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
//!
//! # The local tier
//!
//! A copy nearby is only a cache. When it can't be read, or what it holds can't be understood, the
//! servers are asked; when it can't be written after the servers were, the save stands, and the
//! copy may be old until it expires. Two things are more than that: a deletion that the local tier
//! did not take is an error, because a session that was logged out would stay readable on this
//! host; and no old copy can undo another host's change, because a save of a session that came from
//! the local tier asks the servers for theirs first.
//!
//! With `sliding`, copies live for half of `expiry` at most, so that a session in use is renewed on
//! the servers in time.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::{Backend, Item, Op, Reply, Version, When};
use crate::config::{Config, Conflict};
use crate::embedded::Embedded;
use crate::envelope::{self, Encoding, Opened};
use crate::error::{Error, Kind, Result, SessionFault};
use crate::expiry::Expiry;
use crate::id::Id;
use crate::memcached::Memcached;
use crate::merge;
use crate::pause::{pause, random_part};
use crate::principal::Principal;
use crate::server::Target;
use crate::wait::Wait;

/// How long a deleted session can't come back: longer than a request lasts that was under way.
const TOMBSTONE: Expiry = Expiry::fixed(300);

/// How often a save is repeated because other requests saved first.
const ATTEMPTS: u32 = 16;

/// The first pause between two attempts is a random part of this; it doubles each time.
const PAUSE: Duration = Duration::from_micros(500);

/// The sessions of one configuration.
///
/// Opening one is cheap, and opens nothing: connections are made at the first use, are kept by the
/// thread, and are shared by all its stores. A store is used by one thread; after a `fork`, parent
/// and child both go on with theirs.
pub struct Store {
    config: Arc<Config>,
    servers: Box<dyn Backend>,
    local: Option<Box<dyn Backend>>,
}

/// A session as the caller wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// The serialized session, with its `_session_id`.
    pub bytes: Vec<u8>,
    /// By what.
    pub encoding: Encoding,
    /// The session was emptied and filled anew: it replaces what is stored, with what others put
    /// there.
    pub whole: bool,
}

impl Body {
    /// A session frozen by Storable.
    pub fn storable(bytes: Vec<u8>) -> Body {
        let (encoding, whole) = (Encoding::Storable, false);
        Body {
            bytes,
            encoding,
            whole,
        }
    }

    /// A session in another serializer's words.
    pub fn opaque(bytes: Vec<u8>) -> Body {
        let (encoding, whole) = (Encoding::Opaque, false);
        Body {
            bytes,
            encoding,
            whole,
        }
    }
}

/// A session as it was read, or as it was last saved: what the next save is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The serialized session.
    pub body: Vec<u8>,
    /// By what.
    pub encoding: Encoding,
    /// Which state of the session this is, where it came from.
    pub version: Version,
    /// Where it came from.
    pub origin: Origin,
    /// What is stored under `version`, where that is more than `body`: others' changes that the
    /// caller has not seen.
    stored: Option<Vec<u8>>,
    /// The version of the copy in the local tier.
    local: Option<Version>,
}

impl Loaded {
    /// What is stored: `body`, or, after a save that merged, `body` with the others' changes.
    pub fn stored(&self) -> &[u8] {
        self.stored.as_deref().unwrap_or(&self.body)
    }
}

/// Where a session was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From `servers`.
    Servers,
    /// From the copy in `local`.
    Local,
}

/// What became of a save.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Whether, and how, it was stored.
    pub outcome: Outcome,
    /// What to compare the next save with; `None` when it was dropped.
    pub base: Option<Loaded>,
}

/// How a save ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// What was given is stored.
    Stored,
    /// Others had saved in between; their changes and ours are both stored.
    Merged {
        /// The keys whose value is the others'.
        keys: Vec<Vec<u8>>,
        /// How many keys both sides had changed; ours are stored.
        same_key: usize,
    },
    /// The session was deleted in between, and stays so.
    Dropped,
}

impl Store {
    /// A store of this configuration. Fails when the configuration can't be used; nothing is
    /// connected to yet.
    pub fn open(config: impl Into<Arc<Config>>) -> Result<Store> {
        let config = config.into();
        config.check()?;
        let servers = backend(&config.servers, &config);
        let local = config.local.as_ref().map(|local| backend(local, &config));
        Ok(Store {
            config,
            servers,
            local,
        })
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Reads a session; `None` when there is none, it was deleted, or the key holds something else.
    ///
    /// With [`Config::sliding`] whatever the key holds gets its expiry renewed, a tombstone too.
    pub fn load(&mut self, id: &Id, wait: &mut dyn Wait) -> Result<Option<Loaded>> {
        id.check_fits(&self.config.namespace)?;
        if let Some(loaded) = self.load_local(id, wait)? {
            return Ok(Some(loaded));
        }
        let touch = self
            .config
            .sliding
            .then(|| self.expiry())
            .filter(|expiry| *expiry != Expiry::NEVER);
        let Some(item) = self.servers.get(id.as_bytes(), touch, wait)? else {
            return Ok(None);
        };
        let sealed = self
            .local
            .is_some()
            .then(|| (item.value.clone(), item.flags));
        let Some(mut loaded) = loaded(id, item, Origin::Servers)? else {
            return Ok(None);
        };
        if let Some((value, flags)) = sealed {
            loaded.local = self.copy_to_local(id, &value, flags, wait)?;
        }
        Ok(Some(loaded))
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
        id.check_fits(&self.config.namespace)?;
        let mut when = When::Missing;
        for _ in 0..ATTEMPTS {
            match self.put(id, &body.bytes, body.encoding, when, principal, wait)? {
                Put::Stored(version) => return self.stored(id, body, None, version, None, wait),
                Put::Missing => when = When::Missing,
                Put::Exists => match self.servers.get(id.as_bytes(), None, wait)? {
                    None => when = When::Missing,
                    Some(item) if envelope::is_tombstone(item.flags) => {
                        when = When::Version(item.version)
                    }
                    Some(_) => {
                        self.forget_record(id, principal, wait)?;
                        return Err(Kind::Exists.into());
                    }
                },
            }
        }
        Err(Error::session(id, SessionFault::Contended(ATTEMPTS)))
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
        let mut outcome = Outcome::Stored;
        let mut bytes = self.combine_with_stored(id, base, &body)?;
        let mut when = match base {
            Some(base) if base.origin == Origin::Servers => Some(When::Version(base.version)),
            _ => None,
        };
        let mut recorded = false;
        for attempt in 0..=ATTEMPTS {
            if attempt > 1 {
                pause(random_part(PAUSE * (1 << attempt.min(8))), wait)?;
            }
            let condition = match when {
                Some(when) => when,
                None => match self.servers.get(id.as_bytes(), None, wait)? {
                    None => When::Missing,
                    Some(item) => {
                        let version = item.version;
                        match open(id, item)? {
                            Opened::Tombstone => {
                                if recorded {
                                    self.forget_record(id, principal, wait)?;
                                }
                                let (outcome, base) = (Outcome::Dropped, None);
                                return Ok(Saved { outcome, base });
                            }
                            Opened::Other => return Err(Error::session(id, not_a_session())),
                            Opened::Session {
                                body: theirs,
                                encoding,
                            } => {
                                (bytes, outcome) =
                                    self.reconcile(id, base, &theirs, encoding, &body)?;
                            }
                        }
                        When::Version(version)
                    }
                },
            };
            recorded |= principal.is_some();
            match self.put(id, &bytes, body.encoding, condition, principal, wait)? {
                Put::Stored(version) => {
                    let stored = match bytes {
                        Cow::Owned(bytes) => Some(bytes),
                        Cow::Borrowed(_) => None,
                    };
                    let local = base.and_then(|base| base.local);
                    let base = Some(self.stored(id, body, stored, version, local, wait)?);
                    return Ok(Saved { outcome, base });
                }
                Put::Missing => when = Some(When::Missing),
                Put::Exists => when = None,
            }
        }
        Err(Error::session(id, SessionFault::Contended(ATTEMPTS)))
    }

    /// Deletes a session; returns whether there was one.
    ///
    /// A tombstone stays for five minutes, so that a request that still has the session can't bring
    /// it back. The principal's reverse record goes too, if it names this session.
    pub fn delete(
        &mut self,
        id: &Id,
        principal: Option<&Principal>,
        wait: &mut dyn Wait,
    ) -> Result<bool> {
        id.check_fits(&self.config.namespace)?;
        let look = Op::Get {
            key: id.as_bytes(),
            body: false,
            touch: None,
        };
        let existed = match self.servers.one(look, wait)? {
            Reply::Item(item) if envelope::is_session(item.flags) => true,
            Reply::Item(item) if !envelope::is_tombstone(item.flags) => return Ok(false),
            _ => false,
        };
        self.servers.one(tombstone(id), wait)?;
        self.forget_record(id, principal, wait)?;
        if let Some(local) = &mut self.local {
            local.one(tombstone(id), wait)?;
        }
        Ok(existed)
    }

    /// Renews the expiry of a session and of its principal's reverse record, as a save does without
    /// writing them. Returns whether there is such a session.
    pub fn touch(
        &mut self,
        id: &Id,
        principal: Option<&Principal>,
        wait: &mut dyn Wait,
    ) -> Result<bool> {
        id.check_fits(&self.config.namespace)?;
        let touch = Some(self.expiry());
        let renew = |key| Op::Get {
            key,
            body: false,
            touch,
        };
        let record = principal.map(|principal| renew(principal.digest().as_bytes()));
        let ops: Vec<Op<'_>> = std::iter::once(renew(id.as_bytes()))
            .chain(record)
            .collect();
        let replies = self
            .servers
            .exchange(&ops, wait)?
            .into_iter()
            .collect::<Result<Vec<Reply>>>()?;
        Ok(matches!(replies.first(), Some(Reply::Item(item)) if envelope::is_session(item.flags)))
    }

    fn expiry(&self) -> Expiry {
        Expiry::seconds(self.config.expiry)
    }

    fn local_expiry(&self) -> Expiry {
        let config = &self.config;
        let whole = Expiry::seconds(config.local_ttl.or(config.expiry));
        match config.expiry {
            Some(expiry) if config.sliding && expiry > 0 => whole.at_most(expiry.div_ceil(2)),
            _ => whole,
        }
    }

    /// What to store first: the caller's bytes, with what an earlier merge put beside them.
    fn combine_with_stored<'b>(
        &self,
        id: &Id,
        base: Option<&Loaded>,
        body: &'b Body,
    ) -> Result<Cow<'b, [u8]>> {
        match base {
            Some(Loaded {
                body: before,
                stored: Some(stored),
                ..
            }) if !body.whole => {
                let merged = merge::three_way(before, stored, &body.bytes)
                    .map_err(|fault| Error::session(id, fault))?;
                Ok(Cow::Owned(merged.bytes))
            }
            _ => Ok(Cow::Borrowed(&body.bytes)),
        }
    }

    /// What to store when the servers have `theirs`.
    fn reconcile<'b>(
        &self,
        id: &Id,
        base: Option<&Loaded>,
        theirs: &[u8],
        encoding: Encoding,
        body: &'b Body,
    ) -> Result<(Cow<'b, [u8]>, Outcome)> {
        let ours = || Ok((Cow::Borrowed(&body.bytes[..]), Outcome::Stored));
        let Some(base) = base else {
            return ours();
        };
        if theirs == base.stored() {
            return Ok((
                self.combine_with_stored(id, Some(base), body)?,
                Outcome::Stored,
            ));
        }
        match self.config.conflict {
            Conflict::Die => return Err(Error::session(id, SessionFault::Conflict)),
            Conflict::Overwrite => return ours(),
            Conflict::Merge => {}
        }
        let mergeable = [encoding, base.encoding, body.encoding]
            .iter()
            .all(|encoding| *encoding == Encoding::Storable);
        if body.whole || !mergeable {
            return ours();
        }
        let merged = merge::three_way(&base.body, theirs, &body.bytes)
            .map_err(|fault| Error::session(id, fault))?;
        let outcome = Outcome::Merged {
            keys: merged.keys,
            same_key: merged.same_key,
        };
        Ok((Cow::Owned(merged.bytes), outcome))
    }

    /// Writes a session, and the reverse record in the same round trip.
    fn put(
        &mut self,
        id: &Id,
        body: &[u8],
        encoding: Encoding,
        when: When,
        principal: Option<&Principal>,
        wait: &mut dyn Wait,
    ) -> Result<Put> {
        let expiry = self.expiry();
        let (value, flags) = envelope::seal(body, encoding, self.config.compress_threshold);
        let session = Op::Store {
            key: id.as_bytes(),
            value: &value,
            flags,
            expiry,
            when,
        };
        let record = principal.map(|principal| Op::Store {
            key: principal.digest().as_bytes(),
            value: id.as_bytes(),
            flags: 0,
            expiry,
            when: When::Always,
        });
        let ops: Vec<Op<'_>> = std::iter::once(session).chain(record).collect();
        let mut replies = self.servers.exchange(&ops, wait)?.into_iter();
        let put = match replies.next().expect("a reply to each operation") {
            Err(error) if error.is_broken_off() => {
                self.find_out(&session, &value, flags, when, wait)?
            }
            reply => Put::from(reply?),
        };
        match replies.next() {
            Some(Err(error)) if error.is_broken_off() => {
                self.servers.one(ops[1], wait)?;
            }
            Some(reply) => {
                reply?;
            }
            None => {}
        }
        Ok(put)
    }

    /// The connection broke while a session was written: whether it was, the item itself tells.
    fn find_out(
        &mut self,
        session: &Op<'_>,
        value: &[u8],
        flags: u32,
        when: When,
        wait: &mut dyn Wait,
    ) -> Result<Put> {
        let again = match (self.servers.get(session.key(), None, wait)?, when) {
            (Some(item), _) if item.flags == flags && item.value == value => {
                return Ok(Put::Stored(item.version));
            }
            (Some(item), When::Version(version)) => item.version == version,
            (None, When::Missing) => true,
            (Some(_), _) => false,
            (None, _) => return Ok(Put::Missing),
        };
        if again {
            self.servers.one(*session, wait).map(Put::from)
        } else {
            Ok(Put::Exists)
        }
    }

    /// A session was stored on the servers: brings the local copy up to date, and keeps what the
    /// next save needs.
    fn stored(
        &mut self,
        id: &Id,
        body: Body,
        stored: Option<Vec<u8>>,
        version: Version,
        local: Option<Version>,
        wait: &mut dyn Wait,
    ) -> Result<Loaded> {
        let stored = stored.filter(|stored| *stored != body.bytes);
        let local = if self.local.is_some() {
            let whole = stored.as_deref().unwrap_or(&body.bytes);
            let (value, flags) =
                envelope::seal(whole, body.encoding, self.config.compress_threshold);
            self.renew_local(id, &value, flags, local, wait)?
        } else {
            None
        };
        Ok(Loaded {
            body: body.bytes,
            encoding: body.encoding,
            version,
            origin: Origin::Servers,
            stored,
            local,
        })
    }

    /// Removes a principal's reverse record, if it names this session: another session of theirs
    /// may have it by now.
    fn forget_record(
        &mut self,
        id: &Id,
        principal: Option<&Principal>,
        wait: &mut dyn Wait,
    ) -> Result<()> {
        let Some(principal) = principal else {
            return Ok(());
        };
        let key = principal.digest().as_bytes();
        if let Some(record) = self.servers.get(key, None, wait)?
            && record.value == id.as_bytes()
        {
            let version = record.version;
            self.servers.one(Op::Delete { key, version }, wait)?;
        }
        Ok(())
    }

    fn load_local(&mut self, id: &Id, wait: &mut dyn Wait) -> Result<Option<Loaded>> {
        let Some(local) = &mut self.local else {
            return Ok(None);
        };
        let copy = unless_interrupted(local.get(id.as_bytes(), None, wait))?.flatten();
        Ok(copy.and_then(|item| {
            let version = item.version;
            let mut copy = loaded(id, item, Origin::Local).ok().flatten()?;
            copy.local = Some(version);
            Some(copy)
        }))
    }

    /// Puts a copy where there is none; a tombstone is left alone.
    fn copy_to_local(
        &mut self,
        id: &Id,
        value: &[u8],
        flags: u32,
        wait: &mut dyn Wait,
    ) -> Result<Option<Version>> {
        let expiry = self.local_expiry();
        let Some(local) = &mut self.local else {
            return Ok(None);
        };
        let copy = Op::Store {
            key: id.as_bytes(),
            value,
            flags,
            expiry,
            when: When::Missing,
        };
        Ok(match unless_interrupted(local.one(copy, wait))? {
            Some(Reply::Stored(version)) => Some(version),
            _ => None,
        })
    }

    /// Replaces the copy that we know. One that somebody else wrote is removed, as there is no
    /// telling which is newer; a tombstone is left alone.
    fn renew_local(
        &mut self,
        id: &Id,
        value: &[u8],
        flags: u32,
        known: Option<Version>,
        wait: &mut dyn Wait,
    ) -> Result<Option<Version>> {
        let expiry = self.local_expiry();
        let Some(local) = &mut self.local else {
            return Ok(None);
        };
        let key = id.as_bytes();
        let copy = |when| Op::Store {
            key,
            value,
            flags,
            expiry,
            when,
        };
        let first = copy(known.map_or(When::Missing, When::Version));
        let reply = match unless_interrupted(local.one(first, wait))? {
            Some(Reply::Missing) => unless_interrupted(local.one(copy(When::Missing), wait))?,
            reply => reply,
        };
        match reply {
            Some(Reply::Stored(version)) => Ok(Some(version)),
            Some(Reply::Exists) => {
                let look = Op::Get {
                    key,
                    body: false,
                    touch: None,
                };
                if let Some(Reply::Item(item)) = unless_interrupted(local.one(look, wait))?
                    && !envelope::is_tombstone(item.flags)
                {
                    let version = item.version;
                    unless_interrupted(local.one(Op::Delete { key, version }, wait))?;
                }
                Ok(None)
            }
            _ => Ok(None),
        }
    }
}

/// What became of one attempt to write.
enum Put {
    Stored(Version),
    /// The version to replace has gone.
    Missing,
    /// Something else is there.
    Exists,
}

impl From<Reply> for Put {
    fn from(reply: Reply) -> Put {
        match reply {
            Reply::Stored(version) => Put::Stored(version),
            Reply::Missing => Put::Missing,
            Reply::Exists | Reply::Item(_) | Reply::Deleted => Put::Exists,
        }
    }
}

fn backend(target: &Target, config: &Config) -> Box<dyn Backend> {
    match target {
        Target::Memcached(servers) => Box::new(Memcached::new(servers, config)),
        Target::Embedded { dir, map_size } => Box::new(Embedded::new(dir, *map_size, config)),
    }
}

fn open(id: &Id, item: Item) -> Result<Opened> {
    envelope::open(item.value, item.flags).map_err(|fault| Error::session(id, fault))
}

fn loaded(id: &Id, item: Item, origin: Origin) -> Result<Option<Loaded>> {
    let version = item.version;
    Ok(match open(id, item)? {
        Opened::Session { body, encoding } => Some(Loaded {
            body,
            encoding,
            version,
            origin,
            stored: None,
            local: None,
        }),
        Opened::Tombstone | Opened::Other => None,
    })
}

fn tombstone(id: &Id) -> Op<'_> {
    Op::Store {
        key: id.as_bytes(),
        value: envelope::TOMBSTONE_VALUE,
        flags: envelope::TOMBSTONE_FLAGS,
        expiry: TOMBSTONE,
        when: When::Always,
    }
}

fn not_a_session() -> SessionFault {
    SessionFault::Corrupt("its key holds something that is not a session".to_owned())
}

/// A fault of the local tier is passed over; a signal's stop is not.
fn unless_interrupted<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_interrupted() => Err(error),
        Err(_) => Ok(None),
    }
}
