//! `memd info` and `memd stats`: what the servers say about themselves.

use std::collections::HashMap;
use std::io::{self, Write};

use session::{NoWait, Question, Target, inspect};

use crate::cli::Topic;
use crate::failure::{Code, Failure, Result};
use crate::place::Settings;
use crate::table::Table;
use crate::text::{duration, grouped, plain, size};

/// Writes a list of each server.
pub fn info(settings: &Settings, topic: Topic) -> Result<()> {
    let answers = ask(settings, Question::Stats(question(topic)))?;
    let mut out = io::stdout().lock();
    let several = answers.len() > 1;
    let mut failures = Vec::new();
    for (address, answer) in answers {
        match answer {
            Err(error) => failures.push(error.to_string()),
            Ok(list) => {
                let mut table = Table::new(&["", ""]);
                list.into_iter().for_each(|(name, value)| table.row(vec![name, value]));
                if several {
                    writeln!(out, "{}", plain(&address))?;
                }
                table.write(&mut out)?;
            }
        }
    }
    told(failures)
}

/// Sums up each server in a line.
pub fn stats(settings: &Settings) -> Result<()> {
    let answers = ask(settings, Question::Stats(session::Topic::General))?;
    let mut table = Table::new(&[
        "server", "version", "up", ">items", ">bytes", ">full", ">hits", ">evicted", ">expired", ">conns",
    ]);
    let mut total = [0_u64; 6];
    let mut failures = Vec::new();
    let several = answers.len() > 1;
    for (address, answer) in answers {
        let list: HashMap<String, String> = match answer {
            Ok(list) => list.into_iter().collect(),
            Err(error) => {
                failures.push(error.to_string());
                table.row(vec![plain(&address).into_owned(), "does not answer".to_owned()]);
                continue;
            }
        };
        let number = |name: &str| list.get(name).and_then(|value| value.parse::<u64>().ok()).unwrap_or(0);
        let numbers = [
            number("curr_items"),
            number("bytes"),
            number("limit_maxbytes"),
            number("get_hits"),
            number("get_misses"),
            number("evictions"),
        ];
        total.iter_mut().zip(numbers).for_each(|(sum, number)| *sum = sum.saturating_add(number));
        let mut row = vec![
            plain(&address).into_owned(),
            list.get("version").cloned().unwrap_or_default(),
            duration(number("uptime")),
        ];
        row.extend(cells(&numbers));
        row.extend([grouped(number("expired_unfetched")), grouped(number("curr_connections"))]);
        table.row(row);
    }
    if several {
        let mut row = vec!["all".to_owned(), String::new(), String::new()];
        row.extend(cells(&total));
        table.row(row);
    }
    table.write(&mut io::stdout().lock())?;
    told(failures)
}

fn cells(numbers: &[u64; 6]) -> Vec<String> {
    let [items, bytes, limit, hits, misses, evictions] = *numbers;
    vec![grouped(items), size(bytes), share(bytes, limit), share(hits, hits.saturating_add(misses)), grouped(evictions)]
}

/// A part of a whole in percent.
pub fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let percent = part as f64 * 100.0 / whole as f64;
    format!("{percent:.1}%")
}

/// Servers that failed, after what the others said.
fn told(failures: Vec<String>) -> Result<()> {
    if failures.is_empty() { Ok(()) } else { Err(Failure { code: Code::Server, text: failures.join("\n") }) }
}

fn ask(settings: &Settings, question: Question) -> Result<Vec<(String, session::Answer)>> {
    if let Target::Embedded { dir, .. } = &settings.config.servers {
        let text = format!("{}: an embedded store has no servers to ask; memd doctor looks at it", dir.display());
        return Err(Failure::usage(text));
    }
    Ok(inspect(&settings.config, question, &mut NoWait)?)
}

fn question(topic: Topic) -> session::Topic {
    match topic {
        Topic::Misc => session::Topic::General,
        Topic::Items => session::Topic::Items,
        Topic::Slabs => session::Topic::Slabs,
        Topic::Sizes => session::Topic::Sizes,
        Topic::Settings => session::Topic::Settings,
        Topic::Conns => session::Topic::Conns,
    }
}
