//! How an item lies in the embedded store.
//!
//! ```text
//! items:     namespace and key  ->  version u64, expiry u64, client flags u32 (little endian), value
//! expiries:  minute u64 (big endian), namespace and key  ->  nothing
//! ```
//!
//! An expiry is a Unix time in milliseconds, 0 for never. The index of expiries counts in whole
//! minutes, rounded up: it serves to find what can be swept, and does not change with every save of
//! a busy session.

use crate::backend::{Item, Payload, Version};
use crate::error::EmbeddedFault;
use crate::expiry::Expiry;
use crate::spare::{Buffer, take_value_buffer};

/// What stands before the value.
pub(super) const HEADER: usize = 8 + 8 + 4;

const MINUTE: u64 = 60_000;

/// An item, where it lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) version: Version,
    pub(super) expires: u64,
    pub(super) flags: u32,
    pub(super) value: Payload<'a>,
}

impl<'a> Record<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Record<'a>, EmbeddedFault> {
        let short = || EmbeddedFault::Record(bytes.len());
        let (version, rest) = bytes.split_first_chunk().ok_or_else(short)?;
        let (expires, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (flags, value) = rest.split_first_chunk().ok_or_else(short)?;
        Ok(Record {
            version: Version::of(u64::from_le_bytes(*version)),
            expires: u64::from_le_bytes(*expires),
            flags: u32::from_le_bytes(*flags),
            value: value.into(),
        })
    }

    /// The bytes before the value.
    pub(super) fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(&self.version.number.to_le_bytes());
        header[8..16].copy_from_slice(&self.expires.to_le_bytes());
        header[16..].copy_from_slice(&self.flags.to_le_bytes());
        header
    }

    pub(super) fn is_expired(&self, now: u64) -> bool {
        self.expires != 0 && self.expires <= now
    }

    pub(super) fn to_item(self, body: bool, now: u64) -> Item {
        Item {
            value: if body { copy(self.value.whole()) } else { Buffer::default() },
            flags: self.flags,
            version: self.version,
            expiry: match self.expires {
                0 => Expiry::NEVER,
                expires => Expiry::left(expires.saturating_sub(now).div_ceil(1000)),
            },
        }
    }
}

/// Where an expiry stands in the index; `None` for never.
pub(super) fn index_minute(expires: u64) -> Option<u64> {
    (expires != 0).then(|| minute_of(expires))
}

/// The minute of a time, rounded up: what stands below the minute of now is past.
pub(super) fn minute_of(time: u64) -> u64 {
    time.div_ceil(MINUTE)
}

/// The entry of an item in the index.
pub(super) fn index_key(minute: u64, key: &[u8]) -> Vec<u8> {
    [&minute.to_be_bytes(), key].concat()
}

/// The minute and the item's key of an entry in the index.
pub(super) fn split_index_key(entry: &[u8]) -> Option<(u64, &[u8])> {
    let (minute, key) = entry.split_first_chunk()?;
    Some((u64::from_be_bytes(*minute), key))
}

fn copy(value: &[u8]) -> Buffer {
    let mut copy = take_value_buffer(value.len());
    copy.extend_from_slice(value);
    copy.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_round_trip() {
        let record = Record { version: Version::of(7), expires: 1_700_000_000_123, flags: 17, value: b"value".into() };
        let bytes = [&record.header()[..], record.value.whole()].concat();
        let read = Record::read(&bytes).unwrap();
        assert_eq!(read.expires, record.expires);
        assert_eq!(read.to_item(true, 0), record.to_item(true, 0));
        assert_eq!(read.to_item(false, 0).value, b"");
        for end in 0..HEADER {
            assert!(Record::read(&bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn what_is_left_is_rounded_up() {
        let left = |expires| {
            Record { version: Version::of(7), expires, flags: 1, value: b"".into() }.to_item(true, 5_000).expiry
        };
        for (expires, seconds) in [(0, 0), (5_001, 1), (6_000, 1), (6_001, 2)] {
            assert_eq!(left(expires), Expiry::seconds(Some(seconds)), "{expires}");
        }
    }

    #[test]
    fn the_index_sorts_by_time_and_never_runs_ahead() {
        assert_eq!(index_minute(0), None);
        for expires in [1, 59_999, 60_000, 60_001, 1_700_000_000_123] {
            let minute = index_minute(expires).unwrap();
            // Past as a whole only when it has expired, and within a minute of that.
            assert!(minute >= minute_of(expires), "{expires}");
            assert!(minute < minute_of(expires + MINUTE), "{expires}");
        }
        assert!(index_key(255, b"z") < index_key(256, b"a"));
        assert_eq!(split_index_key(&index_key(9, b"key")), Some((9, &b"key"[..])));
        assert_eq!(split_index_key(b"short"), None);
    }
}
