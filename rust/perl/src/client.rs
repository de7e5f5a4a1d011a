//! `Apache::Session::Memorycached::Client`: the calls of Cache::Memcached, over [`session::Client`].
//!
//! - `options`: the arguments of `new`
//! - `value`: Perl values as items
//!
//! Keys and values are copied before anything is sent: while a server is waited for, a signal's handler may change or
//! free the caller's.
//!
//! What a server does wrong is an error of the method: it is kept for `error`, told as `on_error` says, and the method
//! returns undef. Whatever the caller does wrong, other than by a key that can't be one, dies.

mod options;
mod value;

use std::cell::RefCell;
use std::ffi::c_int;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

use session::{Change, Config, Key, Mode, Question, Side, Topic, Version, give_buffer, inspect, take_buffer};

use self::options::{OnError, Options};
use crate::args::untied;
use crate::call::{Call, Return};
use crate::classes::Classes;
use crate::error::{Error, Result};
use crate::hash::Hash;
use crate::native::{self, Native};
use crate::perl::{Owned, Perl};
use crate::scalar::Scalar;
use crate::wait::Signals;

/// The native side of a client.
pub(crate) struct Client {
    options: Options,
    config: Arc<Config>,
    /// `None` while it is in use, and before its first use.
    inner: Option<session::Client>,
    /// Values are compressed at all.
    compress: bool,
    /// What went wrong in the last call.
    error: Option<String>,
    counted: [u64; CALLS.len()],
}

type Shared = Rc<RefCell<Client>>;

impl Native for Client {
    const KIND: c_int = 1;

    fn for_thread(&self) -> Client {
        Client {
            options: self.options.clone(),
            config: self.config.clone(),
            inner: None,
            compress: self.compress,
            error: self.error.clone(),
            counted: self.counted,
        }
    }
}

/// What is counted of an object, for `stats('self')`, under Cache::Memcached's names.
const CALLS: [&str; 13] = [
    "set",
    "add",
    "replace",
    "cas",
    "append",
    "prepend",
    "delete",
    "touch",
    "incr",
    "decr",
    "get",
    "get_multi",
    "get_keys",
];

/// The index of each name above.
#[derive(Clone, Copy)]
enum Counter {
    Set,
    Add,
    Replace,
    Cas,
    Append,
    Prepend,
    Delete,
    Touch,
    Incr,
    Decr,
    Get,
    GetMulti,
    GetKeys,
}

/// The longest key is 250 bytes; what is longer is refused in any case, and its beginning tells which it was.
const KEY: usize = 300;

/// A key of the caller's, copied.
struct OwnKey {
    bytes: [u8; KEY],
    len: usize,
    hash: Option<u64>,
}

impl OwnKey {
    /// A string, or as in Cache::Memcached a reference to an array of a hash and a string.
    fn of(perl: Perl, value: Scalar) -> Result<OwnKey> {
        let mut key = OwnKey { bytes: [0; KEY], len: 0, hash: None };
        let mut string = value;
        if let Some(pair) = value.array() {
            // The number of an object may be a sub's, which changes the array.
            let [hash, name] = [0, 1].map(|index| pair.get(index).map(|part| part.own(perl).mortal()));
            let hash = hash.map(|hash| hash.to_number(perl)).transpose()?.and_then(std::result::Result::ok);
            match (hash, name) {
                (Some(hash), Some(name)) if hash >= 0.0 => (key.hash, string) = (Some(hash as u64), name),
                _ => return Err(Error::text("argument key: takes a string, or [ hash value, string ]")),
            }
        }
        string.with_bytes(perl, |bytes| {
            key.len = bytes.len().min(KEY);
            key.bytes[..key.len].copy_from_slice(&bytes[..key.len]);
        })?;
        Ok(key)
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn key(&self) -> Key<'_> {
        match self.hash {
            Some(hash) => Key::at(hash, self.bytes()),
            None => Key::new(self.bytes()),
        }
    }
}

