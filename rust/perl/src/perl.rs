//! The interpreter, and what it makes: [`Perl`], and [`Owned`] for a reference count that we hold.
//!
//! - `scalar`, `array`, `hash`, `entry`: values, borrowed; `argument`: what a value can be taken as
//! - `call`: the way in and out of a method; `signals`: handlers that run while a server is waited for
//! - `shim`: the C side

pub(crate) mod argument;
pub(crate) mod array;
pub(crate) mod call;
pub(crate) mod entry;
pub(crate) mod hash;
pub(crate) mod scalar;
pub(crate) mod shim;
pub(crate) mod signals;

use std::ffi::{CStr, c_int};
use std::ptr;

use libperl_sys::{self as sys, CV, GV, HV, PerlInterpreter, SV, thx};

use self::scalar::Scalar;
use crate::error::{Error, Result};

/// The interpreter that called us. Valid for the duration of one native method; never kept.
#[derive(Clone, Copy)]
pub(crate) struct Perl(*mut PerlInterpreter);

impl Perl {
    /// # Safety
    /// `raw` is the interpreter of this thread, inside a call from Perl.
    pub(crate) unsafe fn from_raw(raw: *mut PerlInterpreter) -> Perl {
        Perl(raw)
    }

    pub(crate) fn raw(self) -> *mut PerlInterpreter {
        self.0
    }

    /// Turns the status of a guarded call into a result.
    pub(crate) fn status(self, status: c_int, error: *mut SV) -> Result<()> {
        match status {
            shim::OK => Ok(()),
            // SAFETY: with MC_DIED the shim hands over a reference to a new scalar.
            shim::DIED => Err(Error::Died(unsafe { Owned::from_raw(self, error) })),
            _ => Err(Error::Exited),
        }
    }

    /// Runs the signal handlers that are due. One that dies comes back as the error.
    pub(crate) fn signals(self) -> Result<()> {
        let mut error = ptr::null_mut();
        // SAFETY: the shim guards whatever the handlers do.
        let status = unsafe { shim::mc_signals(self.0, &mut error) };
        self.status(status, error)
    }

    /// A new scalar, taken over from `raw`.
    fn own(self, raw: *mut SV) -> Owned {
        // SAFETY: every caller passes a scalar that it has just made.
        unsafe { Owned::from_raw(self, raw) }
    }

    pub(crate) fn integer(self, value: i64) -> Owned {
        // SAFETY: allocates.
        self.own(unsafe { thx::Perl_newSViv(self.0, value as sys::IV) })
    }

    pub(crate) fn unsigned(self, value: u64) -> Owned {
        // SAFETY: allocates.
        self.own(unsafe { thx::Perl_newSVuv(self.0, value as sys::UV) })
    }

    /// A reference to a new array, which takes over its elements.
    pub(crate) fn array(self, elements: Vec<Owned>) -> Owned {
        // SAFETY: a new array; each element's count passes to it.
        let array = unsafe {
            let array = shim::mc_new_array(self.0, 0);
            for element in elements {
                thx::Perl_av_push(self.0, array.cast(), element.into_raw());
            }
            self.own(array)
        };
        self.reference_to(array)
    }

    /// What hooks are told: whether this is a copy within the process. Storable's number for it is 4.
    pub(crate) fn cloning(self, cloning: bool) -> Owned {
        self.integer(if cloning { 4 } else { 0 })
    }

    pub(crate) fn bytes(self, bytes: &[u8]) -> Owned {
        // SAFETY: copies `bytes.len()` bytes.
        self.own(unsafe { thx::Perl_newSVpvn_flags(self.0, bytes.as_ptr().cast(), bytes.len(), 0) })
    }

    /// A string of characters; plain ASCII stays without the UTF-8 flag.
    pub(crate) fn text(self, text: &str) -> Owned {
        let flags = if text.is_ascii() { 0 } else { sys::SVf_UTF8 };
        // SAFETY: copies; a str is valid UTF-8.
        self.own(unsafe { thx::Perl_newSVpvn_flags(self.0, text.as_ptr().cast(), text.len(), flags) })
    }

    /// A string in perl's UTF-8, which the bytes are.
    pub(crate) fn utf8(self, bytes: &[u8]) -> Owned {
        // SAFETY: copies `bytes.len()` bytes.
        self.own(unsafe { thx::Perl_newSVpvn_flags(self.0, bytes.as_ptr().cast(), bytes.len(), sys::SVf_UTF8) })
    }

    /// The name of a class as a string.
    pub(crate) fn class_text(self, name: &[u8]) -> Owned {
        if is_utf8(name) { self.utf8(name) } else { self.bytes(name) }
    }

    /// A new reference to `target`, which gains an owner.
    pub(crate) fn reference(self, target: Scalar) -> Owned {
        // SAFETY: `target` is alive.
        self.own(unsafe { thx::Perl_newRV(self.0, target.raw()) })
    }

