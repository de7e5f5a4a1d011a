//! `Apache::Session::Store::Memorycached`: the store of an Apache::Session object of any class, with any serializer.

use session::{Body, Encoding, End, Principal};

use crate::error::{Error, Result};
use crate::perl::call::{Call, Return};
use crate::perl::scalar::Scalar;
use crate::tie::DOES_NOT_EXIST;
use crate::tie::life::{self, Known, SharedSession, borrow, borrow_mut};
use crate::tie::object::{Object, Serializer, store_object};
use crate::tie::options::{Caller, Missing};
use crate::tie::report;

const NOT_OURS: &str = "not a store of ours";

/// The lock is the lock manager's to give back.
const END: End = End::Keep;

/// `new CLASS, SESSION`
pub(crate) fn new(call: &mut Call<'_>) -> Result<Return> {
    let hash = call.arg(1).expect_hash("the session")?;
    let object = Object { perl: call.perl, hash };
    let session = object.open(Caller::Foreign, &mut call.warnings)?;
    Ok(Return::Value(store_object(call.perl, &session).mortal()))
}

/// `insert STORE, SESSION`: a new session.
pub(crate) fn insert(call: &mut Call<'_>) -> Result<Return> {
    let (store, object) = both(call)?;
    let id = object.id()?;
    if borrow(&store)?.options.update_only {
        borrow_mut(&store)?.begin(id);
        return Ok(Return::Nothing);
    }
    let (body, principal) = body(&store, object)?;
    let inserted = borrow_mut(&store)?.insert(call.perl, &id, body, principal.as_ref(), END, &mut call.warnings);
    if let Err(error) = inserted {
        // This happens inside TIEHASH: nobody has seen the object, and its DESTROY has nothing to save.
        borrow_mut(&store)?.give_up();
        return Err(error);
    }
    Ok(Return::Nothing)
}

/// `update STORE, SESSION`: a session that is there already.
pub(crate) fn update(call: &mut Call<'_>) -> Result<Return> {
    let (store, object) = both(call)?;
    if matches!(borrow(&store)?.known, Known::Missing | Known::Failed) {
        let warning = borrow_mut(&store)?.warn_of_loss();
        call.warnings.extend(warning);
        return Ok(Return::Nothing);
    }
    let id = object.id()?;
    let (body, principal) = body(&store, object)?;
    borrow_mut(&store)?.save(call.perl, &id, body, principal.as_ref(), END, &mut call.warnings)?;
    Ok(Return::Nothing)
}

/// `materialize STORE, SESSION`: the bytes of a session, into the object's `serialized`.
pub(crate) fn materialize(call: &mut Call<'_>) -> Result<Return> {
    let (store, object) = both(call)?;
    let id = object.id()?;
    let found = borrow_mut(&store)?.load(call.perl, &id, false, &mut || {}, &mut call.warnings)?;
    let serializer = object.serializer();
    if !found {
        let missing = borrow(&store)?.options.missing;
        if missing == Missing::Die || serializer != Serializer::Ours {
            return Err(Error::text(DOES_NOT_EXIST));
        }
        object.hash.set(call.perl, "serialized", call.perl.undef().copy(call.perl)?)?;
        return Ok(Return::Nothing);
    }
    let store = borrow(&store)?;
    let base = store.base().expect("a session that was found");
    if serializer == Serializer::Ours && base.encoding == Encoding::Opaque {
        return Err(Error::text("was stored by another serializer").in_session(&id));
    }
    object.hash.set(call.perl, "serialized", call.perl.bytes(&base.body))?;
    Ok(Return::Nothing)
}

/// `remove STORE, SESSION`
pub(crate) fn remove(call: &mut Call<'_>) -> Result<Return> {
    let (store, object) = both(call)?;
    let id = object.id()?;
    let principal = object.recorded_principal(&store)?;
    borrow_mut(&store)?.delete(call.perl, &id, principal.as_ref(), &mut call.warnings)?;
    Ok(Return::Nothing)
}

/// `conflicts STORE`: the keys that other requests had changed when the session was last saved.
pub(crate) fn conflicts(call: &mut Call<'_>) -> Result<Return> {
    let store = call.arg(0).target().and_then(life::behind).ok_or_else(|| Error::text(NOT_OURS))?;
    let store = borrow(&store)?;
    Ok(Return::Value(report::conflicts(call.perl, store.merged())?.mortal()))
}

/// `close STORE`: connections are kept for the next session.
pub(crate) fn close(_: &mut Call<'_>) -> Result<Return> {
    Ok(Return::Nothing)
}

fn both(call: &Call<'_>) -> Result<(SharedSession, Object)> {
    let store = call.arg(0).target().and_then(life::behind).ok_or_else(|| Error::text(NOT_OURS))?;
    let hash = call.arg(1).expect_hash("the session")?;
    Ok((store, Object { perl: call.perl, hash }))
}

/// What the object's serializer left, and the principal. A serializer that ran before the digest was in the data runs
/// once more.
fn body(store: &SharedSession, object: Object) -> Result<(Body, Option<Principal>)> {
    let perl = object.perl;
    let before = object.data()?.len();
    let principal = object.principal(store)?;
    let serializer = object.serializer();
    let serialized = object.hash.get(perl, "serialized").filter(|bytes| bytes.is_defined());
    let bytes = match serialized {
        Some(bytes) if object.data()?.len() == before => bytes.to_bytes(perl)?.into(),
        _ if serializer == Serializer::Ours => object.freeze(store, &object.id()?)?,
        _ => {
            let sub = object.hash.get(perl, "serialize").and_then(Scalar::code);
            let sub = sub.ok_or_else(|| Error::text("the session has no serializer"))?;
            let session = perl.reference(object.hash.scalar());
            perl.call(sub, &[session.scalar()])?.free()?;
            let bytes = object.hash.get(perl, "serialized").filter(|bytes| bytes.is_defined());
            bytes.ok_or_else(|| Error::text("the session's serializer left nothing"))?.to_bytes(perl)?.into()
        }
    };
    let body = match serializer {
        Serializer::Ours | Serializer::Storable => Body::storable(bytes),
        Serializer::Other => Body::opaque(bytes),
    };
    Ok((body, principal))
}
