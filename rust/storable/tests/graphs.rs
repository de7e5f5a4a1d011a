//! Arbitrary graphs, with sharing, cycles, classes and every kind of scalar: what is written is read,
//! and reading it changes nothing.

mod support;

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use storable::{HashFlags, Import, KeyFlags, Limits, Options, Order, RefKind, Value, Writer, read, same};
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
        any::<prop::sample::Index>().prop_map(Plan::Back),
    ];
    scalar.prop_recursive(6, 80, 8, |inner| {
        let class = "(A|B|C::D|L{130})";
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Plan::Array),
            btree_map(vec(any::<u8>(), 0..12), inner.clone(), 0..8).prop_map(Plan::Hash),
            (any::<bool>(), btree_map((".{0,6}", any::<bool>()), inner.clone(), 0..8))
                .prop_map(|(restricted, pairs)| Plan::FlagHash(restricted, pairs)),
            (any::<bool>(), any::<bool>(), inner.clone())
                .prop_map(|(weak, overloaded, target)| { Plan::Reference(weak, overloaded, Box::new(target)) }),
            (class, inner).prop_map(|(class, object)| Plan::Blessed(class, Box::new(object))),
        ]
    })
}

fn write(plan: &Plan, writer: &mut Writer) {
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
            elements.iter().for_each(|element| write(element, writer));
        }
        Plan::Hash(pairs) => {
            writer.hash(pairs.len());
            for (key, value) in pairs {
                write(value, writer);
                writer.key(key).unwrap();
            }
        }
        Plan::FlagHash(restricted, pairs) => {
            writer.flag_hash(pairs.len(), HashFlags { flagged: true, restricted: *restricted });
            for ((key, locked), value) in pairs {
                write(value, writer);
                let flags = if *locked { KeyFlags::UTF8 | KeyFlags::LOCKED } else { KeyFlags::NONE };
                writer.flag_key(key.as_bytes(), flags).unwrap();
            }
        }
        Plan::Reference(weak, overloaded, target) => {
            writer.reference(RefKind { weak: *weak, overloaded: *overloaded });
            write(target, writer);
        }
        Plan::Blessed(class, object) => {
            if !matches!(**object, Plan::Immortal(_) | Plan::Back(_) | Plan::Blessed(..)) {
                writer.bless(class.as_bytes()).unwrap();
            }
            write(object, writer);
        }
        Plan::Back(pick) => match usize::try_from(writer.number()).unwrap() {
            0 => writer.undef(),
            before => writer.object(u64::try_from(pick.index(before)).unwrap()),
        },
    }
}

fn image(plan: &Plan, options: &Options) -> Vec<u8> {
    let mut writer = Writer::new(options);
    write(plan, &mut writer);
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
        write(&plan, &mut writer);
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