    /// A new reference that takes over `target`.
    pub(crate) fn reference_to(self, target: Owned) -> Owned {
        let raw = target.into_raw();
        // SAFETY: the count of `raw` passes to the reference.
        self.own(unsafe { shim::mc_new_reference_to(self.0, raw) })
    }

    /// A new empty hash with room for that many keys.
    pub(crate) fn hash_for(self, keys: usize) -> Owned {
        // SAFETY: allocates.
        self.own(unsafe { shim::mc_new_hash(self.0, keys) })
    }

    /// A new empty hash.
    pub(crate) fn hash(self) -> Owned {
        // SAFETY: a fresh scalar can become any type.
        unsafe {
            let sv = thx::Perl_newSV(self.0, 0);
            thx::Perl_sv_upgrade(self.0, sv, sys::svtype::SVt_PVHV);
            self.own(sv)
        }
    }

    pub(crate) fn undef(self) -> Scalar {
        // SAFETY: an immortal of the interpreter.
        unsafe { Scalar::from_raw(shim::mc_undef(self.0)) }
    }

    /// The class called `name`, made when it isn't there yet. A name that is UTF-8 is one of characters.
    pub(crate) fn stash(self, name: &[u8]) -> *mut HV {
        let utf8 = if is_utf8(name) { sys::SVf_UTF8 as i32 } else { 0 };
        // SAFETY: the name is copied.
        unsafe { thx::Perl_gv_stashpvn(self.0, name.as_ptr().cast(), name.len() as u32, sys::GV_ADD as i32 | utf8) }
    }

    /// A defined subroutine by its full name.
    pub(crate) fn sub(self, name: &CStr) -> Option<*mut CV> {
        // SAFETY: looks up only.
        let cv = unsafe { thx::Perl_get_cvn_flags(self.0, name.as_ptr(), name.count_bytes(), 0) };
        (!cv.is_null()).then_some(cv)
    }

    /// The glob of a name, made when it isn't there yet.
    pub(crate) fn glob(self, name: &CStr) -> *mut GV {
        // SAFETY: the name is copied.
        unsafe {
            thx::Perl_gv_fetchpvn_flags(
                self.0,
                name.as_ptr(),
                name.count_bytes(),
                sys::GV_ADD as i32,
                sys::svtype::SVt_PVCV,
            )
        }
    }

    /// Perl's true or false.
    pub(crate) fn boolean(self, value: bool) -> Scalar {
        // SAFETY: immortals of the interpreter.
        unsafe { Scalar::from_raw(if value { shim::mc_yes(self.0) } else { shim::mc_no(self.0) }) }
    }

    /// Calls a sub in scalar context; what it returns is copied.
    pub(crate) fn call(self, sub: *mut CV, args: &[Scalar]) -> Result<Owned> {
        let (mut out, mut error) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: a Scalar is a pointer to a live scalar; the shim guards the call.
        let status =
            unsafe { shim::mc_call_sub(self.0, sub, args.as_ptr().cast(), args.len() as i32, &mut out, &mut error) };
        self.status(status, error)?;
        // SAFETY: with MC_OK it is a new scalar.
        Ok(unsafe { Owned::from_raw(self, out) })
    }

    /// Calls a sub in list context; what it returned, not copies, is in the array.
    pub(crate) fn call_list(self, sub: *mut CV, args: &[Scalar]) -> Result<Owned> {
        // SAFETY: a new array.
        let list = self.own(unsafe { shim::mc_new_array(self.0, 0) });
        let mut error = ptr::null_mut();
        let out = list.scalar().raw().cast();
        // SAFETY: as in `call`.
        let status =
            unsafe { shim::mc_call_list(self.0, sub, args.as_ptr().cast(), args.len() as i32, out, &mut error) };
        match self.status(status, error) {
            Ok(()) => Ok(list),
            Err(error) => {
                list.free()?;
                Err(error)
            }
        }
    }

    /// What `callback` makes of a source, and what was left in `$@`.
    pub(crate) fn eval(self, source: &Owned, callback: *mut CV) -> Result<(Owned, Option<Owned>)> {
        let (mut out, mut failure, mut error) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: the source is alive; the shim guards what it does.
        let status =
            unsafe { shim::mc_eval(self.0, source.scalar().raw(), callback, &mut out, &mut failure, &mut error) };
        self.status(status, error)?;
        let failure = (!failure.is_null()).then(|| self.own(failure));
        Ok((self.own(out), failure))
    }

    /// Loads the module of a class.
    pub(crate) fn require(self, name: &[u8]) -> Result<()> {
        let name = self.class_text(name);
        let mut error = ptr::null_mut();
        // SAFETY: a string; the shim guards what loading does.
        let status = unsafe { shim::mc_require(self.0, name.scalar().raw(), &mut error) };
        self.status(status, error)
    }

