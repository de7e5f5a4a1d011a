//! What the installed Storable accepts without hooks is accepted, as the same value.

#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use storable::Value;
use storable_fuzz::UNLIMITED;
use storable_fuzz::differences::{self, Ours};
use storable_fuzz::peer::{Answer, Peer};

thread_local! {
    static PEER: RefCell<Peer> = RefCell::new(Peer::start());
}

fuzz_target!(|image: &[u8]| {
    let Some(ours) = differences::read(image) else { return };
    PEER.with_borrow_mut(|peer| {
        if let Err(first) = compare(&ours, peer.ask(ours.image)) {
            // What bytes did to the perl before may be to blame: a new one has the last word.
            *peer = Peer::start();
            if let Err(second) = compare(&ours, peer.ask(ours.image)) {
                panic!("{second} (at first: {first}), for {}", ours.image.escape_ascii());
            }
        }
    });
});

fn compare(ours: &Ours<'_>, answer: Answer) -> Result<(), String> {
    let value = match (&ours.value, &answer) {
        (_, Answer::Refused(_) | Answer::Crashed) => return Ok(()),
        (Err(error), Answer::Read | Answer::Frozen(_)) => return Err(format!("only Storable reads it; here: {error}")),
        (Ok(value), _) => value,
    };
    let Answer::Frozen(frozen) = answer else { return Ok(()) };
    if !ours.comparable {
        return Ok(());
    }
    let theirs = Value::parse(&frozen, &UNLIMITED).map_err(|error| format!("Storable's own image: {error}"))?;
    match value.same_at(value.root().id(), &theirs, theirs.root().id()) {
        true => Ok(()),
        false => Err(format!("Storable reads it as {}", frozen.escape_ascii())),
    }
}
