//! A session as Perl source, in the manner of Data::Dumper: what is met again is named by its path.

use std::io::Write;

use storable::{Value, number_text};

use crate::failure::Result;
use crate::secret::MASK;
use crate::text::{Characters, plain, quoted};
use crate::walk::{Class, Name, Step, Walk, What};

/// Writes a value as an assignment to `$VAR1`. Nothing in it is more than ASCII.
pub fn write(out: &mut impl Write, value: &Value, reveal: bool) -> Result<()> {
    let mut open: Vec<(&'static str, Option<String>)> = Vec::new();
    let walk = Walk { reveal, depth: usize::MAX, repeat: false };
    write!(out, "$VAR1 = ")?;
    walk.through(value, &mut |step| {
        let (name, what) = match step {
            Step::Part { name, what, .. } => (name, what),
            Step::Close => {
                let Some((end, class)) = open.pop() else { return Ok(()) };
                if !end.is_empty() {
                    write!(out, "\n{:1$}{end}", "", 2 * open.len())?;
                }
                if let Some(class) = class {
                    write!(out, ", {class} )")?;
                }
                return comma(out, open.is_empty());
            }
        };
        match name {
            Name::Key(key) => write!(out, "\n{:1$}{2} => ", "", 2 * open.len(), quoted(&key.exact(), true))?,
            Name::Index(_) => write!(out, "\n{:1$}", "", 2 * open.len())?,
            Name::Root | Name::Target => {}
        }
        let (begin, end, class) = match &what {
            What::Hash(class, _) => ("{", "}", class),
            What::Array(class, _) => ("[", "]", class),
            What::Reference(class) => ("\\", "", class),
            leaf => {
                write!(out, "{}", self::leaf(leaf))?;
                return if matches!(name, Name::Target) { Ok(()) } else { comma(out, open.is_empty()) };
            }
        };
        write!(out, "{}{begin}", if class.is_some() { "bless( " } else { "" })?;
        open.push((end, bless(class)));
        Ok(())
    })
}

fn bless(class: &Class<'_>) -> Option<String> {
    class.as_ref().map(|class| quoted(class, true))
}

fn comma(out: &mut impl Write, is_end: bool) -> Result<()> {
    Ok(out.write_all(if is_end { b";\n" } else { b"," })?)
}

fn leaf(what: &What<'_>) -> String {
    let words = |words: &str| quoted(&Characters::Text(plain(words)), true);
    match what {
        What::Boolean(true) => "!!1".to_owned(),
        What::Boolean(false) => "!!0".to_owned(),
        What::Integer(value) => value.to_string(),
        // Perl has no literal for what is not finite.
        What::Double(value) => format!("'{}'", number_text(*value)),
        What::String(text) => quoted(&text.exact(), true),
        What::Masked => words(MASK),
        What::Rare(text) => words(text),
        What::Same(path) => format!("$VAR1{}", way(path)),
        _ => "undef".to_owned(),
    }
}

/// `->{"cart"}[0]`.
fn way(path: &[Name<'_>]) -> String {
    let steps = path.iter().map(|name| match name {
        Name::Key(key) => format!("{{{}}}", quoted(&key.exact(), true)),
        Name::Index(index) => format!("[{index}]"),
        Name::Root | Name::Target => String::new(),
    });
    let way: String = steps.collect();
    if way.is_empty() { way } else { format!("->{way}") }
}
