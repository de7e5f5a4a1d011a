//! Storable's bytes to Perl values: [`thaw`], a [`storable::Build`] that makes SVs.
//!
//! Each SV is made where the parser meets it; there is no tree in between. What has to wait until all is there
//! waits in lists: references become weak and hashes restricted at the end, when every value has its owners.

use std::ptr;

use libperl_sys::{self as sys, HV, SV, thx};
use storable::{Build, HashFlags, Immortal, KeyFlags, Limits, RefKind};

use crate::classes::Classes;
use crate::error::{Error, Result};
use crate::perl::{Owned, Perl};
use crate::shim;
use crate::state;

/// Makes the Perl value of a frozen image: what `Storable::thaw` returns a reference to.
pub(crate) fn thaw(perl: Perl, bytes: &[u8], limits: &Limits, classes: &Classes) -> Result<Owned> {
    // SAFETY: the immortals of the interpreter that called us.
    let (undef, placeholder) = unsafe { (shim::mc_undef(perl.raw()), shim::mc_placeholder(perl.raw())) };
    let mut builder = Builder {
        perl,
        image: bytes,
        classes,
        undef,
        placeholder,
        replaced: Vec::new(),
        weak: Vec::new(),
        restricted: Vec::new(),
        failure: None,
    };
    let root = state::with_scratch(perl, |scratch| storable::read_with(bytes, limits, &mut builder, scratch));
    match root {
        // SAFETY: a finished reading hands over the root.
        Ok(root) => builder.finish(unsafe { Owned::from_raw(perl, root) }),
        Err(error) => {
            builder.release()?;
            Err(builder.failure.take().unwrap_or(*error))
        }
    }
}

/// What a step of the reading comes to. The error has a box of its own, so that the result fits in registers.
type Built<T> = std::result::Result<T, Box<Error>>;

impl From<storable::Error> for Box<Error> {
    fn from(error: storable::Error) -> Box<Error> {
        Box::new(error.into())
    }
}

struct Builder<'a> {
    perl: Perl,
    image: &'a [u8],
    classes: &'a Classes,
    undef: *mut SV,
    placeholder: *mut SV,
    /// Values that no container holds any more (their key came again, or is only a placeholder): until the reading ends,
    /// back references may name them.
    replaced: Vec<*mut SV>,
    weak: Vec<*mut SV>,
    restricted: Vec<*mut HV>,
    /// What went wrong while a failed reading was taken down: an exit in a DESTROY.
    failure: Option<Error>,
}

impl Builder<'_> {
    fn finish(mut self, root: Owned) -> Result<Owned> {
        for &hash in &self.restricted {
            // SAFETY: owned by the graph under root.
            unsafe { (*hash).sv_flags |= sys::SVf_READONLY };
        }
        for reference in std::mem::take(&mut self.weak) {
            let mut error = ptr::null_mut();
            // SAFETY: owned by the graph under root, or by `replaced`.
            let status = unsafe { shim::mc_weaken(self.perl.raw(), reference, &mut error) };
            self.perl.status(status, error)?;
        }
        self.release()?;
        Ok(root)
    }

    fn release(&mut self) -> Result<()> {
        for value in std::mem::take(&mut self.replaced) {
            // SAFETY: the count that the hash gave up.
            unsafe { Owned::from_raw(self.perl, value) }.free()?;
        }
        Ok(())
    }

    #[inline]
    fn string(&mut self, bytes: &[u8], flags: u32) -> *mut SV {
        // SAFETY: copies `bytes.len()` bytes.
        unsafe { shim::mc_new_string(self.perl.raw(), bytes.as_ptr().cast(), bytes.len(), flags) }
    }

    fn check_utf8(&self, bytes: &[u8], what: &str) -> Built<()> {
        // SAFETY: looks at `bytes.len()` bytes.
        if bytes.is_ascii() || unsafe { shim::mc_is_utf8(bytes.as_ptr().cast(), bytes.len()) != 0 } {
            return Ok(());
        }
        // Every string that the reader hands out lies in the image.
        let at = bytes.as_ptr().addr() - self.image.as_ptr().addr();
        Err(Error::text(format!("not a Storable value at byte {at}: expected {what} in UTF-8, found other bytes"))
            .into())
    }
}

