//! [`Scalar`]: any Perl value, borrowed.

use std::borrow::Cow;
use std::ptr::{self, NonNull};

use libperl_sys::{self as sys, SV, svtype, thx};
use storable::KeyFlags;

use crate::error::{Error, Result};
use crate::perl::array::Array;
use crate::perl::entry::Entry;
use crate::perl::hash::Hash;
use crate::perl::shim;
use crate::perl::{Owned, Perl, retain};

/// As an assignment copies: a temporary stays whole, and long strings share their buffer.
const COPY: i32 = (sys::SV_NOSTEAL | sys::SV_COW_SHARED_HASH_KEYS | sys::SV_COW_OTHER_PVS) as i32;

/// The flags of what may not be changed, one of which perl has had since 5.22.
#[cfg(perl_protect)]
pub(crate) const READ_ONLY: u32 = sys::SVf_READONLY | sys::SVf_PROTECT;
#[cfg(not(perl_protect))]
pub(crate) const READ_ONLY: u32 = sys::SVf_READONLY;

/// A Perl value that somebody else keeps alive for as long as we look at it: the caller's arguments, what a hash
/// of ours holds, an [`Owned`] of the same method.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scalar(NonNull<SV>);

impl Scalar {
    /// # Safety
    /// `raw` is a live scalar, and stays one while the result is used.
    pub(crate) unsafe fn from_raw(raw: *mut SV) -> Scalar {
        // SAFETY: perl never hands out a null scalar where one is promised.
        Scalar(unsafe { NonNull::new_unchecked(raw) })
    }

    pub(crate) fn raw(self) -> *mut SV {
        self.0.as_ptr()
    }

    pub(crate) fn flags(self) -> u32 {
        // SAFETY: alive by the type's promise.
        unsafe { (*self.raw()).sv_flags }
    }

    pub(crate) fn kind(self) -> svtype {
        // SAFETY: as above.
        unsafe { sys::SvTYPE(self.raw()) }
    }

    /// Whether reading it may run Perl code: magic, or an overloaded object.
    fn is_active(self) -> bool {
        let flags = self.flags();
        flags & sys::SVs_GMG != 0 || flags & sys::SVf_ROK != 0
    }

    /// Whether it has a value only once perl has asked its magic for it.
    pub(crate) fn is_magical(self) -> bool {
        self.flags() & sys::SVs_GMG != 0
    }

    pub(crate) fn is_defined(self) -> bool {
        self.flags() & sys::SVf_OK != 0
    }

    /// Whether it holds an integer that has not been anything else.
    pub(crate) fn is_integer(self) -> bool {
        const KINDS: u32 = sys::SVf_IOK | sys::SVf_NOK | sys::SVf_POK | sys::SVf_ROK | sys::SVf_IVisUV | sys::SVs_GMG;
        self.flags() & KINDS == sys::SVf_IOK
    }

    pub(crate) fn is_reference(self) -> bool {
        self.flags() & sys::SVf_ROK != 0
    }

    /// Whether it is blessed itself (not whether it refers to something blessed).
    pub(crate) fn is_object(self) -> bool {
        self.flags() & sys::SVs_OBJECT != 0
    }

    /// The class of an object.
    pub(crate) fn class(self) -> Option<*mut sys::HV> {
        // SAFETY: an object has a body with a class.
        self.is_object().then(|| unsafe { (*(*self.raw()).sv_any.cast::<sys::XPVMG>()).xmg_stash })
    }

    /// Makes a value of ours, which nobody else has, an object.
    pub(crate) fn bless(self, perl: Perl, class: *mut sys::HV) {
        // SAFETY: both are alive.
        unsafe { shim::mc_bless(perl.raw(), self.raw(), class) };
    }

    /// What a reference points at.
    pub(crate) fn target(self) -> Option<Scalar> {
        // SAFETY: SVf_ROK promises a target.
        self.is_reference().then(|| unsafe { Scalar::from_raw(sys::SvRV(self.raw())) })
    }

    /// The hash behind a reference.
    pub(crate) fn hash(self) -> Option<Hash> {
        // SAFETY: the type says that it is a hash.
        self.target()
            .filter(|target| target.kind() == svtype::SVt_PVHV)
            .map(|target| unsafe { Hash::from_raw(target.raw().cast()) })
    }

    /// The array behind a reference.
    pub(crate) fn array(self) -> Option<Array> {
        // SAFETY: the type says that it is an array.
        self.target()
            .filter(|target| target.kind() == svtype::SVt_PVAV)
            .map(|target| unsafe { Array::from_raw(target.raw().cast()) })
    }

    /// The code behind a reference, to compare with.
    pub(crate) fn code(self) -> Option<*mut sys::CV> {
        self.target().filter(|target| target.kind() == svtype::SVt_PVCV).map(|target| target.raw().cast())
    }

