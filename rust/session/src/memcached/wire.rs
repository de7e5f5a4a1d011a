//! Operations as meta commands, and answers as replies.
//!
//! Framing and flags are those of `memcache::exp`; this module says which commands an operation is,
//! and what the answers to them mean. Every command carries an opaque token that its answer must
//! repeat: an answer to any other command is out of step, and can't be taken for ours.
//!
//! ```text
//! mg ID v f c t O1    ->  VA 42 f1 c7 t60 O1 + 42 bytes | EN O1
//! ms ID 42 c F1 T0 C7 O2  ->  HD c8 O2 | EX c0 O2 | NF c0 O2
//! ```

use memcache::exp::{
    ArithmeticMode, ArithmeticOptions, DeleteOptions, Error as WireError, GetOptions, MetaCommand, MetaResponse,
    ReturnCode, SetMode, SetOptions, build_arithmetic, build_delete, build_get, build_set, parse_meta_result,
};

use super::plain;
use super::request::Request;
use crate::backend::{Item, Op, Payload, Reply, Version, When};
use crate::error::Fault;
use crate::expiry::Expiry;
use crate::spare::Buffer;

/// What memcached keeps of each item besides key and value: its header, the version, the client
/// flags, the key's terminator and the value's line end. All of it counts against the largest item
/// it takes.
const ITEM_OVERHEAD: u64 = 48 + 8 + 4 + 1 + 2;

/// The size that memcached gives an item.
pub(super) fn item_size(key: &[u8], value: Payload<'_>) -> u64 {
    ITEM_OVERHEAD + key.len() as u64 + value.len() as u64
}

/// Appends the command of an operation, with a namespace before its key.
pub(super) fn encode<'a>(op: &Op<'a>, namespace: &[u8], token: u32, request: &mut Request<'a>) -> Result<(), Fault> {
    match plain::encode(op, namespace, token, request) {
        true => Ok(()),
        false => encode_any(op, &op.key().after(namespace), token, request.bytes()),
    }
}

/// The same for any operation; `key` is the operation's, with its namespace.
pub(super) fn encode_any(op: &Op<'_>, key: &[u8], token: u32, request: &mut Vec<u8>) -> Result<(), Fault> {
    let opaque = Some(token.to_string().into_bytes());
    command(op, key, opaque)
        .and_then(|command| command.encode_into(request))
        .map_err(|error| Fault::Unsendable(error.to_string()))
}

fn command(op: &Op<'_>, key: &[u8], opaque: Option<Vec<u8>>) -> memcache::exp::Result<MetaCommand> {
    match *op {
        Op::Get { body, touch, .. } => {
            let mut options = GetOptions::default();
            options.value = body;
            options.return_client_flags = true;
            options.return_cas = true;
            options.return_ttl = body;
            options.touch = touch.map(|expiry| expiry.to_wire());
            options.opaque = opaque;
            build_get(key, &options)
        }
        Op::Store { value, flags, expiry, when, .. } => {
            let mut options = SetOptions::default();
            options.client_flags = Some(flags);
            options.ttl = Some(expiry.to_wire());
            options.return_cas = true;
            options.opaque = opaque;
            match when {
                When::Always => {}
                When::Missing => options.mode = SetMode::Add,
                When::Present => options.mode = SetMode::Replace,
                When::Version(version) => options.compare_cas = Some(version.number),
            }
            build_set(key, value.whole(), &options)
        }
        Op::Append { bytes, .. } | Op::Prepend { bytes, .. } => {
            let mut options = SetOptions::default();
            options.mode = match op {
                Op::Prepend { .. } => SetMode::Prepend,
                _ => SetMode::Append,
            };
            options.return_cas = true;
            options.opaque = opaque;
            build_set(key, bytes, &options)
        }
        Op::Delete { version, .. } => {
            let mut options = DeleteOptions::default();
            options.compare_cas = Some(version.number);
            options.opaque = opaque;
            build_delete(key, &options)
        }
        Op::Remove { .. } => {
            let mut options = DeleteOptions::default();
            options.opaque = opaque;
            build_delete(key, &options)
        }
        Op::Count { by, down, .. } => {
            let mut options = ArithmeticOptions::default();
            options.mode = if down { ArithmeticMode::Decrement } else { ArithmeticMode::Increment };
            options.delta = Some(by);
            options.return_value = true;
            options.opaque = opaque;
            build_arithmetic(key, &options)
        }
    }
}

