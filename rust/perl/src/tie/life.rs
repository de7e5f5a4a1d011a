//! One session from the time it is opened: [`Session`], the native value behind the Perl objects.
//!
//! It knows what was read and under which version, so that a save can tell what changed since. It holds no Perl data
//! but its arguments; the session's hash stays where Apache::Session keeps it.
//!
//! With a lock in hand, everything goes under the lock. The lock is given back by whoever ends the session, and at the
//! latest when this value is dropped; in the process and the thread that took it, only. `moving` gives the session a new
//! id, and the lock with it.

mod moving;

use std::cell::{Ref, RefCell, RefMut};
use std::ffi::c_int;
use std::rc::Rc;

use session::{Body, Encoding, End, Id, KeyName, Loaded, Lock, NoWait, Outcome, Principal, Saved};

use crate::error::{Error, Result};
use crate::native::{self, Native};
use crate::perl::Perl;
use crate::perl::scalar::Scalar;
use crate::perl::signals::Signals;
use crate::state::{self, SharedStore};
use crate::tie::options::{Missing, OnError, Options};

/// What is known about the session in the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Known {
    /// Nothing yet.
    Nothing,
    /// Its id was made here, and nothing is stored under it.
    Fresh,
    /// It was read or written under [`Session::base`].
    Stored,
    /// There is none under the id that was asked for: nothing may be stored there.
    Missing,
    /// It could not be read, and `on_error` says to go on without it.
    Failed,
}

/// The native side of one tied session.
pub(crate) struct Session {
    pub(crate) options: Options,
    pub(crate) known: Known,
    /// The session was emptied as a whole, so its next save replaces what others stored, too.
    pub(crate) cleared: bool,
    /// The user was told that nothing will be written.
    warned: bool,
    id: Option<Id>,
    base: Option<Loaded>,
    store: Option<SharedStore>,
    lock: Option<Lock>,
    /// The lock is that of the thread which this one's session was copied from.
    lock_is_elsewhere: bool,
    /// What was read together with the lock, for whoever asks next: a session, or none.
    ahead: Option<Option<Loaded>>,
    merged: Merged,
    /// Why this transaction can't be saved any more: its lock is lost, or was not respected.
    lost: Option<String>,
}

/// What a save found changed by other requests.
#[derive(Default)]
pub(crate) struct Merged {
    /// The keys whose value is theirs.
    pub(crate) theirs: Vec<KeyName>,
    /// The keys that both sides had changed, and whose value is ours.
    pub(crate) ours: Vec<KeyName>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.drop_lock();
    }
}

/// Several Perl objects may share one session: the tied object and its store.
pub(crate) type SharedSession = Rc<RefCell<Session>>;

impl Session {
    pub(crate) fn new(options: Options) -> Session {
        Session {
            options,
            known: Known::Nothing,
            cleared: false,
            warned: false,
            id: None,
            base: None,
            store: None,
            lock: None,
            lock_is_elsewhere: false,
            ahead: None,
            merged: Merged::default(),
            lost: None,
        }
    }