impl Build for Builder<'_> {
    type Node = *mut SV;
    type Class = *mut HV;
    type Error = Box<Error>;

    #[inline]
    fn undef(&mut self) -> Built<*mut SV> {
        // SAFETY: allocates.
        Ok(unsafe { thx::Perl_newSV(self.perl.raw(), 0) })
    }

    fn immortal(&mut self, which: Immortal) -> Built<*mut SV> {
        // SAFETY: the immortals of the interpreter; their counts don't matter.
        Ok(unsafe {
            match which {
                Immortal::Undef => self.undef,
                Immortal::ElemUndef => self.placeholder,
                Immortal::Yes => shim::mc_yes(self.perl.raw()),
                Immortal::No => shim::mc_no(self.perl.raw()),
            }
        })
    }

    fn boolean(&mut self, value: bool) -> Built<*mut SV> {
        // SAFETY: copies an immortal, which keeps it a boolean where perl has them.
        Ok(unsafe {
            let immortal = if value { shim::mc_yes(self.perl.raw()) } else { shim::mc_no(self.perl.raw()) };
            thx::Perl_newSVsv_flags(self.perl.raw(), immortal, 0)
        })
    }

    #[inline]
    fn integer(&mut self, value: i64) -> Built<*mut SV> {
        // SAFETY: allocates.
        Ok(unsafe { shim::mc_new_integer(self.perl.raw(), value as sys::IV) })
    }

    #[inline]
    fn double(&mut self, value: f64) -> Built<*mut SV> {
        // SAFETY: allocates.
        Ok(unsafe { thx::Perl_newSVnv(self.perl.raw(), value) })
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) -> Built<*mut SV> {
        Ok(self.string(bytes, 0))
    }

    fn text(&mut self, utf8: &[u8]) -> Built<*mut SV> {
        self.check_utf8(utf8, "a string")?;
        Ok(self.string(utf8, sys::SVf_UTF8))
    }

    fn vstring(&mut self, node: *mut SV, source: &[u8]) -> Built<()> {
        // SAFETY: the magic gets a copy of the literal.
        unsafe {
            let how = i32::from(b'V');
            thx::Perl_sv_magic(
                self.perl.raw(),
                node,
                ptr::null_mut(),
                how,
                source.as_ptr().cast(),
                source.len() as i32,
            );
            (*node).sv_flags |= sys::SVs_RMG;
        }
        Ok(())
    }

    fn array(&mut self, len: usize) -> Built<*mut SV> {
        // SAFETY: allocates; the reader has checked len against the image.
        Ok(unsafe { shim::mc_new_array(self.perl.raw(), len) })
    }

    #[inline]
    fn push(&mut self, array: *mut SV, element: *mut SV) -> Built<()> {
        let element = if element == self.undef {
            ptr::null_mut() // an element that does not exist
        } else if element == self.placeholder {
            self.undef
        } else {
            element
        };
        // SAFETY: `array` reserved room for all the elements that its image announces.
        unsafe {
            let body = (*array).sv_any.cast::<sys::XPVAV>();
            (*body).xav_fill += 1;
            *(*array).sv_u.svu_array.offset((*body).xav_fill) = element;
        }
        Ok(())
    }

    fn hash(&mut self, len: usize, flags: HashFlags) -> Built<*mut SV> {
        // SAFETY: allocates; the reader has checked len against the image.
        let hash = unsafe { shim::mc_new_hash(self.perl.raw(), len) };
        if flags.restricted {
            self.restricted.push(hash.cast());
        }
        Ok(hash)
    }

    #[inline]
    fn insert(&mut self, hash: *mut SV, key: &[u8], flags: KeyFlags, value: *mut SV) -> Built<()> {
        let mut how = 0;
        let mut value = value;
        if flags != KeyFlags::NONE {
            if flags.contains(KeyFlags::UTF8) {
                if let Err(error) = self.check_utf8(key, "a hash key") {
                    self.replaced.push(value);
                    return Err(error);
                }
                how |= sys::HVhek_UTF8;
            }
            if flags.contains(KeyFlags::WAS_UTF8) {
                how |= sys::HVhek_WASUTF8;
            }
            if flags.contains(KeyFlags::LOCKED) {
                // SAFETY: ours until it is inserted.
                unsafe { (*value).sv_flags |= sys::SVf_READONLY };
            }
            if flags.contains(KeyFlags::PLACEHOLDER) {
                // Its value means nothing, but a hostile image may refer back to it.
                self.replaced.push(value);
                value = self.placeholder;
            }
        }
        // SAFETY: a plain hash of ours, and the value passes to it. The entry of a new key comes without a value; a
        // key that is there already keeps its former value alive for back references.
        unsafe {
            let entry = thx::Perl_hv_common(
                self.perl.raw(),
                hash.cast(),
                ptr::null_mut(),
                key.as_ptr().cast(),
                key.len(),
                how as i32,
                (sys::HV_FETCH_LVALUE | sys::HV_FETCH_EMPTY_HE) as i32,
                ptr::null_mut(),
                0,
            )
            .cast::<sys::HE>();
            let former = std::mem::replace(&mut (*entry).he_valu.hent_val, value);
            if !former.is_null() {
                self.replaced.push(former);
            }
        }
        Ok(())
    }

    fn reference(&mut self) -> Built<*mut SV> {
        // SAFETY: allocates.
        Ok(unsafe { shim::mc_new_reference(self.perl.raw()) })
    }

    #[inline]
    fn point(&mut self, reference: *mut SV, target: *mut SV, kind: RefKind) -> Built<()> {
        // SAFETY: `reference` is an SVt_IV or was blessed into a body that can hold one; it is empty.
        unsafe {
            (*reference).sv_u.svu_rv = target;
            (*reference).sv_flags |= sys::SVf_ROK;
        }
        if kind.weak {
            self.weak.push(reference);
        }
        Ok(())
    }

    fn class(&mut self, name: &[u8]) -> Built<*mut HV> {
        self.classes.allow(self.perl, name)?;
        self.check_utf8(name, "a class name")?;
        let stash = self.perl.stash(name);
        // SAFETY: a live stash.
        if unsafe { shim::mc_is_class(self.perl.raw(), stash) != 0 } {
            let name = String::from_utf8_lossy(name);
            return Err(
                Error::text(format!("class {name} makes its objects itself; stored ones can't be revived")).into()
            );
        }
        Ok(stash)
    }

    fn bless(&mut self, node: *mut SV, class: *mut HV) -> Built<()> {
        // SAFETY: a new value that no one else has, and a class that takes it.
        unsafe { shim::mc_bless(self.perl.raw(), node, class) };
        Ok(())
    }

    fn share(&mut self, node: *mut SV) -> Built<*mut SV> {
        // SAFETY: alive: `replaced` holds what no container holds any more.
        Ok(unsafe { sys::Perl_SvREFCNT_inc(node) })
    }

    fn sever(&mut self, node: *mut SV) {
        let mut error = ptr::null_mut();
        // SAFETY: alive, as the reader promises.
        let status = unsafe { shim::mc_sever(self.perl.raw(), node, &mut error) };
        if let Err(error) = self.perl.status(status, error) {
            self.failure.get_or_insert(error);
        }
    }

    fn discard(&mut self, node: *mut SV) {
        if node == self.placeholder {
            return;
        }
        // SAFETY: the reader gives up the count that it had.
        if let Err(error) = unsafe { Owned::from_raw(self.perl, node) }.free() {
            self.failure.get_or_insert(error);
        }
    }
}
