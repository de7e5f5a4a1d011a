//! Arbitrary graphs, with sharing, cycles, classes, objects of hooks, ties and every kind of scalar: what is
//! written is read, and reading it changes nothing.

mod support;

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use storable::{HashFlags, Import, KeyFlags, Limits, Options, Order, RefKind, Shape, Value, Writer, read, same};
use support::Ledger;

/// A value to be written; those before it can be referred to by number.
#[derive(Clone, Debug)]
enum Plan {
    Undef,
    Immortal(u8),
    Boolean(bool),
    Integer(i64),
    Double(f64),
    Bytes(Vec<u8>),
    Text(String),
    Vstring(Vec<u8>),
    Array(Vec<Plan>),
    Hash(BTreeMap<Vec<u8>, Plan>),
    FlagHash(bool, BTreeMap<(String, bool), Plan>),
    Reference(bool, bool, Box<Plan>),
    Blessed(String, Box<Plan>),
    /// The class, the string, what it refers to, and the object behind it if it is tied.
    Hooked(Shape, String, Vec<u8>, Vec<Plan>, Option<Box<Plan>>),
    Tied(Shape, Box<Plan>),
    TiedKey(Box<Plan>, Box<Plan>),
    TiedIndex(Box<Plan>, i32),
    Code(String, bool),
    Regexp(Vec<u8>, String),
    /// A value before this one, picked from all of them.
    Back(prop::sample::Index),
}

fn plan() -> impl Strategy<Value = Plan> {
    let scalar = prop_oneof![
        Just(Plan::Undef),
        (0_u8..4).prop_map(Plan::Immortal),
        any::<bool>().prop_map(Plan::Boolean),
        prop_oneof![any::<i64>(), any::<i32>().prop_map(i64::from), -200_i64..200].prop_map(Plan::Integer),
        any::<f64>().prop_map(Plan::Double),
        vec(any::<u8>(), 0..300).prop_map(Plan::Bytes),
        ".{0,90}".prop_map(Plan::Text),
        vec(any::<u8>(), 0..9).prop_map(Plan::Vstring),
        (".{0,90}", any::<bool>()).prop_map(|(source, utf8)| Plan::Code(source, utf8)),
        (vec(any::<u8>(), 0..300), "[a-z]{0,5}").prop_map(|(pattern, modifiers)| Plan::Regexp(pattern, modifiers)),
        any::<prop::sample::Index>().prop_map(Plan::Back),
    ];
    scalar.prop_recursive(6, 80, 8, |inner| {
        let class = "(A|B|C::D|L{130}|H{300})";
        let shape = prop_oneof![Just(Shape::Scalar), Just(Shape::Array), Just(Shape::Hash)];
        let boxed = || inner.clone().prop_map(Box::new);
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Plan::Array),
            btree_map(vec(any::<u8>(), 0..12), inner.clone(), 0..8).prop_map(Plan::Hash),
            (any::<bool>(), btree_map((".{0,6}", any::<bool>()), inner.clone(), 0..8))
                .prop_map(|(restricted, pairs)| Plan::FlagHash(restricted, pairs)),
            (any::<bool>(), any::<bool>(), inner.clone())
                .prop_map(|(weak, overloaded, target)| { Plan::Reference(weak, overloaded, Box::new(target)) }),
            (class, boxed()).prop_map(|(class, object)| Plan::Blessed(class, object)),
            (shape.clone(), class, vec(any::<u8>(), 0..300), vec(inner.clone(), 0..6), option::of(boxed()))
                .prop_map(|(shape, class, bytes, refs, tied)| Plan::Hooked(shape, class, bytes, refs, tied)),
            (shape, boxed()).prop_map(|(shape, object)| Plan::Tied(shape, object)),
            (boxed(), boxed()).prop_map(|(object, key)| Plan::TiedKey(object, key)),
            (boxed(), any::<i32>()).prop_map(|(object, index)| Plan::TiedIndex(object, index)),
        ]
    })
}

/// Writes a plan. `subs` are the numbers of subs: what follows one is its source, which no other value refers to.
fn write(plan: &Plan, writer: &mut Writer, subs: &mut Vec<u64>) {
    match plan {
        Plan::Undef => writer.undef(),
        Plan::Immortal(0) => writer.sv_undef(),
        Plan::Immortal(1) => writer.yes(),
        Plan::Immortal(2) => writer.no(),
        Plan::Immortal(_) => writer.elem_undef(),
        Plan::Boolean(value) => writer.boolean(*value),
        Plan::Integer(value) => writer.integer(*value),
        Plan::Double(value) => writer.double(*value),
        Plan::Bytes(bytes) => writer.bytes(bytes),
        Plan::Text(text) => writer.text(text.as_bytes()),
        Plan::Vstring(source) => {
            writer.vstring(source).unwrap();
            writer.text(b"\x01\x02");
        }
        Plan::Array(elements) => {
            writer.array(elements.len());
            elements.iter().for_each(|element| write(element, writer, subs));
        }
        Plan::Hash(pairs) => {
            writer.hash(pairs.len());
            for (key, value) in pairs {
                write(value, writer, subs);
                writer.key(key).unwrap();
            }
        }
        Plan::FlagHash(restricted, pairs) => {
            writer.flag_hash(pairs.len(), HashFlags { flagged: true, restricted: *restricted });
            for ((key, locked), value) in pairs {
                write(value, writer, subs);
                let flags = if *locked { KeyFlags::UTF8 | KeyFlags::LOCKED } else { KeyFlags::NONE };
                writer.flag_key(key.as_bytes(), flags).unwrap();
            }
        }
        Plan::Reference(weak, overloaded, target) => {
            writer.reference(RefKind { weak: *weak, overloaded: *overloaded });
            write(target, writer, subs);
        }
        Plan::Blessed(class, object) => {
            if !matches!(**object, Plan::Immortal(_) | Plan::Back(_) | Plan::Blessed(..) | Plan::Hooked(..)) {
                writer.bless(class.as_bytes()).unwrap();
            }
            write(object, writer, subs);
        }
        Plan::Hooked(shape, class, bytes, refs, tied) => {
            let mut frame = writer.hook(*shape, tied.is_some(), bytes.len());
            let mut numbers = Vec::new();
            for plan in refs {
                match back(plan, writer, subs) {
                    Some(number) => numbers.push(number),
                    None => {
                        writer.hook_value(&mut frame);
                        numbers.push(writer.number());
                        write(plan, writer, subs);
                    }
                }
            }
            writer.hook_end(frame, class.as_bytes(), bytes, &numbers).unwrap();
            if let Some(object) = tied {
                write(object, writer, subs);
            }
        }
        Plan::Tied(shape, object) => {
            writer.tied(*shape);
            write(object, writer, subs);
        }
        Plan::TiedKey(object, key) => {
            writer.tied_key();
            write(object, writer, subs);
            write(key, writer, subs);
        }
        Plan::TiedIndex(object, index) => {
            writer.tied_index();
            write(object, writer, subs);
            writer.index(*index);
        }
        Plan::Code(source, utf8) => {
            subs.push(writer.number());
            writer.code();
            if *utf8 { writer.text(source.as_bytes()) } else { writer.bytes(source.as_bytes()) }
        }
        Plan::Regexp(pattern, modifiers) => writer.regexp(pattern, modifiers.as_bytes()).unwrap(),
        Plan::Back(_) => match back(plan, writer, subs) {
            None => writer.undef(),
            Some(number) => writer.object(number),
        },
    }
}

