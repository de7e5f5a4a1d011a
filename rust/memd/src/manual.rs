//! What is installed beside the program: its man page and the completions of shells. Both are made of the command line
//! itself, so they are never out of date.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::Cli;
use crate::failure::Result;

/// Writes the completions of a shell.
pub fn completions(shell: Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "memd", &mut script);
    Ok(io::stdout().write_all(&script)?)
}

/// Writes the man page: one for all commands.
pub fn man() -> Result<()> {
    Ok(io::stdout().write_all(&page()?)?)
}

fn page() -> io::Result<Vec<u8>> {
    let mut command = Cli::command();
    command.build();
    let man = Man::new(command.clone()).title("MEMD").section("1").date("").manual("Apache::Session::Memorycached");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    section(&mut page, "SYNOPSIS", SYNOPSIS)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    writeln!(page, ".SH COMMANDS")?;
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
        describe(sub, &mut page)?;
    }
    section(&mut page, "NOTES", NOTES)?;
    section(&mut page, "FILES", FILES)?;
    section(&mut page, "EXIT STATUS", EXIT)?;
    section(&mut page, "EXAMPLES", EXAMPLES)?;
    section(&mut page, "SEE ALSO", ".BR memcached (1),\n.BR Apache::Session::Memorycached (3pm)\n")?;
    Ok(page)
}

/// One command: how it is called, what it does, its own options.
fn describe(sub: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let own = |arg: &&clap::Arg| !arg.is_global_set() && !arg.is_hide_set() && arg.get_id() != "help";
    let mut call = format!("memd {}", sub.get_name());
    for arg in sub.get_arguments().filter(own) {
        let value = arg.get_value_names().unwrap_or_default().first().map_or(String::new(), ToString::to_string);
        let takes_value = arg.get_action().takes_values();
        let text = match (arg.get_long(), takes_value) {
            (Some(long), true) => format!("--{long} {value}"),
            (Some(long), false) => format!("--{long}"),
            (None, _) => value,
        };
        call += &if arg.is_required_set() { format!(" {text}") } else { format!(" [{text}]") };
    }
    writeln!(page, ".SS {}", escape(&call))?;
    let about = sub.get_long_about().or(sub.get_about()).map(ToString::to_string).unwrap_or_default();
    writeln!(page, "{}", escape(&about))?;
    for arg in sub.get_arguments().filter(own) {
        let name = match (arg.get_short(), arg.get_long()) {
            (Some(short), Some(long)) => format!("-{short}, --{long}"),
            (None, Some(long)) => format!("--{long}"),
            _ => arg.get_value_names().unwrap_or_default().first().map_or(String::new(), ToString::to_string),
        };
        let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
        let values = arg.get_possible_values();
        let values: Vec<&str> =
            values.iter().filter(|_| arg.get_action().takes_values()).map(|value| value.get_name()).collect();
        let values = if values.is_empty() { String::new() } else { format!("; one of {}", values.join(", ")) };
        writeln!(page, ".TP\n\\fB{}\\fR\n{}{}", escape(&name), escape(&help), escape(&values))?;
    }
    Ok(())
}

fn section(page: &mut Vec<u8>, title: &str, body: &str) -> io::Result<()> {
    write!(page, ".SH \"{title}\"\n{body}")
}

/// Text that roff takes as it is.
fn escape(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-");
    let lines =
        escaped.lines().map(|line| if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() });
    lines.collect::<Vec<_>>().join("\n")
}

const SYNOPSIS: &str = ".B memd
[\\fIoptions\\fR] \\fIcommand\\fR [\\fIarguments\\fR]
";

const FILES: &str = ".TP
The configuration file
is named by \\-\\-config or MEMD_CONFIG, and written in TOML. There is none by default. For example:
.PP
.nf
    servers = [\"10.0.0.7:11211\", \"10.0.0.8:11211=2\"]
    namespace = \"app:\"
    principal = \"uid\"
.fi
.PP
Its other keys are embedded, secret (one, or a list: what sessions are encrypted with; keep the file to yourself),
ketama_points, no_rehash, connect_timeout (2 seconds) and io_timeout (5 seconds).
For a server's list of its keys, memd waits up to ten times as long.
.TP
An export
has the secrets that sessions have: the file is made with mode 0600. Its format is described in the project's DESIGN.md.
";

const NOTES: &str = "What memd changes on the servers, hosts that keep a copy in a cache of their own (the module's
.I local
argument) see when that copy has expired.
.PP
A condition is about a field of the session itself. One that is missing, undefined, or no plain value meets none.
";

const EXIT: &str = ".TP
0
done
.TP
1
there is no such session; or, for doctor, there is something to do
.TP
2
the command line or the configuration file can't be used
.TP
3
a server, the store, a session in it, or a file failed
.TP
130
interrupted by a signal
";

const EXAMPLES: &str = ".nf
memd \\-s 10.0.0.7:11211,10.0.0.8:11211 list \\-\\-where \"uid~d*\" \\-\\-fields uid,_utime
memd \\-\\-embedded /var/lib/app/sessions show 5f0c63a2a1d94a7c8f1f0e5b1d2c3a4b
memd purge \\-\\-where \"_utime<1760000000\" \\-\\-yes
memd export sessions.memd && memd \\-s 10.0.0.9:11211 import sessions.memd
.fi
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_man_page_has_every_command_and_every_option() {
        let page = String::from_utf8(page().unwrap()).unwrap();
        for sub in Cli::command().get_subcommands().filter(|sub| !sub.is_hide_set()) {
            assert!(page.contains(&format!(".SS memd {}", sub.get_name())), "{}", sub.get_name());
            for long in sub.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(page.contains(&escape(&format!("--{long}"))), "{long}");
            }
        }
        // What is generated names options without what they take, and calls the command <subcommands>.
        assert!(!page.contains("<subcommands>"));
        assert!(page.lines().all(|line| !line.starts_with('\'')));
    }
}
