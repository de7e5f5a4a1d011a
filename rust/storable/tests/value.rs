//! Looking into values, comparing them and changing them.

use storable::{
    Header, Import, Key, KeyFlags, Kind, Limits, NodeId, Options, Order, Place, Shape, Value, Writer, same,
};

fn parse(image: &[u8]) -> Value {
    Value::parse(image, &Limits::default()).unwrap()
}

/// A value made by calls to a writer.
fn made(write: impl FnOnce(&mut Writer)) -> Value {
    let mut writer = Writer::new(&Options { booleans: true, ..Options::default() });
    write(&mut writer);
    parse(&writer.finish())
}

fn alike(a: impl FnOnce(&mut Writer), b: impl FnOnce(&mut Writer)) -> bool {
    let (a, b) = (made(a), made(b));
    let there = a.same_at(a.root().id(), &b, b.root().id());
    let back = b.same_at(b.root().id(), &a, a.root().id());
    assert_eq!(there, back, "sameness goes both ways");
    there
}

/// A hash of one key and its value.
fn pair(writer: &mut Writer, key: &str, value: i64) {
    writer.integer(value);
    writer.key(key.as_bytes()).unwrap();
}

fn root(value: &Value) -> NodeId {
    value.root().id()
}

#[test]
fn a_scalar_is_what_its_reader_asks_for() {
    let list = made(|w| {
        w.array(8);
        w.bytes(b"42");
        w.integer(42);
        w.double(1.5);
        w.bytes(b"\xff");
        w.text("\u{263a}".as_bytes());
        w.bytes(b"0");
        w.yes();
        w.sv_undef();
    });
    let at = |index| list.root().index(index).unwrap();
    assert_eq!((at(0).as_i64(), at(0).as_str(), at(0).as_f64()), (Some(42), Some("42"), Some(42.0)));
    assert_eq!((at(1).as_i64(), at(1).as_str(), at(1).as_f64()), (Some(42), None, Some(42.0)));
    assert_eq!((at(2).as_i64(), at(2).as_f64()), (None, Some(1.5)));
    assert_eq!((at(3).as_str(), at(3).as_bytes()), (None, Some(b"\xff".as_slice())));
    assert_eq!((at(4).as_str(), at(4).kind()), (Some("\u{263a}"), Kind::Text));
    assert_eq!((at(5).as_bool(), at(6).as_bool(), at(7).as_bool()), (false, true, false));
    assert_eq!((at(6).kind(), at(7).kind()), (Kind::Boolean, Kind::Undef));
    assert!(list.root().index(8).is_none());
}

#[test]
fn keys_are_found_by_their_characters() {
    let hash = made(|w| {
        w.flag_hash(3, storable::HashFlags { flagged: true, restricted: true });
        w.integer(1);
        w.flag_key(b"caf\xe9", KeyFlags::WAS_UTF8).unwrap();
        w.integer(2);
        w.flag_key("\u{263a}".as_bytes(), KeyFlags::UTF8 | KeyFlags::LOCKED).unwrap();
        w.sv_undef();
        w.flag_key(b"absent", KeyFlags::PLACEHOLDER).unwrap();
    });
    assert_eq!(hash.root().get("caf\u{e9}").unwrap().as_i64(), Some(1));
    assert_eq!(hash.root().get(b"caf\xe9".as_slice()).unwrap().as_i64(), Some(1));
    assert_eq!(hash.root().get("\u{263a}").unwrap().as_i64(), Some(2));
    assert!(hash.root().get("absent").is_none());
    assert_eq!(hash.root().entries().count(), 2);
    let (key, _) = hash.root().entries().nth(1).unwrap();
    assert_eq!((&key, key.flags), (&Key::from("\u{263a}"), KeyFlags::UTF8 | KeyFlags::LOCKED));
}

#[test]
fn what_a_key_that_is_only_allowed_has_as_a_value_does_not_count() {
    let allowed = |flags: KeyFlags, value: i64| {
        move |w: &mut Writer| {
            w.flag_hash(1, storable::HashFlags { flagged: true, restricted: true });
            w.integer(value);
            w.flag_key(b"a", flags).unwrap();
        }
    };
    assert!(alike(allowed(KeyFlags::PLACEHOLDER, 1), allowed(KeyFlags::PLACEHOLDER | KeyFlags::LOCKED, 2)));
    assert!(!alike(allowed(KeyFlags::PLACEHOLDER, 1), allowed(KeyFlags::NONE, 1)));
    assert!(!alike(allowed(KeyFlags::LOCKED, 1), allowed(KeyFlags::NONE, 1)));
}

