//! The installed Storable, in a perl that is asked over pipes.
//!
//! One perl answers many questions. It may crash, hang or eat memory over what it is given, as Storable does
//! over hostile bytes: it has a fifth of a second for an image and 200 MB for all, and is started anew when it
//! is gone. See `storable.pl` for what it does.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A perl that runs `storable.pl`.
pub struct Peer {
    child: Child,
    questions: ChildStdin,
    answers: ChildStdout,
}

/// What Storable makes of an image.
pub enum Answer {
    /// An error.
    Refused(String),
    /// A value that it could not freeze again.
    Read,
    /// A value, and this is `nfreeze` of it.
    Frozen(Vec<u8>),
    /// Its end, or no answer in time.
    Crashed,
}

impl Peer {
    /// Starts a perl. Panics if there is none, since there is nothing to compare with then.
    pub fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("storable.pl");
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -v 200000 && exec perl \"$0\""]).arg(script);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("PERL_HASH_SEED", "0");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("a shell");
        let (questions, answers) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        let mut peer = Self { child, questions, answers };
        assert!(matches!(peer.ask(b"\x05\x0b\x05"), Answer::Frozen(_)), "perl with Storable is needed");
        peer
    }

    /// What Storable makes of an image.
    pub fn ask(&mut self, image: &[u8]) -> Answer {
        match self.exchange(image) {
            Ok((b'F', frozen)) => Answer::Frozen(frozen),
            Ok((b'R', _)) => Answer::Read,
            Ok((_, text)) => Answer::Refused(String::from_utf8_lossy(&text).into_owned()),
            Err(_) => {
                *self = Self::start();
                Answer::Crashed
            }
        }
    }

    fn exchange(&mut self, image: &[u8]) -> io::Result<(u8, Vec<u8>)> {
        let length = u32::try_from(image.len()).map_err(io::Error::other)?;
        self.questions.write_all(&length.to_be_bytes())?;
        self.questions.write_all(image)?;
        let mut head = [0; 5];
        self.answers.read_exact(&mut head)?;
        let [kind, length @ ..] = head;
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        self.answers.read_exact(&mut answer)?;
        Ok((kind, answer))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
