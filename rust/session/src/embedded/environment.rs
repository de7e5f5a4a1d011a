//! The LMDB environments that this process has open: one for each directory, shared by its threads.
//!
//! LMDB forbids opening a directory twice in one process, so they stand in a register. A store
//! holds a weak reference only; the register alone keeps an environment open.
//!
//! After a `fork` the child must not use what it inherited: it has the parent's slot in the table
//! of readers, and none of its locks. The register notices that the process has changed and closes
//! the inherited environments before it opens the child's own. In the child, closing frees the
//! child's memory, unmaps the child's maps and closes the child's copies of the descriptors; slots
//! of readers are cleared only where they carry the closing process's id, and record locks on files
//! belong to the process that took them, so nothing of this reaches the parent. It has to come
//! first because closing a descriptor drops every record lock that the same process has on that
//! file.
//!
//! A `fork` at the very moment in which another thread is inside a store leaves an environment that
//! can't be closed; the child gets an error that says so. One in which another thread is opening a
//! store leaves the register locked.

use std::collections::HashMap;
use std::os::fd::{BorrowedFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use heed::types::{Bytes, Unit};
use heed::{CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, MdbError};
use rustix::io::FdFlags;
use rustix::process::{Pid, getpid};

use super::directory;
use crate::error::{EmbeddedFault, Error, Result};
use crate::expiry::now;
use crate::stats;

static OPEN: LazyLock<Mutex<Register>> =
    LazyLock::new(|| Mutex::new(Register { process: getpid(), environments: HashMap::new(), names: HashMap::new() }));

struct Register {
    process: Pid,
    /// By the one path that all names of a directory lead to.
    environments: HashMap<PathBuf, Arc<Environment>>,
    /// From the names that directories were given to these paths.
    names: HashMap<PathBuf, PathBuf>,
}

/// Processes and threads that read at the same moment.
const READERS: u32 = 1024;

/// LMDB copies the pages that it changes, and frees the old ones later: its map has this much room
/// beyond the sessions.
const ROOM: usize = 4 << 20;

/// An open directory.
#[derive(Debug)]
pub(super) struct Environment {
    pub(super) env: Env,
    /// Key to record.
    pub(super) items: Database<'static, Bytes, Bytes>,
    /// Time of expiry and key, to nothing.
    pub(super) expiries: Database<'static, Bytes, Unit>,
    /// How many bytes of sessions it may hold.
    pub(super) size: usize,
    /// When its writes were last forced to the disk, in milliseconds of Unix time.
    pub(super) synced: AtomicU64,
    process: Pid,
}

/// The environment of a directory: `known` while it is this process's, else from the register, else
/// opened.
pub(super) fn environment(known: &Weak<Environment>, dir: &Path, size: usize) -> Result<Arc<Environment>> {
    let process = getpid();
    if let Some(environment) = known.upgrade().filter(|known| known.process == process) {
        return Ok(environment);
    }
    let mut register = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if register.process != process {
        register.environments.clear();
        register.names.clear();
        register.process = process;
        stats::begin_process();
    }
    let path = match register.names.get(dir) {
        Some(path) => path.clone(),
        None => {
            let path = directory::prepare(dir).map_err(|fault| Error::embedded(dir, fault))?;
            register.names.insert(dir.to_owned(), path.clone());
            path
        }
    };
    if let Some(open) = register.environments.get(&path) {
        if open.size != size {
            let (open, asked) = (open.size, size);
            return Err(Error::embedded(dir, EmbeddedFault::Size { open, asked }));
        }
        return Ok(Arc::clone(open));
    }
    let opened = open(&path, size).map_err(|error| Error::embedded(dir, error))?;
    let opened = Arc::new(opened);
    register.environments.insert(path, Arc::clone(&opened));
    Ok(opened)
}

fn open(path: &Path, size: usize) -> Result<Environment, EmbeddedFault> {
    let page = rustix::param::page_size();
    let map = size.saturating_add(size / 4).saturating_add(ROOM);
    let mut options = EnvOpenOptions::new();
    options.map_size(map - map % page).max_readers(READERS).max_dbs(2);
    let env = open_environment(&mut options, path)?;
    close_on_exec(&path.join("data.mdb"));
    env.clear_stale_readers()?;
    let transaction = env.write_txn()?;
    let (items, expiries) = env
        .create_databases_and_commit(transaction, |opener, transaction| {
            let mut items = opener.database_options().types::<Bytes, Bytes>();
            let mut expiries = opener.database_options().types::<Bytes, Unit>();
            let items = items.name("items").create(transaction)?;
            let expiries = expiries.name("expiries").create(transaction)?;
            Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit((items, expiries)))
        })?
        .unwrap_commit();
    Ok(Environment { env, items, expiries, size, synced: AtomicU64::new(now()), process: getpid() })
}

#[allow(unsafe_code, reason = "heed marks opening a memory map, and leaving out fsync, as unsafe")]
fn open_environment(options: &mut EnvOpenOptions, path: &Path) -> Result<Env, heed::Error> {
    // SAFETY: without NO_LOCK, WRITE_MAP or MAP_ASYNC, leaving out fsync concerns what is on the
    // disk after the system has crashed, and not memory.
    unsafe { options.flags(EnvFlags::NO_SYNC) };
    // SAFETY: the map is of a file in a directory that only this user has access to, below which
    // only LMDB writes, under its own lock; the environment is opened once in a process, and never
    // used in a process that did not open it.
    unsafe { options.open(path) }
}

/// Sees to it that programs that this one turns into, or starts, don't inherit a descriptor of the data: LMDB
/// marks all of its others so. The descriptor is known by its file; where `/dev/fd` does not list them, nothing is done.
#[allow(unsafe_code, reason = "a descriptor by its number")]
fn close_on_exec(data: &Path) {
    let Ok(file) = rustix::fs::stat(data) else {
        return;
    };
    let entries = std::fs::read_dir("/dev/fd").into_iter().flatten().flatten();
    let numbers: Vec<RawFd> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for number in numbers.into_iter().filter(|&number| number > 2) {
        // SAFETY: used for the two calls below only, which fail where the descriptor has been closed meanwhile.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        let found = rustix::fs::fstat(descriptor);
        if found.is_ok_and(|found| (found.st_dev, found.st_ino) == (file.st_dev, file.st_ino)) {
            // Losing it would be no fault of the store.
            let _ = rustix::io::fcntl_setfd(descriptor, FdFlags::CLOEXEC);
        }
    }
}

impl From<heed::Error> for EmbeddedFault {
    fn from(error: heed::Error) -> EmbeddedFault {
        match error {
            heed::Error::Io(error) => EmbeddedFault::Io(error),
            heed::Error::EnvAlreadyOpened => EmbeddedFault::Forked,
            heed::Error::Mdb(MdbError::MapResized) => EmbeddedFault::Resized,
            other => EmbeddedFault::Lmdb(other),
        }
    }
}
