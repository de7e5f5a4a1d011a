//! The interpreter, and what it makes: [`Perl`], and [`Owned`] for a reference count that we hold.

use std::ffi::{CStr, c_int};
use std::ptr;

use libperl_sys::{self as sys, CV, GV, HV, PerlInterpreter, SV, thx};

use crate::error::{Error, Result};
use crate::scalar::Scalar;
use crate::shim;

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

    /// A new reference to `target`, which gains an owner.
    pub(crate) fn reference(self, target: Scalar) -> Owned {
        // SAFETY: `target` is alive.
        self.own(unsafe { thx::Perl_newRV(self.0, target.raw()) })
    }

    /// A new reference that takes over `target`.
    pub(crate) fn reference_to(self, target: Owned) -> Owned {
        let raw = target.into_raw();
        // SAFETY: the count of `raw` passes to the reference.
        self.own(unsafe { thx::Perl_newRV_noinc(self.0, raw) })
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

    /// The class called `name`, made when it isn't there yet.
    pub(crate) fn stash(self, name: &[u8]) -> *mut HV {
        let utf8 = if name.is_ascii() { 0 } else { sys::SVf_UTF8 as i32 };
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
        unsafe { sys::Perl_SvREFCNT_dec(self.perl.raw(), self.raw) }
    }
}
