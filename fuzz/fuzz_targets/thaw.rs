//! Whatever the bytes, reading them ends with a value or an error, in bounded memory.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use storable::{Header, Limits, Value, from_value};
use storable_fuzz::UNLIMITED;
use storable_fuzz::memory::{Counting, bounded};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fuzz_target!(|image: &[u8]| {
    let _ = Header::parse(image);
    let limited = bounded(image, || Value::parse(image, &Limits::default()));
    let unlimited = bounded(image, || Value::parse(image, &UNLIMITED));
    match (limited, unlimited) {
        (Ok(_), Ok(value)) => drop(from_value::<IgnoredAny>(&value)),
        (Err(limited), Ok(_)) => assert!(limited.is_limit(), "{limited}"),
        (Err(limited), Err(unlimited)) => {
            assert!(limited.is_limit() || limited.to_string() == unlimited.to_string());
            assert!(unlimited.offset().is_some_and(|at| at <= image.len()), "{unlimited}");
        }
        (Ok(_), Err(unlimited)) => panic!("only without limits: {unlimited}"),
    }
});