/// How many bytes of value follow this answer's first line, and its line end.
pub(super) fn value_length(line: &[u8]) -> Result<Option<usize>, Fault> {
    let Some(rest) = line.strip_prefix(b"VA ") else {
        return Ok(None);
    };
    let token = rest.split(|&byte| byte == b' ').find(|token| !token.is_empty());
    let length: Option<usize> = token.and_then(|token| std::str::from_utf8(token).ok()?.parse().ok());
    match length {
        Some(length) if length <= MAX_VALUE => Ok(Some(length)),
        Some(length) => Err(Fault::OutOfStep(format!("a value of {length} bytes, above the limit of {MAX_VALUE}"))),
        None => Err(out_of_step(line)),
    }
}

/// The longest value that an answer may announce; memcached's largest item is 1 GiB.
const MAX_VALUE: usize = 1 << 30;

/// Reads the answer to an operation.
pub(super) fn decode(op: &Op<'_>, token: u32, line: &[u8], mut value: Option<Buffer>) -> Result<Reply, Fault> {
    match plain::decode(op, token, line, &mut value) {
        Some(reply) => Ok(reply),
        None => decode_any(op, token, line, value),
    }
}

/// The same for any answer.
pub(super) fn decode_any(op: &Op<'_>, token: u32, line: &[u8], value: Option<Buffer>) -> Result<Reply, Fault> {
    let answer = MetaResponse::parse_header(line).and_then(parse_meta_result).map_err(fault)?;
    let repeated = answer.opaque.as_deref();
    // Some releases leave the token out where nothing was found.
    if repeated != Some(token.to_string().as_bytes()) && !(repeated.is_none() && answer.rc == ReturnCode::En) {
        return Err(out_of_step(line));
    }
    let version = || answer.cas.map(Version::of).ok_or_else(|| out_of_step(line));
    match (op, answer.rc) {
        (Op::Get { body: true, .. }, ReturnCode::Va) | (Op::Get { body: false, .. }, ReturnCode::Hd) => {
            Ok(Reply::Item(Item {
                value: value.unwrap_or_default(),
                flags: answer.client_flags.ok_or_else(|| out_of_step(line))?,
                version: version()?,
                // -1 is for ever.
                expiry: answer.ttl.and_then(|ttl| u64::try_from(ttl).ok()).map_or(Expiry::NEVER, Expiry::left),
            }))
        }
        (Op::Store { .. } | Op::Append { .. } | Op::Prepend { .. }, ReturnCode::Hd) => version().map(Reply::Stored),
        (Op::Count { .. }, ReturnCode::Va) => {
            let number = value.and_then(|value| std::str::from_utf8(&value).ok()?.parse().ok());
            number.map(Reply::Counted).ok_or_else(|| out_of_step(line))
        }
        (Op::Delete { .. } | Op::Remove { .. }, ReturnCode::Hd) => Ok(Reply::Deleted),
        (Op::Get { .. }, ReturnCode::En) => Ok(Reply::Missing),
        (Op::Store { .. } | Op::Delete { .. } | Op::Remove { .. } | Op::Count { .. }, ReturnCode::Nf)
        | (Op::Append { .. } | Op::Prepend { .. } | Op::Store { when: When::Present, .. }, ReturnCode::Ns) => {
            Ok(Reply::Missing)
        }
        (Op::Store { .. }, ReturnCode::Ns | ReturnCode::Ex) | (Op::Delete { .. }, ReturnCode::Ex) => Ok(Reply::Exists),
        _ => Err(out_of_step(line)),
    }
}

