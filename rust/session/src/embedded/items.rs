//! Items and their index, inside a transaction: found, written, removed, swept, counted.
//!
//! The two tables change together: an item that expires has one entry in the index, under the minute
//! in which it does. Nothing here begins or ends a transaction.

use heed::{RoTxn, RwTxn};

use super::environment::Environment;
use super::record::{HEADER, Record, index_key, index_minute, minute_of, split_index_key};
use crate::error::EmbeddedFault;

/// The item of a key, unless it has expired.
pub(super) fn find<'t>(
    environment: &Environment,
    transaction: &'t RoTxn<'_>,
    key: &[u8],
    now: u64,
) -> Result<Option<Record<'t>>, EmbeddedFault> {
    let Some(bytes) = environment.items.get(transaction, key)? else {
        return Ok(None);
    };
    Ok(Some(Record::read(bytes)?).filter(|record| !record.is_expired(now)))
}

/// Writes an item, and its place in the index where that changes.
pub(super) fn store(
    environment: &Environment,
    transaction: &mut RwTxn<'_>,
    key: &[u8],
    record: Record<'_>,
) -> Result<(), EmbeddedFault> {
    let before = match environment.items.get(transaction, key)? {
        Some(bytes) => index_minute(Record::read(bytes)?.expires),
        None => None,
    };
    let after = index_minute(record.expires);
    if before != after {
        if let Some(minute) = before {
            environment.expiries.delete(transaction, &index_key(minute, key))?;
        }
        if let Some(minute) = after {
            environment.expiries.put(transaction, &index_key(minute, key), &())?;
        }
    }
    let size = HEADER + record.value.len();
    environment.items.put_reserved(transaction, key, size, |space| {
        std::io::Write::write_all(space, &record.header())?;
        record.value.pieces().try_for_each(|piece| std::io::Write::write_all(space, piece))
    })?;
    Ok(())
}

pub(super) fn remove(environment: &Environment, transaction: &mut RwTxn<'_>, key: &[u8]) -> Result<(), EmbeddedFault> {
    let minute = match environment.items.get(transaction, key)? {
        Some(bytes) => index_minute(Record::read(bytes)?.expires),
        None => None,
    };
    if let Some(minute) = minute {
        environment.expiries.delete(transaction, &index_key(minute, key))?;
    }
    environment.items.delete(transaction, key)?;
    Ok(())
}

/// Removes up to `most` items that have expired, of those that the index has up to a minute;
/// returns how many.
pub(super) fn sweep(
    environment: &Environment,
    transaction: &mut RwTxn<'_>,
    until: u64,
    now: u64,
    most: usize,
) -> Result<usize, EmbeddedFault> {
    let mut expired = Vec::new();
    for entry in environment.expiries.iter(transaction)? {
        let (entry, ()) = entry?;
        let (minute, key) = split_index_key(entry).ok_or(EmbeddedFault::Record(entry.len()))?;
        if minute > until || expired.len() == most {
            break;
        }
        if find(environment, transaction, key, now)?.is_none() {
            expired.push(entry.to_vec());
        }
    }
    for entry in &expired {
        let (_, key) = split_index_key(entry).ok_or(EmbeddedFault::Record(entry.len()))?;
        environment.items.delete(transaction, key)?;
        environment.expiries.delete(transaction, entry)?;
    }
    Ok(expired.len())
}

/// How many items have expired and are still there.
pub(super) fn expired(environment: &Environment, transaction: &RoTxn<'_>, now: u64) -> Result<u64, EmbeddedFault> {
    let mut expired = 0;
    for entry in environment.expiries.iter(transaction)? {
        let (entry, ()) = entry?;
        let (minute, key) = split_index_key(entry).ok_or(EmbeddedFault::Record(entry.len()))?;
        if minute > minute_of(now) {
            break;
        }
        if find(environment, transaction, key, now)?.is_none() {
            expired += 1;
        }
    }
    Ok(expired)
}

/// How many bytes of pages hold items and their index.
pub(super) fn used(environment: &Environment, transaction: &RoTxn<'_>) -> Result<usize, EmbeddedFault> {
    let items = environment.items.stat(transaction)?;
    let expiries = environment.expiries.stat(transaction)?;
    Ok([items, expiries]
        .iter()
        .map(|stat| (stat.branch_pages + stat.leaf_pages + stat.overflow_pages) * stat.page_size as usize)
        .sum())
}
