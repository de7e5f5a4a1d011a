//! The calls that read: one item, or many.

use session::{Key, Version};

use super::key::OwnKey;
use super::{Counter, Shared, expiry, fail, is_readonly, this, undef, value, work};
use crate::codec::classes::Classes;
use crate::error::{Error, Result};
use crate::perl::call::{Call, Return};
use crate::perl::hash::Hash;
use crate::perl::{Owned, Perl};

/// What is returned of an item: its value, or that with its version.
type Shape = fn(Perl, Version, Owned) -> Owned;

fn plain(_: Perl, _: Version, value: Owned) -> Owned {
    value
}

/// `get CLIENT, KEY`
pub(crate) fn get(call: &mut Call<'_>) -> Result<Return> {
    one(call, 1, None, plain)
}

/// `gets CLIENT, KEY`: `[ VERSION, VALUE ]`
pub(crate) fn gets(call: &mut Call<'_>) -> Result<Return> {
    one(call, 1, None, with_version)
}

/// `gat CLIENT, EXPIRY, KEY`
pub(crate) fn gat(call: &mut Call<'_>) -> Result<Return> {
    let touch = touch(call)?;
    one(call, 2, touch, plain)
}

/// `gats CLIENT, EXPIRY, KEY`
pub(crate) fn gats(call: &mut Call<'_>) -> Result<Return> {
    let touch = touch(call)?;
    one(call, 2, touch, with_version)
}

/// `get_multi CLIENT, KEYS`
pub(crate) fn get_multi(call: &mut Call<'_>) -> Result<Return> {
    many(call, 1, None, plain)
}

/// `gets_multi CLIENT, KEYS`
pub(crate) fn gets_multi(call: &mut Call<'_>) -> Result<Return> {
    many(call, 1, None, with_version)
}

/// `gat_multi CLIENT, EXPIRY, KEYS`
pub(crate) fn gat_multi(call: &mut Call<'_>) -> Result<Return> {
    let touch = touch(call)?;
    many(call, 2, touch, plain)
}

/// `gats_multi CLIENT, EXPIRY, KEYS`
pub(crate) fn gats_multi(call: &mut Call<'_>) -> Result<Return> {
    let touch = touch(call)?;
    many(call, 2, touch, with_version)
}

/// The expiry that the items get; none where the client takes no changes.
fn touch(call: &Call<'_>) -> Result<Option<i64>> {
    let expiry = expiry(call.perl, call.arg(1))?;
    Ok((!is_readonly(&this(call)?)).then_some(expiry))
}

/// Reads the item whose key is the argument at `at`.
fn one(call: &mut Call<'_>, at: usize, touch: Option<i64>, shape: Shape) -> Result<Return> {
    let this = this(call)?;
    let key = OwnKey::of(call.perl, call.arg(at))?;
    let classes = classes(call)?;
    let found = work(call, &this, Counter::Get, |client, wait| match touch {
        Some(expiry) => client.get_and_touch(key.key(), expiry, wait),
        None => client.get(key.key(), wait),
    })?;
    let Some(value) = found.flatten() else {
        return undef(call);
    };
    let version = value.version;
    match readable(call, &this, key.bytes(), value, &classes)? {
        Some(value) => Ok(Return::Value(shape(call.perl, version, value).mortal())),
        None => undef(call),
    }
}

/// The Perl value of an item; `None` where it is damaged, and that was told.
fn readable(
    call: &mut Call<'_>,
    this: &Shared,
    key: &[u8],
    value: session::Value,
    classes: &Classes,
) -> Result<Option<Owned>> {
    let utf8 = this.borrow().options.utf8;
    match value::read(call.perl, key, value, utf8, classes) {
        Ok(value) => Ok(Some(value)),
        Err(Error::Text(text)) => fail(call, this, text).map(|()| None),
        Err(other) => Err(other),
    }
}

/// What may be revived. To be asked for before anything is waited for: a signal's handler may free the object.
fn classes(call: &Call<'_>) -> Result<Classes> {
    let classes = call.object()?.get(call.perl, "classes").unwrap_or(call.perl.undef());
    Classes::from_argument(call.perl, classes)
}

fn with_version(perl: Perl, version: Version, value: Owned) -> Owned {
    perl.array(vec![perl.unsigned(version.number()), value])
}

/// Reads the items whose keys are the arguments from `from` on.
fn many(call: &mut Call<'_>, from: usize, touch: Option<i64>, shape: Shape) -> Result<Return> {
    let (this, perl) = (this(call)?, call.perl);
    let keys = (from..call.items()).map(|index| OwnKey::of(perl, call.arg(index))).collect::<Result<Vec<OwnKey>>>()?;
    let classes = classes(call)?;
    this.borrow_mut().counted[Counter::GetKeys as usize] += keys.len() as u64;
    let found = perl.hash();
    // SAFETY: a new hash, which its owner keeps alive.
    let entries = unsafe { Hash::from_raw(found.scalar().raw().cast()) };
    let read = work(call, &this, Counter::GetMulti, |client, wait| {
        let keys: Vec<Key<'_>> = keys.iter().map(OwnKey::key).collect();
        client.get_multi(&keys, touch, wait)
    })?;
    if let Some((values, errors)) = read {
        for (key, value) in keys.iter().zip(values) {
            let Some(value) = value else { continue };
            let version = value.version;
            if let Some(value) = readable(call, &this, key.bytes(), value, &classes)? {
                let name = key.name(perl);
                entries.store(perl, &name.scalar().key(perl)?, shape(perl, version, value))?;
            }
        }
        for error in errors {
            fail(call, &this, error.to_string())?;
        }
    }
    Ok(Return::Value(perl.reference_to(found).mortal()))
}