/// `new CLASS, { ARGUMENTS } | ARGUMENTS`
pub(crate) fn new(call: &mut Call<'_>) -> Result<Return> {
    let perl = call.perl;
    let class = match call.arg(0).target().and_then(Scalar::class) {
        Some(class) => class,
        None => perl.stash(&call.arg(0).to_bytes(perl)?),
    };
    let args = arguments(call)?;
    let args = args.scalar().hash().expect("a reference to a hash");
    let options = Options::read(perl, args, &mut call.warnings)?;
    Classes::from_argument(perl, args.get(perl, "classes").unwrap_or(perl.undef()))?;
    let config = Arc::new(options.config.clone());
    let inner = session::Client::open(config.clone())?;
    let client =
        Client { options, config, inner: Some(inner), compress: true, error: None, counted: Default::default() };

    let hash = perl.hash();
    // SAFETY: a new hash, which its owner keeps alive.
    let object = unsafe { Hash::from_raw(hash.scalar().raw().cast()) };
    for name in ["servers", "namespace", "classes"] {
        if let Some(value) = args.get(perl, name) {
            object.set(perl, name, value.copy(perl)?)?;
        }
    }
    native::attach(perl, hash.scalar(), &Rc::new(RefCell::new(client)));
    hash.scalar().bless(perl, class);
    Ok(Return::Value(perl.reference_to(hash).mortal()))
}

/// The arguments of `new`, as a reference to a hash that is not tied.
fn arguments(call: &Call<'_>) -> Result<Owned> {
    let perl = call.perl;
    if call.items() == 2 && call.arg(1).is_reference() {
        let hash = call.arg(1).expect_hash("the argument of new")?;
        return Ok(untied(perl, hash)?.unwrap_or_else(|| perl.reference(hash.scalar())));
    }
    if call.items() == 2 && !call.arg(1).is_defined() {
        return Ok(perl.reference_to(perl.hash()));
    }
    if call.items().is_multiple_of(2) {
        return Err(Error::text("the arguments of new: takes names and values, or a reference to a hash"));
    }
    let hash = perl.hash();
    // SAFETY: a new hash, which its owner keeps alive.
    let args = unsafe { Hash::from_raw(hash.scalar().raw().cast()) };
    for index in (1..call.items()).step_by(2) {
        args.store(perl, &call.arg(index).key(perl)?, call.arg(index + 1).copy(perl)?)?;
    }
    Ok(perl.reference_to(hash))
}

fn this(call: &Call<'_>) -> Result<Shared> {
    call.arg(0)
        .target()
        .and_then(native::behind)
        .ok_or_else(|| Error::text("called without an object of Apache::Session::Memorycached::Client"))
}

/// Runs one operation, with signals handled while it waits. `None`: a server has failed, and that was told.
fn work<T>(
    call: &mut Call<'_>,
    this: &Shared,
    counter: Counter,
    operation: impl FnOnce(&mut session::Client, &mut Signals) -> session::Result<T>,
) -> Result<Option<T>> {
    let (mut inner, config) = {
        let mut client = this.borrow_mut();
        client.counted[counter as usize] += 1;
        client.error = None;
        let inner = match client.inner.take() {
            Some(inner) => inner,
            // Also where a signal's handler came while the same client waits.
            None => session::Client::open(client.config.clone())?,
        };
        (inner, client.config.clone())
    };
    let mut signals = Signals::new(call.perl);
    let result = operation(&mut inner, &mut signals);
    let mut client = this.borrow_mut();
    // Unless a signal's handler has changed the options meanwhile.
    if Arc::ptr_eq(&client.config, &config) {
        client.inner = Some(inner);
    }
    drop(client);
    match signals.outcome(result) {
        Ok(value) => Ok(Some(value)),
        Err(Error::Session(error)) => fail(call, this, error.to_string()).map(|()| None),
        Err(other) => Err(other),
    }
}

/// Tells an error as the client was told to.
fn fail(call: &mut Call<'_>, this: &Shared, text: String) -> Result<()> {
    let mut client = this.borrow_mut();
    match client.options.on_error {
        OnError::Die => return Err(Error::text(text)),
        OnError::Warn => call.warn(text.clone()),
        OnError::Quiet => {}
    }
    client.error = Some(text);
    Ok(())
}

/// Whether the client takes no changes; what it then returns is false.
fn is_readonly(this: &Shared) -> bool {
    this.borrow().options.readonly
}

fn truth(call: &Call<'_>, value: bool) -> Result<Return> {
    Ok(Return::Value(call.perl.boolean(value)))
}

fn undef(call: &Call<'_>) -> Result<Return> {
    Ok(Return::Value(call.perl.undef()))
}

fn outcome(call: &Call<'_>, change: Option<Change>) -> Result<Return> {
    match change {
        Some(change) => truth(call, change == Change::Done),
        None => undef(call),
    }
}

