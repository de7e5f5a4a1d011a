//! A session gets a new id: [`Session::move_to`].
//!
//! Its lock goes along: the new id is locked before the former one is free. Whether it has moved, [`Session::id`] tells;
//! an error may also come from what was left to do under the former id.

use session::{Body, Id, Lock, Moved, Outcome, Principal};

use super::{Known, Merged, Session, is_servers};
use crate::error::{Error, Result};
use crate::perl::Perl;
use crate::tie::options::OnError;

/// Where another request was faster, in the words of `regenerate_id`.
const DELETED: &str = "regenerate_id: there is no such session: another request has deleted it";

impl Session {
    /// Stores the session under another id, as `body` says, and leaves a tombstone under its own.
    pub(crate) fn move_to(
        &mut self,
        perl: Perl,
        to: &Id,
        mut body: Body,
        principal: Option<&Principal>,
        warnings: &mut Vec<String>,
    ) -> Result<()> {
        self.merged = Merged::default();
        let Some(from) = self.id.clone().filter(|_| self.known == Known::Stored) else {
            let lock = self.is_in_transaction();
            return self.store_new(perl, to, body, principal, lock, warnings).map(drop);
        };
        let was_locked = self.is_locked();
        body.whole = self.cleared;
        let moved = self.move_stored(perl, &from, to, body, principal, warnings);
        // A lock that was given back before was taken for this alone.
        let released = if was_locked { Ok(()) } else { self.release(perl, warnings) };
        moved.and(released)
    }

    fn move_stored(
        &mut self,
        perl: Perl,
        from: &Id,
        to: &Id,
        body: Body,
        principal: Option<&Principal>,
        warnings: &mut Vec<String>,
    ) -> Result<()> {
        let (mut former_lock, lock) = match self.lock_both(perl, from, to) {
            Ok(locks) => locks,
            Err(error) => return self.forgive(Err(error), warnings).map(|_: Option<()>| ()),
        };
        let is_in_transaction = self.options.transaction;
        let mut moved = None;
        let done = self.with_store(perl, |store, base, wait| {
            let base = base.expect("what was read or written");
            moved = Some(match former_lock.as_mut().filter(|_| is_in_transaction) {
                Some(lock) => store.move_locked(lock, to, base, body, principal, wait)?,
                None => store.move_to(from, to, base, body, principal, wait)?,
            });
            Ok(())
        });
        match moved {
            Some(Moved { saved, left }) if saved.outcome != Outcome::Dropped => {
                self.id = Some(to.clone());
                self.cleared = false;
                if let Outcome::Merged { theirs, ours } = saved.outcome {
                    self.merged = Merged { theirs, ours };
                }
                self.base = saved.base;
                self.lock = lock;
                self.give_back(perl, former_lock, warnings)?;
                done?;
                left.map_or(Ok(()), |error| self.tell_left(from, to, error, warnings))
            }
            dropped => {
                if let Some(lock) = &former_lock {
                    self.note_loss(lock, &done);
                }
                self.lock = former_lock;
                let given_back = self.give_back(perl, lock, warnings);
                self.forgive(done, warnings)?;
                given_back?;
                if dropped.is_none() {
                    return Ok(());
                }
                self.known = Known::Missing;
                self.base = None;
                Err(Error::text(DELETED))
            }
        }
    }

    /// The lock that the session has, or must have, and that of its new id.
    fn lock_both(&mut self, perl: Perl, from: &Id, to: &Id) -> Result<(Option<Lock>, Option<Lock>)> {
        let is_in_transaction = self.is_in_transaction();
        if is_in_transaction {
            self.check_transaction(from)?;
        }
        if self.lock.is_none() && is_in_transaction {
            self.acquire(perl, from, false)?;
        }
        if !self.is_locked() {
            return Ok((None, None));
        }
        let lock = self.with_store(perl, |store, _, wait| store.lock(to, wait))?;
        Ok((self.lock.take(), Some(lock)))
    }

    fn give_back(&mut self, perl: Perl, lock: Option<Lock>, warnings: &mut Vec<String>) -> Result<()> {
        lock.map_or(Ok(()), |lock| self.unlock(perl, lock, warnings))
    }

    /// The session has moved, but its former id may still lead to it.
    fn tell_left(&self, from: &Id, to: &Id, error: session::Error, warnings: &mut Vec<String>) -> Result<()> {
        let text = format!("session {to}: has moved here, but {from} may still lead to it: {error}");
        if self.options.on_error == OnError::Warn && is_servers(&error) {
            warnings.push(text);
            return Ok(());
        }
        Err(Error::text(text))
    }
}
