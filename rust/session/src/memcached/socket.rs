//! One stream socket, with time limits, that a signal can interrupt.
//!
//! TCP (IPv4 and IPv6) and Unix sockets. Writing never blocks and never raises `SIGPIPE`; the first
//! read of an exchange blocks in the kernel with a time limit that is set once, so that an exchange
//! with a prompt server is one `send` and one `recv`. Whatever takes longer is waited for in `poll`
//! with the time that is left.
//!
//! Resolving a host's name is the system's business: it takes the time that the system's resolver
//! takes, and no signal interrupts it. Dropping a socket closes this process's descriptor only:
//! nothing is sent, so a child of `fork` can drop what its parent goes on using.

use std::io::{self, IoSlice};
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv,
    send, sendmsg, socket_with, sockopt,
};
use rustix::process::getpid;

use crate::error::Fault;
use crate::pause::timespec;
use crate::stats::{self, Counter};
use crate::wait::Wait;

/// The end of the time that something may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    total: Duration,
}

impl Deadline {
    pub(super) fn after(total: Duration) -> Deadline {
        Deadline { at: Instant::now() + total, total }
    }

    fn left(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }
}

/// How many pieces the system takes at a time, at most (Linux's UIO_MAXIOV).
const MOST_PIECES: usize = 1024;

/// A connected socket.
#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
    /// The time limit of a blocking read that the kernel was told.
    limit: Duration,
}

impl Socket {
    /// Connects to `host:port`, `[ipv6]:port` or the path of a Unix socket.
    pub(super) fn connect(address: &str, timeout: Duration, wait: &mut dyn Wait) -> Result<Socket, Fault> {
        let deadline = Deadline::after(timeout);
        let fd = if address.starts_with('/') {
            connect_unix(address, deadline, wait)?
        } else {
            connect_tcp(address, deadline, wait)?
        };
        let limit = Duration::ZERO;
        Ok(Socket { fd, limit })
    }

    /// Whether the peer has neither closed nor sent anything that was not asked for.
    pub(super) fn is_quiet(&self) -> bool {
        let mut byte = [0_u8; 1];
        let peeked = recv(&self.fd, &mut byte[..], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        matches!(peeked, Err(Errno::AGAIN))
    }

    /// Sends everything.
    pub(super) fn send(&self, mut bytes: &[u8], deadline: Deadline, wait: &mut dyn Wait) -> Result<(), Fault> {
        while !bytes.is_empty() {
            match send(&self.fd, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(Errno::AGAIN) => ready(&self.fd, PollFlags::OUT, deadline, Fault::Timeout, wait)?,
                Err(Errno::INTR) => interrupted(wait)?,
                Err(errno) => return Err(io_fault(errno)),
            }
        }
        Ok(())
    }

    /// The same of several pieces, one after the other.
    pub(super) fn send_all(&self, pieces: &[&[u8]], deadline: Deadline, wait: &mut dyn Wait) -> Result<(), Fault> {
        let mut pieces: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut left = &mut pieces[..];
        // Taking off nothing takes off empty pieces in front.
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            let few = &left[..left.len().min(MOST_PIECES)];
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            match sendmsg(&self.fd, few, &mut SendAncillaryBuffer::default(), flags) {
                Ok(sent) => IoSlice::advance_slices(&mut left, sent),
                Err(Errno::AGAIN) => ready(&self.fd, PollFlags::OUT, deadline, Fault::Timeout, wait)?,
                Err(Errno::INTR) => interrupted(wait)?,
                Err(errno) => return Err(io_fault(errno)),
            }
        }
        Ok(())
    }

    /// The first read of an exchange: waits in the kernel, for the whole of the exchange's time,
    /// where most of it is left.
    pub(super) fn first(&mut self, into: &mut Vec<u8>, deadline: Deadline, wait: &mut dyn Wait) -> Result<(), Fault> {
        if self.limit != deadline.total {
            sockopt::set_socket_timeout(&self.fd, sockopt::Timeout::Recv, Some(deadline.total)).map_err(io_fault)?;
            self.limit = deadline.total;
        }
        if deadline.left() < deadline.total.mul_f64(0.9) {
            return self.more(into, deadline, wait);
        }
        match recv(&self.fd, spare_capacity(into), RecvFlags::empty()) {
            Ok((_, 0)) => Err(Fault::Closed),
            Ok((_, received)) => {
                stats::add(Counter::BytesReceived, received as u64);
                Ok(())
            }
            Err(Errno::AGAIN) => Err(Fault::Timeout(deadline.total)),
            Err(Errno::INTR) => {
                interrupted(wait)?;
                self.more(into, deadline, wait)
            }
            Err(errno) => Err(io_fault(errno)),
        }
    }

