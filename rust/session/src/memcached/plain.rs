//! The three commands that nearly all traffic is, written and read without anything in between.
//!
//! They are, byte for byte, what [`wire`](super::wire) has `memcache::exp` make of them, which a test compares; that takes
//! a dozen small pieces of memory for each command, and as many for each answer, and costs a client more than the rest of
//! its work. Whatever is not plain (an unusual key, an answer that is not the usual one) is left to `wire`, which knows
//! what is wrong with it.

use crate::backend::{Item, Op, Reply, Version, When};
use crate::expiry::Expiry;
use crate::id::MAX_KEY;
use crate::spare::Buffer;

use super::request::Request;

/// Appends the command of an operation, and says whether it is one of the three.
pub(super) fn encode<'a>(op: &Op<'a>, namespace: &[u8], token: u32, request: &mut Request<'a>) -> bool {
    let (home, suffix) = op.key().parts();
    let parts = [namespace, home, suffix];
    let length: usize = parts.iter().map(|part| part.len()).sum();
    if length == 0 || length > MAX_KEY || !parts.iter().all(|part| part.iter().all(u8::is_ascii_graphic)) {
        return false;
    }
    let bytes = request.bytes();
    match *op {
        Op::Get { body, touch, .. } => {
            bytes.extend_from_slice(b"mg ");
            parts.iter().for_each(|part| bytes.extend_from_slice(part));
            bytes.extend_from_slice(if body { b" v f c t" } else { b" f c" });
            if let Some(expiry) = touch {
                number(bytes, b" T", u64::from(expiry.to_wire()));
            }
            number(bytes, b" O", u64::from(token));
            bytes.extend_from_slice(b"\r\n");
        }
        Op::Store { value, flags, expiry, when, .. } => {
            bytes.extend_from_slice(b"ms ");
            parts.iter().for_each(|part| bytes.extend_from_slice(part));
            number(bytes, b" ", value.len() as u64);
            match when {
                When::Missing => bytes.extend_from_slice(b" ME"),
                When::Present => bytes.extend_from_slice(b" MR"),
                When::Always | When::Version(_) => {}
            }
            bytes.extend_from_slice(b" c");
            number(bytes, b" F", u64::from(flags));
            number(bytes, b" T", u64::from(expiry.to_wire()));
            if let When::Version(version) = when {
                number(bytes, b" C", version.number);
            }
            number(bytes, b" O", u64::from(token));
            bytes.extend_from_slice(b"\r\n");
            value.pieces().for_each(|piece| request.push_value(piece));
            request.bytes().extend_from_slice(b"\r\n");
        }
        Op::Delete { .. } | Op::Remove { .. } => {
            bytes.extend_from_slice(b"md ");
            parts.iter().for_each(|part| bytes.extend_from_slice(part));
            if let Op::Delete { version, .. } = *op {
                number(bytes, b" C", version.number);
            }
            number(bytes, b" O", u64::from(token));
            bytes.extend_from_slice(b"\r\n");
        }
        _ => return false,
    }
    true
}

fn number(bytes: &mut Vec<u8>, before: &[u8], number: u64) {
    /// As many digits as the largest has.
    const DIGITS: usize = 20;
    let (mut digits, mut at, mut rest) = ([0; DIGITS], DIGITS, number);
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    bytes.extend_from_slice(before);
    bytes.extend_from_slice(&digits[at..]);
}

/// Reads the usual answer to one of the three; `None` for any other. The value is taken only with the answer.
pub(super) fn decode(op: &Op<'_>, token: u32, line: &[u8], value: &mut Option<Buffer>) -> Option<Reply> {
    let (code, rest) = line.split_first_chunk::<2>()?;
    let rest = match (op, code, &value) {
        (Op::Store { .. } | Op::Delete { .. } | Op::Remove { .. }, b"HD", None)
        | (Op::Get { body: false, .. }, b"HD", None) => rest,
        // Behind the length, which led to the value.
        (Op::Get { body: true, .. }, b"VA", Some(_)) => {
            let length = rest.strip_prefix(b" ")?;
            &length[length.iter().position(|byte| !byte.is_ascii_digit())?..]
        }
        _ => return None,
    };
    let marks = Marks::read(rest)?;
    if marks.token? != u64::from(token) {
        return None;
    }
    if matches!(op, Op::Delete { .. } | Op::Remove { .. }) {
        return Some(Reply::Deleted);
    }
    let version = Version::of(marks.version?);
    if matches!(op, Op::Store { .. }) {
        return Some(Reply::Stored(version));
    }
    let flags = u32::try_from(marks.flags?).ok()?;
    let value = value.take().unwrap_or_default();
    Some(Reply::Item(Item { value, flags, version, expiry: marks.expiry }))
}

