//! Values of all lengths, alone and together: the long ones stay where they were received, and are sent from where they
//! lie.

mod support;

use session::{Body, Client, Key, Mode, NoWait, Store};
use storable::Output;
use support::scripted::Scripted;
use support::scripted::Step::{Commands, Say};
use support::*;

const LENGTHS: [usize; 12] = [0, 1, 4_095, 4_096, 4_097, 14_000, 16_382, 16_384, 33_000, 100_000, 250_000, 600_000];

fn value(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 31 + length) as u8).collect()
}

#[test]
fn values_of_all_lengths_are_read_in_any_order() {
    let Some(server) = Memcached::start() else { return };
    let mut client = Client::open(server.config()).unwrap();
    let keys: Vec<String> = LENGTHS.iter().map(|length| format!("k{length}")).collect();
    for (key, length) in keys.iter().zip(LENGTHS) {
        client.store(Key::new(key.as_bytes()), &value(length), 0, 0, Mode::Set, &mut NoWait).unwrap();
    }
    let mut state = 1_u32;
    for round in 0..200 {
        let picked: Vec<usize> = (0..round % 7 + 1)
            .map(|_| {
                state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
                (state >> 16) as usize % LENGTHS.len()
            })
            .collect();
        let asked: Vec<Key<'_>> = picked.iter().map(|&index| Key::new(keys[index].as_bytes())).collect();
        let (values, errors) = client.get_multi(&asked, None, &mut NoWait).unwrap();
        assert!(errors.is_empty(), "{errors:?}");
        for (index, found) in picked.iter().zip(values) {
            assert!(found.unwrap().bytes == value(LENGTHS[*index]), "round {round}: {picked:?}");
        }
    }
}

/// The answer to a read, with what comes after its value.
fn answer(length: usize, end: &str) -> &'static str {
    format!("VA {length} f1 c7 {{O}}\r\n{}{end}", "v".repeat(length)).leak()
}

#[test]
fn a_long_value_with_a_wrong_end_is_no_answer() {
    for length in [20_000, 100_000] {
        for good in 0..3 {
            let mut steps = vec![vec![Commands(1), Say(answer(length, "\r\n"))]; good].concat();
            steps.extend([Commands(1), Say(answer(length, "vv\r\n"))]);
            let server = Scripted::start(vec![steps]);
            let mut store = Store::open(server.config()).unwrap();
            for _ in 0..good {
                assert_eq!(loaded(&mut store, &id("x")).body, vec![b'v'; length]);
            }
            let error = store.load(&id("x"), &mut NoWait).unwrap_err().to_string();
            assert_eq!(error, format!("memcached {}: answered out of step: \"vv\"", server.address));
        }
    }
}

#[test]
fn what_lies_in_pieces_is_stored_whole() {
    let directory = tempfile::tempdir().unwrap();
    let memcached = Memcached::start();
    let configs = memcached.iter().map(Memcached::config).chain([embedded(&path(&directory, "sessions"), 10 << 20)]);
    for config in configs.flat_map(|config| [config.clone(), session::Config { compress_threshold: Some(1), ..config }])
    {
        let mut store = Store::open(config).unwrap();
        let id = new_id();
        let opaque = |bytes: session::Bytes| Body::opaque(bytes);
        store.insert(&id, opaque(value(100_000).into()), None, &mut NoWait).unwrap();
        let mut base = loaded(&mut store, &id);
        for step in 0..4_u8 {
            let mut patch = base.body.patch(Vec::new());
            patch.append(&[step; 3]);
            patch.append_from(&base.body, 10..40_000);
            patch.append(&[step]);
            patch.append_from(&base.body, 40_001..base.body.len());
            let patched = patch.finish();
            let saved = store.save(&id, Some(&base), opaque(patched.clone()), None, &mut NoWait).unwrap();
            base = saved.base.unwrap();
            assert!(loaded(&mut store, &id).body == patched && base.body == patched);
        }
    }
}
