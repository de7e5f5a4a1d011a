//! A request as it is sent: commands, and between them the long values, which stay where they lie.
//!
//! Short values are copied behind their commands, for one piece of memory is sent with less ado than several.

use crate::spare::{give_buffer, take_buffer};

/// The least length of a value that is not copied.
const LONG: usize = 16 << 10;

/// The commands of one batch to one server.
#[derive(Debug)]
pub(super) struct Request<'a> {
    /// All but the long values.
    bytes: Vec<u8>,
    /// The long values, and in front of which of the bytes each of them goes.
    long: Vec<(usize, &'a [u8])>,
}

impl<'a> Request<'a> {
    pub(super) fn new() -> Request<'a> {
        Request { bytes: take_buffer(0), long: Vec::new() }
    }

    /// What the next bytes are appended to.
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Appends a value.
    pub(super) fn push_value(&mut self, value: &'a [u8]) {
        if value.len() < LONG {
            self.bytes.extend_from_slice(value);
        } else {
            self.long.push((self.bytes.len(), value));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() + self.long.iter().map(|(_, value)| value.len()).sum::<usize>()
    }

    /// The whole of it, if that is one piece.
    pub(super) fn as_one(&self) -> Option<&[u8]> {
        self.long.is_empty().then_some(&self.bytes)
    }

    /// The whole of it, piece by piece.
    pub(super) fn pieces(&self) -> Vec<&[u8]> {
        let mut pieces = Vec::with_capacity(2 * self.long.len() + 1);
        let mut done = 0;
        for &(at, value) in &self.long {
            pieces.extend([&self.bytes[done..at], value]);
            done = at;
        }
        pieces.push(&self.bytes[done..]);
        pieces
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        give_buffer(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_are_the_whole_in_order() {
        let (short, long, longest) = ([b's'; LONG - 1], [b'l'; LONG], [b'x'; 3 * LONG]);
        let values: [&[u8]; 6] = [&short, &long, b"", &longest, &long, b"end"];
        let (mut request, mut whole) = (Request::new(), Vec::new());
        for (index, value) in values.into_iter().enumerate() {
            let command = format!("command {index} ");
            request.bytes().extend_from_slice(command.as_bytes());
            request.push_value(value);
            whole.extend_from_slice(command.as_bytes());
            whole.extend_from_slice(value);
            assert_eq!(request.as_one().is_some(), index == 0);
            assert_eq!(request.pieces().concat(), whole);
            assert_eq!(request.len(), whole.len());
        }
        assert_eq!(request.pieces().len(), 7);
    }
}
