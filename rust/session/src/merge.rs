//! Merging: two requests changed one session, and both changes are kept.
//!
//! The unit is a key of the session itself. For each, three states are compared at any depth: what
//! both read (`base`), what is stored now (`theirs`), and what we want to store (`ours`). What we
//! did not change is theirs; what we set, changed below, or deleted is ours, also where they
//! changed it too: then the later save wins, as it would have without merging, and that is reported.
//! An integer and the same number as a string are no difference, since Perl turns one into the
//! other when it reads it.
//!
//! | base | theirs | ours | stored |
//! | --- | --- | --- | --- |
//! | a | a | b | b |
//! | a | b | a | b |
//! | a | - | a | - |
//! | a | b | - | -, reported |
//! | a | b | c | c, reported |
//! | - | b | c | c, reported |
//!
//! What keys share below the top level, they go on sharing among those that come from the same
//! side; a reference from one of our keys into one of theirs becomes a copy. What a class means by
//! its data is not known here: the value of a key is taken whole, from one side.

use std::collections::HashSet;

use storable::{Import, Key, KeyFlags, Limits, Node, Value};

use crate::error::SessionFault;

/// A key of a session, as a report names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyName {
    /// Its characters: UTF-8 where `utf8` says so, else one byte each.
    pub bytes: Vec<u8>,
    /// How they are written.
    pub utf8: bool,
}

impl KeyName {
    fn of(key: Key<'_>) -> KeyName {
        let utf8 = key.flags.contains(KeyFlags::UTF8);
        KeyName { bytes: key.bytes.into_owned(), utf8 }
    }
}

/// What came out.
#[derive(Debug)]
pub(crate) struct Merged {
    /// The session to store.
    pub(crate) bytes: Vec<u8>,
    /// The keys that they changed and we did not: the value is theirs.
    pub(crate) theirs: Vec<KeyName>,
    /// The keys that both sides changed, to different values: the value is ours.
    pub(crate) ours: Vec<KeyName>,
}

/// Merges three frozen hashes.
pub(crate) fn three_way(base: &[u8], theirs: &[u8], ours: &[u8], limits: &Limits) -> Result<Merged, SessionFault> {
    let theirs = Value::parse(theirs, limits).map_err(corrupt)?;
    let [base, ours] = [base, ours].map(|image| Value::parse(image, limits).map_err(unmergeable));
    let (base, ours) = (base?, ours?);
    let mut merged = theirs.clone();
    let mut import = Import::new(&ours);
    let mut taken = Vec::new();
    let mut won = Vec::new();
    for key in keys(&[&base, &theirs, &ours]) {
        let [before, their, our] = [&base, &theirs, &ours].map(|value| value.root().get(key.clone()));
        let they_changed = !same([(&base, before), (&theirs, their)]);
        if same([(&base, before), (&ours, our)]) {
            if they_changed {
                taken.push(KeyName::of(key));
            }
            continue;
        }
        if they_changed && !same([(&theirs, their), (&ours, our)]) {
            won.push(KeyName::of(key.clone()));
        }
        match our {
            Some(node) => {
                let copy = import.copy(&mut merged, node.id()).map_err(unmergeable)?;
                merged.insert(key, copy).map_err(corrupt)?;
            }
            None => {
                merged.remove(key).map_err(corrupt)?;
            }
        }
    }
    Ok(Merged { bytes: merged.write(&ours.options()).map_err(unmergeable)?, theirs: taken, ours: won })
}

/// Every key that occurs, once.
fn keys<'v>(values: &[&'v Value]) -> Vec<Key<'v>> {
    let mut seen = HashSet::new();
    values
        .iter()
        .flat_map(|value| value.root().entries())
        .map(|(key, _)| key)
        .filter(|key| seen.insert(key.clone()))
        .collect()
}

