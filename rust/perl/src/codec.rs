//! The codec on its own: `Apache::Session::Memorycached::Storable`'s `freeze`, `nfreeze`, `thaw` and `dclone`.

use storable::{Limits, Options, Order};

use crate::call::{Call, Return};
use crate::classes::Classes;
use crate::error::{Error, Result};
use crate::freeze::{Freeze, freeze};
use crate::perl::{Owned, Perl};
use crate::scalar::Scalar;
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
    let bytes = call.arg(0).to_bytes(call.perl)?;
    let value = thaw::thaw(call.perl, &bytes, &Limits::default(), &Classes::Any)?;
    Ok(Return::Value(call.perl.reference_to(value).mortal()))
}

/// `dclone REFERENCE`: a copy that shares nothing with the original.
pub(crate) fn dclone(call: &mut Call<'_>) -> Result<Return> {
    let bytes = frozen(call.perl, target(call)?, Order::Native)?;
    let value = thaw::thaw(call.perl, &bytes, &Limits::default(), &Classes::Any)?;
    Ok(Return::Value(call.perl.reference_to(value).mortal()))
}

fn image(call: &mut Call<'_>, order: Order) -> Result<Return> {
    let bytes = frozen(call.perl, target(call)?, order)?;
    Ok(Return::Value(string(call.perl, &bytes).mortal()))
}

fn string(perl: Perl, bytes: &[u8]) -> Owned {
    perl.bytes(bytes)
}

fn target(call: &Call<'_>) -> Result<Scalar> {
    call.arg(0).target().ok_or_else(|| Error::text("not a reference"))
}

fn frozen(perl: Perl, root: Scalar, order: Order) -> Result<Vec<u8>> {
    let canonical = match perl.variable(c"Storable::canonical") {
        Some(canonical) => canonical.is_true(perl)?,
        None => false,
    };
    let how = Freeze {
        format: Options { order, ..Options::default() },
        canonical,
        max_depth: Limits::default().max_depth,
    };
    freeze(perl, root, &how)
}
