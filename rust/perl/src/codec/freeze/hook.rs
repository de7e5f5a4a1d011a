//! Objects that their class takes apart: `STORABLE_freeze`.
//!
//! The hook returns a string and references. What these refer to is written before the string, unless the walk has been
//! there, and the string is followed by their numbers.

use libperl_sys::{self as sys, SV, svtype};
use storable::{HookFrame, Output, Shape};

use super::rare::Tied;
use super::{Frame, Walk};
use crate::error::{Error, Result};
use crate::perl::Owned;
use crate::perl::array::Array;
use crate::perl::scalar::Scalar;

/// What a hook returned, while it is written.
pub(super) struct Taken {
    frame: HookFrame,
    class: usize,
    /// A plain string of ours.
    frozen: Owned,
    /// What the references refer to; the walk holds it.
    targets: Vec<*mut SV>,
    /// The numbers of those that are written.
    numbers: Vec<u64>,
    /// The object behind one that is tied as well.
    behind: Option<*mut SV>,
    depth: usize,
}

impl Taken {
    pub(super) fn into_frozen(self) -> Owned {
        self.frozen
    }
}

impl<O: Output> Walk<O> {
    /// Has the class take an object apart, and opens what it returns. `false` if the class does not want to.
    #[cold]
    #[inline(never)]
    pub(super) fn take_apart(&mut self, object: *mut SV, class: usize, depth: usize) -> Result<bool> {
        let Some(hook) = self.classes[class].hook else {
            return Ok(false);
        };
        if !self.careful {
            self.careful = true;
            if self.writer.number() > 0 {
                self.again = true;
                return Ok(true);
            }
        }
        // SAFETY: alive, held by the graph under the root.
        let tied = unsafe { Tied::find(object, (*object).sv_flags & sys::SVTYPEMASK) };
        let (shape, behind) = match tied {
            Some(Tied::Variable(shape, behind)) => (shape, Some(behind)),
            Some(Tied::Element(..)) => return Err(unexpected(5)),
            None => (shape(object)?, None),
        };
        self.secure();
        self.hold(object);
        let returned = self.call_hook(object, hook)?;
        // SAFETY: `call_hook` returns an array.
        let items = unsafe { Array::from_raw(returned.scalar().raw().cast()) };
        let Some(frozen) = items.get(0) else {
            returned.free()?;
            return self.ignore_hook(class);
        };
        let taken = self.taken(frozen, items, class, shape, behind, depth);
        returned.free()?;
        self.taken.push(taken?);
        self.frames.push(Frame::Hook);
        Ok(true)
    }

    fn call_hook(&self, object: *mut SV, hook: *mut sys::CV) -> Result<Owned> {
        let perl = self.perl;
        // SAFETY: just held.
        let object = perl.reference(unsafe { Scalar::from_raw(object) });
        let cloning = perl.cloning(self.how.cloning);
        let returned = perl.call_list(hook, &[object.scalar(), cloning.scalar()]);
        object.free()?;
        returned
    }

    /// Checks what a hook returned.
    fn taken(
        &mut self,
        frozen: Scalar,
        items: Array,
        class: usize,
        shape: Shape,
        behind: Option<Option<*mut SV>>,
        depth: usize,
    ) -> Result<Taken> {
        let perl = self.perl;
        let stash = self.classes[class].stash;
        let name = perl.class_name(stash)?;
        let (bytes, _) = frozen.string(perl)?;
        if items.len() > 1 && perl.method(stash, c"STORABLE_attach").is_some() {
            let name = String::from_utf8_lossy(name);
            return Err(Error::text(format!(
                "Freeze cannot return references if {name} class is using STORABLE_attach"
            )));
        }
        let mut targets = Vec::with_capacity(items.len().saturating_sub(1));
        for (number, item) in items.iter().enumerate().skip(1) {
            let Some(target) = item.and_then(Scalar::target) else {
                let name = String::from_utf8_lossy(name);
                return Err(Error::text(format!(
                    "Item #{number} returned by STORABLE_freeze for {name} is not a reference"
                )));
            };
            // Until the walk ends: a later one could be made where this was, and be taken for it.
            self.hold(target.raw());
            targets.push(target.raw());
        }
        let behind = behind.map(|behind| self.behind(behind));
        if let Some(behind) = behind {
            self.hold(behind);
        }
        let frame = self.writer.hook(shape, behind.is_some(), bytes.len());
        let frozen = perl.bytes(&bytes);
        Ok(Taken { frame, class, frozen, targets, numbers: Vec::new(), behind, depth })
    }

    /// The class has a hook and wants no part in this: from here on, its objects are plain ones.
    fn ignore_hook(&mut self, class: usize) -> Result<bool> {
        if self.classes[class].number.is_some() {
            let name = String::from_utf8_lossy(self.perl.class_name(self.classes[class].stash)?);
            let doing = if self.how.cloning { "cloning" } else { "storing" };
            return Err(Error::text(format!("Too late to ignore hooks for {doing} class \"{name}\"")));
        }
        self.classes[class].hook = None;
        Ok(false)
    }

    /// The next value that a hook returned a reference to and that is not written yet; after the last, ends the
    /// frame and gives the object behind a tied one.
    pub(super) fn step_hook(&mut self) -> Result<Option<(*mut SV, usize)>> {
        let Some(mut taken) = self.taken.pop() else {
            return Ok(None);
        };
        while let Some(&target) = taken.targets.get(taken.numbers.len()) {
            let Some(number) = self.number_of(target) else {
                let depth = taken.depth + 1;
                self.check_depth(depth, self.how.max_depth)?;
                self.writer.hook_value(&mut taken.frame);
                self.taken.push(taken);
                return Ok(Some((target, depth)));
            };
            taken.numbers.push(number);
        }
        self.frames.pop();
        let name = self.perl.class_name(self.classes[taken.class].stash)?;
        let Taken { frame, class, frozen, numbers, behind, depth, .. } = taken;
        let writer = &mut self.writer;
        let number =
            frozen.scalar().with_bytes(self.perl, |bytes, _| writer.hook_end(frame, name, bytes, &numbers))??;
        self.classes[class].number = Some(number);
        Ok(behind.map(|behind| (behind, depth + 1)))
    }

    fn number_of(&self, value: *mut SV) -> Option<u64> {
        if value == self.root { Some(0) } else { self.seen.get(&value.addr()).copied() }
    }
}

/// What kind of variable an object is.
fn shape(object: *mut SV) -> Result<Shape> {
    // SAFETY: alive, held by the graph under the root.
    match unsafe { sys::SvTYPE(object) } {
        svtype::SVt_PVAV => Ok(Shape::Array),
        svtype::SVt_PVHV => Ok(Shape::Hash),
        svtype::SVt_PVCV => Err(unexpected(6)),
        // As Storable 3.32 does; 3.26 refuses it, but reads it.
        svtype::SVt_REGEXP => Ok(Shape::Scalar),
        kind if (kind as u32) < svtype::SVt_PVAV as u32 && kind != svtype::SVt_PVGV && kind != svtype::SVt_INVLIST => {
            Ok(Shape::Scalar)
        }
        _ => Err(unexpected(8)),
    }
}

/// Storable's words, with its numbers for what is neither a scalar, an array nor a hash.
fn unexpected(kind: u8) -> Error {
    Error::text(format!("Unexpected object type ({kind}) in store_hook()"))
}