#[test]
fn a_key_that_comes_twice_has_its_last_value_and_the_first_can_be_referred_to() {
    let image = b"\x05\x0b\x03\0\0\0\x03\x08\x81\0\0\0\x01a\x08\x82\0\0\0\x01a\0\0\0\0\x01\0\0\0\x01b";
    let hash = parse(image);
    assert_eq!(hash.root().get("a").unwrap().as_i64(), Some(2));
    assert_eq!(hash.root().get("b").unwrap().as_i64(), Some(1));
    let again = parse(&hash.write(&Options::default()).unwrap());
    assert!(again.same_at(root(&again), &hash, root(&hash)));
}

#[test]
fn one_scalar_has_many_forms() {
    assert!(alike(|w| w.integer(-7), |w| w.bytes(b"-7")));
    assert!(alike(|w| w.yes(), |w| w.boolean(true)));
    assert!(alike(|w| w.boolean(true), |w| w.bytes(b"1")));
    assert!(alike(|w| w.boolean(false), |w| w.bytes(b"")));
    assert!(alike(|w| w.undef(), |w| w.sv_undef()));
    assert!(alike(|w| w.bytes(b"caf\xe9"), |w| w.text("caf\u{e9}".as_bytes())));
    assert!(alike(|w| w.bytes(b"plain"), |w| w.text(b"plain")));
}

#[test]
fn what_looks_alike_and_is_not() {
    assert!(!alike(|w| w.integer(7), |w| w.bytes(b"07")));
    assert!(!alike(|w| w.integer(7), |w| w.bytes(b"7.0")));
    assert!(!alike(|w| w.undef(), |w| w.bytes(b"")));
    assert!(!alike(|w| w.boolean(false), |w| w.undef()));
    assert!(!alike(|w| w.bytes("caf\u{e9}".as_bytes()), |w| w.text("caf\u{e9}".as_bytes())));
    assert!(!alike(|w| w.array(0), |w| w.hash(0)));
    assert!(!alike(|w| w.array(0), |w| w.undef()));
}

#[test]
fn doubles_are_told_apart_to_the_last_bit() {
    let native = |value: f64| {
        let mut writer = Writer::new(&Options { order: Order::Native, ..Options::default() });
        writer.double(value);
        writer.finish()
    };
    let limits = Limits::default();
    assert!(!same(&native(0.1 + 0.2), &native(0.3), &limits).unwrap());
    assert!(same(&native(0.1 + 0.2), b"\x05\x0b\x0a\x030.3", &limits).unwrap(), "in network order it is this");
}

#[test]
fn the_order_of_a_hash_does_not_count_and_all_else_does() {
    let hash = |keys: &'static [(&'static str, i64)]| {
        move |w: &mut Writer| {
            w.hash(keys.len());
            keys.iter().for_each(|(key, value)| pair(w, key, *value));
        }
    };
    assert!(alike(hash(&[("a", 1), ("b", 2)]), hash(&[("b", 2), ("a", 1)])));
    assert!(!alike(hash(&[("a", 1), ("b", 2)]), hash(&[("a", 2), ("b", 1)])));
    assert!(!alike(hash(&[("a", 1), ("b", 2)]), hash(&[("a", 1), ("c", 2)])));
    assert!(!alike(hash(&[("a", 1), ("b", 2)]), hash(&[("a", 1)])));
    let object = |class: &'static str| {
        move |w: &mut Writer| {
            w.bless(class.as_bytes()).unwrap();
            w.hash(0);
        }
    };
    assert!(!alike(object("A"), object("B")));
    assert!(!alike(object("A"), |w| w.hash(0)));
}

