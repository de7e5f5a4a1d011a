//! A server that does what it is told: for each connection a list of steps.
//!
//! Connections are accepted one after the other, and each has its own list; when the lists are used
//! up, further connections are closed at once. What was received is kept for the test to look at.
//!
//! The probe, with which a connection begins, is answered as memcached does, and is no part of the script; unless the server
//! is `unproven`.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use session::{Config, Server, Target};

/// What a connection begins with, and the right answer to it.
const PROBE: &[u8] = b"version\r\nmg AA== b f c t\r\n";
const PROOF: &[u8] = b"VERSION 1.6.18\r\nEN\r\n";

/// What the server does on a connection.
#[derive(Debug, Clone)]
pub enum Step {
    /// Reads until this many command lines (and the values that belong to them) have come.
    Commands(usize),
    /// Sends this. `{O}` stands for the token of the last command.
    Say(&'static str),
    /// Sends nothing until the other side closes the connection.
    Silence,
    /// Waits for a command and closes the connection with it unread: the other side sees a reset.
    Reset,
    /// Waits until the test calls `go_on`.
    Await,
}

pub struct Scripted {
    pub address: String,
    received: Arc<Mutex<Vec<String>>>,
    /// The connection that is being served.
    current: Arc<Mutex<Option<TcpStream>>>,
    done: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
    go_on: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Scripted {
    pub fn start(connections: Vec<Vec<Step>>) -> Scripted {
        Scripted::start_with(connections, true)
    }

    /// One whose script answers the probe.
    pub fn unproven(connections: Vec<Vec<Step>>) -> Scripted {
        Scripted::start_with(connections, false)
    }

    fn start_with(connections: Vec<Vec<Step>>, proves: bool) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let received = Arc::new(Mutex::new(Vec::new()));
        let (go_on, awaited) = channel();
        let log = Arc::clone(&received);
        let current = Arc::new(Mutex::new(None));
        let serving = Arc::clone(&current);
        let done = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&done);
        let ended = Arc::new(AtomicBool::new(false));
        let ending = Arc::clone(&ended);
        let thread = std::thread::spawn(move || {
            let mut scripts = connections.into_iter();
            while let Ok((stream, _)) = listener.accept() {
                match scripts.next() {
                    Some(steps) => {
                        *serving.lock().unwrap() = stream.try_clone().ok();
                        play(stream, &steps, proves, &log, &awaited, &counter);
                        *serving.lock().unwrap() = None;
                        counter.fetch_add(1, Ordering::SeqCst);
                    }
                    None if ending.load(Ordering::SeqCst) => return,
                    None => drop(stream),
                }
            }
        });
        Scripted { address, received, current, done, ended, go_on, thread: Some(thread) }
    }

    /// The commands that came, values included.
    pub fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }

    /// Waits until this many steps are done; the end of a connection counts as one.
    pub fn until_done(&self, steps: usize) {
        super::until("the server has done its steps", || self.done.load(Ordering::SeqCst) >= steps);
    }

    pub fn go_on(&self) {
        self.go_on.send(()).unwrap();
    }

    pub fn config(&self) -> Config {
        Config {
            servers: Target::Memcached(vec![self.server()]),
            connect_timeout: Duration::from_secs(5),
            io_timeout: Duration::from_secs(5),
            ..Config::default()
        }
    }

    /// A configuration that soon gives up, for a server that will not answer.
    pub fn hasty(&self) -> Config {
        Config { io_timeout: Duration::from_millis(200), ..self.config() }
    }

    pub fn server(&self) -> Server {
        Server::parse("servers", &self.address).unwrap()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        // Stores keep their connections; and scripts may be left that nobody played.
        self.ended.store(true, Ordering::SeqCst);
        let thread = self.thread.take().unwrap();
        while !thread.is_finished() {
            if let Some(stream) = &*self.current.lock().unwrap() {
                stream.shutdown(Shutdown::Both).ok();
            }
            TcpStream::connect(&self.address).ok();
            self.go_on.send(()).ok();
            std::thread::yield_now();
        }
        thread.join().ok();
    }
}

fn play(
    mut stream: TcpStream,
    steps: &[Step],
    proves: bool,
    log: &Mutex<Vec<String>>,
    awaited: &Receiver<()>,
    done: &AtomicUsize,
) {
    let mut token = String::new();
    for step in steps {
        match step {
            Step::Commands(count) => {
                for _ in 0..*count {
                    if proves && prove(&mut stream).is_none() {
                        return;
                    }
                    let Some(command) = read_command(&mut stream) else {
                        return;
                    };
                    if let Some(opaque) =
                        command.lines().next().unwrap().split(' ').find(|token| token.starts_with('O'))
                    {
                        token = opaque.to_owned();
                    }
                    log.lock().unwrap().push(command);
                }
            }
            Step::Say(words) => {
                if stream.write_all(words.replace("{O}", &token).as_bytes()).is_err() {
                    return;
                }
            }
            Step::Silence => {
                std::io::copy(&mut stream, &mut std::io::sink()).ok();
            }
            Step::Reset => {
                stream.peek(&mut [0]).ok();
            }
            Step::Await => awaited.recv().unwrap(),
        }
        done.fetch_add(1, Ordering::SeqCst);
    }
}

/// Answers the probe, if that comes next. It arrives in one piece.
fn prove(stream: &mut TcpStream) -> Option<()> {
    let mut next = [0; PROBE.len()];
    if stream.peek(&mut next).ok()? == PROBE.len() && next == PROBE {
        stream.read_exact(&mut next).ok()?;
        stream.write_all(PROOF).ok()?;
    }
    Some(())
}

/// One command: its line, and the value if it has one.
fn read_command(stream: &mut TcpStream) -> Option<String> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        line.push(byte[0]);
    }
    let mut text = String::from_utf8(line).unwrap();
    if text.starts_with("ms ") {
        let length: usize = text.split(' ').nth(2).unwrap().parse().unwrap();
        let mut value = vec![0; length + 2];
        stream.read_exact(&mut value).ok()?;
        text.push_str(&value.escape_ascii().to_string());
    }
    Some(text.trim_end().to_owned())
}
