//! What reading an image into a [`Value`] takes at most: [`FACTOR`] times the image, and a little that does not
//! depend on it. Counted by the allocator, for every golden file, for what takes the most, and for damage.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::path::Path;

use storable::{Limits, Value};

/// The worst is a chain of references, a byte each. For each there are 4 bytes for its number, 24 for its place on the
/// stack, and 56 for its part; and while the vector of parts grows, the old one and one twice as large are there
/// together: 196 in all.
const FACTOR: usize = 200;
/// Room for the first frames, an error and its text.
const FIXED: usize = 2048;

/// The system's allocator, which remembers for each thread how much it holds and held at most.
struct Counting;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

fn grown(by: usize) {
    let held = HELD.get().wrapping_add(by);
    HELD.set(held);
    PEAK.set(PEAK.get().max(held));
}

// SAFETY: every call goes to the system's allocator as it came. The counters are `Cell`s of the thread, made at compile
// time and never dropped, so touching them allocates nothing. `realloc` is the trait's own: allocate, copy, free.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: the caller's promise about `layout` is the one that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        HELD.set(HELD.get().wrapping_sub(layout.size()));
        // SAFETY: `memory` came from `alloc` above, which is the system's, with the same `layout`.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many bytes reading an image takes at most.
fn peak(image: &[u8]) -> usize {
    let limits = Limits { max_depth: usize::MAX, ..Limits::default() };
    let before = HELD.get();
    PEAK.set(before);
    drop(Value::parse(image, &limits));
    assert_eq!(HELD.get(), before, "something is left");
    PEAK.get() - before
}

/// Fails unless an image takes no more than it may, and says how many times itself it took.
fn check(image: &[u8], what: &str) -> f64 {
    let peak = peak(image);
    let most = FACTOR * image.len() + FIXED;
    assert!(peak <= most, "{what}: {peak} bytes for {}, more than {most}", image.len());
    peak as f64 / image.len() as f64
}

fn golden() -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "bin"))
        .map(|path| fs::read(path).unwrap())
        .collect()
}

/// A small source of numbers that look random.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 32).unwrap() % end
    }
}

#[test]
fn golden_files_and_their_damage() {
    for image in golden() {
        check(&image, "a golden file");
        for position in 0..image.len().min(200) {
            check(&image[..position], "one that is truncated");
            for forged in [&[0xff; 8][..], &[0x7f, 0xff, 0xff, 0xff], &[0, 0xff, 0xff, 0xff], &[0, 0, 0, 0xff], &[0xff]]
            {
                let mut image = image.clone();
                image.iter_mut().skip(position).zip(forged).for_each(|(byte, forged)| *byte = *forged);
                check(&image, "one with a forged number");
            }
        }
    }
}

/// Many of the smallest of each kind, so many that the vectors that hold them have just grown, or are about to.
#[test]
fn the_smallest_of_everything() {
    let counts = (0..14).map(|power| 1 << power).flat_map(|count: usize| [count.saturating_sub(1), count, count + 1]);
    let counts: Vec<usize> = counts.filter(|&count| count > 0).collect();
    let mut worst = 0.0_f64;
    for (what, head, each, after) in SMALLEST {
        for &count in &counts {
            let length = u32::try_from(count).unwrap().to_be_bytes();
            let head = head.iter().flat_map(|&byte| if byte == b'#' { length.to_vec() } else { vec![byte] });
            let mut image: Vec<u8> = b"\x05\x0b".iter().copied().chain(head).collect();
            image.extend(each.repeat(count));
            image.extend(after.iter().copied());
            let times = check(&image, what);
            if image.len() > FIXED {
                worst = worst.max(times);
            }
            // The same with something missing, and with the count and nothing else.
            check(&image[..image.len() - 1], what);
            check(&image[..image.len().min(7)], what);
        }
    }
    assert!(worst > FACTOR as f64 * 0.9, "{worst} times: the promise could be smaller");
}

/// What it is; what comes first, with the count for `#`; what comes that many times; what comes last.
type Many = (&'static str, &'static [u8], &'static [u8], &'static [u8]);