#[test]
fn sharing_counts() {
    // [\x, \x] and [\x, \y] with x equal to y
    let shared = |w: &mut Writer| {
        w.array(2);
        w.reference(Default::default());
        w.integer(1);
        w.reference(Default::default());
        w.object(2);
    };
    let apart = |w: &mut Writer| {
        w.array(2);
        w.reference(Default::default());
        w.integer(1);
        w.reference(Default::default());
        w.integer(1);
    };
    assert!(alike(shared, shared));
    assert!(!alike(shared, apart));
    // A cycle of one and a cycle of two.
    let one = |w: &mut Writer| {
        w.reference(Default::default());
        w.object(0);
    };
    let two = |w: &mut Writer| {
        w.reference(Default::default());
        w.reference(Default::default());
        w.object(0);
    };
    assert!(alike(one, one) && alike(two, two));
    assert!(!alike(one, two));
}

#[test]
fn perls_one_undef_is_not_shared_by_being_used_twice() {
    let twice = |w: &mut Writer| {
        w.array(2);
        w.yes();
        w.yes();
    };
    let back = |w: &mut Writer| {
        w.array(2);
        w.yes();
        w.object(1);
    };
    assert!(alike(twice, back));
}

/// An object of a hook that refers to an integer, and is tied to a string if that is given.
fn hooked(w: &mut Writer, shape: Shape, class: &str, bytes: &str, target: i64, tied: Option<&str>) {
    let mut frame = w.hook(shape, tied.is_some(), bytes.len());
    w.hook_value(&mut frame);
    let number = w.number();
    w.integer(target);
    w.hook_end(frame, class.as_bytes(), bytes.as_bytes(), &[number]).unwrap();
    if let Some(object) = tied {
        w.bytes(object.as_bytes());
    }
}

#[test]
fn what_only_perl_can_make_something_of_is_kept_as_it_is() {
    let list = made(|w| {
        w.array(6);
        hooked(w, Shape::Hash, "Date", "2026", 7, Some("behind"));
        w.tied(Shape::Array);
        w.bytes(b"object");
        w.tied_key();
        w.object(5);
        w.bytes(b"key");
        w.tied_index();
        w.object(5);
        w.index(-1);
        w.code();
        w.bytes(b"{ 1 }");
        w.regexp(b"a+", b"i").unwrap();
    });
    let at = |index| list.root().index(index).unwrap();
    let kinds = [Kind::Hooked, Kind::Tied, Kind::TiedElement, Kind::TiedElement, Kind::Code, Kind::Regexp];
    let shapes = [Shape::Hash, Shape::Array, Shape::Scalar, Shape::Scalar, Shape::Scalar, Shape::Scalar];
    for (index, (kind, shape)) in kinds.into_iter().zip(shapes).enumerate() {
        assert_eq!((at(index).kind(), at(index).shape()), (kind, shape));
        assert!(at(index).as_bool() && at(index).as_str().is_none() && at(index).target().is_none());
    }
    let date = at(0).frozen().unwrap();
    assert_eq!((date.class, date.bytes), (b"Date".as_slice(), b"2026".as_slice()));
    assert_eq!(at(0).class(), Some(b"Date".as_slice()));
    assert_eq!(list.node(date.refs[0]).as_i64(), Some(7));
    let behind = |index: usize| at(index).tied().unwrap();
    assert_eq!(behind(0).as_str(), Some("behind"));
    assert_eq!(behind(1).as_str(), Some("object"));
    assert_eq!((behind(2).id(), behind(3).id()), (behind(1).id(), behind(1).id()));
    assert!(matches!(at(2).place(), Some(Place::Key(key)) if key.as_str() == Some("key")));
    assert!(matches!(at(3).place(), Some(Place::Index(-1))));
    assert_eq!(at(4).source(), Some(b"{ 1 }".as_slice()));
    assert_eq!(at(5).regexp(), Some((b"a+".as_slice(), b"i".as_slice())));
    assert!(at(1).frozen().is_none() && at(4).tied().is_none() && at(1).place().is_none());
    assert!(at(0).source().is_none() && at(4).regexp().is_none());
}

