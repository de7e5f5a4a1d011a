//! The codec on its own: `Apache::Session::Memorycached::Storable`'s `freeze`, `nfreeze`, `thaw` and `dclone`.

use storable::{Limits, Options, Order};

use crate::call::{Call, Return};
use crate::classes::Classes;
use crate::error::{Error, Result};
use crate::freeze::{Freeze, freeze};
use crate::perl::{Owned, Perl};
use crate::scalar::Scalar;
use crate::state;
use crate::thaw;

/// `nfreeze REFERENCE`: the image in network order.
pub(crate) fn nfreeze(call: &mut Call<'_>) -> Result<Return> {
    image(call, Order::Network)
}

/// `freeze REFERENCE`: the image in this machine's order.
pub(crate) fn native_freeze(call: &mut Call<'_>) -> Result<Return> {
    image(call, Order::Native)
}

/// `thaw BYTES`: a reference to what was frozen.
pub(crate) fn thaw(call: &mut Call<'_>) -> Result<Return> {
    let (perl, image) = (call.perl, call.arg(0));
    // A copy, for a DESTROY may change the original meanwhile. Perl lets long strings share their buffer.
    let value = if image.is_long() {
        let copy = image.copy(perl)?;
        copy.scalar().with_bytes(perl, |bytes| revive(perl, bytes))?
    } else {
        state::with_buffer(perl, |mut buffer| {
            buffer.clear();
            let value = image.with_bytes(perl, |bytes| buffer.extend_from_slice(bytes));
            let value = value.map(|()| revive(perl, &buffer));
            (buffer, value)
        })?
    };
    Ok(Return::Value(perl.reference_to(value?).mortal()))
}

/// `dclone REFERENCE`: a copy that shares nothing with the original.
pub(crate) fn dclone(call: &mut Call<'_>) -> Result<Return> {
    let perl = call.perl;
    let (root, how) = (target(call)?, how(perl, Order::Native)?);
    let value = state::with_buffer(perl, |mut buffer| {
        buffer.clear();
        match freeze(perl, root, &how, buffer) {
            Ok(image) => {
                let value = revive(perl, &image);
                (image, value)
            }
            Err(error) => (Vec::new(), Err(error)),
        }
    })?;
    Ok(Return::Value(perl.reference_to(value).mortal()))
}

fn image(call: &mut Call<'_>, order: Order) -> Result<Return> {
    let (perl, root) = (call.perl, target(call)?);
    let how = how(perl, order)?;
    let image = state::with_image(perl, |image| freeze(perl, root, &how, image))?;
    Ok(Return::Value(image.mortal()))
}

fn target(call: &Call<'_>) -> Result<Scalar> {
    call.arg(0).target().ok_or_else(|| Error::text("not a reference"))
}

fn revive(perl: Perl, bytes: &[u8]) -> Result<Owned> {
    thaw::thaw(perl, bytes, &Limits::default(), &Classes::Any)
}

fn how(perl: Perl, order: Order) -> Result<Freeze> {
    let format = Options { order, ..Options::default() };
    Ok(Freeze { format, canonical: state::canonical(perl)?, max_depth: Limits::default().max_depth })
}