/// Appends the command of a look at an item that is no use of it.
pub(super) fn encode_look(key: &[u8], token: u32, request: &mut Vec<u8>) {
    request.extend_from_slice(b"mg ");
    request.extend_from_slice(key);
    request.extend_from_slice(b" v f c t u O");
    request.extend_from_slice(token.to_string().as_bytes());
    request.extend_from_slice(b"\r\n");
}

/// What the first line of an answer to a look says of the item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// How many bytes of value follow, and a line end.
    pub(super) length: usize,
    pub(super) flags: u32,
    pub(super) version: Version,
    pub(super) expiry: Expiry,
}

/// Reads the first line of the answer to a look; `None` where there is no item. Does the same as [`decode`], for a
/// million answers in a row.
pub(super) fn decode_look(line: &[u8], token: u32) -> Result<Option<Found>, Fault> {
    let told = || out_of_step(line);
    let mut words = line.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let code = words.next().ok_or_else(told)?;
    if code != b"VA" && code != b"EN" {
        // Error lines are the library's to tell apart.
        return match MetaResponse::parse_header(line).and_then(parse_meta_result) {
            Err(error) => Err(fault(error)),
            Ok(_) => Err(told()),
        };
    }
    let length = if code == b"VA" { value_length(line)? } else { None };
    let mut words = words.skip(usize::from(length.is_some()));
    let (mut repeated, mut flags, mut version, mut expiry) = (None, None, None, Expiry::NEVER);
    for word in &mut words {
        let (kind, number) = word.split_first().ok_or_else(told)?;
        match kind {
            b'O' => repeated = Some(decimal(number).ok_or_else(told)?),
            b'f' => flags = decimal(number).and_then(|flags| u32::try_from(flags).ok()),
            b'c' => version = decimal(number),
            // -1 is for ever.
            b't' => expiry = decimal(number).map_or(Expiry::NEVER, Expiry::left),
            _ => {}
        }
    }
    if repeated != Some(u64::from(token)) && !(repeated.is_none() && length.is_none()) {
        return Err(told());
    }
    let Some(length) = length else {
        return Ok(None);
    };
    let (flags, version) = (flags.ok_or_else(told)?, Version::of(version.ok_or_else(told)?));
    Ok(Some(Found { length, flags, version, expiry }))
}

fn decimal(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?.parse().ok()
}

/// The command that lists a server's settings.
pub(super) const SETTINGS: &[u8] = b"stats settings\r\n";

/// One line of the answer to [`SETTINGS`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Setting {
    ItemSizeMax(u64),
    Other,
    End,
}

/// Reads a line of the settings. A server that does not list them (a proxy) ends the list with an
/// error line.
pub(super) fn setting(line: &[u8]) -> Result<Setting, Fault> {
    if line == b"END" || [&b"ERROR"[..], b"CLIENT_ERROR", b"SERVER_ERROR"].iter().any(|word| line.starts_with(word)) {
        return Ok(Setting::End);
    }
    let setting = line.strip_prefix(b"STAT ").ok_or_else(|| out_of_step(line))?;
    let Some(number) = setting.strip_prefix(b"item_size_max ") else {
        return Ok(Setting::Other);
    };
    std::str::from_utf8(number)
        .ok()
        .and_then(|number| number.parse().ok())
        .map(Setting::ItemSizeMax)
        .ok_or_else(|| out_of_step(line))
}

/// An answer that is no answer to what was asked.
pub(super) fn out_of_step(line: &[u8]) -> Fault {
    const SHOWN: usize = 80;
    let shown = &line[..line.len().min(SHOWN)];
    Fault::OutOfStep(format!("\"{}\"", shown.escape_ascii()))
}

/// What a server says instead of an answer to a command that has no meta form.
pub(super) fn refusal(line: &[u8]) -> Fault {
    let is_error = |word: &[u8]| line == word || line.starts_with(&[word, b" "].concat());
    if [&b"ERROR"[..], b"CLIENT_ERROR", b"SERVER_ERROR"].iter().any(|word| is_error(word)) {
        return Fault::Words(text(line));
    }
    out_of_step(line)
}

