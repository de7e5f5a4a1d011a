//! All sessions: the native half of `Apache::Session::Memorycached::Listing`.
//!
//! - `test`: conditions, decided on the frozen bytes
//! - `fields`: the fields that are asked for, as Perl values
//!
//! A session that does not meet the conditions never becomes a Perl value. One that can't be read is told in a warning and
//! left out; whatever else goes wrong ends the listing.

mod fields;
mod test;

use std::ops::ControlFlow;

use session::{Encoding, Id, Listed, Principal, Scanned, Store};
use storable::{Fields, Key};

use self::fields::{Reading, Wanted, as_hash};
use self::test::Test;
use crate::codec::classes::Classes;
use crate::error::{Error, Result};
use crate::perl::argument::untied;
use crate::perl::array::Array;
use crate::perl::call::{Call, Return};
use crate::perl::hash::Hash;
use crate::perl::scalar::Scalar;
use crate::perl::signals::Signals;
use crate::perl::{Owned, Perl};
use crate::tie::options::{Caller, OnError, Options};

/// How many sessions that can't be read are told one by one.
const TOLD: u64 = 10;

/// `_each CLASS, ARGS, FIELDS, CALLBACK`: gives all sessions to a sub. Returns a reference to a hash of what was counted.
pub(crate) fn each(call: &mut Call<'_>) -> Result<Return> {
    let perl = call.perl;
    let listing = Listing::new(call)?;
    let callback = call.arg(3).code().ok_or_else(|| Error::text("the callback is not a reference to a sub"))?;
    let counted = listing.scan(&[], |listed, session, _| {
        let Some(session) = session else {
            return Ok(());
        };
        let id = perl.bytes(listed.id.as_bytes());
        let called = perl.call(callback, &[session.scalar(), id.scalar()]).and_then(Owned::free);
        let freed = session.free();
        called.and(freed)
    })?;
    Ok(Return::Value(counted.report(perl)?.mortal()))
}

/// `_search CLASS, ARGS, FIELDS, HOW, FIELD, VALUE`: a reference to a hash of the sessions that meet a condition, or of all,
/// by their ids.
pub(crate) fn search(call: &mut Call<'_>) -> Result<Return> {
    let perl = call.perl;
    let listing = Listing::new(call)?;
    let test = condition(call)?;
    let found = perl.hash();
    let searched = listing.fill(&found, test, call.arg(5));
    let found = perl.reference_to(found);
    match searched {
        Ok(()) => Ok(Return::Value(found.mortal())),
        Err(error) => {
            found.free()?;
            Err(error)
        }
    }
}

/// `_delete_lower CLASS, ARGS, RULE`: deletes the sessions that a rule applies to, if nobody changes them meanwhile. Returns
/// how many; undef where the rule says nothing.
pub(crate) fn delete_lower(call: &mut Call<'_>) -> Result<Return> {
    let perl = call.perl;
    let mut listing = Listing::new(call)?;
    listing.reading.wanted = Wanted::Nothing;
    let rule = call.arg(2).expect_hash("the rule")?;
    let copy = untied(perl, rule)?;
    let rule = copy.as_ref().and_then(|copy| copy.scalar().hash()).unwrap_or(rule);
    let (or, and, not) = (less(perl, rule, "or")?, less(perl, rule, "and")?, equal(perl, rule, "not")?);
    if or.is_empty() && and.is_empty() {
        return Ok(Return::Value(perl.undef()));
    }
    let mut store = Store::open(listing.options.config.clone())?;
    let mut deleted = 0;
    listing.scan(&[], |listed, _, fields| {
        let Some(fields) = fields else {
            return Ok(());
        };
        let any = or.is_empty() || or.iter().any(|test| test.holds(fields));
        let all = and.iter().all(|test| test.holds(fields));
        let kept = not.iter().any(|test| test.holds(fields) || !test.applies(fields));
        if any && all && !kept {
            let principal = listing.recorded_principal(fields);
            let mut wait = Signals::new(perl);
            let gone = store.delete_unchanged(listed.id, &listed.state(), principal.as_ref(), &mut wait);
            deleted += i64::from(wait.outcome(gone)?);
        }
        Ok(())
    })?;
    Ok(Return::Value(perl.integer(deleted).mortal()))
}

/// `id_for_principal CLASS, VALUE, ARGS`: the id of the session that was saved last with this principal; undef where there
/// is none.
pub(crate) fn id_for_principal(call: &mut Call<'_>) -> Result<Return> {
    let perl = call.perl;
    let args = call.arg(2).expect_hash("the arguments")?;
    let options = Options::read(perl, args, Caller::Foreign, &mut call.warnings)?;
    let value = call.arg(1);
    if !value.is_defined() {
        return Ok(Return::Value(perl.undef()));
    }
    let test = options.principal.clone().map(|name| Ok::<_, Error>(Test::equal(name, &value.to_text(perl)?)));
    let test = test.transpose()?;
    let found = by_principal(perl, &options, value, test.as_ref(), |id, _, _| Ok(perl.bytes(id.as_bytes())))?;
    Ok(Return::Value(found.map_or_else(|| perl.undef(), Owned::mortal)))
}

