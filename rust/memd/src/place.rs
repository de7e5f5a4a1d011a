//! Where the sessions are: from the command line and the configuration file to a store.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use session::{Config, Id, Principal, Secrets, Store, Target};
use storable::{Fields, Plain};

use crate::cli::Place;
use crate::failure::{Failure, Result};

/// What is known about the place.
#[derive(Debug)]
pub struct Settings {
    /// The store's configuration.
    pub config: Config,
    /// The field that says whose a session is.
    pub principal: Option<String>,
}

/// The configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    servers: Option<Vec<String>>,
    embedded: Option<String>,
    namespace: Option<String>,
    principal: Option<String>,
    ketama_points: Option<u32>,
    secret: Option<OneOrMore>,
    no_rehash: Option<bool>,
    connect_timeout: Option<f64>,
    io_timeout: Option<f64>,
}

/// A secret, or a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    /// What is not encrypted is looked at all the same: an operator is to see what there is.
    fn read(&self) -> Result<Secrets> {
        let secrets = match self {
            OneOrMore::One(secret) => std::slice::from_ref(secret),
            OneOrMore::More(secrets) => secrets,
        };
        Ok(Secrets::new(secrets.iter().map(|secret| Some(secret.as_bytes())).chain([None]))?)
    }
}

/// Says nothing of the secrets.
impl fmt::Debug for OneOrMore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("secrets")
    }
}

impl Settings {
    /// Reads what was given.
    pub fn read(place: &Place) -> Result<Settings> {
        let file = match &place.config {
            Some(path) => File::read(path)?,
            None => File::default(),
        };
        let chosen = !place.servers.is_empty() || place.embedded.is_some();
        let (servers, embedded) = match chosen {
            true => (place.servers.clone(), place.embedded.clone()),
            false => (file.servers.unwrap_or_default(), file.embedded),
        };
        if !servers.is_empty() && embedded.is_some() {
            return Err(Failure::usage("the configuration file names both servers and embedded: takes one of them"));
        }
        let target = match embedded {
            Some(dir) => {
                let (path, size) = dir.split_once('?').map_or((dir.as_str(), ""), |(path, size)| (path, size));
                let path = std::path::absolute(path).map_err(|error| Failure::usage(format!("{dir}: {error}")))?;
                let mark = if size.is_empty() { "" } else { "?" };
                Target::parse("embedded", &[(format!("embedded:{}{mark}{size}", path.display()), 1)])?
            }
            None if servers.is_empty() => Target::default(),
            None => {
                let servers = servers.iter().map(|text| weighted(text)).collect::<Result<Vec<_>>>()?;
                Target::parse("servers", &servers)?
            }
        };
        let mut config = Config::of(target);
        // Operators wait rather than being told that something is slow.
        config.connect_timeout = seconds("connect_timeout", file.connect_timeout.unwrap_or(2.0))?;
        config.io_timeout = seconds("io_timeout", file.io_timeout.unwrap_or(5.0))?;
        config.ketama_points = file.ketama_points.unwrap_or(0);
        if let Some(secrets) = &file.secret {
            config.secrets = secrets.read()?;
        }
        config.no_rehash = file.no_rehash.unwrap_or(false);
        config.namespace = place.namespace.clone().or(file.namespace).unwrap_or_default().into_bytes();
        let principal = place.principal.clone().or(file.principal);
        Ok(Settings { config, principal })
    }

    /// The store, where new values get this expiry.
    pub fn store(&self, expiry: Option<u64>) -> Result<Store> {
        Ok(Store::open(Config { expiry, ..self.config.clone() })?)
    }

    /// Refuses an embedded store that does not exist: looking for sessions is not to make one.
    pub fn must_exist(&self) -> Result<()> {
        if let Target::Embedded { dir, .. } = &self.config.servers
            && fs::symlink_metadata(dir).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
        {
            let text = "there is no such embedded store; --servers or --embedded tell where sessions are";
            return Err(Failure::server(format!("{}: {text}", dir.display())));
        }
        Ok(())
    }

    /// The field that says whose a session is; a failure where none was given.
    pub fn principal_field(&self) -> Result<&str> {
        let missing = || Failure::usage("--principal FIELD is needed: the field that says whose a session is");
        self.principal.as_deref().ok_or_else(missing)
    }

    /// Whose a session is, by the field that says so.
    pub fn principal_of(&self, fields: &Fields<'_>) -> Option<Principal> {
        let plain = fields.get(self.principal.as_deref()?)?.plain().filter(|plain| *plain != Plain::Undef)?;
        let (text, is_text) = plain.text();
        principal(&text, is_text)
    }

