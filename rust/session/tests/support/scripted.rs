//! A server that does what it is told: for each connection a list of steps.
//!
//! Connections are accepted one after the other, and each has its own list; when the lists are used up, further
//! connections are closed at once. What was received is kept for the test to look at.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use session::{Config, Server, Target};

/// What the server does on a connection.
#[derive(Debug, Clone)]
pub enum Step {
    /// Reads until this many command lines (and the values that belong to them) have come.
    Commands(usize),
    /// Sends this. `{O}` stands for the token of the last command.
    Say(&'static str),
    /// Sends nothing until the other side closes the connection.
    Silence,
    /// Closes the connection with the commands unread, so that the other side sees a reset.
    Reset,
    /// Waits until the test calls `go_on`.
    Await,
}

pub struct Scripted {
    pub address: String,
    received: Arc<Mutex<Vec<String>>>,
    go_on: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Scripted {
    pub fn start(connections: Vec<Vec<Step>>) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let received = Arc::new(Mutex::new(Vec::new()));
        let (go_on, awaited) = channel();
        let log = Arc::clone(&received);
        let thread = std::thread::spawn(move || {
            let mut scripts = connections.into_iter();
            while let Ok((stream, _)) = listener.accept() {
                match scripts.next() {
                    Some(steps) => play(stream, &steps, &log, &awaited),
                    None if log.lock().unwrap().last().is_some_and(|last| last == END) => return,
                    None => drop(stream),
                }
            }
        });
        Scripted {
            address,
            received,
            go_on,
            thread: Some(thread),
        }
    }

    /// The commands that came, values included.
    pub fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }

    pub fn go_on(&self) {
        self.go_on.send(()).unwrap();
    }

    pub fn config(&self) -> Config {
        Config {
            servers: Target::Memcached(vec![self.server()]),
            io_timeout: Duration::from_millis(200),
            ..Config::default()
        }
    }

    pub fn server(&self) -> Server {
        Server::parse("servers", &self.address).unwrap()
    }
}

const END: &str = "the test has ended";

impl Drop for Scripted {
    fn drop(&mut self) {
        // The thread may wait for a connection whose script has not been played: those that are left are refused by hand.
        self.received.lock().unwrap().push(END.to_owned());
        let thread = self.thread.take().unwrap();
        while !thread.is_finished() {
            TcpStream::connect(&self.address).ok();
            self.go_on.send(()).ok();
            std::thread::yield_now();
        }
        thread.join().ok();
    }
}

fn play(mut stream: TcpStream, steps: &[Step], log: &Mutex<Vec<String>>, awaited: &Receiver<()>) {
    let mut token = String::new();
    for step in steps {
        match step {
            Step::Commands(count) => {
                for _ in 0..*count {
                    let Some(command) = read_command(&mut stream) else {
                        return;
                    };
                    if let Some(opaque) = command.lines().next().unwrap().split(' ').find(|token| token.starts_with('O')) {
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
                // Unread bytes at the time of the close make it a reset.
                stream.peek(&mut [0]).ok();
            }
            Step::Await => awaited.recv().unwrap(),
        }
    }
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
