//! What can be read can be written, and what is read from that is the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use storable::{Import, Options, Value};
use storable_fuzz::UNLIMITED;

fuzz_target!(|image: &[u8]| {
    let Ok(value) = Value::parse(image, &UNLIMITED) else { return };
    for options in [value.options(), Options::default()] {
        let written = value.write(&options).expect("what was read can be written");
        let again = Value::parse(&written, &UNLIMITED).expect("what was written can be read");
        assert!(value.same_at(value.root().id(), &again, again.root().id()), "{}", written.escape_ascii());
        assert!(again.same_at(again.root().id(), &value, value.root().id()), "{}", written.escape_ascii());
        assert_eq!(again.write(&options).expect("and written again"), written);
    }
    let mut copy = Value::parse(b"\x05\x0b\x03\0\0\0\0", &UNLIMITED).expect("an empty hash");
    let root = Import::new(&value).copy(&mut copy, value.root().id()).expect("all can be copied");
    assert!(copy.same_at(root, &value, value.root().id()));
});
