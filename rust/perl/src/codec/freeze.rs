//! Perl values to Storable's bytes: [`freeze`], a walk that feeds a [`storable::Writer`].
//!
//! The walk goes straight over the SVs, with a stack of its own, so depth costs heap and never the thread's stack.
//! A value needs to be remembered by its address only when something else may lead to it again: when it has more
//! than one owner, or a weak reference. Everything else is written and forgotten.
//!
//! That changes with the first object that has a `STORABLE_freeze` hook, for a hook may return a reference to anything. The
//! walk then starts anew and remembers every value. And a hook may do anything: before it is called, the open containers and
//! what is still to come of the open hashes get owners here (`foreign`).

mod foreign;
mod hook;
mod pairs;
mod rare;
mod splice;

use std::collections::HashMap;
use std::ffi::c_int;
use std::hash::{BuildHasherDefault, Hasher};
use std::ptr;

use libperl_sys::{self as sys, AV, CV, HV, SV, svtype, thx};
use storable::{HashFlags, Options, Order, Output, RefKind, Writer, number_text};

use self::hook::Taken;
use self::pairs::{Pair, Pairs, Style, Waiting};
pub(crate) use self::splice::splice;
use crate::codec::FORMAT;
use crate::error::{Error, Result};
use crate::perl::Perl;
use crate::perl::entry::Entry;
use crate::perl::hash::Hash;
use crate::perl::scalar::{READ_ONLY, Scalar};
use crate::perl::shim;
use crate::state::{self, Doing};

/// What a freezing may do, and how its bytes are laid out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Freeze {
    /// The header and the byte order.
    pub(crate) format: Options,
    /// Sort the keys of hashes: `$Storable::canonical`.
    pub(crate) canonical: bool,
    /// How many arrays, hashes and references may be open at once; what is written can be read back.
    pub(crate) max_depth: usize,
    /// How many may be open around and with a hash.
    pub(crate) max_hash_depth: usize,
    /// Code references are stored if `$Storable::Deparse` says so; else they never are.
    pub(crate) code: bool,
    /// What hooks are told: this becomes a copy in this process.
    pub(crate) cloning: bool,
}

impl Freeze {
    /// For a session.
    pub(crate) fn session(canonical: bool, max_depth: usize) -> Freeze {
        Freeze { format: FORMAT, canonical, max_depth, max_hash_depth: max_depth, code: false, cloning: false }
    }
}

/// Storable's words.
pub(crate) const TOO_DEEP: &str = "Max. recursion depth with nested structures exceeded";

