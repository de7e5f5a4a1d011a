//! `memd export` and `import`: sessions to a [file](crate::archive) and back.
//!
//! An export appears under its name when it is complete, and not before. An import never replaces what the store has,
//! unless it is forced to.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, IsTerminal, Read, Seek, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use session::{Id, Principal, Restore, Restored, Store};
use storable::{Fields, Limits};

use crate::archive::{Fault, Reader, Record, Writer};
use crate::cli::Select;
use crate::failure::{Failure, Result};
use crate::list::{Pass, Passed};
use crate::place::Settings;
use crate::progress::Progress;
use crate::signal::Signals;
use crate::text::{grouped, plain};

/// How many sessions are put back together, and about how many bytes.
const TOGETHER: usize = 100;
const BYTES: usize = 256 << 10;

/// How many sessions that failed are named.
const NAMED: u64 = 10;

/// Writes sessions to a file.
pub fn export(settings: &Settings, path: &Path, select: &Select, quiet: bool) -> Result<()> {
    let mut signals = Signals::catch()?;
    let progress = Progress::over_items(settings, "exporting", quiet);
    let passed = if path == Path::new("-") {
        if io::stdout().is_terminal() {
            return Err(Failure::usage("an export is not for a terminal; send it to a file or a pipe"));
        }
        let named = |error: io::Error| Failure::server(format!("standard output: {error}"));
        write(settings, select, &progress, &mut signals, io::stdout().lock(), &named)?.1
    } else {
        let path = target(path)?;
        let named = |error: io::Error| Failure::server(format!("{}: {error}", path.display()));
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::Builder::new().prefix(".memd-").suffix(".part").tempfile_in(dir).map_err(named)?;
        let (file, passed) = write(settings, select, &progress, &mut signals, file, &named)?;
        file.as_file().sync_all().map_err(named)?;
        signals.check()?;
        file.persist(&path).map_err(|error| named(error.error))?;
        passed
    };
    progress.end();
    passed.warn(&progress);
    if !quiet {
        eprintln!("{} sessions are exported", grouped(passed.matched));
    }
    Ok(())
}

