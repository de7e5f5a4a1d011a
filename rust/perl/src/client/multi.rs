//! The calls that change many items in one round trip, as Cache::Memcached::Fast has them.
//!
//! All arguments are read, and all values frozen, before anything is sent: where one of them is wrong, nothing is done.

use session::{Change, Effect, Mode, Request, Side, Version, give_buffer, take_buffer};

use super::key::OwnKey;
use super::{Counter, expiry, fail, is_readonly, this, unsigned, value, work};
use crate::error::{Error, Result};
use crate::perl::call::{Call, Context, Return};
use crate::perl::hash::Hash;
use crate::perl::scalar::Scalar;
use crate::perl::{Owned, Perl};

/// One argument of a call: a key, or a reference to an array that begins with one.
struct Element {
    perl: Perl,
    method: &'static str,
    /// Counted from 1.
    number: usize,
    /// Mortal: reading one may run code that takes the others away.
    parts: Vec<Scalar>,
}

impl Element {
    /// `takes` is what an array holds; `alone`: a key without an array will do.
    fn of(perl: Perl, method: &'static str, number: usize, value: Scalar, alone: bool, takes: &str) -> Result<Element> {
        let hold = |part: Scalar| part.own(perl).mortal();
        let parts = match value.array() {
            Some(array) => array.iter().map(|part| part.map_or(perl.undef(), hold)).collect(),
            None if alone && !value.is_reference() => vec![hold(value)],
            None => Vec::new(),
        };
        let element = Element { perl, method, number, parts };
        if !element.is_given(0) {
            return Err(element.refuse(takes));
        }
        Ok(element)
    }

    fn part(&self, index: usize) -> Scalar {
        self.parts.get(index).copied().unwrap_or(self.perl.undef())
    }

    fn is_given(&self, index: usize) -> bool {
        self.part(index).is_defined() || self.part(index).is_magical()
    }

    /// The part that must not be left out.
    fn value(&self, index: usize, takes: &str) -> Result<Scalar> {
        if self.is_given(index) { Ok(self.part(index)) } else { Err(self.refuse(takes)) }
    }

    fn refuse(&self, takes: &str) -> Error {
        Error::text(format!("{}: argument {} takes {takes}", self.method, self.number))
    }
}

/// A request that owns what it is about.
enum Own {
    Store { bytes: Vec<u8>, flags: u32, expiry: i64, mode: Mode },
    Extend { bytes: Vec<u8>, side: Side },
    Count { by: u64, down: bool },
    Touch { expiry: i64 },
    Remove,
}

impl Own {
    fn request<'a>(&'a self, key: &'a OwnKey) -> Request<'a> {
        let key = key.key();
        match *self {
            Own::Store { ref bytes, flags, expiry, mode } => Request::Store { key, value: bytes, flags, expiry, mode },
            Own::Extend { ref bytes, side } => Request::Extend { key, bytes, side },
            Own::Count { by, down } => Request::Count { key, by, down },
            Own::Touch { expiry } => Request::Touch { key, expiry },
            Own::Remove => Request::Remove { key },
        }
    }

    fn give_back(self) {
        if let Own::Store { bytes, .. } | Own::Extend { bytes, .. } = self {
            give_buffer(bytes);
        }
    }
}

/// `set_multi CLIENT, [ KEY, VALUE, EXPIRY ], ...`
pub(crate) fn set_multi(call: &mut Call<'_>) -> Result<Return> {
    store(call, "set_multi", Counter::Set, Mode::Set)
}

/// `add_multi`, with the arguments of `set_multi`
pub(crate) fn add_multi(call: &mut Call<'_>) -> Result<Return> {
    store(call, "add_multi", Counter::Add, Mode::Add)
}

/// `replace_multi`, with the arguments of `set_multi`
pub(crate) fn replace_multi(call: &mut Call<'_>) -> Result<Return> {
    store(call, "replace_multi", Counter::Replace, Mode::Replace)
}

fn store(call: &mut Call<'_>, method: &'static str, counter: Counter, mode: Mode) -> Result<Return> {
    const TAKES: &str = "[ key, value, expiry ], with a value that is defined";
    batch(call, method, counter, false, TAKES, |call, element, utf8| {
        let value = element.value(1, TAKES)?;
        frozen(call, value, utf8, expiry(element.perl, element.part(2))?, mode)
    })
}

/// `cas_multi CLIENT, [ KEY, VERSION, VALUE, EXPIRY ], ...`
pub(crate) fn cas_multi(call: &mut Call<'_>) -> Result<Return> {
    const TAKES: &str =
        "[ key, version, value, expiry ], with a version as gets returns it and a value that is defined";
    batch(call, "cas_multi", Counter::Cas, false, TAKES, |call, element, utf8| {
        let version = unsigned(element.perl, element.part(1))?.ok_or_else(|| element.refuse(TAKES))?;
        let value = element.value(2, TAKES)?;
        let mode = Mode::Version(Version::from_number(version));
        frozen(call, value, utf8, expiry(element.perl, element.part(3))?, mode)
    })
}

fn frozen(call: &mut Call<'_>, value: Scalar, utf8: bool, expiry: i64, mode: Mode) -> Result<Own> {
    warn_of_wide(call, value, utf8)?;
    let (bytes, flags) = value::write(call.perl, value, utf8, take_buffer(0))?;
    Ok(Own::Store { bytes, flags, expiry, mode })
}

fn warn_of_wide(call: &mut Call<'_>, value: Scalar, utf8: bool) -> Result<()> {
    if !utf8 && !value.is_reference() && value.is_wide(call.perl)? {
        call.warn(super::WIDE);
    }
    Ok(())
}

