//! What was counted and what was merged, as Perl data.

use libperl_sys::thx;
use session::KeyName;

use crate::error::Result;
use crate::perl::hash::Hash;
use crate::perl::{Owned, Perl};
use crate::tie::life::Merged;

/// `{ theirs => [KEYS], ours => [KEYS] }`
pub(crate) fn conflicts(perl: Perl, merged: &Merged) -> Result<Owned> {
    let report = perl.hash();
    for (name, keys) in [("theirs", &merged.theirs), ("ours", &merged.ours)] {
        set(perl, &report, name, key_names(perl, keys))?;
    }
    Ok(perl.reference_to(report))
}

/// `{ reads => 1, …, errors => { timeout => 0, … } }`
pub(crate) fn stats(perl: Perl) -> Result<Owned> {
    let (report, errors) = (perl.hash(), perl.hash());
    for (name, value) in session::stats() {
        let value = perl.integer(i64::try_from(value).unwrap_or(i64::MAX));
        match name.strip_prefix("errors.") {
            Some(kind) => set(perl, &errors, kind, value)?,
            None => set(perl, &report, name, value)?,
        }
    }
    set(perl, &report, "errors", perl.reference_to(errors))?;
    Ok(perl.reference_to(report))
}

fn set(perl: Perl, hash: &Owned, key: &str, value: Owned) -> Result<()> {
    // SAFETY: a new hash, which its owner keeps alive.
    unsafe { Hash::from_raw(hash.scalar().raw().cast()) }.set(perl, key, value)
}

/// A reference to an array of the names, in their order as text.
fn key_names(perl: Perl, keys: &[KeyName]) -> Owned {
    let mut keys: Vec<&KeyName> = keys.iter().collect();
    keys.sort();
    // SAFETY: a new array, which takes over each name and is taken over by the reference.
    let array = unsafe {
        let array = thx::Perl_newSV(perl.raw(), 0);
        thx::Perl_sv_upgrade(perl.raw(), array, libperl_sys::svtype::SVt_PVAV);
        for key in keys {
            let name = match std::str::from_utf8(&key.bytes) {
                Ok(text) if key.utf8 => perl.text(text),
                _ => perl.bytes(&key.bytes),
            };
            thx::Perl_av_push(perl.raw(), array.cast(), name.into_raw());
        }
        Owned::from_raw(perl, array)
    };
    perl.reference_to(array)
}
