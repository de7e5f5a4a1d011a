//! Bytes that mean harm: counts that lie, depth without end, references to nowhere, and failures at
//! every point, each of which must leave nothing behind.

mod support;

use std::fs;
use std::path::Path;
use std::thread;

use storable::{Header, Import, Limits, Options, RefKind, Shape, Value, Writer, read};
use support::Ledger;

fn parse(image: &[u8]) -> storable::Result<Value> {
    Value::parse(image, &Limits::default())
}

/// Reads an image with the bookkeeper, and fails unless an error leaves no value behind.
fn audit(image: &[u8], fuse: Option<usize>) -> Ledger {
    let mut ledger = Ledger::failing_after(fuse);
    ledger.old = Header::parse(image).is_ok_and(|header| header.major < 2);
    if read(image, &Limits::default(), &mut ledger).is_err() {
        assert_eq!(ledger.left(), 0, "values left by {}", image.escape_ascii());
    }
    ledger
}

fn golden() -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "bin"))
        .map(|path| fs::read(path).unwrap())
        .collect()
}

/// Images that are `depth` levels deep, one for each kind of container.
fn nested(depth: usize) -> Vec<Vec<u8>> {
    // A level, and what follows its contents.
    let levels: [(&[u8], &[u8]); 11] = [
        (b"\x04", b""),
        (b"\x14\x11\x01A", b""),
        (b"\x02\0\0\0\x01", b""),
        (b"\x03\0\0\0\x01", b"\0\0\0\0"),
        (b"\x19\0\0\0\0\x01", b"\0\0\0\0\0"),
        (b"\x0b", b""),                // something tied, tied to the next
        (b"\x15", b"\x05"),            // an element of something tied, tied to the next
        (b"\x15\x05", b""),            // and one whose key is the next
        (b"\x16", b"\0\0\0\0"),        // and one with an index
        (b"\x13\x03\x06\x01A\0", b""), // an object of a hook, tied to the next
        (b"\x13\x42", b"\x02\x01A\0"), // one whose hook kept the next, and refers to nothing
    ];
    let around = |(level, after): (&[u8], &[u8])| {
        [b"\x05\x0b", level.repeat(depth).as_slice(), b"\x05", &after.repeat(depth)].concat()
    };
    levels.into_iter().map(around).chain([hooks(depth)]).collect()
}

/// Objects of a hook, each of which refers to the next.
fn hooks(depth: usize) -> Vec<u8> {
    let mut writer = Writer::new(&Options::default());
    let mut frames = Vec::new();
    for _ in 0..depth {
        let mut frame = writer.hook(Shape::Hash, false, 0);
        writer.hook_value(&mut frame);
        frames.push((frame, writer.number()));
    }
    writer.undef();
    while let Some((frame, inner)) = frames.pop() {
        writer.hook_end(frame, b"A", b"", &[inner]).unwrap();
    }
    writer.finish()
}

#[test]
fn nothing_is_left_wherever_an_image_breaks_off() {
    for image in golden() {
        for length in 0..image.len().min(1000) {
            audit(&image[..length], None);
        }
    }
}

#[test]
fn nothing_is_left_wherever_a_byte_is_wrong() {
    for mut image in golden() {
        for position in 0..image.len().min(300) {
            for flip in [0x01, 0x02, 0x04, 0x08, 0x10, 0x80, 0xff] {
                image[position] ^= flip;
                audit(&image, None);
                image[position] ^= flip;
            }
        }
    }
}

#[test]
fn nothing_is_left_whenever_the_builder_fails() {
    for image in golden() {
        let made = audit(&image, None).made();
        for fuse in 0..made {
            audit(&image, Some(fuse));
        }
    }
}

#[test]
fn nothing_is_left_when_an_insert_or_a_class_is_refused() {
    // { twice => [\root], twice => 1, then back references to what was replaced, and a refused key }
    let image = b"\x05\x0b\x03\0\0\0\x04\x02\0\0\0\x01\x04\0\0\0\0\0\0\0\0\x05twice\x08\x81\0\0\0\x05twice\
                  \0\0\0\0\x01\0\0\0\x01a\x05\0\0\0\x07refused";
    assert_eq!(audit(image, None).made(), 5);
    audit(b"\x05\x0b\x04\x11\x09Forbidden\x05", None);
    for object in [b"\x05".as_slice(), b"\x02\0\0\0\x01\x05"] {
        let unblessable = [b"\x05\x0b\x02\0\0\0\x02\x05\x11\x0bUnblessable", object].concat();
        assert_eq!(audit(&unblessable, None).made(), 3);
    }
}

