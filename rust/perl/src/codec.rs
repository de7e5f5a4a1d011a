//! The codec on its own: the functions of `Apache::Session::Memorycached::Storable`, which are those of Storable.
//!
//! - `thaw`, `freeze`: SVs from and to Storable's bytes; `image`: bytes on their way to Perl
//! - `classes`: what objects may be of; `variables`: Storable's variables, by which a program says how

pub(crate) mod classes;
pub(crate) mod freeze;
pub(crate) mod image;
pub(crate) mod thaw;
pub(crate) mod variables;

use storable::{Header, Limits, Options, Order};

use self::classes::Classes;
use self::freeze::{Freeze, TOO_DEEP, freeze};
use self::thaw::{Code, Thaw};
use self::variables::Variable;
use crate::error::{Error, Result};
use crate::perl::call::{Call, Return};
use crate::perl::scalar::Scalar;
use crate::perl::{Owned, Perl};
use crate::state::{self, Doing};

/// How images are written: under the minor version that this perl's own Storable writes, where that is an older one than
/// ours. What is in them is the same.
pub(crate) const FORMAT: Options = Options { order: Order::Network, minor: WRITTEN, booleans: false, file: false };

const WRITTEN: u8 = match u8::from_str_radix(env!("STORABLE_WRITES_MINOR"), 10) {
    Ok(theirs) if theirs < 11 => theirs,
    _ => 11,
};

/// `nfreeze REFERENCE`: the image in network order.
pub(crate) fn nfreeze(call: &mut Call<'_>) -> Result<Return> {
    image(call, FORMAT)
}

/// `freeze REFERENCE`: the image in this machine's order.
pub(crate) fn native_freeze(call: &mut Call<'_>) -> Result<Return> {
    image(call, Options { order: Order::Native, ..FORMAT })
}

/// `_file_image REFERENCE, NETWORK_ORDER`: the image as the contents of a file.
pub(crate) fn file_image(call: &mut Call<'_>) -> Result<Return> {
    let perl = call.perl;
    let order = if arg(call, 1)?.is_true(perl)? { Order::Network } else { Order::Native };
    let root = arg(call, 0)?.target().ok_or_else(not_a_reference)?;
    frozen(perl, root, &how(perl, Options { order, file: true, ..FORMAT })?)
}

/// `thaw BYTES [, FLAGS | OPTION => VALUE, ...]`: a reference to what was frozen.
pub(crate) fn thaw(call: &mut Call<'_>) -> Result<Return> {
    let image = arg(call, 0)?;
    if !image.is_defined() {
        return Ok(Return::Value(call.perl.undef()));
    }
    thawed(call, image, |bytes| match Header::is_file(bytes) {
        true => {
            Err(Error::text("not a Storable value at byte 0: expected a frozen value, found the contents of a file"))
        }
        false => Ok(()),
    })
}

/// `_thaw_file BYTES [, FLAGS | OPTION => VALUE, ...]`: the same for the contents of a file.
pub(crate) fn thaw_file(call: &mut Call<'_>) -> Result<Return> {
    let image = arg(call, 0)?;
    thawed(call, image, |bytes| match Header::is_file(bytes) {
        true => Ok(()),
        false => Err(Error::text("File is not a perl storable")),
    })
}

/// `dclone REFERENCE`: a copy that shares nothing with the original.
pub(crate) fn dclone(call: &mut Call<'_>) -> Result<Return> {
    let perl = call.perl;
    let root = arg(call, 0)?.target().ok_or_else(|| Error::text("Not a reference"))?;
    let how = Freeze { cloning: true, ..how(perl, Options { order: Order::Native, ..FORMAT })? };
    let classes = Classes::Any;
    let limits = Limits { max_depth: usize::MAX, ..Limits::default() };
    let revive = Thaw { limits, classes: &classes, bless: true, tie: true, code: Code::AsTold, cloning: true };
    let value = state::with_buffer(perl, |mut buffer| {
        buffer.clear();
        match freeze(perl, root, &how, buffer) {
            Ok(image) => {
                let value = thaw::thaw(perl, &image, &revive);
                (image, value)
            }
            Err(error) => (Vec::new(), Err(error)),
        }
    })?;
    Ok(Return::Value(perl.reference_to(value).mortal()))
}

/// `is_storing`: whether this is called from a hook of a freezing.
pub(crate) fn is_storing(call: &mut Call<'_>) -> Result<Return> {
    Ok(Return::Value(call.perl.boolean(state::doing(call.perl) == Doing::Storing)))
}

/// `is_retrieving`: whether this is called from a hook of a thawing.
pub(crate) fn is_retrieving(call: &mut Call<'_>) -> Result<Return> {
    Ok(Return::Value(call.perl.boolean(state::doing(call.perl) == Doing::Retrieving)))
}

