//! What a web session store does, without a word of Perl.
//!
//! A [`Store`] keeps sessions, byte strings under an [`Id`], on servers of memcached or in a
//! directory of this host. Beyond that it makes sure that no request loses another's changes, that
//! a deleted session stays deleted, and that a fault is an error that says what happened where.
//!
//! The tour, from the outside in:
//!
//! - [`Config`], [`Target`], [`Server`]: what a store is told
//! - [`Store`]: load, insert, save, delete, touch, move; what [`Body`] goes in, what [`Loaded`],
//!   [`Saved`] and [`Moved`] come out
//! - [`Client`]: items of any kind, without a session's rules
//! - [`Store::scan`]: all sessions, one after the other, each as a [`Listed`]
//! - `merge`: two requests changed one session; `local`: a copy nearby
//! - [`Lock`]: one request at a time, which the store's methods ending in `locked` work under
//! - `envelope`: client flags, compression, tombstones; [`Principal`]: from a user to their session
//! - `backend`: the trait that all this is written over; `memcached` and `placement`, `embedded`:
//!   the two that implement it
//! - [`inspect()`]: what the servers tell about themselves
//! - [`Wait`]: what a signal does to a wait
//! - [`Error`]: what can go wrong; [`stats`]: how often it did, and what else was done
//!
//! Sessions are looked into for merging only, through the crate `storable`.

#![deny(unsafe_code)]

mod backend;
mod body;
mod bytes;
mod client;
mod config;
mod embedded;
mod envelope;
mod error;
mod expiry;
mod id;
mod inspect;
mod listing;
mod local;
mod lock;
mod memcached;
mod merge;
mod pause;
mod placement;
mod principal;
mod secret;
mod server;
mod spare;
mod stats;
mod store;
mod wait;

pub use backend::Version;
pub use body::{Body, Loaded, Origin, Outcome, Saved};
pub use bytes::{Bytes, Patch};
pub use client::{Change, Client, Effect, Key, Mode, Request, Side, Value, disconnect};
pub use config::{Config, Conflict};
pub use envelope::{Encoding, MAX_INFLATED};
pub use error::{Error, Result};
pub use id::{Id, MAX_KEY};
pub use inspect::{Answer, Question, Room, Topic, inspect, inspect_embedded};
pub use listing::{Listed, Scanned, State};
pub use lock::{End, Lock};
pub use merge::KeyName;
pub use principal::{Principal, digest};
pub use secret::Secrets;
pub use server::{DEFAULT_MAP_SIZE, Server, Target};
pub use spare::{Buffer, give_buffer, take_buffer};
pub use stats::stats;
pub use store::{Moved, Restore, Restored, Store, Stored};
pub use wait::{Interrupted, NoWait, Wait};
