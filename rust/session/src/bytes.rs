//! [`Bytes`]: the bytes of a session, shared by all that look at them.
//!
//! A request changes little of a long session. So what it saves may lie in pieces: what was written anew, and between
//! that, stretches of what was read. The pieces are sent as they are. Whoever looks at the whole has it put together then;
//! mostly nobody does.
//!
//! ```
//! use session::Bytes;
//! use storable::Output;
//!
//! let read = Bytes::from(b"a long text".to_vec());
//! let mut patch = read.patch(Vec::new());
//! patch.append(b"no");
//! patch.append_from(&read, 1..11);
//! assert_eq!(*patch.finish(), *b"no long text");
//! ```

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::{Arc, OnceLock};

use storable::Output;

use crate::spare::Buffer;

/// Shorter stretches are copied: a piece more costs more than that.
const LONG: usize = 16 << 10;

/// The bytes of a session. Copies of it are cheap.
#[derive(Clone, Default)]
pub struct Bytes(Arc<Inner>);

#[derive(Default)]
struct Inner {
    own: Buffer,
    stretches: Vec<Stretch>,
    /// What the stretches are of, in one piece: however often what was saved is patched again, no more is kept for it than
    /// what it has stretches of.
    of: Option<Bytes>,
    whole: OnceLock<Bytes>,
}

/// A part of another session's bytes.
#[derive(Debug)]
struct Stretch {
    /// In front of which of our own bytes it goes.
    at: usize,
    range: Range<usize>,
}

impl Bytes {
    /// Begins bytes that are these for the most part. `memory` is what the others are written into.
    pub fn patch(&self, mut memory: Vec<u8>) -> Patch {
        memory.clear();
        Patch { of: self.in_one_piece().clone(), own: memory, stretches: Vec::new() }
    }

    /// The same bytes, put together where they lie in several pieces.
    fn in_one_piece(&self) -> &Bytes {
        match self.0.of {
            None => self,
            Some(_) => self.0.whole.get_or_init(|| self.pieces().collect::<Vec<_>>().concat().into()),
        }
    }

    /// The bytes, piece by piece.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let Inner { own, stretches, of, .. } = &*self.0;
        let of = of.as_deref().unwrap_or_default();
        let begins = std::iter::once(0).chain(stretches.iter().map(|stretch| stretch.at));
        let ends = stretches.iter().map(|stretch| stretch.at).chain([own.len()]);
        let between = begins.zip(ends).map(|(begin, end)| own.get(begin..end).unwrap_or_default());
        let stretches = stretches.iter().map(|stretch| of.get(stretch.range.clone()).unwrap_or_default());
        between.zip(stretches.chain([&[][..]])).flat_map(|(own, stretch)| [own, stretch])
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.own.len() + self.0.stretches.iter().map(|stretch| stretch.range.len()).sum::<usize>()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.in_one_piece().0.own
    }
}

impl From<Buffer> for Bytes {
    fn from(own: Buffer) -> Bytes {
        Bytes(Arc::new(Inner { own, ..Inner::default() }))
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(own: Vec<u8>) -> Bytes {
        Buffer::from(own).into()
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Bytes) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || **self == **other
    }
}

impl Eq for Bytes {}

impl PartialEq<Vec<u8>> for Bytes {
    fn eq(&self, other: &Vec<u8>) -> bool {
        **self == **other
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(formatter)
    }
}

/// Bytes under construction that are others' for the most part: [`Bytes::patch`]. Where a long part of those is appended
/// ([`append_from`](Output::append_from)), it stays where it is.
#[derive(Debug)]
pub struct Patch {
    of: Bytes,
    own: Vec<u8>,
    stretches: Vec<Stretch>,
}

impl Patch {
    /// The finished bytes.
    pub fn finish(self) -> Bytes {
        let Patch { of, own, stretches } = self;
        let of = (!stretches.is_empty()).then_some(of);
        Bytes(Arc::new(Inner { own: own.into(), stretches, of, whole: OnceLock::new() }))
    }
}

