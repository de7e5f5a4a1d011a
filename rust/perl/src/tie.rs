//! The methods of a tied session: `TIEHASH`, `FETCH` and so on, and `restore` and `save` behind them.
//!
//! - `options`: the arguments of `tie`; `object`: the hash with Apache::Session's keys that the methods work on
//! - `life`: one session between its reading and its last save; `base`: what was last read or written
//! - `lazy`: data whose values are made when they are asked for
//! - `lock`: the lock manager; `store`: the store of objects of other classes; `report`: what was counted and merged

pub(crate) mod lazy;
pub(crate) mod life;
pub(crate) mod lock;
pub(crate) mod object;
pub(crate) mod options;
pub(crate) mod report;
pub(crate) mod store;

use session::{Body, Encoding, End, Id, Origin};

use self::life::{Known, Session, SharedSession, borrow, borrow_mut};
use self::object::{CLASS, DELETED, LENT, MODIFIED, NEW, Object, SYNCED, inherited};
use self::options::{Caller, Missing, Options};
use crate::error::{Error, Result};
use crate::perl::call::{Call, Return};
use crate::perl::hash::Hash;
use crate::perl::scalar::Scalar;
use crate::perl::{Owned, Perl};

/// Where a missing session dies, in Apache::Session's words.
pub(crate) const DOES_NOT_EXIST: &str = "Object does not exist in the data store";

/// `TIEHASH CLASS, ID, \%ARGS`: natively for our own class; one that inherits from it may have changed any step, and
/// goes through Apache::Session's own.
pub(crate) fn tiehash(call: &mut Call<'_>) -> Result<Return> {
    let perl = call.perl;
    if *call.arg(0).to_bytes(perl)? != *CLASS.as_bytes() {
        return Ok(Return::Super(inherited(perl, c"Apache::Session::TIEHASH")?));
    }
    let (id, args) = (call.arg(1), call.arg(2));
    let args = match args.is_defined() {
        true => {
            args.hash().ok_or_else(|| Error::text("the arguments of tie: takes a reference to a hash"))?;
            perl.reference(args.target().expect("a reference to a hash"))
        }
        false => perl.reference_to(perl.hash()),
    };
    let options = Options::read(perl, args.scalar().expect_hash("args")?, Caller::Tie, &mut call.warnings)?;
    let session = SharedSession::new(Session::new(options).into());
    let mut tied = None;
    let opened = if id.is_defined() && id.is_true(perl)? {
        open_session(perl, args, &session, id, &mut tied, &mut call.warnings)
    } else {
        create_session(perl, args, &session, &mut tied, &mut call.warnings)
    };
    if let Err(error) = opened {
        // Nobody has seen the object, which is still there: its DESTROY has nothing to save.
        borrow_mut(&session)?.give_up();
        tied.map_or(Ok(()), Owned::free)?;
        return Err(error);
    }
    Ok(Return::Value(tied.expect("an opened session has its object").mortal()))
}

/// Reads a session into a new object, which is made while the request is under way.
fn open_session(
    perl: Perl,
    args: Owned,
    session: &SharedSession,
    id: Scalar,
    tied: &mut Option<Owned>,
    warnings: &mut Vec<String>,
) -> Result<()> {
    let id = valid_id(perl, id)?;
    let lock = borrow(session)?.options.transaction;
    let mut args = Some(args);
    let mut made = Ok(());
    let mut make = || {
        if let Some(args) = args.take() {
            made = Object::create(perl, args, session).map(|object| *tied = Some(object));
        }
    };
    let found = borrow_mut(session)?.load(perl, &id, lock, &mut make, warnings)?;
    // Where there was nothing to wait for.
    make();
    made?;
    let tied = tied.as_ref().expect("it was made by now");
    fill(object_behind(perl, tied), session, &id, found, warnings)
}

