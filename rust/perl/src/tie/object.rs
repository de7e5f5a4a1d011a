//! The object behind a tied session: a hash with Apache::Session's keys, whose methods are partly ours, partly its own.

mod data;

use std::ffi::CStr;

use libperl_sys::{self as sys, CV, thx};
use session::Principal;

use crate::error::{Error, Result};
use crate::perl::hash::Hash;
use crate::perl::scalar::Scalar;
use crate::perl::shim;
use crate::perl::{Owned, Perl};
use crate::state::{self, Class, Sub};
use crate::tie::life::{self, Session, SharedSession, borrow};
use crate::tie::options::{Caller, Options};

/// Apache::Session's bits in `status`.
pub(crate) const NEW: i64 = 1;
pub(crate) const MODIFIED: i64 = 2;
pub(crate) const DELETED: i64 = 4;
pub(crate) const SYNCED: i64 = 8;
/// Ours: a reference into the session was handed out, so it may change without a `STORE`.
pub(crate) const LENT: i64 = 16;

pub(crate) const CLASS: &str = "Apache::Session::Memorycached";

/// The subs that `populate` puts into an object, beside its store and its lock.
const SUBS: [(&str, Sub); 4] = [
    ("generate", Sub::Generate),
    ("validate", Sub::Validate),
    ("serialize", Sub::Serialize),
    ("unserialize", Sub::Unserialize),
];

/// An object with Apache::Session's keys, of our class or of any other.
#[derive(Clone, Copy)]
pub(crate) struct Object {
    pub(crate) perl: Perl,
    pub(crate) hash: Hash,
}

impl Object {
    /// What `populate` does: gives the object its store, its lock and its subs. Returns the session behind them.
    pub(crate) fn populate(self, warnings: &mut Vec<String>) -> Result<SharedSession> {
        let (perl, hash) = (self.perl, self.hash);
        let session = self.open(self.caller(), warnings)?;
        hash.set(perl, "object_store", store_object(perl, &session))?;
        hash.set(perl, "lock_manager", blessed(perl, Class::Lock))?;
        for (key, sub) in SUBS {
            hash.set(perl, key, reference_to_sub(perl, sub)?)?;
        }
        Ok(session)
    }

    /// A new object of our class with these arguments and this session, and with all that `populate` would give it.
    ///
    /// Most of an object is the same for all, and is copied in one go.
    pub(crate) fn create(perl: Perl, args: Owned, session: &SharedSession) -> Result<Owned> {
        let tied = blessed_hash(perl, state::template(perl, make_template)?, Class::Tie);
        let hash = tied.scalar().hash().expect("a new hash");
        hash.set(perl, "args", args)?;
        hash.set(perl, "object_store", store_object(perl, session))?;
        life::attach(perl, hash.scalar(), session);
        Ok(tied)
    }

    /// A session with the arguments of this object.
    pub(crate) fn open(self, caller: Caller, warnings: &mut Vec<String>) -> Result<SharedSession> {
        let options = match self.hash.get(self.perl, "args").filter(|args| args.is_defined()) {
            Some(args) => Options::read(self.perl, args.expect_hash("args")?, caller, warnings)?,
            None => {
                let none = self.perl.hash();
                // SAFETY: a new hash, alive until the end of this block.
                let none_hash = unsafe { Hash::from_raw(none.scalar().raw().cast()) };
                Options::read(self.perl, none_hash, caller, warnings)?
            }
        };
        Ok(SharedSession::new(Session::new(options).into()))
    }

    /// Whether the object is of our class or a class of its own.
    fn caller(self) -> Caller {
        // SAFETY: an object is blessed; its class is compared only.
        if unsafe {
            self.hash.scalar().is_object()
                && sys::SvSTASH(self.hash.raw().cast()) == state::stash(self.perl, Class::Tie)
        } {
            return Caller::Tie;
        }
        if self.derives_from(c"Apache::Session::Memorycached") { Caller::Tie } else { Caller::Foreign }
    }

    /// Whether it is an Apache::Session, and not only a hash that looks like one.
    pub(crate) fn is_session_class(self) -> bool {
        self.derives_from(c"Apache::Session")
    }

    fn derives_from(self, class: &CStr) -> bool {
        let object = self.perl.reference(self.hash.scalar());
        // SAFETY: looks at the ancestry of the object's class.
        unsafe { thx::Perl_sv_derived_from(self.perl.raw(), object.scalar().raw(), class.as_ptr()) }
    }

    /// The session behind this object, or behind its store.
    pub(crate) fn session(self) -> Option<SharedSession> {
        life::behind(self.hash.scalar()).or_else(|| {
            let store = self.hash.get(self.perl, "object_store")?.target()?;
            life::behind(store)
        })
    }

    /// Whether saving and restoring is all ours: our store, and our serializer.
    pub(crate) fn is_native(self) -> bool {
        let store = self.hash.get(self.perl, "object_store").and_then(Scalar::target);
        // During global destruction the store may be gone already; ours is behind the object, too.
        let ours = match store {
            Some(store) => life::behind(store).is_some(),
            None => life::behind(self.hash.scalar()).is_some(),
        };
        ours && self.serializer() == Serializer::Ours
    }

    /// Whose serializer the object has.
    pub(crate) fn serializer(self) -> Serializer {
        let sub = self.hash.get(self.perl, "serialize").and_then(Scalar::code);
        if sub.is_some() && state::sub(self.perl, Sub::Serialize) == sub {
            Serializer::Ours
        } else if sub.is_some() && STORABLES.iter().any(|name| self.perl.sub(name) == sub) {
            Serializer::Storable
        } else {
            Serializer::Other
        }
    }