/// `set CLIENT, KEY, VALUE [, EXPIRY]`
pub(crate) fn set(call: &mut Call<'_>) -> Result<Return> {
    store(call, Counter::Set, Mode::Set, 2)
}

/// `add CLIENT, KEY, VALUE [, EXPIRY]`
pub(crate) fn add(call: &mut Call<'_>) -> Result<Return> {
    store(call, Counter::Add, Mode::Add, 2)
}

/// `replace CLIENT, KEY, VALUE [, EXPIRY]`
pub(crate) fn replace(call: &mut Call<'_>) -> Result<Return> {
    store(call, Counter::Replace, Mode::Replace, 2)
}

/// `cas CLIENT, KEY, VERSION, VALUE [, EXPIRY]`
pub(crate) fn cas(call: &mut Call<'_>) -> Result<Return> {
    let version = unsigned(call.perl, call.arg(2))?
        .ok_or_else(|| Error::text("argument cas: takes the number that gets returned"))?;
    store(call, Counter::Cas, Mode::Version(Version::from_number(version)), 3)
}

fn store(call: &mut Call<'_>, counter: Counter, mode: Mode, at: usize) -> Result<Return> {
    let (this, perl) = (this(call)?, call.perl);
    if is_readonly(&this) {
        return truth(call, false);
    }
    let key = OwnKey::of(perl, call.arg(1))?;
    let value = call.arg(at);
    let expiry = expiry(perl, call.arg(at + 1))?;
    warn_of_value(call, value, &key, &this)?;
    let utf8 = this.borrow().options.utf8;
    let (bytes, flags) = value::write(perl, value, utf8, take_buffer(0))?;
    let stored = work(call, &this, counter, |client, wait| client.store(key.key(), &bytes, flags, expiry, mode, wait));
    give_buffer(bytes);
    let stored = stored?;
    outcome(call, stored)
}

/// Cache::Memcached's words for what is not a value, and perl's for what can't be bytes.
fn warn_of_value(call: &mut Call<'_>, value: Scalar, key: &OwnKey, this: &Shared) -> Result<()> {
    if !value.is_defined() && !value.is_magical() {
        call.warn(format!("value for memkey:{} is not defined", key.bytes().escape_ascii()));
    } else if !value.is_reference() && value.is_wide(call.perl)? && !this.borrow().options.utf8 {
        call.warn("Wide character in a value; it is stored as UTF-8, and comes back as bytes (see utf8)");
    }
    Ok(())
}

/// `append CLIENT, KEY, VALUE`
pub(crate) fn append(call: &mut Call<'_>) -> Result<Return> {
    extend(call, Counter::Append, Side::Back)
}

/// `prepend CLIENT, KEY, VALUE`
pub(crate) fn prepend(call: &mut Call<'_>) -> Result<Return> {
    extend(call, Counter::Prepend, Side::Front)
}

fn extend(call: &mut Call<'_>, counter: Counter, side: Side) -> Result<Return> {
    let (this, perl) = (this(call)?, call.perl);
    if is_readonly(&this) {
        return truth(call, false);
    }
    let (key, value) = (OwnKey::of(perl, call.arg(1))?, call.arg(2));
    if value.is_reference() {
        return Err(Error::text("append or prepend cannot take a reference"));
    }
    warn_of_value(call, value, &key, &this)?;
    let utf8 = this.borrow().options.utf8;
    let (bytes, _) = value::write_string(perl, value, utf8, take_buffer(0))?;
    let extended = work(call, &this, counter, |client, wait| client.extend(key.key(), &bytes, side, wait));
    give_buffer(bytes);
    let extended = extended?;
    outcome(call, extended)
}

/// `delete CLIENT, KEY`, and `remove`
pub(crate) fn delete(call: &mut Call<'_>) -> Result<Return> {
    let this = this(call)?;
    if is_readonly(&this) {
        return truth(call, false);
    }
    if call.arg(2).is_defined() && call.arg(2).is_true(call.perl)? {
        call.warn("delete: servers no longer block a key for a time; it is deleted at once");
    }
    let key = OwnKey::of(call.perl, call.arg(1))?;
    match work(call, &this, Counter::Delete, |client, wait| client.remove(key.key(), wait))? {
        Some(removed) => truth(call, removed),
        None => undef(call),
    }
}

