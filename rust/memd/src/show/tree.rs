//! A session as a tree, one part in a line.
//!
//! ```text
//! |- cart
//! |  |- [0]  "pen"
//! |  `- [1]  "ink"
//! |- password  ********
//! `- uid  "dwho"
//! ```

use std::io::Write;

use storable::{Value, number_text};

use super::is_utf8_locale;
use crate::failure::Result;
use crate::secret::MASK;
use crate::text::{self, Characters};
use crate::walk::{Class, Name, Step, Walk, What};

/// What lies deeper would not fit beside its guides.
const DEPTH: usize = 50;

/// A longer string is cut.
const LONGEST: usize = 2000;

/// What leads the eye: to a part, to the last part, past a part, past the last.
const GUIDES: [&str; 4] = ["\u{251c}\u{2500} ", "\u{2514}\u{2500} ", "\u{2502}  ", "   "];
const ASCII_GUIDES: [&str; 4] = ["|- ", "`- ", "|  ", "   "];

/// Writes the tree of a value.
pub fn write(out: &mut impl Write, value: &Value, reveal: bool) -> Result<()> {
    let ascii = !is_utf8_locale();
    let [part, last_part, past, past_last] = if ascii { ASCII_GUIDES } else { GUIDES };
    let mut guides = Vec::new();
    let walk = Walk { reveal, depth: DEPTH, repeat: false };
    walk.through(value, &mut |step| {
        let Step::Part { name, last, what } = step else {
            guides.pop();
            return Ok(());
        };
        let opens = matches!(what, What::Hash(..) | What::Array(..) | What::Reference(_));
        if matches!(name, Name::Root) {
            if opens {
                guides.push("");
            } else {
                writeln!(out, "{}", leaf(&what, ascii))?;
            }
            return Ok(());
        }
        let name = match name {
            Name::Key(key) => label(&key.readable(), ascii),
            Name::Index(index) => format!("[{index}]"),
            Name::Root | Name::Target => "\\".to_owned(),
        };
        let guide = if last { last_part } else { part };
        let leaf = leaf(&what, ascii);
        let space = if leaf.is_empty() { "" } else { "  " };
        writeln!(out, "{}{guide}{name}{space}{leaf}", guides.concat())?;
        if opens {
            guides.push(if last { past_last } else { past });
        }
        Ok(())
    })
}

/// A key as it is, where that can't be misread.
fn label(key: &Characters<'_>, ascii: bool) -> String {
    let plain = |c: char| !text::is_unsafe(c) && !c.is_whitespace() && c != '"' && (c.is_ascii() || !ascii);
    let text = key.text();
    if !text.is_empty() && text.chars().all(plain) { text.into_owned() } else { text::quoted(key, ascii) }
}

fn leaf(what: &What<'_>, ascii: bool) -> String {
    match what {
        What::Undef => "undef".to_owned(),
        What::Boolean(value) => value.to_string(),
        What::Integer(value) => value.to_string(),
        What::Double(value) => number_text(*value),
        What::String(text) => string(&text.readable(), ascii),
        What::Masked => MASK.to_owned(),
        What::Same(path) if path.is_empty() => "(the session itself)".to_owned(),
        What::Same(path) => format!("(the same as {})", path.iter().map(|name| step(name, ascii)).collect::<String>()),
        What::Rare(words) => format!("({})", text::plain(words)),
        What::Deeper => "(more below; --json and --perl show it)".to_owned(),
        What::Hash(class, length) => container(class, *length, "{}", ascii),
        What::Array(class, length) => container(class, *length, "[]", ascii),
        What::Reference(class) => container(class, 1, "", ascii),
    }
}

fn step(name: &Name<'_>, ascii: bool) -> String {
    match name {
        Name::Key(key) => format!("{{{}}}", label(&key.readable(), ascii)),
        Name::Index(index) => format!("[{index}]"),
        Name::Root | Name::Target => String::new(),
    }
}

fn container(class: &Class<'_>, length: usize, empty: &str, ascii: bool) -> String {
    let class = class.as_ref().map(|class| format!("({})", label(class, ascii)));
    let empty = (length == 0).then(|| empty.to_owned());
    [class, empty].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn string(characters: &Characters<'_>, ascii: bool) -> String {
    let length = characters.iter().count();
    if length <= LONGEST {
        return text::quoted(characters, ascii);
    }
    let beginning: String = characters.iter().take(LONGEST).collect();
    let beginning = text::quoted(&Characters::Text(beginning.into()), ascii);
    format!("{beginning}... ({} characters in all)", text::grouped(length as u64))
}
