//! The fields of a frozen session as Perl values: those that are asked for, and no others.

use session::Id;
use storable::{Fields, Key, Plain};

use crate::codec::classes::Classes;
use crate::codec::thaw::{Thaw, thaw};
use crate::error::{Error, Result};
use crate::perl::hash::Hash;
use crate::perl::{Owned, Perl};

const ID: &str = "_session_id";

/// Which fields of a session are wanted.
pub(super) enum Wanted {
    All,
    /// None: the frozen bytes are enough.
    Nothing,
    /// Their names, and the same as keys of a hash.
    These(Vec<(String, Owned)>),
}

/// How sessions are read.
pub(super) struct Reading {
    pub(super) perl: Perl,
    pub(super) wanted: Wanted,
    pub(super) limits: storable::Limits,
    pub(super) classes: Classes,
}

impl Reading {
    /// A reference to a hash of what is wanted of a session, in which a field that is missing is undef. Without fields to
    /// take it from, all of the session.
    pub(super) fn hash(&self, id: &Id, body: &[u8], fields: Option<&Fields<'_>>) -> Result<Owned> {
        let perl = self.perl;
        let (Wanted::These(names), Some(fields)) = (&self.wanted, fields) else {
            return self.whole(id, body).map(|data| perl.reference_to(data));
        };
        let hash = perl.hash();
        let mut whole = None;
        let filled = names.iter().try_for_each(|(name, key)| {
            let value = match fields.get(Key::from(name.as_str())) {
                _ if name == ID => perl.bytes(id.as_bytes()),
                None => perl.undef().copy(perl)?,
                Some(field) => match field.plain() {
                    Some(Plain::Bytes(bytes)) => perl.bytes(bytes),
                    Some(Plain::Integer(integer)) => perl.integer(integer),
                    Some(Plain::Text(text)) if std::str::from_utf8(text).is_ok() => perl.utf8(text),
                    _ => match field.image() {
                        Some(image) => thaw(perl, &image, &self.how())?,
                        // It means something only within its session.
                        None => {
                            let data = match &whole {
                                Some(data) => data,
                                None => whole.insert(self.whole(id, body)?),
                            };
                            let found = as_hash(data).fetch(perl, &key.scalar().key(perl)?)?;
                            found.map_or_else(|| perl.undef().copy(perl), |value| Ok(value.own(perl)))?
                        }
                    },
                },
            };
            as_hash(&hash).store(perl, &key.scalar().key(perl)?, value)
        });
        let freed = whole.map_or(Ok(()), Owned::free);
        match filled.and(freed) {
            Ok(()) => Ok(perl.reference_to(hash)),
            Err(error) => {
                hash.free()?;
                Err(error)
            }
        }
    }

    fn how(&self) -> Thaw<'_> {
        Thaw::session(self.limits, &self.classes)
    }

    /// All of a session. The id in it is that of its item, whatever the bytes say.
    fn whole(&self, id: &Id, body: &[u8]) -> Result<Owned> {
        let data = thaw(self.perl, body, &self.how())?;
        if data.scalar().kind() != libperl_sys::svtype::SVt_PVHV {
            data.free()?;
            return Err(Error::text("its value is frozen, but is not a hash"));
        }
        as_hash(&data).set(self.perl, ID, self.perl.bytes(id.as_bytes()))?;
        Ok(data)
    }
}

/// The hash that a new value is.
pub(super) fn as_hash(hash: &Owned) -> Hash {
    // SAFETY: all callers have just made it one, and keep it alive while they use the result.
    unsafe { Hash::from_raw(hash.scalar().raw().cast()) }
}
