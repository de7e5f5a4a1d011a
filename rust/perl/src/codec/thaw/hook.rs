//! Objects that their class makes again: `STORABLE_attach`, or else `STORABLE_thaw`.

use std::ffi::CStr;

use libperl_sys::{CV, HV, SV};
use storable::Frozen;

use super::Builder;
use crate::error::{Error, Result};
use crate::perl::Owned;
use crate::perl::scalar::Scalar;

impl Builder<'_> {
    /// Makes an empty value the object that a hook took apart. Without blessing, it stays empty.
    pub(super) fn call_hook(&mut self, object: *mut SV, frozen: &Frozen<'_, *mut SV, *mut HV>) -> Result<*mut SV> {
        if !self.how.bless {
            return Ok(object);
        }
        let revived = self.revive(object, frozen);
        match revived {
            Ok(Some(attached)) => {
                // Twice: for whoever takes the result over, and for back references.
                self.hold(attached);
                self.attached.push(attached);
                self.held.push(object);
                Ok(attached)
            }
            Ok(None) => Ok(object),
            Err(error) => {
                self.held.push(object);
                Err(error)
            }
        }
    }

    /// Has the class fill the object in, or attach another one, which is owned.
    fn revive(&mut self, object: *mut SV, frozen: &Frozen<'_, *mut SV, *mut HV>) -> Result<Option<*mut SV>> {
        const ATTACH: &CStr = c"STORABLE_attach";
        const THAW: &CStr = c"STORABLE_thaw";
        let perl = self.perl;
        let name = perl.class_name(frozen.class)?;
        if perl.method(frozen.class, ATTACH).is_none() && perl.method(frozen.class, THAW).is_none() {
            // `classes` has allowed it.
            perl.require(name)?;
        }
        if let Some(attach) = perl.method(frozen.class, ATTACH) {
            return self.attach(attach, name, frozen).map(Some);
        }
        let Some(thaw) = perl.method(frozen.class, THAW) else {
            let name = String::from_utf8_lossy(name);
            return Err(Error::text(format!(
                "No STORABLE_thaw defined for objects of class {name} (even after a \"require {name};\")"
            )));
        };
        // SAFETY: alive until the reading ends.
        unsafe { crate::perl::shim::mc_bless(perl.raw(), object, frozen.class) };
        let mut args = vec![self.reference_to(object), perl.cloning(self.how.cloning), perl.bytes(frozen.bytes)];
        args.extend(frozen.refs.iter().map(|&target| self.reference_to(target)));
        self.call(thaw, args)?.free()?;
        Ok(None)
    }

    fn attach(&mut self, attach: *mut CV, name: &[u8], frozen: &Frozen<'_, *mut SV, *mut HV>) -> Result<*mut SV> {
        let perl = self.perl;
        if !frozen.refs.is_empty() {
            return Err(Error::text("STORABLE_attach called with unexpected references"));
        }
        let class = perl.class_text(name);
        let args = vec![class, perl.cloning(self.how.cloning), perl.bytes(frozen.bytes)];
        let returned = self.call(attach, args)?;
        let class = perl.class_text(name);
        if returned.scalar().is_reference()
            && perl.derives(returned.scalar(), class.scalar())?
            && let Some(target) = returned.scalar().target()
        {
            let attached = target.own(perl).into_raw();
            returned.free()?;
            return Ok(attached);
        }
        returned.free()?;
        Err(Error::text(format!("STORABLE_attach did not return a {} object", String::from_utf8_lossy(name))))
    }

    /// Calls a sub of the application. Its arguments are given up with care, for they may be the last to hold something.
    fn call(&self, sub: *mut CV, args: Vec<Owned>) -> Result<Owned> {
        let borrowed: Vec<Scalar> = args.iter().map(Owned::scalar).collect();
        let result = self.perl.call(sub, &borrowed);
        for arg in args {
            arg.free()?;
        }
        result
    }
}
