//! Storable's bytes to Perl values: [`thaw`], a [`storable::Build`] that makes SVs.
//!
//! Each SV is made where the parser meets it; there is no tree in between. What has to wait until all is there
//! waits in lists: references become weak and hashes restricted at the end, when every value has its owners.
//!
//! `hook` and `rare` revive what sessions seldom hold. For that they run code of the application in the middle of a
//! reading, and that code may get hold of values that are not finished, change them and drop them. From then on
//! (`foreign`) every value so far has an owner here, and containers are filled as perl's own functions fill them.

mod hook;
mod rare;

use std::ptr;

use libperl_sys::{self as sys, AV, HV, SV, thx};
use storable::{Build, Entry, Frozen, HashFlags, Header, Immortal, KeyFlags, Limits, Place, RefKind, Shape};

use crate::codec::classes::Classes;
use crate::error::{Error, Result};
use crate::perl::hash::Hash;
use crate::perl::scalar::{READ_ONLY, Scalar};
use crate::perl::shim;
use crate::perl::{Owned, Perl, retain};
use crate::state::{self, Doing};

/// What a thawing may do.
#[derive(Clone, Copy)]
pub(crate) struct Thaw<'a> {
    pub(crate) limits: Limits,
    /// What objects may be of.
    pub(crate) classes: &'a Classes,
    /// Make objects; else what was one is plain data.
    pub(crate) bless: bool,
    /// Tie variables; else the image is refused.
    pub(crate) tie: bool,
    pub(crate) code: Code,
    /// What hooks are told: this is a copy of something in this process.
    pub(crate) cloning: bool,
}

/// What becomes of code references.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// They are never evaluated, whatever the program says.
    Refused,
    /// As `$Storable::Eval` and `$Storable::forgive_me` say.
    AsTold,
}

impl<'a> Thaw<'a> {
    /// For a session.
    pub(crate) fn session(limits: Limits, classes: &'a Classes) -> Self {
        Thaw { limits, classes, bless: true, tie: true, code: Code::Refused, cloning: false }
    }
}

/// Makes the Perl value of a frozen image: what `Storable::thaw` returns a reference to.
pub(crate) fn thaw(perl: Perl, bytes: &[u8], how: &Thaw<'_>) -> Result<Owned> {
    let _nested = state::nested(perl, Doing::Retrieving, Header::is_network_order(bytes))?;
    let mut builder = Builder::new(perl, bytes, how);
    let root = state::with_scratch(perl, |scratch| storable::read_with(bytes, &how.limits, &mut builder, scratch));
    match root {
        // SAFETY: a finished reading hands over the root.
        Ok(root) => builder.finish(unsafe { Owned::from_raw(perl, root) }),
        Err(error) => {
            builder.release()?;
            Err(builder.failure.take().unwrap_or(*error))
        }
    }
}

/// Makes the values of some entries of an image that [`storable::skim`] has passed over, and puts them into a plain hash.
/// Runs no Perl code.
pub(crate) fn thaw_entries(
    perl: Perl,
    image: &[u8],
    entries: impl IntoIterator<Item = Entry>,
    hash: Hash,
    limits: &Limits,
) -> Result<()> {
    let classes = Classes::Any;
    let how = Thaw::session(*limits, &classes);
    let mut builder = Builder::new(perl, image, &how);
    let done = state::with_scratch(perl, |scratch| {
        entries.into_iter().try_for_each(|entry| {
            let value = storable::read_value(image, &entry, limits, &mut builder, scratch)?;
            builder.insert(hash.raw().cast(), entry.key(image), entry.flags(), value)
        })
    });
    let released = builder.release();
    done.map_err(|error| *error).and(released)
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
    how: &'a Thaw<'a>,
    undef: *mut SV,
    placeholder: *mut SV,
    /// Values that must live until the reading ends, for back references may name them: what no container holds any more
    /// (their key came again, or is only a placeholder), and all that the application's code got hold of.
    held: Vec<*mut SV>,
    weak: Vec<*mut SV>,
    restricted: Vec<*mut HV>,
    /// The classes that overloaded operators when their objects were frozen, each with its first object.
    overloaded: Vec<(*mut HV, *mut SV)>,
    /// Code of the application ran: every value is held from here on, as are all before.
    foreign: bool,
    /// Objects of the application, which it attached to what was read.
    attached: Vec<*mut SV>,
    /// What went wrong while a failed reading was taken down: an exit in a DESTROY.
    failure: Option<Error>,
}

