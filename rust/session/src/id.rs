//! Session ids: what a store accepts as one, and how new ones are made.
//!
//! An id is the key that its session has in the store, so it obeys memcached's rule for keys: 1 to
//! 250 bytes (together with the namespace), no space, no control character. Generated ids are hex
//! digits straight from the operating system's random source; nothing about the process, the time
//! or a former id goes into them.
//!
//! ```
//! use session::Id;
//!
//! let id = Id::generate(32).unwrap(); // 128 bits
//! assert_eq!(id.as_bytes().len(), 32);
//! assert_eq!(Id::parse(id.as_bytes()).unwrap(), id);
//! assert!(Id::parse(b"no spaces").is_err());
//! ```

use std::fmt;

use crate::backend::ItemKey;
use crate::error::{Error, Kind, Result};

/// What follows an id in the key of its lock.
const LOCK: &str = ".lock";

/// The longest key that memcached takes.
pub const MAX_KEY: usize = 250;

/// A session's id.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(Box<[u8]>);

impl Id {
    /// A new id of `length` lower-case hex digits, four random bits each.
    ///
    /// Below 32 digits an id can be guessed sooner than anyone should rely on; the length is the
    /// caller's choice.
    pub fn generate(length: usize) -> Result<Id> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        if length == 0 || length > MAX_KEY {
            return Err(Error::argument("IDLength", "a number from 1 to 250", length.to_string()));
        }
        let mut random = [0; MAX_KEY];
        let random = &mut random[..length.div_ceil(2)];
        getrandom::fill(random).map_err(Kind::Random)?;
        let digits = random
            .iter()
            .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
            .take(length)
            .collect();
        Ok(Id(digits))
    }

    /// Takes an id that came from elsewhere.
    pub fn parse(bytes: &[u8]) -> Result<Id> {
        if bytes.is_empty() || bytes.len() > MAX_KEY || !is_key(bytes) {
            return Err(invalid(bytes, "1 to 250 bytes without spaces and control characters"));
        }
        Ok(Id(bytes.into()))
    }

    /// The id as it stands in the store's key.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key of the session's item.
    pub(crate) fn key(&self) -> ItemKey<'_> {
        ItemKey::of(&self.0)
    }

    /// The key of its lock, on the same server.
    pub(crate) fn lock_key(&self) -> ItemKey<'_> {
        ItemKey::beside(&self.0, LOCK)
    }

    /// Refuses an id whose lock has no key, as it would be too long.
    pub(crate) fn check_lockable(&self, namespace: &[u8]) -> Result<()> {
        if self.0.len() + namespace.len() + LOCK.len() > MAX_KEY {
            let room = MAX_KEY.saturating_sub(namespace.len() + LOCK.len());
            return Err(invalid(&self.0, &format!("at most {room} bytes after this namespace, to have a lock")));
        }
        Ok(())
    }

    /// Refuses an id that, with the namespace before it, is no key any more.
    pub(crate) fn check_fits(&self, namespace: &[u8]) -> Result<()> {
        if self.0.len() + namespace.len() > MAX_KEY {
            let room = MAX_KEY - namespace.len();
            return Err(invalid(&self.0, &format!("at most {room} bytes after this namespace")));
        }
        Ok(())
    }
}

/// The part of a key that says where its item is: that of the session beside which it lies, if it is a lock's.
pub(crate) fn home_of(key: &[u8]) -> &[u8] {
    key.strip_suffix(LOCK.as_bytes()).filter(|home| !home.is_empty()).unwrap_or(key)
}

/// Whether memcached takes all of these bytes in a key.
pub(crate) fn is_key(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte > b' ' && byte != 0x7f)
}

fn invalid(given: &[u8], takes: &str) -> Error {
    Kind::InvalidId { given: given.escape_ascii().to_string(), takes: takes.to_owned() }.into()
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_ids_are_hex_of_the_length_asked_for_and_differ() {
        for length in [1, 2, 31, 32, 64, 250] {
            let id = Id::generate(length).unwrap();
            assert_eq!(id.as_bytes().len(), length);
            assert!(id.as_bytes().iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
        }
        let ids: std::collections::HashSet<Id> = (0..1000).map(|_| Id::generate(32).unwrap()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(Id::generate(0).is_err());
        assert!(Id::generate(251).is_err());
    }

    #[test]
    fn an_id_is_a_memcached_key() {
        let longest = [b'x'; 250];
        for good in [&b"a"[..], b"0123abcDEF", "h\u{e9}".as_bytes(), b"sessions:1", &longest] {
            assert_eq!(Id::parse(good).unwrap().as_bytes(), good);
        }
        let too_long = [b'x'; 251];
        for bad in [&b""[..], b"a b", b"a\r\n", b"\x7f", b"\0", &too_long] {
            assert!(Id::parse(bad).unwrap_err().is_argument(), "{bad:?}");
        }
    }

    #[test]
    fn the_namespace_counts() {
        let id = Id::parse(&[b'x'; 245]).unwrap();
        assert!(id.check_fits(b"app1:").is_ok());
        assert!(id.check_fits(b"app10:").unwrap_err().is_argument());
    }
}
