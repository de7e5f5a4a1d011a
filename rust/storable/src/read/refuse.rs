//! What is not read, by name.

use super::{Reader, widen};
use crate::build::Build;
use crate::consts::{MINOR, hook, tag};
use crate::cursor::Cursor;
use crate::error::Error;

impl<B: Build> Reader<'_, '_, B> {
    /// The error for a tag that is not read: what it is the tag of, or that it is none.
    #[cold]
    pub(super) fn unsupported(&mut self, at: usize, tag: u8) -> Error {
        let what = match tag {
            tag::HOOK => match hook_class(&mut self.input, self.big) {
                Some(class) => {
                    format!("an object of {} with a STORABLE hook", class.escape_ascii())
                }
                None => "an object with a STORABLE hook".to_owned(),
            },
            tag::TIED_ARRAY => "a tied array".to_owned(),
            tag::TIED_HASH => "a tied hash".to_owned(),
            tag::TIED_SCALAR => "a tied scalar".to_owned(),
            tag::TIED_KEY => "an element of a tied hash".to_owned(),
            tag::TIED_IDX => "an element of a tied array".to_owned(),
            tag::CODE => "a code reference".to_owned(),
            tag::REGEXP => "a regular expression".to_owned(),
            _ if self.minor > MINOR => format!("tag {tag} of format version 2.{}", self.minor),
            _ => return Error::corrupt(at, "a value", format_args!("unknown tag {tag}")),
        };
        Error::unsupported_at(at, what)
    }
}

/// The class in the frame of a hook, where it comes before anything else.
fn hook_class<'a>(input: &mut Cursor<'a>, big: bool) -> Option<&'a [u8]> {
    let flags = input.byte("").ok()?;
    if flags & (hook::RECURSE | hook::INDEXED_CLASS) != 0 {
        return None;
    }
    if flags & hook::TYPE == hook::TYPE_EXTRA {
        input.byte("").ok()?;
    }
    let length = match flags & hook::LARGE_CLASS {
        0 => usize::from(input.byte("").ok()?),
        _ => widen(input.u32(big, "").ok()?),
    };
    input.bytes(length, "").ok()
}