/// Stores a new session, in a new object.
fn create_session(
    perl: Perl,
    args: Owned,
    session: &SharedSession,
    tied: &mut Option<Owned>,
    warnings: &mut Vec<String>,
) -> Result<()> {
    let object = object_behind(perl, tied.insert(Object::create(perl, args, session)?));
    let id = Id::generate(borrow(session)?.options.id_length)?;
    object.fresh_data(Some(&id))?;
    borrow_mut(session)?.begin(id);
    object.set_status(NEW)?;
    save_session(object, session, End::Keep, warnings)?;
    lock::show(object, session)
}

fn object_behind(perl: Perl, tied: &Owned) -> Object {
    Object { perl, hash: tied.scalar().hash().expect("a reference to a new hash") }
}

/// An id from outside: hex digits, as Apache::Session::Generate::MD5 has it.
fn valid_id(perl: Perl, id: Scalar) -> Result<Id> {
    let bytes = id.to_bytes(perl)?;
    if bytes.is_empty() || !bytes.iter().all(u8::is_ascii_hexdigit) {
        return Err(Error::text(format!("Invalid session ID: {}", bytes.escape_ascii())));
    }
    Ok(Id::parse(&bytes)?)
}

/// `restore`: reads the session, unless it is new or was read already.
pub(crate) fn restore(call: &mut Call<'_>) -> Result<Return> {
    let object = object_of(call)?;
    if !object.is_native() {
        return Ok(Return::Super(inherited(call.perl, c"Apache::Session::restore")?));
    }
    if object.status() & (SYNCED | NEW) != 0 {
        return Ok(Return::Nothing);
    }
    let session = session_of(object)?;
    let id = object.id()?;
    let lock = borrow(&session)?.options.transaction;
    let found = borrow_mut(&session)?.load(call.perl, &id, lock, &mut || {}, &mut call.warnings)?;
    fill(object, &session, &id, found, &mut call.warnings)?;
    Ok(Return::Nothing)
}

/// Gives an object the data of the session that was just read, if one was found.
fn fill(object: Object, session: &SharedSession, id: &Id, found: bool, warnings: &mut Vec<String>) -> Result<()> {
    if borrow(session)?.options.transaction {
        lock::show(object, session)?;
    }
    if found {
        let renewed = {
            let session = borrow(session)?;
            let base = session.base().expect("a session that was found");
            if base.encoding != Encoding::Storable {
                return Err(Error::text("was stored by another serializer").in_session(id));
            }
            let config = &session.options.config;
            object.open_data(&base.body, &config.limits, id)?;
            config.sliding && config.expiry.is_some() && base.origin == Origin::Servers
        };
        if renewed && let Some(principal) = object.recorded_principal(session)? {
            borrow_mut(session)?.renew_record(object.perl, &principal, warnings)?;
        }
    } else {
        let session = borrow(session)?;
        if session.known == Known::Missing && session.options.missing == Missing::Die {
            return Err(Error::text(DOES_NOT_EXIST));
        }
        object.fresh_data(None)?;
    }
    object.change_status(MODIFIED | LENT, SYNCED)
}

/// `save`: writes what changed.
pub(crate) fn save(call: &mut Call<'_>) -> Result<Return> {
    let object = object_of(call)?;
    if !object.is_native() {
        return Ok(Return::Super(inherited(call.perl, c"Apache::Session::save")?));
    }
    let session = session_of(object)?;
    save_session(object, &session, End::Keep, &mut call.warnings)?;
    if borrow(&session)?.options.transaction {
        lock::show(object, &session)?;
    }
    Ok(Return::Nothing)
}

