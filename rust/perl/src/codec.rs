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
    let value = with_image(perl, target(call)?, Order::Native, |bytes| revive(perl, bytes))??;
    Ok(Return::Value(perl.reference_to(value).mortal()))
}

fn image(call: &mut Call<'_>, order: Order) -> Result<Return> {
    let perl = call.perl;
    let image = with_image(perl, target(call)?, order, |bytes| perl.bytes(bytes))?;
    Ok(Return::Value(image.mortal()))
}

fn target(call: &Call<'_>) -> Result<Scalar> {
    call.arg(0).target().ok_or_else(|| Error::text("not a reference"))
}

fn revive(perl: Perl, bytes: &[u8]) -> Result<Owned> {
    thaw::thaw(perl, bytes, &Limits::default(), &Classes::Any)
}

/// Freezes into the interpreter's buffer and uses the image there.
fn with_image<T>(perl: Perl, root: Scalar, order: Order, work: impl FnOnce(&[u8]) -> T) -> Result<T> {
    let canonical = match perl.variable(c"Storable::canonical") {
        Some(canonical) => canonical.is_true(perl)?,
        None => false,
    };
    let how =
        Freeze { format: Options { order, ..Options::default() }, canonical, max_depth: Limits::default().max_depth };
    state::with_buffer(perl, |buffer| match freeze(perl, root, &how, buffer) {
        Ok(image) => {
            let result = work(&image);
            (image, Ok(result))
        }
        Err(error) => (Vec::new(), Err(error)),
    })
}
