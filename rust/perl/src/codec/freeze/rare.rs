//! Tied variables and their elements, subs, regular expressions, and what can't be stored at all.

use std::ffi::c_int;
use std::ptr;

use libperl_sys::{self as sys, SV, svtype, thx};
use storable::{Output, Place, Shape};

use super::{Frame, Walk};
use crate::codec::variables::Variable;
use crate::error::{Error, Result};
use crate::perl::array::Array;
use crate::perl::scalar::Scalar;
use crate::perl::shim;

/// What something is tied to.
pub(super) enum Tied {
    /// A variable, and the object behind it; none if a scalar is tied to itself.
    Variable(Shape, Option<*mut SV>),
    /// An element of a tied variable, and the object behind that.
    Element(*mut SV, Place<*mut SV>),
}

impl Tied {
    /// # Safety
    /// `sv` is alive, and `kind` is its type.
    pub(super) unsafe fn find(sv: *mut SV, kind: u32) -> Option<Tied> {
        // SAFETY: as promised to this function.
        unsafe {
            if kind == svtype::SVt_PVHV as u32 {
                return magic(sv, b'P').map(|(object, ..)| Tied::Variable(Shape::Hash, object));
            }
            if kind == svtype::SVt_PVAV as u32 {
                return magic(sv, b'P').map(|(object, ..)| Tied::Variable(Shape::Array, object));
            }
            // While a method of a tie runs, perl has switched its magic off, and the value is a plain one.
            let works = (*sv).sv_flags & ALL_MAGIC == ALL_MAGIC;
            if !works || kind != svtype::SVt_PVMG as u32 && kind != svtype::SVt_PVLV as u32 {
                return None;
            }
            if let Some((Some(object), key, index)) = magic(sv, b'p') {
                return Some(Tied::Element(object, key.map_or(Place::Index(index), Place::Key)));
            }
            magic(sv, b'q').map(|(object, ..)| Tied::Variable(Shape::Scalar, object))
        }
    }
}

/// What perl sets on a scalar that is tied, or an element of something tied.
const ALL_MAGIC: u32 = sys::SVs_GMG | sys::SVs_SMG | sys::SVs_RMG;

/// The object, the key and the index in a value's magic.
///
/// # Safety
/// `sv` is alive.
unsafe fn magic(sv: *mut SV, how: u8) -> Option<(Option<*mut SV>, Option<*mut SV>, i32)> {
    let (mut object, mut key, mut index) = (ptr::null_mut(), ptr::null_mut(), 0);
    // SAFETY: looks through the magic of a live value.
    let found = unsafe { shim::mc_tied_to(sv, c_int::from(how), &mut object, &mut key, &mut index) };
    let some = |sv: *mut SV| (!sv.is_null()).then_some(sv);
    (found != 0).then(|| (some(object), some(key), index))
}

impl<O: Output> Walk<O> {
    /// The object behind something tied; an undef where that is the thing itself.
    pub(super) fn behind(&mut self, object: Option<*mut SV>) -> *mut SV {
        object.unwrap_or_else(|| {
            // SAFETY: allocates; the count is held until the walk ends.
            let undef = unsafe { thx::Perl_newSV(self.perl.raw(), 0) };
            self.held.push(undef);
            undef
        })
    }

    /// Begins something tied, if that is what a value is; the object behind it comes next.
    #[cold]
    #[inline(never)]
    pub(super) fn open_tied(&mut self, sv: *mut SV, kind: u32, depth: usize) -> Result<Option<*mut SV>> {
        // SAFETY: alive, held by the graph under the root.
        let Some(tied) = (unsafe { Tied::find(sv, kind) }) else {
            return Ok(None);
        };
        self.check_depth(depth, self.how.max_depth)?;
        Ok(Some(match tied {
            Tied::Variable(shape, object) => {
                self.writer.tied(shape);
                self.behind(object)
            }
            Tied::Element(object, Place::Key(key)) => {
                self.writer.tied_key();
                self.frames.push(Frame::Key(key, depth));
                object
            }
            Tied::Element(object, Place::Index(index)) => {
                self.writer.tied_index();
                self.frames.push(Frame::Index(index));
                object
            }
        }))
    }