/// Writes the frozen image of `root` (a hash, an array or a scalar, not a reference to it), after what `out` has.
pub(crate) fn freeze<O: Output>(perl: Perl, root: Scalar, how: &Freeze, out: O) -> Result<O> {
    let _nested = state::nested(perl, Doing::Storing, how.format.order == Order::Network)?;
    let mut walk = Walk::new(perl, root, how, out);
    let done = walk.run(root.raw(), 0);
    let released = walk.release();
    done.and(released)?;
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
#[derive(Clone, Copy)]
enum Frame {
    Array {
        array: *mut AV,
        next: usize,
        len: usize,
        depth: usize,
        held: bool,
    },
    Hash {
        pairs: Pairs,
        waiting: Waiting,
        style: Style,
        depth: usize,
        held: bool,
    },
    /// An object that its hook took apart, the last in the walk's list of those.
    Hook,
    /// The key of an element of a tied hash, after the object behind that.
    Key(*mut SV, usize),
    /// The index of an element of a tied array, after the object behind that.
    Index(i32),
}

/// What is known of a class that was met.
struct Class {
    stash: *mut HV,
    /// Its number in the image, once it was named there.
    number: Option<usize>,
    overloaded: bool,
    /// Its `STORABLE_freeze`, unless that said that it wants no part in this.
    hook: Option<*mut CV>,
}

/// What a step over the common containers comes to.
enum Next {
    /// A value that needs more than to be copied, and how deep it lies.
    Value(*mut SV, usize),
    /// The innermost container is not a common one.
    Rare,
    /// Nothing is open any more.
    End,
}

struct Walk<O> {
    perl: Perl,
    how: Freeze,
    writer: Writer<O>,
    /// Often has more than one owner, and its number is 0.
    root: *mut SV,
    /// The numbers of all other values that the walk may come to again.
    seen: HashMap<usize, u64, BuildHasherDefault<AddressHasher>>,
    /// The walk may come to any value again.
    careful: bool,
    /// Parts of a whole are written, so only plain values can be: see `splice`.
    apart: bool,
    /// The walk has to begin again.
    again: bool,
    classes: Vec<Class>,
    frames: Vec<Frame>,
    /// Pairs of hashes that are not written in the order of `each`, straight from the hash.
    pairs: Vec<Pair>,
    /// The objects that were taken apart and are being written, innermost last.
    taken: Vec<Taken>,
    /// What must live until the walk ends, whatever the code of the application does.
    held: Vec<*mut SV>,
    undef: *mut SV,
    yes: *mut SV,
    no: *mut SV,
    placeholder: *mut SV,
}

#[cold]
fn not_plain() -> Error {
    Error::text("a value that can't be written apart from the others")
}

/// Any magic.
const MAGIC: u32 = sys::SVs_GMG | sys::SVs_SMG | sys::SVs_RMG;

#[cold]
fn too_deep() -> Error {
    Error::text(TOO_DEEP)
}

impl<O: Output> Walk<O> {
    fn new(perl: Perl, root: Scalar, how: &Freeze, out: O) -> Walk<O> {
        Walk {
            perl,
            how: *how,
            writer: Writer::into_output(&how.format, out),
            root: root.raw(),
            seen: HashMap::default(),
            careful: false,
            apart: false,
            again: false,
            classes: Vec::new(),
            frames: Vec::new(),
            pairs: Vec::new(),
            taken: Vec::new(),
            held: Vec::new(),
            // SAFETY: the immortals of the interpreter that called us.
            undef: unsafe { shim::mc_undef(perl.raw()) },
            // SAFETY: as above.
            yes: unsafe { shim::mc_yes(perl.raw()) },
            // SAFETY: as above.
            no: unsafe { shim::mc_no(perl.raw()) },
            // SAFETY: as above.
            placeholder: unsafe { shim::mc_placeholder(perl.raw()) },
        }
    }

    /// Writes a value with all that is in it.
    fn run(&mut self, value: *mut SV, depth: usize) -> Result<()> {
        let mut next = Some((value, depth));
        while let Some((value, depth)) = next {
            self.value(value, depth)?;
            next = match std::mem::take(&mut self.again) {
                true => Some(self.begin_again()),
                false => self.step()?,
            };
        }
        Ok(())
    }

    #[inline(always)]
    fn step(&mut self) -> Result<Option<(*mut SV, usize)>> {
        loop {
            match self.step_common()? {
                Next::Value(value, depth) => return Ok(Some((value, depth))),
                Next::End => return Ok(None),
                Next::Rare => match self.step_rare()? {
                    Some(next) => return Ok(Some(next)),
                    None => continue,
                },
            }
        }
    }

    /// The next value in the open containers, innermost first, that needs more than to be copied; closes those that
    /// are done.
    #[inline(always)]
    fn step_common(&mut self) -> Result<Next> {
        let Walk { frames, writer, how, undef, careful, pairs: list, placeholder, .. } = self;
        let plain = !how.format.booleans && !*careful;
        while let Some(frame) = frames.last_mut() {
            match frame {
                Frame::Array { array, next, len, depth, .. } => {
                    // An array that shrank under the walk ends there: its fill is read anew.
                    let mut index = *next;
                    while index < *len {
                        // SAFETY: the array is alive, held by the graph or by us.
                        let element = unsafe { element(*array, index) };
                        index += 1;
                        if element.is_null() {
                            writer.sv_undef();
                        } else if element == *undef {
                            writer.elem_undef();
                        // SAFETY: an element of a live array.
                        } else if !(plain && unsafe { write_leaf(writer, element) }) {
                            *next = index;
                            return Ok(Next::Value(element, *depth));
                        }
                    }
                }
                Frame::Hash { pairs, waiting, style, depth, .. } => {
                    waiting.write_key(writer, list, *style, *placeholder)?;
                    if let Some((value, found)) = pairs.write(writer, list, *style, *placeholder)? {
                        *waiting = found;
                        return Ok(Next::Value(value, *depth));
                    }
                }
                _ => return Ok(Next::Rare),
            }
            frames.pop();
        }
        Ok(Next::End)
    }

    /// Writes one value; a container is opened and left on the stack.
    #[inline]
    fn value(&mut self, value: *mut SV, depth: usize) -> Result<()> {
        let (mut sv, mut depth) = (value, depth);
        loop {
            // SAFETY: every value that the walk comes to is alive, held by the graph under the root.
            let flags = unsafe { (*sv).sv_flags };
            if sv == self.undef {
                return self.write_undef();
            }
            // SAFETY: as above.
            if (self.careful || unsafe { may_come_again(sv, flags) })
                && let Some(former) = self.number_before(sv)
            {
                self.check_plain()?;
                self.writer.object(former);
                return Ok(());
            }
            if flags & sys::SVs_OBJECT != 0 {
                self.check_plain()?;
                // SAFETY: an object has a class.
                let class = self.class(unsafe { sys::SvSTASH(sv) })?;
                if self.classes[class].hook.is_some() && self.take_apart(sv, class, depth)? {
                    return Ok(());
                }
                self.bless(class)?;
            }
            let kind = flags & sys::SVTYPEMASK;
            if flags & MAGIC != 0 {
                self.check_plain()?;
            }
            if flags & sys::SVs_RMG != 0
                && let Some(object) = self.open_tied(sv, kind, depth + 1)?
            {
                (sv, depth) = (object, depth + 1);
                continue;
            }
            if kind < svtype::SVt_PVAV as u32 && flags & sys::SVf_ROK != 0 && kind != svtype::SVt_REGEXP as u32 {
                depth += 1;
                self.check_depth(depth, self.how.max_depth)?;
                // SAFETY: SVf_ROK promises a target.
                let target = unsafe { sys::SvRV(sv) };
                let weak = flags & sys::SVprv_WEAKREF != 0;
                if weak {
                    self.check_plain()?;
                }
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
            return self.scalar(sv, flags);
        }
        self.check_plain()?;
        if kind == svtype::SVt_REGEXP as u32 {
            return self.regexp(sv);
        }
        if kind == svtype::SVt_PVCV as u32 && self.may_store_code()? {
            return self.code(sv);
        }
        self.lost(sv)
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
            if sv == self.yes {
                self.writer.yes();
                return Ok(());
            }
            if sv == self.no {
                self.writer.no();
                return Ok(());
            }
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
            let copy = shim::mc_new_copy(self.perl.raw(), sv, 0);
            let mut len = 0;
            let start = thx::Perl_sv_2pv_flags(self.perl.raw(), copy, &mut len, 0);
            self.writer.bytes(std::slice::from_raw_parts(start.cast::<u8>(), len));
            thx::Perl_SvREFCNT_dec(self.perl.raw(), copy);
        }
    }

    fn array(&mut self, sv: *mut SV, depth: usize) -> Result<()> {
        self.check_depth(depth, self.how.max_depth)?;
        let array = sv.cast::<AV>();
        // SAFETY: alive, held by the graph.
        let len = unsafe { crate::perl::array::Array::from_raw(array) }.len();
        self.writer.array(len);
        if len > 0 {
            self.frames.push(Frame::Array { array, next: 0, len, depth, held: false });
        }
        Ok(())
    }

    fn hash(&mut self, sv: *mut SV, depth: usize) -> Result<()> {
        self.check_depth(depth, self.how.max_hash_depth)?;
        // SAFETY: alive, held by the graph, and not tied.
        unsafe {
            let flags = (*sv).sv_flags;
            let restricted = flags & READ_ONLY != 0;
            let flagged = restricted || flags & sys::SVphv_HASKFLAGS != 0;
            let hash = Hash::from_raw(sv.cast());
            if flags & sys::SVf_OOK == 0 && hash.len() > 1 && !self.how.canonical {
                // Fixes the order, so that it is the one that `each` and Storable will see, too.
                thx::Perl_hv_iterinit(self.perl.raw(), sv.cast());
            }
            let pairs = if self.how.canonical {
                let mut sorted: Vec<Entry<'static>> = hash.entries().collect();
                sorted.sort_by(|a, b| a.compare(*b));
                Pairs::list(sorted, &mut self.pairs)
            } else {
                Pairs::Perl(hash.entries())
            };
            if flagged {
                let len = if restricted { hash.len() } else { hash.visible(self.perl) };
                self.writer.flag_hash(len, HashFlags { flagged, restricted });
            } else {
                self.writer.hash(hash.visible(self.perl));
            }
            if hash.len() == 0 {
                return Ok(());
            }
            let plain = !self.how.format.booleans && !self.careful;
            let style = Style { flagged, restricted, plain };
            self.frames.push(Frame::Hash { pairs, waiting: Waiting::None, style, depth, held: false });
        }
        Ok(())
    }

    fn bless(&mut self, class: usize) -> Result<()> {
        if let Some(number) = self.classes[class].number {
            return Ok(self.writer.bless_again(number)?);
        }
        let name = self.perl.class_name(self.classes[class].stash)?;
        self.classes[class].number = Some(self.writer.bless(name)?);
        Ok(())
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
        let overloaded = self.perl.overloads(stash)?;
        let hook = self.perl.method(stash, c"STORABLE_freeze");
        self.classes.push(Class { stash, number: None, overloaded, hook });
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

    /// Refuses what has its meaning only within the whole, or may run code.
    #[inline(always)]
    fn check_plain(&self) -> Result<()> {
        match self.apart {
            true => Err(not_plain()),
            false => Ok(()),
        }
    }

    #[inline(always)]
    fn check_depth(&self, depth: usize, limit: usize) -> Result<()> {
        match depth > limit {
            true => Err(too_deep()),
            false => Ok(()),
        }
    }
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