#[test]
fn reservations_are_bounded_by_the_image() {
    // Each array claims all the bytes that are left, and lies in the first place of the one around it.
    let mut image = b"\x05\x0b".to_vec();
    for inner in (0..20_000_u32).rev() {
        image.push(2);
        image.extend_from_slice(&(inner * 5).to_be_bytes());
    }
    let mut ledger = Ledger::default();
    assert!(read(&image, &Limits::default(), &mut ledger).unwrap_err().is_truncated());
    assert!(ledger.reserved <= image.len(), "{} of {}", ledger.reserved, image.len());
}

#[test]
fn a_count_is_believed_exactly_as_far_as_its_elements_fit() {
    // [[1, 2], { a => undef }, undef], with no byte to spare
    let image = b"\x05\x0b\x02\0\0\0\x03\x02\0\0\0\x02\x08\x81\x08\x82\x03\0\0\0\x01\x05\0\0\0\x01a\x05";
    assert!(parse(image).is_ok());
    // { '' => [undef, undef] }, then the same with one undef more than the key leaves room for
    assert!(parse(b"\x05\x0b\x03\0\0\0\x01\x02\0\0\0\x02\x05\x05\0\0\0\0").is_ok());
    let error = parse(b"\x05\x0b\x03\0\0\0\x01\x02\0\0\0\x03\x05\x05\0\0\0\0").unwrap_err();
    assert!(error.is_truncated() && error.offset() == Some(7), "{error}");
}

#[test]
fn forged_counts_and_lengths_are_errors() {
    let cases: [(&[u8], usize, &str); 15] = [
        (b"\x05\x0b\x21\x03\0\0\0\x01\0\0\0\0", 2, "expected a hash of 21474836480 bytes, found the end"),
        (b"\x05\x0b\x03\xff\xff\xff\xff\x05", 3, "expected the length of a hash, found a negative number"),
        (b"\x05\x0b\x03\x7f\xff\xff\xff\x05", 2, "expected a hash of 10737418235 bytes, found 1 byte"),
        (b"\x05\x0b\x02\x80\0\0\0", 3, "expected the length of an array, found a negative number"),
        (b"\x05\x0b\x02\0\0\0\x01", 2, "expected an array of 1 byte, found the end"),
        (b"\x05\x0b\x01\xff\xff\xff\xffabc", 7, "expected a string of 4294967295 bytes, found 3 bytes"),
        (b"\x05\x0b\x18\0\0\0\x04abc", 7, "expected a string of 4 bytes, found 3 bytes"),
        (b"\x05\x0b\x03\0\0\0\x01\x05\xff\xff\xff\xff", 8, "expected the length of a key, found a negative number"),
        (b"\x05\x0b\x03\0\0\0\x01\x05\0\0\0\x02a", 12, "expected a key of 2 bytes, found 1 byte"),
        (b"\x05\x0b\x11\x80\xff\xff\xff\xffX\x05", 4, "expected the length of a class name, found a negative number"),
        (b"\x05\x0b\x11\x05ab", 4, "expected a class name of 5 bytes, found 2 bytes"),
        (b"\x05\x0b\x12\x00\x05", 2, "expected the index of one of the 0 classes before, found 0"),
        (b"\x05\x0b\x04\0\0\0\0\x01", 3, "expected the number of one of the 1 values before, found 1"),
        (b"\x05\x0b\x21\x02\xff\xff\xff\xff\xff\xff\xff\xff\x05", 2, "bytes, found 1 byte"),
        (b"\x05\x0b\x21\x01\0\0\0\x01\0\0\0\0\x05", 12, "expected a string of 4294967296 bytes, found 1 byte"),
    ];
    for (image, offset, text) in cases {
        let error = parse(image).expect_err(text);
        assert!(error.is_corrupt(), "{error}");
        assert_eq!(error.offset(), Some(offset), "{error}");
        assert!(error.to_string().ends_with(text), "{error}, not {text}");
    }
}

