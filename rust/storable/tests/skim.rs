//! Skimming: what it does not give up is read without an error, and lies where it says; whatever is broken, tangled or
//! rare, it gives up.

mod support;

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use storable::{Entry, KeyFlags, Kind, Limits, Options, Scratch, Value, read, read_value, skim, to_vec};
use support::Ledger;

fn limits() -> Limits {
    Limits::default()
}

fn golden() -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "bin"))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap()))
        .collect()
}

/// An image that is nobody's to give up: all that sessions are made of.
fn common() -> Vec<u8> {
    #[derive(serde::Serialize)]
    struct Session {
        text: &'static str,
        wide: &'static str,
        long: String,
        numbers: (i64, i64, i64),
        nothing: Option<u8>,
        empty: (Vec<u8>, HashMap<String, u8>),
        tree: Vec<HashMap<String, Vec<u8>>>,
    }
    let session = Session {
        text: "text",
        wide: "\u{263a}",
        long: "long ".repeat(100),
        numbers: (-5, 100_000, 1 << 40),
        nothing: None,
        empty: (Vec::new(), HashMap::new()),
        tree: vec![HashMap::from([("a".to_owned(), vec![1, 2]), ("\u{263a}".to_owned(), vec![])]); 3],
    };
    to_vec(&session, &Options::default()).unwrap()
}

