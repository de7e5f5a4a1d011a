//! Native values behind Perl objects: [`attach`] puts one there, [`behind`] finds it.
//!
//! There are several kinds, and an object may be given where another's is expected: each kind has its number, which the
//! shim compares before anybody touches the value.

use std::cell::RefCell;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::rc::Rc;

use crate::client::Client;
use crate::perl::Perl;
use crate::perl::scalar::Scalar;
use crate::perl::shim;
use crate::tie::lazy::Lazy;
use crate::tie::life::Session;

/// A value that can be behind an object. Several objects may share one.
pub(crate) trait Native: Sized + 'static {
    /// Tells the kinds apart: below `MC_KINDS` of the shim, and in [`mc_native_free`] and [`mc_native_clone`].
    const KIND: c_int;

    /// A copy for a new thread, which shares nothing with the original.
    fn for_thread(&self) -> Self;
}

/// Puts a value behind a Perl object.
pub(crate) fn attach<T: Native>(perl: Perl, object: Scalar, value: &Rc<RefCell<T>>) {
    let native = Rc::into_raw(value.clone());
    // SAFETY: the object owns this count from here; the shim gives it to mc_native_free when the object goes.
    unsafe { shim::mc_native_attach(perl.raw(), object.raw(), T::KIND, native.cast_mut().cast()) };
}

/// The value of this kind behind a Perl object, if it has one.
pub(crate) fn behind<T: Native>(object: Scalar) -> Option<Rc<RefCell<T>>> {
    // SAFETY: looks through the magic of a live scalar.
    let native = unsafe { shim::mc_native_of(object.raw(), T::KIND) }.cast::<RefCell<T>>();
    if native.is_null() {
        return None;
    }
    // SAFETY: the kind says that `attach` put it there; alive as long as the object; the result has a count of its own.
    unsafe {
        Rc::increment_strong_count(native);
        Some(Rc::from_raw(native))
    }
}

/// Takes the value of this kind away from a Perl object.
pub(crate) fn detach<T: Native>(perl: Perl, object: Scalar) {
    // SAFETY: a live scalar; the count that it had comes back in mc_native_free.
    unsafe { shim::mc_native_detach(perl.raw(), object.raw(), T::KIND) };
}

/// Called by the shim when an object goes.
#[unsafe(no_mangle)]
extern "C" fn mc_native_free(kind: c_int, native: *mut c_void) {
    // SAFETY: the count that `attach` gave away, of the kind that it did.
    unsafe {
        match kind {
            Session::KIND => drop(Rc::from_raw(native.cast::<RefCell<Session>>())),
            Lazy::KIND => drop(Rc::from_raw(native.cast::<RefCell<Lazy>>())),
            _ => drop(Rc::from_raw(native.cast::<RefCell<Client>>())),
        }
    }
}

/// Called by the shim when a thread starts.
#[unsafe(no_mangle)]
extern "C" fn mc_native_clone(kind: c_int, native: *mut c_void) -> *mut c_void {
    match kind {
        Session::KIND => copy::<Session>(native),
        Lazy::KIND => copy::<Lazy>(native),
        _ => copy::<Client>(native),
    }
}

fn copy<T: Native>(native: *mut c_void) -> *mut c_void {
    // SAFETY: what `attach` put there; the parent thread is the one that clones, so nothing else uses it.
    let original = unsafe { &*native.cast::<RefCell<T>>() };
    // Null, where a signal handler starts a thread while this very value is in use.
    let Ok(original) = original.try_borrow() else { return ptr::null_mut() };
    Rc::into_raw(Rc::new(RefCell::new(original.for_thread()))).cast_mut().cast()
}