/// Writes what changed; with [`End::Unlock`] the lock goes with it.
fn save_session(object: Object, session: &SharedSession, end: End, warnings: &mut Vec<String>) -> Result<()> {
    let (perl, status) = (object.perl, object.status());
    let known = borrow(session)?.known;
    if status & DELETED != 0 {
        match known {
            Known::Stored | Known::Nothing => {
                let id = object.id()?;
                let principal = object.recorded_principal(session)?;
                borrow_mut(session)?.delete(perl, &id, principal.as_ref(), warnings)?;
            }
            Known::Fresh => borrow_mut(session)?.known = Known::Missing,
            Known::Missing | Known::Failed => {}
        }
        return object.change_status(MODIFIED | DELETED, SYNCED);
    }
    if matches!(known, Known::Missing | Known::Failed) {
        return object.change_status(MODIFIED | NEW, SYNCED);
    }
    let unsaved = status & (MODIFIED | NEW);
    if status & (MODIFIED | LENT) != 0 {
        restore_id(object, session)?;
        let id = object.id()?;
        let principal = object.principal(session)?;
        let body = object.freeze(session, &id)?;
        // What a signal handler changes from here on is not in the image, and marks the session anew.
        object.change_status(MODIFIED | NEW, SYNCED)?;
        let saved = (|| {
            if status & MODIFIED == 0 && !borrow(session)?.differs(&id, &body)? {
                return Ok(());
            }
            borrow_mut(session)?.save(perl, &id, Body::storable(body), principal.as_ref(), end, warnings)
        })();
        if saved.is_err() {
            object.change_status(0, unsaved)?;
        }
        return saved;
    }
    if status & NEW != 0 {
        if !borrow(session)?.options.update_only {
            let id = object.id()?;
            let body = object.freeze(session, &id)?;
            borrow_mut(session)?.insert(perl, &id, Body::storable(body), None, end, warnings)?;
        }
        return object.change_status(NEW, SYNCED);
    }
    Ok(())
}

/// Puts the id back that a `%s = ()` or a `delete $s{_session_id}` took out.
fn restore_id(object: Object, session: &SharedSession) -> Result<()> {
    if object.has_id()? {
        return Ok(());
    }
    let id = borrow(session)?.id().cloned();
    id.map_or(Ok(()), |id| object.set_id(&id))
}

/// `FETCH KEY`
pub(crate) fn fetch(call: &mut Call<'_>) -> Result<Return> {
    let (object, perl) = (object_of(call)?, call.perl);
    let key = call.arg(1).key(perl)?;
    let Some(value) = object.fetch(&key)? else {
        return Ok(Return::Value(perl.undef()));
    };
    if value.is_reference() {
        object.change_status(0, LENT)?;
    }
    Ok(Return::Value(value))
}

/// `STORE KEY, VALUE`
pub(crate) fn store(call: &mut Call<'_>) -> Result<Return> {
    let (object, perl) = (object_of(call)?, call.perl);
    if let Some(session) = object.session()
        && let Ok(mut session) = session.try_borrow_mut()
        && let Some(warning) = session.warn_of_loss()
    {
        call.warn(warning);
    }
    let key = call.arg(1).key(perl)?;
    let value = call.arg(2).copy(perl)?;
    let lent = if value.scalar().is_reference() { LENT } else { 0 };
    let former = object.store(&key, value)?;
    object.change_status(0, MODIFIED | lent)?;
    if let Some(former) = former {
        former.free()?;
    }
    Ok(Return::Nothing)
}

/// `EXISTS KEY`
pub(crate) fn exists(call: &mut Call<'_>) -> Result<Return> {
    let (object, perl) = (object_of(call)?, call.perl);
    let key = call.arg(1).key(perl)?;
    let exists = object.exists(&key)?;
    Ok(Return::Value(perl.boolean(exists)))
}

/// `DELETE KEY`
pub(crate) fn delete(call: &mut Call<'_>) -> Result<Return> {
    let (object, perl) = (object_of(call)?, call.perl);
    let key = call.arg(1).key(perl)?;
    let value = object.delete(&key)?;
    let Some(value) = value else {
        return Ok(Return::Value(perl.undef()));
    };
    object.change_status(0, MODIFIED)?;
    Ok(Return::Value(value))
}

/// `CLEAR`: the id stays.
pub(crate) fn clear(call: &mut Call<'_>) -> Result<Return> {
    let object = object_of(call)?;
    let session = object.session();
    let id = object.id().ok().filter(|_| session.is_some());
    object.fresh_data(id.as_ref())?;
    if let Some(session) = session {
        borrow_mut(&session)?.cleared = true;
    }
    object.change_status(0, MODIFIED)?;
    Ok(Return::Nothing)
}

