//! Storable's variables, by which a program says how it wants things frozen and thawed.

use std::ffi::CStr;

use crate::perl::Perl;
use crate::perl::scalar::Scalar;
use crate::{shim, state};

/// A variable of Storable's, `$Storable::canonical` and so on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Variable {
    /// Hashes are to be written with their keys sorted.
    Canonical,
    /// What can't be stored is replaced by a string that says so, with a warning.
    ForgiveMe,
    /// Code references are stored, as the source that B::Deparse makes of them.
    Deparse,
    /// Code references are revived: by this sub, or if it is just true by perl.
    Eval,
    /// What a thawing may do, where the caller does not say.
    Flags,
    /// Images of later minor versions are read as far as possible.
    AcceptFutureMinor,
    /// How deep arrays and references may lie in each other.
    RecursionLimit,
    /// How deep hashes may lie in each other.
    RecursionLimitHash,
}

impl Variable {
    /// How many there are.
    pub(crate) const COUNT: usize = 8;

    pub(crate) fn name(self) -> &'static CStr {
        match self {
            Variable::Canonical => c"Storable::canonical",
            Variable::ForgiveMe => c"Storable::forgive_me",
            Variable::Deparse => c"Storable::Deparse",
            Variable::Eval => c"Storable::Eval",
            Variable::Flags => c"Storable::flags",
            Variable::AcceptFutureMinor => c"Storable::accept_future_minor",
            Variable::RecursionLimit => c"Storable::recursion_limit",
            Variable::RecursionLimitHash => c"Storable::recursion_limit_hash",
        }
    }

    /// Its value now; undef if it was never set.
    pub(crate) fn get(self, perl: Perl) -> Scalar {
        // SAFETY: a glob of a package variable, which stays.
        let value = unsafe { shim::mc_glob_scalar(state::variable(perl, self)) };
        // SAFETY: alive while the glob has it.
        if value.is_null() { perl.undef() } else { unsafe { Scalar::from_raw(value) } }
    }
}