fn same([(a, a_node), (b, b_node)]: [(&Value, Option<Node<'_>>); 2]) -> bool {
    match (a_node, b_node) {
        (Some(a_node), Some(b_node)) => a.same_at(a_node.id(), b, b_node.id()),
        (a_node, b_node) => a_node.is_none() && b_node.is_none(),
    }
}

/// What is stored can't be understood.
fn corrupt(error: storable::Error) -> SessionFault {
    SessionFault::Corrupt(error.to_string())
}

/// What is to be stored can't be taken apart.
fn unmergeable(error: storable::Error) -> SessionFault {
    SessionFault::Corrupt(format!("another request saved it, and ours can't be merged: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;
    use std::collections::BTreeMap;
    use storable::{Options, RefKind, Writer};

    type Session = BTreeMap<String, String>;

    fn to_vec(value: &impl Serialize) -> storable::Result<Vec<u8>> {
        storable::to_vec(value, &Options::default())
    }

    /// `"a=1 b=2"` as a session.
    fn session(text: &str) -> Session {
        text.split_whitespace()
            .map(|pair| pair.split_once('=').unwrap())
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    fn merge(base: &Session, theirs: &Session, ours: &Session) -> (Session, Vec<String>, Vec<String>) {
        let [base, theirs, ours] = [base, theirs, ours].map(|session| to_vec(session).unwrap());
        let merged = three_way(&base, &theirs, &ours, &Limits::default()).unwrap();
        let [theirs, ours] = [merged.theirs, merged.ours].map(|keys| {
            let mut names: Vec<String> = keys.into_iter().map(|key| String::from_utf8(key.bytes).unwrap()).collect();
            names.sort();
            names
        });
        (storable::from_slice(&merged.bytes).unwrap(), theirs, ours)
    }

    #[test]
    fn the_table() {
        for (base, theirs, ours, expected, taken, won) in [
            ("k=a", "k=a", "k=a", "k=a", "", ""),
            ("k=a", "k=a", "k=b", "k=b", "", ""),
            ("k=a", "k=b", "k=a", "k=b", "k", ""),
            ("k=a", "", "k=a", "", "k", ""),
            ("k=a", "k=a", "", "", "", ""),
            ("k=a", "k=b", "", "", "", "k"),
            ("k=a", "", "k=b", "k=b", "", "k"),
            ("k=a", "", "", "", "", ""),
            ("k=a", "k=b", "k=c", "k=c", "", "k"),
            ("k=a", "k=b", "k=b", "k=b", "", ""),
            ("", "k=b", "k=c", "k=c", "", "k"),
            ("", "k=b", "k=b", "k=b", "", ""),
            ("", "k=b", "", "k=b", "k", ""),
            ("", "", "k=c", "k=c", "", ""),
            ("a=1 b=2", "a=1 b=3 c=4", "a=5 d=6", "a=5 c=4 d=6", "c", "b"),
            ("n=5", "n=6", "n=5", "n=6", "n", ""),
        ] {
            let (merged, keys, ours_won) = merge(&session(base), &session(theirs), &session(ours));
            let what = format!("{base} | {theirs} | {ours}");
            assert_eq!(merged, session(expected), "{what}");
            assert_eq!(keys.join(" "), taken, "{what}");
            assert_eq!(ours_won.join(" "), won, "{what}");
        }
    }

    proptest::proptest! {
        /// Whatever both sides did: each key is what the table says, and nothing else is there.
        #[test]
        fn every_key_is_as_the_table_says(base in sessions(), theirs in sessions(), ours in sessions()) {
            let (merged, taken, won) = merge(&base, &theirs, &ours);
            for key in "abcdefgh".chars().map(String::from) {
                let [before, their, our] = [&base, &theirs, &ours].map(|session| session.get(&key));
                let expected = if our == before { their } else { our };
                proptest::prop_assert_eq!(merged.get(&key), expected, "{}", &key);
                proptest::prop_assert_eq!(taken.contains(&key), our == before && their != before, "{}", &key);
                let both = our != before && their != before && our != their;
                proptest::prop_assert_eq!(won.contains(&key), both, "{}", &key);
            }
        }
    }

    /// Few keys and few values, so that the sides meet.
    fn sessions() -> impl proptest::strategy::Strategy<Value = Session> {
        proptest::collection::btree_map("[a-h]", "[x-z]", 0..8)
    }

    #[test]
    fn a_number_that_was_read_as_a_string_is_no_change() {
        let number = to_vec(&BTreeMap::from([("n", 5)])).unwrap();
        let string = to_vec(&BTreeMap::from([("n", "5")])).unwrap();
        let changed = to_vec(&BTreeMap::from([("n", 6)])).unwrap();
        let merged = three_way(&number, &changed, &string, &Limits::default()).unwrap();
        assert_eq!((merged.bytes, merged.ours), (changed, Vec::new()));
    }

    #[test]
    fn a_change_below_the_top_level_counts() {
        let nested = |x, y| to_vec(&BTreeMap::from([("a", vec![vec![x]]), ("b", vec![vec![y]])])).unwrap();
        let merged = three_way(&nested(1, 1), &nested(1, 2), &nested(3, 1), &Limits::default()).unwrap();
        assert!(storable::same(&merged.bytes, &nested(3, 2), &Limits::default()).unwrap());
    }

    #[test]
    fn keys_of_one_side_go_on_sharing() {
        // { a => $x, b => $x, t => N }, where $x is a reference to one array.
        let shared = |t, element| {
            let mut writer = Writer::new(&Options::default());
            writer.hash(3);
            let x = writer.number();
            writer.reference(RefKind::default());
            writer.array(1);
            writer.integer(element);
            writer.key(b"a").unwrap();
            writer.object(x);
            writer.key(b"b").unwrap();
            writer.integer(t);
            writer.key(b"t").unwrap();
            writer.finish()
        };
        let merged = three_way(&shared(1, 1), &shared(2, 1), &shared(1, 3), &Limits::default()).unwrap();
        assert!(storable::same(&merged.bytes, &shared(2, 3), &Limits::default()).unwrap());
    }

    #[test]
    fn what_is_no_frozen_hash_is_an_error() {
        let good = to_vec(&session("k=a")).unwrap();
        for [base, theirs, ours] in
            [[&b"x"[..], &good, &good], [&good, b"\x05\x0b\x03\0\0\0\x01", &good], [&good, &good, b""]]
        {
            assert!(matches!(three_way(base, theirs, ours, &Limits::default()), Err(SessionFault::Corrupt(_))));
        }
    }
}