/// What an answer says with single letters.
struct Marks {
    flags: Option<u64>,
    version: Option<u64>,
    token: Option<u64>,
    expiry: Expiry,
}

impl Marks {
    /// Each mark is a blank, a letter and a number that fits; `None` where one is not, or comes twice.
    fn read(mut rest: &[u8]) -> Option<Marks> {
        let mut marks = Marks { flags: None, version: None, token: None, expiry: Expiry::NEVER };
        let mut has_expiry = false;
        while let [b' ', letter, text @ ..] = rest {
            let end = text.iter().position(|&byte| byte == b' ').unwrap_or(text.len());
            let (text, behind) = text.split_at(end);
            let slot = match letter {
                b'f' => &mut marks.flags,
                b'c' => &mut marks.version,
                b'O' => &mut marks.token,
                b't' => {
                    // -1 is for ever.
                    if text != b"-1" {
                        let seconds = decimal(text).filter(|&seconds| i64::try_from(seconds).is_ok());
                        marks.expiry = Expiry::left(seconds?);
                    }
                    if std::mem::replace(&mut has_expiry, true) {
                        return None;
                    }
                    rest = behind;
                    continue;
                }
                _ => return None,
            };
            if slot.replace(decimal(text)?).is_some() {
                return None;
            }
            rest = behind;
        }
        let has_flags = marks.flags.is_none_or(|flags| u32::try_from(flags).is_ok());
        (rest.is_empty() && has_flags).then_some(marks)
    }
}

