//! How a session lies in its item: what the client flags say, and compression.
//!
//! | flag | the value is | set by |
//! | --- | --- | --- |
//! | 1 | a frozen hash (Storable) | every Perl client |
//! | 2 | gzip'd (RFC 1952) | every Perl client, when asked |
//! | 8 | encrypted | us, where a secret is given |
//! | 16 | a tombstone: a frozen empty hash | us |
//! | 32 | a session in another serializer's words | us |
//! | 64 | a copy in the local tier | us |
//! | 128 | beside 16: the session has moved to another id | us |
//!
//! An item without 1 or 32 is not a session. Other flags are carried by other programs and ignored.
//! What the frozen bytes mean is not looked at here.

use std::borrow::Cow;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::bytes::Bytes;
use crate::error::{Result, SessionFault};
use crate::secret::Keyring;
use crate::spare::Buffer;

const STORABLE: u32 = 1;
pub(crate) const GZIP: u32 = 2;
const SEALED: u32 = 8;
const TOMBSTONE: u32 = 16;
const OPAQUE: u32 = 32;

/// The flags that the tag of an encrypted session is over.
const AUTHENTICATED: u32 = STORABLE | OPAQUE | GZIP;

/// Set on the copies that we put into the local tier: what is there without it may be another's.
pub(crate) const COPY: u32 = 64;

/// What a compressed session may grow to. memcached takes no item above 1 GiB, and no default
/// server one above 1 MiB; this holds off an item that was made to fill the memory of its reader.
pub const MAX_INFLATED: usize = 64 << 20;

/// Tells the tombstone of a session that has moved from that of one that was deleted.
const MOVED: u32 = 128;

/// A tombstone's client flags.
pub(crate) const TOMBSTONE_FLAGS: u32 = STORABLE | TOMBSTONE;

/// Those of the tombstone of a session that has moved.
pub(crate) const MOVED_FLAGS: u32 = TOMBSTONE_FLAGS | MOVED;

/// A tombstone's value: a frozen empty hash in network order. Clients that know no tombstones read
/// a session with nothing in it.
pub(crate) const TOMBSTONE_VALUE: &[u8] = &[5, 11, 3, 0, 0, 0, 0];

/// In what words a session is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Perl's Storable: concurrent changes can be merged.
    Storable,
    /// Another serializer of Apache::Session: concurrent changes can't be told apart.
    Opaque,
}

/// What an item turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    Session {
        body: Buffer,
        encoding: Encoding,
    },
    Tombstone,
    /// Not a session: a principal's reverse record, or another program's item.
    Other,
}

/// Whether an item's flags are those of a session that is there.
pub(crate) fn is_session(flags: u32) -> bool {
    flags & TOMBSTONE == 0 && flags & (STORABLE | OPAQUE) != 0
}

/// Whether an item's flags are those of a deleted session.
pub(crate) fn is_tombstone(flags: u32) -> bool {
    flags & TOMBSTONE != 0
}

/// Whether a tombstone says that the session has moved.
pub(crate) fn is_moved(flags: u32) -> bool {
    flags & MOVED != 0
}

/// Whether we put this into the local tier.
pub(crate) fn is_copy(flags: u32) -> bool {
    flags & COPY != 0
}

/// Wraps a session: the item's value and client flags.
///
/// From `threshold` bytes on it is compressed, and stays so if that saves more than a fifth, as in
/// `Cache::Memcached`. With a secret it is encrypted then.
pub(crate) fn seal(
    body: &Bytes,
    encoding: Encoding,
    threshold: Option<usize>,
    keyring: Keyring<'_>,
) -> Result<(Bytes, u32)> {
    let flags = match encoding {
        Encoding::Storable => STORABLE,
        Encoding::Opaque => OPAQUE,
    };
    // Only what is compressed has to be in one piece.
    let small = is_to_compress(body.len(), threshold).then(|| smaller(body)).flatten();
    let (value, flags) = match small {
        Some(small) => (small.into(), flags | GZIP),
        None => (body.clone(), flags),
    };
    Ok(match keyring.encrypt(&value, flags)? {
        Some(sealed) => (sealed.into(), flags | SEALED),
        None => (value, flags),
    })
}

/// The same bytes gzip'd, where `threshold` asks for it and it saves enough.
pub(crate) fn compress(body: &[u8], threshold: Option<usize>) -> Option<Vec<u8>> {
    is_to_compress(body.len(), threshold).then(|| smaller(body)).flatten()
}

fn is_to_compress(len: usize, threshold: Option<usize>) -> bool {
    threshold.is_some_and(|threshold| threshold > 0 && len >= threshold)
}

/// The same bytes gzip'd, where it saves enough.
fn smaller(body: &[u8]) -> Option<Vec<u8>> {
    deflate(body).filter(|small| small.len() < body.len() - body.len() / 5)
}

/// Unwraps an item.
pub(crate) fn open(value: Buffer, flags: u32, keyring: Keyring<'_>) -> Result<Opened, SessionFault> {
    if flags & TOMBSTONE != 0 {
        return Ok(Opened::Tombstone);
    }
    if !is_session(flags) {
        return Ok(Opened::Other);
    }
    let value = match flags & SEALED {
        0 => {
            keyring.check_plain()?;
            value
        }
        _ => keyring.decrypt(value, flags & AUTHENTICATED)?,
    };
    let body = if flags & GZIP == 0 { value } else { inflate(&value, MAX_INFLATED)?.into() };
    Ok(Opened::Session { body, encoding: encoding(flags) })
}

