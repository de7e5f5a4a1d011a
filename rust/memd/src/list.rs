//! `memd list`, `count`, `purge`, `who`: many sessions, one after the other while the servers list them.

use std::io::{self, BufRead, IsTerminal, Write};
use std::ops::ControlFlow;

use session::{Encoding, Id, Listed, Scanned, State};
use storable::{Fields, Limits, Plain, Value};

use crate::cli::{Purge, Shape, Who};
use crate::failure::{Failure, Result};
use crate::filter::Where;
use crate::place::{self, Settings};
use crate::progress::{Beside, Progress};
use crate::secret::{MASK, is_secret};
use crate::show::{Json, is_utf8_locale, json_string};
use crate::signal::Signals;
use crate::text::{self, Characters, PerlString, grouped};

/// What is done with each session of a pass: as it was listed, and its fields where they can be read.
pub type Each<'e> = dyn FnMut(&Listed<'_>, Option<&Fields<'_>>) -> Result<ControlFlow<()>> + 'e;

/// A pass over the sessions that meet conditions.
pub struct Pass<'s> {
    pub settings: &'s Settings,
    pub conditions: &'s [Where],
}

/// What came of a pass.
#[derive(Debug, Default)]
pub struct Passed {
    /// Sessions that met the conditions.
    pub matched: u64,
    /// Sessions that can't be read, and so meet none; the first of them in words.
    pub damaged: u64,
    pub first: Option<String>,
    pub scanned: Scanned,
}

impl Pass<'_> {
    /// Gives each to `each`: with its fields, where it was written by Storable. Without conditions, those that can't
    /// be read are given, too.
    pub fn over(&self, progress: &Progress, signals: &mut Signals, each: &mut Each<'_>) -> Result<Passed> {
        self.settings.must_exist()?;
        let store = self.settings.store(None)?;
        let mut passed = Passed::default();
        let stop = signals.clone();
        passed.scanned = store.scan(signals, |listed: Listed<'_>| -> Result<ControlFlow<()>> {
            stop.check()?;
            progress.add(1);
            let body = match listed.body() {
                Ok(body) => Some(body),
                Err(error) => {
                    note(&mut passed, error.to_string());
                    None
                }
            };
            let body = body.filter(|_| listed.encoding() == Encoding::Storable);
            let fields = match body.as_deref().map(|body| Fields::parse(body, &Limits::default())) {
                Some(Ok(fields)) => Some(fields),
                Some(Err(error)) => {
                    note(&mut passed, format!("session {}: {error}", listed.id));
                    None
                }
                None => None,
            };
            let meets = |fields: &Fields<'_>| self.conditions.iter().all(|condition| condition.holds(fields));
            if !self.conditions.is_empty() && !fields.as_ref().is_some_and(meets) {
                return Ok(ControlFlow::Continue(()));
            }
            passed.matched += 1;
            each(&listed, fields.as_ref())
        })?;
        Ok(passed)
    }
}

fn note(passed: &mut Passed, text: String) {
    passed.damaged += 1;
    passed.first.get_or_insert(text);
}

impl Passed {
    /// What has to be said of a pass, whatever was asked for: what is missing in it.
    pub fn warn(&self, progress: &Progress) {
        progress.end();
        if let Some(first) = &self.first {
            let text = format!("{} sessions can't be read, the first of them: {first}", grouped(self.damaged));
            eprintln!("memd: {}", text::plain(&text));
        }
        for address in &self.scanned.approximate {
            let text = format!("memcached {address}: is too old to list all that it has; some sessions may be missing");
            eprintln!("memd: {}", text::plain(&text));
        }
        if self.scanned.misplaced > 0 {
            let misplaced = grouped(self.scanned.misplaced);
            eprintln!("memd: {misplaced} items are on servers where nobody looks for them; memd doctor says more");
        }
    }
}

