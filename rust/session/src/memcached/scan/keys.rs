//! The keys that were listed and not asked for yet: a heap of them, of which two boxes are in memory.
//!
//! A server lists its keys faster than it gives what they hold, and has to get rid of its list. What is beyond the two boxes
//! goes into a file without a name, in the system's directory for temporary ones, and is gone with the scan however it ends. The
//! last keys that came are the first to go, so the file is no longer than it needs to be.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::{env, fs, io};

use crate::error::{Kind, Result};
use crate::id::Id;

/// How many bytes of keys are one box.
const BOX: usize = 1 << 20;

/// Keys, each with its length behind it.
#[derive(Default)]
pub(super) struct Keys {
    newer: Vec<u8>,
    older: Vec<u8>,
    file: Option<File>,
    /// How long the boxes in the file are.
    stored: Vec<usize>,
}

impl Keys {
    pub(super) fn is_empty(&self) -> bool {
        self.newer.is_empty() && self.older.is_empty() && self.stored.is_empty()
    }

    /// Adds a key of up to 255 bytes; no server has a longer one.
    pub(super) fn push(&mut self, key: &[u8]) -> Result<()> {
        let Ok(length) = u8::try_from(key.len()) else {
            return Ok(());
        };
        if self.newer.len() + key.len() + 1 > BOX {
            if !self.older.is_empty() {
                self.store().map_err(|error| Kind::Spill { dir: env::temp_dir(), error })?;
            }
            std::mem::swap(&mut self.older, &mut self.newer);
            self.newer.clear();
        }
        self.newer.extend_from_slice(key);
        self.newer.push(length);
        Ok(())
    }

    /// Takes a key out, into `into`. Returns whether there was one.
    pub(super) fn pop(&mut self, into: &mut Vec<u8>) -> Result<bool> {
        if self.newer.is_empty() {
            std::mem::swap(&mut self.newer, &mut self.older);
        }
        if self.newer.is_empty() {
            self.restore().map_err(|error| Kind::Spill { dir: env::temp_dir(), error })?;
        }
        into.clear();
        let Some(length) = self.newer.pop() else {
            return Ok(false);
        };
        let begin = self.newer.len().saturating_sub(usize::from(length));
        into.extend_from_slice(&self.newer[begin..]);
        self.newer.truncate(begin);
        Ok(true)
    }

    fn store(&mut self) -> io::Result<()> {
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(nameless(&env::temp_dir())?),
        };
        file.write_all_at(&self.older, self.stored.iter().sum::<usize>() as u64)?;
        self.stored.push(self.older.len());
        Ok(())
    }

    fn restore(&mut self) -> io::Result<()> {
        if let (Some(file), Some(length)) = (&self.file, self.stored.pop()) {
            let at = self.stored.iter().sum::<usize>() as u64;
            self.newer.resize(length, 0);
            file.read_exact_at(&mut self.newer, at)?;
            file.set_len(at)?;
        }
        Ok(())
    }
}

/// A file that has no name any more.
fn nameless(dir: &Path) -> io::Result<File> {
    let random = Id::generate(32).map_err(io::Error::other)?;
    let path = dir.join(format!("apache-session-memorycached-{random}"));
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_that_goes_in_comes_out() {
        let mut keys = Keys::default();
        let mut out = std::collections::HashSet::new();
        let mut key = Vec::new();
        // In and out by turns, several boxes deep, with keys of all lengths.
        for n in 0..60_000_usize {
            keys.push(format!("{n}:{}", "x".repeat(n % 240)).as_bytes()).unwrap();
            if n % 3 == 0 {
                assert!(keys.pop(&mut key).unwrap());
                assert!(out.insert(key.clone()));
            }
        }
        assert!(keys.stored.len() > 2, "the file was needed");
        while keys.pop(&mut key).unwrap() {
            assert!(out.insert(key.clone()));
        }
        assert!(keys.is_empty());
        assert_eq!(out.len(), 60_000);
        assert!(
            out.iter().all(|key| key.split(|byte| *byte == b':').nth(1).is_some_and(|x| x.iter().all(|b| *b == b'x')))
        );
        assert_eq!(keys.file.unwrap().metadata().unwrap().len(), 0);
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error() {
        assert!(nameless(Path::new("/nonexistent")).is_err());
    }
}
