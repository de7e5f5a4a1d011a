//! Items of any kind, under keys of the caller's: what a client of memcached does.
//!
//! A [`Client`] is what a [`Store`](crate::Store) is not: it knows nothing of sessions, merges nothing, and leaves no
//! tombstones. It reads and writes single items, with their client flags, on the same backends, in the same places,
//! over the same connections. What the flags mean is for the caller to say, but for one: an item with flag 2 is gzip'd,
//! as all Perl clients have it, and is read and written as what it was before.
//!
//! ```no_run
//! use session::{Client, Config, Key, Mode, NoWait};
//!
//! # fn main() -> session::Result<()> {
//! let mut client = Client::open(Config::default())?;
//! client.store(Key::new(b"colour"), b"red", 0, 3600, Mode::Set, &mut NoWait)?;
//! let value = client.get(Key::new(b"colour"), &mut NoWait)?.expect("it was just stored");
//! assert_eq!(value.bytes, b"red");
//! # Ok(()) }
//! ```
//!
//! - `batch`: many items in one round trip
//! - `nowhere`: a client without servers
//!
//! Expiries are numbers as memcached's clients give them: 0 is never, up to 30 days are seconds from now, above that it
//! is a Unix time, and below 0 is past.

mod batch;
mod nowhere;

use std::ops::ControlFlow;
use std::sync::Arc;

use rustix::process::getpid;

pub use self::batch::{Effect, Request};
use self::nowhere::Nowhere;
use crate::backend::{Backend, Item, ItemKey, Op, Reply, Seen, Version};
use crate::config::Config;
use crate::embedded::Embedded;
use crate::envelope::{self, GZIP, MAX_INFLATED};
use crate::error::{Error, Kind, Result};
use crate::expiry::Expiry;
use crate::id::{MAX_KEY, is_key};
use crate::memcached;
use crate::server::Target;
use crate::spare::Buffer;
use crate::stats;
use crate::store::backend;
use crate::wait::Wait;

/// The items of one configuration. [`Config::local`], and what there is said of sessions, takes no part.
///
/// As with [`Store`](crate::Store), opening one opens nothing, and it survives a `fork`.
pub struct Client {
    config: Arc<Config>,
    backend: Box<dyn Backend>,
    compress_threshold: Option<usize>,
}

/// Names an item, without the namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key<'a> {
    bytes: &'a [u8],
    hash: Option<u64>,
}

impl<'a> Key<'a> {
    /// An item that is where its key says.
    pub fn new(bytes: &'a [u8]) -> Key<'a> {
        Key { bytes, hash: None }
    }

    /// An item that is where keys with this hash are, so that the items of a group can be in one place.
    pub fn at(hash: u64, bytes: &'a [u8]) -> Key<'a> {
        Key { bytes, hash: Some(hash) }
    }

    /// The key itself.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    fn item_key(&self) -> ItemKey<'a> {
        match self.hash {
            Some(hash) => ItemKey::at(hash, self.bytes),
            None => ItemKey::of(self.bytes),
        }
    }
}

/// What an item holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The bytes, no longer compressed.
    pub bytes: Buffer,
    /// The client flags, as they are stored.
    pub flags: u32,
    /// To store against: [`Mode::Version`].
    pub version: Version,
}

/// When to store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// In any case.
    Set,
    /// When there is no item yet.
    Add,
    /// When there is an item.
    Replace,
    /// When the item has not changed since it was read.
    Version(Version),
}

/// Where bytes are put beside those that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Before them.
    Front,
    /// After them.
    Back,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was carried out.
    Done,
    /// There is no such item; nothing was done.
    Missing,
    /// There is one already, or it has changed since; nothing was done.
    Exists,
}

impl Change {
    fn of(reply: Reply) -> Change {
        match reply {
            Reply::Missing => Change::Missing,
            Reply::Exists | Reply::Outdated(_) => Change::Exists,
            Reply::Stored(_) | Reply::Deleted | Reply::Counted(_) | Reply::Item(_) => Change::Done,
        }
    }
}