    /// Runs one operation on the store, with signals handled while it waits.
    fn with_store<T>(
        &mut self,
        perl: Perl,
        work: impl FnOnce(&mut session::Store, Option<&Loaded>, &mut Signals<'_>) -> session::Result<T>,
    ) -> Result<T> {
        self.with_store_and(perl, Signals::new(perl), work)
    }

    fn with_store_and<T>(
        &mut self,
        perl: Perl,
        mut signals: Signals<'_>,
        work: impl FnOnce(&mut session::Store, Option<&Loaded>, &mut Signals<'_>) -> session::Result<T>,
    ) -> Result<T> {
        let shared = match &self.store {
            Some(store) => store.clone(),
            None => self.store.insert(state::store(perl, &self.options.config)?).clone(),
        };
        let result = match shared.try_borrow_mut() {
            Ok(mut store) => work(&mut store, self.base.as_ref(), &mut signals),
            // A signal handler came while the same store waits.
            Err(_) => work(&mut session::Store::open(self.options.config.clone())?, self.base.as_ref(), &mut signals),
        };
        signals.outcome(result)
    }

    /// Reads the session; its bytes and how they are encoded are in [`Session::base`] after that. `false`: there is none.
    /// `lock` takes its lock in the same round trip, where we don't have it. `meanwhile` may be called while the request
    /// is under way; it finds the session borrowed.
    pub(crate) fn load(
        &mut self,
        perl: Perl,
        id: &Id,
        lock: bool,
        meanwhile: &mut dyn FnMut(),
        warnings: &mut Vec<String>,
    ) -> Result<bool> {
        let signals = Signals::with(perl, meanwhile);
        let loaded = match self.take_lock(id) {
            Some(held) => {
                let loaded = match self.ahead.take() {
                    Some(loaded) => Ok(loaded),
                    None => self.with_store_and(perl, signals, |store, _, wait| store.load_locked(&held, wait)),
                };
                self.lock = Some(held);
                loaded
            }
            None if lock => self.lock_and_load(perl, id, signals),
            None => self.with_store_and(perl, signals, |store, _, wait| store.load(id, wait)),
        };
        // Where a missing session dies there is no empty one to go on with, either.
        let loaded = match self.options.missing {
            Missing::Empty => self.forgive(loaded, warnings)?,
            Missing::Die => Some(loaded?),
        };
        self.id = Some(id.clone());
        self.cleared = false;
        self.lost = None;
        match loaded {
            None => self.known = Known::Failed,
            Some(None) => self.known = Known::Missing,
            Some(Some(loaded)) => {
                self.known = Known::Stored;
                self.base = Some(loaded);
                return Ok(true);
            }
        }
        self.base = None;
        Ok(false)
    }

    fn lock_and_load(&mut self, perl: Perl, id: &Id, signals: Signals<'_>) -> Result<Option<Loaded>> {
        let (lock, loaded) = self.with_store_and(perl, signals, |store, _, wait| store.lock_and_load(id, wait))?;
        self.lock = Some(lock);
        self.lock_is_elsewhere = false;
        Ok(loaded)
    }

    /// Takes the lock; `ahead` reads the session with it, for the `load` that follows.
    pub(crate) fn acquire(&mut self, perl: Perl, id: &Id, ahead: bool) -> Result<()> {
        if self.holds_lock() {
            return match self.lock.as_ref().is_some_and(|lock| lock.id() == id) {
                true => Ok(()),
                false => Err(Error::text("another session is locked by this lock manager").in_session(id)),
            };
        }
        if ahead {
            self.ahead = Some(self.lock_and_load(perl, id, Signals::new(perl))?);
        } else {
            self.lock = Some(self.with_store(perl, |store, _, wait| store.lock(id, wait))?);
            self.lock_is_elsewhere = false;
        }
        Ok(())
    }

    /// Gives the lock back, if we have it. Where that fails, it runs out; a signal's handler that has died is the error.
    pub(crate) fn release(&mut self, perl: Perl, warnings: &mut Vec<String>) -> Result<()> {
        self.ahead = None;
        match self.lock.take() {
            Some(lock) => self.unlock(perl, lock, warnings),
            None => Ok(()),
        }
    }

    fn unlock(&mut self, perl: Perl, mut lock: Lock, warnings: &mut Vec<String>) -> Result<()> {
        match self.with_store(perl, |store, _, wait| store.unlock(&mut lock, wait)) {
            Err(Error::Session(error)) => {
                let (id, seconds) = (lock.id(), self.options.config.lock_ttl);
                warnings.push(format!(
                    "session {id}: its lock lasts for up to {seconds} s, it can't be given back: {error}"
                ));
                Ok(())
            }
            released => released,
        }
    }

    /// Gives the lock back where there is nobody to tell how that went.
    fn drop_lock(&mut self) {
        self.ahead = None;
        if let Some(mut lock) = self.lock.take().filter(Lock::is_held)
            && let Some(store) = &self.store
            && let Ok(mut store) = store.try_borrow_mut()
        {
            let _ = store.unlock(&mut lock, &mut NoWait);
        }
    }

    /// Whether there is a lock, also if another process has it.
    pub(crate) fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    /// Whether this process and thread have the lock.
    pub(crate) fn holds_lock(&self) -> bool {
        self.lock.as_ref().is_some_and(Lock::is_held)
    }

    /// Whether the process or the thread that this one was made from has it.
    pub(crate) fn is_locked_elsewhere(&self) -> bool {
        self.lock_is_elsewhere || self.lock.as_ref().is_some_and(|lock| !lock.is_own())
    }

    /// Whether the session may be saved under its lock only.
    fn is_in_transaction(&self) -> bool {
        let is_locked = self.lock.is_some() || self.lock_is_elsewhere || self.lost.is_some();
        self.options.transaction && (is_locked || !self.options.has_lock_manager)
    }

    /// Whether a save has failed in a way that no further one can mend.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// The lock of this session, to work under.
    fn take_lock(&mut self, id: &Id) -> Option<Lock> {
        self.lock.take_if(|lock| lock.is_held() && lock.id() == id)
    }

    /// What the last save found changed by others.
    pub(crate) fn merged(&self) -> &Merged {
        &self.merged
    }

    /// Reading a session with `sliding` renewed it on the servers: renews its principal's record, too.
    pub(crate) fn renew_record(&mut self, perl: Perl, principal: &Principal, warnings: &mut Vec<String>) -> Result<()> {
        let renewed = self.with_store(perl, |store, _, wait| store.renew_record(principal, wait));
        self.forgive(renewed, warnings)?;
        Ok(())
    }

    /// What was last read or written.
    pub(crate) fn base(&self) -> Option<&Loaded> {
        self.base.as_ref()
    }

    pub(crate) fn id(&self) -> Option<&Id> {
        self.id.as_ref()
    }

    /// The id belongs to a session that starts here.
    pub(crate) fn begin(&mut self, id: Id) {
        self.id = Some(id);
        self.known = Known::Fresh;
        self.base = None;
    }

    /// Opening failed: whatever happens to the Perl object, nothing is written.
    pub(crate) fn give_up(&mut self) {
        self.known = Known::Failed;
        self.drop_lock();
        self.base = None;
        self.warned = true;
    }

    /// What to tell, once, when something is stored into a session that will not be written.
    pub(crate) fn warn_of_loss(&mut self) -> Option<String> {
        let why = match self.known {
            Known::Missing => "there is no such session",
            Known::Failed => "it could not be read",
            _ => return None,
        };
        if std::mem::replace(&mut self.warned, true) {
            return None;
        }
        let id = self.id.as_ref().map_or_else(String::new, |id| format!(" {id}"));
        Some(format!("session{id}: {why}; what is stored in it will be lost"))
    }

    /// Stores a new session; there must be none under its id.
    pub(crate) fn insert(
        &mut self,
        perl: Perl,
        id: &Id,
        body: Body,
        principal: Option<&Principal>,
        end: End,
        warnings: &mut Vec<String>,
    ) -> Result<()> {
        let lock = end == End::Keep && self.is_in_transaction() && !self.holds_lock();
        if !self.store_new(perl, id, body, principal, lock, warnings)? {
            self.known = Known::Failed;
            self.id = Some(id.clone());
        }
        Ok(())
    }

    /// Saves the session under `id`: against what was read, if that was under this id.
    pub(crate) fn save(
        &mut self,
        perl: Perl,
        id: &Id,
        mut body: Body,
        principal: Option<&Principal>,
        end: End,
        warnings: &mut Vec<String>,
    ) -> Result<()> {
        self.merged = Merged::default();
        let same_id = self.id.as_ref() == Some(id);
        if self.known == Known::Fresh && same_id {
            return self.insert(perl, id, body, principal, end, warnings);
        }
        body.whole = self.cleared;
        let saved = if self.is_in_transaction() {
            self.save_locked(perl, id, body, principal, end)
        } else {
            self.with_store(perl, |store, base, wait| store.save(id, base.filter(|_| same_id), body, principal, wait))
        };
        let Some(saved) = self.forgive(saved, warnings)? else {
            return Ok(());
        };
        self.id = Some(id.clone());
        self.cleared = false;
        match saved.outcome {
            Outcome::Stored => {}
            Outcome::Merged { theirs, ours } => self.merged = Merged { theirs, ours },
            Outcome::Dropped => {
                warnings.push(format!("session {id}: was deleted by another request; this one's changes are dropped"));
                self.known = Known::Missing;
                self.base = None;
                return Ok(());
            }
        }
        self.known = Known::Stored;
        self.base = saved.base;
        Ok(())
    }

    /// Saves under the lock; where it was given back before, it is taken for this save alone.
    fn save_locked(
        &mut self,
        perl: Perl,
        id: &Id,
        body: Body,
        principal: Option<&Principal>,
        end: End,
    ) -> Result<Saved> {
        self.check_transaction(id)?;
        let (mut lock, end) = match self.lock.take() {
            Some(lock) if lock.id() == id => (lock, end),
            other => {
                self.lock = other;
                (self.with_store(perl, |store, _, wait| store.lock(id, wait))?, End::Unlock)
            }
        };
        let same_id = self.id.as_ref() == Some(id);
        let saved = self.with_store(perl, |store, base, wait| {
            store.save_locked(&mut lock, base.filter(|_| same_id), body, principal, end, wait)
        });
        self.note_loss(&lock, &saved);
        if !lock.is_released() {
            self.lock = Some(lock);
        }
        saved
    }

    /// Refuses what this transaction must not do any more, or not here.
    fn check_transaction(&self, id: &Id) -> Result<()> {
        if let Some(lost) = &self.lost {
            return Err(Error::text(lost.clone()));
        }
        if self.lock_is_elsewhere {
            let text = "is locked by the thread that this one was made from; nothing is saved";
            return Err(Error::text(text).in_session(id));
        }
        Ok(())
    }

    /// Keeps the error that ends a transaction for good.
    fn note_loss<T>(&mut self, lock: &Lock, result: &Result<T>) {
        if let Err(Error::Session(error)) = result
            && lock.is_own()
            && (error.is_conflict() || error.is_lock_lost())
        {
            self.lost = Some(error.to_string());
        }
    }

    /// Whether `body` says something else than what was last read or written.
    pub(crate) fn differs(&self, id: &Id, body: &[u8]) -> Result<bool> {
        match &self.base {
            Some(base) if base.encoding == Encoding::Storable => {
                let same = storable::same(&base.body, body, &self.options.config.limits)
                    .map_err(|error| Error::Storable(error).in_session(id))?;
                Ok(!same)
            }
            _ => Ok(true),
        }
    }

    /// Deletes the session.
    pub(crate) fn delete(
        &mut self,
        perl: Perl,
        id: &Id,
        principal: Option<&Principal>,
        warnings: &mut Vec<String>,
    ) -> Result<()> {
        let deleted = self.with_store(perl, |store, _, wait| store.delete(id, principal, wait));
        self.forgive(deleted, warnings)?;
        self.known = Known::Missing;
        self.base = None;
        Ok(())
    }

    /// Stores the session where there is none, and takes its lock there if asked to. `false`: a server failed, and was
    /// forgiven; nothing has changed.
    fn store_new(
        &mut self,
        perl: Perl,
        id: &Id,
        body: Body,
        principal: Option<&Principal>,
        lock: bool,
        warnings: &mut Vec<String>,
    ) -> Result<bool> {
        let stored = self.with_store(perl, |store, _, wait| match lock {
            true => store.insert_locked(id, body, principal, wait).map(|(lock, base)| (Some(lock), base)),
            false => store.insert(id, body, principal, wait).map(|base| (None, base)),
        });
        let Some((lock, base)) = self.forgive(stored, warnings)? else {
            return Ok(false);
        };
        if lock.is_some() {
            self.lock = lock;
        }
        self.base = Some(base);
        self.known = Known::Stored;
        self.id = Some(id.clone());
        Ok(true)
    }

    /// `on_error => 'warn'` turns a server's failure into a warning and `None`. What Perl code threw stays.
    fn forgive<T>(&self, result: Result<T>, warnings: &mut Vec<String>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Error::Session(error)) if self.options.on_error == OnError::Warn && is_servers(&error) => {
                warnings.push(error.to_string());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

const BUSY: &str = "the session is being read or saved; it can't be used meanwhile";

/// The session to look at; an error when this call came from a signal handler or a hook while the same session is at
/// work.
pub(crate) fn borrow(session: &SharedSession) -> Result<Ref<'_, Session>> {
    session.try_borrow().map_err(|_| Error::text(BUSY))
}

/// The session to change it, as [`borrow`] gives it to be looked at.
pub(crate) fn borrow_mut(session: &SharedSession) -> Result<RefMut<'_, Session>> {
    session.try_borrow_mut().map_err(|_| Error::text(BUSY))
}

/// Whether a server, or the way to it, is at fault, and not the session or the caller.
fn is_servers(error: &session::Error) -> bool {
    let is_callers = error.is_argument() || error.is_interrupted() || error.is_exists();
    let is_sessions = error.is_corrupt() || error.is_conflict() || error.is_locked() || error.is_lock_lost();
    !is_callers && !is_sessions
}

/// Puts a session behind a Perl object.
pub(crate) fn attach(perl: Perl, object: Scalar, session: &SharedSession) {
    native::attach(perl, object, session);
}

/// The session behind a Perl object, if it has one.
pub(crate) fn behind(object: Scalar) -> Option<SharedSession> {
    native::behind(object)
}

impl Native for Session {
    const KIND: c_int = 0;

    fn for_thread(&self) -> Session {
        Session {
            options: self.options.clone(),
            known: self.known,
            cleared: self.cleared,
            warned: self.warned,
            id: self.id.clone(),
            base: self.base.clone(),
            store: None,
            lock: None,
            lock_is_elsewhere: self.lock.is_some() || self.lock_is_elsewhere,
            ahead: None,
            merged: Merged::default(),
            lost: self.lost.clone(),
        }
    }
}