    /// Any further read: as many bytes as there are, at least one, within what is left of the time.
    pub(super) fn more(&mut self, into: &mut Vec<u8>, deadline: Deadline, wait: &mut dyn Wait) -> Result<(), Fault> {
        loop {
            match recv(&self.fd, spare_capacity(into), RecvFlags::DONTWAIT) {
                Ok((_, 0)) => return Err(Fault::Closed),
                Ok((_, received)) => {
                    stats::add(Counter::BytesReceived, received as u64);
                    return Ok(());
                }
                Err(Errno::AGAIN) => ready(&self.fd, PollFlags::IN, deadline, Fault::Timeout, wait)?,
                Err(Errno::INTR) => interrupted(wait)?,
                Err(errno) => return Err(io_fault(errno)),
            }
        }
    }
}

impl Socket {
    /// Reads what has arrived, without waiting. Returns whether there was anything.
    pub(super) fn now(&mut self, into: &mut Vec<u8>) -> Result<bool, Fault> {
        match recv(&self.fd, spare_capacity(into), RecvFlags::DONTWAIT) {
            Ok((_, 0)) => Err(Fault::Closed),
            Ok((_, received)) => {
                stats::add(Counter::BytesReceived, received as u64);
                Ok(true)
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(false),
            Err(errno) => Err(io_fault(errno)),
        }
    }
}

/// Waits until something has arrived on one of several sockets.
pub(super) fn arrived(sockets: &[&Socket], deadline: Deadline, wait: &mut dyn Wait) -> Result<(), Fault> {
    loop {
        let mut polled: Vec<PollFd<'_>> = sockets.iter().map(|socket| PollFd::new(&socket.fd, PollFlags::IN)).collect();
        match poll(&mut polled, Some(&timespec(deadline.left()))) {
            Ok(0) => return Err(Fault::Timeout(deadline.total)),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => interrupted(wait)?,
            Err(errno) => return Err(io_fault(errno)),
        }
    }
}

/// Each address that the name has gets an equal share of the time that the ones before it left.
fn connect_tcp(address: &str, deadline: Deadline, wait: &mut dyn Wait) -> Result<OwnedFd, Fault> {
    let resolved: Vec<SocketAddr> =
        address.to_socket_addrs().map_err(|error| Fault::Resolve(Arc::new(error)))?.collect();
    let mut last = Fault::Resolve(Arc::new(io::Error::new(io::ErrorKind::NotFound, "it has no address")));
    for (index, candidate) in resolved.iter().enumerate() {
        let share = deadline.left() / (resolved.len() - index) as u32;
        match connect_to(candidate, Deadline { at: Instant::now() + share, ..deadline }, wait) {
            Ok(fd) => return Ok(fd),
            Err(Fault::Interrupted) => return Err(Fault::Interrupted),
            Err(fault) => last = fault,
        }
    }
    Err(last)
}

fn connect_to(address: &SocketAddr, deadline: Deadline, wait: &mut dyn Wait) -> Result<OwnedFd, Fault> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = socket_with(family, SocketType::STREAM, flags, None).map_err(connect_fault)?;
    sockopt::set_tcp_nodelay(&fd, true).map_err(connect_fault)?;
    match connect(&fd, address) {
        Ok(()) => {}
        // An interrupted connect goes on in the background, like one that was begun without
        // blocking.
        Err(Errno::INPROGRESS | Errno::INTR) => {
            ready(&fd, PollFlags::OUT, deadline, Fault::ConnectTimeout, wait)?;
            sockopt::socket_error(&fd).map_err(connect_fault)?.map_err(connect_fault)?;
        }
        Err(errno) => return Err(connect_fault(errno)),
    }
    rustix::io::ioctl_fionbio(&fd, false).map_err(connect_fault)?;
    Ok(fd)
}