/// A number that fits, without a sign or zeros before it.
fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text[0] == b'0' && text.len() > 1 {
        return None;
    }
    text.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::backend::ItemKey;
    use crate::memcached::wire;

    fn operations<'a>(key: &'a [u8], value: &'a [u8]) -> Vec<Op<'a>> {
        let mut operations = Vec::new();
        for key in [ItemKey::of(key), ItemKey::beside(key, ".lock"), ItemKey::at(7, key)] {
            for body in [true, false] {
                for touch in [None, Some(Expiry::NEVER), Some(Expiry::seconds(Some(60)))] {
                    operations.push(Op::Get { key, body, touch });
                }
            }
            operations.push(Op::Remove { key });
            operations.push(Op::Delete { key, version: Version::of(u64::MAX) });
            for when in [When::Always, When::Missing, When::Present, When::Version(Version::of(u64::MAX))] {
                for (flags, seconds) in [(0, 0), (1, 2_592_000), (u32::MAX, 31_536_000)] {
                    let expiry = Expiry::seconds(Some(seconds));
                    operations.push(Op::Store { key, value: value.into(), flags, expiry, when });
                }
            }
        }
        operations
    }

    #[test]
    fn commands_are_those_of_the_protocol_layer() {
        for key in [&b"k"[..], b"sessions:0123456789abcdef", &[b'x'; 245]] {
            for value in [&b""[..], b"body", b"two\r\nlines", &[0xff; 5000], &[0xff; 50_000]] {
                for op in operations(key, value) {
                    for (namespace, token) in [(&b""[..], 1), (b"ns:", u32::MAX)] {
                        let (mut plain, mut made) = (Request::new(), Vec::new());
                        let whole = op.key().after(namespace);
                        let encoded = wire::encode_any(&op, &whole, token, &mut made);
                        if encode(&op, namespace, token, &mut plain) {
                            encoded.unwrap();
                            assert_eq!(
                                plain.pieces().concat().escape_ascii().to_string(),
                                made.escape_ascii().to_string()
                            );
                        } else {
                            assert!(encoded.is_err() && whole.len() > MAX_KEY, "{op:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn an_unusual_key_is_left_alone() {
        for key in [&b""[..], b"two words", b"line\n", b"\xc3\xa9", b"\x7f", &[b'x'; 251]] {
            let mut request = Request::new();
            let op = Op::Get { key: ItemKey::of(key), body: true, touch: None };
            assert!(!encode(&op, b"", 1, &mut request) && request.len() == 0, "{key:?}");
        }
    }

    #[test]
    fn answers_are_read_as_the_protocol_layer_reads_them() {
        let lines = [
            "HD c8 O5",
            "HD O5 c8",
            "HD c8",
            "HD O5",
            "HD c8 O6",
            "HD c8 c8 O5",
            "HD c8 O5 x",
            "HD c8 O5 ",
            "HD  c8 O5",
            "HD c8 O05",
            "HD c+8 O5",
            "HD c18446744073709551615 O5",
            "HD c18446744073709551616 O5",
            "HD f1 c7 O5",
            "VA 4 f1 c7 O5",
            "VA 4 f1 c7 t-1 O5",
            "VA 4 f1 c7 t60 O5",
            "VA 4 f1 c7 t0 O5",
            "VA 4 f4294967296 c7 O5",
            "VA 4 f1 c7 t-2 O5",
            "VA 4 f1 c7 t9223372036854775808 O5",
            "HD f4294967296 c8 O5",
            "VA 4 c7 O5",
            "VA 4 f1 O5",
            "VA 4 O5",
            "VA 4f1 c7 O5",
            "EN",
            "EN O5",
            "NS c0 O5",
            "EX c0 O5",
            "NF c0 O5",
            "",
            "H",
            "HD",
            "VA",
            "VA 4",
            "SERVER_ERROR out of memory",
            "HD c O5",
            "HD c8 O",
        ];
        let key = ItemKey::of(b"k");
        let store = Op::Store { key, value: b"".into(), flags: 0, expiry: Expiry::NEVER, when: When::Always };
        let get = |body| Op::Get { key, body, touch: None };
        let (mut plain, mut left) = (0, 0);
        let delete = Op::Delete { key, version: Version::of(7) };
        for op in [store, get(true), get(false), delete, Op::Remove { key }] {
            for line in lines {
                let value = || line.starts_with("VA").then(|| b"body".to_vec().into());
                let mut taken = value();
                match decode(&op, 5, line.as_bytes(), &mut taken) {
                    Some(reply) => {
                        plain += 1;
                        let read = wire::decode_any(&op, 5, line.as_bytes(), value());
                        assert_eq!(reply, read.unwrap_or_else(|fault| panic!("{line}: {fault}")), "{line}");
                    }
                    None => {
                        left += 1;
                        assert_eq!(taken, value(), "{line}");
                    }
                }
            }
        }
        assert!(plain >= 9 && left >= 60, "{plain} {left}");
    }

    /// Lines of what answers are made of, in any order.
    fn line() -> impl Strategy<Value = String> {
        let code = prop::sample::select(vec!["HD", "VA 4", "VA", "EN", "NS", "EX", "NF", "MN", "va 4", ""]);
        let gap = prop::sample::select(vec![" ", " ", " ", " ", " ", "", "  ", "\t"]);
        let letter = prop::sample::select(vec!["f", "c", "O", "t", "k", "s", "W", "X", "Z", ""]);
        let number = prop_oneof![
            Just("5".to_owned()),
            prop::sample::select(vec!["", "0", "-1", "-2", "05", "+5", "1_0", "4294967295", "4294967296"])
                .prop_map(str::to_owned),
            prop::sample::select(vec![i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX]).prop_map(|n| n.to_string()),
            Just("18446744073709551616".to_owned()),
            any::<u8>().prop_map(|n| n.to_string()),
        ];
        let mark = (gap, letter, number).prop_map(|(gap, letter, number)| format!("{gap}{letter}{number}"));
        (code, prop::collection::vec(mark, 0..5)).prop_map(|(code, marks)| code.to_owned() + &marks.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50_000))]
        #[test]
        fn no_answer_is_read_in_another_way(line in line()) {
            let key = ItemKey::of(b"k");
            let store = Op::Store { key, value: b"".into(), flags: 0, expiry: Expiry::NEVER, when: When::Always };
            let get = |body| Op::Get { key, body, touch: None };
            let delete = Op::Delete { key, version: Version::of(7) };
            for op in [store, get(true), get(false), delete, Op::Remove { key }] {
                // What leads to no value is refused before it comes here.
                let Ok(length) = wire::value_length(line.as_bytes()) else { continue };
                let value = || length.map(|_| b"body".to_vec().into());
                if let Some(reply) = decode(&op, 5, line.as_bytes(), &mut value()) {
                    let read = wire::decode_any(&op, 5, line.as_bytes(), value());
                    prop_assert_eq!(reply, read.unwrap_or_else(|fault| panic!("{line}: {fault}")), "{}", line);
                }
            }
        }
    }
}