impl<'a> Builder<'a> {
    fn new(perl: Perl, image: &'a [u8], how: &'a Thaw<'a>) -> Builder<'a> {
        // SAFETY: the immortals of the interpreter that called us.
        let (undef, placeholder) = unsafe { (shim::mc_undef(perl.raw()), shim::mc_placeholder(perl.raw())) };
        Builder {
            perl,
            image,
            how,
            undef,
            placeholder,
            held: Vec::new(),
            weak: Vec::new(),
            restricted: Vec::new(),
            overloaded: Vec::new(),
            foreign: false,
            attached: Vec::new(),
            failure: None,
        }
    }
}

impl Builder<'_> {
    fn finish(mut self, root: Owned) -> Result<Owned> {
        let done = self.complete();
        let released = self.release();
        match done.and(released) {
            Ok(()) => Ok(root),
            Err(error) => {
                root.free()?;
                Err(error)
            }
        }
    }

    fn complete(&mut self) -> Result<()> {
        for &hash in &self.restricted {
            // SAFETY: owned by the graph under the root, or held.
            unsafe { (*hash).sv_flags |= sys::SVf_READONLY };
        }
        let weak = std::mem::take(&mut self.weak);
        for &reference in &weak {
            // A target may end here, and its DESTROY may drop the next one.
            self.hold(reference);
        }
        for reference in weak {
            let mut error = ptr::null_mut();
            // SAFETY: just held.
            let status = unsafe { shim::mc_weaken(self.perl.raw(), reference, &mut error) };
            self.perl.status(status, error)?;
        }
        for (class, object) in std::mem::take(&mut self.overloaded) {
            self.restore_overloading(class, object)?;
        }
        Ok(())
    }

    /// A new value on its way to the reader.
    #[inline(always)]
    fn made(&mut self, value: *mut SV) -> Built<*mut SV> {
        if self.foreign {
            self.hold(value);
        }
        Ok(value)
    }

    /// Makes sure that a value outlives the reading.
    fn hold(&mut self, value: *mut SV) {
        // SAFETY: alive, so one count more is right.
        self.held.push(unsafe { retain(value) });
    }

    fn release(&mut self) -> Result<()> {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() {
            return Ok(());
        }
        // One array, so that it takes one guarded call to give all of them up.
        // SAFETY: a new array, which takes over the counts that the list had.
        unsafe {
            let array = shim::mc_new_array(self.perl.raw(), held.len());
            for value in held {
                thx::Perl_av_push(self.perl.raw(), array.cast::<AV>(), value);
            }
            Owned::from_raw(self.perl, array).free()
        }
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
        self.made(unsafe { thx::Perl_newSV(self.perl.raw(), 0) })
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
        self.made(unsafe {
            let immortal = if value { shim::mc_yes(self.perl.raw()) } else { shim::mc_no(self.perl.raw()) };
            shim::mc_new_copy(self.perl.raw(), immortal, 0)
        })
    }

    #[inline]
    fn integer(&mut self, value: i64) -> Built<*mut SV> {
        // SAFETY: allocates.
        self.made(unsafe { shim::mc_new_integer(self.perl.raw(), value as sys::IV) })
    }

    #[inline]
    fn double(&mut self, value: f64) -> Built<*mut SV> {
        // SAFETY: allocates.
        self.made(unsafe { thx::Perl_newSVnv(self.perl.raw(), value) })
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) -> Built<*mut SV> {
        let string = self.string(bytes, 0);
        self.made(string)
    }

    fn text(&mut self, utf8: &[u8]) -> Built<*mut SV> {
        self.check_utf8(utf8, "a string")?;
        let string = self.string(utf8, if utf8.is_empty() { 0 } else { sys::SVf_UTF8 });
        self.made(string)
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
        self.made(unsafe { shim::mc_new_array(self.perl.raw(), len) })
    }