const SMALLEST: [Many; 24] = [
    ("undefs", b"\x02#", b"\x05", b""),
    ("empty strings", b"\x02#", b"\x0a\0", b""),
    ("empty arrays", b"\x02#", b"\x02\0\0\0\0", b""),
    ("empty hashes", b"\x02#", b"\x03\0\0\0\0", b""),
    ("hashes of one pair", b"\x02#", b"\x03\0\0\0\x01\x05\0\0\0\0", b""),
    ("hashes of one pair with flags", b"\x02#", b"\x19\0\0\0\0\x01\x05\0\0\0\0\0", b""),
    ("pairs with one key", b"\x03#", b"\x05\0\0\0\0", b""),
    ("back references", b"\x02#", b"\0\0\0\0\0", b""),
    ("references", b"", b"\x04", b"\x05"),
    ("references without an end", b"", b"\x04", b""),
    ("arrays in each other", b"", b"\x02\0\0\0\x01", b"\x05"),
    ("things tied to each other", b"", b"\x0c", b"\x05"),
    ("elements of elements", b"", b"\x15", b"\x05"),
    ("keys of elements", b"", b"\x15\x05", b"\x05"),
    ("classes", b"\x02#", b"\x11\0\x05", b""),
    ("classes of one value", b"", b"\x11\0", b"\x05"),
    ("objects of a hook", b"\x02#", b"\x13\0\0\0", b""),
    ("objects of a hook that refers to one", b"\x02#", b"\x13\x80\0\0\x01\0\0\0\0", b""),
    ("objects of a hook in each other", b"", b"\x13\x42", b"\x05"),
    ("hooks that are tied", b"", b"\x13\x03\x06\0\0", b"\x05"),
    ("the list of a hook", b"\x13\x92\0\0#", b"\0\0\0\0", b""),
    ("subs", b"\x02#", b"\x1a\x0a\0", b""),
    ("regular expressions", b"\x02#", b"\x20\0\0\0", b""),
    ("v-strings", b"\x02#", b"\x1d\0\x0a\0", b""),
];

#[test]
fn pairs_with_different_keys() {
    for count in (0..16).map(|power| (1_u32 << power) + 1) {
        let mut image = b"\x05\x0b\x03".to_vec();
        image.extend(count.to_be_bytes());
        for key in 0..count {
            image.extend([5, 0, 0, 0, 2]);
            image.extend(&key.to_be_bytes()[2..]);
        }
        check(&image, "pairs");
    }
}

#[test]
fn one_long_string_of_each_kind() {
    let long = vec![b'x'; 100_000];
    for head in
        [&b"\x01"[..], b"\x18", b"\x11\x80", b"\x1e", b"\x1a\x01", b"\x20\x01", b"\x03\0\0\0\x01\x05", b"\x13\x06"]
    {
        let length = u32::try_from(long.len()).unwrap().to_be_bytes();
        check(&[b"\x05\x0b", head, &length, &long, b"\x0a\0"].concat(), "a long string");
    }
}

#[test]
fn images_of_before_0_6() {
    // An array of undefs, each with an address of its own, and references in each other.
    for count in (0..14).map(|power| (1_u32 << power) + 1) {
        let values = (1..=count).flat_map(|address| [b"i".as_slice(), &address.to_be_bytes(), b"\x05X"].concat());
        let array = [b"\x01\0\0\0\0\x02".as_slice(), &count.to_be_bytes(), &values.collect::<Vec<_>>(), b"X"].concat();
        assert!(Value::parse(&array, &Limits::default()).is_ok());
        check(&array, "an array of before 0.6");
        let references = (1..=count).flat_map(|address| [address.to_be_bytes().as_slice(), b"\x04"].concat());
        check(&[b"\x01", references.collect::<Vec<_>>().as_slice()].concat(), "references of before 0.6");
    }
}

#[test]
fn anything_after_a_valid_header() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let headers: [&[u8]; 4] = [b"\x05\x0b", b"\x04\x0b\x0812345678\x04\x08\x08\x08", b"\x03", b"\x01"];
    for _ in 0..40_000 {
        let mut image = headers[random.below(headers.len())].to_vec();
        let small = random.below(2) == 0;
        for _ in 0..random.below(400) {
            image.push(if small { random.below(36) as u8 } else { random.next() as u8 });
        }
        check(&image, "random bytes");
    }
}