impl Client {
    /// A client of this configuration. Fails when that can't be used; nothing is connected to yet.
    ///
    /// With an empty list of servers it finds nothing and stores nothing.
    pub fn open(config: impl Into<Arc<Config>>) -> Result<Client> {
        stats::begin_process();
        let config = config.into();
        config.check_for_client()?;
        let backend = match config.has_servers() {
            true => backend(&config.servers, &config),
            false => Box::new(Nowhere),
        };
        let compress_threshold = config.compress_threshold;
        Ok(Client { config, backend, compress_threshold })
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// From how many bytes on values are compressed, where that saves a fifth; `None`: never. At first that is
    /// [`Config::compress_threshold`].
    pub fn set_compress_threshold(&mut self, threshold: Option<usize>) {
        self.compress_threshold = threshold;
    }

    /// Reads an item; `None` where there is none.
    pub fn get(&mut self, key: Key<'_>, wait: &mut dyn Wait) -> Result<Option<Value>> {
        let reply = self.one(key, |key| Op::Get { key, body: true, touch: None }, wait)?;
        stats::noted(reply.into_item().map(|item| open(key, item)).transpose())
    }

    /// Reads an item and gives it a new expiry, in one round trip; `None` where there is none.
    pub fn get_and_touch(&mut self, key: Key<'_>, expiry: i64, wait: &mut dyn Wait) -> Result<Option<Value>> {
        let touch = Some(Expiry::from_protocol(expiry));
        let reply = self.one(key, |key| Op::Get { key, body: true, touch }, wait)?;
        stats::noted(reply.into_item().map(|item| open(key, item)).transpose())
    }

    /// Stores an item. `flags` must not have flag 2.
    pub fn store(
        &mut self,
        key: Key<'_>,
        value: &[u8],
        flags: u32,
        expiry: i64,
        mode: Mode,
        wait: &mut dyn Wait,
    ) -> Result<Change> {
        let small = envelope::compress(value, self.compress_threshold);
        let (value, flags) = match &small {
            Some(small) => (small.as_slice(), flags | GZIP),
            None => (value, flags),
        };
        let when = mode.when();
        let expiry = Expiry::from_protocol(expiry);
        self.change(key, |key| Op::Store { key, value: value.into(), flags, expiry, when }, wait)
    }

    /// Puts bytes beside those of an item, which keeps its flags and its expiry.
    pub fn extend(&mut self, key: Key<'_>, bytes: &[u8], side: Side, wait: &mut dyn Wait) -> Result<Change> {
        let op = |key| match side {
            Side::Front => Op::Prepend { key, bytes },
            Side::Back => Op::Append { key, bytes, after: None },
        };
        self.change(key, op, wait)
    }

    /// Adds to an item that is a decimal number: the sum, modulo 2^64, or `None` where there is no item.
    pub fn add(&mut self, key: Key<'_>, by: u64, wait: &mut dyn Wait) -> Result<Option<u64>> {
        self.count(key, by, false, wait)
    }

    /// Takes from an item that is a decimal number: what is left, which is never below 0.
    pub fn subtract(&mut self, key: Key<'_>, by: u64, wait: &mut dyn Wait) -> Result<Option<u64>> {
        self.count(key, by, true, wait)
    }

    fn count(&mut self, key: Key<'_>, by: u64, down: bool, wait: &mut dyn Wait) -> Result<Option<u64>> {
        match self.one(key, |key| Op::Count { key, by, down }, wait)? {
            Reply::Counted(number) => Ok(Some(number)),
            _ => Ok(None),
        }
    }

    /// Gives an item a new expiry; `false` where there is none.
    pub fn touch(&mut self, key: Key<'_>, expiry: i64, wait: &mut dyn Wait) -> Result<bool> {
        let touch = Some(Expiry::from_protocol(expiry));
        let reply = self.one(key, |key| Op::Get { key, body: false, touch }, wait)?;
        Ok(matches!(reply, Reply::Item(_)))
    }

    /// Removes an item; `false` where there is none.
    pub fn remove(&mut self, key: Key<'_>, wait: &mut dyn Wait) -> Result<bool> {
        Ok(self.change(key, |key| Op::Remove { key }, wait)? == Change::Done)
    }

    /// Gives each key that begins with a prefix to `each`, until that breaks or fails; returns how many.
    ///
    /// As [`Store::scan`](crate::Store::scan) does for sessions: in any order, each key that was there all the time once,
    /// over connections of its own, with flat memory. A server that fails is an error; nothing is missed in silence.
    pub fn keys<E: From<Error>>(
        &mut self,
        prefix: &[u8],
        wait: &mut dyn Wait,
        mut each: impl FnMut(&[u8]) -> std::result::Result<ControlFlow<()>, E>,
    ) -> std::result::Result<u64, E> {
        let process = getpid();
        let mut listed = 0;
        let mut failed = None;
        let mut look = |seen: Seen<'_>| {
            if !seen.key.starts_with(prefix) {
                return ControlFlow::Continue(());
            }
            listed += 1;
            let went = each(seen.key);
            if getpid() != process {
                failed = Some(Error::from(Kind::Forked).into());
                return ControlFlow::Break(());
            }
            went.unwrap_or_else(|error| {
                failed = Some(error);
                ControlFlow::Break(())
            })
        };
        let passed = stats::noted(self.backend.scan(false, &mut look, wait));
        match failed {
            Some(error) => Err(error),
            None => Ok(passed.map(|_| listed)?),
        }
    }

