//! The locks that this thread holds: named in the error of a wait that was in vain, for two that wait
//! for each other is the usual reason; and a wait for a lock of our own is refused at once.
//!
//! Nothing is locked by this register and nothing depends on it; it only knows.
//!
//! ```text
//! let held = remember(&id, token);   // until it is dropped
//! others(&another);                  // [id]
//! ```

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use rustix::process::{Pid, getpid};

use super::text::Token;
use crate::id::Id;

thread_local! {
    static HELD: RefCell<Vec<Weak<Held>>> = const { RefCell::new(Vec::new()) };
}

/// What a lock is of, and what its item calls its holder.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) id: Id,
    pub(super) token: Token,
    pub(super) process: Pid,
}

/// Notes a lock, for as long as the result lives.
pub(super) fn remember(id: &Id, token: Token) -> Arc<Held> {
    let held = Arc::new(Held { id: id.clone(), token, process: getpid() });
    // At the end of a thread nobody asks any more.
    let _ = HELD.try_with(|register| {
        let mut register = register.borrow_mut();
        register.retain(|held| held.strong_count() > 0);
        register.push(Arc::downgrade(&held));
    });
    held
}

/// The sessions that this thread has locked, but for one.
pub(super) fn others(id: &Id) -> Vec<Id> {
    mine().into_iter().filter(|held| held.id != *id).map(|held| held.id.clone()).collect()
}

/// Whether this thread holds a lock under this token.
pub(super) fn is_mine(token: Token) -> bool {
    mine().iter().any(|held| held.token == token)
}

fn mine() -> Vec<Arc<Held>> {
    let process = getpid();
    let held = HELD.try_with(|register| register.borrow().iter().filter_map(Weak::upgrade).collect::<Vec<_>>());
    held.unwrap_or_default().into_iter().filter(|held| held.process == process).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_known_while_it_lives_and_to_its_thread() {
        let [one, two] = ["one", "two"].map(|id| Id::parse(id.as_bytes()).unwrap());
        let [first, second] = [(&one, 1), (&two, 2)].map(|(id, token)| remember(id, Token::from(token)));
        assert_eq!(others(&one), std::slice::from_ref(&two));
        assert!(is_mine(first.token));
        std::thread::spawn(move || assert!(!is_mine(Token::from(1)))).join().unwrap();
        drop(second);
        assert_eq!(others(&one), []);
        assert!(!is_mine(Token::from(2)));
    }
}