/// A Unix socket is connected at once, or waits for a place in the listener's queue.
fn connect_unix(path: &str, deadline: Deadline, wait: &mut dyn Wait) -> Result<OwnedFd, Fault> {
    let address = SocketAddrUnix::new(path).map_err(connect_fault)?;
    let fd = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).map_err(connect_fault)?;
    loop {
        let left = deadline.left();
        if left.is_zero() {
            return Err(Fault::ConnectTimeout(deadline.total));
        }
        sockopt::set_socket_timeout(&fd, sockopt::Timeout::Send, Some(left)).map_err(connect_fault)?;
        match connect(&fd, &address) {
            Ok(()) => return Ok(fd),
            Err(Errno::AGAIN) => return Err(Fault::ConnectTimeout(deadline.total)),
            Err(Errno::INTR) => interrupted(wait)?,
            Err(errno) => return Err(connect_fault(errno)),
        }
    }
}

/// Waits until the socket is ready for `events`.
fn ready(
    fd: &OwnedFd,
    events: PollFlags,
    deadline: Deadline,
    timeout: fn(Duration) -> Fault,
    wait: &mut dyn Wait,
) -> Result<(), Fault> {
    loop {
        match poll(&mut [PollFd::new(fd, events)], Some(&timespec(deadline.left()))) {
            Ok(0) => return Err(timeout(deadline.total)),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => interrupted(wait)?,
            Err(errno) => return Err(io_fault(errno)),
        }
    }
}

/// Asks whether to go on. A child that was forked meanwhile is not to: the connection is its
/// parent's.
fn interrupted(wait: &mut dyn Wait) -> Result<(), Fault> {
    let process = getpid();
    wait.interrupted().map_err(|_| Fault::Interrupted)?;
    if getpid() == process { Ok(()) } else { Err(Fault::Interrupted) }
}

fn connect_fault(errno: Errno) -> Fault {
    Fault::Connect(Arc::new(errno.into()))
}

fn io_fault(errno: Errno) -> Fault {
    Fault::Io(Arc::new(errno.into()))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::wait::NoWait;

    /// A socket, and a peer that reads everything, bit by bit, once it is told to; and what it has read.
    fn connected() -> (Socket, mpsc::Sender<()>, thread::JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (begin, told) = mpsc::channel();
        let peer = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut all, mut some) = (Vec::new(), [0; 5003]);
            let _ = told.recv();
            loop {
                match stream.read(&mut some).unwrap() {
                    0 => return all,
                    read => all.extend_from_slice(&some[..read]),
                }
            }
        });
        let socket = Socket::connect(&address, Duration::from_secs(10), &mut NoWait).unwrap();
        sockopt::set_socket_send_buffer_size(&socket.fd, 64 << 10).unwrap();
        (socket, begin, peer)
    }

    /// More of them than the system takes at a time, and more bytes than it takes without a reader.
    fn pieces(bytes: &[u8]) -> Vec<&[u8]> {
        let sizes = [0, 1, 16 << 10, 0, 0, 7, 20_000, 0];
        (0..=2 * MOST_PIECES).map(|index| &bytes[index % 100..][..sizes[index % sizes.len()]]).collect()
    }

    fn bytes() -> Vec<u8> {
        (0..20_100_u32).map(|index| (index % 251) as u8).collect()
    }

    #[test]
    fn all_pieces_are_sent_in_order() {
        let bytes = bytes();
        let pieces = pieces(&bytes);
        let (socket, begin, peer) = connected();
        begin.send(()).unwrap();
        socket.send_all(&pieces, Deadline::after(Duration::from_secs(60)), &mut NoWait).unwrap();
        socket.send_all(&[b"", b""], Deadline::after(Duration::from_secs(60)), &mut NoWait).unwrap();
        socket.send_all(&[], Deadline::after(Duration::from_secs(60)), &mut NoWait).unwrap();
        drop(socket);
        assert!(peer.join().unwrap() == pieces.concat());
    }

    #[test]
    fn a_peer_that_stops_reading_is_not_waited_for_beyond_the_deadline() {
        let bytes = bytes();
        let pieces = pieces(&bytes);
        let (socket, begin, peer) = connected();
        let sent = socket.send_all(&pieces, Deadline::after(Duration::from_millis(100)), &mut NoWait);
        assert!(matches!(sent, Err(Fault::Timeout(_))), "{sent:?}");
        drop((socket, begin));
        let (read, all) = (peer.join().unwrap(), pieces.concat());
        assert!(read.len() < all.len() && all.starts_with(&read));
    }
}
