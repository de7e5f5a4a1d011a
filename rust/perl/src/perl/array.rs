//! [`Array`]: a Perl array, borrowed.

use libperl_sys::{self as sys, AV, SV};

use crate::perl::scalar::Scalar;
use crate::perl::shim;

/// A Perl array that somebody else keeps alive for as long as we look at it.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Array(*mut AV);

impl Array {
    /// # Safety
    /// `raw` is a live array, and stays one while the result is used.
    pub(crate) unsafe fn from_raw(raw: *mut AV) -> Array {
        Array(raw)
    }

    pub(crate) fn scalar(self) -> Scalar {
        // SAFETY: an array is a scalar to perl.
        unsafe { Scalar::from_raw(self.0.cast()) }
    }

    pub(crate) fn is_tied(self) -> bool {
        // SAFETY: looks through the magic of a live array.
        self.scalar().flags() & sys::SVs_RMG != 0 && unsafe { shim::mc_is_tied(self.0.cast(), i32::from(b'P')) != 0 }
    }

    /// How many elements it has.
    pub(crate) fn len(self) -> usize {
        // SAFETY: alive by the type's promise; the fill is the last index.
        unsafe { ((*(*self.0.cast::<SV>()).sv_any.cast::<sys::XPVAV>()).xav_fill + 1) as usize }
    }

    /// The element at `index`; `None` past the end and where none was ever stored.
    pub(crate) fn get(self, index: usize) -> Option<Scalar> {
        if index >= self.len() {
            return None;
        }
        // SAFETY: below the fill, so the slot is there; it may be null.
        unsafe {
            let element = *(*self.0.cast::<SV>()).sv_u.svu_array.add(index);
            (!element.is_null()).then(|| Scalar::from_raw(element))
        }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Option<Scalar>> {
        (0..self.len()).map(move |index| self.get(index))
    }
}