    /// Goes on with a container that is not a common one; `None` when it is done.
    #[cold]
    #[inline(never)]
    pub(super) fn step_rare(&mut self) -> Result<Option<(*mut SV, usize)>> {
        match self.frames.last() {
            Some(Frame::Hook) => self.step_hook(),
            Some(&Frame::Key(key, depth)) => {
                self.frames.pop();
                Ok(Some((key, depth)))
            }
            Some(&Frame::Index(index)) => {
                self.writer.index(index);
                self.frames.pop();
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// Perl's one undef. A hook may refer to it, and means the first.
    pub(super) fn write_undef(&mut self) -> Result<()> {
        if self.careful {
            let number = self.writer.number();
            self.seen.entry(self.undef.addr()).or_insert(number);
        }
        self.writer.sv_undef();
        Ok(())
    }

    pub(super) fn may_store_code(&self) -> Result<bool> {
        if self.how.code { Variable::Deparse.get(self.perl).is_true(self.perl) } else { Ok(false) }
    }

    /// A sub, as the source that B::Deparse makes of it.
    #[cold]
    pub(super) fn code(&mut self, sub: *mut SV) -> Result<()> {
        let perl = self.perl;
        self.secure();
        self.hold(sub);
        perl.require(b"B::Deparse")?;
        let missing = || Error::text("B::Deparse has no coderef2text");
        let new = perl.sub(c"B::Deparse::new").ok_or_else(missing)?;
        let coderef2text = perl.sub(c"B::Deparse::coderef2text").ok_or_else(missing)?;
        let deparse = perl.call(new, &[perl.bytes(b"B::Deparse").scalar()])?;
        // SAFETY: just held.
        let sub = perl.reference(unsafe { Scalar::from_raw(sub) });
        let source = perl.call(coderef2text, &[deparse.scalar(), sub.scalar()]);
        deparse.free()?;
        let (source, utf8) = source?.scalar().string(perl)?;
        if source.is_empty() || source.ends_with(b";") {
            return Err(Error::text(
                "The result of B::Deparse::coderef2text was empty - maybe you're trying to serialize an XS function?\n",
            ));
        }
        self.writer.code();
        if utf8 {
            self.writer.text(&source)
        } else {
            self.writer.bytes(&source)
        }
        Ok(())
    }

    #[cold]
    pub(super) fn regexp(&mut self, regexp: *mut SV) -> Result<()> {
        let perl = self.perl;
        let pattern = perl.sub(c"re::regexp_pattern").ok_or_else(|| Error::text("perl has no re::regexp_pattern"))?;
        // SAFETY: alive, held by the graph under the root.
        let reference = perl.reference(unsafe { Scalar::from_raw(regexp) });
        let parts = perl.call_list(pattern, &[reference.scalar()])?;
        // SAFETY: `call_list` returns an array.
        let parts = unsafe { Array::from_raw(parts.scalar().raw().cast()) };
        let (Some(pattern), Some(modifiers)) = (parts.get(0), parts.get(1)) else {
            return Err(Error::text(format!("re::regexp_pattern returned only {} results", parts.len())));
        };
        let (pattern, _) = pattern.string(perl)?;
        let (modifiers, _) = modifiers.string(perl)?;
        Ok(self.writer.regexp(&pattern, &modifiers)?)
    }

    /// What can't be stored: an error, or with `$Storable::forgive_me` a string that says so.
    #[cold]
    pub(super) fn lost(&mut self, value: *mut SV) -> Result<()> {
        let perl = self.perl;
        // SAFETY: alive, held by the graph under the root.
        let kind = perl.type_name(unsafe { Scalar::from_raw(value) });
        if !Variable::ForgiveMe.get(perl).is_true(perl)? {
            return Err(Error::text(format!("Can't store {kind} items")));
        }
        self.secure();
        self.hold(value);
        let item = format!("{kind}(0x{:x})", value.addr());
        perl.warn(&format!("Can't store item {item}"))?;
        self.writer.bytes(format!("You lost {item}").as_bytes());
        Ok(())
    }
}
