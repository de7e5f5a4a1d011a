//! A session's data, part by part, for whoever writes them down.
//!
//! The walk goes along references, in the order of the keys, without recursion: data may lie as deep as they like. A
//! part that is met again on the way is named instead of being gone through twice, so that what is shared, or holds
//! itself, has an end. Values of fields that are [secret](crate::secret) are left out unless they are asked for.

use std::collections::HashMap;

use storable::{Key, Kind, Node, NodeId, Shape, Value};

use crate::failure::{Failure, Result};
use crate::secret::is_secret;
use crate::text::{Characters, PerlString};

/// Where a part stands in what holds it.
#[derive(Debug, Clone, PartialEq)]
pub enum Name<'a> {
    /// It is the whole.
    Root,
    /// The value of this key of a hash.
    Key(PerlString<'a>),
    /// An element of an array.
    Index(usize),
    /// What a reference refers to.
    Target,
}

/// One step of the walk.
#[derive(Debug)]
pub enum Step<'a, 'n> {
    /// A part, the last of what holds it or not.
    Part { name: &'n Name<'a>, last: bool, what: What<'a> },
    /// The end of the array, hash or reference that was opened last.
    Close,
}

/// What a part is.
#[derive(Debug, Clone, PartialEq)]
pub enum What<'a> {
    /// An undefined value.
    Undef,
    /// True or false.
    Boolean(bool),
    /// An integer.
    Integer(i64),
    /// A double.
    Double(f64),
    /// A string.
    String(PerlString<'a>),
    /// A secret, which is not told.
    Masked,
    /// The part that has this path.
    Same(Vec<Name<'a>>),
    /// Something that only Perl could make something of, in words.
    Rare(String),
    /// What lies deeper than was asked for.
    Deeper,
    /// A hash with so many entries, which follow.
    Hash(Class<'a>, usize),
    /// An array with so many elements, which follow.
    Array(Class<'a>, usize),
    /// A reference to a scalar, which follows.
    Reference(Class<'a>),
}

/// What something is blessed into.
pub type Class<'a> = Option<Characters<'a>>;

/// How to walk.
#[derive(Debug, Clone, Copy)]
pub struct Walk {
    /// Tell secrets, too.
    pub reveal: bool,
    /// How many arrays and hashes may lie in each other.
    pub depth: usize,
    /// Go through what is shared each time, where that does not make the whole more than 16 times as large.
    pub repeat: bool,
}

struct Frame<'a> {
    node: NodeId,
    parts: std::vec::IntoIter<(Name<'a>, Node<'a>)>,
    secret: bool,
    /// It was gone through before.
    repeats: bool,
}

struct Path<'a> {
    parent: Option<NodeId>,
    name: Name<'a>,
    open: bool,
}

/// Why a walk that repeats can't: the data hold themselves, or would grow without bound.
pub const ENDLESS: &str = "holds parts that lie in themselves, or are shared too often, to be written out";

impl Walk {
    /// Goes through a value; `each` is told of every step.
    pub fn through<'a>(self, value: &'a Value, each: &mut dyn FnMut(Step<'a, '_>) -> Result<()>) -> Result<()> {
        let mut paths: HashMap<NodeId, Path<'a>> = HashMap::new();
        let mut stack: Vec<Frame<'a>> = Vec::new();
        let mut next = Some((Name::Root, value.root(), false, true));
        let (mut first_time, mut again) = (0_usize, 0_usize);
        loop {
            let Some((name, node, secret, last)) = next.take() else {
                let Some(frame) = stack.last_mut() else { return Ok(()) };
                match frame.parts.next() {
                    Some((name, node)) => {
                        let last = frame.parts.len() == 0;
                        let secret =
                            frame.secret || matches!(&name, Name::Key(key) if is_secret(&key.readable().text()));
                        next = Some((name, node, secret, last));
                    }
                    None => {
                        if let Some(path) = paths.get_mut(&frame.node) {
                            path.open = false;
                        }
                        stack.pop();
                        each(Step::Close)?;
                    }
                }
                continue;
            };
            let mut repeats = stack.last().is_some_and(|frame| frame.repeats);
            *if repeats { &mut again } else { &mut first_time } += 1;
            let (inner, is_reference) = match node.target() {
                Some(target) => (target, !matches!(target.kind(), Kind::Hash | Kind::Array)),
                None => (node, false),
            };
            let mut tell = |what| each(Step::Part { name: &name, last, what });
            if secret && !self.reveal && !is_blank(node) {
                tell(What::Masked)?;
                continue;
            }
            if !is_reference && !matches!(inner.kind(), Kind::Hash | Kind::Array) {
                tell(self.leaf(inner))?;
                continue;
            }
            if let Some(path) = paths.get(&inner.id()) {
                if !self.repeat {
                    tell(What::Same(path_to(&paths, inner.id())))?;
                    continue;
                }
                repeats = true;
                if path.open || again > 1000 + 16 * first_time {
                    return Err(Failure::server(ENDLESS));
                }
            }
            if stack.len() >= self.depth {
                tell(What::Deeper)?;
                continue;
            }
            let class = inner.class().map(Characters::of_bytes);
            let parts = if is_reference {
                tell(What::Reference(class))?;
                vec![(Name::Target, inner)]
            } else if inner.kind() == Kind::Hash {
                let parts = entries(inner);
                tell(What::Hash(class, parts.len()))?;
                parts
            } else {
                let parts: Vec<_> = inner.elements().enumerate().map(|(at, part)| (Name::Index(at), part)).collect();
                tell(What::Array(class, parts.len()))?;
                parts
            };
            let parent = stack.last().map(|frame| frame.node);
            paths.insert(inner.id(), Path { parent, name, open: true });
            stack.push(Frame { node: inner.id(), parts: parts.into_iter(), secret, repeats });
        }
    }

    /// What is no array, hash or reference.
    fn leaf<'a>(self, node: Node<'a>) -> What<'a> {
        match node.kind() {
            Kind::Undef => What::Undef,
            Kind::Boolean => What::Boolean(node.as_bool()),
            Kind::Integer => What::Integer(node.as_i64().unwrap_or_default()),
            Kind::Double => What::Double(node.as_f64().unwrap_or_default()),
            Kind::Bytes => What::String(PerlString::new(node.as_bytes().unwrap_or_default(), false)),
            Kind::Text => What::String(PerlString::new(node.as_bytes().unwrap_or_default(), true)),
            Kind::Hooked => What::Rare(self.hooked(node)),
            Kind::Tied | Kind::TiedElement => What::Rare(format!("a tied {}", shape(node))),
            Kind::Code => What::Rare("a sub".to_owned()),
            Kind::Regexp => {
                let (pattern, modifiers) = node.regexp().unwrap_or_default();
                let [pattern, modifiers] =
                    [pattern, modifiers].map(|bytes| Characters::of_bytes(bytes).text().into_owned());
                What::Rare(format!("qr/{pattern}/{modifiers}"))
            }
            // The walk has gone along these.
            Kind::Array | Kind::Hash | Kind::Reference => What::Undef,
        }
    }

