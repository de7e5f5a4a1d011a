//! What a place that keeps sessions has to do, and no more.
//!
//! A [`Backend`] carries out batches of operations on items. An item has a key, a value, 32 client
//! flags, an expiry and a version that changes whenever it is written. Merging, tombstones, the
//! local tier and the envelope are not its concern: they are written once, over this trait.
//!
//! Two outcomes must be kept apart, because the layer above decides by them whether something may
//! be repeated: an error of the whole batch means that nothing of it was carried out; an error of
//! one operation may, where it [`is_broken_off`](crate::Error::is_broken_off), mean that it was.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::bytes::Bytes;
use crate::error::{Error, Result};
use crate::expiry::Expiry;
use crate::spare::Buffer;
use crate::wait::Wait;

/// Identifies one state of an item: no two writes of the same item leave the same version.
///
/// A server that was restarted counts from the beginning again, so a number alone says nothing. It is
/// good on the connection that gave it, which no server outlives; on another one nothing is sent that
/// relies on it. Whoever reads the item again learns its version on that connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version {
    pub(crate) number: u64,
    /// The connection that gave it, counted in this process and those it was forked from; 0 where
    /// the number is enough.
    pub(crate) connection: u64,
}

impl Version {
    /// A version of a store that never counts from the beginning again.
    pub(crate) const fn of(number: u64) -> Version {
        Version { number, connection: 0 }
    }

    /// The version with this number, for a caller that keeps no more of it, and so can't be told from one of before a
    /// restart.
    pub fn from_number(number: u64) -> Version {
        Version { number, connection: ANY_CONNECTION }
    }

    /// Its number; a later version of an item need not have a larger one.
    pub fn number(self) -> u64 {
        self.number
    }
}

/// Stands for whichever connection is there.
pub(crate) const ANY_CONNECTION: u64 = u64::MAX;

/// Names an item, without the namespace, which the backend puts before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ItemKey<'a> {
    /// Decides alone where the item is.
    home: &'a [u8],
    /// Tells apart the items of one home.
    suffix: &'static str,
    /// Decides instead of `home`, where the caller says where the item is.
    hash: Option<u64>,
}

impl<'a> ItemKey<'a> {
    pub(crate) const fn of(key: &'a [u8]) -> ItemKey<'a> {
        ItemKey { home: key, suffix: "", hash: None }
    }

    /// An item that is where a key of this hash would be.
    pub(crate) const fn at(hash: u64, key: &'a [u8]) -> ItemKey<'a> {
        ItemKey { home: key, suffix: "", hash: Some(hash) }
    }

    /// An item on the same server as the one with the key `home`.
    pub(crate) const fn beside(home: &'a [u8], suffix: &'static str) -> ItemKey<'a> {
        ItemKey { home, suffix, hash: None }
    }

    /// The key that says where the item is.
    pub(crate) fn home(self) -> &'a [u8] {
        self.home
    }

    /// The hash that says so instead, where the caller gave one.
    pub(crate) fn hash(self) -> Option<u64> {
        self.hash
    }

    /// Whether it is an item of ours beside a session: its value is our own text, and no command of
    /// any protocol.
    pub(crate) fn is_beside(self) -> bool {
        !self.suffix.is_empty()
    }

    /// What stands behind the namespace, in two parts.
    pub(crate) fn parts(self) -> (&'a [u8], &'static [u8]) {
        (self.home, self.suffix.as_bytes())
    }

    /// The whole key.
    pub(crate) fn after(self, namespace: &[u8]) -> Vec<u8> {
        [namespace, self.home, self.suffix.as_bytes()].concat()
    }
}

/// What is stored: the value of an item to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Payload<'a> {
    /// In one piece.
    One(&'a [u8]),
    /// In as many pieces as it lies in.
    Pieces(&'a Bytes),
}

impl<'a> Payload<'a> {
    pub(crate) fn len(self) -> usize {
        match self {
            Payload::One(bytes) => bytes.len(),
            Payload::Pieces(bytes) => bytes.len(),
        }
    }

    pub(crate) fn pieces(self) -> impl Iterator<Item = &'a [u8]> {
        let (one, pieces) = match self {
            Payload::One(bytes) => (Some(bytes), None),
            Payload::Pieces(bytes) => (None, Some(bytes.pieces())),
        };
        one.into_iter().chain(pieces.into_iter().flatten())
    }

    /// The whole of it; that of pieces is put together.
    pub(crate) fn whole(self) -> &'a [u8] {
        match self {
            Payload::One(bytes) => bytes,
            Payload::Pieces(bytes) => bytes,
        }
    }
}

impl<'a, T: AsRef<[u8]> + ?Sized> From<&'a T> for Payload<'a> {
    fn from(bytes: &'a T) -> Payload<'a> {
        Payload::One(bytes.as_ref())
    }
}