    #[inline(always)]
    fn push(&mut self, array: *mut SV, element: *mut SV) -> Built<()> {
        let element = if element == self.undef {
            ptr::null_mut() // an element that does not exist
        } else if element == self.placeholder {
            self.undef
        } else {
            element
        };
        if self.foreign {
            return self.push_carefully(array, element);
        }
        // SAFETY: `array` reserved room for all the elements that its image announces.
        unsafe {
            let body = (*array).sv_any.cast::<sys::XPVAV>();
            (*body).xav_fill += 1;
            *(*array).sv_u.svu_array.offset((*body).xav_fill) = element;
        }
        Ok(())
    }

    fn hash(&mut self, len: usize, flags: HashFlags) -> Built<*mut SV> {
        // A table that is split on the way loses the keys that are only allowed.
        let room = if flags.restricted { len + 1 } else { len };
        // SAFETY: allocates; the reader has checked len against the image.
        let hash = unsafe { shim::mc_new_hash(self.perl.raw(), room) };
        if flags.restricted {
            self.restricted.push(hash.cast());
        }
        self.made(hash)
    }

    #[inline(always)]
    fn insert(&mut self, hash: *mut SV, key: &[u8], flags: KeyFlags, value: *mut SV) -> Built<()> {
        let mut how = 0;
        let mut value = value;
        if flags != KeyFlags::NONE {
            if flags.contains(KeyFlags::UTF8) {
                if let Err(error) = self.check_utf8(key, "a hash key") {
                    self.held.push(value);
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
                self.held.push(value);
                value = self.placeholder;
            }
        }
        if self.foreign {
            // SAFETY: a hash that the reading made.
            let ours = unsafe { Hash::from_raw(hash.cast()) };
            if ours.is_guarded() {
                return self.insert_carefully(ours, key, flags, value);
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
            if value == self.placeholder {
                shim::mc_add_placeholders(self.perl.raw(), hash.cast(), 1);
            }
            if !former.is_null() {
                self.replaced(hash, former);
            }
        }
        Ok(())
    }

    fn reference(&mut self) -> Built<*mut SV> {
        // SAFETY: allocates.
        self.made(unsafe { shim::mc_new_reference(self.perl.raw()) })
    }

    #[inline(always)]
    fn point(&mut self, reference: *mut SV, target: *mut SV, kind: RefKind) -> Built<()> {
        if kind.weak {
            self.weak.push(reference);
        }
        if self.foreign {
            self.point_carefully(reference, target)?;
        } else {
            // SAFETY: `reference` is an SVt_IV or was blessed into a body that can hold one; it is empty.
            unsafe { refer(reference, target) };
        }
        if kind.overloaded && self.how.bless { self.note_overloading(target) } else { Ok(()) }
    }

    fn class(&mut self, name: &[u8]) -> Built<*mut HV> {
        if !self.how.bless {
            return Ok(ptr::null_mut());
        }
        self.how.classes.allow(self.perl, name)?;
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

    #[inline(always)]
    fn bless(&mut self, node: *mut SV, class: *mut HV) -> Built<()> {
        if !class.is_null() {
            // SAFETY: a new value that no one else has, and a class that takes it.
            unsafe { shim::mc_bless(self.perl.raw(), node, class) };
        }
        Ok(())
    }

    fn share(&mut self, node: *mut SV) -> Built<*mut SV> {
        // SAFETY: alive: `held` has what no container holds any more.
        Ok(unsafe { retain(node) })
    }

    fn empty(&mut self, shape: Shape) -> Built<*mut SV> {
        match shape {
            Shape::Scalar => self.undef(),
            Shape::Array => self.array(0),
            Shape::Hash => self.hash(0, HashFlags::default()),
        }
    }

    fn keep(&mut self, node: *mut SV) -> Built<()> {
        self.held.push(node);
        Ok(())
    }

    fn guard(&mut self, seen: &[*mut SV]) {
        if !std::mem::replace(&mut self.foreign, true) {
            seen.iter().for_each(|&value| self.hold(value));
        }
    }

    fn thaw(&mut self, object: *mut SV, frozen: Frozen<'_, *mut SV, *mut HV>) -> Built<*mut SV> {
        Ok(self.call_hook(object, &frozen)?)
    }

    fn tie(&mut self, variable: *mut SV, object: *mut SV) -> Built<()> {
        Ok(self.tie_to(variable, object)?)
    }

    fn tie_element(&mut self, element: *mut SV, object: *mut SV, place: Place<*mut SV>) -> Built<()> {
        Ok(self.tie_to_element(element, object, place)?)
    }

    fn code(&mut self, source: &[u8], utf8: bool) -> Built<*mut SV> {
        let sub = self.sub(source, utf8)?;
        self.made(sub)
    }

    fn regexp(&mut self, pattern: &[u8], modifiers: &[u8]) -> Built<*mut SV> {
        let regexp = self.compiled(pattern, modifiers)?;
        self.made(regexp)
    }

    fn sever(&mut self, node: *mut SV) {
        if self.attached.contains(&node) {
            return;
        }
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

/// Makes an empty scalar refer to `target`, and takes that over.
///
/// # Safety
/// The scalar holds nothing and has no magic; its type has room for a reference.
#[inline]
unsafe fn refer(reference: *mut SV, target: *mut SV) {
    // SAFETY: as promised to this function.
    unsafe {
        (*reference).sv_u.svu_rv = target;
        (*reference).sv_flags |= sys::SVf_ROK;
    }
}

impl Builder<'_> {
    /// A key came again: its former value must live until the reading ends.
    #[cold]
    #[inline(never)]
    fn replaced(&mut self, hash: *mut SV, former: *mut SV) {
        if former == self.placeholder {
            // SAFETY: a hash that the reading made.
            unsafe { shim::mc_add_placeholders(self.perl.raw(), hash.cast(), -1) };
        }
        self.held.push(former);
    }
}

/// After code of the application ran: containers may be shorter or longer than they were left, tied, or read-only.
impl Builder<'_> {
    #[cold]
    #[inline(never)]
    fn push_carefully(&mut self, array: *mut SV, element: *mut SV) -> Built<()> {
        const GUARDED: u32 = sys::SVs_RMG | READ_ONLY;
        // SAFETY: an array that the reading made and holds; perl's function finds the room.
        unsafe {
            if (*array).sv_flags & GUARDED == 0 {
                thx::Perl_av_push(self.perl.raw(), array.cast(), element);
                return Ok(());
            }
            let element = if element.is_null() { thx::Perl_newSV(self.perl.raw(), 0) } else { element };
            let takes_over = shim::mc_is_tied(array, i32::from(b'P')) == 0;
            let mut error = ptr::null_mut();
            let status = shim::mc_push(self.perl.raw(), array, element, &mut error);
            let result = self.perl.status(status, error);
            if result.is_err() || !takes_over {
                self.held.push(element);
            }
            Ok(result?)
        }
    }

    #[cold]
    #[inline(never)]
    fn insert_carefully(&mut self, hash: Hash, key: &[u8], flags: KeyFlags, value: *mut SV) -> Built<()> {
        let utf8 = if flags.contains(KeyFlags::UTF8) { sys::SVf_UTF8 } else { 0 };
        // SAFETY: a new string, and the count of the value.
        let (key, value) =
            unsafe { (Owned::from_raw(self.perl, self.string(key, utf8)), Owned::from_raw(self.perl, value)) };
        let key = key.scalar().key(self.perl)?;
        Ok(hash.store(self.perl, &key, value)?)
    }

    #[cold]
    #[inline(never)]
    fn point_carefully(&mut self, reference: *mut SV, target: *mut SV) -> Built<()> {
        const TOUCHED: u32 = sys::SVf_OK | sys::SVs_RMG | sys::SVs_SMG | sys::SVs_GMG | READ_ONLY;
        // SAFETY: a scalar that the reading made and holds; one that was never touched has no buffer.
        unsafe {
            if (*reference).sv_flags & TOUCHED == 0 && (*reference).sv_u.svu_pv.is_null() {
                refer(reference, target);
                return Ok(());
            }
            let mut error = ptr::null_mut();
            let status = shim::mc_point(self.perl.raw(), reference, target, &mut error);
            Ok(self.perl.status(status, error)?)
        }
    }

    /// A reference to a value, to be handed to the application.
    fn reference_to(&self, value: *mut SV) -> Owned {
        // SAFETY: alive, as the reader promises.
        self.perl.reference(unsafe { Scalar::from_raw(value) })
    }
}