pub(super) fn fault(error: WireError) -> Fault {
    // A listing, which only reads, finds out here. All but the first are words of memcached before 1.6.10.
    const UNKNOWN: [&str; 4] =
        ["ERROR", "invalid flag", "invalid or duplicate flag", "incorrect number of tokens supplied"];
    match error {
        WireError::Rejected(words) if UNKNOWN.contains(&&*words) => Fault::NoMeta,
        WireError::Rejected(words) => Fault::Words(printable(&format!("CLIENT_ERROR {words}"))),
        WireError::Server(words) => Fault::Words(printable(&format!("SERVER_ERROR {words}"))),
        WireError::Protocol(words) => Fault::OutOfStep(printable(&words)),
        other => Fault::OutOfStep(printable(&other.to_string())),
    }
}

/// Whether words refuse one command only, and the server goes on with the next.
pub(super) fn is_of_one_command(words: &str) -> bool {
    const REFUSALS: [&str; 3] = [
        "CLIENT_ERROR cannot increment or decrement non-numeric value",
        "SERVER_ERROR out of memory storing object",
        "SERVER_ERROR object too large for cache",
    ];
    REFUSALS.iter().any(|refusal| words.starts_with(refusal))
}

/// Words with bytes of a server in them, for a log or a terminal.
pub(super) fn printable(words: &str) -> String {
    let is_plain = |c: char| c == ' ' || c.is_ascii_graphic();
    words.chars().map(|c| if is_plain(c) { c.to_string() } else { c.escape_default().to_string() }).collect()
}