/// `last_op_in_netorder`: whether the last freezing or thawing, or the one under way, is of an image in network order.
pub(crate) fn last_op_in_netorder(call: &mut Call<'_>) -> Result<Return> {
    Ok(Return::Value(call.perl.boolean(state::last_in_network_order(call.perl))))
}

/// `_limits DEPTH, HASH_DEPTH`: what Storable sets `$Storable::recursion_limit` and `…_hash` to when it is loaded. It means
/// its own stack, and does not count here; another value is the program's.
pub(crate) fn limits(call: &mut Call<'_>) -> Result<Return> {
    let perl = call.perl;
    state::set_storable_limits(perl, [call.arg(0).plain_integer(perl), call.arg(1).plain_integer(perl)]);
    Ok(Return::Nothing)
}

fn image(call: &mut Call<'_>, format: Options) -> Result<Return> {
    let (perl, root) = (call.perl, target(call)?);
    frozen(perl, root, &how(perl, format)?)
}

fn frozen(perl: Perl, root: Scalar, how: &Freeze) -> Result<Return> {
    let image = state::with_image(perl, |image| freeze(perl, root, how, image))?;
    Ok(Return::Value(image.mortal()))
}

fn target(call: &Call<'_>) -> Result<Scalar> {
    if call.items() > 1 {
        return Err(Error::text("too many arguments"));
    }
    arg(call, 0)?.target().ok_or_else(not_a_reference)
}

/// An argument as it is now, where it is tied or otherwise magical.
fn arg(call: &Call<'_>, index: usize) -> Result<Scalar> {
    let arg = call.arg(index);
    if arg.is_magical() { Ok(arg.copy(call.perl)?.mortal()) } else { Ok(arg) }
}

fn not_a_reference() -> Error {
    Error::text("not a reference")
}

fn how(perl: Perl, format: Options) -> Result<Freeze> {
    let max_depth = recursion_limit(perl, Variable::RecursionLimit).unwrap_or(Limits::default().max_depth);
    let max_hash_depth =
        recursion_limit(perl, Variable::RecursionLimitHash).map_or(max_depth, |limit| limit.min(max_depth));
    let canonical = Variable::Canonical.get(perl).is_true(perl)?;
    Ok(Freeze { format, canonical, max_depth, max_hash_depth, code: true, cloning: false })
}

/// The limit that the program has set, in containers and references, which are two for each level that Storable counts.
fn recursion_limit(perl: Perl, variable: Variable) -> Option<usize> {
    let storables = state::storable_limits(perl)?[usize::from(matches!(variable, Variable::RecursionLimitHash))];
    let value = variable.get(perl);
    if !value.is_defined() {
        return None;
    }
    let limit = value.plain_integer(perl);
    let limit = if limit == storables { None } else { usize::try_from(limit).ok() };
    limit.map(|limit| limit.saturating_mul(2))
}

fn thawed(call: &Call<'_>, image: Scalar, check: impl Fn(&[u8]) -> Result<()>) -> Result<Return> {
    let perl = call.perl;
    let (classes, flags, limits) = options(call)?;
    let how = Thaw {
        limits,
        classes: &classes,
        bless: flags & BLESS_OK != 0,
        tie: flags & TIE_OK != 0,
        code: Code::AsTold,
        cloning: false,
    };
    let revive = |bytes: &[u8]| {
        check(bytes)?;
        revive(perl, bytes, &how)
    };
    // A copy, for a DESTROY or a hook may change the original meanwhile. Perl lets long strings share their buffer.
    let value = if image.is_long() {
        let copy = image.copy(perl)?;
        with_image_bytes(perl, copy.scalar(), revive)?
    } else {
        state::with_buffer(perl, |mut buffer| {
            buffer.clear();
            let copied = with_image_bytes(perl, image, |bytes| {
                buffer.extend_from_slice(bytes);
                Ok(())
            });
            let value = copied.and_then(|()| revive(&buffer));
            (buffer, value)
        })?
    };
    Ok(Return::Value(value.mortal()))
}

/// `$Storable::flags`: make objects.
const BLESS_OK: i64 = 2;
/// `$Storable::flags`: tie variables.
const TIE_OK: i64 = 4;

