//! What sessions are encrypted and authenticated with, so that who reads a server learns nothing of them, and who writes
//! there can't make one up.
//!
//! The value of an item with the client flag 8 is
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | the format: 1 |
//! | 4 | which secret: from its derived key, not secret |
//! | 24 | the nonce, from the operating system |
//! | … | the session, maybe compressed, encrypted by XChaCha20-Poly1305 |
//! | 16 | its tag |
//!
//! The key is HKDF-SHA-256 (RFC 5869) of the secret. The tag is over the session's id and the flags that say how to read the
//! value, too: it can't be put under another id, nor be taken for something else. What it does not tell is age: who writes to
//! the server can put back what was there before, and can delete. Ids, sizes and expiries are there for all to see.
//!
//! ```
//! use session::Secrets;
//!
//! let new = "c0ffee5e9b1f4c5d8a7e6f5041322314";
//! let old = "0123456789abcdef0123456789abcdef";
//! let secrets = Secrets::new([Some(new.as_bytes()), Some(old.as_bytes())]).unwrap();
//! assert!(secrets.is_encrypting());
//! ```

use std::fmt;
use std::hash::{Hash, Hasher};

use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{KeyInit, Tag, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;

use crate::bytes::Bytes;
use crate::error::{Error, Kind, Result, SessionFault};
use crate::id::Id;
use crate::spare::{Buffer, take_buffer};

/// The least length of a secret: 128 bits in hex digits.
const LEAST: usize = 32;

/// What its derived keys are for.
const PURPOSE: &[u8] = b"Apache::Session::Memorycached session encryption 1";

const FORMAT: u8 = 1;
const NAME: usize = 4;
const NONCE: usize = 24;
const HEAD: usize = 1 + NAME + NONCE;
const TAG: usize = 16;

/// The secrets of a store: the first is written with, all are read with. By default there is none: nothing is encrypted,
/// and what is can't be read.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Secrets {
    /// `None`: not encrypted.
    ways: Vec<Option<Secret>>,
}

#[derive(Clone)]
struct Secret {
    name: [u8; NAME],
    key: [u8; 32],
}

impl Secrets {
    /// These secrets; `None` among them is for sessions that are not encrypted: as the first it has new ones written so, and
    /// anywhere it has them read. Without it, a session that is not encrypted is an error.
    ///
    /// Fails where one has fewer than 32 bytes. They are to be random: nothing slows down who guesses.
    pub fn new<'s>(secrets: impl IntoIterator<Item = Option<&'s [u8]>>) -> Result<Secrets> {
        let ways = secrets.into_iter().map(|secret| secret.map(Secret::derive).transpose());
        Ok(Secrets { ways: ways.collect::<Result<_>>()? })
    }

    /// Whether what is written is encrypted.
    pub fn is_encrypting(&self) -> bool {
        matches!(self.ways.first(), Some(Some(_)))
    }

    /// Whether sessions that are not encrypted may be read.
    fn takes_plain(&self) -> bool {
        self.ways.is_empty() || self.ways.contains(&None)
    }

    /// The same, for one session.
    pub(crate) fn of<'a>(&'a self, id: &'a Id) -> Keyring<'a> {
        Keyring { secrets: self, id: id.as_bytes() }
    }
}

impl Secret {
    fn derive(secret: &[u8]) -> Result<Secret> {
        if secret.len() < LEAST {
            let given = format!("one of {} bytes", secret.len());
            return Err(Error::argument("secret", "secrets of at least 32 random bytes", given));
        }
        let mut derived = [0; NAME + 32];
        Hkdf::<Sha256>::new(None, secret).expand(PURPOSE, &mut derived).expect("less than HKDF can give");
        let (mut name, mut key) = ([0; NAME], [0; 32]);
        name.copy_from_slice(&derived[..NAME]);
        key.copy_from_slice(&derived[NAME..]);
        Ok(Secret { name, key })
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.key.into())
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.key == other.key
    }
}

impl Eq for Secret {}

