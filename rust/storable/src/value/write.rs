//! A value back into bytes.

use super::arena::{Arena, Data};
use super::{NodeId, Value};
use crate::build::Immortal;
use crate::error::Result;
use crate::options::Options;
use crate::write::Writer;

impl Value {
    /// The value as an image. With its own [`options`](Value::options), what Storable wrote and
    /// [`parse`](Value::parse) read comes out byte for byte.
    pub fn write(&self, options: &Options) -> Result<Vec<u8>> {
        let mut walk = Walk {
            arena: &self.arena,
            writer: Writer::new(options),
            numbers: vec![None; self.arena.len()],
            open: Vec::new(),
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
            _ => None,
        })
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
        if let Some(class) = self.arena.class_of(id) {
            self.writer.bless(class)?;
        }
        if let Some(source) = self.arena.vstring_of(id) {
            self.writer.vstring(source)?;
        }
        let writer = &mut self.writer;
        match self.arena.data(id) {
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
        }
        Ok(())
    }
}
