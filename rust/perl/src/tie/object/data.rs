//! The data of a session, key by key or as a whole.
//!
//! What an object of our own class has read is [`Lazy`]: whoever asks for one key here gets it without the others being made.
//! [`Object::data`] is the whole, and for all that works with the hash itself.

use std::cell::{RefCell, RefMut};
use std::rc::Rc;

use libperl_sys::{self as sys, svtype};
use session::{Bytes, Id};
use storable::Limits;

use super::Object;
use crate::codec::classes::Classes;
use crate::codec::freeze::{Freeze, freeze, splice};
use crate::codec::thaw::{Thaw, thaw};
use crate::codec::variables::Variable;
use crate::error::{Error, Result};
use crate::native;
use crate::perl::Owned;
use crate::perl::hash::Hash;
use crate::perl::scalar::{Key, Name, Scalar};
use crate::state::{self, Class};
use crate::tie::lazy::{self, Lazy};
use crate::tie::life::{SharedSession, borrow};

const ID: &str = "_session_id";

impl Object {
    /// The hash that the session's user sees, whole.
    pub(crate) fn data(self) -> Result<Hash> {
        let (data, lazy) = self.parts()?;
        if lazy.is_some() {
            self.complete()?;
        }
        Ok(data)
    }

    /// The hash as it is now, and what it does not have yet.
    fn parts(self) -> Result<(Hash, Option<Rc<RefCell<Lazy>>>)> {
        let Some(slot) = self.slot() else {
            return Err(Error::text(NO_DATA));
        };
        match slot.hash() {
            Some(data) if !data.is_tied() => Ok((data, lazy_behind(slot))),
            Some(_) => Err(Error::text("the session's data is a tied hash; takes a plain one")),
            None => Err(Error::text(NO_DATA)),
        }
    }

    fn slot(self) -> Option<Scalar> {
        self.hash.get(self.perl, "data")
    }

    /// Makes all values that are not made yet.
    #[cold]
    fn complete(self) -> Result<()> {
        if let Some(slot) = self.slot() {
            lazy::complete(self.perl, slot)?;
            native::detach::<Lazy>(self.perl, slot);
        }
        Ok(())
    }

    /// The value of a key.
    pub(crate) fn fetch(self, key: &Key) -> Result<Option<Scalar>> {
        let (data, lazy) = self.parts()?;
        let found = data.fetch(self.perl, key)?;
        let (Some(lazy), None) = (lazy, found) else {
            return Ok(found);
        };
        if !change(&lazy)?.search() {
            self.complete()?;
        } else if !change(&lazy)?.make(self.perl, data, &key.name(self.perl)?)? {
            return Ok(None);
        }
        data.fetch(self.perl, key)
    }

    pub(crate) fn exists(self, key: &Key) -> Result<bool> {
        let (data, lazy) = self.parts()?;
        let exists = data.exists(self.perl, key)?;
        let (Some(lazy), false) = (lazy, exists) else {
            return Ok(exists);
        };
        if !change(&lazy)?.search() {
            self.complete()?;
            return data.exists(self.perl, key);
        }
        Ok(change(&lazy)?.bytes(&key.name(self.perl)?).is_some())
    }

    /// Stores a value, and gives back the reference that was there.
    pub(crate) fn store(self, key: &Key, value: Owned) -> Result<Option<Owned>> {
        let (data, lazy) = self.parts()?;
        let former = data.fetch(self.perl, key)?;
        if let (Some(lazy), None) = (lazy, former) {
            if !change(&lazy)?.search() {
                self.complete()?;
            } else {
                let name = key.name(self.perl)?;
                data.store(self.perl, key, value)?;
                change(&lazy)?.take(&name);
                return Ok(None);
            }
        }
        // What the key had may be an object, whose end may run code.
        let former = former.filter(|former| former.is_reference()).map(|former| former.own(self.perl));
        data.store(self.perl, key, value)?;
        Ok(former)
    }

    /// Takes a key out; its value is returned.
    pub(crate) fn delete(self, key: &Key) -> Result<Option<Scalar>> {
        let (data, lazy) = self.parts()?;
        if lazy.is_some() {
            self.fetch(key)?;
        }
        data.delete(self.perl, key)
    }

    pub(crate) fn set_data(self, data: Owned) -> Result<()> {
        self.hash.set(self.perl, "data", self.perl.reference_to(data))
    }

    /// New data: nothing but the id, or nothing at all.
    pub(crate) fn fresh_data(self, id: Option<&Id>) -> Result<()> {
        let data = self.perl.hash();
        if let Some(id) = id {
            as_hash(&data).set(self.perl, ID, self.perl.bytes(id.as_bytes()))?;
        }
        self.set_data(data)
    }

