//! `memd show`: one session, written down.
//!
//! - [`tree`]: for people
//! - [`json`]: for other programs
//! - [`perl`]: as Data::Dumper does

mod json;
mod perl;
mod tree;

use std::io::{self, IsTerminal, Write};

use session::{Encoding, Id, NoWait, Stored};
use storable::{Limits, Value};

use crate::cli::Show;
use crate::failure::{Failure, Result};
use crate::place::{self, Settings};
use crate::text::{self, Characters};

pub use self::json::{Json, string as json_string};

/// Shows a session.
pub fn show(settings: &Settings, show: &Show) -> Result<()> {
    let id = place::id(&show.id)?;
    let stored = look(settings, &id)?;
    let body = stored.body(&id, &settings.config.secrets)?;
    let mut out = io::stdout().lock();
    if show.raw {
        if out.is_terminal() {
            return Err(Failure::usage(
                "--raw writes bytes that are not for a terminal; send them to a file or a pipe",
            ));
        }
        return Ok(out.write_all(&body)?);
    }
    if stored.encoding() == Encoding::Opaque {
        return opaque(&mut out, &id, &stored, &body, show);
    }
    let value = parse(&id, &body)?;
    if show.json {
        Json::new(&mut out, true, show.reveal).value(&value).map_err(|failure| of_session(&id, failure))?;
        writeln!(out)?;
    } else if show.perl {
        perl::write(&mut out, &value, show.reveal)?;
    } else {
        writeln!(out, "{}  ({})", text::plain(&id.to_string()), about(&stored, body.len()))?;
        tree::write(&mut out, &value, show.reveal)?;
    }
    Ok(())
}

/// A session in another serializer's words: what it says is not known here, nor what of it is secret.
fn opaque(out: &mut impl Write, id: &Id, stored: &Stored, body: &[u8], show: &Show) -> Result<()> {
    if show.json || show.perl {
        return Err(Failure::server(format!(
            "session {id}: was not written by Storable; --raw --reveal shows its bytes"
        )));
    }
    writeln!(out, "{}  ({}; not written by Storable)", text::plain(&id.to_string()), about(stored, body.len()))?;
    if show.reveal {
        writeln!(out, "{}", text::quoted(&Characters::of_bytes(body), !is_utf8_locale()))?;
    } else {
        writeln!(out, "--reveal shows what it holds")?;
    }
    Ok(())
}

/// A session that must be there.
pub fn look(settings: &Settings, id: &Id) -> Result<Stored> {
    settings.must_exist()?;
    settings.store(None)?.look(id, &mut NoWait)?.ok_or_else(|| missing(id))
}

/// There is no such session.
pub fn missing(id: &Id) -> Failure {
    Failure::not_found(format!("session {id}: there is none"))
}

/// A frozen session as a value.
pub fn parse(id: &Id, body: &[u8]) -> Result<Value> {
    let value = Value::parse(body, &Limits::default());
    value.map_err(|error| Failure::server(format!("session {id}: {error}")))
}

fn of_session(id: &Id, failure: Failure) -> Failure {
    if failure.text != crate::walk::ENDLESS {
        return failure;
    }
    Failure { text: format!("session {id}: {}; without --json it can be shown", failure.text), ..failure }
}

/// `expires in 59m 58s, 412 B`.
fn about(stored: &Stored, unpacked: usize) -> String {
    let size = text::size(unpacked as u64);
    let packed = match stored.value.len() {
        stored if stored == unpacked => String::new(),
        stored => format!(", {} compressed", text::size(stored as u64)),
    };
    format!("{}, {size}{packed}", expires(stored.expiry))
}

/// `expires in 59m 58s`.
pub fn expires(expiry: Option<u64>) -> String {
    expiry.map_or("never expires".to_owned(), |seconds| format!("expires in {}", text::duration(seconds)))
}

/// Whether the terminal, or who reads instead, takes more than ASCII.
pub fn is_utf8_locale() -> bool {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}
