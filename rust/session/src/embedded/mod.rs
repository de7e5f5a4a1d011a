//! Sessions in a directory of this host, without a daemon: LMDB.
//!
//! - [`directory`]: whose it must be
//! - [`mod@environment`]: what this process has open, and `fork`
//! - [`record`]: how an item lies in it
//! - [`items`]: items and the index of their expiries, inside a transaction
//! - [`scan`]: all items, a few at a time
//!
//! All processes of the host share a directory: readers don't wait, writers take turns. A write is
//! durable in this sense: it survives the end, and the crash, of any process and of all of them, at
//! once. It is not forced to the disk: when the system itself crashes or loses power, the last
//! seconds may be lost, and on a file system that writes out of order the directory may have to be
//! removed. A process that keeps writing forces it to the disk every 30 seconds.
//!
//! Versions are the numbers of LMDB's write transactions, which only grow. Expiry is honoured to
//! the millisecond when an item is read; what is past is removed a little at every write, and all
//! of it when the store is full. "Full" counts pages that hold sessions, before the map itself runs
//! out, so that deleting always has the room that it takes.

mod directory;
mod environment;
mod items;
mod record;
mod scan;

use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use heed::{MdbError, RoTxn, RwTxn};

use self::environment::{Environment, environment};
use self::items::{expired, find, remove, store, sweep, used};
use self::record::{Record, minute_of};
use self::scan::Batch;
use crate::backend::{Backend, Op, Passed, Reply, Seen, Version, When};
use crate::config::Config;
use crate::error::{EmbeddedFault, Error, Kind, Result, SessionFault};
use crate::expiry::now;
use crate::inspect::Room;
use crate::spare::Buffer;
use crate::wait::Wait;

/// How many expired items a write removes on its way.
const SWEEP: usize = 4;

/// How many are removed at a time when the store is full.
const SWEEP_FULL: usize = 256;

/// An expiry that would move by less than this is left alone: a read need not become a write.
const RENEW_FROM: u64 = 1000;

/// How often a process that writes forces its writes to the disk, in milliseconds.
const SYNC_EVERY: u64 = 30_000;

/// A directory of sessions.
#[derive(Debug)]
pub(crate) struct Embedded {
    dir: PathBuf,
    size: usize,
    namespace: Vec<u8>,
    environment: Weak<Environment>,
}