/// What the index leads to: makes something of the session that a principal's record names, if it is there and the test
/// holds. A record outlives a session that was evicted, and one whose principal has changed since.
fn by_principal<T>(
    perl: Perl,
    options: &Options,
    value: Scalar,
    test: Option<&Test>,
    make: impl FnOnce(&Id, &[u8], &Fields<'_>) -> Result<T>,
) -> Result<Option<T>> {
    let principal = Principal::of(&value.to_bytes(perl)?);
    let mut store = Store::open(options.config.clone())?;
    let mut wait = Signals::new(perl);
    let found = store.id_for_principal(&principal, &mut wait).and_then(|id| match id {
        None => Ok(None),
        Some(id) => Ok(store.look(&id, &mut wait)?.map(|stored| (id, stored))),
    });
    let Some((id, stored)) = wait.outcome(found)? else {
        return Ok(None);
    };
    if stored.encoding() != Encoding::Storable {
        return Ok(None);
    }
    let body = stored.body(&id, &options.config.secrets)?;
    let told = |error: storable::Error| Error::from(error).in_session(&id);
    let fields = Fields::parse(&body, &options.config.limits).map_err(told)?;
    match test {
        Some(test) if !test.holds(&fields) => Ok(None),
        _ => make(&id, &body, &fields).map(Some).map_err(|error| error.in_session(&id)),
    }
}

/// One listing: where to look, and what of a session is wanted.
struct Listing {
    options: Options,
    reading: Reading,
}

/// What came of a scan.
struct Counted {
    scanned: Scanned,
    unreadable: u64,
}

impl Listing {
    /// From the arguments of a method: `CLASS, ARGS, FIELDS, …`.
    fn new(call: &mut Call<'_>) -> Result<Listing> {
        let perl = call.perl;
        let args = call.arg(1).expect_hash("the arguments")?;
        let options = Options::read(perl, args, Caller::Foreign, &mut call.warnings)?;
        let wanted = match call.arg(2).array() {
            None => Wanted::All,
            Some(fields) => Wanted::These(names(perl, fields)?),
        };
        let copy = untied(perl, args)?;
        let args = copy.as_ref().and_then(|copy| copy.scalar().hash()).unwrap_or(args);
        let classes = match args.get(perl, "classes") {
            Some(value) => Classes::from_argument(perl, value)?,
            None => Classes::Any,
        };
        let limits = options.config.limits;
        Ok(Listing { options, reading: Reading { perl, wanted, limits, classes } })
    }

    /// Has `hit` see the sessions for which the tests hold: as they were found, what is wanted of them, and their fields.
    fn scan(
        &self,
        tests: &[Test],
        mut hit: impl FnMut(&Listed<'_>, Option<Owned>, Option<&Fields<'_>>) -> Result<()>,
    ) -> Result<Counted> {
        let perl = self.reading.perl;
        let store = Store::open(self.options.config.clone())?;
        let mut unreadable = 0;
        let each = |listed: Listed<'_>| {
            if let Err(error) = self.look(&listed, tests, &mut hit)? {
                unreadable += 1;
                if unreadable <= TOLD {
                    perl.warn(&format!("{:?}", error.in_session(listed.id)))?;
                }
            }
            Ok::<_, Error>(ControlFlow::Continue(()))
        };
        let mut wait = Signals::new(perl);
        let scanned = match self.options.on_error {
            OnError::Die => store.scan(&mut wait, each),
            OnError::Warn => store.scan_reachable(&mut wait, each),
        };
        let scanned = wait.after(scanned)?;
        for error in &scanned.unreachable {
            perl.warn(&format!("{error}; its sessions are not listed"))?;
        }
        for server in &scanned.approximate {
            perl.warn(&format!("memcached {server}: is too old to list all that it has; sessions may be missing"))?;
        }
        if unreadable > TOLD {
            perl.warn(&format!("{} more sessions can't be read", unreadable - TOLD))?;
        }
        Ok(Counted { scanned, unreadable })
    }

    /// One session. The inner error is that it can't be read.
    fn look(
        &self,
        listed: &Listed<'_>,
        tests: &[Test],
        hit: &mut impl FnMut(&Listed<'_>, Option<Owned>, Option<&Fields<'_>>) -> Result<()>,
    ) -> Result<Result<()>> {
        if listed.encoding() == Encoding::Opaque {
            return Ok(Err(Error::text("was stored by another serializer")));
        }
        let body = match listed.body() {
            Ok(body) => body,
            Err(error) => return Ok(Err(error.into())),
        };
        let fields = match self.reading.wanted {
            Wanted::All if tests.is_empty() => None,
            _ => match Fields::parse(&body, &self.reading.limits) {
                Ok(fields) => Some(fields),
                Err(error) => return Ok(Err(error.into())),
            },
        };
        if !tests.iter().all(|test| fields.as_ref().is_some_and(|fields| test.holds(fields))) {
            return Ok(Ok(()));
        }
        let session = match self.reading.wanted {
            Wanted::Nothing => None,
            _ => match self.reading.hash(listed.id, &body, fields.as_ref()) {
                Ok(session) => Some(session),
                Err(error @ (Error::Died(_) | Error::Exited)) => return Err(error),
                Err(error) => return Ok(Err(error)),
            },
        };
        hit(listed, session, fields.as_ref()).map(Ok)
    }

    /// Puts the sessions that meet a condition, or all, into a hash.
    fn fill(&self, found: &Owned, test: Option<Test>, value: Scalar) -> Result<()> {
        let perl = self.reading.perl;
        if let Some(test) = &test
            && self.options.principal_unique
            && test.is_equal()
            && self.options.principal.as_deref() == Some(test.field())
        {
            let hit = by_principal(perl, &self.options, value, Some(test), |id, body, fields| {
                Ok((id.clone(), self.reading.hash(id, body, Some(fields))?))
            })?;
            if let Some((id, session)) = hit {
                return keep(perl, found, &id, session);
            }
        }
        self.scan(test.as_slice(), |listed, session, _| match session {
            Some(session) => keep(perl, found, listed.id, session),
            None => Ok(()),
        })
        .map(drop)
    }

    /// The principal whose record a session has left, from the digest in it.
    fn recorded_principal(&self, fields: &Fields<'_>) -> Option<Principal> {
        let name = format!("{}_MD5", self.options.principal.as_deref()?);
        let digest = fields.get(Key::from(name.as_str()))?.plain()?.text().0;
        Principal::from_digest(std::str::from_utf8(&digest).ok()?).ok()
    }
}

