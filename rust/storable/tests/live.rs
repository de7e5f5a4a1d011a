//! The installed Storable, both ways: what it writes we write alike, what we write it reads. Skipped
//! where there is no perl, except in CI.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use proptest::prelude::*;
use serde::Serialize;
use storable::{ByteOrder, Header, Layout, Limits, Options, Order, RefKind, Value, Writer, number_text, same, to_vec};

/// A perl that runs `live.pl`.
struct Perl {
    child: Child,
    tasks: Option<ChildStdin>,
}

impl Perl {
    fn start() -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live.pl");
        let known = Command::new("perl").args(["-MStorable", "-e", "1"]).stderr(Stdio::null()).status();
        if !known.is_ok_and(|status| status.success()) {
            assert!(std::env::var_os("CI").is_none(), "perl and Storable are needed in CI");
            eprintln!("skipped: no perl with Storable");
            return None;
        }
        let mut command = Command::new("perl");
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let tasks = child.stdin.take();
        Some(Self { child, tasks })
    }

    /// The answers to all tasks.
    fn ask(mut self, tasks: &[String]) -> Vec<String> {
        let mut input = self.tasks.take().unwrap();
        let output = BufReader::new(self.child.stdout.take().unwrap());
        let answers: Vec<String> = std::thread::scope(|scope| {
            scope.spawn(move || tasks.iter().for_each(|task| writeln!(input, "{task}").unwrap()));
            output.lines().map(Result::unwrap).collect()
        });
        assert!(self.child.wait().unwrap().success());
        assert_eq!(answers.len(), tasks.len());
        answers
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn random_structures_are_written_as_storable_writes_them() {
    let Some(perl) = Perl::start() else { return };
    let tasks: Vec<_> = (0..1000).map(|seed| format!("random {seed}")).collect();
    for (seed, answer) in perl.ask(&tasks).iter().enumerate() {
        let images: Vec<_> = answer.split(' ').map(unhex).collect();
        for image in &images {
            let value = Value::parse(image, &Limits::default()).unwrap_or_else(|error| panic!("{seed}: {error}"));
            assert!(value.write(&value.options()).unwrap() == *image, "seed {seed}");
        }
        assert!(same(&images[0], &images[1], &Limits::default()).unwrap(), "seed {seed}");
    }
}

#[test]
fn storable_reads_what_is_written_here() {
    let Some(perl) = Perl::start() else { return };
    let ours = written_here();
    let tasks: Vec<_> = ours.iter().map(|image| format!("again {}", hex(image))).collect();
    for (image, answer) in ours.iter().zip(perl.ask(&tasks)) {
        assert!(!answer.starts_with('!'), "{answer} for {}", image.escape_ascii());
        let theirs = unhex(&answer);
        assert!(same(image, &theirs, &Limits::default()).unwrap(), "{}", image.escape_ascii());
    }
}

/// Images that did not come from Storable.
fn written_here() -> Vec<Vec<u8>> {
    #[derive(Serialize)]
    struct Session<'a> {
        uid: &'a str,
        groups: Vec<&'a str>,
        attributes: BTreeMap<&'a str, i64>,
        none: Option<u8>,
    }
    let attributes = BTreeMap::from([("caf\u{e9}", 1), ("\u{263a}", 1 << 40), ("", -129)]);
    let session = Session { uid: "dw\u{ff}\u{263a}", groups: vec!["a", "b"], attributes, none: None };
    let mut images = Vec::new();
    for order in [Order::Network, Order::Native] {
        let options = Options { order, ..Options::default() };
        images.push(to_vec(&session, &options).unwrap());
        images.push(to_vec(&[i64::MIN, i64::MAX, -129, -128, 127, 128], &options).unwrap());
        images.push(to_vec(&[0.5, -1e300, 1e-7, f64::from(1_u32 << 30)], &options).unwrap());
        images.push(to_vec(&["", &"x".repeat(255), &"x".repeat(256), &"\u{263a}".repeat(100)], &options).unwrap());

        // Classes by name and by index, short and long; a cycle; a shared scalar; a weak reference.
        let mut writer = Writer::new(&options);
        writer.array(402);
        for n in 0..400_u32 {
            writer.reference(RefKind::default());
            writer.bless(format!("Class{}", n % 200).repeat(if n % 7 == 0 { 20 } else { 1 }).as_bytes()).unwrap();
            writer.hash(1);
            writer.integer(n.into());
            writer.key(b"n").unwrap();
        }
        writer.reference(RefKind { weak: true, overloaded: false });
        writer.object(0);
        writer.reference(RefKind::default());
        writer.object(3);
        images.push(writer.finish());
    }
    images
}

