//! `Apache::Session::Lock::Memorycached`: the lock manager of an Apache::Session object, of our class or any other.
//!
//! A write lock is the lock of the session, exclusive; it covers reading. Apache::Session also asks for one before it
//! saves, without `Transaction`: there is no need for it there, as merging keeps both sides' changes, so nothing is locked.

use crate::error::{Error, Result};
use crate::perl::call::{Call, Return};
use crate::state::{self, Sub};
use crate::tie::life::{self, Known, SharedSession, borrow, borrow_mut};
use crate::tie::object::{NEW, Object};
use crate::tie::options::Caller;

/// Apache::Session's bits in `lock`: a read lock and a write lock.
const BOTH: i64 = 1 | 2;

/// `acquire_write_lock LOCK, SESSION`
pub(crate) fn acquire(call: &mut Call<'_>) -> Result<Return> {
    let (object, perl) = (object_of(call)?, call.perl);
    let session = match session_of(call, object) {
        Some(session) => session,
        None => {
            let session = object.open(Caller::Foreign, &mut call.warnings)?;
            let lock = call.arg(0).target().ok_or_else(|| Error::text("called without its object"))?;
            life::attach(perl, lock, &session);
            session
        }
    };
    // A session that we tied has no other reason to ask than that somebody wants it.
    let is_meant = life::behind(object.hash.scalar()).is_some() || !object.is_session_class();
    if borrow(&session)?.options.transaction || is_meant {
        let id = object.id()?;
        let has_store = object.session().is_some();
        let ahead = has_store && object.status() & NEW == 0 && borrow(&session)?.known == Known::Nothing;
        let held = borrow(&session)?.holds_lock();
        borrow_mut(&session)?.acquire(perl, &id, ahead)?;
        if !held {
            end_with_request(object)?;
        }
    }
    Ok(Return::Value(perl.boolean(true)))
}

/// `release_write_lock LOCK, SESSION`, and `release_all_locks`
pub(crate) fn release_all(call: &mut Call<'_>) -> Result<Return> {
    if let Some(session) = session_of(call, object_of(call)?) {
        borrow_mut(&session)?.release(call.perl, &mut call.warnings)?;
    }
    Ok(Return::Value(call.perl.boolean(true)))
}

/// Gives the lock of a native session back, and says so in the object.
pub(crate) fn release(object: Object, session: &SharedSession, warnings: &mut Vec<String>) -> Result<()> {
    if !borrow(session)?.holds_lock() {
        return Ok(());
    }
    borrow_mut(session)?.release(object.perl, warnings)?;
    object.set_lock(0)
}

/// Says in the object whether the session is locked, for Apache::Session's own methods.
pub(crate) fn show(object: Object, session: &SharedSession) -> Result<()> {
    let held = borrow(session)?.is_locked();
    object.set_lock(if held { BOTH } else { 0 })?;
    if held { end_with_request(object) } else { Ok(()) }
}

/// Under mod_perl, the lock of a session that outlives its request is given back when the request ends.
fn end_with_request(object: Object) -> Result<()> {
    if let Some(sub) = state::sub(object.perl, Sub::EndWithRequest) {
        let session = object.perl.reference(object.hash.scalar());
        object.perl.call(sub, &[session.scalar()])?.free()?;
    }
    Ok(())
}

/// The session that the object shares with its store; else our own.
fn session_of(call: &Call<'_>, object: Object) -> Option<SharedSession> {
    object.session().or_else(|| call.arg(0).target().and_then(life::behind))
}

fn object_of(call: &Call<'_>) -> Result<Object> {
    Ok(Object { perl: call.perl, hash: call.arg(1).expect_hash("the session")? })
}
