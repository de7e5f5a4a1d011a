//! Memory for sessions, kept from one to the next.
//!
//! A request reads a session, maybe writes it, and is done; the next one needs the same memory again. Handing it back to
//! the allocator in between costs more than filling it: blocks of a kilobyte and more make glibc tidy up all small ones
//! that were freed since. So each thread keeps a few.
//!
//! ```
//! let mut buffer = session::take_buffer(2000);
//! assert!(buffer.is_empty() && buffer.capacity() >= 2000);
//! buffer.extend_from_slice(b"a session");
//! session::give_buffer(buffer);
//! ```
//!
//! What is kept for longer is a [`Buffer`], which gives its memory back by itself.

use std::cell::RefCell;
use std::fmt;
use std::ops::{Deref, DerefMut};

/// How many are kept: what was read, what is written, and the request on its way.
const COUNT: usize = 4;

/// Larger ones are not kept.
const LARGEST: usize = 256 << 10;

/// The least that is made, so that one serves most sessions. Smaller ones are not kept.
const LEAST: usize = 4 << 10;

/// What is shorter than this is cheap to get from the allocator, and to hand back.
const SHORT: usize = 1 << 10;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer with room for `capacity` bytes: the smallest that will do.
pub fn take_buffer(capacity: usize) -> Vec<u8> {
    let spare = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        let fitting = spare.iter().enumerate().filter(|(_, buffer)| buffer.capacity() >= capacity);
        let smallest = fitting.min_by_key(|(_, buffer)| buffer.capacity()).map(|(index, _)| index);
        smallest.map(|index| spare.swap_remove(index))
    });
    match spare {
        Ok(Some(buffer)) => buffer,
        _ => Vec::with_capacity(capacity.max(LEAST)),
    }
}

/// An empty buffer for one of what may be many values, with room for `capacity` bytes. A short one is not worth a buffer
/// that would serve most sessions.
pub(crate) fn take_value_buffer(capacity: usize) -> Vec<u8> {
    if capacity < SHORT { Vec::with_capacity(capacity) } else { take_buffer(capacity) }
}

/// Takes a buffer that is done with. Where enough are kept, one that is larger takes the place of the smallest.
pub fn give_buffer(mut buffer: Vec<u8>) {
    if buffer.capacity() < LEAST || buffer.capacity() > LARGEST {
        return;
    }
    buffer.clear();
    // At the end of a thread there is nothing to keep it for.
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if spare.len() < COUNT {
            spare.push(buffer);
        } else if let Some(smallest) = spare.iter_mut().min_by_key(|kept| kept.capacity())
            && smallest.capacity() < buffer.capacity()
        {
            *smallest = buffer;
        }
    });
}

/// Bytes whose memory goes to the spare ones with the last use of them.
///
/// They may lie behind others that nobody needs any more: moving them to the front would copy them.
pub struct Buffer {
    memory: Vec<u8>,
    start: usize,
}

impl Buffer {
    /// What `memory` has from `start` on.
    pub(crate) fn behind(memory: Vec<u8>, start: usize) -> Buffer {
        Buffer { memory, start }
    }

    /// The same bytes in memory that holds nothing else.
    pub fn into_vec(mut self) -> Vec<u8> {
        let mut memory = std::mem::take(&mut self.memory);
        memory.drain(..self.start.min(memory.len()));
        memory
    }
}

impl Buffer {
    /// Leaves only the bytes from one to another.
    pub(crate) fn narrow(&mut self, from: usize, to: usize) {
        self.memory.truncate(self.start + to);
        self.start += from;
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.memory.get_mut(self.start..).unwrap_or_default()
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(memory: Vec<u8>) -> Buffer {
        Buffer { memory, start: 0 }
    }
}

impl Default for Buffer {
    fn default() -> Buffer {
        Vec::new().into()
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.memory.get(self.start..).unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        give_buffer(std::mem::take(&mut self.memory));
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Buffer {
        self.to_vec().into()
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(formatter)
    }
}

impl<T: AsRef<[u8]> + ?Sized> PartialEq<T> for Buffer {
    fn eq(&self, other: &T) -> bool {
        **self == *other.as_ref()
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Eq for Buffer {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_empty() {
        let mut buffer = take_buffer(10_000);
        buffer.extend_from_slice(b"secret");
        let address = buffer.as_ptr();
        give_buffer(buffer);
        let again = take_buffer(5_000);
        assert_eq!((again.as_ptr(), again.len()), (address, 0));
        let other = take_buffer(5_000);
        assert_ne!(other.as_ptr(), address);
    }

    #[test]
    fn the_smallest_that_will_do_is_taken() {
        for capacity in [50_000, 20_000, 100_000] {
            give_buffer(Vec::with_capacity(capacity));
        }
        assert_eq!(take_buffer(10_000).capacity(), 20_000);
        assert_eq!(take_buffer(60_000).capacity(), 100_000);
    }

    #[test]
    fn what_lies_behind_is_all_that_is_seen_and_the_whole_comes_back() {
        let mut memory = take_buffer(0);
        memory.extend_from_slice(b"VA 4\r\nbody");
        let (address, buffer) = (memory.as_ptr(), Buffer::behind(memory, 6));
        assert_eq!(buffer, b"body");
        assert_eq!((buffer.clone().into_vec(), format!("{buffer:?}")), (b"body".to_vec(), format!("{:?}", b"body")));
        assert_eq!(Buffer::behind(vec![1], 2), b"");
        drop(buffer);
        SPARE.with(|spare| assert!(spare.borrow().iter().any(|spare| spare.as_ptr() == address)));
    }

    #[test]
    fn short_values_take_no_more_than_they_need() {
        for length in [0, 1, 100, SHORT - 1] {
            let buffer = take_value_buffer(length);
            assert!(buffer.capacity() <= length + 16, "{length}: {}", buffer.capacity());
        }
        give_buffer(take_value_buffer(100));
        SPARE.with(|spare| assert!(spare.borrow().is_empty()));
        assert!(take_value_buffer(SHORT).capacity() >= LEAST);
    }

    #[test]
    fn few_are_kept_and_none_that_is_huge() {
        for _ in 0..2 * COUNT {
            give_buffer(Vec::with_capacity(LEAST));
        }
        give_buffer(Vec::with_capacity(LARGEST + 1));
        give_buffer(Vec::with_capacity(2 * LEAST));
        SPARE.with(|spare| {
            let capacities: Vec<usize> = spare.borrow().iter().map(Vec::capacity).collect();
            assert_eq!(capacities.len(), COUNT);
            assert_eq!(capacities.iter().max(), Some(&(2 * LEAST)));
        });
    }
}
