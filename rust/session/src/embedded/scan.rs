//! All items of a directory, a few at a time.
//!
//! No transaction is open while the caller looks at items: it would keep the pages alive that others free, and the caller
//! could open no other. So items are copied out in batches; the next one begins behind the last key.

use std::ops::{Bound, ControlFlow};

use super::environment::Environment;
use super::read_transaction;
use super::record::Record;
use crate::backend::{Item, Seen};
use crate::error::EmbeddedFault;

/// A batch ends with as many items, or as many bytes of values.
const ITEMS: usize = 256;
const BYTES: usize = 1 << 20;

/// A batch of items.
#[derive(Default)]
pub(super) struct Batch {
    items: Vec<(Vec<u8>, Item)>,
}

impl Batch {
    /// The items behind a key; of a namespace, and not expired.
    pub(super) fn after(
        last: Option<&[u8]>,
        environment: &Environment,
        namespace: &[u8],
        now: u64,
    ) -> Result<Batch, EmbeddedFault> {
        let transaction = read_transaction(environment)?;
        let begin = match last {
            Some(last) => Bound::Excluded(last),
            // LMDB has no empty keys.
            None if namespace.is_empty() => Bound::Unbounded,
            None => Bound::Included(namespace),
        };
        let mut items = Vec::new();
        let mut bytes = 0;
        for entry in environment.items.range(&transaction, &(begin, Bound::Unbounded))? {
            let (key, record) = entry?;
            if items.len() >= ITEMS || bytes >= BYTES || !key.starts_with(namespace) {
                break;
            }
            let record = Record::read(record)?;
            if !record.is_expired(now) {
                let item = record.to_item(true, now);
                bytes += item.value.len();
                items.push((key.to_vec(), item));
            }
        }
        Ok(Batch { items })
    }

    /// The last key; none at the end.
    pub(super) fn last(&self) -> Option<&[u8]> {
        self.items.last().map(|(key, _)| key.as_slice())
    }

    /// Hands the items out.
    pub(super) fn give(&self, namespace: &[u8], each: &mut dyn FnMut(Seen<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        self.items.iter().try_for_each(|(key, item)| {
            let key = key.strip_prefix(namespace).unwrap_or(key);
            let Item { value, flags, version, expiry } = item;
            each(Seen { key, value, flags: *flags, version: *version, expiry: *expiry })
        })
    }
}
