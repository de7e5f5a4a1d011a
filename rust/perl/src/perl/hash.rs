//! [`Hash`]: a Perl hash, borrowed.

use std::ffi::c_void;
use std::ptr;

use libperl_sys::{self as sys, HE, HV, SV, thx};

use crate::error::Result;
use crate::perl::entry::Entries;
use crate::perl::scalar::{Key, READ_ONLY, Scalar};
use crate::perl::shim;
use crate::perl::{Owned, Perl};

/// A Perl hash that somebody else keeps alive for as long as we look at it.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hash(*mut HV);

impl Hash {
    /// # Safety
    /// `raw` is a live hash, and stays one while the result is used.
    pub(crate) unsafe fn from_raw(raw: *mut HV) -> Hash {
        Hash(raw)
    }

    pub(crate) fn raw(self) -> *mut HV {
        self.0
    }

    pub(crate) fn scalar(self) -> Scalar {
        // SAFETY: a hash is a scalar to perl.
        unsafe { Scalar::from_raw(self.0.cast()) }
    }

    /// Whether a plain access may run Perl code or be refused: tied, or restricted by `Hash::Util`.
    pub(crate) fn is_guarded(self) -> bool {
        let flags = self.scalar().flags();
        flags & READ_ONLY != 0 || self.is_active()
    }

    fn is_active(self) -> bool {
        // SAFETY: looks through the magic of a live hash.
        self.scalar().flags() & sys::SVs_RMG != 0 && unsafe { shim::mc_is_active(self.0.cast()) != 0 }
    }

    pub(crate) fn is_tied(self) -> bool {
        // SAFETY: looks through the magic of a live hash.
        unsafe { shim::mc_is_tied(self.0.cast(), i32::from(b'P')) != 0 }
    }

    /// `hv_common` by a key scalar.
    fn access(self, perl: Perl, key: &Key, action: u32, value: *mut SV) -> Result<*mut c_void> {
        let key = key.scalar.raw();
        if !self.is_guarded() {
            // SAFETY: neither the hash nor the key has magic.
            return Ok(unsafe {
                thx::Perl_hv_common(perl.raw(), self.0, key, ptr::null(), 0, 0, action as i32, value, 0)
            });
        }
        let (mut out, mut error) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: the shim guards the access.
        let status = unsafe { shim::mc_hash(perl.raw(), self.0, key, action as i32, value, &mut out, &mut error) };
        perl.status(status, error)?;
        Ok(out)
    }

    /// The value of `key`.
    pub(crate) fn fetch(self, perl: Perl, key: &Key) -> Result<Option<Scalar>> {
        let entry = self.access(perl, key, 0, ptr::null_mut())?.cast::<HE>();
        // SAFETY: an entry's value is alive while the hash holds it.
        Ok((!entry.is_null()).then(|| unsafe { Scalar::from_raw((*entry).he_valu.hent_val) }))
    }

    pub(crate) fn exists(self, perl: Perl, key: &Key) -> Result<bool> {
        Ok(!self.access(perl, key, sys::HV_FETCH_ISEXISTS, ptr::null_mut())?.is_null())
    }

    pub(crate) fn store(self, perl: Perl, key: &Key, value: Owned) -> Result<()> {
        let raw = value.into_raw();
        match self.access(perl, key, sys::HV_FETCH_ISSTORE, raw) {
            // A null entry from a tied hash means that it made a copy.
            Ok(entry) if entry.is_null() && self.is_guarded() => {
                // SAFETY: not taken over, so the count is still ours.
                unsafe { Owned::from_raw(perl, raw) }.free()
            }
            Ok(_) => Ok(()),
            Err(error) => {
                // SAFETY: as above.
                unsafe { Owned::from_raw(perl, raw) }.free()?;
                Err(error)
            }
        }
    }

    /// Takes `key` out; its value is returned.
    pub(crate) fn delete(self, perl: Perl, key: &Key) -> Result<Option<Scalar>> {
        let value = self.access(perl, key, sys::HV_DELETE, ptr::null_mut())?.cast::<SV>();
        // SAFETY: perl has made it mortal.
        Ok((!value.is_null()).then(|| unsafe { Scalar::from_raw(value) }))
    }

