//! The top level of a frozen hash: the same keys and values as in the whole, from every image there is, whole or
//! broken.

use std::fs;
use std::path::Path;

use storable::{Fields, Header, Key, Kind, Limits, Node, Options, Plain, Value, to_vec};

fn golden() -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "bin"))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap()))
        .collect()
}

fn limits() -> Limits {
    Limits::default()
}

/// Whether a plain value is what the whole image holds there.
fn is(plain: Plain<'_>, node: Node<'_>) -> bool {
    match (plain, node.kind()) {
        (Plain::Undef, Kind::Undef) => true,
        (Plain::Boolean(value), Kind::Boolean) => value == node.as_bool(),
        (Plain::Integer(value), Kind::Integer) => Some(value) == node.as_i64(),
        (Plain::Double(value), Kind::Double) => node.as_f64().is_some_and(|other| value.to_bits() == other.to_bits()),
        (Plain::Bytes(bytes), Kind::Bytes) | (Plain::Text(bytes), Kind::Text) => Some(bytes) == node.as_bytes(),
        _ => false,
    }
}

/// Whether two values are the same. They hold no object and no value twice, so they are trees.
fn alike(a: Node<'_>, b: Node<'_>) -> bool {
    let both = |a: Option<Node<'_>>, b: Option<Node<'_>>| match (a, b) {
        (Some(a), Some(b)) => alike(a, b),
        (a, b) => a.is_none() && b.is_none(),
    };
    let number = |node: Node<'_>| node.as_f64().map(f64::to_bits);
    a.kind() == b.kind()
        && a.as_bytes() == b.as_bytes()
        && number(a) == number(b)
        && a.as_bool() == b.as_bool()
        && match a.kind() {
            Kind::Reference => both(a.target(), b.target()),
            Kind::Array => {
                a.elements().len() == b.elements().len() && a.elements().zip(b.elements()).all(|(a, b)| alike(a, b))
            }
            Kind::Hash => {
                a.entries().count() == b.entries().count() && a.entries().all(|(key, a)| both(Some(a), b.get(&key)))
            }
            _ => true,
        }
}

/// How many fields were compared: all, and those that stand for themselves.
fn compare(name: &str, image: &[u8]) -> Option<(usize, usize)> {
    let whole = Value::parse(image, &limits());
    let fields = Fields::parse(image, &limits());
    let (whole, fields) = match (whole, fields) {
        (Err(whole), Err(fields)) => {
            let same = whole.offset() == fields.offset() || fields.to_string().contains("a hash, found another value");
            assert!(same, "{name}: {whole} {fields}");
            return None;
        }
        (Ok(whole), Err(error)) => {
            assert_ne!(whole.root().kind(), Kind::Hash, "{name}: {error}");
            assert!(error.is_corrupt(), "{name}: {error}");
            return None;
        }
        (Err(error), Ok(_)) => panic!("{name}: {error}"),
        (Ok(whole), Ok(fields)) => (whole, fields),
    };
    let mut alone = 0;
    let entries: Vec<(Key<'_>, Node<'_>)> = whole.root().entries().collect();
    for (key, node) in &entries {
        let field = fields.get(key).unwrap_or_else(|| panic!("{name}: {key:?} is missing"));
        assert_eq!(field.key(), *key);
        if let Some(plain) = field.plain() {
            assert!(is(plain, *node), "{name}: {plain:?} {node:?}");
        }
        let simple = matches!(
            node.kind(),
            Kind::Undef | Kind::Boolean | Kind::Integer | Kind::Double | Kind::Bytes | Kind::Text
        );
        // All but v-strings and those that are other values as well.
        assert!(simple || field.plain().is_none(), "{name}: {node:?}");
        if let Some(image) = field.image() {
            let value = Value::parse(&image, &limits()).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(alike(value.root(), *node), "{name}: {key:?}");
            alone += 1;
        }
    }
    assert!(fields.iter().count() >= entries.len(), "{name}");
    Some((entries.len(), alone))
}

#[test]
fn fields_are_those_of_the_whole_image() {
    let (mut hashes, mut count, mut alone) = (0, 0, 0);
    for (name, image) in golden() {
        if let Some((fields, by_themselves)) = compare(&name, &image) {
            hashes += 1;
            count += fields;
            alone += by_themselves;
        }
    }
    assert!(hashes > 30 && count > 100 && alone > 50 && alone < count, "{hashes} {count} {alone}");
}

#[test]
fn broken_images_fail_as_they_do_as_a_whole() {
    for (name, image) in golden() {
        let step = (image.len() / 100).max(1);
        for length in (0..image.len()).step_by(step) {
            compare(&format!("{name} cut at {length}"), &image[..length]);
            for bit in [0x01, 0x10, 0x80] {
                let mut flipped = image.clone();
                flipped[length] ^= bit;
                compare(&format!("{name} with {bit:#x} flipped at {length}"), &flipped);
            }
        }
    }
}