    /// What the scalar is in string context, and whether these are characters in UTF-8.
    pub(crate) fn string(self, perl: Perl) -> Result<(Cow<'static, [u8]>, bool)> {
        if self.is_active() {
            let (mut out, mut error) = (ptr::null_mut(), ptr::null_mut());
            // SAFETY: the shim guards what magic and overloading do.
            let status = unsafe { shim::mc_string(perl.raw(), self.raw(), &mut out, &mut error) };
            perl.status(status, error)?;
            // SAFETY: with MC_OK it is a new string.
            let copy = unsafe { Owned::from_raw(perl, out) };
            return copy.scalar().plain_string(perl);
        }
        self.plain_string(perl)
    }

    fn plain_string(self, perl: Perl) -> Result<(Cow<'static, [u8]>, bool)> {
        if !self.is_defined() {
            return Ok((Cow::Borrowed(b""), false));
        }
        let mut len = 0;
        // SAFETY: neither magical nor a reference: perl's own formatting, which runs no code.
        let bytes = unsafe {
            let start = thx::Perl_sv_2pv_flags(perl.raw(), self.raw(), &mut len, 0);
            std::slice::from_raw_parts(start.cast::<u8>(), len).to_vec()
        };
        Ok((Cow::Owned(bytes), self.flags() & sys::SVf_UTF8 != 0))
    }

    /// The string as text; bytes are taken as Latin-1, as Perl does.
    pub(crate) fn to_text(self, perl: Perl) -> Result<String> {
        let (bytes, utf8) = self.string(perl)?;
        Ok(if utf8 {
            String::from_utf8_lossy(&bytes).into_owned()
        } else {
            bytes.iter().map(|&byte| char::from(byte)).collect()
        })
    }

    /// The string as bytes: characters up to 255 are their bytes, others make it UTF-8.
    pub(crate) fn to_bytes(self, perl: Perl) -> Result<Vec<u8>> {
        self.to_bytes_or_utf8(perl).map(|(bytes, _)| bytes)
    }

    /// The same, and whether it made them UTF-8.
    fn to_bytes_or_utf8(self, perl: Perl) -> Result<(Vec<u8>, bool)> {
        let (bytes, utf8) = self.string(perl)?;
        if !utf8 {
            return Ok((bytes.into_owned(), false));
        }
        let latin1 = std::str::from_utf8(&bytes)
            .ok()
            .and_then(|text| text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect::<Option<Vec<u8>>>());
        let wide = latin1.is_none();
        Ok((latin1.unwrap_or_else(|| bytes.into_owned()), wide))
    }

    /// Whether it is a string with characters that bytes can't hold.
    pub(crate) fn is_wide(self, perl: Perl) -> Result<bool> {
        if self.flags() & sys::SVf_UTF8 == 0 {
            return Ok(false);
        }
        let (bytes, utf8) = self.string(perl)?;
        // Up to U+00FF, the first of two bytes is C2 or C3.
        Ok(utf8 && bytes.iter().any(|&byte| byte >= 0xc4))
    }

    /// Whether it is a string that perl shares when it is copied.
    pub(crate) fn is_long(self) -> bool {
        const LONG: usize = 8192;
        // SAFETY: POK promises a string body.
        self.flags() & sys::SVf_POK != 0 && unsafe { (*(*self.raw()).sv_any.cast::<sys::XPV>()).xpv_cur } >= LONG
    }

    /// Uses the string as bytes, in place when that can be done, and whether they are UTF-8 for what bytes can't hold. Nothing that `work` does may change the scalar.
    pub(crate) fn with_bytes<T>(self, perl: Perl, work: impl FnOnce(&[u8], bool) -> T) -> Result<T> {
        if !self.is_active() && self.flags() & (sys::SVf_POK | sys::SVf_UTF8) == sys::SVf_POK {
            // SAFETY: POK promises a buffer of that length.
            let bytes = unsafe {
                std::slice::from_raw_parts(
                    (*self.raw()).sv_u.svu_pv.cast::<u8>(),
                    (*(*self.raw()).sv_any.cast::<sys::XPV>()).xpv_cur,
                )
            };
            return Ok(work(bytes, false));
        }
        let (bytes, utf8) = self.to_bytes_or_utf8(perl)?;
        Ok(work(&bytes, utf8))
    }

    /// Perl's idea of truth.
    #[inline]
    pub(crate) fn is_true(self, perl: Perl) -> Result<bool> {
        if self.flags() & (sys::SVf_OK | sys::SVs_GMG) == 0 {
            return Ok(false);
        }
        let (bytes, _) = self.string(perl)?;
        Ok(!matches!(&*bytes, b"" | b"0"))
    }

    /// The scalar as a number that fits, else what it is instead.
    pub(crate) fn to_number(self, perl: Perl) -> Result<std::result::Result<f64, String>> {
        let text = self.to_text(perl)?;
        Ok(text.trim().parse::<f64>().ok().filter(|number| number.is_finite()).ok_or(text))
    }

