//! Builds the C shim, and keeps a second libperl out of the extension.
//!
//! `libperl-sys` asks the linker for `-lperl`. An extension must not carry or pull in a libperl of its own: the perl
//! that loads it provides every symbol, and a statically linked perl would end up with two interpreters. So an empty
//! `libperl.a` stands first in the link search path; `t/load.t` checks the outcome.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const SHIM: [&str; 7] = ["call", "guarded", "interpreter", "macro", "method", "native", "new"];

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("libperl.a"), b"!<arch>\n").expect("OUT_DIR is writable");
    println!("cargo::rustc-link-search=native={}", out.display());

    println!("cargo::rerun-if-env-changed=PERL");
    println!("cargo::rerun-if-changed=shim");
    let perl = env::var_os("PERL").unwrap_or_else(|| "perl".into());
    let config = perl_config(Path::new(&perl));
    println!("cargo::rustc-check-cfg=cfg(perl_multiplicity)");
    if config.multiplicity {
        println!("cargo::rustc-cfg=perl_multiplicity");
    }
    println!("cargo::rustc-check-cfg=cfg(perl_protect)");
    if config.version >= 22 {
        println!("cargo::rustc-cfg=perl_protect");
    }
    println!("cargo::rustc-env=STORABLE_WRITES_MINOR={}", config.storable);
    let mut build = cc::Build::new();
    build
        .files(SHIM.map(|name| format!("shim/{name}.c")))
        .warnings(false)
        .flag("-Werror=implicit-function-declaration");
    for flag in config.ccflags.split_whitespace() {
        build.flag(flag);
    }
    build.include(Path::new(&config.archlib).join("CORE"));
    build.compile("memorycached_shim");
}

struct PerlConfig {
    ccflags: String,
    archlib: String,
    /// Whether its functions are told which interpreter they work for.
    multiplicity: bool,
    /// 36 for perl 5.36.
    version: u32,
    /// The minor version of the format that its Storable writes.
    storable: u8,
}

const ASK: &str = r#"
    print map { ($Config{$_} // "") . "\n" } qw(ccflags archlibexp usemultiplicity PERL_VERSION);
    print Storable::BIN_WRITE_MINOR(), "\n";
"#;

fn perl_config(perl: &Path) -> PerlConfig {
    let output = Command::new(perl)
        .args(["-MConfig", "-MStorable", "-e", ASK])
        .output()
        .unwrap_or_else(|error| panic!("cannot run {}: {error}", perl.display()));
    let text = String::from_utf8(output.stdout).expect("Config prints text");
    let untold = || panic!("{} did not tell its Config, or has no Storable", perl.display());
    let [ccflags, archlib, multiplicity, version, storable] = text.lines().collect::<Vec<_>>()[..] else { untold() };
    PerlConfig {
        ccflags: ccflags.to_owned(),
        archlib: archlib.to_owned(),
        multiplicity: multiplicity == "define",
        version: version.parse().unwrap_or_else(|_| untold()),
        storable: storable.parse().unwrap_or_else(|_| untold()),
    }
}