/// `FIRSTKEY`
pub(crate) fn firstkey(call: &mut Call<'_>) -> Result<Return> {
    let data = object_of(call)?.data()?;
    data.iter_reset(call.perl);
    Ok(next_key(call.perl, data))
}

/// `NEXTKEY LAST`
pub(crate) fn nextkey(call: &mut Call<'_>) -> Result<Return> {
    let data = object_of(call)?.data()?;
    Ok(next_key(call.perl, data))
}

fn next_key(perl: Perl, data: Hash) -> Return {
    Return::Value(data.iter_next(perl).map_or_else(|| perl.undef(), |key| key.mortal()))
}

/// `SCALAR`: how many keys there are.
pub(crate) fn scalar(call: &mut Call<'_>) -> Result<Return> {
    let keys = object_of(call)?.data()?.len();
    Ok(Return::Value(call.perl.integer(keys as i64).mortal()))
}

/// `UNTIE`: saves and gives the lock back, so that a failure is thrown where `untie` stands.
pub(crate) fn untie(call: &mut Call<'_>) -> Result<Return> {
    let object = object_of(call)?;
    if object.has_changes() && object.is_native() {
        let session = session_of(object)?;
        save_session(object, &session, End::Unlock, &mut call.warnings)?;
    }
    if let Some(session) = object.session() {
        lock::release(object, &session, &mut call.warnings)?;
    }
    Ok(Return::Nothing)
}

/// `DESTROY`: saves what is left to save, and gives the lock back. Nothing can be thrown from here, so a failure is a
/// warning. What another process or thread has locked is left to that one.
pub(crate) fn destroy(call: &mut Call<'_>) -> Result<Return> {
    let Ok(object) = object_of(call) else {
        return Ok(Return::Nothing);
    };
    let session = life::behind(object.hash.scalar());
    if let Some(session) = &session {
        let (is_elsewhere, holds_lock) = (borrow(session)?.is_locked_elsewhere(), borrow(session)?.holds_lock());
        if is_elsewhere || !object.has_changes() && !holds_lock {
            return Ok(Return::Nothing);
        }
    }
    if !object.is_native() {
        // A session whose creation failed has nothing that could be saved.
        return match object.hash.get(call.perl, "object_store").is_some_and(Scalar::is_reference) {
            true => Ok(Return::Super(inherited(call.perl, c"Apache::Session::DESTROY")?)),
            false => Ok(Return::Nothing),
        };
    }
    let session = session_of(object)?;
    // What is lost was told by the save that found it out.
    let is_lost = borrow(&session)?.is_lost();
    let saved = if is_lost { Ok(()) } else { save_session(object, &session, End::Unlock, &mut call.warnings) };
    let ended = saved.and(lock::release(object, &session, &mut call.warnings));
    let text = match ended {
        Ok(()) => return Ok(Return::Nothing),
        Err(error) => match error.into_scalar(call.perl) {
            Some(error) => error.scalar().to_text(call.perl)?,
            None => return Err(Error::Exited),
        },
    };
    let id = borrow(&session)?.id().map_or_else(String::new, ToString::to_string);
    let about = format!("session {id}: ");
    call.warn(format!("session {id} is not saved: {}", text.strip_prefix(&about).unwrap_or(&text)));
    Ok(Return::Nothing)
}

/// `conflicts`: the keys that other requests had changed when the session was last saved.
pub(crate) fn conflicts(call: &mut Call<'_>) -> Result<Return> {
    let session = session_of(object_of(call)?)?;
    let session = borrow(&session)?;
    Ok(Return::Value(report::conflicts(call.perl, session.merged())?.mortal()))
}

/// `stats`: what this process has done so far.
pub(crate) fn stats(call: &mut Call<'_>) -> Result<Return> {
    Ok(Return::Value(report::stats(call.perl)?.mortal()))
}

