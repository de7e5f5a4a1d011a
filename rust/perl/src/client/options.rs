//! The arguments of `new`: those of Cache::Memcached and Cache::Memcached::Fast that mean something here.

use std::ffi::CStr;

use session::{Config, Target};

use crate::error::{Error, Result};
use crate::perl::Perl;
use crate::perl::argument::{Argument, given, unknown};
use crate::perl::call::Call;
use crate::perl::hash::Hash;
use crate::perl::scalar::Scalar;

/// What to do when a server fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OnError {
    Warn,
    Die,
    Quiet,
}

/// The arguments, checked. What was given stays with the object, too.
#[derive(Clone)]
pub(super) struct Options {
    pub(super) config: Config,
    pub(super) readonly: bool,
    /// Strings of characters come back as such.
    pub(super) utf8: bool,
    pub(super) on_error: OnError,
}

/// What is known, for the hint about what is not.
const KNOWN: [&str; 13] = [
    "servers",
    "ketama_points",
    "namespace",
    "hash_namespace",
    "no_rehash",
    "compress_threshold",
    "connect_timeout",
    "select_timeout",
    "io_timeout",
    "readonly",
    "utf8",
    "classes",
    "on_error",
];

/// What the two clients take and what has no use here: nothing that is stored depends on it.
const WITHOUT_EFFECT: [&str; 13] = [
    "debug",
    "pref_ip",
    "stat_callback",
    "parser_class",
    "nowait",
    "close_on_error",
    "compress_ratio",
    "compress_algo",
    "compress_methods",
    "max_failures",
    "failure_timeout",
    "max_size",
    "check_args",
];

/// Whether these are the subs that do what is done here anyway; undef is.
fn are_storables(perl: Perl, value: Scalar) -> bool {
    let Some(pair) = value.array() else {
        return !value.is_defined();
    };
    let code = |index| pair.get(index).and_then(Scalar::code);
    let is = |index, names: &[&'static CStr]| {
        code(index).is_some_and(|sub| names.iter().any(|name| perl.sub(name) == Some(sub)))
    };
    is(0, &[c"Storable::nfreeze", c"Storable::freeze"]) && is(1, &[c"Storable::thaw"])
}

/// The servers; an empty list is none at all, until `set_servers` gives some.
fn servers(argument: &Argument<'_>) -> Result<Option<Target>> {
    match argument.value.array() {
        Some(list) if list.len() == 0 && !list.is_tied() => Ok(Some(Target::Memcached(Vec::new()))),
        _ => argument.target(),
    }
}

impl Options {
    /// Reads the arguments from a hash that is not tied.
    pub(super) fn read(perl: Perl, args: Hash, warnings: &mut Vec<String>) -> Result<Options> {
        let servers = match args.get(perl, "servers") {
            Some(value) => servers(&Argument { perl, name: "servers", value })?,
            None => None,
        };
        let silent = match args.get(perl, "check_args") {
            Some(value) if value.is_defined() => value.to_text(perl)?.eq_ignore_ascii_case("skip"),
            _ => false,
        };
        let mut options = Options {
            config: servers.map_or_else(Config::default, Config::of),
            readonly: false,
            utf8: false,
            on_error: OnError::Warn,
        };
        for (name, value) in given(perl, args) {
            options.take(&Argument { perl, name: &name, value }, warnings)?;
        }
        if silent {
            warnings.clear();
        }
        Ok(options)
    }

    fn take(&mut self, argument: &Argument<'_>, warnings: &mut Vec<String>) -> Result<()> {
        match argument.name {
            // Read beforehand, and by the object.
            "servers" | "classes" => {}
            "namespace" => {
                let namespace = argument.text("a string")?;
                self.config.namespace = match namespace {
                    Some(text) => text.to_bytes(argument.perl)?,
                    None => Vec::new(),
                };
            }
            "hash_namespace" => self.config.hash_namespace = argument.truth()?,
            "ketama_points" => self.config.ketama_points = argument.points()?,
            "no_rehash" => self.config.no_rehash = argument.truth()?,
            "compress_threshold" => self.config.compress_threshold = argument.threshold()?,
            "connect_timeout" => argument.duration(&mut self.config.connect_timeout)?,
            "select_timeout" | "io_timeout" => argument.duration(&mut self.config.io_timeout)?,
            "readonly" => self.readonly = argument.truth()?,
            "utf8" => self.utf8 = argument.truth()?,
            "on_error" => {
                const CHOICES: [(&str, OnError); 3] =
                    [("warn", OnError::Warn), ("die", OnError::Die), ("quiet", OnError::Quiet)];
                argument.choose(&mut self.on_error, &CHOICES)?;
            }
            // Cache::Memcached::Fast puts them into the hash that it is given.
            "serialize_methods" if are_storables(argument.perl, argument.value) => {}
            "serialize_methods" => {
                return Err(Error::text(
                    "argument serialize_methods: takes [ \\&Storable::nfreeze, \\&Storable::thaw ] only",
                ));
            }
            name if WITHOUT_EFFECT.contains(&name) => {}
            name => warnings.push(unknown(name, &KNOWN)),
        }
        Ok(())
    }

    /// Changes one of them, as the methods `set_NAME` do.
    pub(super) fn change(&mut self, name: &str, value: Scalar, call: &mut Call<'_>) -> Result<()> {
        let argument = Argument { perl: call.perl, name, value };
        match name {
            "servers" => {
                self.config.servers = servers(&argument)?.unwrap_or_default();
                Ok(())
            }
            _ => self.take(&argument, &mut call.warnings),
        }
    }
}