    /// Whose reverse record a session has, by the digest in it: the field `NAME_MD5`.
    pub fn recorded_principal(&self, fields: &Fields<'_>) -> Option<Principal> {
        let name = format!("{}_MD5", self.principal.as_deref()?);
        let (text, _) = fields.get(name.as_str())?.plain()?.text();
        Principal::from_digest(std::str::from_utf8(&text).ok()?).ok()
    }
}

/// The principal with this value. Characters up to U+00FF count as bytes, as for the Perl module.
pub fn principal(value: &[u8], is_text: bool) -> Option<Principal> {
    if value.is_empty() {
        return None;
    }
    let narrow = |text: &str| text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect::<Option<Vec<u8>>>();
    let bytes = std::str::from_utf8(value).ok().filter(|_| is_text).and_then(narrow);
    Some(Principal::of(bytes.as_deref().unwrap_or(value)))
}

/// A session's id from the command line.
pub fn id(given: &OsStr) -> Result<Id> {
    Ok(Id::parse(given.as_bytes())?)
}

impl File {
    fn read(path: &Path) -> Result<File> {
        let failed = |what: String| Failure::usage(format!("{}: {}", path.display(), what.trim_end()));
        let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            failed(format!("line {line}: {}", error.message()))
        })
    }
}

/// `host:port=3`: an address and its weight.
fn weighted(text: &str) -> Result<(String, u32)> {
    match text.rsplit_once('=') {
        Some((address, weight)) if !text.starts_with("embedded:") => {
            let weight = weight.parse().map_err(|_| Failure::usage(format!("{text}: takes a whole number after =")))?;
            Ok((address.to_owned(), weight))
        }
        _ => Ok((text.to_owned(), 1)),
    }
}

fn seconds(name: &str, seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|time| !time.is_zero() && time.as_secs() <= 86_400)
        .ok_or_else(|| Failure::usage(format!("{name}: takes seconds above 0, not {seconds}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(place: &Place) -> Result<Settings> {
        Settings::read(place)
    }

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    fn in_file(text: &str) -> (tempfile::NamedTempFile, Place) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        let place = Place { config: Some(file.path().to_owned()), ..Place::default() };
        (file, place)
    }

    #[test]
    fn servers_have_weights() {
        let place = Place { servers: strings(&["a:1=3", "[::1]:2", "/run/m.sock=0"]), ..Place::default() };
        let Target::Memcached(servers) = read(&place).unwrap().config.servers else { panic!("not memcached") };
        let servers: Vec<_> = servers.iter().map(|server| (server.address.as_str(), server.weight)).collect();
        assert_eq!(servers, [("a:1", 3), ("[::1]:2", 1), ("/run/m.sock", 0)]);
    }

    #[test]
    fn the_command_line_comes_before_the_file() {
        let text = "servers = [\"a:1\", \"b:1=2\"]\nnamespace = \"app:\"\nprincipal = \"uid\"\nio_timeout = 0.5\n";
        let (_file, mut place) = in_file(text);
        let settings = read(&place).unwrap();
        assert_eq!(settings.config.namespace, b"app:");
        assert_eq!(settings.principal.as_deref(), Some("uid"));
        assert_eq!(settings.config.io_timeout, Duration::from_millis(500));
        place.embedded = Some("/d?size=2M".to_owned());
        place.namespace = Some(String::new());
        let settings = read(&place).unwrap();
        assert_eq!(settings.config.servers, Target::Embedded { dir: "/d".into(), map_size: 2 << 20 });
        assert_eq!(settings.config.namespace, b"");
    }

    #[test]
    fn mistakes_are_told() {
        for (text, says) in [
            ("servers = [\"a\"]", "argument servers: takes"),
            ("serves = []", "line 1: unknown field `serves`"),
            ("\nservers = 1", "line 2: invalid type"),
            ("servers = [\"a:1\"]\nembedded = \"/d\"", "both"),
            ("servers = [\"a:1=x\"]", "takes a whole number after ="),
            ("io_timeout = 0.0", "io_timeout: takes seconds above 0"),
            ("servers = [\"\u{1b}[31m", "line 1"),
        ] {
            let failure = read(&in_file(text).1).unwrap_err();
            assert!(failure.text.contains(says), "{text}: {}", failure.text);
            assert_eq!(failure.code, crate::failure::Code::Usage);
        }
    }

    #[test]
    fn principals_are_digested_as_in_perl() {
        let digest = |bytes: &[u8], is_text| principal(bytes, is_text).unwrap();
        assert_eq!(digest("\u{e9}".as_bytes(), true), Principal::of(b"\xe9"));
        assert_eq!(digest("\u{e9}".as_bytes(), false), Principal::of("\u{e9}".as_bytes()));
        assert_eq!(digest("\u{263a}".as_bytes(), true), Principal::of("\u{263a}".as_bytes()));
        assert_eq!(principal(b"", false), None);
    }
}
