//! [`Lazy`]: a session's data of which only some keys are Perl values yet; the others are where the store left them, as
//! bytes of a frozen image.
//!
//! It hangs on the scalar under `data` of the tied object, whose hash has the keys that were asked for so far. A key is
//! stored, then taken: its value was made, replaced or deleted, and the hash knows all about it. The hash knows nothing
//! of a stored one. Whatever reads that scalar by other ways than ours (`$object->{data}`) must see the whole: its magic, and
//! that of the object, have the shim call [`mc_lazy_get`], which makes the rest. So nobody ever holds the hash while a key
//! is missing in it.
//!
//! Only images that [`storable::skim`] vouches for come here. They are judged in full before, their values are
//! independent of each other, and making one runs no code and can't fail.

use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use libperl_sys::{PerlInterpreter, SV};
use session::{Bytes, Id};
use storable::{Entry, Limits, skim};

use crate::codec::thaw::thaw_entries;
use crate::error::{Error, Result};
use crate::native::{self, Native};
use crate::perl::Perl;
use crate::perl::hash::Hash;
use crate::perl::scalar::{Name, Scalar};
use crate::perl::shim;

/// What a string of up to 255 bytes begins with, before its length.
const SHORT_STRING: u8 = 10;

/// After so many keys were looked for in the image, all of them become values at once: looking for each takes longer the
/// more there are.
const MOST_SEARCHES: usize = 32;

/// What is left of an image.
#[derive(Clone)]
pub(crate) struct Lazy {
    bytes: Bytes,
    id: Id,
    limits: Limits,
    flagged: bool,
    parts: Vec<Part>,
    searches: usize,
}

#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) entry: Entry,
    pub(crate) state: State,
}

/// What has become of a key of the image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// Its value is in the image only.
    Stored,
    /// Whether it has a value, and which, the hash knows.
    Taken,
    /// It came again further on in the image, and that one was taken.
    Replaced,
}

impl From<Entry> for Part {
    fn from(entry: Entry) -> Part {
        Part { entry, state: State::Stored }
    }
}

impl Lazy {
    /// What was read, if it is such that values can be made of it one by one.
    pub(crate) fn of(bytes: &Bytes, limits: &Limits, id: &Id) -> Option<Lazy> {
        let skimmed = skim(bytes, limits)?;
        let (flagged, parts) = (skimmed.flagged, skimmed.entries);
        Some(Lazy { bytes: bytes.clone(), id: id.clone(), limits: *limits, flagged, parts, searches: 0 })
    }

    /// The session's id.
    pub(crate) fn id(&self) -> &Id {
        &self.id
    }

    /// The id that stands in the image.
    pub(crate) fn stored_id(&self) -> Option<&[u8]> {
        match self.bytes(&Name::bytes(b"_session_id"))? {
            [SHORT_STRING, len, id @ ..] if usize::from(*len) == id.len() => Some(id),
            _ => None,
        }
    }

    /// The bytes that the keys lie in.
    pub(crate) fn image(&self) -> &Bytes {
        &self.bytes
    }

    /// Whether the image has flags with its keys.
    pub(crate) fn is_flagged(&self) -> bool {
        self.flagged
    }

    /// All keys that the image had, in its order.
    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Where a key stands that has its value in the image only. The last one counts.
    fn find(&self, name: &Name<'_>) -> Option<usize> {
        let is_stored = |part: &Part| part.state == State::Stored && name.is(&part.entry, self.image());
        self.parts.iter().rposition(is_stored)
    }

    /// Whether the image had such a key.
    pub(crate) fn had(&self, name: &Name<'_>) -> bool {
        self.parts.iter().any(|part| name.is(&part.entry, self.image()))
    }

    /// The bytes of a value that is in the image only.
    pub(crate) fn bytes(&self, name: &Name<'_>) -> Option<&[u8]> {
        self.find(name).map(|at| self.parts[at].entry.value(self.image()))
    }

    /// Leaves a key to the hash from now on; where it had its value in the image only, that.
    pub(crate) fn take(&mut self, name: &Name<'_>) -> Option<Entry> {
        let at = self.find(name)?;
        for index in 0..at {
            if self.parts[index].state == State::Stored && name.is(&self.parts[index].entry, self.image()) {
                self.parts[index].state = State::Replaced;
            }
        }
        self.parts[at].state = State::Taken;
        Some(self.parts[at].entry)
    }

    /// Counts that a key is looked for; `false` when it is time to make all values.
    pub(crate) fn search(&mut self) -> bool {
        self.searches += 1;
        self.searches <= MOST_SEARCHES
    }

    /// Takes a key and puts its value into the hash, if it had that in the image only.
    /// `false`: the image has nothing for it.
    pub(crate) fn make(&mut self, perl: Perl, hash: Hash, name: &Name<'_>) -> Result<bool> {
        let Some(entry) = self.take(name) else {
            return Ok(false);
        };
        thaw_entries(perl, &self.bytes, [entry], hash, &self.limits)?;
        Ok(true)
    }

    /// Puts all values into the hash that it does not have yet.
    pub(crate) fn make_all(&mut self, perl: Perl, hash: Hash) -> Result<()> {
        let parts = std::mem::take(&mut self.parts);
        let stored = parts.iter().filter(|part| part.state == State::Stored).map(|part| part.entry);
        thaw_entries(perl, &self.bytes, stored, hash, &self.limits)
    }
}

impl Native for Lazy {
    const KIND: c_int = 2;

    fn for_thread(&self) -> Lazy {
        self.clone()
    }
}

/// Makes the hash under `slot` whole; nothing to do where it is, or is another one by now.
pub(crate) fn complete(perl: Perl, slot: Scalar) -> Result<()> {
    if let Some(hash) = slot.hash()
        && let Some(lazy) = native::behind::<Lazy>(slot)
    {
        let mut lazy = lazy.try_borrow_mut().map_err(|_| Error::text("the session's data is being read"))?;
        lazy.make_all(perl, hash)?;
    }
    Ok(())
}

/// Has an object that has such a slot watched for who looks that up, for not all of those ask its magic.
pub(crate) fn watch(perl: Perl, object: Hash) {
    // SAFETY: a live hash; the magic that it gets looks at the slot only.
    unsafe { shim::mc_lazy_watch(perl.raw(), object.raw()) };
}

/// Called by the shim when Perl reads the slot. Returns the error to die with, or null.
#[unsafe(no_mangle)]
extern "C" fn mc_lazy_get(perl: *mut PerlInterpreter, slot: *mut SV) -> *mut SV {
    // SAFETY: the shim passes the interpreter that called it, and a live scalar.
    let (perl, slot) = unsafe { (Perl::from_raw(perl), Scalar::from_raw(slot)) };
    let completed = catch_unwind(AssertUnwindSafe(|| complete(perl, slot)));
    let error = match completed {
        Ok(Ok(())) => return ptr::null_mut(),
        Ok(Err(error)) => error,
        Err(_) => Error::text("internal error: the session's data can't be read"),
    };
    error.into_scalar(perl).map_or(ptr::null_mut(), |error| error.into_raw())
}
