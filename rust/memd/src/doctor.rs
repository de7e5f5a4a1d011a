//! `memd doctor`: what is wrong with the servers, or the embedded store, and what to do about it.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::time::{SystemTime, UNIX_EPOCH};

use session::{Config, NoWait, Question, Server, Target, Topic, inspect, inspect_embedded};

use crate::failure::{Code, Failure, Result};
use crate::info::share;
use crate::list::Pass;
use crate::place::Settings;
use crate::progress::Progress;
use crate::signal::Signals;
use crate::text::{duration, grouped, plain, size};

/// From here on, a store counts as nearly full.
const NEARLY_FULL: u64 = 90;

/// memcached's clock ticks once a second, and the question takes its time.
const SKEW: u64 = 3;

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    /// As it should be.
    Good,
    /// Something to do.
    Look,
    /// Sessions can't be used.
    Bad,
}

/// Something that was looked at.
#[derive(Debug)]
struct Finding {
    level: Level,
    text: String,
    advice: &'static str,
}

/// What was found in one place.
#[derive(Debug)]
struct Report {
    place: String,
    findings: Vec<Finding>,
}

impl Report {
    fn new(place: impl Into<String>) -> Report {
        Report { place: place.into(), findings: Vec::new() }
    }

    fn good(&mut self, text: impl Into<String>) {
        self.findings.push(Finding { level: Level::Good, text: text.into(), advice: "" });
    }

    fn look(&mut self, text: impl Into<String>, advice: &'static str) {
        self.findings.push(Finding { level: Level::Look, text: text.into(), advice });
    }

    fn bad(&mut self, text: impl Into<String>, advice: &'static str) {
        self.findings.push(Finding { level: Level::Bad, text: text.into(), advice });
    }
}

/// Looks at everything. Ends with [`Code::NotFound`] where there is something to do, with [`Code::Server`] where sessions
/// can't be used.
pub fn doctor(settings: &Settings, quiet: bool) -> Result<()> {
    let mut reports = Vec::new();
    match &settings.config.servers {
        Target::Memcached(_) => reports.extend(servers(settings)?),
        Target::Embedded { .. } => reports.push(embedded(settings)),
    }
    if reports.iter().flat_map(|report| &report.findings).all(|finding| finding.level < Level::Bad) {
        reports.push(sessions(settings, quiet));
    }
    let worst = write(&mut io::stdout().lock(), &reports, quiet)?;
    let code = match worst {
        Level::Good => return Ok(()),
        Level::Look => Code::NotFound,
        Level::Bad => Code::Server,
    };
    Err(Failure { code, text: String::new() })
}

fn write(out: &mut impl Write, reports: &[Report], quiet: bool) -> Result<Level> {
    let mut worst = Level::Good;
    let mut found = 0;
    for report in reports {
        if quiet && report.findings.iter().all(|finding| finding.level == Level::Good) {
            continue;
        }
        writeln!(out, "{}", plain(&report.place))?;
        for Finding { level, text, advice } in &report.findings {
            worst = worst.max(*level);
            found += u32::from(*level > Level::Good);
            let mark = match level {
                Level::Good if quiet => continue,
                Level::Good => "ok  ",
                Level::Look => "look",
                Level::Bad => "BAD ",
            };
            writeln!(out, "  {mark}  {}", plain(text))?;
            if !advice.is_empty() {
                writeln!(out, "        -> {advice}")?;
            }
        }
    }
    if !quiet {
        match found {
            0 => writeln!(out, "all is well")?,
            1 => writeln!(out, "1 thing to look at")?,
            found => writeln!(out, "{found} things to look at")?,
        }
    }
    Ok(worst)
}

fn servers(settings: &Settings) -> Result<Vec<Report>> {
    let Target::Memcached(servers) = &settings.config.servers else { return Ok(Vec::new()) };
    let mut reports: Vec<Report> = Vec::new();
    let mut versions = HashSet::new();
    for server in servers {
        let mut report = Report::new(format!("memcached {}", server.address));
        let alone = Target::Memcached(vec![Server { weight: 1, ..server.clone() }]);
        examine(&Config { servers: alone, ..settings.config.clone() }, &mut report, &mut versions)?;
        reports.push(report);
    }
    if versions.len() > 1
        && let Some(report) = reports.last_mut()
    {
        let mut versions: Vec<String> = versions.into_iter().collect();
        versions.sort();
        report
            .look(format!("the servers are of different versions: {}", versions.join(", ")), "upgrade the older ones");
    }
    twice(settings, &mut reports);
    Ok(reports)
}

