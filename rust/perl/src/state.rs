//! What an interpreter keeps between calls: its stores, and with them its connections.
//!
//! The state belongs to the interpreter, not to the thread of the operating system: mod_perl's worker hands an
//! interpreter from one thread to another. A new Perl thread starts without any state and opens its own connections.

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_void};
use std::ptr;
use std::rc::Rc;

use libperl_sys::{CV, GV, HV, SV, thx};
use session::{Config, Store};
use storable::{Output as _, Scratch};

use crate::codec::image::Image;
use crate::codec::variables::Variable;
use crate::error::{Error, Result};
use crate::perl::scalar::Scalar;
use crate::perl::shim;
use crate::perl::{Owned, Perl};

/// A store that sessions with the same configuration share.
pub(crate) type SharedStore = Rc<RefCell<Store>>;

pub(crate) struct State {
    /// A program has a few configurations; comparing them costs less than hashing one.
    stores: RefCell<Vec<SharedStore>>,
    /// These and the globs are [`kept`].
    stashes: [Cell<*mut HV>; 3],
    /// The globs, not the subs: a sub may be redefined.
    globs: [Cell<*mut GV>; Sub::COUNT],
    /// The globs of Storable's variables.
    variables: [Cell<*mut GV>; Variable::COUNT],
    /// The subs that compile regular expressions, by the modifiers they do it with.
    regexp_makers: RefCell<Vec<(Box<str>, *mut CV)>>,
    /// What Storable sets its recursion limits to.
    storable_limits: Cell<Option<[i64; 2]>>,
    /// How many readings and writings are under way, each in the hook of the one before.
    nesting: Cell<usize>,
    doing: Cell<Doing>,
    network_order: Cell<bool>,
    /// How many bytes the last image took.
    image_len: Cell<usize>,
    /// What new objects are copies of, and the subs that it was made with.
    template: RefCell<Option<Template>>,
    /// For images on their way to Perl.
    buffer: Cell<Vec<u8>>,
    /// For readings under way.
    scratch: Cell<Scratch<*mut SV, *mut HV>>,
}

/// The classes that native objects are of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Class {
    Tie,
    Store,
    Lock,
}

impl Class {
    fn name(self) -> &'static [u8] {
        match self {
            Class::Tie => b"Apache::Session::Memorycached",
            Class::Store => b"Apache::Session::Store::Memorycached",
            Class::Lock => b"Apache::Session::Lock::Memorycached",
        }
    }
}

/// The subs that every session refers to or calls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sub {
    Generate,
    Validate,
    Serialize,
    Unserialize,
    /// Defined under mod_perl only.
    EndWithRequest,
}

impl Sub {
    const COUNT: usize = 5;

    fn name(self) -> &'static CStr {
        match self {
            Sub::Generate => c"Apache::Session::Generate::Memorycached::generate",
            Sub::Validate => c"Apache::Session::Generate::Memorycached::validate",
            Sub::Serialize => c"Apache::Session::Memorycached::serialize",
            Sub::Unserialize => c"Apache::Session::Memorycached::unserialize",
            Sub::EndWithRequest => c"Apache::Session::Lock::Memorycached::_end_with_request",
        }
    }
}

/// The store for this configuration, kept from an earlier session or new.
pub(crate) fn store(perl: Perl, config: &Config) -> Result<SharedStore> {
    let state = state(perl);
    for store in state.stores.borrow().iter() {
        // One that is borrowed waits, and a signal handler came here; its own store is as good.
        if store.try_borrow().is_ok_and(|store| store.config() == config) {
            return Ok(store.clone());
        }
    }
    let store = Rc::new(RefCell::new(Store::open(config.clone())?));
    let mut stores = state.stores.borrow_mut();
    if stores.len() == MOST_STORES {
        stores.remove(0);
    }
    stores.push(store.clone());
    Ok(store)
}

/// How many stores are kept; a store itself is small, and its connections are kept elsewhere.
const MOST_STORES: usize = 16;

/// The class, looked up once.
pub(crate) fn stash(perl: Perl, class: Class) -> *mut HV {
    let slot = &state(perl).stashes[class as usize];
    if slot.get().is_null() {
        slot.set(kept(perl, perl.stash(class.name())));
    }
    slot.get()
}

/// The sub as it is defined now.
pub(crate) fn sub(perl: Perl, sub: Sub) -> Option<*mut CV> {
    let slot = &state(perl).globs[sub as usize];
    if slot.get().is_null() {
        slot.set(kept(perl, perl.glob(sub.name())));
    }
    // SAFETY: a glob that we keep.
    let cv = unsafe { shim::mc_glob_sub(slot.get()) };
    (!cv.is_null()).then_some(cv)
}

/// A class or a glob that stays until the interpreter goes, also where its name is deleted.
fn kept<T>(perl: Perl, named: *mut T) -> *mut T {
    // SAFETY: alive, as it was just looked up; to perl it is a scalar.
    unsafe { Scalar::from_raw(named.cast()) }.own(perl).into_raw().cast()
}

struct Template {
    hash: *mut HV,
    subs: [Option<*mut CV>; 4],
}

/// A copy of the template of objects, which `make` makes when there is none yet or a sub was redefined.
pub(crate) fn template(perl: Perl, make: fn(Perl) -> Result<Owned>) -> Result<Owned> {
    let subs = [Sub::Generate, Sub::Validate, Sub::Serialize, Sub::Unserialize].map(|name| sub(perl, name));
    let mut slot = state(perl).template.borrow_mut();
    let hash = match &*slot {
        Some(template) if template.subs == subs => template.hash,
        _ => {
            // A former one is left behind: subs are not redefined often.
            let hash = make(perl)?.into_raw().cast();
            *slot = Some(Template { hash, subs });
            hash
        }
    };
    // SAFETY: a plain hash that only we have; the copy is new.
    Ok(unsafe { Owned::from_raw(perl, thx::Perl_newHVhv(perl.raw(), hash).cast()) })
}

