//! Where an image is written to.

use std::ops::Range;

/// Takes the bytes of an image, one piece after the other.
///
/// `Vec<u8>` is one. Another can be memory that somebody else wants the image in:
///
/// ```
/// use storable::{Options, Output, Writer};
///
/// #[derive(Default)]
/// struct Count(usize);
///
/// impl Output for Count {
///     fn append(&mut self, bytes: &[u8]) {
///         self.0 += bytes.len();
///     }
///
///     fn len(&self) -> usize {
///         self.0
///     }
///
///     fn truncate(&mut self, len: usize) {
///         self.0 = len;
///     }
/// }
///
/// let mut writer = Writer::into_output(&Options::default(), Count::default());
/// writer.bytes(b"dwho");
/// assert_eq!(writer.finish().0, 8);
/// ```
#[allow(clippy::len_without_is_empty, reason = "nobody asks")]
pub trait Output {
    /// Appends some bytes.
    fn append(&mut self, bytes: &[u8]);

    /// Appends a part of bytes that stay where they are for longer: an output that knows them need not copy them.
    #[inline]
    fn append_from(&mut self, bytes: &[u8], range: Range<usize>) {
        self.append(bytes.get(range).unwrap_or_default());
    }

    /// How many bytes there are.
    fn len(&self) -> usize;

    /// Forgets what comes after that many bytes.
    fn truncate(&mut self, len: usize);

    /// Appends the few bytes of a tag and a length, and what they announce.
    #[inline]
    fn append_with(&mut self, head: &[u8], body: &[u8]) {
        self.append(head);
        self.append(body);
    }
}

impl Output for Vec<u8> {
    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn len(&self) -> usize {
        Vec::len(self)
    }

    fn truncate(&mut self, len: usize) {
        Vec::truncate(self, len);
    }

    #[inline]
    fn append_with(&mut self, head: &[u8], body: &[u8]) {
        self.reserve(head.len().saturating_add(body.len()));
        self.extend_from_slice(head);
        self.extend_from_slice(body);
    }
}
