//! Perl values to Storable's bytes: [`freeze`], a walk that feeds a [`storable::Writer`].
//!
//! The walk goes straight over the SVs, with a stack of its own, so depth costs heap and never the thread's stack.
//! A value needs to be remembered by its address only when something else may lead to it again: when it has more
//! than one owner, or a weak reference. Everything else is written and forgotten.

use std::collections::HashMap;
use std::ffi::c_int;
use std::hash::{BuildHasherDefault, Hasher};
use std::ptr;

use libperl_sys::{self as sys, AV, HV, SV, svtype, thx};
use storable::{HashFlags, KeyFlags, Options, Order, Output, RefKind, Writer, number_text};

use crate::entry::{Entries, Entry};
use crate::error::{Error, Result};
use crate::hash::Hash;
use crate::perl::Perl;
use crate::scalar::Scalar;
use crate::shim;

/// What a freezing may do, and how its bytes are laid out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Freeze {
    /// The header and the byte order.
    pub(crate) format: Options,
    /// Sort the keys of hashes: `$Storable::canonical`.
    pub(crate) canonical: bool,
    /// How many arrays, hashes and references may be open at once; what is written can be read back.
    pub(crate) max_depth: usize,
}

/// Writes the frozen image of `root` (a hash, an array or a scalar, not a reference to it), after what `out` has.
pub(crate) fn freeze<O: Output>(perl: Perl, root: Scalar, how: &Freeze, out: O) -> Result<O> {
    let mut walk = Walk {
        perl,
        how: *how,
        writer: Writer::into_output(&how.format, out),
        root: root.raw(),
        seen: HashMap::default(),
        classes: Vec::new(),
        frames: Vec::new(),
        // SAFETY: the immortals of the interpreter that called us.
        undef: unsafe { shim::mc_undef(perl.raw()) },
        // SAFETY: as above.
        placeholder: unsafe { shim::mc_placeholder(perl.raw()) },
    };
    walk.run()?;
    Ok(walk.writer.finish())
}