/// The serialized session in the item of one.
pub(crate) fn body<'v>(value: &'v [u8], flags: u32, keyring: Keyring<'_>) -> Result<Cow<'v, [u8]>, SessionFault> {
    if flags & (SEALED | GZIP) == 0 {
        keyring.check_plain()?;
        return Ok(Cow::Borrowed(value));
    }
    match open(value.to_vec().into(), flags & (SEALED | AUTHENTICATED), keyring)? {
        Opened::Session { body, .. } => Ok(Cow::Owned(body.into_vec())),
        Opened::Tombstone | Opened::Other => Err(SessionFault::Corrupt("is no session".to_owned())),
    }
}

/// In what words the session in an item is.
pub(crate) fn encoding(flags: u32) -> Encoding {
    if flags & STORABLE != 0 { Encoding::Storable } else { Encoding::Opaque }
}

fn deflate(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 2), Compression::default());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}

/// What was gzip'd, up to `limit` bytes of it.
pub(crate) fn inflate(value: &[u8], limit: usize) -> Result<Vec<u8>, SessionFault> {
    let mut body = Vec::new();
    let mut decoder = MultiGzDecoder::new(value).take(limit as u64 + 1);
    decoder.read_to_end(&mut body).map_err(|error| SessionFault::Corrupt(format!("damaged gzip data: {error}")))?;
    if body.len() > limit {
        return Err(SessionFault::Corrupt(format!("gzip data of {} bytes grow beyond {limit} bytes", value.len())));
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;
    use crate::secret::Secrets;

    /// The value of a session's item, and its flags.
    fn sealed(body: &[u8], encoding: Encoding, threshold: Option<usize>) -> (Buffer, u32) {
        let bytes = body.to_vec().into();
        let (sealed, flags) = seal(&bytes, encoding, threshold, Secrets::default().of(&id())).unwrap();
        (sealed.to_vec().into(), flags)
    }

    fn open(value: Buffer, flags: u32) -> Result<Opened, SessionFault> {
        super::open(value, flags, Secrets::default().of(&id()))
    }

    fn id() -> Id {
        Id::parse(b"x1").unwrap()
    }

    fn session(body: &[u8], encoding: Encoding) -> Opened {
        Opened::Session { body: body.to_vec().into(), encoding }
    }

    #[test]
    fn what_is_wrapped_is_unwrapped() {
        let repetitive = b"session ".repeat(100);
        let noise: Vec<u8> = (0..800_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for encoding in [Encoding::Storable, Encoding::Opaque] {
            for body in [&b""[..], b"x", &repetitive, &noise] {
                for threshold in [None, Some(0), Some(1), Some(800), Some(801)] {
                    let (value, flags) = sealed(body, encoding, threshold);
                    assert!(is_session(flags));
                    assert_eq!(open(value, flags).unwrap(), session(body, encoding));
                }
            }
        }
    }

    #[test]
    fn compression_is_kept_where_it_saves_a_fifth() {
        let repetitive = b"session ".repeat(100);
        let (value, flags) = sealed(&repetitive, Encoding::Storable, Some(800));
        assert_eq!(flags, STORABLE | GZIP);
        assert!(value.len() < 640);
        assert_eq!(sealed(&repetitive, Encoding::Storable, Some(801)).1, STORABLE);
        let mut noise = vec![0; 800];
        getrandom::fill(&mut noise).unwrap();
        assert_eq!(sealed(&noise, Encoding::Storable, Some(1)).1, STORABLE);
    }

    #[test]
    fn flags_decide_what_an_item_is() {
        assert_eq!(open(TOMBSTONE_VALUE.to_vec().into(), TOMBSTONE_FLAGS).unwrap(), Opened::Tombstone);
        assert_eq!(open(b"an id".to_vec().into(), 0).unwrap(), Opened::Other);
        assert_eq!(open(b"text".to_vec().into(), 4).unwrap(), Opened::Other);
        assert_eq!(open(b"x".to_vec().into(), 1 | 0x00FF_0000).unwrap(), session(b"x", Encoding::Storable));
        assert!(matches!(open(b"x".to_vec().into(), STORABLE | SEALED), Err(SessionFault::Sealed)));
        for (flags, is) in [(0, false), (1, true), (3, true), (17, false), (32, true), (48, false), (145, false)] {
            assert_eq!(is_session(flags), is, "{flags}");
        }
    }

    #[test]
    fn a_tombstone_is_a_frozen_empty_hash() {
        let empty = std::collections::BTreeMap::<String, String>::new();
        let frozen = storable::to_vec(&empty, &storable::Options::default()).unwrap();
        assert_eq!(TOMBSTONE_VALUE, frozen);
    }

    #[test]
    fn damaged_gzip_is_an_error_at_every_byte() {
        let (value, flags) = sealed(&[7; 1000], Encoding::Storable, Some(1));
        for end in 0..value.len() {
            assert!(matches!(open(value[..end].to_vec().into(), flags), Err(SessionFault::Corrupt(_))), "cut at {end}");
        }
    }

    #[test]
    fn inflating_is_bounded() {
        let bomb = deflate(&vec![0; 1 << 20]).unwrap();
        assert!(bomb.len() < 2000);
        assert_eq!(inflate(&bomb, 1 << 20).unwrap().len(), 1 << 20);
        let error = inflate(&bomb, (1 << 20) - 1).unwrap_err();
        assert!(error.to_string().ends_with("grow beyond 1048575 bytes"), "{error}");
    }
}
