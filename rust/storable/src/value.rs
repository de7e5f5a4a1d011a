//! An image as a value in memory: to look into, to compare, to edit, and to write again.
//!
//! A [`Value`] keeps all that its image says: sharing, cycles, classes, flags, the order of hashes,
//! the layout of numbers. What Storable wrote comes out byte for byte. Its parts lie in one arena, so
//! nothing here recurses, and dropping a value that is 100,000 levels deep is dropping one vector.
//!
//! What it holds are bytes: no hook runs, nothing is tied, no sub is compiled. An object whose class has a
//! hook is what that hook made of it, and goes from one value to another, or back into an image, as such.

mod arena;
mod edit;
mod key;
mod node;
mod rare;
mod same;
mod write;

pub use self::edit::Import;
pub use self::key::Key;
pub use self::node::{Elements, Entries, Kind, Node};
pub use self::same::same;

pub(crate) use self::arena::{Arena, Data};

use crate::consts::MAJOR;
use crate::error::Result;
use crate::header::{Header, Layout};
use crate::limits::Limits;
use crate::options::{Options, Order};
use crate::read::read;

/// A value with everything in it, as an image has it: sharing, classes, flags, order.
///
/// ```
/// use storable::{Limits, Options, Value};
///
/// // nfreeze({ uid => 'dwho', groups => ['users', 'timelords'] }), with $Storable::canonical
/// let image = b"\x05\x0b\x03\0\0\0\x02\x04\x02\0\0\0\x02\x0a\x05users\x0a\x09timelords\0\0\0\x06groups\
///               \x0a\x04dwho\0\0\0\x03uid";
/// let value = Value::parse(image, &Limits::default()).unwrap();
/// let root = value.root();
/// assert_eq!(root.get("uid").unwrap().as_str(), Some("dwho"));
/// assert_eq!(root.get("groups").unwrap().index(1).unwrap().as_str(), Some("timelords"));
/// assert_eq!(value.write(&Options::default()).unwrap(), image);
/// ```
#[derive(Clone, Debug)]
pub struct Value {
    arena: Arena,
    root: NodeId,
    options: Options,
}

/// One of the parts of a [`Value`], and meaningless in any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeId(u32);

impl Value {
    /// Reads an image, as [`read`](crate::read()) does. While it does, it takes at most 200 times the memory that the
    /// image takes, and 2 KB, whatever the image says.
    pub fn parse(image: &[u8], limits: &Limits) -> Result<Self> {
        let header = Header::parse(image)?;
        let mut arena = Arena::default();
        let root = read(image, limits, &mut arena)?;
        let order = match header.layout {
            Layout::Network => Order::Network,
            Layout::Native { .. } => Order::Native,
        };
        let booleans = arena.has_booleans();
        // What is written is an image of today's version, also where an older one was read.
        let minor = if header.major < MAJOR { Options::default().minor } else { header.minor };
        let options = Options { order, minor, booleans, ..Options::default() };
        Ok(Self::new(arena, root, options))
    }

    /// How the image that this value was read from was written; the default for one that wasn't.
    pub fn options(&self) -> Options {
        self.options
    }

    /// The outermost value: for a frozen hash the hash itself.
    pub fn root(&self) -> Node<'_> {
        self.node(self.root)
    }

    /// The value of an id that this value gave out.
    pub fn node(&self, id: NodeId) -> Node<'_> {
        Node::new(&self.arena, id)
    }

    /// How many parts it has, those included that are no longer held by another.
    pub(crate) fn len(&self) -> usize {
        self.arena.len()
    }

    pub(crate) fn new(mut arena: Arena, root: NodeId, options: Options) -> Self {
        arena.own(root);
        Self { arena, root, options }
    }
}
