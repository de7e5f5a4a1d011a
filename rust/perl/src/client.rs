//! `Apache::Session::Memorycached::Client`: the calls of Cache::Memcached, over [`session::Client`].
//!
//! - `options`: the arguments of `new`
//! - `key`: keys; `value`: Perl values as items
//! - `read`: the calls that read; `multi`: those that change many items at once; those for one are here
//! - `ask`: what is asked of servers
//!
//! Keys and values are copied before anything is sent: while a server is waited for, a signal's handler may change or
//! free the caller's.
//!
//! What a server does wrong is an error of the method: it is kept for `error`, told as `on_error` says, and the method
//! returns undef. Whatever the caller does wrong, other than by a key that can't be one, dies.

mod ask;
mod key;
mod multi;
mod options;
mod read;
mod value;

use std::cell::RefCell;
use std::ffi::c_int;
use std::rc::Rc;
use std::sync::Arc;

use session::{Change, Config, Key, Mode, Side, Version, give_buffer, take_buffer};

pub(crate) use self::ask::{ask, counted, each_key, flush, note};
use self::key::OwnKey;
pub(crate) use self::multi::{
    add_multi, append_multi, cas_multi, decr_multi, delete_multi, incr_multi, prepend_multi, replace_multi, set_multi,
    touch_multi,
};
use self::options::{OnError, Options};
pub(crate) use self::read::{gat, gat_multi, gats, gats_multi, get, get_multi, gets, gets_multi};
use crate::codec::classes::Classes;
use crate::error::{Error, Result};
use crate::native::{self, Native};
use crate::perl::argument::{given, untied};
use crate::perl::call::{Call, Return};
use crate::perl::hash::Hash;
use crate::perl::scalar::Scalar;
use crate::perl::signals::Signals;
use crate::perl::{Owned, Perl};

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
    for (name, value) in given(perl, args) {
        object.set(perl, &name, value.copy(perl)?)?;
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
    operation: impl FnOnce(&mut session::Client, &mut Signals<'_>) -> session::Result<T>,
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

const WIDE: &str = "Wide character in a value; it is stored as UTF-8, and comes back as bytes (see utf8)";

/// Cache::Memcached's words for what is not a value, and perl's for what can't be bytes.
fn warn_of_value(call: &mut Call<'_>, value: Scalar, key: &OwnKey, this: &Shared) -> Result<()> {
    if !value.is_defined() && !value.is_magical() {
        call.warn(format!("value for memkey:{} is not defined", key.bytes().escape_ascii()));
    } else if !value.is_reference() && value.is_wide(call.perl)? && !this.borrow().options.utf8 {
        call.warn(WIDE);
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
    call.object()?.set(perl, &name, call.arg(2).copy(perl)?)?;
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