    /// Removes everything: all that the servers, or the embedded store, have, whatever its namespace. A server does so
    /// after `delay` seconds; the embedded store at once, or not at all. Returns each server or directory, and how it went.
    pub fn flush(&mut self, delay: u32, wait: &mut dyn Wait) -> Result<Vec<(String, Result<()>)>> {
        match &self.config.servers {
            Target::Embedded { dir, .. } if delay > 0 => {
                let words = format!("{delay} s, of the embedded store {}", dir.display());
                stats::noted(Err(Error::argument("delay", "0 for an embedded store", words)))
            }
            Target::Embedded { dir, map_size } => {
                let cleared = Embedded::new(dir, *map_size, &self.config).clear();
                Ok(vec![(format!("embedded:{}", dir.display()), stats::noted(cleared))])
            }
            Target::Memcached(servers) => {
                let mut flushed = Vec::with_capacity(servers.len());
                for server in servers {
                    match memcached::flush(&server.address, delay, &self.config, wait) {
                        Err(error) if error.is_interrupted() => return stats::noted(Err(error)),
                        outcome => flushed.push((server.address.clone(), stats::noted(outcome))),
                    }
                }
                Ok(flushed)
            }
        }
    }

    fn change<'k>(
        &mut self,
        key: Key<'k>,
        op: impl FnOnce(ItemKey<'k>) -> Op<'k>,
        wait: &mut dyn Wait,
    ) -> Result<Change> {
        Ok(Change::of(self.one(key, op, wait)?))
    }

    fn one<'k>(&mut self, key: Key<'k>, op: impl FnOnce(ItemKey<'k>) -> Op<'k>, wait: &mut dyn Wait) -> Result<Reply> {
        let reply = self.check(key).and_then(|()| self.backend.one(op(key.item_key()), wait));
        stats::noted(reply.map_err(Error::of_item))
    }

    /// Refuses a key that would be taken for a command's end, or that is too long.
    fn check(&self, key: Key<'_>) -> Result<()> {
        if key.bytes.is_empty() || key.bytes.len() + self.config.namespace.len() > MAX_KEY || !is_key(key.bytes) {
            const TAKES: &str = "1 to 250 bytes, with the namespace, without spaces and control characters";
            return Err(Error::argument("key", TAKES, key.bytes));
        }
        Ok(())
    }
}

/// Closes the connections to servers that this thread keeps, for its stores and clients; they open new ones when they
/// need them. There is no need for it: not at the end, and not around a `fork`.
pub fn disconnect() {
    memcached::disconnect();
}

fn open(key: Key<'_>, item: Item) -> Result<Value> {
    let Item { value, flags, version, .. } = item;
    if flags & GZIP == 0 {
        return Ok(Value { bytes: value, flags, version });
    }
    let bytes = envelope::inflate(&value, MAX_INFLATED).map_err(|fault| Error::item(key.bytes, fault))?;
    Ok(Value { bytes: bytes.into(), flags, version })
}
