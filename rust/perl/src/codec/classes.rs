//! Which classes stored data may be blessed into: the argument `classes`.

use std::ffi::c_int;
use std::ptr;

use crate::error::{Error, Result};
use crate::perl::argument::{untied, untied_array};
use crate::perl::array::Array;
use crate::perl::hash::Hash;
use crate::perl::scalar::Scalar;
use crate::perl::shim;
use crate::perl::{Owned, Perl};

/// The classes that are allowed: any, or those that a list of names and regular expressions covers.
pub(crate) enum Classes {
    /// No list was given.
    Any,
    /// A reference to the array that was given, whose elements are names and `qr//`.
    Listed(Owned),
}

impl Classes {
    /// Takes the argument; the caller's array is read at each use, not copied.
    pub(crate) fn from_argument(perl: Perl, value: Scalar) -> Result<Classes> {
        if !value.is_defined() {
            return Ok(Classes::Any);
        }
        let refuse = || Error::text("argument classes: takes a reference to an array of class names and qr//");
        let list = untied_array(perl, value)?.ok_or_else(refuse)?;
        for entry in list.iter() {
            let entry = entry.filter(|entry| entry.is_defined()).ok_or_else(refuse)?;
            if entry.is_reference() && !is_regexp(perl, entry) {
                return Err(refuse());
            }
        }
        Ok(Classes::Listed(perl.reference(list.scalar())))
    }

    /// The argument of a session, an object with Apache::Session's keys.
    pub(crate) fn of(perl: Perl, session: Hash) -> Result<Classes> {
        let args = session.get(perl, "args").and_then(Scalar::hash);
        let copy = args.map(|args| untied(perl, args)).transpose()?.flatten();
        let args = copy.as_ref().and_then(|copy| copy.scalar().hash()).or(args);
        match args.and_then(|args| args.get(perl, "classes")) {
            Some(value) => Classes::from_argument(perl, value),
            None => Ok(Classes::Any),
        }
    }

    fn list(&self) -> Option<Array> {
        match self {
            Classes::Any => None,
            Classes::Listed(reference) => reference.scalar().array(),
        }
    }

    /// Says whether `name` may be used.
    pub(crate) fn allow(&self, perl: Perl, name: &[u8]) -> Result<()> {
        let Some(list) = self.list() else {
            return Ok(());
        };
        let subject = perl.bytes(name);
        for entry in list.iter().flatten() {
            let allowed = if is_regexp(perl, entry) {
                matches(perl, entry, subject.scalar())?
            } else {
                *entry.to_bytes(perl)? == *name
            };
            if allowed {
                return Ok(());
            }
        }
        Err(Error::text(format!("class {} is not allowed by classes", String::from_utf8_lossy(name))))
    }
}

fn is_regexp(perl: Perl, value: Scalar) -> bool {
    // SAFETY: looks at a live scalar.
    unsafe { shim::mc_is_regexp(perl.raw(), value.raw()) != 0 }
}

fn matches(perl: Perl, regexp: Scalar, subject: Scalar) -> Result<bool> {
    let mut found: c_int = 0;
    let mut error = ptr::null_mut();
    // SAFETY: both are alive, the subject is a plain string; the shim guards the match.
    let status = unsafe { shim::mc_matches(perl.raw(), regexp.raw(), subject.raw(), &mut found, &mut error) };
    perl.status(status, error)?;
    Ok(found != 0)
}
