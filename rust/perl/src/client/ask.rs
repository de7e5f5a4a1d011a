//! What is asked of servers, and told of them: statistics, versions, lists of keys; and how often methods were called.

use std::ops::ControlFlow;

use session::{Question, Topic, inspect};

use super::options::OnError;
use super::{CALLS, fail, this, undef, unsigned};
use crate::error::{Error, Result};
use crate::perl::Owned;
use crate::perl::call::{Call, Return};
use crate::perl::hash::Hash;
use crate::perl::signals::Signals;

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
