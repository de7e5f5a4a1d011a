//! Where this crate and Storable differ and are meant to, so that the target `differential` finds the rest.

use storable::{Error, Header, Kind, Value};

use crate::UNLIMITED;
use crate::survey::Survey;

/// What this crate makes of an image.
pub struct Ours<'a> {
    /// The image, without what comes after the value: Storable takes no notice of that, and here it is an error.
    pub image: &'a [u8],
    /// The value.
    pub value: Result<Value, Error>,
    /// Whether Storable can be expected to make the same of it, if it reads it at all.
    pub comparable: bool,
}

/// What is an error here and not in Storable: the end of the error's text, or what it says in the middle, and why.
const STRICTER: [(&str, &str); 4] = [
    ("found a negative number", "Storable takes a negative count for none"),
    ("expected an object, found tag", "Storable blesses the undef that all of perl shares"),
    ("expected the string of a v-string", "Storable makes anything a v-string"),
    ("a hash key that is a value", "no Storable ever wrote one"),
];

/// The tags of large hashes. Storable 3.26 reads those wrong: of keys with flags it takes the flags for a part of the
/// length, and in native order it reads half of a length and takes the rest from what lay there.
const LARGE_HASHES: [[u8; 2]; 2] = [[33, 3], [33, 25]];

/// Reads an image. `None` if Storable is known to differ about it, or needs hooks for it.
pub fn read(image: &[u8]) -> Option<Ours<'_>> {
    if Header::is_file(image) {
        return None; // read here in the same way; there it takes another function
    }
    if image.windows(2).any(|tags| LARGE_HASHES.iter().any(|large| tags == large)) {
        return None;
    }
    let mut image = image;
    let mut value = Value::parse(image, &UNLIMITED);
    if let Err(error) = &value {
        let text = error.to_string();
        if text.contains("expected the end, found") {
            image = &image[..error.offset()?];
            value = Value::parse(image, &UNLIMITED);
        } else if STRICTER.iter().any(|(what, _)| text.contains(what)) {
            return None;
        }
    }
    let survey = Survey::of(image, &UNLIMITED);
    if survey.hooks {
        return None;
    }
    // Before 0.6 a reference to an object and the object itself are one as the outermost value.
    let old_root = Header::parse(image).is_ok_and(|header| header.major < 2)
        && value.as_ref().is_ok_and(|value| value.root().kind() == Kind::Reference);
    Some(Ours { image, value, comparable: !survey.altered && !old_root })
}