/// Asks one server. The first question that stays without an answer is the last one: each costs the whole timeout.
fn examine(config: &Config, report: &mut Report, versions: &mut HashSet<String>) -> Result<()> {
    let ask = |question| -> Result<Answer> {
        let (address, answer) = inspect(config, question, &mut NoWait)?.swap_remove(0);
        Ok(answer.map_err(|error| (without(&error.to_string(), &address), error)))
    };
    let is_fit = match ask(Question::Meta)? {
        Ok(_) => true,
        // It may be a memcached all the same, with something to tell.
        Err((text, error)) if error.is_unfit_server() => {
            report.bad(text, UNFIT);
            false
        }
        Err((text, error)) => {
            report.bad(text, hint(&error));
            return Ok(());
        }
    };
    let began = now();
    let general = match ask(Question::Stats(Topic::General))? {
        Ok(general) => general,
        Err((text, error)) => {
            if is_fit {
                report.bad(text, hint(&error));
            }
            return Ok(());
        }
    };
    let waited = now().saturating_sub(began);
    let mut facts = Facts { general: general.into_iter().collect(), ..Facts::default() };
    versions.insert(facts.text("version").to_owned());
    if is_fit {
        report.good(format!("{}, speaks meta commands", facts.introduction()));
    }
    for topic in [Topic::Settings, Topic::Items] {
        match ask(Question::Stats(topic))? {
            Ok(list) if topic == Topic::Settings => facts.rules = list.into_iter().collect(),
            Ok(list) => facts.items = list,
            Err((text, error)) if error.is_timeout() => {
                report.bad(text, SILENT);
                return Ok(());
            }
            Err((text, _)) => report.look(format!("does not tell its {}: {text}", topic.word()), NOT_ITSELF),
        }
    }
    facts.memory(report);
    facts.load(report);
    facts.clock(report, began, waited);
    facts.rules(report);
    Ok(())
}

/// What a server has told, or why not: in words without its name, and as an error.
type Answer = std::result::Result<Vec<(String, String)>, (String, session::Error)>;

const UNREACHABLE: &str = "is memcached running there? Does a firewall let this host through?";
const SILENT: &str = "is it overloaded, or stopped? Is something in between that holds connections?";
const NOT_ITSELF: &str = "is that memcached itself, or something in front of it?";
const UNFIT: &str = "sessions can't be kept there; they take memcached itself, 1.6.13 or later";

/// What to do about a server that did not answer a question.
fn hint(error: &session::Error) -> &'static str {
    if error.is_unreachable() {
        UNREACHABLE
    } else if error.is_timeout() {
        SILENT
    } else {
        NOT_ITSELF
    }
}

/// An address that is given twice counts twice in placement.
fn twice(settings: &Settings, reports: &mut Vec<Report>) {
    let Target::Memcached(servers) = &settings.config.servers else { return };
    let mut seen = HashSet::new();
    for server in servers.iter().filter(|server| !seen.insert(&server.address)) {
        let mut report = Report::new(format!("memcached {}", server.address));
        report.look("is given twice", "give it once, with a weight, unless all applications have it twice");
        reports.push(report);
    }
}

/// What a server has told.
#[derive(Default)]
struct Facts {
    general: HashMap<String, String>,
    rules: HashMap<String, String>,
    items: Vec<(String, String)>,
}

impl Facts {
    fn text(&self, name: &str) -> &str {
        self.general.get(name).map_or("?", String::as_str)
    }

