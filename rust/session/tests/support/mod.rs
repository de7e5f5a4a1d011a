//! What the tests of this crate stand on: a real memcached on a free port, a server that misbehaves
//! by script, and sessions to store.
#![allow(dead_code, reason = "each test program uses its own part of this")]

pub mod scripted;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use session::{Body, Config, Id, KeyName, Loaded, NoWait, Saved, Server, Store, Target};

/// A memcached of the test's own; it ends with this value.
pub struct Memcached {
    child: Child,
    pub address: String,
}

impl Memcached {
    /// One on a free port of the loopback. `None`, with a word about it, where it is not installed;
    /// a failure in CI.
    pub fn start() -> Option<Memcached> {
        Memcached::start_with(&[])
    }

    pub fn start_with(arguments: &[&str]) -> Option<Memcached> {
        Memcached::start_at("127.0.0.1", free_port("127.0.0.1"), arguments)
    }

    pub fn start_at(host: &str, port: u16, arguments: &[&str]) -> Option<Memcached> {
        let port = port.to_string();
        let mut listen = vec!["-l", host, "-p", &port, "-U", "0"];
        listen.extend(arguments);
        let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        Memcached::spawn(&listen, address)
    }

    pub fn start_on_socket(path: &Path) -> Option<Memcached> {
        let path = path.to_str().expect("a path in UTF-8");
        Memcached::spawn(&["-s", path, "-a", "0700"], path.to_owned())
    }

    fn spawn(arguments: &[&str], address: String) -> Option<Memcached> {
        let mut command = Command::new("memcached");
        if rustix::process::geteuid().is_root() {
            command.args(["-u", "root"]);
        }
        let spawned = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = match spawned {
            Ok(child) => child,
            Err(error) if std::env::var_os("CI").is_some() => {
                panic!("memcached is needed in CI: {error}")
            }
            Err(error) => {
                eprintln!("skipped: memcached can't be started: {error}");
                return None;
            }
        };
        let mut memcached = Memcached { child, address };
        until("memcached accepts connections", || {
            assert!(memcached.child.try_wait().unwrap().is_none(), "memcached ended");
            memcached.connect().is_some()
        });
        Some(memcached)
    }

    fn connect(&self) -> Option<Box<dyn ReadWrite>> {
        if self.address.starts_with('/') {
            UnixStream::connect(&self.address).ok().map(|stream| Box::new(stream) as _)
        } else {
            TcpStream::connect(&self.address).ok().map(|stream| Box::new(stream) as _)
        }
    }

    /// Sends commands, and returns everything that is answered until the server closes the
    /// connection.
    pub fn raw(&self, commands: &str) -> String {
        let mut stream = self.connect().expect("a connection");
        stream.write_all(format!("{commands}quit\r\n").as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer.escape_ascii().to_string()
    }

    /// Puts an item there behind the store's back.
    pub fn set(&self, key: &str, flags: u32, value: &[u8]) {
        let mut stream = self.connect().expect("a connection");
        write!(stream, "set {key} {flags} 0 {}\r\n", value.len()).unwrap();
        stream.write_all(&[value, b"\r\nquit\r\n"].concat()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, b"STORED\r\n");
    }

    /// How many seconds an item has left; -1 for ever.
    pub fn ttl(&self, key: &str) -> i64 {
        let answer = self.raw(&format!("mg {key} t\r\n"));
        let ttl = answer.strip_prefix("HD t").and_then(|ttl| ttl.strip_suffix("\\r\\n"));
        ttl.unwrap_or_else(|| panic!("{key}: {answer}")).parse().unwrap()
    }

    /// A configuration with this server alone.
    pub fn config(&self) -> Config {
        Config {
            servers: Target::Memcached(vec![self.server()]),
            io_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            ..Config::default()
        }
    }

    pub fn server(&self) -> Server {
        Server::parse("servers", &self.address).unwrap()
    }

    pub fn store(&self) -> Store {
        Store::open(self.config()).unwrap()
    }

    /// Stops the server in the middle of whatever it does.
    pub fn stop(&self) {
        self.signal(rustix::process::Signal::STOP);
        let child = rustix::process::Pid::from_child(&self.child);
        let stopped = rustix::process::waitpid(Some(child), rustix::process::WaitOptions::UNTRACED);
        assert!(stopped.unwrap().unwrap().1.stopped());
    }

    /// Lets a stopped server go on.
    pub fn go_on(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let child = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(child, signal).unwrap();
    }

    /// Kills the server; returns its port.
    pub fn kill(self) -> u16 {
        self.address.rsplit_once(':').unwrap().1.parse().unwrap()
    }
}

impl Drop for Memcached {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

/// A port that nobody listens on.
pub fn free_port(host: &str) -> u16 {
    TcpListener::bind((host, 0)).unwrap().local_addr().unwrap().port()
}

/// Waits until something holds; fails when it does not within ten seconds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// An embedded store's configuration in a directory of the test's own.
pub fn embedded(dir: &Path, map_size: usize) -> Config {
    Config { servers: Target::Embedded { dir: dir.to_owned(), map_size }, ..Config::default() }
}

pub fn id(text: &str) -> Id {
    Id::parse(text.as_bytes()).unwrap()
}

pub fn new_id() -> Id {
    Id::generate(32).unwrap()
}

/// `"a=1 b=2"`, frozen.
pub fn frozen(text: &str) -> Vec<u8> {
    let session: BTreeMap<&str, &str> = text.split_whitespace().map(|pair| pair.split_once('=').unwrap()).collect();
    storable::to_vec(&session, &storable::Options::default()).unwrap()
}

pub fn body(text: &str) -> Body {
    Body::storable(frozen(text))
}

/// The opposite of [`frozen`].
pub fn thawed(bytes: &[u8]) -> String {
    let session: BTreeMap<String, String> = storable::from_slice(bytes).unwrap();
    let pairs: Vec<String> = session.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join(" ")
}

/// What is stored, thawed; `None` for no session.
pub fn load(store: &mut Store, id: &Id) -> Option<String> {
    store.load(id, &mut NoWait).unwrap().map(|loaded| thawed(&loaded.body))
}

/// Reads a session that is there.
pub fn loaded(store: &mut Store, id: &Id) -> Loaded {
    store.load(id, &mut NoWait).unwrap().expect("the session is there")
}

/// Saves, and returns what came of it.
pub fn save(store: &mut Store, id: &Id, base: &Loaded, text: &str) -> Saved {
    store.save(id, Some(base), body(text), None, &mut NoWait).unwrap()
}

/// A store of `config` with one session in it.
pub fn with_session(config: &Config, text: &str) -> (Store, Id) {
    let mut store = Store::open(config.clone()).unwrap();
    let id = new_id();
    store.insert(&id, body(text), None, &mut NoWait).unwrap();
    (store, id)
}

pub fn path(dir: &tempfile::TempDir, name: &str) -> PathBuf {
    dir.path().join(name)
}

/// The keys of a merge, from their names.
pub fn keys(names: &str) -> Vec<KeyName> {
    names.split_whitespace().map(|name| KeyName { bytes: name.into(), utf8: false }).collect()
}
