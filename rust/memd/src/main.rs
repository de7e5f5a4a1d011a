//! `memd`: the operators' program for the sessions of Apache::Session::Memorycached.
//!
//! The tour, in the order of what happens:
//!
//! - `cli`: the command line; `place`: from it and a configuration file to a store
//! - `show` (with `walk`, which goes through a session's data, and `secret`, which says what is masked), `edit`: one session
//! - `list` (with `filter`): many, as the servers list them
//! - `archive`, `transfer`: to a file and back
//! - `info`, `doctor`: the servers themselves
//! - `text`, `table`, `progress`: what the terminal sees; `signal`, `failure`: how it ends
//! - `manual`: the man page and the completions

#![forbid(unsafe_code)]

mod archive;
mod cli;
mod doctor;
mod edit;
mod failure;
mod filter;
mod info;
mod list;
mod manual;
mod place;
mod progress;
mod secret;
mod show;
mod signal;
mod table;
mod text;
mod transfer;
mod walk;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::failure::Result;
use crate::place::Settings;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            for line in failure.text.lines() {
                eprintln!("memd: {}", text::plain(line));
            }
            ExitCode::from(failure.code as u8)
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    match &cli.command {
        Command::Completions { shell } => return manual::completions(*shell),
        Command::Man => return manual::man(),
        _ => {}
    }
    let settings = &Settings::read(&cli.place)?;
    match &cli.command {
        Command::Show(show) => show::show(settings, show),
        Command::Set(set) => edit::set(settings, set),
        Command::Delete { id, field: None } => edit::delete(settings, id, cli.quiet),
        Command::Delete { id, field: Some(field) } => edit::delete_field(settings, id, field),
        Command::Touch { id, seconds } => edit::touch(settings, id, *seconds),
        Command::List(list) => list::list(settings, &list.select.conditions, &list.shape, cli.quiet).map(drop),
        Command::Count(select) => list::count(settings, &select.conditions, cli.quiet),
        Command::Purge(purge) => list::purge(settings, purge, cli.quiet),
        Command::Who(who) => list::who(settings, who, cli.quiet),
        Command::Info { topic } => info::info(settings, *topic),
        Command::Stats => info::stats(settings),
        Command::Doctor => doctor::doctor(settings, cli.quiet),
        Command::Export { file, select } => transfer::export(settings, file, select, cli.quiet),
        Command::Import { file, force } => transfer::import(settings, file, *force, cli.quiet),
        Command::Completions { .. } | Command::Man => Ok(()),
    }
}