    /// An object in the words of its class, which may be anything: they are told with the secrets only.
    fn hooked(self, node: Node<'_>) -> String {
        let Some(frozen) = node.frozen() else { return String::new() };
        let class = Characters::of_bytes(frozen.class).text().into_owned();
        if self.reveal && frozen.bytes.len() <= 200 {
            return format!("an object of {class}, which froze itself as {}", frozen.bytes.escape_ascii());
        }
        format!("an object of {class}, which froze itself in {} bytes", frozen.bytes.len())
    }
}

/// Whether there is nothing to hide.
fn is_blank(node: Node<'_>) -> bool {
    node.kind() == Kind::Undef || node.as_bytes().is_some_and(<[u8]>::is_empty)
}

fn shape(node: Node<'_>) -> &'static str {
    match node.shape() {
        Shape::Scalar => "scalar",
        Shape::Array => "array",
        Shape::Hash => "hash",
    }
}

/// The entries of a hash in the order of their keys.
fn entries(hash: Node<'_>) -> Vec<(Name<'_>, Node<'_>)> {
    let mut entries: Vec<(Key<'_>, Node<'_>)> = hash.entries().collect();
    entries.sort_by(|(one, _), (other, _)| one.bytes.cmp(&other.bytes));
    entries.into_iter().map(|(key, node)| (Name::Key(PerlString::of_key(key)), node)).collect()
}

/// How Perl would get to a part. A way that is very long is cut at its beginning.
fn path_to<'a>(paths: &HashMap<NodeId, Path<'a>>, node: NodeId) -> Vec<Name<'a>> {
    const LONGEST: usize = 256;
    let mut names = Vec::new();
    let mut at = Some(node);
    while let Some(path) = at.and_then(|node| paths.get(&node)).filter(|_| names.len() < LONGEST) {
        names.push(path.name.clone());
        at = path.parent;
    }
    names.retain(|name| matches!(name, Name::Key(_) | Name::Index(_)));
    names.reverse();
    names
}
