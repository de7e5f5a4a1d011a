//! Freezing data of which most is as it was read: [`splice`].
//!
//! What lies in the image only is copied from there, and what is in the hash is written anew, in the order of the image, what
//! it did not have at the end. That gives the bytes that [`freeze`](super::freeze) gives for a hash in this order, as long
//! as no value leads to another, for Storable numbers all of them, and as long as no code runs in the middle. So only
//! plain values are written here. At any other the whole thing is given up, before anything has happened.

use session::Bytes;
use storable::{HashFlags, Output};

use super::{Freeze, Walk, write_leaf};
use crate::error::Result;
use crate::perl::Perl;
use crate::perl::entry::Entry;
use crate::perl::hash::Hash;
use crate::perl::scalar::Name;
use crate::tie::lazy::{Lazy, Part, State};

/// The frozen image of a session. `None`: it takes its whole hash to do that.
pub(crate) fn splice(perl: Perl, lazy: &Lazy, hash: Hash, how: &Freeze) -> Option<Bytes> {
    if how.canonical || hash.has_flagged_keys() && !lazy.is_flagged() {
        return None;
    }
    let mut walk = Walk::new(perl, hash.scalar(), how, lazy.image().patch(session::take_buffer(0)));
    walk.apart = true;
    walk.splice(lazy, hash).ok()?;
    Some(walk.writer.finish().finish())
}

impl<O: Output> Walk<O> {
    fn splice(&mut self, lazy: &Lazy, hash: Hash) -> Result<()> {
        let (image, parts) = (lazy.image(), lazy.parts());
        let stored = parts.iter().filter(|part| part.state == State::Stored).count();
        match lazy.is_flagged() {
            true => self.writer.flag_hash(stored + hash.len(), HashFlags { flagged: true, restricted: false }),
            false => self.writer.hash(stored + hash.len()),
        }
        // SAFETY: nothing changes the hash meanwhile, as no code runs.
        let entries = unsafe { hash.entries() };
        let mut written = 0;
        let mut rest = parts;
        while let [first, ..] = rest {
            let run = rest.iter().take_while(|part| part.state == first.state).count();
            let (these, others) = rest.split_at(run);
            rest = others;
            match (first.state, these.last()) {
                (State::Stored, Some(last)) => self.writer.copied(image, first.entry.run(&last.entry)),
                (State::Taken, _) => {
                    for Part { entry, .. } in these {
                        // The hash has few keys: those that were asked for.
                        if let Some(value) = entries.clone().find(|in_hash| Name::of(*in_hash).is(entry, image)) {
                            self.apart(value)?;
                            self.writer.copied(image, entry.whole_key());
                            written += 1;
                        }
                    }
                }
                _ => {}
            }
        }
        if written < hash.len() {
            for entry in entries.filter(|entry| !lazy.had(&Name::of(*entry))) {
                self.apart(entry)?;
                match lazy.is_flagged() {
                    true => self.writer.flag_key(entry.key(), entry.flags_as_written())?,
                    false => self.writer.key(entry.key())?,
                }
            }
        }
        Ok(())
    }

    /// Writes one value of the hash, with all that is in it.
    fn apart(&mut self, entry: Entry<'_>) -> Result<()> {
        // SAFETY: a value of a live hash.
        if unsafe { write_leaf(&mut self.writer, entry.value()) } {
            return Ok(());
        }
        self.run(entry.value(), 1)
    }
}
