//! `memd set`, `delete`, `touch`: one session, changed where it lies.
//!
//! A change is saved as the Perl module saves one: what the application saves at the same moment stays, and the
//! expiry is left as it was.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use session::{Body, Encoding, Id, NoWait, Outcome, Principal};
use storable::{Fields, Limits, Options, Value};

use crate::cli::Set;
use crate::failure::{Failure, Result};
use crate::place::{self, Settings};
use crate::show::{look, missing, parse};
use crate::text;

/// Sets a field.
pub fn set(settings: &Settings, set: &Set) -> Result<()> {
    let id = place::id(&set.id)?;
    refuse_id_field(&set.field)?;
    let given = if set.json { json(&set.value)? } else { plain(&set.value) };
    change(settings, &id, |value| {
        let new = given.root().get("value").ok_or_else(|| Failure::usage("VALUE: is empty"))?.id();
        let copy = value.import(&given, new).map_err(|error| Failure::server(error.to_string()))?;
        value.insert(set.field.as_str(), copy).map_err(|error| Failure::server(format!("session {id}: {error}")))
    })
}

/// Deletes a session.
pub fn delete(settings: &Settings, given: &OsStr, quiet: bool) -> Result<()> {
    let id = place::id(given)?;
    settings.must_exist()?;
    let mut store = settings.store(None)?;
    let principal = recorded(settings, &id)?;
    if !store.delete(&id, principal.as_ref(), &mut NoWait)? {
        return Err(missing(&id));
    }
    if !quiet {
        writeln!(io::stdout(), "session {}: deleted", text::plain(&id.to_string()))?;
    }
    Ok(())
}

/// Deletes a field.
pub fn delete_field(settings: &Settings, given: &OsStr, field: &str) -> Result<()> {
    let id = place::id(given)?;
    refuse_id_field(field)?;
    change(settings, &id, |value| match value.remove(field) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::not_found(format!("session {id}: there is no field {field}"))),
        Err(error) => Err(Failure::server(format!("session {id}: {error}"))),
    })
}

/// Gives a session another expiry.
pub fn touch(settings: &Settings, given: &OsStr, seconds: u64) -> Result<()> {
    let id = place::id(given)?;
    settings.must_exist()?;
    let principal = recorded(settings, &id)?;
    let mut store = settings.store(Some(seconds))?;
    if store.touch(&id, principal.as_ref(), &mut NoWait)? { Ok(()) } else { Err(missing(&id)) }
}

/// Whose reverse record goes with a session. One that can't be read has none that is known.
fn recorded(settings: &Settings, id: &Id) -> Result<Option<Principal>> {
    if settings.principal.is_none() {
        return Ok(None);
    }
    let Some(stored) = settings.store(None)?.look(id, &mut NoWait)? else { return Ok(None) };
    let Ok(body) = stored.body(id, &settings.config.secrets) else { return Ok(None) };
    Ok(Fields::parse(&body, &Limits::default()).ok().and_then(|fields| settings.recorded_principal(&fields)))
}

fn change(settings: &Settings, id: &Id, edit: impl FnOnce(&mut Value) -> Result<()>) -> Result<()> {
    // What is saved gets the time that the session has left.
    let expiry = look(settings, id)?.expiry;
    let mut store = settings.store(expiry)?;
    let base = store.load(id, &mut NoWait)?.ok_or_else(|| missing(id))?;
    if base.encoding == Encoding::Opaque {
        return Err(Failure::server(format!("session {id}: was not written by Storable, and can't be changed here")));
    }
    let mut value = parse(id, &base.body)?;
    edit(&mut value)?;
    let principal = name_principal(settings, id, &mut value)?;
    let body = write(id, &value)?;
    let saved = store.save(id, Some(&base), Body::storable(body), principal.as_ref(), &mut NoWait)?;
    match saved.outcome {
        Outcome::Dropped => Err(Failure::not_found(format!("session {id}: was deleted meanwhile"))),
        Outcome::Stored | Outcome::Merged { .. } => Ok(()),
    }
}

/// Puts the digest of the principal into the session, as the Perl module does when it saves.
fn name_principal(settings: &Settings, id: &Id, value: &mut Value) -> Result<Option<Principal>> {
    let Some(name) = &settings.principal else { return Ok(None) };
    let body = write(id, value)?;
    let fields = Fields::parse(&body, &Limits::default());
    let fields = fields.map_err(|error| Failure::server(format!("session {id}: {error}")))?;
    let Some(principal) = settings.principal_of(&fields) else { return Ok(None) };
    let digest = single(principal.digest());
    if let Some(node) = digest.root().get("value") {
        let copied =
            value.import(&digest, node.id()).and_then(|copy| value.insert(format!("{name}_MD5").as_str(), copy));
        copied.map_err(|error| Failure::server(format!("session {id}: {error}")))?;
    }
    Ok(Some(principal))
}

fn write(id: &Id, value: &Value) -> Result<Vec<u8>> {
    // As Perl clients write it, also where an older one had not.
    let options = Options { booleans: false, ..Options::default() };
    value.write(&options).map_err(|error| Failure::server(format!("session {id}: {error}")))
}

/// The field by which a session knows its own id is not to be changed.
fn refuse_id_field(field: &str) -> Result<()> {
    if field == "_session_id" {
        return Err(Failure::usage("_session_id is the session's id, and stays with it"));
    }
    Ok(())
}

/// A string, as `{ value => STRING }`. Bytes that are no UTF-8 stay what they are.
fn plain(given: &OsStr) -> Value {
    match given.to_str() {
        Some(text) => single(text),
        None => single(Bytes(given.as_bytes())),
    }
}

fn json(given: &OsStr) -> Result<Value> {
    let failed = |error: String| Failure::usage(format!("VALUE: is not JSON: {error}"));
    let text = given.to_str().ok_or_else(|| failed("it is not UTF-8".to_owned()))?;
    let parsed: serde_json::Value = serde_json::from_str(text).map_err(|error| failed(error.to_string()))?;
    try_single(&parsed).map_err(|error| failed(error.to_string()))
}

fn single<T: serde::Serialize>(value: T) -> Value {
    try_single(&value).expect("a string can be written")
}

fn try_single<T: serde::Serialize>(value: &T) -> storable::Result<Value> {
    storable::to_value(&std::collections::BTreeMap::from([("value", value)]))
}

/// Serde takes a slice for a list of numbers.
struct Bytes<'a>(&'a [u8]);

impl serde::Serialize for Bytes<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}