/// Addresses are spread already; one multiplication is enough.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only addresses are hashed");
    }

    fn write_usize(&mut self, address: usize) {
        let mixed = (address as u64 >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

/// An open container.
enum Frame {
    Array { array: *mut AV, next: usize, len: usize, depth: usize },
    Hash { entries: Sequence, entry: Option<Entry<'static>>, style: Style, depth: usize },
}

/// The order in which the entries of a hash are written.
enum Sequence {
    Perl(Entries<'static>),
    Sorted(std::vec::IntoIter<Entry<'static>>),
}

/// How the entries of a hash are written.
#[derive(Clone, Copy)]
struct Style {
    flagged: bool,
    restricted: bool,
    /// `PL_sv_placeholder`: the value of a key that is allowed and absent.
    placeholder: *mut SV,
    /// Booleans are strings, so a string needs no second look.
    plain: bool,
}

/// What is known of a class that was met.
struct Class {
    stash: *mut HV,
    /// Its number in the image, once it was named there.
    number: Option<usize>,
    overloaded: bool,
    /// It has a STORABLE_freeze hook.
    hook: bool,
}

struct Walk<O> {
    perl: Perl,
    how: Freeze,
    writer: Writer<O>,
    /// Often has more than one owner, and its number is 0.
    root: *mut SV,
    /// The numbers of all other values that the walk may come to again.
    seen: HashMap<usize, u64, BuildHasherDefault<AddressHasher>>,
    classes: Vec<Class>,
    frames: Vec<Frame>,
    undef: *mut SV,
    placeholder: *mut SV,
}

impl<O: Output> Walk<O> {
    fn run(&mut self) -> Result<()> {
        let mut next = Some((self.root, 0));
        while let Some((value, depth)) = next {
            self.value(value, depth)?;
            next = self.step()?;
        }
        Ok(())
    }

    /// The next value in the open containers, innermost first, that needs more than to be copied; closes those that
    /// are done.
    #[inline]
    fn step(&mut self) -> Result<Option<(*mut SV, usize)>> {
        let Walk { frames, writer, how, undef, .. } = self;
        let plain = !how.format.booleans;
        while let Some(frame) = frames.last_mut() {
            match frame {
                Frame::Array { array, next, len, depth } => {
                    // An array that shrank under the walk ends there: its fill is read anew.
                    let mut index = *next;
                    while index < *len {
                        // SAFETY: the array is alive, held by the graph.
                        let element = unsafe { element(*array, index) };
                        index += 1;
                        if element.is_null() {
                            writer.sv_undef();
                        } else if element == *undef {
                            writer.elem_undef();
                        // SAFETY: an element of a live array.
                        } else if !(plain && unsafe { write_leaf(writer, element) }) {
                            *next = index;
                            return Ok(Some((element, *depth)));
                        }
                    }
                }
                Frame::Hash { entries, entry, style, depth } => {
                    if let Some(entry) = entry.take() {
                        write_key(writer, entry, *style)?;
                    }
                    let found = match entries {
                        Sequence::Perl(entries) => {
                            // A copy, which the compiler can keep in registers.
                            let mut walk = *entries;
                            let found = write_leaves(writer, &mut walk, *style)?;
                            *entries = walk;
                            found
                        }
                        Sequence::Sorted(entries) => write_leaves(writer, entries, *style)?,
                    };
                    if let Some(found) = found {
                        *entry = Some(found);
                        return Ok(Some((found.value(), *depth)));
                    }
                }
            }
            frames.pop();
        }
        Ok(None)
    }

    /// Writes one value; a container is opened and left on the stack.
    #[inline]
    fn value(&mut self, value: *mut SV, depth: usize) -> Result<()> {
        let (mut sv, mut depth) = (value, depth);
        loop {
            // SAFETY: every value that the walk comes to is alive, held by the graph under the root.
            let flags = unsafe { (*sv).sv_flags };
            if sv == self.undef {
                self.writer.sv_undef();
                return Ok(());
            }
            // SAFETY: as above.
            if unsafe { may_come_again(sv, flags) }
                && let Some(former) = self.number_before(sv)
            {
                self.writer.object(former);
                return Ok(());
            }
            if flags & sys::SVs_OBJECT != 0 {
                // SAFETY: an object has a class.
                let stash = unsafe { sys::SvSTASH(sv) };
                self.bless(stash)?;
            }
            let kind = flags & sys::SVTYPEMASK;
            if kind < svtype::SVt_PVAV as u32 && flags & sys::SVf_ROK != 0 && kind != svtype::SVt_REGEXP as u32 {
                if kind >= svtype::SVt_PVMG as u32 {
                    self.check_scalar(sv)?;
                }
                depth += 1;
                self.check_depth(depth)?;
                // SAFETY: SVf_ROK promises a target.
                let target = unsafe { sys::SvRV(sv) };
                let weak = flags & sys::SVprv_WEAKREF != 0;
                let overloaded = self.is_overloaded(target)?;
                self.writer.reference(RefKind { weak, overloaded });
                sv = target;
                continue;
            }
            return self.referent(sv, flags, kind, depth);
        }
    }

    /// The number of a value that was written before; of one that was not, the number is kept.
    #[inline]
    fn number_before(&mut self, sv: *mut SV) -> Option<u64> {
        let number = self.writer.number();
        if sv == self.root {
            return (number > 0).then_some(0);
        }
        match self.seen.entry(sv.addr()) {
            std::collections::hash_map::Entry::Occupied(former) => Some(*former.get()),
            std::collections::hash_map::Entry::Vacant(slot) => {
                slot.insert(number);
                None
            }
        }
    }

    /// Writes a value that is no reference.
    #[inline]
    fn referent(&mut self, sv: *mut SV, flags: u32, kind: u32, depth: usize) -> Result<()> {
        if kind < svtype::SVt_PVMG as u32 && kind != svtype::SVt_INVLIST as u32 {
            return self.scalar(sv, flags);
        }
        if kind == svtype::SVt_PVHV as u32 {
            return self.hash(sv, depth + 1);
        }
        if kind == svtype::SVt_PVAV as u32 {
            return self.array(sv, depth + 1);
        }
        if kind == svtype::SVt_PVMG as u32 || kind == svtype::SVt_PVLV as u32 {
            self.check_scalar(sv)?;
            return self.scalar(sv, flags);
        }
        let what = if kind == svtype::SVt_PVCV as u32 {
            "a code reference"
        } else if kind == svtype::SVt_REGEXP as u32 {
            "a regular expression"
        } else if kind == svtype::SVt_PVGV as u32 {
            "a glob or a file handle"
        } else if kind == svtype::SVt_PVIO as u32 {
            "an I/O handle"
        } else {
            "a value of perl's own"
        };
        Err(unsupported(what))
    }

    #[inline]
    fn scalar(&mut self, sv: *mut SV, flags: u32) -> Result<()> {
        let defined = sys::SVf_OK;
        if flags & defined == 0 {
            self.writer.undef();
            return Ok(());
        }
        if self.how.format.booleans {
            // SAFETY: looks at a live scalar.
            if unsafe { shim::mc_is_bool(sv) } != 0 {
                // SAFETY: a defined boolean is a string.
                self.writer.boolean(unsafe { string(sv) } == b"1");
                return Ok(());
            }
        }
        if flags & sys::SVf_POK != 0 {
            if flags & sys::SVs_RMG != 0 {
                self.vstring(sv)?;
            }
            // SAFETY: POK promises a buffer; the bytes are written before anything else happens.
            let bytes = unsafe { string(sv) };
            if flags & sys::SVf_UTF8 != 0 {
                self.writer.text(bytes);
            } else {
                self.writer.bytes(bytes);
            }
            return Ok(());
        }
        // SAFETY: neither magical nor a reference: perl's own conversions, which run no code.
        unsafe { self.number(sv, flags) };
        Ok(())
    }

    /// What a string that is a v-string has before it: the literal it was made from.
    fn vstring(&mut self, sv: *mut SV) -> Result<()> {
        // SAFETY: the magic of a live scalar holds the literal.
        unsafe {
            let magic = thx::Perl_mg_find(self.perl.raw(), sv, c_int::from(b'V'));
            if magic.is_null() {
                return Ok(());
            }
            let literal = std::slice::from_raw_parts((*magic).mg_ptr.cast::<u8>(), (*magic).mg_len as usize);
            Ok(self.writer.vstring(literal)?)
        }
    }

    /// A number, in the form that Storable chooses: an integer where the scalar publicly is one or is a double of
    /// integral value below 2**53, else a double, which in network order is perl's text for it. What is neither
    /// publicly (tainted values) is text.
    ///
    /// # Safety
    /// `sv` is a live number without magic.
    unsafe fn number(&mut self, sv: *mut SV, flags: u32) {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        // SAFETY: as promised to this function.
        unsafe {
            if flags & sys::SVf_IOK != 0 {
                let integer = thx::Perl_sv_2iv_flags(self.perl.raw(), sv, 0) as i64;
                if flags & sys::SVf_IVisUV == 0 || integer >= 0 && sys::SvUVX(sv) <= sys::IV::MAX as sys::UV {
                    return self.writer.integer(integer);
                }
            } else if flags & sys::SVf_NOK != 0 {
                let value = thx::Perl_sv_2nv_flags(self.perl.raw(), sv, 0);
                if value.abs() < EXACT && value.fract() == 0.0 {
                    return self.writer.integer(value as i64);
                }
                if self.how.format.order == Order::Native {
                    return self.writer.double(value);
                }
                if value.is_finite() {
                    return self.writer.bytes(number_text(value).as_bytes());
                }
            }
            self.formatted(sv);
        }
    }

    /// Writes a number as perl's text for it, without leaving the text in the scalar.
    ///
    /// # Safety
    /// `sv` is a live number without magic.
    unsafe fn formatted(&mut self, sv: *mut SV) {
        // SAFETY: a copy of a plain number; its text is written before it goes.
        unsafe {
            let copy = thx::Perl_newSVsv_flags(self.perl.raw(), sv, 0);
            let mut len = 0;
            let start = thx::Perl_sv_2pv_flags(self.perl.raw(), copy, &mut len, 0);
            self.writer.bytes(std::slice::from_raw_parts(start.cast::<u8>(), len));
            sys::Perl_SvREFCNT_dec(self.perl.raw(), copy);
        }
    }

    fn array(&mut self, sv: *mut SV, depth: usize) -> Result<()> {
        self.check_depth(depth)?;
        self.check_tied(sv, b'P', "a tied array")?;
        let array = sv.cast::<AV>();
        // SAFETY: alive, held by the graph.
        let len = unsafe { crate::array::Array::from_raw(array) }.len();
        self.writer.array(len);
        self.frames.push(Frame::Array { array, next: 0, len, depth });
        Ok(())
    }

    fn hash(&mut self, sv: *mut SV, depth: usize) -> Result<()> {
        self.check_depth(depth)?;
        self.check_tied(sv, b'P', "a tied hash")?;
        // SAFETY: alive, held by the graph, and not tied.
        unsafe {
            let flags = (*sv).sv_flags;
            let restricted = flags & (sys::SVf_READONLY | sys::SVf_PROTECT) != 0;
            let flagged = restricted || flags & sys::SVphv_HASKFLAGS != 0;
            let hash = Hash::from_raw(sv.cast());
            if flags & sys::SVf_OOK == 0 && hash.len() > 1 && !self.how.canonical {
                // Fixes the order, so that it is the one that `each` and Storable will see, too.
                thx::Perl_hv_iterinit(self.perl.raw(), sv.cast());
            }
            let entries = if self.how.canonical {
                let mut sorted: Vec<Entry<'static>> = hash.entries().collect();
                sorted.sort_by(|a, b| a.compare(*b));
                Sequence::Sorted(sorted.into_iter())
            } else {
                Sequence::Perl(hash.entries())
            };
            if flagged {
                let len = if restricted { hash.len() } else { hash.visible(self.perl) };
                self.writer.flag_hash(len, HashFlags { flagged, restricted });
            } else {
                self.writer.hash(hash.visible(self.perl));
            }
            let style = Style { flagged, restricted, placeholder: self.placeholder, plain: !self.how.format.booleans };
            self.frames.push(Frame::Hash { entries, entry: None, style, depth });
        }
        Ok(())
    }

    fn bless(&mut self, stash: *mut HV) -> Result<()> {
        let at = self.class(stash)?;
        if let Some(number) = self.classes[at].number {
            return Ok(self.writer.bless_again(number)?);
        }
        let name = self.class_name(stash)?;
        if self.classes[at].hook {
            let name = String::from_utf8_lossy(name);
            return Err(unsupported(&format!("an object of class {name}, which has a STORABLE_freeze hook")));
        }
        self.classes[at].number = Some(self.writer.bless(name)?);
        Ok(())
    }

    fn class_name<'a>(&self, stash: *mut HV) -> Result<&'a [u8]> {
        let mut len = 0;
        // SAFETY: a live class, which has its name for as long as it lives.
        unsafe {
            let start = shim::mc_stash_name(self.perl.raw(), stash, &mut len);
            if start.is_null() {
                return Err(unsupported("an object whose class was deleted"));
            }
            Ok(std::slice::from_raw_parts(start.cast::<u8>(), len))
        }
    }

    /// Where in `classes` a class is; looked up once.
    #[inline]
    fn class(&mut self, stash: *mut HV) -> Result<usize> {
        match self.classes.iter().position(|class| class.stash == stash) {
            Some(at) => Ok(at),
            None => self.learn(stash),
        }
    }

    #[cold]
    fn learn(&mut self, stash: *mut HV) -> Result<usize> {
        let (mut overloaded, mut error): (c_int, _) = (0, ptr::null_mut());
        // SAFETY: a live class; the shim guards the look-up of its operators.
        let status = unsafe { shim::mc_overloaded(self.perl.raw(), stash, &mut overloaded, &mut error) };
        self.perl.status(status, error)?;
        // SAFETY: looks up only.
        let hook = unsafe { thx::Perl_gv_fetchmethod_autoload(self.perl.raw(), stash, c"STORABLE_freeze".as_ptr(), 0) };
        self.classes.push(Class { stash, number: None, overloaded: overloaded != 0, hook: !hook.is_null() });
        Ok(self.classes.len() - 1)
    }

    #[inline]
    fn is_overloaded(&mut self, target: *mut SV) -> Result<bool> {
        // SAFETY: the target of a live reference; an object has a class.
        let stash = unsafe {
            if (*target).sv_flags & sys::SVs_OBJECT == 0 {
                return Ok(false);
            }
            sys::SvSTASH(target)
        };
        let at = self.class(stash)?;
        Ok(self.classes[at].overloaded)
    }

    fn check_depth(&self, depth: usize) -> Result<()> {
        if depth > self.how.max_depth {
            let limit = self.how.max_depth;
            return Err(Error::text(format!("can't store a value nested more than {limit} levels deep")));
        }
        Ok(())
    }

    /// A scalar whose type allows magic: neither tied nor an element of something tied.
    fn check_scalar(&self, sv: *mut SV) -> Result<()> {
        // SAFETY: alive, held by the graph.
        if unsafe { (*sv).sv_flags } & sys::SVs_RMG == 0 {
            return Ok(());
        }
        self.check_tied(sv, b'q', "a tied scalar")?;
        self.check_tied(sv, b'p', "an element of a tied variable")?;
        self.check_tied(sv, b'r', "a regular expression")
    }

    fn check_tied(&self, sv: *mut SV, how: u8, what: &str) -> Result<()> {
        // SAFETY: looks through the magic of a live value.
        if unsafe { (*sv).sv_flags & sys::SVs_RMG != 0 && shim::mc_is_tied(sv, c_int::from(how)) != 0 } {
            return Err(unsupported(what));
        }
        Ok(())
    }
}

fn unsupported(what: &str) -> Error {
    Error::text(format!("can't store {what}"))
}

/// Perl's integer, whose width is perl's choice.
#[inline]
#[allow(clippy::unnecessary_cast, reason = "it is 32 bits wide where perl was built so")]
fn iv(value: sys::IV) -> i64 {
    value as i64
}

/// Writes a plain string or integer that nothing else leads to; `false` when the value is not one.
///
/// # Safety
/// `sv` is alive.
#[inline(always)]
unsafe fn write_leaf<O: Output>(writer: &mut Writer<O>, sv: *mut SV) -> bool {
    // SAFETY: as promised to this function; POK promises a buffer, IOK an integer, and below PVMG there is no magic.
    unsafe {
        let flags = (*sv).sv_flags;
        let kind = flags & sys::SVTYPEMASK;
        if (*sv).sv_refcnt != 1 || kind >= svtype::SVt_PVMG as u32 || flags & sys::SVf_ROK != 0 {
            return false;
        }
        if flags & sys::SVf_POK != 0 {
            if flags & sys::SVf_UTF8 != 0 {
                writer.text(string(sv));
            } else {
                writer.bytes(string(sv));
            }
            return true;
        }
        if flags & (sys::SVf_IOK | sys::SVf_IVisUV) == sys::SVf_IOK {
            writer.integer(iv((*(*sv).sv_any.cast::<sys::XPVIV>()).xiv_u.xivu_iv));
            return true;
        }
        false
    }
}

/// Whether the walk may come to this value again.
///
/// # Safety
/// `sv` is alive.
#[inline]
unsafe fn may_come_again(sv: *mut SV, flags: u32) -> bool {
    // SAFETY: as promised to this function. Weak references leave their mark in the magic of their target, in
    // the auxiliary part of a hash.
    unsafe {
        if (*sv).sv_refcnt > 1 {
            return true;
        }
        let kind = flags & sys::SVTYPEMASK;
        if kind < svtype::SVt_PVMG as u32 {
            return false;
        }
        if kind == svtype::SVt_PVHV as u32
            && flags & sys::SVf_OOK != 0
            && !(*sys::HvAUX(sv)).xhv_backreferences.is_null()
        {
            return true;
        }
        !sys::SvMAGIC(sv).is_null()
    }
}

/// The element at `index`, null where there is none.
///
/// # Safety
/// The array is alive.
#[inline]
unsafe fn element(array: *mut AV, index: usize) -> *mut SV {
    // SAFETY: as promised to this function; the index is checked against the fill.
    unsafe {
        let sv = array.cast::<SV>();
        if (index as isize) > (*(*sv).sv_any.cast::<sys::XPVAV>()).xav_fill {
            return ptr::null_mut();
        }
        *(*sv).sv_u.svu_array.add(index)
    }
}

/// The buffer of a string.
///
/// # Safety
/// `sv` is alive, has POKp, and is not changed while the slice is used.
#[inline]
unsafe fn string<'a>(sv: *mut SV) -> &'a [u8] {
    // SAFETY: as promised to this function.
    unsafe { std::slice::from_raw_parts((*sv).sv_u.svu_pv.cast::<u8>(), (*(*sv).sv_any.cast::<sys::XPV>()).xpv_cur) }
}

/// Writes entries while their values are leaves; returns the first whose value is none, of which nothing is written.
#[inline(always)]
fn write_leaves<O: Output>(
    writer: &mut Writer<O>,
    entries: &mut impl Iterator<Item = Entry<'static>>,
    style: Style,
) -> Result<Option<Entry<'static>>> {
    for entry in entries {
        let value = entry.value();
        if value == style.placeholder {
            if !style.flagged {
                continue;
            }
            writer.sv_undef();
        // SAFETY: a value of a live hash.
        } else if !(style.plain && unsafe { write_leaf(writer, value) }) {
            return Ok(Some(entry));
        }
        write_key(writer, entry, style)?;
    }
    Ok(None)
}

/// The key of an entry, after its value.
#[inline(always)]
fn write_key<O: Output>(writer: &mut Writer<O>, entry: Entry, style: Style) -> Result<()> {
    if style.flagged { write_flag_key(writer, entry, style) } else { Ok(writer.key(entry.key())?) }
}

#[inline(never)]
fn write_flag_key<O: Output>(writer: &mut Writer<O>, entry: Entry, style: Style) -> Result<()> {
    let mut flags = KeyFlags::NONE;
    if entry.is_utf8() {
        flags = flags | KeyFlags::UTF8;
    }
    if entry.was_utf8() {
        flags = flags | KeyFlags::WAS_UTF8;
    }
    let value = entry.value();
    if value == style.placeholder {
        flags = flags | KeyFlags::PLACEHOLDER;
    // SAFETY: a value of a live hash.
    } else if style.restricted && unsafe { (*value).sv_flags } & (sys::SVf_READONLY | sys::SVf_PROTECT) != 0 {
        flags = flags | KeyFlags::LOCKED;
    }
    Ok(writer.flag_key(entry.key(), flags)?)
}