#[test]
fn what_is_tied_frozen_or_compiled_is_told_apart() {
    let date = |w: &mut Writer| hooked(w, Shape::Hash, "Date", "2026", 7, None);
    assert!(alike(date, date));
    assert!(alike(
        |w| hooked(w, Shape::Hash, "A", "", 7, Some("b")),
        |w| hooked(w, Shape::Hash, "A", "", 7, Some("b"))
    ));
    assert!(!alike(
        |w| hooked(w, Shape::Hash, "A", "", 7, Some("b")),
        |w| hooked(w, Shape::Hash, "A", "", 7, Some("c"))
    ));
    assert!(!alike(date, |w| hooked(w, Shape::Array, "Date", "2026", 7, None)));
    assert!(!alike(date, |w| hooked(w, Shape::Hash, "Time", "2026", 7, None)));
    assert!(!alike(date, |w| hooked(w, Shape::Hash, "Date", "2027", 7, None)));
    assert!(!alike(date, |w| hooked(w, Shape::Hash, "Date", "2026", 8, None)));
    assert!(!alike(date, |w| hooked(w, Shape::Hash, "Date", "2026", 7, Some("behind"))));
    assert!(!alike(date, |w| {
        let frame = w.hook(Shape::Hash, false, 4);
        w.hook_end(frame, b"Date", b"2026", &[]).unwrap();
    }));
    let tied = |shape, object: i64| {
        move |w: &mut Writer| {
            w.tied(shape);
            w.integer(object);
        }
    };
    assert!(alike(tied(Shape::Hash, 1), tied(Shape::Hash, 1)));
    assert!(!alike(tied(Shape::Hash, 1), tied(Shape::Array, 1)));
    assert!(!alike(tied(Shape::Hash, 1), tied(Shape::Hash, 2)));
    assert!(!alike(tied(Shape::Hash, 1), |w| w.hash(0)));
    let key = |object: i64, key: i64| {
        move |w: &mut Writer| {
            w.tied_key();
            w.integer(object);
            w.integer(key);
        }
    };
    let index = |object: i64, index: i32| {
        move |w: &mut Writer| {
            w.tied_index();
            w.integer(object);
            w.index(index);
        }
    };
    assert!(alike(key(1, 1), key(1, 1)) && alike(index(1, 1), index(1, 1)));
    assert!(!alike(key(1, 1), key(2, 1)) && !alike(key(1, 1), key(1, 2)) && !alike(key(1, 1), index(1, 1)));
    assert!(!alike(index(1, 1), index(2, 1)) && !alike(index(1, 1), index(1, 2)));
    let code = |source: &'static str| {
        move |w: &mut Writer| {
            w.code();
            w.bytes(source.as_bytes());
        }
    };
    assert!(alike(code("{ 1 }"), code("{ 1 }")) && !alike(code("{ 1 }"), code("{ 2 }")));
    assert!(!alike(code("\u{e9}"), |w| {
        w.code();
        w.text("\u{e9}".as_bytes());
    }));
    let regexp = |pattern: &'static str, flags: &'static str| {
        move |w: &mut Writer| w.regexp(pattern.as_bytes(), flags.as_bytes()).unwrap()
    };
    assert!(alike(regexp("a", "i"), regexp("a", "i")));
    assert!(!alike(regexp("a", "i"), regexp("b", "i")) && !alike(regexp("a", "i"), regexp("a", "")));
    assert!(!alike(regexp("a", ""), |w| w.bytes(b"a")) && !alike(code("a"), |w| w.bytes(b"a")));
}

#[test]
fn what_a_hook_refers_to_is_copied_with_it_and_stays_shared() {
    // theirs { date => \Date(\zone), zone => \zone }
    let theirs = made(|w| {
        w.hash(2);
        w.reference(Default::default());
        hooked(w, Shape::Hash, "Date", "2026", 7, None);
        w.key(b"date").unwrap();
        w.reference(Default::default());
        w.object(3);
        w.key(b"zone").unwrap();
    });
    let mut ours = made(|w| w.hash(0));
    let mut import = Import::new(&theirs);
    for (key, node) in theirs.root().entries() {
        let copy = import.copy(&mut ours, node.id()).unwrap();
        ours.insert(key, copy).unwrap();
    }
    let back = parse(&ours.write(&Options::default()).unwrap());
    assert!(back.same_at(root(&back), &theirs, root(&theirs)));
    let date = back.root().get("date").unwrap().target().unwrap();
    assert_eq!(date.frozen().unwrap().refs[0], back.root().get("zone").unwrap().target().unwrap().id());
}

#[test]
fn a_value_that_only_a_hook_kept_is_left_out() {
    let kept = parse(b"\x05\x0b\x13\x42\x0a\x04kept\x02\x01A\0");
    assert_eq!(kept.write(&Options::default()).unwrap(), b"\x05\x0b\x13\x02\x01A\0");
}

