//! Tied variables and their elements, subs, regular expressions, and classes that overload operators.

use std::ffi::c_int;
use std::ptr;

use libperl_sys::{self as sys, HV, SV, svtype};
use storable::Place;

use super::{Builder, Built, Code};
use crate::codec::variables::Variable;
use crate::error::{Error, Result};
use crate::perl::Owned;
use crate::perl::scalar::Scalar;
use crate::perl::shim;
use crate::state;

impl Builder<'_> {
    pub(super) fn tie_to(&mut self, variable: *mut SV, object: *mut SV) -> Result<()> {
        // SAFETY: both are alive until the reading ends.
        let (kind, object_kind) = unsafe { (sys::SvTYPE(variable), sys::SvTYPE(object)) };
        let container = matches!(kind, svtype::SVt_PVAV | svtype::SVt_PVHV);
        let how = if container { b'P' } else { b'q' };
        // A scalar that is tied to itself was stored as tied to an undef.
        let behind = if !container && object_kind == svtype::SVt_NULL { ptr::null_mut() } else { object };
        self.add_magic(variable, object, behind, how, ptr::null_mut(), 0)
    }

    pub(super) fn tie_to_element(&mut self, element: *mut SV, object: *mut SV, place: Place<*mut SV>) -> Result<()> {
        let (key, index) = match place {
            Place::Key(key) => {
                self.held.push(key);
                (key, 0)
            }
            Place::Index(index) => (ptr::null_mut(), index),
        };
        self.add_magic(element, object, object, b'p', key, index)
    }

    /// Takes `object` over, and ties to what is `behind`, which is it or nothing.
    fn add_magic(
        &mut self,
        variable: *mut SV,
        object: *mut SV,
        behind: *mut SV,
        how: u8,
        key: *mut SV,
        index: i32,
    ) -> Result<()> {
        self.held.push(object);
        if !self.how.tie {
            return Err(Error::text("Tying is disabled."));
        }
        let mut error = ptr::null_mut();
        // SAFETY: all are alive until the reading ends; the magic counts what it refers to.
        let status =
            unsafe { shim::mc_tie(self.perl.raw(), variable, behind, c_int::from(how), key, index, &mut error) };
        self.perl.status(status, error)
    }

    /// The sub that `$Storable::Eval` makes of a source; with `$Storable::forgive_me`, the source.
    pub(super) fn sub(&mut self, source: &[u8], utf8: bool) -> Result<*mut SV> {
        let perl = self.perl;
        if self.how.code == Code::Refused {
            return Err(Error::text("can't revive a code reference"));
        }
        let text = [b"sub ", source].concat();
        let text = if utf8 { perl.utf8(&text) } else { perl.bytes(&text) };
        let eval = Variable::Eval.get(perl);
        if !eval.is_true(perl)? {
            if Variable::ForgiveMe.get(perl).is_true(perl)? {
                return Ok(text.into_raw());
            }
            return Err(Error::text("Can't eval, please set $Storable::Eval to a true value"));
        }
        let callback = eval.code().or_else(|| perl.sub(c"Apache::Session::Memorycached::Native::_eval"));
        let callback = callback.ok_or_else(|| Error::text("Apache::Session::Memorycached::Native is not loaded"))?;
        let evaluated = perl.eval(&text, callback);
        let shown = || text.scalar().to_text(perl);
        let value = match evaluated? {
            (value, None) => value,
            (value, Some(failure)) => {
                value.free()?;
                let failure = failure.scalar().to_text(perl)?;
                return Err(Error::text(format!("code {} caused an error: {failure}", shown()?)));
            }
        };
        match value.scalar().code() {
            // SAFETY: alive in the reference.
            Some(sub) => self.target(value, unsafe { Scalar::from_raw(sub.cast()) }),
            None => {
                value.free()?;
                Err(Error::text(format!("code {} did not evaluate to a subroutine reference\n", shown()?)))
            }
        }
    }

    /// The regular expression that `qr` makes of a pattern. Perl refuses code in it.
    pub(super) fn compiled(&mut self, pattern: &[u8], modifiers: &[u8]) -> Result<*mut SV> {
        let perl = self.perl;
        let text = str::from_utf8(modifiers).unwrap_or("?");
        if text.len() > MOST_MODIFIERS || !text.chars().all(|modifier| MODIFIERS.contains(modifier)) {
            return Err(Error::text("regexp flags invalid"));
        }
        let sub = state::regexp_maker(perl, text, || {
            let maker = perl.sub(c"Apache::Session::Memorycached::Native::_qr");
            let maker = maker.ok_or_else(|| Error::text("Apache::Session::Memorycached::Native is not loaded"))?;
            let (made, failure) = perl.eval(&perl.text(text), maker)?;
            match (made.scalar().code(), failure) {
                (Some(_), None) => Ok(made),
                _ => Err(Error::text("regexp flags invalid")),
            }
        })?;
        let pattern = perl.bytes(pattern);
        let regexp = perl.call(sub, &[pattern.scalar()])?;
        match regexp.scalar().target() {
            Some(target) => self.target(regexp, target),
            None => Err(Error::text("a regular expression that perl doesn't compile")),
        }
    }

    /// One count of what a reference refers to, in place of the reference.
    fn target(&self, reference: Owned, target: Scalar) -> Result<*mut SV> {
        let target = target.own(self.perl).into_raw();
        reference.free()?;
        Ok(target)
    }

    /// Remembers that operators of this object worked when it was frozen.
    pub(super) fn note_overloading(&mut self, object: *mut SV) -> Built<()> {
        // SAFETY: alive until the reading ends; an object has a class.
        let class = unsafe {
            match Scalar::from_raw(object).is_object() {
                true => sys::SvSTASH(object),
                false => return Err(self.lost_overloading(object, "<unknown>", "").into()),
            }
        };
        if !self.overloaded.iter().any(|(known, _)| *known == class) {
            self.hold(object);
            self.overloaded.push((class, object));
        }
        Ok(())
    }

    /// Sees to it that a class that overloaded operators does so here.
    pub(super) fn restore_overloading(&mut self, class: *mut HV, object: *mut SV) -> Result<()> {
        let perl = self.perl;
        if perl.overloads(class)? {
            return Ok(());
        }
        let name = perl.class_name(class)?;
        perl.require(name)?;
        if perl.overloads(class)? {
            return Ok(());
        }
        let name = String::from_utf8_lossy(name);
        Err(self.lost_overloading(object, &name, &format!(" (even after a \"require {name};\")")))
    }

    fn lost_overloading(&self, object: *mut SV, package: &str, rest: &str) -> Error {
        // SAFETY: alive until the reading ends.
        let kind = self.perl.type_name(unsafe { Scalar::from_raw(object) });
        let address = object.addr();
        Error::text(format!("Cannot restore overloading on {kind}(0x{address:x}) (package {package}){rest}"))
    }
}

/// What `qr` takes.
const MODIFIERS: &str = "msixpdualn";
/// More than any combination of them takes, two of which may come twice.
const MOST_MODIFIERS: usize = 16;
