//! Rust types to and from images.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use storable::{Limits, Options, Value, from_slice, from_value, to_value, to_vec};

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Everything {
    unit: (),
    truth: bool,
    small: u8,
    large: u64,
    negative: i64,
    double: f64,
    letter: char,
    text: String,
    maybe: Option<Box<Everything>>,
    pair: (i32, String),
    list: Vec<Shape>,
    by_number: BTreeMap<u32, String>,
    by_shape: BTreeMap<Plain, u8>,
    wrapped: Wrapped,
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Wrapped(Vec<u8>);

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
enum Shape {
    Point,
    Circle(f64),
    Line(i32, i32),
    Box { width: u8, height: u8 },
}

#[derive(Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord, Debug, Clone, Copy)]
enum Plain {
    One,
    Two,
}

fn everything() -> Everything {
    Everything {
        unit: (),
        truth: true,
        small: 255,
        large: u64::MAX,
        negative: i64::MIN,
        double: 1.5,
        letter: '\u{263a}',
        text: "caf\u{e9}".to_owned(),
        maybe: None,
        pair: (-1, "\0".to_owned()),
        list: vec![Shape::Point, Shape::Circle(0.5), Shape::Line(1, 2), Shape::Box { width: 3, height: 4 }],
        by_number: BTreeMap::from([(7, "seven".to_owned())]),
        by_shape: BTreeMap::from([(Plain::One, 1), (Plain::Two, 2)]),
        wrapped: Wrapped(vec![1, 2]),
    }
}

#[test]
fn every_kind_of_type_comes_back() {
    let value = Everything { maybe: Some(Box::new(everything())), ..everything() };
    for booleans in [false, true] {
        let image = to_vec(&value, &Options { booleans, ..Options::default() }).unwrap();
        assert_eq!(from_slice::<Everything>(&image).unwrap(), value);
    }
    assert_eq!(from_value::<Everything>(&to_value(&value).unwrap()).unwrap(), value);
}

#[test]
fn a_struct_is_what_nfreeze_makes_of_the_same_hash() {
    #[derive(Serialize)]
    struct Login<'a> {
        groups: [&'a str; 1],
        uid: &'a str,
    }
    let image = to_vec(&Login { groups: ["users"], uid: "dwho" }, &Options::default()).unwrap();
    let frozen = b"\x05\x0b\x03\0\0\0\x02\x04\x02\0\0\0\x01\x0a\x05users\0\0\0\x06groups\x0a\x04dwho\0\0\0\x03uid";
    assert_eq!(image, frozen);
}

#[test]
fn scalars_are_what_the_type_asks_for() {
    let numbers = b"\x05\x0b\x02\0\0\0\x03\x0a\x0212\x08\x83\x0a\x011";
    assert_eq!(from_slice::<(u8, String, bool)>(numbers).unwrap(), (12, "3".to_owned(), true));
    assert_eq!(from_slice::<Vec<f64>>(numbers).unwrap(), [12.0, 3.0, 1.0]);
    assert_eq!(from_slice::<Option<u8>>(b"\x05\x0b\x05").unwrap(), None);
    let error = from_slice::<u8>(b"\x05\x0b\x0a\x03two").unwrap_err();
    assert_eq!(error.to_string(), "invalid type: string \"two\", expected u8");
}

#[test]
fn references_are_seen_through_and_classes_are_not_seen() {
    let object = b"\x05\x0b\x11\x01A\x03\0\0\0\x01\x04\x04\x11\x01B\x02\0\0\0\x01\x08\x81\0\0\0\x04list";
    let map: BTreeMap<String, Vec<u8>> = from_slice(object).unwrap();
    assert_eq!(map["list"], [1]);
}

#[test]
fn what_only_perl_can_make_something_of_is_refused_by_name() {
    let cases: [(&[u8], &str); 7] = [
        (b"\x13\x02\x04Date\0", "an object of Date with a STORABLE hook"),
        (b"\x0d\x05", "a tied scalar"),
        (b"\x0b\x05", "a tied array"),
        (b"\x0c\x05", "a tied hash"),
        (b"\x16\x05\0\0\0\0", "an element of a tied variable"),
        (b"\x1a\x0a\x02{}", "a code reference"),
        (b"\x20\0\x01a\0", "a regular expression"),
    ];
    for (body, name) in cases {
        let image = [b"\x05\x0b\x03\0\0\0\x02\x04", body, b"\0\0\0\x04rare\x08\x83\0\0\0\x01n"].concat();
        #[derive(Deserialize, Debug)]
        struct Rare<T> {
            #[allow(dead_code, reason = "only its type counts")]
            rare: T,
        }
        let value = Value::parse(&image, &Limits::default()).unwrap();
        let errors = [
            from_slice::<Rare<String>>(&image).unwrap_err(),
            from_slice::<Rare<u8>>(&image).unwrap_err(),
            from_slice::<Rare<bool>>(&image).unwrap_err(),
            from_slice::<Rare<Option<f64>>>(&image).unwrap_err(),
            from_slice::<Rare<Vec<u8>>>(&image).unwrap_err(),
            to_value(&value).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.to_string(), format!("unsupported value: {name}"));
        }
        // Nobody asks for it.
        #[derive(Deserialize)]
        struct Number {
            n: u8,
        }
        assert_eq!(from_slice::<Number>(&image).unwrap().n, 3);
    }
}