#[test]
fn frames_that_lie_about_their_sizes_are_errors() {
    let cases: [(&[u8], usize, &str); 26] = [
        // An object of a hook: flags, values, class, string, list, object.
        (b"\x05\x0b\x13", 3, "expected the flags of a hook of 1 byte, found the end"),
        (b"\x05\x0b\x13\x03\x07", 3, "expected the type of an object, found flags 0x3"),
        (b"\x05\x0b\x13\x03\x02", 3, "expected the type of an object, found flags 0x3"),
        (b"\x05\x0b\x13\x42", 2, "expected an object of 1 byte, found the end"),
        (b"\x05\x0b\x13\x42\x05", 5, "expected the flags of a hook of 1 byte, found the end"),
        (b"\x05\x0b\x13\x42\x05\x42", 6, "expected a value of 1 byte, found the end"),
        (b"\x05\x0b\x13\x02\x05ab", 5, "expected a class name of 5 bytes, found 2 bytes"),
        (b"\x05\x0b\x13\x06\xff\xff\xff\xff", 4, "expected the length of a class name, found a negative number"),
        (b"\x05\x0b\x13\x22\x00", 4, "expected the index of one of the 0 classes before, found 0"),
        (b"\x05\x0b\x13\x02\x01A\x05ab", 7, "expected the string of a hook of 5 bytes, found 2 bytes"),
        (
            b"\x05\x0b\x13\x0a\x01A\xff\xff\xff\xff",
            10,
            "expected the string of a hook of 4294967295 bytes, found the end",
        ),
        (b"\x05\x0b\x21\x13\x02\x01A\0\0\0\x01\0\0\0\0", 15, "a hook of 4294967296 bytes, found the end"),
        (b"\x05\x0b\x13\x82\x01A\0\x02\0\0\0\0", 7, "expected a list of 8 bytes, found 4 bytes"),
        (b"\x05\x0b\x13\x92\x01A\0\x7f\xff\xff\xff", 7, "expected a list of 8589934588 bytes, found the end"),
        (b"\x05\x0b\x13\x92\x01A\0\x80\0\0\0", 7, "expected a list of 17179869184 bytes, found the end"),
        (b"\x05\x0b\x13\x82\x01A\0\x01\0\0\0\x01", 8, "the number of one of the 1 values before, found 1"),
        (b"\x05\x0b\x13\x92\x01A\0\xff\xff\xff\xff\0\0\0\x01\0\0\0\0", 11, "values before, found 4294967296"),
        (b"\x05\x0b\x13\x03\x06\x01A\0", 8, "expected a value of 1 byte, found the end"),
        // Ties, subs, regular expressions, v-strings.
        (b"\x05\x0b\x15\x05", 4, "expected a value of 1 byte, found the end"),
        (b"\x05\x0b\x16\x05\0\0", 4, "expected the index of an element of 4 bytes, found 2 bytes"),
        (b"\x05\x0b\x1a\x05", 3, "expected the source of a sub, found tag 5"),
        (b"\x05\x0b\x1a\x18\xff\xff\xff\xff{", 8, "expected the source of a sub of 4294967295 bytes, found 1 byte"),
        (b"\x05\x0b\x20\0\x05ab", 5, "expected a regular expression of 5 bytes, found 2 bytes"),
        (b"\x05\x0b\x20\x01\xff\xff\xff\xff", 8, "expected a regular expression of 4294967295 bytes, found the end"),
        (b"\x05\x0b\x20\0\0\x05a", 6, "expected the modifiers of a regular expression of 5 bytes, found 1 byte"),
        (b"\x05\x0b\x1e\xff\xff\xff\xffv", 7, "expected a v-string of 4294967295 bytes, found 1 byte"),
    ];
    for (image, offset, text) in cases {
        let error = parse(image).expect_err(text);
        assert!(error.is_corrupt(), "{error}");
        assert_eq!(error.offset(), Some(offset), "{error}");
        assert!(error.to_string().ends_with(text), "{error}, not {text}");
        audit(image, None);
    }
}

#[test]
fn a_forged_number_anywhere_is_harmless() {
    for image in golden() {
        for position in 0..image.len().min(300) {
            for forged in
                [&[0xff; 8][..], &[0xff; 4], &[0x7f, 0xff, 0xff, 0xff], &[0x80, 0, 0, 0], &[0, 0, 0, 0], &[0xff]]
            {
                let mut image = image.clone();
                image.iter_mut().skip(position).zip(forged).for_each(|(byte, forged)| *byte = *forged);
                assert!(audit(&image, None).reserved <= image.len());
            }
        }
    }
}

#[test]
fn all_values_are_guarded_before_code_of_the_application_can_run() {
    // [undef, sub, regexp, object of a hook]
    let mut writer = Writer::new(&Options::default());
    writer.array(4);
    writer.undef();
    writer.code();
    writer.bytes(b"{}");
    writer.regexp(b"a", b"").unwrap();
    let frame = writer.hook(Shape::Scalar, false, 0);
    writer.hook_end(frame, b"A", b"", &[]).unwrap();
    assert_eq!(audit(&writer.finish(), None).guarded, [2, 4, 6]);
}

#[test]
fn nothing_is_left_when_a_hook_dies_or_gives_another_object() {
    for bytes in ["attach", "die"] {
        // [\object, \object], the object tied, its hook refers to it, to a string and to an array with it
        let mut writer = Writer::new(&Options::default());
        writer.array(2);
        writer.reference(RefKind::default());
        let mut frame = writer.hook(Shape::Array, true, bytes.len());
        writer.hook_value(&mut frame);
        writer.bytes(b"kept");
        writer.hook_value(&mut frame);
        writer.array(1);
        writer.object(2);
        writer.hook_end(frame, b"Class", bytes.as_bytes(), &[2, 3, 4]).unwrap();
        writer.hash(0);
        writer.reference(RefKind::default());
        writer.object(2);
        let image = writer.finish();
        assert_eq!(parse(&image).unwrap().write(&Options::default()).unwrap(), image);
        let ledger = audit(&image, None);
        assert_eq!(ledger.guarded, [5]);
        for length in 0..image.len() {
            audit(&image[..length], None);
        }
        for fuse in 0..ledger.made() {
            audit(&image, Some(fuse));
        }
    }
}