/// `touch CLIENT, KEY [, EXPIRY]`
pub(crate) fn touch(call: &mut Call<'_>) -> Result<Return> {
    let this = this(call)?;
    if is_readonly(&this) {
        return truth(call, false);
    }
    let key = OwnKey::of(call.perl, call.arg(1))?;
    let expiry = expiry(call.perl, call.arg(2))?;
    match work(call, &this, Counter::Touch, |client, wait| client.touch(key.key(), expiry, wait))? {
        Some(touched) => truth(call, touched),
        None => undef(call),
    }
}

/// `incr CLIENT, KEY [, BY]`
pub(crate) fn incr(call: &mut Call<'_>) -> Result<Return> {
    count(call, Counter::Incr, session::Client::add)
}

/// `decr CLIENT, KEY [, BY]`
pub(crate) fn decr(call: &mut Call<'_>) -> Result<Return> {
    count(call, Counter::Decr, session::Client::subtract)
}

type Count = fn(&mut session::Client, Key<'_>, u64, &mut dyn session::Wait) -> session::Result<Option<u64>>;

fn count(call: &mut Call<'_>, counter: Counter, operation: Count) -> Result<Return> {
    let (this, perl) = (this(call)?, call.perl);
    if is_readonly(&this) {
        return undef(call);
    }
    let key = OwnKey::of(perl, call.arg(1))?;
    let by = match call.arg(2).is_defined() {
        true => unsigned(perl, call.arg(2))?
            .ok_or_else(|| Error::text("argument value: takes a whole number, 0 or more"))?,
        false => 1,
    };
    let counted = work(call, &this, counter, |client, wait| operation(client, key.key(), by, wait))?;
    match counted.flatten() {
        Some(number) => Ok(Return::Value(perl.unsigned(number).mortal())),
        None => undef(call),
    }
}

/// `get CLIENT, KEY`
pub(crate) fn get(call: &mut Call<'_>) -> Result<Return> {
    let this = this(call)?;
    let key = OwnKey::of(call.perl, call.arg(1))?;
    let found = work(call, &this, Counter::Get, |client, wait| client.get(key.key(), wait))?;
    match found.flatten() {
        Some(value) => match readable(call, &this, key.bytes(), value)? {
            Some(value) => Ok(Return::Value(value.mortal())),
            None => undef(call),
        },
        None => undef(call),
    }
}

/// `gets CLIENT, KEY`: `[ VERSION, VALUE ]`
pub(crate) fn gets(call: &mut Call<'_>) -> Result<Return> {
    let this = this(call)?;
    let key = OwnKey::of(call.perl, call.arg(1))?;
    let found = work(call, &this, Counter::Get, |client, wait| client.get(key.key(), wait))?;
    let Some(value) = found.flatten() else {
        return undef(call);
    };
    let version = value.version;
    match readable(call, &this, key.bytes(), value)? {
        Some(value) => Ok(Return::Value(with_version(call.perl, version, value).mortal())),
        None => undef(call),
    }
}

/// The Perl value of an item; `None` where it is damaged, and that was told.
fn readable(call: &mut Call<'_>, this: &Shared, key: &[u8], value: session::Value) -> Result<Option<Owned>> {
    let perl = call.perl;
    let classes = call.object()?.get(perl, "classes").unwrap_or(perl.undef());
    let classes = Classes::from_argument(perl, classes)?;
    let utf8 = this.borrow().options.utf8;
    match value::read(perl, key, value, utf8, &classes) {
        Ok(value) => Ok(Some(value)),
        Err(Error::Text(text)) => fail(call, this, text).map(|()| None),
        Err(other) => Err(other),
    }
}

fn with_version(perl: Perl, version: Version, value: Owned) -> Owned {
    perl.array(vec![perl.unsigned(version.number()), value])
}

/// `get_multi CLIENT, KEYS`
pub(crate) fn get_multi(call: &mut Call<'_>) -> Result<Return> {
    multi(call, |_, _, value| value)
}

/// `gets_multi CLIENT, KEYS`
pub(crate) fn gets_multi(call: &mut Call<'_>) -> Result<Return> {
    multi(call, with_version)
}

fn multi(call: &mut Call<'_>, entry: fn(Perl, Version, Owned) -> Owned) -> Result<Return> {
    let (this, perl) = (this(call)?, call.perl);
    let keys = (1..call.items()).map(|index| OwnKey::of(perl, call.arg(index))).collect::<Result<Vec<OwnKey>>>()?;
    this.borrow_mut().counted[Counter::GetKeys as usize] += keys.len() as u64;
    let found = perl.hash();
    // SAFETY: a new hash, which its owner keeps alive.
    let entries = unsafe { Hash::from_raw(found.scalar().raw().cast()) };
    let read = work(call, &this, Counter::GetMulti, |client, wait| {
        let keys: Vec<Key<'_>> = keys.iter().map(OwnKey::key).collect();
        client.get_multi(&keys, wait)
    })?;
    if let Some((values, errors)) = read {
        for (key, value) in keys.iter().zip(values) {
            let Some(value) = value else { continue };
            let version = value.version;
            if let Some(value) = readable(call, &this, key.bytes(), value)? {
                let name = perl.bytes(key.bytes());
                entries.store(perl, &name.scalar().key(perl)?, entry(perl, version, value))?;
            }
        }
        for error in errors {
            fail(call, &this, error.to_string())?;
        }
    }
    Ok(Return::Value(perl.reference_to(found).mortal()))
}

/// `error CLIENT`: what went wrong in the last call, or undef.
pub(crate) fn error(call: &mut Call<'_>) -> Result<Return> {
    match &this(call)?.borrow().error {
        Some(text) => Ok(Return::Value(call.perl.text(text).mortal())),
        None => undef(call),
    }
}

/// `enable_compress CLIENT, BOOLEAN`
pub(crate) fn enable_compress(call: &mut Call<'_>) -> Result<Return> {
    let this = this(call)?;
    let enable = call.arg(1).is_true(call.perl)?;
    let mut client = this.borrow_mut();
    client.compress = enable;
    client.reopen()?;
    Ok(Return::Nothing)
}

/// `_change CLIENT, NAME, VALUE`: an argument of `new`, changed later.
pub(crate) fn change(call: &mut Call<'_>) -> Result<Return> {
    let (this, perl) = (this(call)?, call.perl);
    let name = call.arg(1).to_text(perl)?;
    let mut options = this.borrow().options.clone();
    options.change(&name, call.arg(2), call)?;
    // Refuses a configuration that can't be used, before it is taken.
    session::Client::open(options.config.clone())?;
    let mut client = this.borrow_mut();
    client.options = options;
    client.reopen()?;
    if matches!(&*name, "servers" | "namespace") {
        call.object()?.set(perl, &name, call.arg(2).copy(perl)?)?;
    }
    Ok(Return::Nothing)
}

impl Client {
    /// The next call works with the options as they are now.
    fn reopen(&mut self) -> Result<()> {
        let threshold = self.options.config.compress_threshold.filter(|_| self.compress);
        self.config = Arc::new(Config { compress_threshold: threshold, ..self.options.config.clone() });
        self.inner = None;
        Ok(())
    }
}

/// `_counted CLIENT`: how often each method was called.
pub(crate) fn counted(call: &mut Call<'_>) -> Result<Return> {
    let (this, perl) = (this(call)?, call.perl);
    let hash = perl.hash();
    // SAFETY: a new hash, which its owner keeps alive.
    let entries = unsafe { Hash::from_raw(hash.scalar().raw().cast()) };
    for (name, &count) in CALLS.iter().zip(&this.borrow().counted) {
        if count > 0 {
            entries.set(perl, name, perl.unsigned(count))?;
        }
    }
    Ok(Return::Value(perl.reference_to(hash).mortal()))
}

/// `_ask CLIENT, TOPIC`: what each server says of itself, `[ [ ADDRESS, [ NAME, VALUE, ... ] ], ... ]`. Where one has failed,
/// there is a text instead of its list.
pub(crate) fn ask(call: &mut Call<'_>) -> Result<Return> {
    let (this, perl) = (this(call)?, call.perl);
    let topic = call.arg(1).to_text(perl)?;
    let question = match &*topic {
        "version" => Question::Version,
        "misc" => Question::Stats(Topic::General),
        "items" => Question::Stats(Topic::Items),
        "slabs" => Question::Stats(Topic::Slabs),
        "sizes" => Question::Stats(Topic::Sizes),
        "settings" => Question::Stats(Topic::Settings),
        "conns" => Question::Stats(Topic::Conns),
        _ => {
            let takes = "misc, items, slabs, sizes, settings, conns or self";
            return Err(Error::text(format!("argument stats: takes {takes}, not '{topic}'")));
        }
    };
    let config = this.borrow().config.clone();
    let mut signals = Signals::new(perl);
    let asked = inspect(&config, question, &mut signals);
    let answers = signals.outcome(asked)?.into_iter().map(|(address, answer)| {
        let answer = match answer {
            Ok(pairs) => {
                perl.array(pairs.iter().flat_map(|(name, value)| [perl.text(name), perl.text(value)]).collect())
            }
            Err(error) => perl.text(&error.to_string()),
        };
        perl.array(vec![perl.text(&address), answer])
    });
    Ok(Return::Value(perl.array(answers.collect()).mortal()))
}

/// `_flush CLIENT, DELAY`: what has gone wrong, a text for each server on which it did.
pub(crate) fn flush(call: &mut Call<'_>) -> Result<Return> {
    let (this, perl) = (this(call)?, call.perl);
    let takes = || Error::text("argument delay: takes a whole number of seconds");
    let delay = match call.arg(1).is_defined() {
        true => unsigned(perl, call.arg(1))?.and_then(|delay| u32::try_from(delay).ok()).ok_or_else(takes)?,
        false => 0,
    };
    let config = this.borrow().config.clone();
    let mut signals = Signals::new(perl);
    let flushed = session::Client::open(config)?.flush(delay, &mut signals);
    let faults = signals.outcome(flushed)?.into_iter().filter_map(|(_, outcome)| outcome.err());
    let faults = faults.map(|error| perl.text(&error.to_string())).collect();
    Ok(Return::Value(perl.array(faults).mortal()))
}

/// `each_key CLIENT, PREFIX, CODE`: calls it for each key that begins with the prefix; how many there were.
pub(crate) fn each_key(call: &mut Call<'_>) -> Result<Return> {
    let (this, perl) = (this(call)?, call.perl);
    let prefix = call.arg(1).to_bytes(perl)?;
    let code = call.arg(2).code().ok_or_else(|| Error::text("argument code: takes a reference to a sub"))?;
    // For as long as this takes, whatever becomes of the caller's reference.
    let _code = call.arg(2).target().map(|code| code.own(perl));
    this.borrow_mut().error = None;
    // Not the client that is kept: the sub may use that one.
    let mut client = session::Client::open(this.borrow().config.clone())?;
    let mut signals = Signals::new(perl);
    let listed = client.keys(&prefix, &mut signals, |key| {
        let key = perl.bytes(key);
        let called = perl.call(code, &[key.scalar()]).and_then(Owned::free);
        let freed = key.free();
        called.and(freed).map(|()| ControlFlow::Continue(()))
    });
    match signals.after(listed) {
        Ok(count) => Ok(Return::Value(perl.unsigned(count).mortal())),
        Err(Error::Session(error)) => {
            fail(call, &this, error.to_string())?;
            undef(call)
        }
        Err(other) => Err(other),
    }
}

/// `_note CLIENT, TEXT`: keeps an error for `error`, or forgets the last one; returns `on_error`.
pub(crate) fn note(call: &mut Call<'_>) -> Result<Return> {
    let (this, perl) = (this(call)?, call.perl);
    let text = call.arg(1);
    let error = if text.is_defined() { Some(text.to_text(perl)?) } else { None };
    this.borrow_mut().error = error;
    let on_error = match this.borrow().options.on_error {
        OnError::Warn => "warn",
        OnError::Die => "die",
        OnError::Quiet => "quiet",
    };
    Ok(Return::Value(perl.text(on_error).mortal()))
}

/// `disconnect_all CLIENT`: closes the connections of this thread; the next call opens new ones.
pub(crate) fn disconnect_all(call: &mut Call<'_>) -> Result<Return> {
    this(call)?;
    session::disconnect();
    Ok(Return::Nothing)
}

/// An expiry as memcached's clients take it: a number, which is cut to a whole one. Undef and '' are 0, for ever.
fn expiry(perl: Perl, value: Scalar) -> Result<i64> {
    if value.is_integer() {
        return Ok(value.plain_integer(perl));
    }
    if !value.is_defined() && !value.is_magical() {
        return Ok(0);
    }
    match value.to_number(perl)? {
        Ok(number) => Ok(number as i64),
        Err(text) if text.is_empty() => Ok(0),
        Err(text) => Err(Error::text(format!("argument expiration time: takes a number of seconds, not '{text}'"))),
    }
}

/// A whole number from 0 on, which a float can't always hold.
fn unsigned(perl: Perl, value: Scalar) -> Result<Option<u64>> {
    let text = value.to_text(perl)?;
    Ok(text.trim().parse().ok())
}