/// `append_multi CLIENT, [ KEY, STRING ], ...`
pub(crate) fn append_multi(call: &mut Call<'_>) -> Result<Return> {
    extend(call, "append_multi", Counter::Append, Side::Back)
}

/// `prepend_multi CLIENT, [ KEY, STRING ], ...`
pub(crate) fn prepend_multi(call: &mut Call<'_>) -> Result<Return> {
    extend(call, "prepend_multi", Counter::Prepend, Side::Front)
}

fn extend(call: &mut Call<'_>, method: &'static str, counter: Counter, side: Side) -> Result<Return> {
    const TAKES: &str = "[ key, string ]";
    batch(call, method, counter, false, TAKES, |call, element, utf8| {
        let string = element.value(1, TAKES)?;
        if string.is_reference() {
            return Err(element.refuse(TAKES));
        }
        warn_of_wide(call, string, utf8)?;
        let (bytes, _) = value::write_string(element.perl, string, utf8, take_buffer(0))?;
        Ok(Own::Extend { bytes, side })
    })
}

/// `incr_multi CLIENT, KEY | [ KEY, BY ], ...`
pub(crate) fn incr_multi(call: &mut Call<'_>) -> Result<Return> {
    count(call, "incr_multi", Counter::Incr, false)
}

/// `decr_multi`, with the arguments of `incr_multi`
pub(crate) fn decr_multi(call: &mut Call<'_>) -> Result<Return> {
    count(call, "decr_multi", Counter::Decr, true)
}

fn count(call: &mut Call<'_>, method: &'static str, counter: Counter, down: bool) -> Result<Return> {
    const TAKES: &str = "a key, or [ key, whole number ]";
    batch(call, method, counter, true, TAKES, |_, element, _| {
        let by = match element.is_given(1) {
            true => unsigned(element.perl, element.part(1))?.ok_or_else(|| element.refuse(TAKES))?,
            false => 1,
        };
        Ok(Own::Count { by, down })
    })
}

/// `delete_multi CLIENT, KEY | [ KEY ], ...`
pub(crate) fn delete_multi(call: &mut Call<'_>) -> Result<Return> {
    batch(call, "delete_multi", Counter::Delete, true, "a key, or [ key ]", |_, _, _| Ok(Own::Remove))
}

/// `touch_multi CLIENT, KEY | [ KEY, EXPIRY ], ...`
pub(crate) fn touch_multi(call: &mut Call<'_>) -> Result<Return> {
    batch(call, "touch_multi", Counter::Touch, true, "a key, or [ key, expiry ]", |_, element, _| {
        Ok(Own::Touch { expiry: expiry(element.perl, element.part(1))? })
    })
}

/// Makes a request of each argument, sends them all, and returns what became of them.
fn batch(
    call: &mut Call<'_>,
    method: &'static str,
    counter: Counter,
    alone: bool,
    takes: &str,
    own: impl Fn(&mut Call<'_>, &Element, bool) -> Result<Own>,
) -> Result<Return> {
    // At once: what runs in between may hide who called.
    let context = call.context();
    let (this, perl) = (this(call)?, call.perl);
    let utf8 = this.borrow().options.utf8;
    let count = call.items() - 1;
    let (mut names, mut keys, mut requests) = (Vec::new(), Vec::with_capacity(count), Vec::with_capacity(count));
    for number in 1..=count {
        let element = Element::of(perl, method, number, call.arg(number), alone, takes)?;
        let key = element.part(0);
        if context == Context::Scalar {
            let name = key.array().and_then(|pair| pair.get(1)).unwrap_or(key);
            names.push(name.copy(perl)?);
        }
        keys.push(OwnKey::of(perl, key)?);
        requests.push(own(call, &element, utf8)?);
    }
    let counts = matches!(counter, Counter::Incr | Counter::Decr);
    let mut results = Vec::new();
    if is_readonly(&this) {
        results.extend(requests.iter().map(|_| result(perl, counts, Some(Effect::Change(Change::Missing)))));
    } else if count > 0 {
        this.borrow_mut().counted[counter as usize] += count as u64 - 1;
        let worked = work(call, &this, counter, |client, wait| {
            let batch: Vec<Request<'_>> =
                requests.iter().zip(&keys).map(|(request, key)| request.request(key)).collect();
            client.batch(&batch, wait)
        })?;
        let (effects, errors) = worked.unwrap_or_default();
        results.extend(requests.iter().enumerate().map(|(index, _)| {
            let effect = effects.get(index).copied().flatten();
            result(perl, counts, effect)
        }));
        for error in errors {
            fail(call, &this, error.to_string())?;
        }
    }
    requests.into_iter().for_each(Own::give_back);
    match context {
        Context::Void => Ok(Return::Nothing),
        Context::List => Ok(Return::List(results)),
        Context::Scalar => by_key(perl, &names, results),
    }
}

/// What each of the single calls returns: true or false, or a number; undef on an error, and where there is no number.
fn result(perl: Perl, counts: bool, effect: Option<Effect>) -> Option<Owned> {
    match effect {
        Some(Effect::Number(number)) => Some(perl.unsigned(number)),
        Some(Effect::Change(change)) if !counts => perl.boolean(change == Change::Done).copy(perl).ok(),
        _ => None,
    }
}

fn by_key(perl: Perl, names: &[Owned], results: Vec<Option<Owned>>) -> Result<Return> {
    let hash = perl.hash();
    // SAFETY: a new hash, which its owner keeps alive.
    let entries = unsafe { Hash::from_raw(hash.scalar().raw().cast()) };
    for (name, result) in names.iter().zip(results) {
        let result = match result {
            Some(result) => result,
            None => perl.undef().copy(perl)?,
        };
        entries.store(perl, &name.scalar().key(perl)?, result)?;
    }
    Ok(Return::Value(perl.reference_to(hash).mortal()))
}
