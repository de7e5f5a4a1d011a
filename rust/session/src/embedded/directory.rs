//! The directory of an embedded store: made when it is missing, refused when it is not ours alone.
//!
//! Whoever can write to the directory can forge sessions, and whoever can read it can take them
//! over. So it has to belong to the user of this process, and nobody else may have any access; and
//! its path must not end in a symbolic link, which somebody else could point elsewhere. The
//! directories above it are the caller's affair.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::EmbeddedFault;

/// Makes sure of the directory; returns the one path that all its names lead to.
pub(super) fn prepare(dir: &Path) -> Result<PathBuf, EmbeddedFault> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error.into()),
        _ => {}
    }
    let found = fs::symlink_metadata(dir)?;
    if found.is_symlink() {
        return Err(EmbeddedFault::Symlink);
    }
    if !found.is_dir() {
        return Err(EmbeddedFault::NotDirectory);
    }
    let user = rustix::process::geteuid().as_raw();
    let owner = found.uid();
    if owner != user {
        return Err(EmbeddedFault::Owner { owner, user });
    }
    let mode = found.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(EmbeddedFault::Mode { mode });
    }
    Ok(fs::canonicalize(dir)?)
}