/// `populate`: what makes an object, of whatever class, use our store. Returns the object.
pub(crate) fn populate(call: &mut Call<'_>) -> Result<Return> {
    let object = object_of(call)?;
    object.populate(&mut call.warnings)?;
    Ok(Return::Value(call.arg(0)))
}

/// `serialize SESSION`: Storable's bytes of the data, in the object's `serialized`.
pub(crate) fn serialize(call: &mut Call<'_>) -> Result<Return> {
    let object = object_of(call)?;
    let session = match object.session() {
        Some(session) => session,
        None => object.open(Caller::Foreign, &mut call.warnings)?,
    };
    object.principal(&session)?;
    let id = object.id()?;
    let bytes = object.freeze(&session, &id)?;
    object.hash.set(call.perl, "serialized", call.perl.bytes(&bytes))?;
    Ok(Return::Nothing)
}

/// `unserialize SESSION`: the data of Storable's bytes in the object's `serialized`; none when there are no bytes.
pub(crate) fn unserialize(call: &mut Call<'_>) -> Result<Return> {
    let object = object_of(call)?;
    let Some(bytes) = object.hash.get(call.perl, "serialized").filter(|bytes| bytes.is_defined()) else {
        object.fresh_data(None)?;
        return Ok(Return::Nothing);
    };
    let session = match object.session() {
        Some(session) => session,
        None => object.open(Caller::Foreign, &mut call.warnings)?,
    };
    let limits = borrow(&session)?.options.config.limits;
    object.thaw(&bytes.to_bytes(call.perl)?, &limits, &object.id()?)?;
    Ok(Return::Nothing)
}

/// `regenerate_id`: moves the session to a new id, for use at sign-in. The old one is deleted. Returns the new id.
pub(crate) fn regenerate_id(call: &mut Call<'_>) -> Result<Return> {
    let (object, perl) = (object_of(call)?, call.perl);
    if !object.is_native() {
        return Err(Error::text("regenerate_id: this session has a store or a serializer that is not ours"));
    }
    let session = session_of(object)?;
    let status = object.status();
    let former = borrow(&session)?.id().cloned().filter(|_| status & DELETED == 0);
    let (Some(former), Known::Stored | Known::Fresh) = (former, borrow(&session)?.known) else {
        return Err(Error::text("regenerate_id: there is no such session"));
    };
    let id = Id::generate(borrow(&session)?.options.id_length)?;
    object.set_id(&id)?;
    let moved = (|| {
        let principal = object.principal(&session)?;
        let body = object.freeze(&session, &id)?;
        object.change_status(MODIFIED | NEW, SYNCED)?;
        borrow_mut(&session)?.move_to(perl, &id, Body::storable(body), principal.as_ref(), &mut call.warnings)
    })();
    let now = borrow(&session)?.id().cloned().unwrap_or(former);
    if now != id {
        object.set_id(&now)?;
        object.change_status(0, status & (MODIFIED | NEW))?;
    }
    lock::show(object, &session)?;
    moved?;
    Ok(Return::Value(perl.bytes(now.as_bytes()).mortal()))
}

/// `_hex_digits LENGTH`: that many random hex digits, from the operating system.
pub(crate) fn hex_digits(call: &mut Call<'_>) -> Result<Return> {
    let perl = call.perl;
    let length = match call.arg(0).to_number(perl)? {
        Ok(length) if (1.0..=128.0).contains(&length) => length as usize,
        _ => {
            return Err(Error::text("argument IDLength: takes a number of hex digits from 1 to 128"));
        }
    };
    Ok(Return::Value(perl.bytes(Id::generate(length)?.as_bytes()).mortal()))
}

fn object_of(call: &Call<'_>) -> Result<Object> {
    Ok(Object { perl: call.perl, hash: call.object()? })
}

fn session_of(object: Object) -> Result<SharedSession> {
    object.session().ok_or_else(|| Error::text("the session has lost its store"))
}