#[test]
fn edits_keep_the_order_and_what_is_shared() {
    // ours { a => 1, list => \@x, b => 2, same => \@x }, theirs { x => \@y, y => \@y, "☺" => 3 }
    let mut ours = made(|w| {
        w.hash(4);
        pair(w, "a", 1);
        w.reference(Default::default());
        w.array(0);
        w.key(b"list").unwrap();
        pair(w, "b", 2);
        w.reference(Default::default());
        w.object(3);
        w.key(b"same").unwrap();
    });
    let theirs = made(|w| {
        w.flag_hash(3, storable::HashFlags { flagged: true, restricted: false });
        w.reference(Default::default());
        w.array(0);
        w.flag_key(b"x", KeyFlags::NONE).unwrap();
        w.reference(Default::default());
        w.object(2);
        w.flag_key(b"y", KeyFlags::NONE).unwrap();
        w.integer(3);
        w.flag_key("\u{263a}".as_bytes(), KeyFlags::UTF8).unwrap();
    });
    let mut import = Import::new(&theirs);
    for (key, node) in theirs.root().entries() {
        let copy = import.copy(&mut ours, node.id()).unwrap();
        ours.insert(key, copy).unwrap();
    }
    assert!(ours.remove("list").unwrap());
    assert!(!ours.remove("list").unwrap());
    let copy = ours.import(&theirs, theirs.root().get("\u{263a}").unwrap().id()).unwrap();
    ours.insert("a", copy).unwrap();

    let written = ours.write(&Options::default()).unwrap();
    let back = parse(&written);
    let keys: Vec<_> = back.root().entries().map(|(key, _)| key.bytes.into_owned()).collect();
    assert_eq!(keys, [b"a".as_slice(), b"b", b"same", b"x", b"y", "\u{263a}".as_bytes()]);
    let target = |key: &str| back.root().get(key).unwrap().target().unwrap().id();
    assert_eq!(target("x"), target("y"));
    assert_ne!(target("x"), target("same"));
    assert_eq!(back.root().get("a").unwrap().as_i64(), Some(3));
}

#[test]
fn only_a_hash_has_keys_to_set() {
    let mut list = made(|w| w.array(0));
    let node = root(&list);
    assert!(list.insert("a", node).is_err());
    assert!(list.remove("a").is_err());
}

#[test]
fn one_value_under_two_keys_is_shared() {
    let mut hash = made(|w| {
        w.hash(1);
        w.reference(Default::default());
        w.array(0);
        w.key(b"a").unwrap();
    });
    let node = hash.root().get("a").unwrap().id();
    hash.insert("b", node).unwrap();
    let apart = made(|w| {
        w.hash(2);
        for key in [b"a", b"b"] {
            w.reference(Default::default());
            w.array(0);
            w.key(key).unwrap();
        }
    });
    assert!(!hash.same_at(root(&hash), &apart, root(&apart)));
}

/// `\-2`, `300` and `-2.5` in an array, as a big-endian machine with 32-bit integers would freeze them.
const BIG: &[u8] = b"\x04\x0b\x044321\x04\x04\x04\x08\
    \x02\0\0\0\x03\x04\x06\xff\xff\xff\xfe\x06\0\0\x01\x2c\x07\xc0\x04\0\0\0\0\0\0";
/// The same from a little-endian one with 64-bit integers, in a file.
const LITTLE: &[u8] = b"pst0\x04\x0b\x0812345678\x04\x08\x08\x08\
    \x02\x03\0\0\0\x04\x06\xfe\xff\xff\xff\xff\xff\xff\xff\x06\x2c\x01\0\0\0\0\0\0\x07\0\0\0\0\0\0\x04\xc0";

#[test]
fn images_of_other_machines_are_read() {
    for image in [BIG, LITTLE] {
        let list = parse(image);
        assert_eq!(list.root().index(0).unwrap().target().unwrap().as_i64(), Some(-2));
        assert_eq!(list.root().index(1).unwrap().as_i64(), Some(300));
        assert_eq!(list.root().index(2).unwrap().as_f64(), Some(-2.5));
    }
    assert!(same(BIG, LITTLE, &Limits::default()).unwrap());
    // Before minor version 2 a header says nothing of doubles.
    let old = [b"\x04\x01\x044321\x04\x04\x04".as_slice(), &BIG[11..]].concat();
    assert!(same(&old, LITTLE, &Limits::default()).unwrap());
    let old = parse(&old);
    let again = old.write(&old.options()).unwrap();
    assert!(again[1] == 1 && same(&again, LITTLE, &Limits::default()).unwrap());
}

