//! Which sessions a command is about: conditions on their fields.
//!
//! A condition is about a field of the session itself, not of what lies below. A field that is missing, undefined, or
//! no plain value meets none.

use std::borrow::Cow;
use std::str::FromStr;

use storable::{Fields, Plain};

/// A condition: `FIELD=VALUE`, `FIELD~GLOB`, `FIELD<N`.
#[derive(Debug, Clone, PartialEq)]
pub struct Where {
    field: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Equals(String),
    Like(String),
    Below(f64),
}

impl FromStr for Where {
    type Err = String;

    fn from_str(text: &str) -> Result<Where, String> {
        let (field, sign, value) = text
            .char_indices()
            .find(|(_, c)| matches!(c, '=' | '~' | '<'))
            .map(|(at, sign)| (&text[..at], sign, &text[at + 1..]))
            .ok_or("takes FIELD=VALUE, FIELD~GLOB or FIELD<NUMBER")?;
        if field.is_empty() {
            return Err("the name of the field is missing".to_owned());
        }
        let test = match sign {
            '=' => Test::Equals(value.to_owned()),
            '~' => Test::Like(value.to_owned()),
            _ => Test::Below(number(value).ok_or("takes a number after <")?),
        };
        Ok(Where { field: field.to_owned(), test })
    }
}

impl Where {
    /// The condition that a field has a value.
    pub fn equals(field: &str, value: &str) -> Where {
        Where { field: field.to_owned(), test: Test::Equals(value.to_owned()) }
    }

    /// Whether a session meets it.
    pub fn holds(&self, fields: &Fields<'_>) -> bool {
        let Some(plain) = fields.get(self.field.as_str()).and_then(|field| field.plain()) else {
            return false;
        };
        if plain == Plain::Undef {
            return false;
        }
        let (bytes, is_text) = plain.text();
        let mut texts = readings(&bytes, is_text);
        match &self.test {
            Test::Equals(value) => texts.any(|text| text == value.as_str()),
            Test::Like(glob) => texts.any(|text| is_like(&text, glob)),
            Test::Below(bound) => texts.any(|text| number(&text).is_some_and(|number| number < *bound)),
        }
    }
}

/// What a string of bytes may mean: UTF-8, or one character each.
pub fn readings(bytes: &[u8], is_text: bool) -> impl Iterator<Item = Cow<'_, str>> {
    let utf8 = std::str::from_utf8(bytes).ok().map(Cow::Borrowed);
    let latin1 =
        (!is_text && !bytes.is_ascii()).then(|| Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect()));
    utf8.into_iter().chain(latin1)
}

/// A number as Perl prints it, with space around it or not.
fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| !number.is_nan())
}

/// Whether a text is like a pattern, in which `*` stands for any characters and `?` for one.
fn is_like(text: &str, glob: &str) -> bool {
    let (text, glob): (Vec<char>, Vec<char>) = (text.chars().collect(), glob.chars().collect());
    let (mut at, mut in_glob) = (0, 0);
    // Where the last star stood, and how much it stands for so far: all before it is settled.
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match glob.get(in_glob) {
            Some('*') => {
                star = Some((in_glob, at));
                in_glob += 1;
            }
            Some(c) if *c == '?' || *c == text[at] => {
                at += 1;
                in_glob += 1;
            }
            _ => match &mut star {
                Some((position, until)) => {
                    *until += 1;
                    (at, in_glob) = (*until, *position + 1);
                }
                None => return false,
            },
        }
    }
    glob[in_glob..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn conditions_are_read() {
        assert_eq!("uid=a=b".parse(), Ok(Where::equals("uid", "a=b")));
        assert_eq!("uid=".parse(), Ok(Where::equals("uid", "")));
        assert_eq!("uid~a*".parse(), Ok(Where { field: "uid".into(), test: Test::Like("a*".into()) }));
        assert_eq!("_utime<1e3".parse(), Ok(Where { field: "_utime".into(), test: Test::Below(1000.0) }));
        for bad in ["", "uid", "=x", "<3", "n<x", "n<", "n<nan"] {
            assert!(bad.parse::<Where>().is_err(), "{bad}");
        }
    }

    #[test]
    fn patterns() {
        for (text, glob, is) in [
            ("", "", true),
            ("", "*", true),
            ("", "?", false),
            ("dwho", "d*", true),
            ("dwho", "*o", true),
            ("dwho", "d?h*", true),
            ("dwho", "d?o", false),
            ("aXbXc", "a*X*c", true),
            ("mississippi", "*iss*ip*", true),
            ("mississippi", "*iss*ipx", false),
            ("caf\u{e9}", "caf?", true),
            ("a*b", "a*b", true),
        ] {
            assert_eq!(is_like(text, glob), is, "{text} {glob}");
        }
        // One star after the other must not take exponential time.
        assert!(!is_like(&"a".repeat(5000), &format!("{}b", "a*".repeat(50))));
    }

    #[test]
    fn sessions_meet_conditions() {
        let session: BTreeMap<&str, Option<&str>> =
            [("uid", Some("dwho")), ("n", Some("9.5")), ("name", Some("Ren\u{e9}")), ("none", None)].into();
        let image = storable::to_vec(&session, &storable::Options::default()).unwrap();
        let fields = Fields::parse(&image, &storable::Limits::default()).unwrap();
        for (condition, holds) in [
            ("uid=dwho", true),
            ("uid=dwh", false),
            ("uid~d*", true),
            ("n<10", true),
            ("n<9.5", false),
            ("uid<10", false),
            ("name=Ren\u{e9}", true),
            ("none=", false),
            ("none~*", false),
            ("missing=", false),
        ] {
            assert_eq!(condition.parse::<Where>().unwrap().holds(&fields), holds, "{condition}");
        }
    }

    #[test]
    fn bytes_are_read_both_ways() {
        assert_eq!(readings(b"abc", false).collect::<Vec<_>>(), ["abc"]);
        assert_eq!(readings(b"caf\xe9", false).collect::<Vec<_>>(), ["caf\u{e9}"]);
        assert_eq!(readings(b"caf\xc3\xa9", false).collect::<Vec<_>>(), ["caf\u{e9}", "caf\u{c3}\u{a9}"]);
        assert_eq!(readings(b"caf\xc3\xa9", true).collect::<Vec<_>>(), ["caf\u{e9}"]);
    }
}
