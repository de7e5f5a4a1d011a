//! What the walk does so that code of the application can't pull anything away from under it.

use libperl_sys::{SV, thx};
use storable::Output;

use super::{Frame, Walk};
use crate::error::Result;
use crate::perl::shim;
use crate::perl::{Owned, retain};

impl<O: Output> Walk<O> {
    /// Before code of the application runs: the open containers live on, and what is left of the open hashes is taken out of
    /// them. Arrays are looked at anew for each element.
    pub(super) fn secure(&mut self) {
        if self.held.is_empty() {
            self.hold(self.root);
        }
        let mut held = std::mem::take(&mut self.held);
        let mut hold = |value: *mut SV| {
            // SAFETY: alive: in a container that is, or a container that was reached.
            held.push(unsafe { retain(value) });
        };
        // What lies under a frame that is secure is secure.
        for frame in self.frames.iter_mut().rev() {
            match frame {
                Frame::Array { held: true, .. } | Frame::Hash { held: true, .. } => break,
                Frame::Array { array, held, .. } => {
                    hold(array.cast());
                    *held = true;
                }
                Frame::Hash { pairs, waiting, style, held, .. } => {
                    pairs.copy(waiting, &mut self.pairs, *style, self.placeholder).into_iter().for_each(&mut hold);
                    *held = true;
                }
                Frame::Key(key, _) => hold(*key),
                Frame::Hook | Frame::Index(_) => {}
            }
        }
        self.held = held;
    }

    /// Makes sure that a value outlives the walk.
    pub(super) fn hold(&mut self, value: *mut SV) {
        // SAFETY: alive, so one count more is right.
        self.held.push(unsafe { retain(value) });
    }

    /// Gives up what was held.
    pub(super) fn release(&mut self) -> Result<()> {
        let mut held = std::mem::take(&mut self.held);
        held.extend(self.taken.drain(..).map(|taken| taken.into_frozen().into_raw()));
        if held.is_empty() {
            return Ok(());
        }
        // SAFETY: a new array, which takes over the counts that the list had; it takes one guarded call to give up all.
        unsafe {
            let array = shim::mc_new_array(self.perl.raw(), held.len());
            for value in held {
                thx::Perl_av_push(self.perl.raw(), array.cast(), value);
            }
            Owned::from_raw(self.perl, array).free()
        }
    }

    /// Takes back what was written, and remembers every value from here on. Returns the first.
    pub(super) fn begin_again(&mut self) -> (*mut SV, usize) {
        self.writer.restart();
        self.frames.clear();
        self.pairs.clear();
        self.seen.clear();
        for class in &mut self.classes {
            class.number = None;
        }
        (self.root, 0)
    }
}
