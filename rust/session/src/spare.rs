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

use std::cell::RefCell;

/// How many are kept: what was read, what is written, and the request on its way.
const COUNT: usize = 4;

/// Larger ones are not kept.
const LARGEST: usize = 256 << 10;

/// The least that is made, so that one serves most sessions.
const LEAST: usize = 4 << 10;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer with room for `capacity` bytes.
pub fn take_buffer(capacity: usize) -> Vec<u8> {
    let spare = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        let fitting = spare.iter().position(|buffer| buffer.capacity() >= capacity);
        fitting.map(|index| spare.swap_remove(index))
    });
    match spare {
        Ok(Some(buffer)) => buffer,
        _ => Vec::with_capacity(capacity.max(LEAST)),
    }
}

/// Takes a buffer that is done with. Where enough are kept, one that is larger takes the place of the smallest.
pub fn give_buffer(mut buffer: Vec<u8>) {
    if buffer.capacity() == 0 || buffer.capacity() > LARGEST {
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
