//! A value back into bytes.

use super::arena::{Arena, Data};
use super::rare::Hooked;
use super::{NodeId, Value};
use crate::build::{Immortal, Place};
use crate::error::Result;
use crate::options::Options;
use crate::write::{HookFrame, Writer};

impl Value {
    /// The value as an image. With its own [`options`](Value::options), what Storable wrote and
    /// [`parse`](Value::parse) read comes out byte for byte.
    pub fn write(&self, options: &Options) -> Result<Vec<u8>> {
        let mut walk = Walk {
            arena: &self.arena,
            writer: Writer::new(options),
            numbers: vec![None; self.arena.len()],
            open: Vec::new(),
            hooks: Vec::new(),
        };
        walk.all(self.root)?;
        Ok(walk.writer.finish())
    }
}

struct Walk<'a> {
    arena: &'a Arena,
    writer: Writer,
    /// The number that each part has in the image, once it was written.
    numbers: Vec<Option<u64>>,
    /// The containers whose contents are being written, and how many of them were begun.
    open: Vec<(NodeId, usize)>,
    /// The frames of those among them that are objects of a hook.
    hooks: Vec<HookFrame>,
}

impl Walk<'_> {
    fn all(&mut self, root: NodeId) -> Result<()> {
        self.begin(root)?;
        while let Some(&mut (id, ref mut begun)) = self.open.last_mut() {
            let position = *begun;
            *begun = begun.saturating_add(1);
            match self.contents(id, position)? {
                Some(next) => self.begin(next)?,
                None => drop(self.open.pop()),
            }
        }
        Ok(())
    }

    /// What a container holds at a position, after writing what must stand before it.
    fn contents(&mut self, id: NodeId, position: usize) -> Result<Option<NodeId>> {
        Ok(match self.arena.data(id) {
            Data::Array(elements) => elements.get(position).copied(),
            Data::Reference(target, _) => (position == 0).then_some(*target),
            Data::Hash(table) => {
                let before = position.checked_sub(1).and_then(|before| table.entries.get_index(before));
                if let Some((name, entry)) = before {
                    match table.flags.flagged {
                        true => self.writer.flag_key(&name.bytes, entry.flags)?,
                        false => self.writer.key(&name.bytes)?,
                    }
                }
                table.entries.get_index(position).map(|(_, entry)| entry.value)
            }
            Data::Hooked(hooked) => self.hooked(id, hooked, position)?,
            Data::Tied(_, object) => (position == 0).then_some(*object),
            Data::Element(object, place) => match (position, place) {
                (0, _) => Some(*object),
                (1, Place::Key(key)) => Some(*key),
                (1, Place::Index(index)) => {
                    self.writer.index(*index);
                    None
                }
                _ => None,
            },
            _ => None,
        })
    }

    /// What an object of a hook holds: first the values that it refers to and that were not written yet, then
    /// the object behind it if it is tied.
    fn hooked(&mut self, id: NodeId, hooked: &Hooked, position: usize) -> Result<Option<NodeId>> {
        let Some(rest) = hooked.refs.get(position..) else {
            return Ok(None); // the object behind it is written, too
        };
        let unwritten = rest.iter().position(|target| self.number(*target).is_none());
        let at = unwritten.map_or(hooked.refs.len(), |skipped| position.saturating_add(skipped));
        if let Some((_, begun)) = self.open.last_mut() {
            *begun = at.saturating_add(1);
        }
        if let (Some(target), Some(frame)) = (hooked.refs.get(at), self.hooks.last_mut()) {
            self.writer.hook_value(frame);
            return Ok(Some(*target));
        }
        if let Some(frame) = self.hooks.pop() {
            let refs: Vec<u64> = hooked.refs.iter().filter_map(|target| self.number(*target)).collect();
            let class = self.arena.class_of(id).unwrap_or_default();
            self.writer.hook_end(frame, class, &hooked.bytes, &refs)?;
        }
        Ok(hooked.tied)
    }

    /// The number that a part has in the image, if it was written.
    fn number(&self, id: NodeId) -> Option<u64> {
        self.numbers.get(id.index()).copied().flatten()
    }

    /// Writes a part: by its number if it was written before, else its beginning.
    fn begin(&mut self, id: NodeId) -> Result<()> {
        if let Some(number) = self.numbers.get_mut(id.index()) {
            match number {
                Some(number) => {
                    self.writer.object(*number);
                    return Ok(());
                }
                None => *number = Some(self.writer.number()),
            }
        }
        let data = self.arena.data(id);
        match self.arena.class_of(id) {
            // The class of an object of a hook stands in its frame.
            Some(class) if !matches!(data, Data::Hooked(_)) => drop(self.writer.bless(class)?),
            _ => {}
        }
        if let Some(source) = self.arena.vstring_of(id) {
            self.writer.vstring(source)?;
        }
        let writer = &mut self.writer;
        match data {
            Data::Undef => writer.undef(),
            Data::Immortal(Immortal::Undef) => writer.sv_undef(),
            Data::Immortal(Immortal::ElemUndef) => writer.elem_undef(),
            Data::Immortal(Immortal::Yes) => writer.yes(),
            Data::Immortal(Immortal::No) => writer.no(),
            Data::Boolean(value) => writer.boolean(*value),
            Data::Integer(value) => writer.integer(*value),
            Data::Double(value) => writer.double(*value),
            Data::Bytes(bytes) => writer.bytes(bytes),
            Data::Text(utf8) => writer.text(utf8),
            Data::Reference(_, kind) => {
                writer.reference(*kind);
                self.open.push((id, 0));
            }
            Data::Array(elements) => {
                writer.array(elements.len());
                self.open.push((id, 0));
            }
            Data::Hash(table) => {
                match table.flags.flagged {
                    true => writer.flag_hash(table.entries.len(), table.flags),
                    false => writer.hash(table.entries.len()),
                }
                self.open.push((id, 0));
            }
            Data::Hooked(hooked) => {
                self.hooks.push(writer.hook(hooked.shape, hooked.tied.is_some(), hooked.bytes.len()));
                self.open.push((id, 0));
            }
            Data::Tied(shape, _) => {
                writer.tied(*shape);
                self.open.push((id, 0));
            }
            Data::Element(_, place) => {
                match place {
                    Place::Key(_) => writer.tied_key(),
                    Place::Index(_) => writer.tied_index(),
                }
                self.open.push((id, 0));
            }
            Data::Code(code) => {
                writer.code();
                if code.utf8 { writer.text(&code.source) } else { writer.bytes(&code.source) }
            }
            Data::Regexp(regexp) => writer.regexp(&regexp.pattern, &regexp.modifiers)?,
        }
        Ok(())
    }
}
