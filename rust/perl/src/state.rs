//! What an interpreter keeps between calls: its stores, and with them its connections.
//!
//! The state belongs to the interpreter, not to the thread of the operating system: mod_perl's worker hands an
//! interpreter from one thread to another. A new Perl thread starts without any state and opens its own connections.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::rc::Rc;

use session::{Config, Store};

use crate::error::Result;
use crate::perl::Perl;
use crate::shim;

/// A store that sessions with the same configuration share.
pub(crate) type SharedStore = Rc<RefCell<Store>>;

#[derive(Default)]
struct State {
    stores: RefCell<HashMap<Config, SharedStore>>,
}

/// The store for this configuration, kept from an earlier session or new.
pub(crate) fn store(perl: Perl, config: &Config) -> Result<SharedStore> {
    let state = state(perl);
    if let Some(store) = state.stores.borrow().get(config) {
        return Ok(store.clone());
    }
    let store = Rc::new(RefCell::new(Store::open(config.clone())?));
    state.stores.borrow_mut().insert(config.clone(), store.clone());
    Ok(store)
}

/// A store that nobody shares, for a signal handler that comes while the shared one waits.
pub(crate) fn lone_store(config: &Config) -> Result<SharedStore> {
    Ok(Rc::new(RefCell::new(Store::open(config.clone())?)))
}

fn state<'a>(perl: Perl) -> &'a State {
    // SAFETY: the pointer is ours: null, or a State that lives until the interpreter goes.
    unsafe {
        let mut state = shim::mc_state(perl.raw()).cast::<State>();
        if state.is_null() {
            state = Box::into_raw(Box::default());
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
