//! The bar of what takes long. It is seen only where the standard error is a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use session::{NoWait, Question, Target, inspect};

use crate::place::Settings;

/// How often what was written beside a bar is let through to the terminal.
const EVERY: Duration = Duration::from_millis(100);

/// A bar, or nothing.
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar over the items of the servers, as many as these say that they have: the sessions, and a few more.
    pub fn over_items(settings: &Settings, verb: &'static str, quiet: bool) -> Progress {
        if !is_shown(quiet) {
            return Progress::hidden();
        }
        match items(settings) {
            Some(items) => {
                Progress::over(items, "{prefix} {wide_bar:.cyan/blue} {human_pos}/{human_len} items, {eta} left", verb)
            }
            None => Progress::spinner("{spinner} {prefix} {human_pos} sessions", verb),
        }
    }

    /// A bar over the bytes of a file; a count where their number is not known.
    pub fn over_bytes(bytes: Option<u64>, verb: &'static str, quiet: bool) -> Progress {
        match bytes {
            _ if !is_shown(quiet) => Progress::hidden(),
            Some(bytes) => {
                Progress::over(bytes, "{prefix} {wide_bar:.cyan/blue} {bytes}/{total_bytes}, {eta} left", verb)
            }
            None => Progress::spinner("{spinner} {prefix} {bytes}", verb),
        }
    }

    /// A bar over so many sessions.
    pub fn over_count(sessions: u64, verb: &'static str, quiet: bool) -> Progress {
        if !is_shown(quiet) {
            return Progress::hidden();
        }
        Progress::over(sessions, "{prefix} {wide_bar:.cyan/blue} {human_pos}/{human_len} sessions, {eta} left", verb)
    }

    fn over(length: u64, template: &str, verb: &'static str) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
        // The templates are this file's own; one that is wrong shows as the default bar.
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = bar.with_style(if super::show::is_utf8_locale() { style } else { style.progress_chars("#>-") });
        Progress(bar.with_prefix(verb))
    }

    fn spinner(template: &str, verb: &'static str) -> Progress {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = bar.with_style(if super::show::is_utf8_locale() { style } else { style.tick_chars("|/-\\ ") });
        bar.enable_steady_tick(EVERY);
        Progress(bar.with_prefix(verb))
    }

    fn hidden() -> Progress {
        Progress(ProgressBar::hidden())
    }

    /// So much more is done.
    pub fn add(&self, more: u64) {
        self.0.inc(more);
    }

    /// Something has to be said or asked: takes the bar away while it is.
    pub fn aside<T>(&self, work: impl FnOnce() -> T) -> T {
        self.0.suspend(work)
    }

    /// Takes the bar away.
    pub fn end(&self) {
        self.0.finish_and_clear();
    }
}

fn is_shown(quiet: bool) -> bool {
    !quiet && io::stderr().is_terminal()
}

/// How many items there are, where servers can tell.
fn items(settings: &Settings) -> Option<u64> {
    let Target::Memcached(_) = settings.config.servers else { return None };
    let question = Question::Stats(session::Topic::General);
    let answers = inspect(&settings.config, question, &mut NoWait).ok()?;
    answers
        .into_iter()
        .map(|(_, answer)| answer.ok()?.iter().find(|(name, _)| name == "curr_items")?.1.parse::<u64>().ok())
        .sum()
}

/// The standard output beside a bar: held back while both are on the terminal, so that the bar is not drawn anew for
/// each line.
pub struct Beside<'p> {
    progress: &'p Progress,
    held: Vec<u8>,
    let_through: Instant,
    wait: Duration,
}

impl<'p> Beside<'p> {
    /// The output beside this bar.
    pub fn new(progress: &'p Progress) -> Beside<'p> {
        let wait = if io::stdout().is_terminal() { EVERY } else { Duration::MAX };
        Beside { progress, held: Vec::new(), let_through: Instant::now(), wait }
    }
}

impl Write for Beside<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        if self.held.len() > 32 << 10 || self.let_through.elapsed() >= self.wait {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.let_through = Instant::now();
        if self.held.is_empty() {
            return Ok(());
        }
        // Only whole lines: the bar begins at the beginning of one.
        let whole = self.held.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.held.drain(..whole).collect();
        self.progress.aside(|| {
            let mut out = io::stdout().lock();
            out.write_all(&lines)?;
            out.flush()
        })
    }
}