    /// The id that stands in the data.
    pub(crate) fn id(self) -> Result<Id> {
        let (data, lazy) = self.parts()?;
        if let Some(id) = data.get(self.perl, ID).filter(|id| id.is_defined()) {
            return Ok(Id::parse(&id.to_bytes(self.perl)?)?);
        }
        match lazy {
            // Stored, it is the one that was asked for: see `open_data`.
            Some(lazy) if change(&lazy)?.bytes(&id_name()).is_some() => Ok(change(&lazy)?.id().clone()),
            _ => Err(Error::text("the session has no _session_id")),
        }
    }

    /// Whether an id stands in the data.
    pub(crate) fn has_id(self) -> Result<bool> {
        let (data, lazy) = self.parts()?;
        match (data.get(self.perl, ID), lazy) {
            (None, Some(lazy)) => Ok(change(&lazy)?.bytes(&id_name()).is_some()),
            (id, _) => Ok(id.is_some_and(Scalar::is_defined)),
        }
    }

    /// Puts an id into the data.
    pub(crate) fn set_id(self, id: &Id) -> Result<()> {
        let (data, lazy) = self.parts()?;
        data.set(self.perl, ID, self.perl.bytes(id.as_bytes()))?;
        if let Some(lazy) = lazy {
            change(&lazy)?.take(&id_name());
        }
        Ok(())
    }

    /// The data as Storable's bytes.
    pub(crate) fn freeze(self, session: &SharedSession, id: &Id) -> Result<Bytes> {
        let canonical = Variable::Canonical.get(self.perl).is_true(self.perl)?;
        let how = Freeze::session(canonical, borrow(session)?.options.config.limits.max_depth);
        let (data, lazy) = self.parts()?;
        if let Some(lazy) = lazy {
            let spliced = splice(self.perl, &*change(&lazy)?, data, &how);
            if let Some(bytes) = spliced {
                return Ok(bytes);
            }
        }
        let frozen = freeze(self.perl, self.data()?.scalar(), &how, session::take_buffer(0));
        Ok(frozen.map_err(|error| error.in_session(id))?.into())
    }

    /// Makes the data of what was read. The id in it is the one that was asked for, whatever was read says.
    pub(crate) fn open_data(self, bytes: &Bytes, limits: &Limits, id: &Id) -> Result<()> {
        // Another class may have changed whatever looks at the data.
        // SAFETY: its class is compared only.
        let is_ours = unsafe {
            self.hash.scalar().is_object()
                && sys::SvSTASH(self.hash.raw().cast()) == state::stash(self.perl, Class::Tie)
        };
        match is_ours.then(|| Lazy::of(bytes, limits, id)).flatten() {
            Some(lazy) => self.set_lazy_data(lazy, id),
            None => self.thaw(bytes, limits, id),
        }
    }

    fn set_lazy_data(self, mut lazy: Lazy, id: &Id) -> Result<()> {
        let perl = self.perl;
        let data = perl.hash_for(lazy.parts().len());
        if lazy.stored_id() != Some(id.as_bytes()) {
            as_hash(&data).set(perl, ID, perl.bytes(id.as_bytes()))?;
            lazy.take(&id_name());
        }
        let slot = perl.reference_to(data);
        native::attach(perl, slot.scalar(), &Rc::new(RefCell::new(lazy)));
        lazy::watch(perl, self.hash);
        self.hash.set(perl, "data", slot)
    }

    /// Makes the data of Storable's bytes, all at once.
    pub(crate) fn thaw(self, bytes: &[u8], limits: &Limits, id: &Id) -> Result<()> {
        let classes = Classes::of(self.perl, self.hash)?;
        let data = thaw(self.perl, bytes, &Thaw::session(*limits, &classes)).map_err(|error| error.in_session(id))?;
        if data.scalar().kind() != svtype::SVt_PVHV {
            data.free()?;
            return Err(Error::text("its value is frozen, but is not a hash").in_session(id));
        }
        let hash = as_hash(&data);
        let stored = match hash.get(self.perl, ID) {
            Some(stored) => stored.to_bytes(self.perl)? == id.as_bytes(),
            None => false,
        };
        if !stored {
            hash.set(self.perl, ID, self.perl.bytes(id.as_bytes()))?;
        }
        self.set_data(data)
    }
}

const NO_DATA: &str = "the session has no data";

fn id_name() -> Name<'static> {
    Name::bytes(ID.as_bytes())
}

/// A hash that its owner keeps while this is used.
fn as_hash(data: &Owned) -> Hash {
    debug_assert_eq!(data.scalar().kind(), svtype::SVt_PVHV);
    // SAFETY: the callers have just made it, as a hash.
    unsafe { Hash::from_raw(data.scalar().raw().cast()) }
}

fn lazy_behind(slot: Scalar) -> Option<Rc<RefCell<Lazy>>> {
    if slot.is_magical() { native::behind(slot) } else { None }
}

/// No Perl code runs while it is borrowed, so nobody else has it.
fn change(lazy: &Rc<RefCell<Lazy>>) -> Result<RefMut<'_, Lazy>> {
    lazy.try_borrow_mut().map_err(|_| Error::text("the session's data is being read"))
}