#[test]
fn a_negative_back_reference_is_an_error() {
    assert!(parse(b"\x05\x0b\x04\0\xff\xff\xff\xff").unwrap_err().is_corrupt());
    assert!(parse(b"\x05\x0b\0\0\0\0\0").unwrap_err().is_corrupt(), "the root can't refer back");
}

#[test]
fn unknown_tags_are_corrupt_or_from_the_future() {
    assert_eq!(
        parse(b"\x05\x0b\x24").unwrap_err().to_string(),
        "not a Storable value at byte 2: expected a value, found unknown tag 36",
    );
    let error = parse(b"\x05\x0d\x24").unwrap_err();
    assert!(error.is_unsupported(), "{error}");
    assert_eq!(error.to_string(), "unsupported Storable value at byte 2: tag 36 of format version 2.13");
    assert!(parse(b"\x05\xff\x05").is_ok(), "a newer minor version with known tags only");
}

#[test]
fn classes_where_none_can_be_are_errors() {
    assert!(parse(b"\x05\x0b\x11\x01A\x0e").unwrap_err().is_corrupt(), "an immortal");
    assert!(parse(b"\x05\x0b\x1d\x01v\x02\0\0\0\0").unwrap_err().is_corrupt(), "an array as v-string");
}

#[test]
fn the_innermost_class_counts_and_none_on_a_back_reference() {
    let value = parse(b"\x05\x0b\x11\x01A\x11\x01B\x02\0\0\0\x01\x12\x00\0\0\0\0\0").unwrap();
    assert_eq!(value.root().class(), Some(b"B".as_slice()));
}

#[test]
fn depth_and_size_have_limits() {
    let limits = Limits { max_depth: 99, ..Limits::default() };
    for image in nested(100) {
        let error = Value::parse(&image, &limits).unwrap_err();
        assert!(error.is_limit(), "{error} for {}", image.escape_ascii());
    }
    for image in nested(99) {
        // The object whose element's key is being read is a level of its own.
        let twice = if image.starts_with(b"\x05\x0b\x15\x05") { 2 } else { 1 };
        let limits = Limits { max_depth: 99 * twice, ..limits };
        Value::parse(&image, &limits).unwrap_or_else(|error| panic!("{error} for {}", image.escape_ascii()));
    }
    for image in nested(100_000) {
        assert!(parse(&image).unwrap_err().is_limit());
    }
    let limits = Limits { max_size: 2, ..Limits::default() };
    assert!(Value::parse(b"\x05\x0b\x05", &limits).unwrap_err().is_limit());
}

#[test]
fn any_depth_takes_no_stack() {
    let work = || {
        let limits = Limits { max_depth: usize::MAX, ..Limits::default() };
        for image in nested(100_000) {
            let value = Value::parse(&image, &limits).unwrap();
            let written = value.write(&value.options()).unwrap();
            // A class is spelled out once, and what only a hook kept is left out.
            assert!(
                written.len() == image.len() || image[..20].contains(&b'A') || image.starts_with(b"\x05\x0b\x13\x42")
            );
            let other = value.clone();
            assert!(value.same_at(value.root().id(), &other, other.root().id()));
            let mut copy = parse(b"\x05\x0b\x03\0\0\0\0").unwrap();
            let node = Import::new(&value).copy(&mut copy, value.root().id()).unwrap();
            assert!(copy.same_at(node, &value, value.root().id()));
        }
        let mut ledger = Ledger::default();
        assert!(read(&[b"\x05\x0b".as_slice(), &[4; 1 << 20]].concat(), &limits, &mut ledger).is_err());
        assert_eq!(ledger.left(), 0);
    };
    thread::Builder::new().stack_size(256 * 1024).spawn(work).unwrap().join().unwrap();
}

#[test]
fn many_classes_many_values_many_prefixes_are_read_in_their_own_time() {
    let prefixes = [b"\x05\x0b".as_slice(), &b"\x11\x01A".repeat(300_000), b"\x05"].concat();
    assert_eq!(parse(&prefixes).unwrap().root().class(), Some(b"A".as_slice()));
    let mut writer = Writer::new(&Options::default());
    writer.array(200_000);
    for n in 0..100_000_u32 {
        writer.bless(format!("C{n}").as_bytes()).unwrap();
        writer.undef();
        writer.object(u64::from(n));
    }
    let image = writer.finish();
    let value = parse(&image).unwrap();
    assert_eq!(value.write(&value.options()).unwrap(), image);
}