/// Lists sessions.
pub fn list(settings: &Settings, conditions: &[Where], shape: &Shape, quiet: bool) -> Result<u64> {
    let mut signals = Signals::uncaught();
    let pass = Pass { settings, conditions };
    let progress = Progress::over_items(settings, "listing", quiet);
    let mut out = Beside::new(&progress);
    let mut listed = 0;
    let passed = pass.over(&progress, &mut signals, &mut |found, fields| {
        if shape.limit.is_some_and(|limit| listed >= limit) {
            return Ok(ControlFlow::Break(()));
        }
        listed += 1;
        if shape.json {
            json_line(&mut out, found, fields, shape)?
        } else {
            line(&mut out, found, fields, shape)?
        }
        Ok(if shape.limit == Some(listed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    });
    out.flush()?;
    progress.end();
    let passed = passed?;
    passed.warn(&progress);
    if !quiet && io::stderr().is_terminal() {
        let more = if passed.scanned.stopped { ", and maybe more" } else { "" };
        eprintln!("{} of {} sessions{more}", grouped(listed), grouped(passed.scanned.sessions));
    }
    Ok(listed)
}

/// `ID  expires in 59m 58s  412 B  uid="dwho"`.
fn line(out: &mut impl Write, listed: &Listed<'_>, fields: Option<&Fields<'_>>, shape: &Shape) -> Result<()> {
    let expiry = listed.expiry.map_or("never".to_owned(), text::duration);
    let size = text::size(listed.value.len() as u64);
    let mut line = format!("{}  {expiry:>8}  {size:>9}", text::plain(&listed.id.to_string()));
    let ascii = !is_utf8_locale();
    for name in &shape.fields {
        let Some(value) = fields.and_then(|fields| cell(fields, name, shape.reveal, ascii)) else { continue };
        line += &format!("  {}={value}", text::plain(name));
    }
    Ok(writeln!(out, "{line}")?)
}

fn cell(fields: &Fields<'_>, name: &str, reveal: bool, ascii: bool) -> Option<String> {
    let field = fields.get(name)?;
    let plain = field.plain();
    if !reveal && is_secret(name) && plain.is_none_or(|plain| !plain.text().0.is_empty()) {
        return Some(MASK.to_owned());
    }
    Some(match plain {
        Some(Plain::Undef) => "undef".to_owned(),
        Some(Plain::Bytes(bytes)) => text::quoted(&Characters::of_bytes(bytes), ascii),
        Some(Plain::Text(bytes)) => text::quoted(&Characters::of_text(bytes), ascii),
        Some(number) => String::from_utf8_lossy(&number.text().0).into_owned(),
        None => "(a structure)".to_owned(),
    })
}

/// `{"id":…,"expires_in":3600,"bytes":412,"fields":{"uid":"dwho"}}`.
fn json_line(out: &mut impl Write, listed: &Listed<'_>, fields: Option<&Fields<'_>>, shape: &Shape) -> Result<()> {
    let id = String::from_utf8_lossy(listed.id.as_bytes());
    let expiry = listed.expiry.map_or("null".to_owned(), |seconds| seconds.to_string());
    write!(out, "{{\"id\":{},\"expires_in\":{expiry},\"bytes\":{}", json_string(id.chars()), listed.value.len())?;
    write!(out, ",\"fields\":{{")?;
    let mut comma = "";
    for name in &shape.fields {
        let Some(field) = fields.and_then(|fields| fields.get(name.as_str())) else { continue };
        write!(out, "{comma}{}:", json_string(name.chars()))?;
        comma = ",";
        let is_blank = field.plain().is_some_and(|plain| plain.text().0.is_empty());
        if !shape.reveal && is_secret(name) && !is_blank {
            write!(out, "{}", json_string(MASK.chars()))?;
            continue;
        }
        match field.plain() {
            Some(Plain::Undef) => write!(out, "null")?,
            Some(Plain::Boolean(value)) => write!(out, "{value}")?,
            Some(Plain::Integer(value)) => write!(out, "{value}")?,
            Some(Plain::Bytes(bytes)) => {
                write!(out, "{}", json_string(PerlString::new(bytes, false).readable().iter()))?;
            }
            Some(Plain::Text(bytes)) => write!(out, "{}", json_string(PerlString::new(bytes, true).readable().iter()))?,
            Some(plain @ Plain::Double(value)) if value.is_finite() => {
                write!(out, "{}", String::from_utf8_lossy(&plain.text().0))?;
            }
            Some(plain) => write!(out, "{}", json_string(String::from_utf8_lossy(&plain.text().0).chars()))?,
            None => structure(out, field.image(), shape.reveal)?,
        }
    }
    Ok(writeln!(out, "}}}}")?)
}

/// A field that holds others. One that is tangled with the rest of its session is shown by `memd show` only.
fn structure(out: &mut impl Write, image: Option<Vec<u8>>, reveal: bool) -> Result<()> {
    let value = image.and_then(|image| Value::parse(&image, &Limits::default()).ok());
    let mut json = Vec::new();
    let written = value.map(|value| Json::new(&mut json, false, reveal).value(&value));
    match written {
        Some(Ok(())) => Ok(out.write_all(&json)?),
        _ => Ok(write!(out, "null")?),
    }
}

/// Counts sessions.
pub fn count(settings: &Settings, conditions: &[Where], quiet: bool) -> Result<()> {
    let mut signals = Signals::uncaught();
    let pass = Pass { settings, conditions };
    let progress = Progress::over_items(settings, "counting", quiet);
    let passed = pass.over(&progress, &mut signals, &mut |_, _| Ok(ControlFlow::Continue(())));
    progress.end();
    let passed = passed?;
    passed.warn(&progress);
    Ok(writeln!(io::stdout(), "{}", passed.matched)?)
}

/// Lists a user's sessions.
pub fn who(settings: &Settings, who: &Who, quiet: bool) -> Result<()> {
    let field = settings.principal_field()?;
    let none = || Failure::not_found(format!("{field} {}: there is no session", who.uid));
    if who.last {
        let mut shape = Shape::default();
        shape.fields.clone_from(&who.shape.fields);
        return match last(settings, field, &who.uid)? {
            Some(id) => Ok(writeln!(io::stdout(), "{}", text::plain(&id.to_string()))?),
            None => Err(none()),
        };
    }
    let conditions = [Where::equals(field, &who.uid)];
    if list(settings, &conditions, &who.shape, quiet)? == 0 { Err(none()) } else { Ok(()) }
}

/// The session that the reverse record names, if it is the user's.
fn last(settings: &Settings, field: &str, uid: &str) -> Result<Option<Id>> {
    settings.must_exist()?;
    let mut store = settings.store(None)?;
    let condition = Where::equals(field, uid);
    for is_text in [true, false] {
        let Some(principal) = place::principal(uid.as_bytes(), is_text) else { continue };
        let Some(id) = store.id_for_principal(&principal, &mut session::NoWait)? else { continue };
        let Some(stored) = store.look(&id, &mut session::NoWait)? else { continue };
        let body = stored.body(&id, &settings.config.secrets)?;
        let fields = Fields::parse(&body, &Limits::default());
        let fields = fields.map_err(|error| Failure::server(format!("session {id}: {error}")))?;
        if condition.holds(&fields) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// How many sessions `purge` remembers between asking and deleting: what it takes is 100 bytes each.
const REMEMBERED: usize = 10_000_000;

/// Deletes sessions: finds them first, asks, then deletes those that are still what they were.
pub fn purge(settings: &Settings, purge: &Purge, quiet: bool) -> Result<()> {
    if !purge.yes && !io::stdin().is_terminal() {
        return Err(Failure::usage("purge asks before it deletes, and there is no terminal to ask on: takes --yes"));
    }
    let mut signals = Signals::uncaught();
    let pass = Pass { settings, conditions: &purge.conditions };
    let progress = Progress::over_items(settings, "looking", quiet);
    let mut found: Vec<(Id, State, Option<session::Principal>)> = Vec::new();
    let passed = pass.over(&progress, &mut signals, &mut |listed, fields| {
        let principal = fields.and_then(|fields| settings.recorded_principal(fields));
        found.push((listed.id.clone(), listed.state(), principal));
        Ok(if found.len() < REMEMBERED { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    });
    progress.end();
    let passed = passed?;
    passed.warn(&progress);
    let (many, all) = (grouped(found.len() as u64), grouped(passed.scanned.sessions));
    if found.is_empty() {
        return said(quiet, &format!("none of {all} sessions is selected; nothing is deleted"));
    }
    if !purge.yes && !agreed(&format!("Delete {many} of {all} sessions?"))? {
        return said(quiet, "nothing is deleted");
    }
    let mut signals = Signals::catch()?;
    let mut store = settings.store(None)?;
    let progress = Progress::over_count(found.len() as u64, "deleting", quiet);
    let mut deleted = 0;
    for (id, state, principal) in &found {
        signals.check().map_err(|failure| so_far(failure, deleted))?;
        let gone = store.delete_unchanged(id, state, principal.as_ref(), &mut signals);
        deleted += u64::from(gone.map_err(|error| so_far(error.into(), deleted))?);
        progress.add(1);
    }
    progress.end();
    let kept = match found.len() as u64 - deleted {
        0 => String::new(),
        kept => format!("; {} were saved or went meanwhile, and are left alone", grouped(kept)),
    };
    let rest = if passed.scanned.stopped { "; that is as many as it takes at a time, so run it once more" } else { "" };
    said(quiet, &format!("{} sessions are deleted{kept}{rest}", grouped(deleted)))
}

fn so_far(failure: Failure, deleted: u64) -> Failure {
    Failure { text: format!("{}; {} sessions are deleted", failure.text, grouped(deleted)), ..failure }
}

fn said(quiet: bool, text: &str) -> Result<()> {
    if !quiet {
        writeln!(io::stdout(), "{text}")?;
    }
    Ok(())
}

/// Asks on the terminal. Whatever is not yes, is no.
fn agreed(question: &str) -> Result<bool> {
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(|error| Failure::server(format!("standard input: {error}")))?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells() {
        let session =
            serde_json::json!({"uid": "d\u{1b}ho", "n": 5, "none": null, "cart": [1], "token": "x", "pwd": ""});
        let image = storable::to_vec(&session, &storable::Options::default()).unwrap();
        let fields = Fields::parse(&image, &Limits::default()).unwrap();
        for (name, shown) in [
            ("uid", Some("\"d\\eho\"")),
            ("n", Some("5")),
            ("none", Some("undef")),
            ("cart", Some("(a structure)")),
            ("token", Some(MASK)),
            ("pwd", Some("\"\"")),
            ("missing", None),
        ] {
            assert_eq!(cell(&fields, name, false, true).as_deref(), shown, "{name}");
        }
        assert_eq!(cell(&fields, "token", true, true).as_deref(), Some("\"x\""));
    }
}
