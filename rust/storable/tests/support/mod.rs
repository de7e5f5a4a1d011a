//! What several test programs need: a builder that keeps books on who owns what.

use storable::{Build, Error, Frozen, HashFlags, Immortal, KeyFlags, Place, RefKind, Result, Shape};

/// Counts owners as Perl does, and fails when a value is used after it was freed.
#[derive(Default)]
pub struct Ledger {
    nodes: Vec<Entry>,
    /// How many elements were announced to arrays and hashes in all.
    pub reserved: usize,
    /// Fail when this many more values were made.
    fuse: Option<usize>,
    /// Values that no other holds and that must stay until reading ends: those that their key's next value replaced,
    /// those that only a hook's frame held, those that a hook put another in the place of.
    aside: Vec<usize>,
    /// Values that a hook put another in the place of.
    substituted: Vec<usize>,
    /// How many values were guarded, each time.
    pub guarded: Vec<usize>,
    /// The image is one of before Storable 0.7, where the class comes after the contents.
    pub old: bool,
}

/// The class that nothing can be blessed into.
const UNBLESSABLE: usize = 1;

#[derive(Default)]
struct Entry {
    owners: usize,
    freed: bool,
    holds: Vec<usize>,
}

impl Ledger {
    /// A builder that fails when it has made `fuse` values, if that is given.
    pub fn failing_after(fuse: Option<usize>) -> Self {
        Self { fuse, ..Self::default() }
    }

    /// How many values of the image were made.
    pub fn made(&self) -> usize {
        self.nodes.len() - self.substituted.len()
    }

    /// How many values are left, once what was put aside is let go.
    pub fn left(&mut self) -> usize {
        for node in std::mem::take(&mut self.aside) {
            self.release(node);
        }
        self.nodes.iter().filter(|node| !node.freed).count()
    }

    fn make(&mut self) -> Result<usize> {
        match &mut self.fuse {
            Some(0) => return Err(Error::unsupported("a value too many")),
            Some(left) => *left -= 1,
            None => {}
        }
        self.nodes.push(Entry { owners: 1, ..Entry::default() });
        Ok(self.nodes.len() - 1)
    }

    fn alive(&mut self, node: usize) -> &mut Entry {
        let entry = &mut self.nodes[node];
        assert!(!entry.freed, "value {node} is used after it was freed");
        entry
    }

    fn hold(&mut self, container: usize, node: usize) {
        self.alive(node);
        self.alive(container).holds.push(node);
    }

    fn release(&mut self, node: usize) {
        let mut pending = vec![node];
        while let Some(node) = pending.pop() {
            let entry = self.alive(node);
            entry.owners -= 1;
            if entry.owners == 0 {
                entry.freed = true;
                pending.append(&mut entry.holds);
            }
        }
    }
}

impl Build for Ledger {
    type Node = usize;
    type Class = usize;
    type Error = Error;

    fn undef(&mut self) -> Result<usize> {
        self.make()
    }

    fn immortal(&mut self, _: Immortal) -> Result<usize> {
        self.make()
    }

    fn boolean(&mut self, _: bool) -> Result<usize> {
        self.make()
    }

    fn integer(&mut self, _: i64) -> Result<usize> {
        self.make()
    }

    fn double(&mut self, _: f64) -> Result<usize> {
        self.make()
    }

    fn bytes(&mut self, _: &[u8]) -> Result<usize> {
        self.make()
    }

    fn text(&mut self, _: &[u8]) -> Result<usize> {
        self.make()
    }

    fn vstring(&mut self, node: usize, _: &[u8]) -> Result<()> {
        self.alive(node);
        Ok(())
    }

    fn array(&mut self, len: usize) -> Result<usize> {
        self.reserved += len;
        self.make()
    }

    fn push(&mut self, array: usize, element: usize) -> Result<()> {
        self.hold(array, element);
        Ok(())
    }

    fn hash(&mut self, len: usize, _: HashFlags) -> Result<usize> {
        self.reserved += len;
        self.make()
    }

    fn insert(&mut self, hash: usize, key: &[u8], _: KeyFlags, value: usize) -> Result<()> {
        if key == b"refused" {
            self.aside.push(value);
            return Err(Error::unsupported("this key"));
        }
        if key == b"twice"
            && let Some(former) = self.alive(hash).holds.pop()
        {
            self.aside.push(former);
        }
        self.hold(hash, value);
        Ok(())
    }

    fn reference(&mut self) -> Result<usize> {
        self.make()
    }

    fn point(&mut self, reference: usize, target: usize, _: RefKind) -> Result<()> {
        self.hold(reference, target);
        Ok(())
    }

    fn class(&mut self, name: &[u8]) -> Result<usize> {
        match name {
            b"Forbidden" => Err(Error::unsupported("an object of Forbidden")),
            b"Unblessable" => Ok(UNBLESSABLE),
            _ => Ok(0),
        }
    }

    fn bless(&mut self, node: usize, class: usize) -> Result<()> {
        assert!(self.alive(node).holds.is_empty() || self.old, "value {node} is blessed after its contents");
        match class {
            UNBLESSABLE => Err(Error::unsupported("an object of Unblessable")),
            _ => Ok(()),
        }
    }

    fn share(&mut self, node: usize) -> Result<usize> {
        assert!(!self.substituted.contains(&node), "value {node} is referred to after a hook put another in its place");
        self.alive(node).owners += 1;
        Ok(node)
    }

    fn empty(&mut self, _: Shape) -> Result<usize> {
        self.make()
    }

    fn keep(&mut self, node: usize) -> Result<()> {
        self.alive(node);
        self.aside.push(node);
        Ok(())
    }

    fn guard(&mut self, seen: &[usize]) {
        for node in seen {
            self.alive(*node);
        }
        self.guarded.push(seen.len());
    }

    /// Fails for the string `die`, and gives another object for `attach`.
    fn thaw(&mut self, object: usize, frozen: Frozen<'_, usize, usize>) -> Result<usize> {
        for node in frozen.refs {
            self.alive(*node);
        }
        if !matches!(frozen.bytes, b"die" | b"attach") {
            return Ok(object);
        }
        self.aside.push(object);
        if frozen.bytes == b"die" {
            return Err(Error::unsupported("what its hook died of"));
        }
        self.substituted.push(object);
        self.nodes.push(Entry { owners: 1, ..Entry::default() });
        Ok(self.nodes.len() - 1)
    }

    fn tie(&mut self, variable: usize, object: usize) -> Result<()> {
        self.hold(variable, object);
        Ok(())
    }

    fn tie_element(&mut self, element: usize, object: usize, place: Place<usize>) -> Result<()> {
        self.hold(element, object);
        if let Place::Key(key) = place {
            self.hold(element, key);
        }
        Ok(())
    }

    fn code(&mut self, _: &[u8], _: bool) -> Result<usize> {
        self.make()
    }

    fn regexp(&mut self, _: &[u8], _: &[u8]) -> Result<usize> {
        self.make()
    }

    fn sever(&mut self, node: usize) {
        for held in std::mem::take(&mut self.alive(node).holds) {
            self.release(held);
        }
    }

    fn discard(&mut self, node: usize) {
        self.release(node);
    }
}
