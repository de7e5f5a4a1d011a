//! A call from Perl: its arguments, its warnings, and how it ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use libperl_sys::{CV, PerlInterpreter, SV, thx};

use crate::error::{Error, Result};
use crate::perl::hash::Hash;
use crate::perl::scalar::Scalar;
use crate::perl::shim::{self, End, Outcome};
use crate::perl::{Owned, Perl};

/// One call of a native method.
pub(crate) struct Call<'a> {
    pub(crate) perl: Perl,
    args: &'a [*mut SV],
    /// Told to the caller, at its line, before the method ends.
    pub(crate) warnings: Vec<String>,
}

/// What a native method returns to Perl.
pub(crate) enum Return {
    /// The empty list.
    Nothing,
    /// Borrowed from something that outlives the call, or mortal.
    Value(Scalar),
    /// A list, undef for `None`.
    List(Vec<Option<Owned>>),
    /// Whatever this sub returns for the same arguments.
    Super(*mut CV),
}

/// What the caller does with what a method returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Context {
    Void,
    Scalar,
    List,
}

/// A native method.
pub(crate) type Method = fn(&mut Call<'_>) -> Result<Return>;

impl Call<'_> {
    /// The argument at `index`, undef when it was not given.
    pub(crate) fn arg(&self, index: usize) -> Scalar {
        match self.args.get(index) {
            // SAFETY: perl keeps the arguments alive during the call.
            Some(&raw) => unsafe { Scalar::from_raw(raw) },
            None => self.perl.undef(),
        }
    }

    /// How many arguments were given.
    pub(crate) fn items(&self) -> usize {
        self.args.len()
    }

    /// The object that the method was called on.
    pub(crate) fn object(&self) -> Result<Hash> {
        self.arg(0).hash().ok_or_else(|| Error::text("called without its object"))
    }

    /// The context of the call. To be asked for before anything else is called.
    pub(crate) fn context(&self) -> Context {
        // SAFETY: inside a call from Perl.
        match unsafe { shim::mc_context(self.perl.raw()) } {
            0 => Context::Void,
            1 => Context::Scalar,
            _ => Context::List,
        }
    }

    pub(crate) fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }
}

/// Runs a method for the shim. No panic and no exception gets past here; both leave as an [`Outcome`].
pub(crate) fn run(method: Method, raw: *mut PerlInterpreter, args: *const *mut SV, items: i32, outcome: *mut Outcome) {
    // SAFETY: the shim passes the interpreter that called it, and `items` live arguments.
    let (perl, args) = unsafe { (Perl::from_raw(raw), std::slice::from_raw_parts(args, items as usize)) };
    let mut call = Call { perl, args, warnings: Vec::new() };
    let result = catch_unwind(AssertUnwindSafe(|| method(&mut call)))
        .unwrap_or_else(|panic| Err(Error::text(format!("internal error: {}", panic_text(&*panic)))));
    let warnings = warnings_array(perl, &call.warnings);
    let (end, value) = match result {
        Ok(Return::Nothing) => (End::Value, ptr::null_mut()),
        Ok(Return::Value(value)) => (End::Value, value.raw()),
        Ok(Return::List(values)) => (End::List, mortal_array(perl, values).raw()),
        Ok(Return::Super(cv)) => (End::Super, cv.cast()),
        Err(error) => match error.into_scalar(perl) {
            Some(error) => (End::Croak, error.into_raw()),
            None => (End::Leave, ptr::null_mut()),
        },
    };
    // SAFETY: the shim passes its own outcome.
    unsafe { *outcome = Outcome { end, value, warnings } };
}

fn mortal_array(perl: Perl, values: Vec<Option<Owned>>) -> Scalar {
    // SAFETY: a new array, which takes over each value.
    unsafe {
        let array = shim::mc_new_array(perl.raw(), 0);
        for value in values {
            let value = value.map_or_else(|| thx::Perl_newSV(perl.raw(), 0), Owned::into_raw);
            thx::Perl_av_push(perl.raw(), array.cast(), value);
        }
        Owned::from_raw(perl, array).mortal()
    }
}

fn warnings_array(perl: Perl, warnings: &[String]) -> *mut libperl_sys::AV {
    if warnings.is_empty() {
        return ptr::null_mut();
    }
    // SAFETY: a new array, which takes over each text.
    unsafe {
        let array = thx::Perl_newSV(perl.raw(), 0);
        thx::Perl_sv_upgrade(perl.raw(), array, libperl_sys::svtype::SVt_PVAV);
        for warning in warnings {
            thx::Perl_av_push(perl.raw(), array.cast(), perl.text(warning).into_raw());
        }
        array.cast()
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("panic")
}