    pub(crate) fn status(self) -> i64 {
        self.hash.get(self.perl, "status").map_or(0, |status| status.plain_integer(self.perl))
    }

    pub(crate) fn set_status(self, status: i64) -> Result<()> {
        if self.hash.get(self.perl, "status").is_some_and(|former| former.change_integer(status)) {
            return Ok(());
        }
        self.hash.set(self.perl, "status", self.perl.integer(status))
    }

    /// Sets Apache::Session's word about locks.
    pub(crate) fn set_lock(self, lock: i64) -> Result<()> {
        if self.hash.get(self.perl, "lock").is_some_and(|former| former.change_integer(lock)) {
            return Ok(());
        }
        self.hash.set(self.perl, "lock", self.perl.integer(lock))
    }

    /// Whether a save would find anything to do.
    pub(crate) fn has_changes(self) -> bool {
        self.status() & (NEW | MODIFIED | DELETED | LENT) != 0
    }

    /// Takes some bits out of the status and puts others in.
    pub(crate) fn change_status(self, out: i64, in_: i64) -> Result<()> {
        let status = self.status();
        let changed = status & !out | in_;
        if changed == status { Ok(()) } else { self.set_status(changed) }
    }

    /// Digests the principal, and puts the digest into the data as 2.2.1 does, under `NAME_MD5`.
    pub(crate) fn principal(self, session: &SharedSession) -> Result<Option<Principal>> {
        let Some(name) = borrow(session)?.options.principal.clone() else {
            return Ok(None);
        };
        let key = self.perl.text(&name);
        let Some(value) = self.fetch(&key.scalar().key(self.perl)?)? else {
            return Ok(None);
        };
        if !value.is_defined() {
            return Ok(None);
        }
        let value = value.to_bytes(self.perl)?;
        if value.is_empty() {
            return Ok(None);
        }
        let principal = Principal::of(&value);
        let key = self.perl.text(&format!("{name}_MD5"));
        let key = key.scalar().key(self.perl)?;
        let known = match self.fetch(&key)? {
            Some(known) => known.to_bytes(self.perl)? == principal.digest().as_bytes(),
            None => false,
        };
        if !known && let Some(former) = self.store(&key, self.perl.text(principal.digest()))? {
            former.free()?;
        }
        Ok(Some(principal))
    }

    /// The principal whose reverse record the session has left, from the digest in its data.
    pub(crate) fn recorded_principal(self, session: &SharedSession) -> Result<Option<Principal>> {
        let Some(name) = borrow(session)?.options.principal.clone() else {
            return Ok(None);
        };
        let key = self.perl.text(&format!("{name}_MD5"));
        let Some(digest) = self.fetch(&key.scalar().key(self.perl)?)? else {
            return Ok(None);
        };
        Ok(Principal::from_digest(&digest.to_text(self.perl)?).ok())
    }
}

/// Whose serializer a session uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Serializer {
    Ours,
    /// One of Apache::Session's, whose bytes are the same as ours.
    Storable,
    /// Any other, whose bytes mean nothing to us.
    Other,
}

/// The serializers that write Storable's bytes.
const STORABLES: [&CStr; 2] =
    [c"Apache::Session::Serialize::Storable::serialize", c"Apache::Session::Serialize::Memorycached::serialize"];

/// An `Apache::Session::Store::Memorycached` for this session.
pub(crate) fn store_object(perl: Perl, session: &SharedSession) -> Owned {
    let store = blessed(perl, Class::Store);
    life::attach(perl, store.scalar().target().expect("a new reference"), session);
    store
}

/// What the objects of our class have in common.
fn make_template(perl: Perl) -> Result<Owned> {
    let template = perl.hash();
    // SAFETY: a new hash, alive until it is returned.
    let hash = unsafe { Hash::from_raw(template.scalar().raw().cast()) };
    for key in ["args", "data", "serialized", "object_store"] {
        hash.set(perl, key, perl.undef().copy(perl)?)?;
    }
    for key in ["lock", "status"] {
        hash.set(perl, key, perl.integer(0))?;
    }
    hash.set(perl, "lock_manager", blessed(perl, Class::Lock))?;
    for (key, sub) in SUBS {
        hash.set(perl, key, reference_to_sub(perl, sub)?)?;
    }
    Ok(template)
}

fn reference_to_sub(perl: Perl, sub: Sub) -> Result<Owned> {
    let code = state::sub(perl, sub).ok_or_else(|| Error::text(format!("{sub:?} is not defined")))?;
    // SAFETY: a sub is a scalar to perl.
    Ok(perl.reference(unsafe { Scalar::from_raw(code.cast()) }))
}

/// A reference to this new hash, as an object of the class.
fn blessed_hash(perl: Perl, hash: Owned, class: Class) -> Owned {
    // SAFETY: a new hash and a live class.
    unsafe { shim::mc_bless(perl.raw(), hash.scalar().raw(), state::stash(perl, class)) };
    perl.reference_to(hash)
}

/// A new empty hash of this class.
fn blessed(perl: Perl, class: Class) -> Owned {
    blessed_hash(perl, perl.hash(), class)
}

/// A sub of Apache::Session that ours stands in front of.
pub(crate) fn inherited(perl: Perl, name: &CStr) -> Result<*mut CV> {
    perl.sub(name).ok_or_else(|| Error::text(format!("{name:?} is not defined")))
}
