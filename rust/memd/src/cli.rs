//! The command line: what `memd --help`, the man page and the completions are made of.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use crate::filter::Where;

const EXIT: &str = "\
Exit status:
  0    done
  1    there is no such session; or, for doctor, there is something to do
  2    the command line or the configuration file can't be used
  3    a server, the store, a session in it, or a file failed
  130  interrupted by a signal";

/// Shows, changes, lists, exports and checks the sessions of Apache::Session::Memorycached.
///
/// Sessions are in memcached, on the --servers, or in an embedded store, in the directory --embedded. Without either,
/// they are where the Perl module keeps them when it is given no servers: below /var/tmp, one directory for each user.
///
/// The values of fields that look like passwords or tokens are shown as ********, unless --reveal is given.
#[derive(Debug, Parser)]
#[command(name = "memd", version, after_help = EXIT, max_term_width = 110)]
pub struct Cli {
    #[command(flatten)]
    pub place: Place,
    /// Show no progress and no summaries; errors are still told.
    #[arg(short, long, global = true, help_heading = "Where sessions are, and how to work")]
    pub quiet: bool,
    #[command(subcommand)]
    pub command: Command,
}

/// Where sessions are.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Where sessions are, and how to work")]
pub struct Place {
    /// Servers of memcached, in the order of the application's configuration: host:port, [ipv6]:port or /path/of/socket,
    /// with =WEIGHT after it where it has one. Separated by commas, or given several times.
    #[arg(short, long, global = true, value_name = "ADDRESS", value_delimiter = ',', conflicts_with = "embedded")]
    pub servers: Vec<String>,
    /// The directory of an embedded store, with ?size=64M after it where the application gives one.
    #[arg(short, long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub embedded: Option<String>,
    /// What stands before the ids in the servers' keys.
    #[arg(short, long, global = true, value_name = "PREFIX")]
    pub namespace: Option<String>,
    /// The field that says whose a session is: the application's `principal`.
    #[arg(short, long, global = true, value_name = "FIELD")]
    pub principal: Option<String>,
    /// A file of lines such as servers = ["10.0.0.7:11211"], embedded = "/dir", namespace = "app:", principal = "uid",
    /// secret = "64 hex digits", ketama_points = 150, no_rehash = true, connect_timeout = 0.25, io_timeout = 1.0 (TOML). What the command line
    /// says comes first.
    #[arg(short, long, global = true, value_name = "FILE", env = "MEMD_CONFIG", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show a session.
    Show(Show),
    /// Set a field of a session, in place. What the application saves at the same moment stays.
    Set(Set),
    /// Delete a session, or one field of it.
    Delete {
        /// The session.
        id: OsString,
        /// The field; without it, the whole session.
        field: Option<String>,
    },
    /// Let a session expire after so many seconds from now; 0: never.
    Touch {
        /// The session.
        id: OsString,
        /// Seconds from now.
        seconds: u64,
    },
    /// List sessions.
    List(List),
    /// Count sessions.
    Count(Select),
    /// Delete the sessions that are selected, those excepted that are saved meanwhile.
    Purge(Purge),
    /// List the sessions of a user. Needs --principal.
    Who(Who),
    /// Tell what a server says about itself.
    Info {
        /// Which of its lists.
        #[arg(value_enum, default_value_t = Topic::Misc)]
        topic: Topic,
    },
    /// Sum up what each server does.
    Stats,
    /// Look for what is wrong with the servers or the embedded store, and say what to do about it.
    Doctor,
    /// Write all sessions to a file, with their secrets.
    Export {
        /// The file; - for the standard output.
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        #[command(flatten)]
        select: Select,
    },
    /// Put the sessions of an export back.
    Import {
        /// The file; - for the standard input.
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Replace sessions that are there, and bring back those that were deleted.
        #[arg(short, long)]
        force: bool,
    },
    /// Write the completions of a shell.
    Completions {
        /// Which shell.
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Write the man page.
    #[command(hide = true)]
    Man,
}

/// `show`.
#[derive(Debug, Args)]
pub struct Show {
    /// The session.
    pub id: OsString,
    /// Write it as JSON.
    #[arg(long, group = "form")]
    pub json: bool,
    /// Write it as Perl, as Data::Dumper does.
    #[arg(long, group = "form")]
    pub perl: bool,
    /// Write the bytes that are stored, unpacked. Needs --reveal.
    #[arg(long, group = "form", requires = "reveal")]
    pub raw: bool,
    /// Show secrets, too.
    #[arg(long)]
    pub reveal: bool,
}

/// `set`.
#[derive(Debug, Args)]
pub struct Set {
    /// The session.
    pub id: OsString,
    /// The field.
    pub field: String,
    /// Its value: a string, of characters where it is UTF-8.
    #[arg(allow_hyphen_values = true)]
    pub value: OsString,
    /// The value is JSON: a number, true or false, null, an array, an object.
    #[arg(long)]
    pub json: bool,
}

/// Which sessions.
#[derive(Debug, Default, Args)]
pub struct Select {
    /// Those whose FIELD is VALUE (FIELD=VALUE), is like GLOB (FIELD~GLOB, with * and ?), or is a number below N
    /// (FIELD<N). Given several times: all must hold.
    #[arg(short = 'w', long = "where", value_name = "CONDITION")]
    pub conditions: Vec<Where>,
}

/// `list`.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    pub select: Select,
    #[command(flatten)]
    pub shape: Shape,
}

/// How to list.
#[derive(Debug, Default, Args)]
pub struct Shape {
    /// Show these fields.
    #[arg(short, long, value_name = "FIELD", value_delimiter = ',')]
    pub fields: Vec<String>,
    /// End after so many.
    #[arg(short, long, value_name = "N")]
    pub limit: Option<u64>,
    /// Write one JSON object for each session, in a line.
    #[arg(long)]
    pub json: bool,
    /// Show secrets, too.
    #[arg(long)]
    pub reveal: bool,
}

/// `purge`.
#[derive(Debug, Args)]
pub struct Purge {
    /// Those whose FIELD is VALUE (FIELD=VALUE), is like GLOB (FIELD~GLOB, with * and ?), or is a number below N
    /// (FIELD<N). Given several times: all must hold.
    #[arg(short = 'w', long = "where", value_name = "CONDITION", required = true)]
    pub conditions: Vec<Where>,
    /// Don't ask.
    #[arg(short, long)]
    pub yes: bool,
}

/// `who`.
#[derive(Debug, Args)]
pub struct Who {
    /// The user, as the principal's field has it.
    pub uid: String,
    /// Ask the reverse record only, which names the session that was saved last. Does not list.
    #[arg(long)]
    pub last: bool,
    #[command(flatten)]
    pub shape: Shape,
}

/// A list of `info`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Topic {
    /// Counters and the like.
    Misc,
    /// The items of each slab class.
    Items,
    /// The memory of each slab class.
    Slabs,
    /// How many items have which size, where the server counts that.
    Sizes,
    /// How the server was started.
    Settings,
    /// Its connections.
    Conns,
}