/// The glob of a variable, looked up once.
pub(crate) fn variable(perl: Perl, variable: Variable) -> *mut GV {
    let slot = &state(perl).variables[variable as usize];
    if slot.get().is_null() {
        slot.set(kept(perl, perl.glob(variable.name())));
    }
    slot.get()
}

/// The sub that compiles regular expressions with these modifiers, made once.
pub(crate) fn regexp_maker(perl: Perl, modifiers: &str, make: impl FnOnce() -> Result<Owned>) -> Result<*mut CV> {
    let makers = &state(perl).regexp_makers;
    let known = makers.borrow().iter().find(|(known, _)| **known == *modifiers).map(|&(_, sub)| sub);
    if let Some(sub) = known {
        return Ok(sub);
    }
    let made = make()?;
    let sub = made.scalar().code().ok_or_else(|| Error::text("not a sub"))?;
    // Kept for as long as the interpreter lives.
    made.into_raw();
    makers.borrow_mut().push((modifiers.into(), sub));
    Ok(sub)
}

/// Notes what Storable sets its recursion limits to, for arrays and references and for hashes.
pub(crate) fn set_storable_limits(perl: Perl, limits: [i64; 2]) {
    state(perl).storable_limits.set(Some(limits));
}

/// What Storable sets its recursion limits to; `None` while nobody has told, and so nobody can have asked for others.
pub(crate) fn storable_limits(perl: Perl) -> Option<[i64; 2]> {
    state(perl).storable_limits.get()
}

/// What the codec does, for hooks that ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    Nothing,
    Storing,
    Retrieving,
}

/// One reading or writing that is under way, until it is dropped.
pub(crate) struct Nested<'a> {
    state: &'a State,
    around: Doing,
}

impl Drop for Nested<'_> {
    fn drop(&mut self) {
        self.state.nesting.set(self.state.nesting.get() - 1);
        self.state.doing.set(self.around);
    }
}

/// Begins a reading or a writing, unless too many are under way already. A hook may freeze or thaw in its turn, each on
/// the stack of the one before, and how often may be for stored bytes to say.
pub(crate) fn nested<'a>(perl: Perl, doing: Doing, network_order: bool) -> Result<Nested<'a>> {
    const MOST: usize = 100;
    let state = state(perl);
    if state.nesting.get() >= MOST {
        return Err(Error::text(format!("hooks that freeze or thaw, more than {MOST} inside each other")));
    }
    state.nesting.set(state.nesting.get() + 1);
    state.network_order.set(network_order);
    Ok(Nested { state, around: state.doing.replace(doing) })
}

/// What the innermost reading or writing is.
pub(crate) fn doing(perl: Perl) -> Doing {
    state(perl).doing.get()
}

/// Whether the last reading or writing was of an image in network order.
pub(crate) fn last_in_network_order(perl: Perl) -> bool {
    state(perl).network_order.get()
}

/// Has an image written in memory of the size that the last one took, for they are much the same.
pub(crate) fn with_image(perl: Perl, work: impl FnOnce(Image) -> Result<Image>) -> Result<Owned> {
    const MOST: usize = 1 << 20;
    let len = &state(perl).image_len;
    let image = work(Image::with_capacity(perl, len.get()))?;
    len.set(image.len().min(MOST));
    Ok(image.finish())
}

/// Lends the buffer for images, which keeps its memory from one use to the next.
pub(crate) fn with_buffer<T>(perl: Perl, work: impl FnOnce(Vec<u8>) -> (Vec<u8>, T)) -> T {
    const KEPT: usize = 1 << 20;
    let slot = &state(perl).buffer;
    let (buffer, result) = work(slot.take());
    if buffer.capacity() <= KEPT {
        slot.set(buffer);
    }
    result
}

/// Lends the memory for a reading; one inside another gets its own.
pub(crate) fn with_scratch<T>(perl: Perl, work: impl FnOnce(&mut Scratch<*mut SV, *mut HV>) -> T) -> T {
    let slot = &state(perl).scratch;
    let mut scratch = slot.take();
    let result = work(&mut scratch);
    slot.set(scratch);
    result
}

fn state<'a>(perl: Perl) -> &'a State {
    // SAFETY: the pointer is ours: null, or a State that lives until the interpreter goes.
    unsafe {
        let mut state = shim::mc_state(perl.raw()).cast::<State>();
        if state.is_null() {
            state = Box::into_raw(Box::new(State {
                stores: RefCell::default(),
                stashes: [const { Cell::new(ptr::null_mut()) }; 3],
                globs: [const { Cell::new(ptr::null_mut()) }; Sub::COUNT],
                variables: [const { Cell::new(ptr::null_mut()) }; Variable::COUNT],
                regexp_makers: RefCell::default(),
                storable_limits: Cell::new(None),
                nesting: Cell::new(0),
                doing: Cell::new(Doing::Nothing),
                network_order: Cell::new(false),
                image_len: Cell::new(0),
                template: RefCell::default(),
                buffer: Cell::default(),
                scratch: Cell::default(),
            }));
            shim::mc_state_set(perl.raw(), state.cast());
        }
        &*state
    }
}

/// Called by the shim when the interpreter goes.
#[unsafe(no_mangle)]
extern "C" fn mc_state_free(state: *mut c_void) {
    // SAFETY: the pointer that `state` made, given up by the shim.
    let state = unsafe { Box::from_raw(state.cast::<State>()) };
    // Closing connections and environments can't fail in a way that anyone could hear of now.
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(state)));
}