impl Output for Patch {
    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        self.own.extend_from_slice(bytes);
    }

    fn append_from(&mut self, bytes: &[u8], range: Range<usize>) {
        if range.len() >= LONG && std::ptr::eq(bytes, &*self.of) {
            self.stretches.push(Stretch { at: self.own.len(), range });
        } else {
            self.append(bytes.get(range).unwrap_or_default());
        }
    }

    fn len(&self) -> usize {
        self.own.len() + self.stretches.iter().map(|stretch| stretch.range.len()).sum::<usize>()
    }

    fn truncate(&mut self, len: usize) {
        while let Some(excess) = self.len().checked_sub(len).filter(|excess| *excess > 0) {
            match self.stretches.last_mut() {
                Some(last) if last.at == self.own.len() => match last.range.len().checked_sub(excess) {
                    Some(rest) if rest > 0 => last.range.end -= excess,
                    _ => drop(self.stretches.pop()),
                },
                last => {
                    let begin = last.map_or(0, |last| last.at);
                    self.own.truncate(begin.max(self.own.len().saturating_sub(excess)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long() -> Bytes {
        (0..3 * LONG).map(|index| (index % 251) as u8).collect::<Vec<u8>>().into()
    }

    #[test]
    fn pieces_are_the_whole_in_order() {
        let long = long();
        for count in 0..40_u32 {
            let (mut patch, mut whole) = (long.patch(vec![1, 2, 3]), Vec::new());
            for step in 0..count {
                match (step * 7 + count) % 4 {
                    0 => {
                        patch.append(&step.to_be_bytes());
                        whole.extend_from_slice(&step.to_be_bytes());
                    }
                    kind => {
                        let from = step as usize * 3;
                        let range = from..from + LONG + 1 - kind as usize;
                        patch.append_from(&long, range.clone());
                        whole.extend_from_slice(&long[range]);
                    }
                }
            }
            assert_eq!(patch.len(), whole.len());
            let bytes = patch.finish();
            assert_eq!(bytes.pieces().collect::<Vec<_>>().concat(), whole);
            assert_eq!((bytes.len(), bytes.is_empty()), (whole.len(), whole.is_empty()));
            assert_eq!(bytes, Bytes::from(whole));
        }
    }

    #[test]
    fn long_stretches_are_not_copied_and_others_bytes_are() {
        let (long, copy) = (long(), long().to_vec());
        let mut patch = long.patch(Vec::new());
        patch.append_from(&long, 5..5 + LONG);
        patch.append_from(&copy, 5..5 + LONG);
        patch.append_from(&long, 5..4 + LONG);
        let bytes = patch.finish();
        let pieces: Vec<*const u8> = bytes.pieces().filter(|piece| !piece.is_empty()).map(<[u8]>::as_ptr).collect();
        assert_eq!(pieces, [long[5..].as_ptr(), bytes.0.own.as_ptr()]);
        assert_eq!(bytes.0.own.len(), 2 * LONG - 1);
    }

    #[test]
    fn the_end_can_be_taken_off_anywhere() {
        let long = long();
        let build = || {
            let mut patch = long.patch(Vec::new());
            patch.append(b"one");
            patch.append_from(&long, 0..LONG);
            patch.append_from(&long, 7..LONG + 8);
            patch.append(b"two");
            patch
        };
        let whole = build().finish().to_vec();
        for len in [0, 1, 3, 4, LONG + 2, LONG + 3, LONG + 4, 2 * LONG + 4, 2 * LONG + 5, whole.len(), whole.len() + 1]
        {
            let mut patch = build();
            patch.truncate(len);
            patch.append(b"end");
            let kept = &whole[..len.min(whole.len())];
            assert_eq!(*patch.finish(), *[kept, b"end"].concat(), "{len}");
        }
    }

    #[test]
    fn a_patch_of_a_patch_is_whole() {
        let long = long();
        let mut patch = long.patch(Vec::new());
        patch.append(b"x");
        patch.append_from(&long, 0..long.len());
        let second = patch.finish();
        let mut patch = second.patch(Vec::new());
        patch.append_from(&second, 1..second.len());
        drop(second);
        assert_eq!(patch.finish(), long);
    }

    #[test]
    fn patches_of_patches_keep_nothing_of_the_former_ones() {
        let first = long();
        let kept = Arc::downgrade(&first.0);
        let mut bytes = first;
        for step in 0..1_000_u32 {
            let mut patch = bytes.patch(Vec::new());
            patch.append_from(&bytes, 0..LONG);
            patch.append(&step.to_be_bytes());
            bytes = patch.finish();
            assert_eq!(kept.strong_count(), usize::from(step == 0), "{step}");
        }
        let expected = [&long()[..LONG], &999_u32.to_be_bytes()].concat();
        assert_eq!(bytes, expected);
    }
}