impl Backend for Embedded {
    fn exchange(&mut self, ops: &[Op<'_>], _wait: &mut dyn Wait) -> Result<Vec<Result<Reply>>> {
        let environment = environment(&self.environment, &self.dir, self.size)?;
        self.environment = Arc::downgrade(&environment);
        self.check_sizes(ops)?;
        let replies = if ops.iter().all(|op| matches!(op, Op::Get { .. })) {
            self.read(&environment, ops)
        } else {
            self.write(&environment, ops)
        };
        let replies = replies.map_err(|fault| Error::embedded(&self.dir, fault))?;
        Ok(replies.into_iter().map(Ok).collect())
    }

    fn scan(
        &mut self,
        _reachable_only: bool,
        each: &mut dyn FnMut(Seen<'_>) -> ControlFlow<()>,
        wait: &mut dyn Wait,
    ) -> Result<Passed> {
        let mut last: Option<Vec<u8>> = None;
        loop {
            wait.interrupted().map_err(|_| Kind::Interrupted)?;
            let environment = environment(&self.environment, &self.dir, self.size)?;
            self.environment = Arc::downgrade(&environment);
            let batch = Batch::after(last.as_deref(), &environment, &self.namespace, now())
                .map_err(|fault| Error::embedded(&self.dir, fault))?;
            drop(environment);
            if batch.give(&self.namespace, each).is_break() {
                return Ok(Passed::default());
            }
            match batch.last() {
                Some(key) => last = Some(key.to_vec()),
                None => return Ok(Passed::default()),
            }
        }
    }
}

impl Embedded {
    pub(crate) fn new(dir: &Path, size: usize, config: &Config) -> Embedded {
        Embedded { dir: dir.to_owned(), size, namespace: config.namespace.clone(), environment: Weak::new() }
    }

    /// Removes all items, those of other namespaces, too.
    pub(crate) fn clear(&self) -> Result<()> {
        let cleared = |environment: &Environment| -> Result<(), EmbeddedFault> {
            let mut transaction = environment.env.write_txn()?;
            environment.items.clear(&mut transaction)?;
            environment.expiries.clear(&mut transaction)?;
            Ok(transaction.commit()?)
        };
        let environment = environment(&self.environment, &self.dir, self.size)?;
        cleared(&environment).map_err(|fault| Error::embedded(&self.dir, fault))
    }

    fn check_sizes(&self, ops: &[Op<'_>]) -> Result<()> {
        for op in ops {
            if let Op::Store { key, value, .. } = op
                && value.len() > self.size
            {
                return Err(Kind::Session {
                    id: key.after(b"").escape_ascii().to_string(),
                    fault: SessionFault::TooLarge {
                        size: value.len() as u64,
                        limit: self.size as u64,
                        taker: format!("embedded {}", self.dir.display()),
                    },
                }
                .into());
            }
        }
        Ok(())
    }

    /// A batch that only reads; and then writes those expiries that are due to be renewed.
    fn read(&self, environment: &Environment, ops: &[Op<'_>]) -> Result<Vec<Reply>, EmbeddedFault> {
        let now = now();
        let mut renew = false;
        let transaction = read_transaction(environment)?;
        let replies = ops
            .iter()
            .map(|op| {
                let Op::Get { key, body, touch } = op else {
                    return Ok(Reply::Missing);
                };
                let Some(record) = find(environment, &transaction, &key.after(&self.namespace), now)? else {
                    return Ok(Reply::Missing);
                };
                renew |= touch.is_some_and(|expiry| record.expires.abs_diff(expiry.at(now)) >= RENEW_FROM);
                Ok(Reply::Item(record.to_item(*body, now)))
            })
            .collect();
        drop(transaction);
        if renew {
            return self.write(environment, ops);
        }
        replies
    }

    fn write(&self, environment: &Environment, ops: &[Op<'_>]) -> Result<Vec<Reply>, EmbeddedFault> {
        match self.try_write(environment, ops) {
            Err(fault) if is_out_of_room(&fault) => {
                // Where even sweeping finds no room, the second attempt says so.
                while matches!(sweep_alone(environment), Ok(SWEEP_FULL)) {}
            }
            written => return written,
        }
        self.try_write(environment, ops).map_err(|fault| match fault {
            EmbeddedFault::Lmdb(heed::Error::Mdb(MdbError::MapFull)) => EmbeddedFault::Full { size: self.size },
            fault => fault,
        })
    }

    /// The whole batch, in one transaction.
    fn try_write(&self, environment: &Environment, ops: &[Op<'_>]) -> Result<Vec<Reply>, EmbeddedFault> {
        let now = now();
        // What was written before: when this fails, nothing of the present batch was carried out.
        sync_now_and_then(environment, now)?;
        let mut transaction = environment.env.write_txn()?;
        let used_before = used(environment, &transaction)?;
        // Only minutes that are past as a whole: looking through the present one would cost more
        // than it frees.
        sweep(environment, &mut transaction, minute_of(now).saturating_sub(1), now, SWEEP)?;
        let replies = ops
            .iter()
            .map(|op| apply(environment, &mut transaction, op, &op.key().after(&self.namespace), now))
            .collect::<Result<Vec<Reply>, EmbeddedFault>>()?;
        let used = used(environment, &transaction)?;
        if used > environment.size && used > used_before {
            return Err(EmbeddedFault::Full { size: self.size });
        }
        transaction.commit()?;
        Ok(replies)
    }
}

/// Carries out one operation.
fn apply(
    environment: &Environment,
    transaction: &mut RwTxn<'_>,
    op: &Op<'_>,
    key: &[u8],
    now: u64,
) -> Result<Reply, EmbeddedFault> {
    let found = find(environment, transaction, key, now)?;
    match *op {
        Op::Get { body, touch, .. } => {
            let Some(record) = found else {
                return Ok(Reply::Missing);
            };
            let item = record.to_item(true, now);
            if let Some(expiry) = touch {
                let renewed = Record { expires: expiry.at(now), value: (&item.value).into(), ..record };
                store(environment, transaction, key, renewed)?;
            }
            let value = if body { item.value } else { Buffer::default() };
            Ok(Reply::Item(crate::backend::Item { value, ..item }))
        }
        Op::Store { value, flags, expiry, when, .. } => {
            match (when, found) {
                (When::Missing, Some(_)) => return Ok(Reply::Exists),
                (When::Version(_) | When::Present, None) => return Ok(Reply::Missing),
                (When::Version(version), Some(record)) if record.version.number != version.number => {
                    return Ok(Reply::Exists);
                }
                _ => {}
            }
            let version = Version::of(transaction.id() as u64);
            let expires = expiry.at(now);
            let record = Record { version, expires, flags, value };
            store(environment, transaction, key, record)?;
            Ok(Reply::Stored(version))
        }
        Op::Append { bytes, .. } | Op::Prepend { bytes, .. } => {
            let Some(record) = found else {
                return Ok(Reply::Missing);
            };
            let value = match op {
                Op::Prepend { .. } => [bytes, record.value.whole()].concat(),
                _ => [record.value.whole(), bytes].concat(),
            };
            let version = Version::of(transaction.id() as u64);
            let longer = Record { version, value: (&value).into(), ..record };
            store(environment, transaction, key, longer)?;
            Ok(Reply::Stored(version))
        }
        Op::Count { by, down, .. } => {
            let Some(record) = found else {
                return Ok(Reply::Missing);
            };
            let before = number(record.value.whole()).ok_or(EmbeddedFault::NotNumber)?;
            let after = if down { before.saturating_sub(by) } else { before.wrapping_add(by) };
            let value = after.to_string();
            let counted =
                Record { version: Version::of(transaction.id() as u64), value: value.as_bytes().into(), ..record };
            store(environment, transaction, key, counted)?;
            Ok(Reply::Counted(after))
        }
        Op::Delete { version, .. } => match found {
            None => Ok(Reply::Missing),
            Some(record) if record.version.number != version.number => Ok(Reply::Exists),
            Some(_) => {
                remove(environment, transaction, key)?;
                Ok(Reply::Deleted)
            }
        },
        Op::Remove { .. } => match found {
            None => Ok(Reply::Missing),
            Some(_) => {
                remove(environment, transaction, key)?;
                Ok(Reply::Deleted)
            }
        },
    }
}

/// The number that a value is: digits, and blanks after them, as memcached leaves them.
fn number(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?.trim_end_matches(' ');
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// What an embedded store tells about itself; see [`inspect_embedded`](crate::inspect_embedded).
pub(crate) fn room(dir: &Path, size: usize) -> Result<Room> {
    let environment = environment(&Weak::new(), dir, size)?;
    look_around(&environment, dir).map_err(|fault| Error::embedded(dir, fault))
}

fn look_around(environment: &Environment, dir: &Path) -> Result<Room, EmbeddedFault> {
    let transaction = read_transaction(environment)?;
    let disk = rustix::fs::statvfs(dir).map_err(std::io::Error::from)?;
    Ok(Room {
        size: environment.size as u64,
        used: used(environment, &transaction)? as u64,
        items: environment.items.len(&transaction)?,
        expired: expired(environment, &transaction, now())?,
        file_size: std::fs::metadata(dir.join("data.mdb"))?.len(),
        disk_free: disk.f_bavail.saturating_mul(disk.f_frsize),
    })
}

/// Removes expired items to the last one, a bounded number at a time; returns how many.
fn sweep_alone(environment: &Environment) -> Result<usize, EmbeddedFault> {
    let mut transaction = environment.env.write_txn()?;
    let now = now();
    let swept = sweep(environment, &mut transaction, minute_of(now), now, SWEEP_FULL)?;
    transaction.commit()?;
    Ok(swept)
}

/// Begins to read. Where the slots for readers are all taken, those of processes that have died are
/// freed first.
fn read_transaction(environment: &Environment) -> Result<RoTxn<'_, heed::WithTls>, EmbeddedFault> {
    match environment.env.read_txn() {
        Err(heed::Error::Mdb(MdbError::ReadersFull)) => {
            environment.env.clear_stale_readers()?;
            Ok(environment.env.read_txn()?)
        }
        transaction => Ok(transaction?),
    }
}

fn sync_now_and_then(environment: &Environment, now: u64) -> Result<(), EmbeddedFault> {
    let last = environment.synced.load(Ordering::Relaxed);
    if now.saturating_sub(last) >= SYNC_EVERY {
        environment.synced.store(now, Ordering::Relaxed);
        environment.env.force_sync()?;
    }
    Ok(())
}

/// Whether freeing pages may help: the store, its map, or the disk is full.
fn is_out_of_room(fault: &EmbeddedFault) -> bool {
    match fault {
        EmbeddedFault::Full { .. } | EmbeddedFault::Lmdb(heed::Error::Mdb(MdbError::MapFull)) => true,
        EmbeddedFault::Io(error) => error.kind() == ErrorKind::StorageFull,
        _ => false,
    }
}