/// Where a file is to appear: where its name leads to, if there is one already.
fn target(path: &Path) -> Result<PathBuf> {
    let failed = |error: &dyn std::fmt::Display| Failure::server(format!("{}: {error}", path.display()));
    match fs::metadata(path) {
        Ok(found) if found.is_file() => fs::canonicalize(path).map_err(|error| failed(&error)),
        Ok(_) => Err(Failure::usage(format!("{}: is no file; - is the standard output", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(failed(&error)),
    }
}

fn write<W: Write>(
    settings: &Settings,
    select: &Select,
    progress: &Progress,
    signals: &mut Signals,
    out: W,
    named: &dyn Fn(io::Error) -> Failure,
) -> Result<(W, Passed)> {
    let mut writer = Writer::new(BufWriter::with_capacity(256 << 10, out)).map_err(named)?;
    let pass = Pass { settings, conditions: &select.conditions };
    let passed = pass.over(progress, signals, &mut |listed, _| {
        let expires = listed.expiry.map_or(0, |seconds| now().saturating_add(seconds));
        let written = writer.session(listed.id.as_bytes(), listed.flags, expires, listed.value);
        written.map(|()| ControlFlow::Continue(())).map_err(named)
    })?;
    let out = writer.finish().map_err(named)?;
    Ok((out.into_inner().map_err(|error| named(error.into_error()))?, passed))
}

/// Puts the sessions of a file back.
pub fn import(settings: &Settings, path: &Path, force: bool, quiet: bool) -> Result<()> {
    let mut signals = Signals::catch()?;
    if path == Path::new("-") {
        if io::stdin().is_terminal() {
            return Err(Failure::usage("an import is not typed; give it a file"));
        }
        let progress = Progress::over_bytes(None, "importing", quiet);
        return Import::new(settings, "standard input", force)?.run(io::stdin().lock(), &progress, &mut signals, quiet);
    }
    let name = path.display().to_string();
    let failed = |error: io::Error| Failure::server(format!("{name}: {error}"));
    let mut file = File::open(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    if found.is_dir() {
        return Err(Failure::usage(format!("{name}: is a directory")));
    }
    let length = found.is_file().then_some(found.len());
    if length.is_some() {
        // A file can be read twice: nothing of one that is damaged is put back.
        let progress = Progress::over_bytes(length, "checking", quiet);
        check(&mut file, &name, &progress, &signals)?;
        file.rewind().map_err(failed)?;
    }
    let progress = Progress::over_bytes(length, "importing", quiet);
    Import::new(settings, &name, force)?.run(file, &progress, &mut signals, quiet)
}

fn check(input: impl Read, name: &str, progress: &Progress, signals: &Signals) -> Result<()> {
    let mut reader = open(input, name)?;
    let mut done = 0;
    while reader.next().map_err(|fault| faulty(name, &fault))?.is_some() {
        signals.check()?;
        progress.add(reader.offset() - done);
        done = reader.offset();
    }
    progress.end();
    Ok(())
}

fn open<R: Read>(input: R, name: &str) -> Result<Reader<BufReader<R>>> {
    Reader::new(BufReader::with_capacity(256 << 10, input)).map_err(|fault| faulty(name, &fault))
}

fn faulty(name: &str, fault: &Fault) -> Failure {
    Failure::server(format!("{name}: {} (at byte {})", fault.what, fault.at))
}

/// An import under way.
struct Import<'s> {
    settings: &'s Settings,
    store: Store,
    name: &'s str,
    force: bool,
    stored: u64,
    same: u64,
    kept: u64,
    expired: u64,
    failed: u64,
}

impl<'s> Import<'s> {
    fn new(settings: &'s Settings, name: &'s str, force: bool) -> Result<Import<'s>> {
        let store = settings.store(None)?;
        Ok(Import { settings, store, name, force, stored: 0, same: 0, kept: 0, expired: 0, failed: 0 })
    }

    fn run(mut self, input: impl Read, progress: &Progress, signals: &mut Signals, quiet: bool) -> Result<()> {
        let ended = self.put_back(input, progress, signals);
        progress.end();
        if ended.is_err() || !quiet {
            eprintln!("{}", self.summary());
        }
        ended?;
        if self.failed > 0 {
            return Err(Failure::server(format!("{} sessions could not be put back", grouped(self.failed))));
        }
        Ok(())
    }

    fn put_back(&mut self, input: impl Read, progress: &Progress, signals: &mut Signals) -> Result<()> {
        let mut reader = open(input, self.name)?;
        let mut done = 0;
        let mut batch = Vec::new();
        loop {
            signals.check()?;
            let record = reader.next();
            let is_last = !matches!(record, Ok(Some(_)));
            let bytes: usize = batch.iter().map(|record: &Record| record.value.len()).sum();
            if is_last || batch.len() == TOGETHER || bytes > BYTES {
                self.batch(&batch, progress, signals)?;
                batch.clear();
                progress.add(reader.offset() - done);
                done = reader.offset();
            }
            match record.map_err(|fault| faulty(self.name, &fault))? {
                Some(record) => batch.push(record),
                None => return Ok(()),
            }
        }
    }

    fn batch(&mut self, records: &[Record], progress: &Progress, signals: &mut Signals) -> Result<()> {
        let now = now();
        let mut parts: Vec<(Id, Option<Principal>, Option<u64>, &Record)> = Vec::new();
        for record in records {
            let expiry = match record.expires {
                0 => None,
                expires if expires <= now => {
                    self.expired += 1;
                    continue;
                }
                expires => Some(expires - now),
            };
            match Id::parse(&record.id) {
                Ok(id) => {
                    let principal = self.principal(&id, record);
                    parts.push((id, principal, expiry, record));
                }
                Err(error) => self.fail(&error, progress),
            }
        }
        let sessions: Vec<Restore<'_>> = parts
            .iter()
            .map(|(id, principal, expiry, record)| Restore {
                id,
                value: &record.value,
                flags: record.flags,
                expiry: *expiry,
                principal: principal.as_ref(),
            })
            .collect();
        if sessions.is_empty() {
            return Ok(());
        }
        let outcomes = match self.store.restore(&sessions, self.force, signals) {
            // One of them is to blame: which, each tells alone.
            Err(error) if error.is_too_large() || error.is_full() => {
                let mut outcomes = Vec::new();
                for session in &sessions {
                    match self.store.restore(std::slice::from_ref(session), self.force, signals) {
                        Ok(outcome) => outcomes.extend(outcome),
                        Err(error) if error.is_too_large() => outcomes.push(Err(error)),
                        Err(error) => return Err(error.into()),
                    }
                }
                outcomes
            }
            outcomes => outcomes?,
        };
        for outcome in outcomes {
            match outcome {
                Ok(Restored::Stored) => self.stored += 1,
                Ok(Restored::Same) => self.same += 1,
                Ok(Restored::Kept) => self.kept += 1,
                Err(error) if error.is_interrupted() => return Err(error.into()),
                Err(error) => self.fail(&error, progress),
            }
        }
        Ok(())
    }

    /// Whose session it is, where the field that says so is known and can be read.
    fn principal(&self, id: &Id, record: &Record) -> Option<Principal> {
        self.settings.principal.as_ref()?;
        let Record { value, flags, .. } = record;
        let restore = Restore { id, value, flags: *flags, expiry: None, principal: None };
        let body = restore.body(&self.settings.config.secrets).ok()?;
        self.settings.principal_of(&Fields::parse(&body, &Limits::default()).ok()?)
    }

    fn fail(&mut self, error: &session::Error, progress: &Progress) {
        self.failed += 1;
        if self.failed <= NAMED {
            progress.aside(|| eprintln!("memd: {}", plain(&error.to_string())));
        }
    }

    fn summary(&self) -> String {
        let parts = [
            (self.stored, "sessions are put back"),
            (self.same, "were there already"),
            (
                self.kept,
                "are in the store in another state, or were deleted there, and stay so (--force replaces them)",
            ),
            (self.expired, "have expired"),
        ];
        let parts = parts.iter().enumerate().filter(|(index, (count, _))| *index == 0 || *count > 0);
        parts.map(|(_, (count, what))| format!("{} {what}", grouped(*count))).collect::<Vec<_>>().join("; ")
    }
}

/// Unix time in seconds.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
