//! The first bytes of an image: the version, and how its numbers are laid out.
//!
//! `nfreeze` writes two bytes and everything after them in network order. `freeze` goes on with the
//! byte order and the sizes of the machine's `int`, `long`, pointer and double, and then writes
//! numbers as they lie in memory. Files begin with `pst0` before that.
//!
//! Storable reads native images of machines like its own only. Here both byte orders are read on any
//! machine, and integers of 4 and 8 bytes; what would have to be guessed is refused: an `int` that
//! isn't 4 bytes, a double that isn't 8.
//!
//! ```
//! use storable::{Header, Layout};
//!
//! let header = Header::parse(b"\x05\x0b\x08\x81").unwrap(); // nfreeze(\1)
//! assert_eq!((header.major, header.minor, header.layout), (2, 11, Layout::Network));
//! assert_eq!(header.body, 2);
//! ```

use crate::consts::{FILE_MAGIC, MAJOR, old};
use crate::cursor::Cursor;
use crate::error::{Error, Result};

/// The parsed beginning of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The format's version: 2 since Storable 0.7, 1 in 0.6, 0 before.
    pub major: u8,
    /// Grows when the format gets new tags. Storable 3 writes 11. Always 0 before version 2.
    pub minor: u8,
    /// How numbers are laid out.
    pub layout: Layout,
    /// Where the header ends and the value begins.
    pub body: usize,
}

/// How an image's numbers are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The same on all machines: what `nfreeze` and `nstore` write.
    Network,
    /// As on the machine that wrote it: what `freeze` and `store` write.
    Native {
        /// Which byte of a number comes first.
        order: ByteOrder,
        /// The size of an `int`: how long lengths are. Always 4 in what this crate reads.
        int: u8,
        /// The size of a `long`.
        long: u8,
        /// The size of a pointer.
        pointer: u8,
        /// The size of one of Perl's integers.
        integer: u8,
    },
}

/// Which byte of a number comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// The least significant, as on x86-64.
    Little,
    /// The most significant, as in network order.
    Big,
}

impl ByteOrder {
    /// The order of the machine that this runs on.
    pub const HERE: Self = if cfg!(target_endian = "big") { Self::Big } else { Self::Little };
}

impl Header {
    /// Reads the header of a frozen image or of a file's contents.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut input = Cursor::new(bytes);
        let old_file = !input.skip(FILE_MAGIC) && input.skip(old::FILE_MAGIC);
        let at = input.offset();
        let version = input.byte("a version")?;
        if old_file && version > 1 {
            // Storable 0.1 wrote no version: this is the length of the byte order.
            let layout = native(&mut input, usize::from(version), false)?;
            return Ok(Self { major: 0, minor: 0, layout, body: input.offset() });
        }
        let (major, network) = (version >> 1, version & 1 == 1);
        if major > MAJOR {
            return Err(Error::version(at, major));
        }
        let minor = if major == MAJOR { input.byte("a minor version")? } else { 0 };
        let layout = if network {
            Layout::Network
        } else {
            let length = usize::from(input.byte("the length of a byte order")?);
            native(&mut input, length, minor >= 2)?
        };
        Ok(Self { major, minor, layout, body: input.offset() })
    }

    /// Whether the bytes begin as those of a file do, and a frozen string does not.
    pub fn is_file(bytes: &[u8]) -> bool {
        bytes.starts_with(FILE_MAGIC) || bytes.starts_with(old::FILE_MAGIC)
    }

    /// Whether an image is in network order, as far as its first bytes say.
    pub fn is_network_order(bytes: &[u8]) -> bool {
        let version = bytes.strip_prefix(FILE_MAGIC).or(bytes.strip_prefix(old::FILE_MAGIC)).unwrap_or(bytes);
        version.first().is_some_and(|version| version & 1 == 1)
    }

    /// Whether lengths and network integers come most significant byte first.
    pub(crate) fn is_big(&self) -> bool {
        matches!(self.layout, Layout::Network | Layout::Native { order: ByteOrder::Big, .. })
    }

    /// Whether native numbers come most significant byte first. No Storable writes any in network order; if there are
    /// some, Storable takes them for its own machine's, and so does this.
    pub(crate) fn is_native_big(&self) -> bool {
        let order = match self.layout {
            Layout::Network => ByteOrder::HERE,
            Layout::Native { order, .. } => order,
        };
        order == ByteOrder::Big
    }

    /// Whether a native integer takes eight bytes.
    pub(crate) fn is_wide(&self) -> bool {
        !matches!(self.layout, Layout::Native { integer: 4, .. })
    }
}

fn native(input: &mut Cursor<'_>, length: usize, has_double: bool) -> Result<Layout> {
    let at = input.offset();
    let (order, integer) = match input.bytes(length, "a byte order")? {
        b"1234" => (ByteOrder::Little, 4),
        b"12345678" => (ByteOrder::Little, 8),
        b"4321" => (ByteOrder::Big, 4),
        b"87654321" => (ByteOrder::Big, 8),
        other => {
            let expected = "the byte order 1234, 12345678, 4321 or 87654321";
            return Err(Error::corrupt(at, expected, format_args!("{:?}", other.escape_ascii().to_string())));
        }
    };
    let int = size(input, "an int", &[4])?;
    let long = size(input, "a long", &[4, 8])?;
    let pointer = size(input, "a pointer", &[4, 8])?;
    if has_double {
        size(input, "a double", &[8])?;
    }
    Ok(Layout::Native { order, int, long, pointer, integer })
}

fn size(input: &mut Cursor<'_>, of: &'static str, accepted: &[u8]) -> Result<u8> {
    let at = input.offset();
    let size = input.byte(of)?;
    if accepted.contains(&size) {
        return Ok(size);
    }
    let expected = match accepted {
        [one] => format!("{of} of {one} bytes"),
        _ => format!("{of} of 4 or 8 bytes"),
    };
    Err(Error::corrupt(at, expected, format_args!("one of {size}")))
}