    fn number(&self, name: &str) -> u64 {
        self.general.get(name).and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    fn rule(&self, name: &str) -> Option<&str> {
        self.rules.get(name).map(String::as_str)
    }

    fn rule_number(&self, name: &str) -> Option<u64> {
        self.rule(name)?.parse().ok()
    }

    fn introduction(&self) -> String {
        format!("version {}, up {}", self.text("version"), duration(self.number("uptime")))
    }

    fn memory(&self, report: &mut Report) {
        let (bytes, limit) = (self.number("bytes"), self.number("limit_maxbytes"));
        let evictions = self.number("evictions");
        let used = format!("{} of {} used ({})", size(bytes), size(limit), share(bytes, limit));
        let is_full = limit > 0 && u128::from(bytes) * 100 >= u128::from(limit) * u128::from(NEARLY_FULL);
        // With -M it refuses what has no room, instead of throwing something else out.
        let refuses = self.rule("evictions") == Some("off");
        match (is_full, refuses) {
            (false, _) => report.good(format!("memory: {used}")),
            (true, true) => report.look(
                format!("memory: {used}, and it was started with -M: saving sessions will fail"),
                "give it more memory (memcached -m), or sessions a shorter expiry",
            ),
            (true, false) => report.look(
                format!("memory: {used}: sessions will be thrown out before their time"),
                "give it more memory (memcached -m), or sessions a shorter expiry",
            ),
        }
        if evictions > 0 {
            report.look(
                format!("{} items were thrown out before their time since it was started", grouped(evictions)),
                "sessions were lost: give it more memory (memcached -m) or shorter expiries",
            );
        }
        let refused: u64 = self
            .items
            .iter()
            .filter(|(name, _)| name.ends_with(":outofmemory"))
            .filter_map(|(_, count)| count.parse::<u64>().ok())
            .sum();
        if refused > 0 {
            report.look(
                format!("{} items were refused for want of memory since it was started", grouped(refused)),
                "sessions were not saved then: give it more memory (memcached -m)",
            );
        }
    }

    fn load(&self, report: &mut Report) {
        let (connections, most) = (self.number("curr_connections"), self.number("max_connections"));
        let turned_away = self.number("listen_disabled_num");
        if turned_away > 0 || (most > 0 && connections * 100 >= most * NEARLY_FULL) {
            report.look(
                format!("connections: {connections} of {most}; they ran out {} times", grouped(turned_away)),
                "allow more of them (memcached -c)",
            );
        }
    }

    fn clock(&self, report: &mut Report, began: u64, waited: u64) {
        let theirs = self.number("time");
        let (early, late) = (began.saturating_sub(SKEW), began.saturating_add(waited + SKEW));
        if theirs == 0 || (early..=late).contains(&theirs) {
            report.good("clock: agrees with this host's");
            return;
        }
        let (skew, way) = if theirs < began { (began - theirs, "behind") } else { (theirs - began, "ahead of") };
        report.look(
            format!("clock: {} {way} this host's", duration(skew)),
            "set both by NTP: expiries of more than 30 days are points in time",
        );
    }

    fn rules(&self, report: &mut Report) {
        if let Some(largest) = self.rule_number("item_size_max") {
            if largest < 1 << 20 {
                report.look(
                    format!("takes items of up to {}", size(largest)),
                    "a larger session can't be saved: raise it (memcached -I 1m)",
                );
            } else {
                report.good(format!("takes items of up to {}", size(largest)));
            }
        }
        if self.rule("lru_crawler") == Some("no") {
            report.look("its crawler is off: sessions can't be listed", "start it without -o no_lru_crawler");
        }
        if self.rule_number("udpport").is_some_and(|port| port > 0) {
            report.look("answers on UDP, which can be abused to flood others", "start it with -U 0");
        }
    }
}

/// A fault without the name of the server, which stands above it.
fn without(text: &str, address: &str) -> String {
    text.strip_prefix(&format!("memcached {address}: ")).unwrap_or(text).to_owned()
}

fn embedded(settings: &Settings) -> Report {
    let Target::Embedded { dir, .. } = &settings.config.servers else { return Report::new("embedded") };
    let mut report = Report::new(format!("embedded {}", dir.display()));
    if let Err(failure) = settings.must_exist() {
        let text = without_dir(&failure.text, &format!("{}: ", dir.display()));
        report.bad(text, "the first application that keeps a session there makes it");
        return report;
    }
    let found = match inspect_embedded(&settings.config) {
        Ok(Some(found)) => found,
        Ok(None) => return report,
        Err(error) => {
            let text = without_dir(&error.to_string(), &format!("embedded {}: ", dir.display()));
            report.bad(text, "run memd as the application's user; the directory must be that user's, mode 0700");
            return report;
        }
    };
    report.good("belongs to this user, and to nobody else");
    let used = format!("{} of {} used ({})", size(found.used), size(found.size), share(found.used, found.size));
    if u128::from(found.used) * 100 >= u128::from(found.size) * u128::from(NEARLY_FULL) {
        report.look(
            format!("room: {used}"),
            "give the applications a larger one (embedded:/dir?size=2G), or a shorter expiry",
        );
    } else {
        report.good(format!("room: {used}"));
    }
    report.good(format!(
        "{} items, of which {} have expired and wait to be swept",
        grouped(found.items),
        grouped(found.expired)
    ));
    if found.disk_free < found.size.saturating_sub(found.file_size) {
        report.look(
            format!(
                "disk: {} free, {} of which it may still take",
                size(found.disk_free),
                size(found.size - found.file_size)
            ),
            "make room on that disk",
        );
    } else {
        report.good(format!("disk: {} free", size(found.disk_free)));
    }
    report
}

fn without_dir(text: &str, place: &str) -> String {
    text.strip_prefix(place).unwrap_or(text).to_owned()
}

/// Lists all sessions: can they be listed, can they be read, are they where they are looked for?
fn sessions(settings: &Settings, quiet: bool) -> Report {
    let mut report = Report::new("sessions");
    let progress = Progress::over_items(settings, "looking", quiet);
    let pass = Pass { settings, conditions: &[] };
    let passed = pass.over(&progress, &mut Signals::uncaught(), &mut |_, _| Ok(ControlFlow::Continue(())));
    progress.end();
    let passed = match passed {
        Ok(passed) => passed,
        Err(failure) => {
            report.bad(format!("can't be listed: {failure}"), "");
            return report;
        }
    };
    let scanned = &passed.scanned;
    report.good(format!(
        "{} sessions, {} were deleted lately, {} other items",
        grouped(scanned.sessions),
        grouped(scanned.tombstones),
        grouped(scanned.others)
    ));
    if let Some(first) = &passed.first {
        report.look(
            format!("{} of them can't be read, the first: {first}", grouped(passed.damaged)),
            "memd delete ID removes one; which program writes them?",
        );
    }
    match scanned.misplaced {
        0 => report.good("placement: every item is where it is looked for"),
        misplaced => report.look(
            format!("placement: {} items are on servers where nobody looks for them", grouped(misplaced)),
            "do all applications name the same servers, in this order, with these weights?",
        ),
    }
    for address in &scanned.approximate {
        report.look(format!("memcached {address} is too old to list all that it has"), "upgrade it");
    }
    report
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    fn findings(general: &[(&str, &str)], rules: &[(&str, &str)], items: &[(&str, &str)]) -> Vec<String> {
        let facts = Facts {
            general: pairs(general).into_iter().collect(),
            rules: pairs(rules).into_iter().collect(),
            items: pairs(items),
        };
        let mut report = Report::new("memcached a:1");
        facts.memory(&mut report);
        facts.load(&mut report);
        facts.clock(&mut report, 1000, 1);
        facts.rules(&mut report);
        report.findings.into_iter().filter(|finding| finding.level > Level::Good).map(|finding| finding.text).collect()
    }

    #[test]
    fn a_server_in_order_gives_nothing_to_do() {
        let general = [("bytes", "10"), ("limit_maxbytes", "100"), ("time", "1001"), ("max_connections", "1024")];
        let rules = [("item_size_max", "1048576"), ("lru_crawler", "yes"), ("udpport", "0"), ("evictions", "on")];
        assert_eq!(findings(&general, &rules, &[("items:1:outofmemory", "0")]), [""; 0]);
    }

    #[test]
    fn each_fault_is_found() {
        for (general, rules, items, says) in [
            (&[("bytes", "95"), ("limit_maxbytes", "100")][..], &[][..], &[][..], "will be thrown out"),
            (&[("bytes", "95"), ("limit_maxbytes", "100")], &[("evictions", "off")], &[], "started with -M"),
            (&[("evictions", "1234")], &[], &[], "1,234 items were thrown out"),
            (&[], &[], &[("items:1:outofmemory", "3"), ("items:2:outofmemory", "4")], "7 items were refused"),
            (&[("curr_connections", "1000"), ("max_connections", "1024")], &[], &[], "connections: 1000 of 1024"),
            (&[("listen_disabled_num", "2")], &[], &[], "ran out 2 times"),
            (&[("time", "940")], &[], &[], "clock: 1m behind"),
            (&[("time", "4600")], &[], &[], "clock: 1h ahead of"),
            (&[], &[("item_size_max", "1024")], &[], "up to 1.0 KB"),
            (&[], &[("lru_crawler", "no")], &[], "can't be listed"),
            (&[], &[("udpport", "11211")], &[], "UDP"),
        ] {
            let found = findings(general, rules, items);
            assert!(found.len() == 1 && found[0].contains(says), "{says}: {found:?}");
        }
    }
}