    /// The value of a literal key in a hash of our own.
    pub(crate) fn get(self, perl: Perl, key: &str) -> Option<Scalar> {
        // SAFETY: looks up only; HV_FETCH_JUST_SV returns the slot.
        let slot = unsafe {
            thx::Perl_hv_common(
                perl.raw(),
                self.0,
                ptr::null_mut(),
                key.as_ptr().cast(),
                key.len(),
                0,
                (sys::HV_FETCH_JUST_SV | sys::HV_DISABLE_UVAR_XKEY) as i32,
                ptr::null_mut(),
                0,
            )
        }
        .cast::<*mut SV>();
        if slot.is_null() || self.is_active() {
            return None;
        }
        // SAFETY: the slot of a plain hash holds a live scalar.
        unsafe { Some(Scalar::from_raw(*slot)) }
    }

    /// Stores under a literal key (ASCII) in a hash of our own.
    pub(crate) fn set(self, perl: Perl, key: &str, value: Owned) -> Result<()> {
        if self.is_guarded() {
            let key = perl.bytes(key.as_bytes());
            return self.store(perl, &key.scalar().key(perl)?, value);
        }
        // SAFETY: a plain hash. The entry of a new key comes without a value, and takes ours over.
        let former = unsafe {
            let entry = thx::Perl_hv_common(
                perl.raw(),
                self.0,
                ptr::null_mut(),
                key.as_ptr().cast(),
                key.len(),
                0,
                (sys::HV_FETCH_LVALUE | sys::HV_FETCH_EMPTY_HE | sys::HV_DISABLE_UVAR_XKEY) as i32,
                ptr::null_mut(),
                0,
            )
            .cast::<HE>();
            std::mem::replace(&mut (*entry).he_valu.hent_val, value.into_raw())
        };
        if former.is_null() {
            return Ok(());
        }
        // SAFETY: the count that the hash had.
        let former = unsafe { Owned::from_raw(perl, former) };
        if former.scalar().is_reference() { former.free() } else { Ok(()) }
    }

    /// Whether its keys have flags in an image.
    pub(crate) fn has_flagged_keys(self) -> bool {
        self.scalar().flags() & sys::SVphv_HASKFLAGS != 0
    }

    /// How many keys it has.
    pub(crate) fn len(self) -> usize {
        // SAFETY: alive by the type's promise.
        unsafe { (*(*self.0.cast::<SV>()).sv_any.cast::<sys::XPVHV>()).xhv_keys }
    }

    /// Starts `each` anew.
    pub(crate) fn iter_reset(self, perl: Perl) {
        // SAFETY: a plain hash.
        unsafe { thx::Perl_hv_iterinit(perl.raw(), self.0) };
    }

    /// The next key of `each`, as a new scalar.
    pub(crate) fn iter_next(self, perl: Perl) -> Option<Owned> {
        // SAFETY: a plain hash; the key is copied before anything else happens.
        unsafe {
            let entry = thx::Perl_hv_iternext_flags(perl.raw(), self.0, 0);
            if entry.is_null() {
                return None;
            }
            let key = thx::Perl_hv_iterkeysv(perl.raw(), entry);
            Some(Scalar::from_raw(key).own(perl))
        }
    }

    /// The entries in the order of `each`, without moving its iterator.
    ///
    /// # Safety
    /// The hash is not tied, and is not changed while the walk or an entry of it is used.
    pub(crate) unsafe fn entries<'a>(self) -> Entries<'a> {
        // SAFETY: passed on.
        unsafe { Entries::of(self.0) }
    }

    /// How many keys it shows: all but the placeholders of a restricted one. It is not tied.
    pub(crate) fn visible(self, perl: Perl) -> usize {
        // SAFETY: a live hash.
        self.len() - unsafe { thx::HvPLACEHOLDERS_get(perl.raw(), self.0.cast()) } as usize
    }
}