/// How many entries it found; `None` where the image is given up.
fn check(name: &str, image: &[u8]) -> Option<usize> {
    let entries = skim::<Entry>(image, &limits())?.entries;
    let whole = Value::parse(image, &limits()).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(whole.root().kind(), Kind::Hash, "{name}");
    let mut last: HashMap<(Vec<u8>, bool), Entry> = HashMap::new();
    for entry in &entries {
        assert_eq!(entry.key_len(), entry.key(image).len(), "{name}");
        last.insert((entry.key(image).to_vec(), entry.flags().contains(KeyFlags::UTF8)), *entry);
    }
    assert_eq!(last.len(), whole.root().entries().count(), "{name}");
    for (key, node) in whole.root().entries() {
        let entry = &last[&(key.bytes.to_vec(), key.flags.contains(KeyFlags::UTF8))];
        let alone = [&image[..2], entry.value(image)].concat();
        let alone = Value::parse(&alone, &limits()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(alone.same_at(alone.root().id(), &whole, node.id()), "{name}: {key:?}");
        assert_eq!(entry.whole_key().len(), entry.run(entry).len() - entry.value(image).len());
    }
    Some(entries.len())
}

#[test]
fn what_is_found_is_what_the_whole_image_says() {
    let images = golden();
    let found = images.iter().filter(|(name, image)| check(name, image).is_some()).count();
    assert!(found > 5 && found < images.len(), "{found} of {}", images.len());
    assert_eq!(check("common", &common()), Some(7));
}

#[test]
fn whatever_is_broken_is_given_up_or_is_an_image() {
    for (name, image) in golden().into_iter().chain([("common".to_owned(), common())]) {
        if check(&name, &image).is_none() {
            continue;
        }
        let step = (image.len() / 300).max(1);
        for length in (0..image.len()).step_by(step) {
            assert_eq!(check(&name, &image[..length]), None, "{name} cut at {length}");
            for bit in [0x01, 0x02, 0x08, 0x10, 0x80] {
                let mut flipped = image.clone();
                flipped[length] ^= bit;
                check(&format!("{name} with {bit:#x} flipped at {length}"), &flipped);
            }
        }
        assert_eq!(check(&name, &[&image[..], b"x"].concat()), None, "{name} with a byte more");
    }
}

#[test]
fn what_is_tangled_or_rare_is_given_up() {
    let images: [(&str, &[u8]); 15] = [
        (
            "a reference to what came before",
            b"\x05\x0b\x03\0\0\0\x02\x04\x08\x81\0\0\0\x01a\x04\0\0\0\0\x02\0\0\0\x01b",
        ),
        ("an object", b"\x05\x0b\x03\0\0\0\x01\x11\x01A\x05\0\0\0\x01k"),
        ("a hash that is an object", b"\x05\x0b\x11\x01A\x03\0\0\0\0"),
        ("a weak reference", b"\x05\x0b\x03\0\0\0\x01\x1b\x05\0\0\0\x01k"),
        ("a boolean", b"\x05\x0b\x03\0\0\0\x01\x22\0\0\0\x01k"),
        ("a v-string", b"\x05\x0b\x03\0\0\0\x01\x1d\x02v1\x0a\x01\x01\0\0\0\x01k"),
        ("a regular expression", b"\x05\x0b\x03\0\0\0\x01\x20\0\x01a\0\0\0\0\x01k"),
        ("an array", b"\x05\x0b\x02\0\0\0\0"),
        ("native order", b"\x04\x0b\x0812345678\x04\x08\x08\x08\x03\0\0\0\0"),
        ("a later version", b"\x05\x0c\x03\0\0\0\0"),
        ("a restricted hash", b"\x05\x0b\x19\x01\0\0\0\0"),
        ("a key that is only allowed", b"\x05\x0b\x19\0\0\0\0\x01\x0e\x10\0\0\0\x01k"),
        ("a key of characters that bytes can hold", b"\x05\x0b\x19\0\0\0\0\x01\x05\x01\0\0\0\x02\xc3\xa9"),
        ("a surrogate", b"\x05\x0b\x03\0\0\0\x01\x17\x03\xed\xa0\x80\0\0\0\x01k"),
        ("more entries than bytes", b"\x05\x0b\x03\x7f\xff\xff\xff\x05\0\0\0\x01a"),
    ];
    for (name, image) in images {
        assert_eq!(check(name, image), None, "{name}");
    }
    let flagged = b"\x05\x0b\x19\0\0\0\0\x02\x05\x01\0\0\0\x03\xe2\x98\xba\x08\x81\x02\0\0\0\x01k";
    assert!(skim::<Entry>(flagged, &limits()).unwrap().flagged);
    assert_eq!(check("keys with flags", flagged), Some(2));
    assert_eq!(
        check("a key that comes twice", b"\x05\x0b\x03\0\0\0\x02\x08\x81\0\0\0\x01a\x08\x82\0\0\0\x01a"),
        Some(2)
    );
    assert_eq!(check("nothing", b"\x05\x0b\x03\0\0\0\0"), Some(0));
}

#[test]
fn limits_are_those_of_the_reader() {
    let deep = |levels: usize, end: &[u8]| {
        [&b"\x05\x0b\x03\0\0\0\x01"[..], &b"\x04\x02\0\0\0\x01".repeat(levels), end, b"\0\0\0\x01a"].concat()
    };
    for end in [&b"\x05"[..], b"\x02\0\0\0\0", b"\x03\0\0\0\0"] {
        for max_depth in 0..8 {
            let limits = Limits { max_depth, ..limits() };
            for levels in 0..5 {
                let image = deep(levels, end);
                let (whole, found) = (Value::parse(&image, &limits), skim::<Entry>(&image, &limits));
                assert_eq!(whole.is_ok(), found.is_some(), "{levels} levels, {max_depth} allowed, {end:?}");
            }
        }
    }
    let image = common();
    let small = |max_size| Limits { max_size, ..limits() };
    assert!(skim::<Entry>(&image, &small(image.len() - 1)).is_none());
    assert!(skim::<Entry>(&image, &small(image.len())).is_some());
    assert!(skim::<Entry>(&deep(100_000, b"\x05"), &limits()).is_none());
}

#[test]
fn values_are_read_alone() {
    let image = common();
    let mut whole = Ledger::failing_after(None);
    read(&image, &limits(), &mut whole).unwrap();
    let mut scratch = Scratch::default();
    let mut made = 1;
    for entry in skim::<Entry>(&image, &limits()).unwrap().entries {
        let mut ledger = Ledger::failing_after(None);
        read_value(&image, &entry, &limits(), &mut ledger, &mut scratch).unwrap();
        for fuse in 0..ledger.made() {
            let mut failing = Ledger::failing_after(Some(fuse));
            assert!(read_value(&image, &entry, &limits(), &mut failing, &mut scratch).is_err());
            assert_eq!(failing.left(), 0, "{entry:?} at {fuse}");
        }
        made += ledger.made();
    }
    assert_eq!(made, whole.made());
}