/// The number of the value that a plan refers back to, if that is what it does.
fn back(plan: &Plan, writer: &Writer, subs: &[u64]) -> Option<u64> {
    match plan {
        Plan::Back(_) if writer.number() == 0 => None,
        Plan::Back(pick) => {
            let number = u64::try_from(pick.index(usize::try_from(writer.number()).unwrap())).unwrap();
            let is_source = number.checked_sub(1).is_some_and(|before| subs.contains(&before));
            Some(number - u64::from(is_source))
        }
        Plan::Blessed(_, object) => back(object, writer, subs),
        _ => None,
    }
}

fn image(plan: &Plan, options: &Options) -> Vec<u8> {
    let mut writer = Writer::new(options);
    write(plan, &mut writer, &mut Vec::new());
    writer.finish()
}

fn options() -> impl Strategy<Value = Options> {
    (any::<bool>(), any::<bool>()).prop_map(|(native, booleans)| Options {
        order: if native { Order::Native } else { Order::Network },
        booleans,
        ..Options::default()
    })
}

fn parse(image: &[u8]) -> Value {
    Value::parse(image, &Limits::default()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_and_writing_again_gives_the_same_bytes(plan in plan(), options in options()) {
        let image = image(&plan, &options);
        let value = parse(&image);
        let order = value.options().order;
        prop_assert_eq!(order, options.order);
        prop_assert_eq!(value.write(&Options { booleans: options.booleans, ..value.options() }).unwrap(), image);
    }

    #[test]
    fn a_value_is_the_same_as_itself_in_either_order(plan in plan()) {
        let [a, b] = [Order::Network, Order::Native]
            .map(|order| image(&plan, &Options { order, ..Options::default() }));
        let (a, b) = (parse(&a), parse(&b));
        prop_assert!(a.same_at(a.root().id(), &a, a.root().id()));
        prop_assert_eq!(
            a.same_at(a.root().id(), &b, b.root().id()),
            b.same_at(b.root().id(), &a, a.root().id())
        );
    }

    #[test]
    fn an_imported_value_is_the_same(plan in plan(), options in options()) {
        let from = parse(&image(&plan, &options));
        let mut to = parse(b"\x05\x0b\x03\0\0\0\0");
        let mut import = Import::new(&from);
        let copy = import.copy(&mut to, from.root().id()).unwrap();
        prop_assert!(to.same_at(copy, &from, from.root().id()));
        prop_assert_eq!(import.copy(&mut to, from.root().id()).unwrap(), copy);
        to.insert("copy", copy).unwrap();
        let again = parse(&to.write(&options).unwrap());
        prop_assert!(again.same_at(again.root().get("copy").unwrap().id(), &from, from.root().id())
            || options.order == Order::Network, "only doubles may lose digits");
    }

    #[test]
    fn each_value_is_numbered_as_it_is_read(plan in plan(), options in options()) {
        let mut writer = Writer::new(&options);
        write(&plan, &mut writer, &mut Vec::new());
        let count = writer.number();
        let mut ledger = Ledger::failing_after(None);
        read(&writer.finish(), &Limits::default(), &mut ledger).unwrap();
        prop_assert_eq!(u64::try_from(ledger.made()).unwrap(), count);
    }

    #[test]
    fn any_bytes_at_all_are_a_value_or_an_error(body in vec(any::<u8>(), 0..200)) {
        let image = [b"\x05\x0b".as_slice(), &body].concat();
        let _ = same(&image, b"\x05\x0b\x05", &Limits::default());
    }

    #[test]
    fn few_tags_at_random_are_a_value_or_an_error(body in vec(0_u8..36, 0..60)) {
        let image = [b"\x05\x0b".as_slice(), &body].concat();
        let mut ledger = Ledger::failing_after(None);
        if read(&image, &Limits::default(), &mut ledger).is_err() {
            prop_assert_eq!(ledger.left(), 0);
        }
        prop_assert!(ledger.reserved <= image.len());
    }
}