/// The arguments after the first: flags, or options by name.
fn options(call: &Call<'_>) -> Result<(Classes, i64, Limits)> {
    let perl = call.perl;
    let default = Variable::Flags.get(perl);
    let mut flags = default;
    let mut classes = Classes::Any;
    let mut limits = Limits::default();
    limits.max_depth = recursion_limit(perl, Variable::RecursionLimit).unwrap_or(limits.max_depth);
    if call.items() == 2 {
        let given = arg(call, 1)?;
        flags = if given.is_defined() { given } else { flags };
    } else if call.items().is_multiple_of(2) {
        return Err(Error::text("thaw takes an image, and flags or pairs of options and values"));
    }
    for at in (1..call.items()).step_by(2).filter(|_| call.items() != 2) {
        let (name, value) = (arg(call, at)?.to_text(perl)?, arg(call, at + 1)?);
        match name.as_str() {
            "flags" => flags = value,
            "classes" => classes = Classes::from_argument(perl, value)?,
            "max_depth" => limits.max_depth = count(perl, "max_depth", value)?,
            "max_size" => limits.max_size = count(perl, "max_size", value)?,
            _ => {
                return Err(Error::text(format!(
                    "unknown option {name}: there are flags, classes, max_depth and max_size"
                )));
            }
        }
    }
    let flags = if flags.is_defined() { number(perl, "flags", flags)? } else { BLESS_OK | TIE_OK };
    Ok((classes, flags, limits))
}

fn count(perl: Perl, name: &str, value: Scalar) -> Result<usize> {
    let number = number(perl, name, value)?;
    usize::try_from(number).map_err(|_| Error::text(format!("option {name}: {number} is negative")))
}

fn number(perl: Perl, name: &str, value: Scalar) -> Result<i64> {
    if value.is_integer() {
        return Ok(value.plain_integer(perl));
    }
    match value.to_number(perl)? {
        Ok(number) if number.fract() == 0.0 => Ok(number as i64),
        Ok(number) => Err(Error::text(format!("option {name}: {number} is not an integer"))),
        Err(text) => Err(Error::text(format!("option {name}: {text} is not a number"))),
    }
}

fn with_image_bytes<T>(perl: Perl, image: Scalar, work: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
    if image.is_wide(perl)? {
        return Err(Error::text("Frozen string corrupt - contains characters outside 0-255"));
    }
    image.with_bytes(perl, |bytes, _| work(bytes))?
}

/// A reference to what was frozen, by any version of Storable.
pub(crate) fn revive(perl: Perl, bytes: &[u8], how: &Thaw<'_>) -> Result<Owned> {
    // Frozen by Storable 0.7 or later, and none that is not known yet: nearly all are.
    let header = match bytes {
        [4 | 5, 0..=MINOR, ..] => None,
        _ => Some(header(perl, bytes)?),
    };
    let value = thaw::thaw(perl, bytes, how).map_err(|error| match error {
        Error::Storable(error) if error.is_limit() && bytes.len() <= how.limits.max_size => Error::text(TOO_DEEP),
        Error::Storable(error) if error.is_unsupported() => unknown_tag(bytes, error),
        error => error,
    })?;
    // Before 0.6, a reference to an object was stored as such.
    let is_reference =
        header.is_some_and(|header| header.major == 0) && value.scalar().target().is_some_and(Scalar::is_object);
    Ok(if is_reference { value } else { perl.reference_to(value) })
}

/// The header of an image. Images of a later minor version are read unless `$Storable::accept_future_minor` forbids it.
#[cold]
fn header(perl: Perl, bytes: &[u8]) -> Result<Header> {
    let header = Header::parse(bytes).map_err(|error| {
        let found = if error.is_version() { error.offset().and_then(|at| bytes.get(at..at + 2)) } else { None };
        match found {
            Some([version, minor]) => too_new(version >> 1, *minor),
            _ => error.into(),
        }
    })?;
    let accept = Variable::AcceptFutureMinor.get(perl);
    if header.minor > MINOR && accept.is_defined() && !accept.is_true(perl)? {
        return Err(too_new(header.major, header.minor));
    }
    Ok(header)
}

/// Storable's words for a tag that an image of a later minor version holds.
#[cold]
fn unknown_tag(bytes: &[u8], error: storable::Error) -> Error {
    match (bytes, error.offset().and_then(|at| bytes.get(at))) {
        ([version, minor, ..], Some(tag)) if *minor > MINOR => Error::text(format!(
            "Storable binary image v{}.{minor} contains data of type {tag}. This Storable is v2.{MINOR} and can only handle \
             data types up to {LAST_TAG}",
            version >> 1
        )),
        _ => error.into(),
    }
}

/// The largest tag that is known.
const LAST_TAG: u8 = 35;

/// The newest minor version whose tags are known.
const MINOR: u8 = 12;

/// Storable's words.
fn too_new(major: u8, minor: u8) -> Error {
    Error::text(format!("Storable binary image v{major}.{minor} more recent than I am (v2.{MINOR})"))
}