impl Hash for Secret {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// Says nothing of the secrets but how many there are.
impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} secrets", self.ways.len())
    }
}

/// The secrets, and the session that something is read or written of.
#[derive(Clone, Copy)]
pub(crate) struct Keyring<'a> {
    secrets: &'a Secrets,
    id: &'a [u8],
}

impl Keyring<'_> {
    /// What the tag is over beside the value.
    fn context(self, flags: u32) -> Vec<u8> {
        [&flags.to_be_bytes(), self.id].concat()
    }

    /// Encrypts a value whose item gets these flags; `None`: it is to be stored as it is.
    pub(crate) fn encrypt(self, value: &Bytes, flags: u32) -> Result<Option<Vec<u8>>> {
        let Some(Some(secret)) = self.secrets.ways.first() else {
            return Ok(None);
        };
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(Kind::Random)?;
        let mut sealed = take_buffer(HEAD + value.len() + TAG);
        sealed.push(FORMAT);
        sealed.extend_from_slice(&secret.name);
        sealed.extend_from_slice(&nonce);
        value.pieces().for_each(|piece| sealed.extend_from_slice(piece));
        let tag = secret
            .cipher()
            .encrypt_in_place_detached(&XNonce::from(nonce), &self.context(flags), &mut sealed[HEAD..])
            .expect("no value is as long as the cipher's limit of 256 GiB");
        sealed.extend_from_slice(&tag);
        Ok(Some(sealed))
    }

    /// Decrypts a value whose item has these flags.
    pub(crate) fn decrypt(self, mut value: Buffer, flags: u32) -> Result<Buffer, SessionFault> {
        if self.secrets.ways.iter().all(Option::is_none) {
            return Err(SessionFault::Sealed);
        }
        let damaged = || SessionFault::Corrupt("its encrypted value is cut short".to_owned());
        let end = value.len().checked_sub(TAG).filter(|end| *end >= HEAD).ok_or_else(damaged)?;
        let (head, rest) = value.split_at_mut(HEAD);
        let (body, tag) = rest.split_at_mut(end - HEAD);
        if head[0] != FORMAT {
            return Err(SessionFault::Corrupt(format!("it is encrypted in a format {} that is not known", head[0])));
        }
        let (name, nonce) = head[1..].split_at(NAME);
        let (nonce, tag) = (XNonce::from_slice(nonce), Tag::from_slice(tag));
        let context = self.context(flags);
        let mut fitting = self.secrets.ways.iter().flatten().filter(|secret| secret.name == name).peekable();
        if fitting.peek().is_none() {
            return Err(SessionFault::OtherSecret);
        }
        // A wrong tag leaves the body as it is.
        if !fitting.any(|secret| secret.cipher().decrypt_in_place_detached(nonce, &context, body, tag).is_ok()) {
            return Err(SessionFault::Tampered);
        }
        value.narrow(HEAD, end);
        Ok(value)
    }

    /// Says whether a value that is not encrypted may be read.
    pub(crate) fn check_plain(self) -> Result<(), SessionFault> {
        if self.secrets.takes_plain() { Ok(()) } else { Err(SessionFault::Unsealed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
    const OTHER: &[u8] = b"another secret of thirty-two bytes";
    const BODY: &[u8] = &[5, 11, 3, 0, 0, 0, 0];

    /// `BODY` in a session `x1`, flags 1, as libsodium's `crypto_aead_xchacha20poly1305_ietf_encrypt` makes it with the key
    /// that HMAC-SHA-256 gives, and a nonce of 0 to 23.
    const SEALED: &str =
        "0169d67268000102030405060708090a0b0c0d0e0f101112131415161731f0819214d4c286c20e47b684e2ffafb4a48a3ad4ba5b";

    fn unhex(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    fn id(text: &str) -> Id {
        Id::parse(text.as_bytes()).unwrap()
    }

    fn decrypt(secrets: &[Option<&[u8]>], id: &Id, value: &[u8], flags: u32) -> Result<Vec<u8>, String> {
        let secrets = Secrets::new(secrets.iter().copied()).unwrap();
        let opened = secrets.of(id).decrypt(value.to_vec().into(), flags);
        opened.map(Buffer::into_vec).map_err(|fault| fault.to_string())
    }

    #[test]
    fn what_another_library_has_encrypted_is_read() {
        assert_eq!(decrypt(&[Some(SECRET)], &id("x1"), &unhex(SEALED), 1).unwrap(), BODY);
    }

    #[test]
    fn what_is_encrypted_is_read_with_its_secret_id_and_flags_alone() {
        let secrets = Secrets::new([Some(SECRET), Some(OTHER)]).unwrap();
        for body in [b"".to_vec(), BODY.to_vec(), vec![7; 100_000]] {
            let sealed = secrets.of(&id("x1")).encrypt(&body.clone().into(), 3).unwrap().unwrap();
            assert_eq!(sealed.len(), HEAD + body.len() + TAG);
            assert_eq!(decrypt(&[Some(OTHER), None, Some(SECRET)], &id("x1"), &sealed, 3).unwrap(), body);
            let changed = "its encrypted value has been changed, or is not this session's";
            assert_eq!(decrypt(&[Some(SECRET)], &id("x2"), &sealed, 3).unwrap_err(), changed);
            assert_eq!(decrypt(&[Some(SECRET)], &id("x1"), &sealed, 1).unwrap_err(), changed);
            let other = "is encrypted with another secret than those given";
            assert_eq!(decrypt(&[Some(OTHER)], &id("x1"), &sealed, 3).unwrap_err(), other);
            for none in [&[][..], &[None]] {
                assert_eq!(decrypt(none, &id("x1"), &sealed, 3).unwrap_err(), "is encrypted, no secret given");
            }
            let again = secrets.of(&id("x1")).encrypt(&body.into(), 3).unwrap().unwrap();
            assert_ne!(sealed[..HEAD], again[..HEAD], "a nonce is used once");
        }
    }

    #[test]
    fn every_bit_counts() {
        let sealed = unhex(SEALED);
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[at] ^= 1 << bit;
                let error = decrypt(&[Some(SECRET)], &id("x1"), &changed, 1).unwrap_err();
                let expected = match at {
                    0 => "it is encrypted in a format ",
                    1..=NAME => "is encrypted with another secret",
                    _ => "its encrypted value has been changed",
                };
                assert!(error.starts_with(expected), "bit {bit} of byte {at}: {error}");
            }
            let error = decrypt(&[Some(SECRET)], &id("x1"), &sealed[..at], 1).unwrap_err();
            let cut = if at < HEAD + TAG {
                "its encrypted value is cut short"
            } else {
                "its encrypted value has been changed"
            };
            assert!(error.starts_with(cut), "{at} bytes: {error}");
        }
        assert!(decrypt(&[Some(SECRET)], &id("x1"), &[sealed, vec![0]].concat(), 1).is_err());
    }

    #[test]
    fn the_first_is_written_with_and_none_stands_for_no_secret() {
        for (secrets, encrypts, takes_plain) in [
            (&[][..], false, true),
            (&[Some(SECRET)], true, false),
            (&[Some(SECRET), None], true, true),
            (&[None, Some(SECRET)], false, true),
            (&[None], false, true),
        ] {
            let secrets = Secrets::new(secrets.iter().copied()).unwrap();
            let encrypted = secrets.of(&id("x1")).encrypt(&BODY.to_vec().into(), 1).unwrap();
            assert_eq!((secrets.is_encrypting(), encrypted.is_some()), (encrypts, encrypts));
            assert_eq!(secrets.of(&id("x1")).check_plain().is_ok(), takes_plain);
        }
    }

    #[test]
    fn no_secret_is_told() {
        let error = Secrets::new([Some(&SECRET[..31])]).unwrap_err().to_string();
        assert_eq!(error, "argument secret: takes secrets of at least 32 random bytes, not 'one of 31 bytes'");
        assert_eq!(format!("{:?}", Secrets::new([Some(SECRET)]).unwrap()), "1 secrets");
    }
}
