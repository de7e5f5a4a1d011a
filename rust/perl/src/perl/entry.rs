//! [`Entry`]: a key and its value in a Perl hash, and [`Entries`], the order that `each` would give.

use std::cmp::Ordering;
use std::marker::PhantomData;
use std::ptr;

use libperl_sys::{self as sys, HE, HV, SV};
use storable::KeyFlags;

/// An entry of a hash that is not tied, and that stays as it is while we look.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a>(*mut HE, PhantomData<&'a HV>);

impl<'a> Entry<'a> {
    /// The bytes of the key; they are UTF-8 if [`is_utf8`](Self::is_utf8).
    #[inline]
    pub(crate) fn key(self) -> &'a [u8] {
        // SAFETY: an entry has a key, whose bytes follow its length.
        unsafe {
            let key = (*self.0).hent_hek;
            let start = (&raw const (*key).hek_key).cast::<u8>();
            std::slice::from_raw_parts(start, (*key).hek_len as usize)
        }
    }

    #[inline]
    fn flags(self) -> u32 {
        // SAFETY: behind the bytes of a key are a NUL and a byte of flags.
        unsafe {
            let key = (*self.0).hent_hek;
            let start = (&raw const (*key).hek_key).cast::<u8>();
            u32::from(*start.add((*key).hek_len as usize + 1))
        }
    }

    #[inline]
    pub(crate) fn is_utf8(self) -> bool {
        self.flags() & sys::HVhek_UTF8 != 0
    }

    /// Whether the key was given as characters, though bytes hold it.
    #[inline]
    pub(crate) fn was_utf8(self) -> bool {
        self.flags() & sys::HVhek_WASUTF8 != 0
    }

    /// What an image says of the key.
    pub(crate) fn flags_as_written(self) -> KeyFlags {
        let mut flags = KeyFlags::NONE;
        if self.is_utf8() {
            flags = flags | KeyFlags::UTF8;
        }
        if self.was_utf8() {
            flags = flags | KeyFlags::WAS_UTF8;
        }
        flags
    }

    #[inline]
    pub(crate) fn value(self) -> *mut SV {
        // SAFETY: an entry has a value.
        unsafe { (*self.0).he_valu.hent_val }
    }

    /// The key as text.
    pub(crate) fn text(self) -> String {
        if self.is_utf8() { String::from_utf8_lossy(self.key()).into_owned() } else { latin1(self.key()) }
    }

    /// By character, as `sort` compares keys.
    pub(crate) fn compare(self, other: Entry<'_>) -> Ordering {
        let (a, b) = (self.key(), other.key());
        match (self.is_utf8(), other.is_utf8()) {
            (true, false) => a.cmp(latin1(b).as_bytes()),
            (false, true) => latin1(a).as_bytes().cmp(b),
            _ => a.cmp(b),
        }
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

/// A walk over the entries of a hash that does not move its iterator.
///
/// perl visits bucket `(i ^ xhv_rand) & max` for i = 0 … max, `xhv_rand` being 0 before the first iteration.
#[derive(Clone, Copy)]
pub(crate) struct Entries<'a> {
    buckets: *mut *mut HE,
    max: usize,
    twist: usize,
    next: usize,
    entry: *mut HE,
    hash: PhantomData<&'a HV>,
}

impl Entries<'_> {
    /// # Safety
    /// The hash is live and not tied, and does not change while the walk or an entry of it is used.
    pub(crate) unsafe fn of(hash: *mut HV) -> Self {
        // SAFETY: the buckets and the auxiliary part are valid for an unchanged hash.
        unsafe {
            let sv = hash.cast::<SV>();
            let has_aux = (*sv).sv_flags & sys::SVf_OOK != 0;
            Entries {
                buckets: (*sv).sv_u.svu_hash,
                max: (*(*sv).sv_any.cast::<sys::XPVHV>()).xhv_max,
                twist: if has_aux { (*sys::HvAUX(sv)).xhv_rand as usize } else { 0 },
                next: 0,
                entry: ptr::null_mut(),
                hash: PhantomData,
            }
        }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        // SAFETY: `of` promises a hash that stays as it is; every bucket index is masked.
        unsafe {
            if !self.entry.is_null() {
                self.entry = (*self.entry).hent_next;
            }
            while self.entry.is_null() {
                if self.buckets.is_null() || self.next > self.max {
                    return None;
                }
                self.entry = *self.buckets.add((self.next ^ self.twist) & self.max);
                self.next += 1;
            }
        }
        Some(Entry(self.entry, PhantomData))
    }
}