    /// The integer of a plain integer scalar, 0 for anything else: for the status word of our own objects.
    pub(crate) fn plain_integer(self, perl: Perl) -> i64 {
        if self.is_active() {
            return 0;
        }
        // SAFETY: neither magical nor a reference, so it runs no code.
        unsafe { thx::Perl_sv_2iv_flags(perl.raw(), self.raw(), 0) as i64 }
    }

    /// Changes a plain integer scalar that only one hash of ours holds; `false` when it is not one.
    pub(crate) fn change_integer(self, value: i64) -> bool {
        const PLAIN: u32 = svtype::SVt_IV as u32 | sys::SVf_IOK | sys::SVp_IOK;
        // SAFETY: with exactly these flags the value is an integer in the scalar's head.
        unsafe {
            if self.flags() != PLAIN || (*self.raw()).sv_refcnt != 1 {
                return false;
            }
            (*self.raw()).sv_u.svu_iv = value as sys::IV;
        }
        true
    }

    /// A copy as an assignment makes it.
    pub(crate) fn copy(self, perl: Perl) -> Result<Owned> {
        if self.flags() & sys::SVs_GMG != 0 {
            let (mut out, mut error) = (ptr::null_mut(), ptr::null_mut());
            // SAFETY: the shim guards what the magic does.
            let status = unsafe { shim::mc_copy(perl.raw(), self.raw(), &mut out, &mut error) };
            perl.status(status, error)?;
            // SAFETY: with MC_OK it is a new scalar.
            return Ok(unsafe { Owned::from_raw(perl, out) });
        }
        // SAFETY: copying a scalar without magic runs no code.
        unsafe { Ok(Owned::from_raw(perl, shim::mc_new_copy(perl.raw(), self.raw(), COPY))) }
    }

    /// One more owner.
    pub(crate) fn own(self, perl: Perl) -> Owned {
        // SAFETY: alive, so one count more is right.
        unsafe { Owned::from_raw(perl, retain(self.raw())) }
    }

    /// A key for a hash: as it is, or a plain copy when reading it may run code.
    pub(crate) fn key(self, perl: Perl) -> Result<Key> {
        if !self.is_active() {
            return Ok(Key { scalar: self, _copy: None });
        }
        let (mut out, mut error) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: the shim guards what magic and overloading do.
        let status = unsafe { shim::mc_string(perl.raw(), self.raw(), &mut out, &mut error) };
        perl.status(status, error)?;
        // SAFETY: with MC_OK it is a new string.
        let copy = unsafe { Owned::from_raw(perl, out) };
        Ok(Key { scalar: copy.scalar(), _copy: Some(copy) })
    }

    /// Croaks unless this is an argument that was given.
    pub(crate) fn expect_hash(self, what: &str) -> Result<Hash> {
        self.hash().ok_or_else(|| Error::text(format!("{what} is not a reference to a hash")))
    }
}

/// A scalar that can be used as a hash key without running Perl code.
pub(crate) struct Key {
    pub(crate) scalar: Scalar,
    _copy: Option<Owned>,
}

impl Key {
    /// The key in the form that hashes and images have it in.
    pub(crate) fn name(&self, perl: Perl) -> Result<Name<'_>> {
        let scalar = self.scalar;
        if scalar.flags() & (sys::SVf_POK | sys::SVf_UTF8) == sys::SVf_POK {
            // SAFETY: a key has no magic; POK promises a buffer, which stays as long as the key.
            return Ok(Name::bytes(unsafe {
                std::slice::from_raw_parts(
                    (*scalar.raw()).sv_u.svu_pv.cast::<u8>(),
                    (*(*scalar.raw()).sv_any.cast::<sys::XPV>()).xpv_cur,
                )
            }));
        }
        let utf8 = scalar.is_wide(perl)?;
        Ok(Name { bytes: Cow::Owned(scalar.to_bytes(perl)?), utf8 })
    }
}

/// The bytes of a hash key; UTF-8 only where a character is beyond U+00FF.
pub(crate) struct Name<'a> {
    bytes: Cow<'a, [u8]>,
    utf8: bool,
}

impl<'a> Name<'a> {
    /// A key of bytes.
    pub(crate) fn bytes(bytes: &'a [u8]) -> Name<'a> {
        Name { bytes: Cow::Borrowed(bytes), utf8: false }
    }

    /// A key as a hash has it.
    pub(crate) fn of(entry: Entry<'a>) -> Name<'a> {
        Name { bytes: Cow::Borrowed(entry.key()), utf8: entry.is_utf8() }
    }

    /// Whether it is the key of this entry of an image.
    #[inline]
    pub(crate) fn is(&self, entry: &storable::Entry, image: &[u8]) -> bool {
        entry.key_len() == self.bytes.len()
            && *entry.key(image) == *self.bytes
            && entry.flags().contains(KeyFlags::UTF8) == self.utf8
    }
}