impl Counted {
    /// `{ sessions => 1, unreadable => 0, … }`
    fn report(&self, perl: Perl) -> Result<Owned> {
        let Scanned { sessions, tombstones, others, gone, misplaced, .. } = self.scanned;
        let report = perl.hash();
        for (name, count) in [
            ("sessions", sessions),
            ("unreadable", self.unreadable),
            ("deleted", tombstones),
            ("others", others),
            ("gone", gone),
            ("misplaced", misplaced),
        ] {
            as_hash(&report).set(perl, name, perl.unsigned(count))?;
        }
        Ok(perl.reference_to(report))
    }
}

fn keep(perl: Perl, found: &Owned, id: &Id, session: Owned) -> Result<()> {
    let id = perl.bytes(id.as_bytes());
    as_hash(found).store(perl, &id.scalar().key(perl)?, session)
}

/// The names of the fields that are wanted.
fn names(perl: Perl, fields: Array) -> Result<Vec<(String, Owned)>> {
    let name = |field: Option<Scalar>| {
        let field = field.filter(|field| field.is_defined()).ok_or_else(|| Error::text("a field without a name"))?;
        let text = field.to_text(perl)?;
        let key = perl.text(&text);
        Ok((text, key))
    };
    fields.iter().map(name).collect()
}

/// The condition in the arguments of a method: `…, HOW, FIELD, VALUE`.
fn condition(call: &Call<'_>) -> Result<Option<Test>> {
    let perl = call.perl;
    let how = call.arg(3);
    if !how.is_defined() {
        return Ok(None);
    }
    let (field, value) = (call.arg(4).to_text(perl)?, call.arg(5));
    Ok(Some(match how.to_text(perl)?.as_str() {
        "equal" => Test::equal(field, &value.to_text(perl)?),
        "like" => Test::like(field, &value.to_text(perl)?),
        _ => Test::less(field, limit(perl, value)?),
    }))
}

/// A part of a rule: fields, and the numbers that they are to be less than.
fn less(perl: Perl, rule: Hash, part: &str) -> Result<Vec<Test>> {
    pairs(perl, rule, part)?
        .into_iter()
        .map(|(field, value)| Ok(Test::less(field, limit(perl, value.scalar())?)))
        .collect()
}

/// A part of a rule: fields, and the values that they are not to have.
fn equal(perl: Perl, rule: Hash, part: &str) -> Result<Vec<Test>> {
    let test = |(field, value): (String, Owned)| Ok(Test::equal(field, &value.scalar().to_text(perl)?));
    pairs(perl, rule, part)?.into_iter().map(test).collect()
}

fn pairs(perl: Perl, rule: Hash, part: &str) -> Result<Vec<(String, Owned)>> {
    let Some(pairs) = rule.get(perl, part).filter(|pairs| pairs.is_defined()) else {
        return Ok(Vec::new());
    };
    let pairs = pairs.expect_hash(&format!("the part {part} of the rule"))?;
    let copy = untied(perl, pairs)?;
    let pairs = copy.as_ref().and_then(|copy| copy.scalar().hash()).unwrap_or(pairs);
    // SAFETY: the hash is not tied, and one more owner of a value changes nothing.
    let entries = unsafe { pairs.entries() };
    // SAFETY: a value that the hash keeps alive.
    entries.map(|entry| Ok((entry.text(), unsafe { Scalar::from_raw(entry.value()) }.own(perl)))).collect()
}

fn limit(perl: Perl, value: Scalar) -> Result<f64> {
    value.to_number(perl)?.map_err(|text| Error::text(format!("takes a number to compare with, not '{text}'")))
}
