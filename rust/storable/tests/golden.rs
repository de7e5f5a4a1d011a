//! Images that Storable wrote, or would have on other machines and in other years (made by `golden.pl`, listed in
//! `golden/INDEX`): read, written again byte for byte, and damaged in every place.

use std::fs;
use std::path::Path;

use storable::{ByteOrder, Header, Layout, Limits, Value, same};

struct Golden {
    name: String,
    /// The one that it is the same value as, if it was made by hand.
    same_as: Option<String>,
    image: Vec<u8>,
}

fn golden() -> Vec<Golden> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let index = fs::read_to_string(directory.join("INDEX")).unwrap();
    index
        .lines()
        .map(|line| {
            let mut fields = line.splitn(3, '\t').map(str::to_owned);
            let (name, what) = (fields.next().unwrap(), fields.next().unwrap());
            let same_as = what.strip_prefix("as ").map(str::to_owned);
            assert!(same_as.is_some() || what == "ok", "{name}: {what}");
            let image = fs::read(directory.join(&name)).unwrap();
            Golden { name, same_as, image }
        })
        .collect()
}

/// Those that the installed Storable wrote.
fn frozen() -> impl Iterator<Item = Golden> {
    golden().into_iter().filter(|golden| golden.same_as.is_none())
}

fn parse(image: &[u8]) -> storable::Result<Value> {
    Value::parse(image, &Limits::default())
}

/// Whether this machine's native order is that of the images.
fn is_native_here(image: &[u8]) -> bool {
    match Header::parse(image).unwrap().layout {
        Layout::Network => true,
        Layout::Native { order, integer, long, pointer, .. } => {
            let here = cfg!(all(target_pointer_width = "64", unix));
            here && order == ByteOrder::HERE && [integer, long, pointer] == [8, 8, 8]
        }
    }
}

#[test]
fn what_storable_wrote_comes_out_byte_for_byte() {
    let mut count = 0;
    for Golden { name, image, .. } in frozen().filter(|golden| is_native_here(&golden.image)) {
        let value = parse(&image).unwrap_or_else(|error| panic!("{name}: {error}"));
        let again = value.write(&value.options()).unwrap();
        assert_eq!(again.escape_ascii().to_string(), image.escape_ascii().to_string(), "{name}");
        count += 1;
    }
    assert!(count >= 80, "only {count} images");
}

#[test]
fn what_other_storables_wrote_is_the_same_value() {
    let all = golden();
    let mut count = 0;
    for by_hand in &all {
        let Some(name) = &by_hand.same_as else { continue };
        let frozen = all.iter().find(|golden| golden.name == *name).unwrap();
        let [frozen, value] = [frozen, by_hand]
            .map(|golden| parse(&golden.image).unwrap_or_else(|error| panic!("{}: {error}", golden.name)));
        assert!(value.same_at(value.root().id(), &frozen, frozen.root().id()), "{}", by_hand.name);
        let again = parse(&value.write(&value.options()).unwrap()).unwrap();
        assert!(value.same_at(value.root().id(), &again, again.root().id()), "{} again", by_hand.name);
        count += 1;
    }
    assert!(count >= 70, "only {count} images");
}

#[test]
fn network_and_native_order_are_the_same_value() {
    let all = golden();
    for network in all.iter().filter(|golden| golden.name.ends_with(".net.bin")) {
        let name = network.name.replace(".net.", ".nat.");
        let native = all.iter().find(|golden| golden.name == name).unwrap();
        // In network order a double is 15 digits.
        let digits = ["doubles", "infinities"].iter().any(|case| name.starts_with(case));
        let [network, native] = [network, native].map(|golden| parse(&golden.image).unwrap());
        let equal = network.same_at(network.root().id(), &native, native.root().id());
        assert!(equal || digits, "{name}");
    }
}

#[test]
fn no_two_cases_are_the_same_value() {
    let all: Vec<_> = frozen().filter(|golden| golden.name.ends_with(".net.bin")).collect();
    for (position, a) in all.iter().enumerate() {
        for b in &all[position + 1..] {
            let same = same(&a.image, &b.image, &Limits::default()).unwrap();
            assert!(!same, "{} and {}", a.name, b.name);
        }
    }
}

#[test]
fn truncated_anywhere_is_an_error() {
    for Golden { name, image, .. } in golden() {
        let body = Header::parse(&image).unwrap().body;
        for length in 0..image.len() {
            let error = parse(&image[..length]).expect_err(&name);
            // The beginning of the magic of files is an unknown version of what has none.
            let in_magic = length < body && Header::is_file(&image) && error.is_version();
            assert!(error.is_truncated() || in_magic, "{name} at {length}: {error}");
            assert!(error.offset().unwrap() <= length, "{name} at {length}: {error}");
        }
    }
}

#[test]
fn a_byte_too_many_is_an_error() {
    for Golden { name, mut image, .. } in golden() {
        let end = image.len();
        image.push(0);
        let error = parse(&image).expect_err(&name);
        assert!(error.is_corrupt() && error.offset() == Some(end), "{name}: {error}");
    }
}

#[test]
fn damaged_anywhere_it_reads_to_an_error_or_to_a_value_that_writes() {
    for Golden { name, same_as, mut image } in golden() {
        // All of a small one, places all over a large one. Those made by hand are one value in many layouts.
        let last = if same_as.is_some() { 150 } else { image.len() };
        let step = 1 + image.len() * image.len() / 500_000;
        for position in (0..image.len().min(last)).step_by(step) {
            for flip in [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff] {
                image[position] ^= flip;
                match parse(&image) {
                    Ok(value) => {
                        let again = value.write(&value.options()).unwrap();
                        let back = parse(&again).unwrap();
                        let same = value.same_at(value.root().id(), &back, back.root().id());
                        assert!(same, "{name} at {position} ^ {flip}");
                    }
                    Err(error) => {
                        assert!(error.offset().unwrap() <= image.len(), "{name}: {error}")
                    }
                }
                image[position] ^= flip;
            }
        }
    }
}
