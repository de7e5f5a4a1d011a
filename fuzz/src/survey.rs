//! What an image holds, as far as it decides whether Storable can be expected to make the same of it.
//!
//! A [`Build`] that makes nothing but a list of what kind of value each one is.

use std::collections::HashSet;

use storable::{Build, Error, Frozen, HashFlags, Immortal, KeyFlags, Limits, Place, RefKind, Result, Shape, read};

/// What was found.
#[derive(Debug, Default)]
pub struct Survey {
    kinds: Vec<Kind>,
    /// Values that were referred back to.
    shared: HashSet<usize>,
    /// There is an object of a hook.
    pub hooks: bool,
    /// There is something that Storable may make something else of, or that it forgets.
    pub altered: bool,
}

#[derive(Debug)]
enum Kind {
    Undef,
    ElemUndef,
    Truth,
    Reference,
    Hash(HashFlags, HashSet<Vec<u8>>),
    Other,
}

impl Survey {
    /// Looks an image through, as far as it can be read.
    pub fn of(image: &[u8], limits: &Limits) -> Self {
        let mut survey = Self::default();
        let _ = read(image, limits, &mut survey);
        survey
    }

    fn make(&mut self, kind: Kind) -> Result<usize> {
        self.kinds.push(kind);
        Ok(self.kinds.len() - 1)
    }

    /// Outside of arrays, Storable's mark for an undef in one is a key that does not exist.
    fn held(&mut self, node: usize) {
        self.altered |= matches!(self.kinds[node], Kind::ElemUndef);
    }

    /// What Storable ties to a value that is no reference depends on what perl makes of that value.
    fn behind(&mut self, object: usize) {
        self.altered |= !matches!(self.kinds[object], Kind::Reference);
    }
}

impl Build for Survey {
    type Node = usize;
    type Class = ();
    type Error = Error;

    fn undef(&mut self) -> Result<usize> {
        self.make(Kind::Other)
    }

    fn immortal(&mut self, which: Immortal) -> Result<usize> {
        self.make(match which {
            Immortal::Undef => Kind::Undef,
            Immortal::ElemUndef => Kind::ElemUndef,
            Immortal::Yes | Immortal::No => Kind::Truth,
        })
    }

    fn boolean(&mut self, _: bool) -> Result<usize> {
        self.make(Kind::Other)
    }

    fn integer(&mut self, _: i64) -> Result<usize> {
        self.make(Kind::Other)
    }

    /// Perl keeps a whole double as an integer if it can, and there is no negative zero among those.
    fn double(&mut self, value: f64) -> Result<usize> {
        self.altered |= value.fract() == 0.0 && value.abs() >= 1e15 || value == 0.0 && value.is_sign_negative();
        self.make(Kind::Other)
    }

    fn bytes(&mut self, _: &[u8]) -> Result<usize> {
        self.make(Kind::Other)
    }

    fn text(&mut self, _: &[u8]) -> Result<usize> {
        self.make(Kind::Other)
    }

    fn vstring(&mut self, _: usize, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn array(&mut self, _: usize) -> Result<usize> {
        self.make(Kind::Other)
    }

    fn push(&mut self, _: usize, _: usize) -> Result<()> {
        Ok(())
    }

    /// Storable forgets that an empty hash is restricted.
    fn hash(&mut self, len: usize, flags: HashFlags) -> Result<usize> {
        self.altered |= len == 0 && flags.restricted;
        self.make(Kind::Hash(flags, HashSet::new()))
    }

    /// A value that the next one of its key replaces is freed, and so is that of a key that is missing, though the image
    /// may refer back to them. What is locked or missing counts in a restricted hash only, and there it is the value that
    /// is locked, wherever else it is, as are perl's own. Perl makes bytes of a key of characters if it can.
    fn insert(&mut self, hash: usize, key: &[u8], flags: KeyFlags, value: usize) -> Result<()> {
        self.held(value);
        self.altered |= flags.contains(KeyFlags::PLACEHOLDER) && !matches!(self.kinds[value], Kind::Undef);
        let fixed = match &self.kinds[value] {
            Kind::Undef | Kind::Truth => true,
            Kind::Hash(HashFlags { restricted, .. }, _) => *restricted,
            _ => self.shared.contains(&value),
        };
        if let Kind::Hash(HashFlags { restricted, .. }, keys) = &mut self.kinds[hash] {
            let marked = flags.contains(KeyFlags::LOCKED) || flags.contains(KeyFlags::PLACEHOLDER);
            let wide = |text: &str| text.chars().any(|character| u32::from(character) > 255);
            let shorter = flags.contains(KeyFlags::UTF8) && !std::str::from_utf8(key).is_ok_and(wide);
            self.altered |= !keys.insert(key.to_vec()) || marked && !*restricted || shorter;
            self.altered |= *restricted && fixed && !flags.contains(KeyFlags::PLACEHOLDER);
        }
        Ok(())
    }

    fn reference(&mut self) -> Result<usize> {
        self.make(Kind::Reference)
    }

    /// What only weak references hold is freed.
    fn point(&mut self, _: usize, target: usize, kind: RefKind) -> Result<()> {
        self.held(target);
        self.altered |= kind.weak;
        Ok(())
    }

    /// Perl has names for a class that come out as another: `::A`, `main::A`, `A'B`, with NUL bytes, or empty.
    fn class(&mut self, name: &[u8]) -> Result<()> {
        let word = |part: &[u8]| {
            let first = part.first().is_some_and(|byte| byte.is_ascii_alphabetic());
            first && part.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        };
        let parts: Vec<_> = name.split(|byte| *byte == b':').collect();
        let pairs = parts.iter().enumerate().all(|(at, part)| if at % 2 == 0 { word(part) } else { part.is_empty() });
        self.altered |= !pairs || parts.len() % 2 == 0 || parts[0] == b"main";
        Ok(())
    }

    fn bless(&mut self, _: usize, (): ()) -> Result<()> {
        Ok(())
    }

    fn share(&mut self, node: usize) -> Result<usize> {
        self.shared.insert(node);
        Ok(node)
    }

    fn empty(&mut self, _: Shape) -> Result<usize> {
        self.make(Kind::Other)
    }

    fn keep(&mut self, _: usize) -> Result<()> {
        Ok(())
    }

    fn thaw(&mut self, object: usize, _: Frozen<'_, usize, ()>) -> Result<usize> {
        self.hooks = true;
        Ok(object)
    }

    fn tie(&mut self, _: usize, object: usize) -> Result<()> {
        self.behind(object);
        Ok(())
    }

    fn tie_element(&mut self, _: usize, object: usize, place: Place<usize>) -> Result<()> {
        self.behind(object);
        if let Place::Key(key) = place {
            self.held(key);
        }
        Ok(())
    }

    /// Storable compiles no source here, so it refuses the image.
    fn code(&mut self, _: &[u8], _: bool) -> Result<usize> {
        self.make(Kind::Other)
    }

    /// Perl may add modifiers that the pattern needs.
    fn regexp(&mut self, _: &[u8], _: &[u8]) -> Result<usize> {
        self.altered = true;
        self.make(Kind::Other)
    }

    fn discard(&mut self, _: usize) {}
}