/// One operation.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Op<'a> {
    /// Reads an item. `body` false leaves its value out; `touch` renews its expiry, which leaves
    /// its version.
    Get { key: ItemKey<'a>, body: bool, touch: Option<Expiry> },
    /// Writes an item.
    Store { key: ItemKey<'a>, value: Payload<'a>, flags: u32, expiry: Expiry, when: When },
    /// Puts bytes after an item's value. Its flags and its expiry stay, its version does not. `after`: only
    /// while that version is good, whether it still is the item's or not.
    Append { key: ItemKey<'a>, bytes: &'a [u8], after: Option<Version> },
    /// Puts bytes before an item's value, as `Append` does after it.
    Prepend { key: ItemKey<'a>, bytes: &'a [u8] },
    /// Adds to an item's value, a decimal number, or takes from it, down to 0. Flags and expiry stay.
    Count { key: ItemKey<'a>, by: u64, down: bool },
    /// Removes an item, if it still has the version.
    Delete { key: ItemKey<'a>, version: Version },
    /// Removes an item, whatever its version.
    Remove { key: ItemKey<'a> },
}

/// The condition of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Always,
    /// No item has the key.
    Missing,
    /// An item has the key.
    Present,
    /// The item still has this version.
    Version(Version),
}

/// The outcome of one operation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// `Get` found this.
    Item(Item),
    /// `Store`, `Append` or `Prepend` was carried out; the item now has this version.
    Stored(Version),
    /// `Count` was carried out; the item's value now is this number.
    Counted(u64),
    /// `Delete` or `Remove` was carried out.
    Deleted,
    /// There is no such item; nothing was done.
    Missing,
    /// The item is there, or has another version; nothing was done.
    Exists,
    /// The version is one of a connection that this server has closed since; nothing was done.
    Outdated(Box<str>),
}

/// An item as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) value: Buffer,
    pub(crate) flags: u32,
    pub(crate) version: Version,
    /// When it expires, as far as the backend says; before a `touch` took effect, or after it.
    pub(crate) expiry: Expiry,
}

/// An item as a scan passes over it. Its parts are gone with the next one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    /// Without the namespace.
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) flags: u32,
    pub(crate) version: Version,
    pub(crate) expiry: Expiry,
}

/// What a scan came by beside the items.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    /// Items that were listed, and were not there any more.
    pub(crate) gone: u64,
    /// Items whose keys only other clients can name.
    pub(crate) foreign: u64,
    /// Items that are not where their keys belong.
    pub(crate) misplaced: u64,
    /// The servers that could not be reached.
    pub(crate) unreachable: Vec<Error>,
    /// The servers that may have left out some of their items.
    pub(crate) approximate: Vec<String>,
}

/// A place that keeps items.
pub(crate) trait Backend {
    /// Carries out the operations, in their order where they are for one key, in one round trip.
    /// The replies are in the operations' order.
    fn exchange(&mut self, ops: &[Op<'_>], wait: &mut dyn Wait) -> Result<Vec<Result<Reply>>>;

    /// Gives all items of the namespace to `each`, until that breaks, in any order. Servers that can't be reached are left
    /// out where others can be and `reachable_only` says so.
    fn scan(
        &mut self,
        reachable_only: bool,
        each: &mut dyn FnMut(Seen<'_>) -> ControlFlow<()>,
        wait: &mut dyn Wait,
    ) -> Result<Passed>;

    /// From here on, an exchange takes no longer than this, whatever the configuration allows; `None`
    /// ends that.
    fn hurry(&mut self, _longest: Option<Duration>) {}

    /// Which of the backend's parts an item is in, as long as all of them work. Parts fail one by one.
    fn part(&self, _key: ItemKey<'_>) -> usize {
        0
    }
}

impl dyn Backend + '_ {
    /// Carries out one operation.
    pub(crate) fn one(&mut self, op: Op<'_>, wait: &mut dyn Wait) -> Result<Reply> {
        self.exchange(&[op], wait)?.pop().expect("a reply to each operation")
    }

    /// Reads one item.
    pub(crate) fn get(&mut self, key: ItemKey<'_>, touch: Option<Expiry>, wait: &mut dyn Wait) -> Result<Option<Item>> {
        let body = true;
        Ok(self.one(Op::Get { key, body, touch }, wait)?.into_item())
    }
}

impl Reply {
    /// With its version as one of this connection.
    pub(crate) fn given_on(mut self, connection: u64) -> Reply {
        if let Reply::Stored(version) | Reply::Item(Item { version, .. }) = &mut self {
            version.connection = connection;
        }
        self
    }

    pub(crate) fn into_item(self) -> Option<Item> {
        match self {
            Reply::Item(item) => Some(item),
            _ => None,
        }
    }
}

impl<'a> Op<'a> {
    pub(crate) fn key(&self) -> ItemKey<'a> {
        match *self {
            Op::Get { key, .. }
            | Op::Store { key, .. }
            | Op::Append { key, .. }
            | Op::Prepend { key, .. }
            | Op::Count { key, .. }
            | Op::Delete { key, .. }
            | Op::Remove { key } => key,
        }
    }

    /// The version that the operation relies on.
    pub(crate) fn version(&self) -> Option<Version> {
        match *self {
            Op::Store { when: When::Version(version), .. } | Op::Delete { version, .. } => Some(version),
            Op::Append { after, .. } => after,
            Op::Get { .. } | Op::Store { .. } | Op::Prepend { .. } | Op::Count { .. } | Op::Remove { .. } => None,
        }
    }

    /// How many bytes of a value it brings along.
    pub(crate) fn bytes_written(&self) -> Option<usize> {
        match self {
            Op::Store { value, .. } => Some(value.len()),
            Op::Append { bytes, .. } | Op::Prepend { bytes, .. } => Some(bytes.len()),
            Op::Get { .. } | Op::Count { .. } | Op::Delete { .. } | Op::Remove { .. } => None,
        }
    }

    /// Whether doing it twice is the same as doing it once.
    pub(crate) fn is_repeatable(&self) -> bool {
        match self {
            Op::Get { .. } => true,
            Op::Store { when, .. } => *when == When::Always,
            Op::Append { .. } | Op::Prepend { .. } | Op::Count { .. } | Op::Delete { .. } | Op::Remove { .. } => false,
        }
    }
}
