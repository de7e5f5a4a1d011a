//! Perl values as items, and back: what the client flags of Perl's clients of memcached say.
//!
//! | flag | the value is |
//! | --- | --- |
//! | 1 | a reference, frozen by Storable |
//! | 2 | gzip'd; done and undone by `session` |
//! | 4 | a string of characters, in UTF-8 (Cache::Memcached::Fast, when asked to) |

use session::Value;
use storable::Limits;

use crate::codec::classes::Classes;
use crate::codec::freeze::{Freeze, freeze};
use crate::codec::revive;
use crate::codec::thaw::Thaw;
use crate::error::{Error, Result};
use crate::perl::scalar::Scalar;
use crate::perl::{Owned, Perl};

const STORABLE: u32 = 1;
const UTF8: u32 = 4;

/// Writes a value into a buffer; returns its flags.
pub(super) fn write(perl: Perl, value: Scalar, utf8: bool, buffer: Vec<u8>) -> Result<(Vec<u8>, u32)> {
    if let Some(target) = value.target() {
        let how = Freeze::session(false, Limits::default().max_depth);
        return Ok((freeze(perl, target, &how, buffer)?, STORABLE));
    }
    write_string(perl, value, utf8, buffer)
}

/// The same for a string, which a reference is as well, by its text.
pub(super) fn write_string(perl: Perl, value: Scalar, utf8: bool, mut buffer: Vec<u8>) -> Result<(Vec<u8>, u32)> {
    if utf8 {
        let (bytes, is_utf8) = value.string(perl)?;
        buffer.extend_from_slice(&bytes);
        return Ok((buffer, if is_utf8 { UTF8 } else { 0 }));
    }
    value.with_bytes(perl, |bytes, _| buffer.extend_from_slice(bytes))?;
    Ok((buffer, 0))
}

/// Makes the Perl value of an item.
pub(super) fn read(perl: Perl, key: &[u8], value: Value, utf8: bool, classes: &Classes) -> Result<Owned> {
    let Value { bytes, flags, .. } = value;
    if flags & STORABLE != 0 {
        revive(perl, &bytes, &Thaw::session(Limits::default(), classes)).map_err(|error| match error {
            Error::Storable(error) => Error::text(format!("key {}: {error}", key.escape_ascii())),
            Error::Text(text) => Error::text(format!("key {}: {text}", key.escape_ascii())),
            other => other,
        })
    } else if utf8 && flags & UTF8 != 0 && std::str::from_utf8(&bytes).is_ok() {
        Ok(perl.utf8(&bytes))
    } else {
        Ok(perl.bytes(&bytes))
    }
}