#[test]
fn counts_that_lie_are_not_believed() {
    let error = Fields::parse(b"\x05\x0b\x03\x7f\xff\xff\xff\x05\0\0\0\x01a", &limits()).unwrap_err();
    assert!(error.is_truncated());
    assert_eq!(error.offset(), Some(2));
    let deep = [&b"\x05\x0b\x03\0\0\0\x01"[..], &b"\x04".repeat(20_000), b"\x05\0\0\0\x01a"].concat();
    assert!(Fields::parse(&deep, &limits()).unwrap_err().is_limit());
    let small = Limits { max_size: 10, ..limits() };
    assert!(Fields::parse(b"\x05\x0b\x03\0\0\0\x01\x05\0\0\0\x01a", &small).unwrap_err().is_limit());
    let trailing = Fields::parse(b"\x05\x0b\x03\0\0\0\x01\x05\0\0\0\x01ax", &limits()).unwrap_err();
    assert_eq!(trailing.to_string(), "not a Storable value at byte 13: expected the end, found 1 more byte");
}

#[test]
fn what_is_no_hash_is_told() {
    for image in [&b"\x05\x0b\x02\0\0\0\0"[..], b"\x05\x0b\x05", b"\x05\x0b\x04\x03\0\0\0\0", b"\x05\x0b\x0a\x01x"] {
        let error = Fields::parse(image, &limits()).unwrap_err();
        assert_eq!(error.to_string(), "not a Storable value at byte 2: expected a hash, found another value");
    }
    // A hash that is an object is a hash.
    let blessed = Fields::parse(b"\x05\x0b\x11\x01A\x03\0\0\0\x01\x08\x81\0\0\0\x01a", &limits()).unwrap();
    assert_eq!(blessed.get("a").unwrap().plain(), Some(Plain::Integer(1)));
    assert_eq!(Fields::parse(b"\x05\x0b\x03\0\0\0\0", &limits()).unwrap().iter().count(), 0);
}

#[test]
fn what_is_tangled_with_the_rest_is_no_image_of_its_own() {
    // { a => \1, b => the same reference, c => an object }
    let image = b"\x05\x0b\x03\0\0\0\x03\x04\x08\x81\0\0\0\x01a\x04\0\0\0\0\x02\0\0\0\x01b\x04\x11\x01A\x05\0\0\0\x01c";
    let fields = Fields::parse(image, &limits()).unwrap();
    let images: Vec<bool> = fields.iter().map(|field| field.image().is_some()).collect();
    assert_eq!(images, [true, false, false]);
}

#[test]
fn the_last_of_two_values_counts_as_in_the_whole() {
    let image = b"\x05\x0b\x03\0\0\0\x02\x08\x81\0\0\0\x01a\x08\x82\0\0\0\x01a";
    let fields = Fields::parse(image, &limits()).unwrap();
    assert_eq!(fields.get("a").unwrap().plain(), Some(Plain::Integer(2)));
    assert_eq!(Value::parse(image, &limits()).unwrap().root().get("a").unwrap().as_i64(), Some(2));
}

#[test]
fn keys_of_characters_and_of_bytes_are_told_apart() {
    let session = frozen(&[("caf\u{e9}", "latin"), ("\u{263a}", "smile")]);
    let fields = Fields::parse(&session, &limits()).unwrap();
    assert_eq!(fields.get("caf\u{e9}").unwrap().plain().unwrap().text().0.as_ref(), b"latin");
    assert_eq!(fields.get("\u{263a}").unwrap().plain().unwrap().text().0.as_ref(), b"smile");
    assert!(fields.get("\u{263a}".as_bytes()).is_none());
}

fn frozen(pairs: &[(&str, &str)]) -> Vec<u8> {
    let map: std::collections::BTreeMap<&str, &str> = pairs.iter().copied().collect();
    to_vec(&map, &Options::default()).unwrap()
}

#[test]
fn texts_are_perls() {
    for (plain, text) in [
        (Plain::Undef, ""),
        (Plain::Boolean(true), "1"),
        (Plain::Boolean(false), ""),
        (Plain::Integer(-5), "-5"),
        (Plain::Double(0.1), "0.1"),
        (Plain::Bytes(b"abc"), "abc"),
        (Plain::Text("\u{263a}".as_bytes()), "\u{263a}"),
    ] {
        let (bytes, utf8) = plain.text();
        assert_eq!((bytes.as_ref(), utf8), (text.as_bytes(), matches!(plain, Plain::Text(_))));
    }
}

#[test]
fn images_of_old_are_read() {
    let old = golden().into_iter().filter(|(_, image)| Header::parse(image).is_ok_and(|header| header.major < 2));
    let read = old.filter(|(name, image)| compare(name, image).is_some()).count();
    assert!(read > 0);
}