/// The same of bytes.
pub(super) fn text(bytes: &[u8]) -> String {
    printable(&String::from_utf8_lossy(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::ItemKey;

    const KEY: ItemKey<'_> = ItemKey::of(b"k");
    const GET: Op<'_> = Op::Get { key: KEY, body: true, touch: None };
    const PEEK: Op<'_> = Op::Get { key: KEY, body: false, touch: None };
    const APPEND: Op<'_> = Op::Append { key: KEY, bytes: b"tail", after: None };
    const PREPEND: Op<'_> = Op::Prepend { key: KEY, bytes: b"head" };
    const INCREMENT: Op<'_> = Op::Count { key: KEY, by: 3, down: false };
    const DECREMENT: Op<'_> = Op::Count { key: KEY, by: 3, down: true };
    const REMOVE: Op<'_> = Op::Remove { key: KEY };
    const DELETE: Op<'_> = Op::Delete { key: KEY, version: Version::of(7) };

    fn store(when: When) -> Op<'static> {
        let expiry = Expiry::seconds(Some(60));
        Op::Store { key: KEY, value: b"body".into(), flags: 1, expiry, when }
    }

    #[test]
    fn commands() {
        let sliding = Op::Get { key: KEY, body: true, touch: Some(Expiry::seconds(Some(60))) };
        for (op, expected) in [
            (GET, "mg ns:k v f c t O5\r\n"),
            (PEEK, "mg ns:k f c O5\r\n"),
            (sliding, "mg ns:k v f c t T60 O5\r\n"),
            (store(When::Always), "ms ns:k 4 c F1 T60 O5\r\nbody\r\n"),
            (store(When::Missing), "ms ns:k 4 ME c F1 T60 O5\r\nbody\r\n"),
            (store(When::Version(Version::of(7))), "ms ns:k 4 c F1 T60 C7 O5\r\nbody\r\n"),
            (APPEND, "ms ns:k 4 MA c O5\r\ntail\r\n"),
            (store(When::Present), "ms ns:k 4 MR c F1 T60 O5\r\nbody\r\n"),
            (PREPEND, "ms ns:k 4 MP c O5\r\nhead\r\n"),
            (INCREMENT, "ma ns:k v D3 O5\r\n"),
            (DECREMENT, "ma ns:k MD v D3 O5\r\n"),
            (DELETE, "md ns:k C7 O5\r\n"),
            (REMOVE, "md ns:k O5\r\n"),
        ] {
            let mut request = Request::new();
            encode(&op, b"ns:", 5, &mut request).unwrap();
            assert_eq!(request.pieces().concat(), expected.as_bytes());
        }
    }

    #[test]
    fn answers() {
        let item =
            |value: &[u8], expiry| Item { value: value.to_vec().into(), flags: 1, version: Version::of(7), expiry };
        let found = |value| Reply::Item(item(value, Expiry::NEVER));
        let expiring = |seconds| Reply::Item(item(b"body", Expiry::seconds(Some(seconds))));
        let put = store(When::Always);
        for (op, line, expected) in [
            (GET, "VA 4 f1 c7 O5", found(b"body")),
            (GET, "VA 4 f1 c7 t-1 O5", found(b"body")),
            (GET, "VA 4 f1 c7 t60 O5", expiring(60)),
            (GET, "VA 4 f1 c7 t0 O5", expiring(1)),
            (GET, "EN", Reply::Missing),
            (GET, "EN O5", Reply::Missing),
            (PEEK, "HD f1 c7 O5", found(b"")),
            (put, "HD c8 O5", Reply::Stored(Version::of(8))),
            (put, "NS c0 O5", Reply::Exists),
            (put, "EX c0 O5", Reply::Exists),
            (put, "NF c0 O5", Reply::Missing),
            (APPEND, "HD c8 O5", Reply::Stored(Version::of(8))),
            (APPEND, "NS c0 O5", Reply::Missing),
            (store(When::Present), "NS c0 O5", Reply::Missing),
            (PREPEND, "HD c8 O5", Reply::Stored(Version::of(8))),
            (PREPEND, "NS c0 O5", Reply::Missing),
            (INCREMENT, "NF O5", Reply::Missing),
            (REMOVE, "HD O5", Reply::Deleted),
            (REMOVE, "NF O5", Reply::Missing),
            (DELETE, "HD O5", Reply::Deleted),
            (DELETE, "NF O5", Reply::Missing),
            (DELETE, "EX O5", Reply::Exists),
        ] {
            let value = value_length(line.as_bytes()).unwrap().map(|_| b"body".to_vec().into());
            assert_eq!(decode(&op, 5, line.as_bytes(), value).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn looks() {
        let mut request = Vec::new();
        encode_look(b"ns:k", 5, &mut request);
        assert_eq!(request, b"mg ns:k v f c t u O5\r\n");
        let found = |length, expiry| Some(Found { length, flags: 1, version: Version::of(7), expiry });
        for (line, expected) in [
            ("VA 4 f1 c7 t-1 O5", found(4, Expiry::NEVER)),
            ("VA 0 O5 f1 c7 t60 W Z", found(0, Expiry::fixed(60))),
            ("VA 4 f1 c7 t0 O5 ", found(4, Expiry::fixed(1))),
            ("EN", None),
            ("EN O5", None),
        ] {
            assert_eq!(decode_look(line.as_bytes(), 5).unwrap(), expected, "{line}");
            // As the library reads it.
            let line = line.trim_end();
            let value = value_length(line.as_bytes()).unwrap().map(|length| vec![b'x'; length].into());
            let decoded = decode(&GET, 5, line.as_bytes(), value).unwrap().into_item();
            let same = |found: Found, item: &Item| {
                found.length == item.value.len() && found.version == item.version && found.expiry == item.expiry
            };
            assert!(decoded.as_ref().map_or(expected.is_none(), |item| same(expected.unwrap(), item)), "{line}");
        }
        for line in [
            "VA 4 f1 c7 O4",
            "VA 4 f1 c7",
            "VA x f1 c7 O5",
            "VA 4 c7 O5",
            "VA 4 f1 O5",
            "EN O4",
            "HD f1 c7 O5",
            "",
            "XX",
        ] {
            assert!(matches!(decode_look(line.as_bytes(), 5), Err(Fault::OutOfStep(_))), "{line}");
        }
        assert!(matches!(decode_look(b"ERROR", 5), Err(Fault::NoMeta)));
        assert!(matches!(decode_look(b"SERVER_ERROR out of memory", 5), Err(Fault::Words(_))));
    }

    #[test]
    fn what_is_no_answer_is_out_of_step() {
        let put = store(When::Always);
        for (op, line) in [
            (GET, "VA 4 f1 c7 O4"),
            (GET, "VA 4 f1 c7"),
            (GET, "EN O4"),
            (GET, "HD f1 c7 O5"),
            (GET, "VA 4 c7 O5"),
            (GET, "VA 4 f1 O5"),
            (GET, "VA 4 fx c7 O5"),
            (GET, ""),
            (GET, "XX O5"),
            (PEEK, "VA 4 f1 c7 O5"),
            (put, "HD O5"),
            (put, "HD c8"),
            (put, "EN O5"),
            (APPEND, "HD O5"),
            (APPEND, "EX c8 O5"),
            (DELETE, "NF"),
            (DELETE, "MN"),
            (REMOVE, "EX O5"),
            (INCREMENT, "HD O5"),
            (PREPEND, "EX c8 O5"),
        ] {
            let fault = decode(&op, 5, line.as_bytes(), None).unwrap_err();
            assert!(matches!(fault, Fault::OutOfStep(_)), "{line}: {fault:?}");
        }
    }

    #[test]
    fn a_count_is_a_number() {
        let count = |value: &[u8]| decode(&INCREMENT, 5, b"VA 2 O5", Some(value.to_vec().into()));
        assert_eq!(count(b"12").unwrap(), Reply::Counted(12));
        assert_eq!(count(b"18446744073709551615").unwrap(), Reply::Counted(u64::MAX));
        for value in [&b""[..], b"x", b"-1", b"18446744073709551616", b"\xff"] {
            assert!(matches!(count(value), Err(Fault::OutOfStep(_))), "{value:?}");
        }
    }

    #[test]
    fn error_lines_are_told_apart() {
        let told = |line: &str| decode(&GET, 5, line.as_bytes(), None).unwrap_err().to_string();
        assert_eq!(told("ERROR"), "speaks no meta commands that we know; memcached 1.6.13 or later is needed");
        assert_eq!(told("CLIENT_ERROR invalid flag"), told("ERROR"));
        assert_eq!(told("CLIENT_ERROR incorrect number of tokens supplied"), told("ERROR"));
        assert_eq!(told("CLIENT_ERROR bad data chunk"), "CLIENT_ERROR bad data chunk");
        assert_eq!(told("SERVER_ERROR out of memory storing object"), "SERVER_ERROR out of memory storing object");
    }

    #[test]
    fn errors_can_be_printed_whatever_the_server_says() {
        for line in
            [&b"\0\xff<html>\x1b[31m O5"[..], b"SERVER_ERROR \x1b[31m\xfe", b"CLIENT_ERROR \x07", b"HD c\xff O5"]
        {
            let told = decode(&store(When::Always), 5, line, None).unwrap_err().to_string();
            assert!(told.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{told:?}");
        }
    }

    #[test]
    fn lengths_are_bounded() {
        assert_eq!(value_length(b"VA 12 f1").unwrap(), Some(12));
        assert_eq!(value_length(b"HD f1").unwrap(), None);
        for line in ["VA ", "VA x", "VA -1 f1", "VA 1073741825 f1", "VA 99999999999999999999 f1"] {
            assert!(value_length(line.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn settings() {
        assert_eq!(setting(b"STAT item_size_max 1048576").unwrap(), Setting::ItemSizeMax(1_048_576));
        assert_eq!(setting(b"STAT maxbytes 67108864").unwrap(), Setting::Other);
        assert_eq!(setting(b"END").unwrap(), Setting::End);
        assert_eq!(setting(b"ERROR").unwrap(), Setting::End);
        for line in ["STAT item_size_max x", "EN", ""] {
            assert!(setting(line.as_bytes()).is_err(), "{line}");
        }
    }
}
