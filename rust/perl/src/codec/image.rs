//! [`Image`]: a Perl string that an image is written into, without a copy on the way to Perl.
//!
//! Nothing but this file knows the string until it is finished, so its buffer moves only when `grow` moves it.

use std::ptr;

use libperl_sys::{self as sys, SV, thx};
use storable::Output;

use crate::perl::{Owned, Perl};

/// A string of bytes under way.
pub(crate) struct Image {
    perl: Perl,
    sv: Owned,
    start: *mut u8,
    len: usize,
    /// What fits beside the NUL, and the byte in which perl counts the sharers of a buffer.
    capacity: usize,
}

impl Image {
    /// An empty one, with room for that many bytes.
    pub(crate) fn with_capacity(perl: Perl, capacity: usize) -> Image {
        // SAFETY: allocates; a new scalar that nobody else has.
        let sv = unsafe { Owned::from_raw(perl, thx::Perl_newSV(perl.raw(), capacity + END)) };
        let mut image = Image { perl, sv, start: ptr::null_mut(), len: 0, capacity: 0 };
        image.grow(capacity);
        image
    }

    /// Makes room for that many bytes in all.
    #[cold]
    #[inline(never)]
    fn grow(&mut self, capacity: usize) {
        let raw = self.sv.scalar().raw();
        // SAFETY: a string of ours; perl keeps the bytes that it is told of.
        unsafe {
            (*(*raw).sv_any.cast::<sys::XPV>()).xpv_cur = self.len;
            self.start = thx::Perl_sv_grow(self.perl.raw(), raw, capacity + END).cast();
            self.capacity = (*(*raw).sv_any.cast::<sys::XPV>()).xpv_len_u.xpvlenu_len - END;
        }
    }

    /// Makes room for more bytes.
    #[inline]
    fn reserve(&mut self, more: usize) {
        if more > self.capacity - self.len {
            self.grow(self.len + more.max(self.len));
        }
    }

    /// Appends bytes for which there is room.
    ///
    /// # Safety
    /// They were reserved.
    #[inline]
    unsafe fn put(&mut self, bytes: &[u8]) {
        // SAFETY: behind `len` is room for them, as the caller promises, which no slice shares.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.start.add(self.len), bytes.len()) };
        self.len += bytes.len();
    }

    /// The finished string. Room that is more than its bytes is given back.
    pub(crate) fn finish(self) -> Owned {
        let raw: *mut SV = self.sv.scalar().raw();
        // SAFETY: a string of ours, whose first `len` bytes are written, with room for a NUL.
        unsafe {
            *self.start.add(self.len) = 0;
            (*(*raw).sv_any.cast::<sys::XPV>()).xpv_cur = self.len;
            (*raw).sv_flags |= sys::SVf_POK | sys::SVp_POK;
        }
        if self.capacity / 2 > self.len + END {
            // SAFETY: copies a string.
            return unsafe {
                Owned::from_raw(self.perl, thx::Perl_newSVpvn(self.perl.raw(), self.start.cast(), self.len))
            };
        }
        self.sv
    }
}

/// The NUL and the count of sharers.
const END: usize = 2;

impl Output for Image {
    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        // SAFETY: just reserved.
        unsafe { self.put(bytes) };
    }

    fn len(&self) -> usize {
        self.len
    }

    fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    #[inline]
    fn append_with(&mut self, head: &[u8], body: &[u8]) {
        self.reserve(head.len() + body.len());
        // SAFETY: just reserved.
        unsafe {
            self.put(head);
            self.put(body);
        }
    }
}