    /// Warns, at the line of Perl that is running.
    pub(crate) fn warn(self, text: &str) -> Result<()> {
        let text = self.text(text);
        let mut error = ptr::null_mut();
        // SAFETY: a string; the shim guards what a handler of warnings does.
        let status = unsafe { shim::mc_warn(self.0, text.scalar().raw(), &mut error) };
        self.status(status, error)
    }

    /// The name of a class, for as long as it lives.
    pub(crate) fn class_name<'a>(self, class: *mut HV) -> Result<&'a [u8]> {
        let mut len = 0;
        // SAFETY: a live class.
        unsafe {
            let start = shim::mc_stash_name(self.0, class, &mut len);
            if start.is_null() {
                return Err(Error::text("an object whose class was deleted"));
            }
            Ok(std::slice::from_raw_parts(start.cast::<u8>(), len))
        }
    }

    /// The method that objects of a class have under a name.
    pub(crate) fn method(self, class: *mut HV, name: &CStr) -> Option<*mut CV> {
        // SAFETY: a live class; looks up only.
        unsafe {
            let glob = thx::Perl_gv_fetchmethod_autoload(self.0, class, name.as_ptr(), 0);
            let sub = if glob.is_null() { ptr::null_mut() } else { shim::mc_glob_sub(glob) };
            (!sub.is_null()).then_some(sub)
        }
    }

    /// Whether a class overloads operators.
    pub(crate) fn overloads(self, class: *mut HV) -> Result<bool> {
        let (mut overloaded, mut error): (c_int, _) = (0, ptr::null_mut());
        // SAFETY: a live class; the shim guards the look-up of its operators.
        let status = unsafe { shim::mc_overloaded(self.0, class, &mut overloaded, &mut error) };
        self.status(status, error)?;
        Ok(overloaded != 0)
    }

    /// Whether a value is an object of a class, or of one derived from it.
    pub(crate) fn derives(self, value: Scalar, class: Scalar) -> Result<bool> {
        let (mut derives, mut error): (c_int, _) = (0, ptr::null_mut());
        // SAFETY: both are alive.
        let status = unsafe { shim::mc_derives(self.0, value.raw(), class.raw(), &mut derives, &mut error) };
        self.status(status, error)?;
        Ok(derives != 0)
    }

    /// What `ref` says of a reference to a value without a class.
    pub(crate) fn type_name(self, value: Scalar) -> String {
        // SAFETY: a literal of perl's own.
        unsafe { CStr::from_ptr(thx::Perl_sv_reftype(self.0, value.raw(), 0)) }.to_string_lossy().into_owned()
    }
}

/// One reference count on a scalar, given up on drop.
///
/// What it holds must not run Perl code when it is freed; for what may, see [`Owned::free`].
pub(crate) struct Owned {
    perl: Perl,
    raw: *mut SV,
}

impl Owned {
    /// # Safety
    /// One reference count of `raw`, which is not null, passes to the result.
    pub(crate) unsafe fn from_raw(perl: Perl, raw: *mut SV) -> Owned {
        Owned { perl, raw }
    }

    pub(crate) fn scalar(&self) -> Scalar {
        // SAFETY: alive as long as `self`; the users keep `self` meanwhile.
        unsafe { Scalar::from_raw(self.raw) }
    }

    /// Gives the count to Perl.
    pub(crate) fn into_raw(self) -> *mut SV {
        let raw = self.raw;
        std::mem::forget(self);
        raw
    }

    /// Hands the scalar to Perl's temporaries, to be returned from a method.
    pub(crate) fn mortal(self) -> Scalar {
        let perl = self.perl;
        let raw = self.into_raw();
        // SAFETY: the count passes to the temporaries, which outlive the method.
        unsafe { Scalar::from_raw(thx::Perl_sv_2mortal(perl.raw(), raw)) }
    }

    /// Gives up something whose end may run a `DESTROY`; an exit in there is reported.
    pub(crate) fn free(self) -> Result<()> {
        let perl = self.perl;
        let raw = self.into_raw();
        let mut error = ptr::null_mut();
        // SAFETY: the count passes to the shim.
        let status = unsafe { shim::mc_free(perl.raw(), raw, &mut error) };
        perl.status(status, error)
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: the count is ours.
        unsafe { thx::Perl_SvREFCNT_dec(self.perl.raw(), self.raw) }
    }
}

/// Counts one owner more. Not each version of perl has this as a function.
///
/// # Safety
/// `sv` is alive, and somebody gives up what is counted here.
pub(crate) unsafe fn retain(sv: *mut SV) -> *mut SV {
    // SAFETY: alive.
    unsafe { (*sv).sv_refcnt += 1 };
    sv
}

/// Whether a name has to be given to perl as UTF-8.
fn is_utf8(name: &[u8]) -> bool {
    // SAFETY: looks at `name.len()` bytes.
    !name.is_ascii() && unsafe { shim::mc_is_utf8(name.as_ptr().cast(), name.len()) != 0 }
}