#[test]
fn an_array_that_is_too_long_is_an_error() {
    let error = from_slice::<(u8, u8)>(b"\x05\x0b\x02\0\0\0\x03\x08\x81\x08\x81\x08\x81").unwrap_err();
    assert_eq!(error.to_string(), "an array with 1 elements too many");
}

#[test]
fn cycles_depth_and_what_sharing_multiplies_are_errors() {
    let limits = Limits::default();
    let cycle = Value::parse(b"\x05\x0b\x04\0\0\0\0\0", &limits).unwrap();
    assert!(from_value::<Vec<u8>>(&cycle).is_err());
    let hash = Value::parse(b"\x05\x0b\x03\0\0\0\x01\x04\0\0\0\0\0\0\0\0\x01x", &limits).unwrap();
    assert!(from_value::<serde::de::IgnoredAny>(&hash).is_err());
    assert!(to_value(&hash).is_err());

    let deep = [b"\x05\x0b".as_slice(), &b"\x02\0\0\0\x01".repeat(129), b"\x05"].concat();
    assert!(from_slice::<serde::de::IgnoredAny>(&deep).is_err());
    assert!(to_value(&Value::parse(&deep, &limits).unwrap()).is_err());
    let less = [b"\x05\x0b".as_slice(), &b"\x02\0\0\0\x01".repeat(128), b"\x05"].concat();
    assert!(from_slice::<serde::de::IgnoredAny>(&less).is_ok());
    assert!(to_value(&Value::parse(&less, &limits).unwrap()).is_ok());

    // [\a, \a] with a = [\b, \b] with b = …: 2^60 ends.
    let mut bomb = b"\x05\x0b".to_vec();
    let mut tail = Vec::new();
    for level in 0..60_u32 {
        bomb.extend_from_slice(b"\x02\0\0\0\x02\x04");
        let inner = level * 2 + 2;
        tail.splice(0..0, [&b"\x04\0"[..], &inner.to_be_bytes()].concat());
    }
    bomb.extend_from_slice(b"\x05");
    bomb.extend_from_slice(&tail);
    let bomb = Value::parse(&bomb, &limits).unwrap();
    assert!(from_value::<serde::de::IgnoredAny>(&bomb).is_err());
    assert!(to_value(&bomb).is_err());
}

#[test]
fn keys_that_are_no_strings_are_refused() {
    let map = BTreeMap::from([(vec![1], 1)]);
    assert!(to_vec(&map, &Options::default()).unwrap_err().is_unsupported());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn maps_of_any_strings_come_back(map: BTreeMap<String, Vec<Option<String>>>) {
        let image = to_vec(&map, &Options::default()).unwrap();
        prop_assert_eq!(from_slice::<BTreeMap<String, Vec<Option<String>>>>(&image).unwrap(), map);
    }

    #[test]
    fn integers_come_back(list: Vec<(i64, u64)>) {
        let image = to_vec(&list, &Options::default()).unwrap();
        prop_assert_eq!(from_slice::<Vec<(i64, u64)>>(&image).unwrap(), list);
    }
}