#[test]
fn a_class_before_0_7_comes_last_and_may_be_long() {
    for (length, mark) in [(0, b'b'), (255, b'b'), (0, b'B'), (256, b'B')] {
        let class = vec![b'L'; length];
        let size = match mark {
            b'b' => vec![u8::try_from(length).unwrap()],
            _ => u32::try_from(length).unwrap().to_be_bytes().to_vec(),
        };
        let image = [b"\x03\x02\0\0\0\0".as_slice(), &[mark], &size, &class, b"X"].concat();
        assert_eq!(parse(&image).root().class(), Some(class.as_slice()));
    }
    // Perl's one undef has none, and something must say that the value is complete.
    for image in [b"\x03\x0eb\x01AX".as_slice(), b"\x03\x05Y", b"\x03\x05b\x01AY"] {
        let error = Value::parse(image, &Limits::default()).unwrap_err();
        assert!(error.to_string().contains("expected the end of a value, found mark"), "{error}");
    }
}

#[test]
fn native_numbers_in_network_order_are_of_this_machine_as_in_storable() {
    let numbers = [b"\x06".as_slice(), &(-300_i64).to_ne_bytes(), b"\x07", &2.5_f64.to_ne_bytes()].concat();
    let list = parse(&[b"\x05\x0b\x02\0\0\0\x02".as_slice(), &numbers].concat());
    assert_eq!(list.root().index(0).unwrap().as_i64(), Some(-300));
    assert_eq!(list.root().index(1).unwrap().as_f64(), Some(2.5));
}

#[test]
fn machines_that_can_not_be_read_are_named() {
    let cases: [(usize, u8, &str); 5] = [
        (3, b'9', "expected the byte order 1234, 12345678, 4321 or 87654321, found \"9321\""),
        (7, 8, "expected an int of 4 bytes, found one of 8"),
        (8, 2, "expected a long of 4 or 8 bytes, found one of 2"),
        (9, 2, "expected a pointer of 4 or 8 bytes, found one of 2"),
        (10, 16, "expected a double of 8 bytes, found one of 16"),
    ];
    for (offset, byte, text) in cases {
        let mut image = BIG.to_vec();
        image[offset] = byte;
        let error = Header::parse(&image).unwrap_err();
        assert_eq!(error.to_string(), format!("not a Storable value at byte {offset}: {text}"));
    }
}

#[test]
fn other_versions_are_told_from_damage() {
    for (image, version) in [(b"\x07\x00\x05".as_slice(), "3"), (b"{\"a\"", "61")] {
        let error = Header::parse(image).unwrap_err();
        assert!(error.is_version() && !error.is_corrupt(), "{error}");
        let text = format!("unsupported Storable version at byte 0: {version}, this reads 0 to 2");
        assert_eq!(error.to_string(), text);
    }
    assert!(Header::parse(b"").unwrap_err().is_truncated());
    assert!(Header::parse(b"pst0\x05").unwrap_err().is_truncated());
}

#[test]
fn large_tags_are_read() {
    let list = parse(
        b"\x05\x0b\x21\x02\0\0\0\0\0\0\0\x04\x21\x01\0\0\0\0\0\0\0\x01a\x21\x18\0\0\0\0\0\0\0\x01b\
          \x04\x21\x03\0\0\0\0\0\0\0\x01\x21\0\0\0\0\0\0\0\0\x01\0\0\0\x01k\
          \x04\x21\x19\x01\0\0\0\0\0\0\0\x01\x05\x04\0\0\0\x01l",
    );
    assert_eq!(list.root().index(0).unwrap().as_str(), Some("a"));
    assert_eq!(list.root().index(1).unwrap().kind(), Kind::Text);
    let shared = list.root().index(2).unwrap().get("k").unwrap();
    assert_eq!(shared.id(), list.root().index(0).unwrap().id());
    assert!(list.root().index(3).unwrap().get("l").is_some());
}