/// The images that golden.pl made by hand, as far as they are of a machine like this one.
#[test]
fn storable_reads_what_was_made_by_hand() {
    let Some(perl) = Perl::start() else { return };
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut images = Vec::new();
    for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        // Storable 3.26 has no booleans, and reads wrong what it writes of large hashes: it takes no flags of keys,
        // and in native order eight bytes as their length of which it set four.
        let unread = ["booleans_3_27", "large_flag_hash", "large_little_64"].iter().any(|case| name.starts_with(case));
        if !name.ends_with(".hand.bin") || unread {
            continue;
        }
        let image = fs::read(path).unwrap();
        let like_ours = match Header::parse(&image).unwrap().layout {
            Layout::Network => true,
            Layout::Native { order, long, pointer, integer, .. } => {
                let here = cfg!(all(target_pointer_width = "64", unix));
                here && order == ByteOrder::HERE && [long, pointer, integer] == [8, 8, 8]
            }
        };
        if like_ours {
            images.push((name, image));
        }
    }
    assert!(images.len() >= 35, "only {} images", images.len());
    let task = |image: &[u8]| if Header::is_file(image) { "file" } else { "again" };
    let tasks: Vec<_> = images.iter().map(|(_, image)| format!("{} {}", task(image), hex(image))).collect();
    for ((name, image), answer) in images.iter().zip(perl.ask(&tasks)) {
        assert!(!answer.starts_with('!'), "{name}: {answer}");
        let same = same(image, &unhex(&answer), &Limits::default());
        assert!(same.unwrap_or_else(|error| panic!("{name}: {error}")), "{name}");
    }
}

#[test]
fn doubles_are_printed_as_perl_prints_them() {
    let Some(perl) = Perl::start() else { return };
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut random = |strategy: BoxedStrategy<f64>| strategy.new_tree(&mut runner).unwrap().current();
    let mut numbers = vec![0.1, 1e15, 1e16, 123_456_789_012_345_680.0, 0.5, 2.5, 1e21, 1e-5, 1e-4];
    for _ in 0..5000 {
        numbers.push(random(any::<f64>().boxed()));
        numbers.push(random((-1e6_f64..1e6).boxed()));
        numbers.push(random((0_u32..1_000_000, 0_i32..12).prop_map(|(n, e)| f64::from(n) / 10_f64.powi(e)).boxed()));
        // Halves in the sixteenth digit, where rounding decides.
        numbers.push(random((1_u64 << 49..1 << 52).prop_map(|n| n as f64 + 0.5).boxed()));
        numbers.push(random((1_u64 << 53..1 << 60).prop_map(|n| n as f64).boxed()));
    }
    // Perl prints whole numbers that fit an integer as one, and so would an integer be written.
    numbers.retain(|number| number.fract() != 0.0 || number.abs() >= 18_446_744_073_709_551_616.0);
    let tasks: Vec<_> = numbers.iter().map(|number| format!("number {}", hex(&number.to_be_bytes()))).collect();
    for (number, text) in numbers.iter().zip(perl.ask(&tasks)) {
        assert_eq!(number_text(*number), text, "{number:?}");
    }
}
