//! Damaged inputs for the readers of strangers' bytes.
//!
//! A test says how a good input is made, which words the form is written in, and what has to hold whatever comes:
//!
//! ```no_run
//! fuzz::Target::new("numbers", &[b"-", b"e9"]).run(
//!     |random| random.below(1_000).to_string().into_bytes(),
//!     |input| match std::str::from_utf8(input).map(str::parse::<u32>) {
//!         Ok(Ok(number)) => format!("taken: {number}"),
//!         other => format!("refused: {other:?}"),
//!     },
//! );
//! ```
//!
//! Always: a run is a function of its seed, which is printed; an input that makes the check panic is saved before the
//! test fails, and the message says where. What the check tells stands in for coverage, which the stable toolchain does
//! not measure: an input that makes it say something new is kept and damaged further.
//!
//! `cargo xtask soak fuzz` sets [`SECONDS`] and a fresh [`SEED`]; [`INPUT`] runs one saved file alone. Without them a
//! target runs so many cases, the same every time.
//!
//! Absent on purpose: minimising, sharing of what was found between runs, and everything of ours: no crate of the
//! product is known here, so that all of them can use it in their tests.

mod memory;
mod mutate;
mod random;

use std::collections::HashSet;
use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use memory::{Counting, holding};
pub use mutate::mutate;
pub use random::Random;

/// The variable with the seconds that each target runs, instead of its number of cases.
pub const SECONDS: &str = "MODELHUB_FUZZ_SECONDS";
/// The variable with the seed.
pub const SEED: &str = "MODELHUB_FUZZ_SEED";
/// The variable with the path of the one input to check.
pub const INPUT: &str = "MODELHUB_FUZZ_INPUT";

/// The seed of every short run.
const FIXED: u64 = 0x9e37_79b9_7f4a_7c15;

/// Most inputs that are kept to be damaged further.
const KEPT: usize = 1_024;

/// Most ways that are told apart.
const WAYS: usize = 1 << 16;

/// A reader under attack.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    name: &'a str,
    words: &'a [&'a [u8]],
    cases: u64,
    most: usize,
}

impl<'a> Target<'a> {
    /// A target by its name, which is also that of its files, and the words of its form.
    pub fn new(name: &'a str, words: &'a [&'a [u8]]) -> Target<'a> {
        Target { name, words, cases: 20_000, most: 64 * 1024 }
    }

    /// How many cases a short run has.
    pub fn cases(self, cases: u64) -> Target<'a> {
        Target { cases, ..self }
    }

    /// How many bytes an input has at most.
    pub fn most(self, most: usize) -> Target<'a> {
        Target { most, ..self }
    }

    /// Makes inputs, damages them, and hands them to `check`, which says in words what came of each. Panics at the
    /// first input that makes `check` panic.
    pub fn run(self, make: impl Fn(&mut Random) -> Vec<u8>, check: impl Fn(&[u8]) -> String) {
        let name = self.name;
        if let Some(path) = env::var_os(INPUT) {
            let input = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", Path::new(&path).display()));
            eprintln!("{name}: {}", check(&input));
            return;
        }
        let seconds = number(SECONDS).map(Duration::from_secs);
        let seed = number(SEED).unwrap_or(FIXED);
        eprintln!("{name}: seed {seed:#x}");
        // Each target has its own course, whatever runs beside it.
        let mut random = Random::new(seed ^ hash(name));
        let (began, mut cases) = (Instant::now(), 0);
        let mut kept = Kept::default();
        let mut slowest = (Duration::ZERO, 0);
        while seconds.map_or(cases < self.cases, |seconds| began.elapsed() < seconds) {
            cases += 1;
            let mut input = match random.below(3) {
                0 => kept.any(&mut random).cloned().unwrap_or_else(|| make(&mut random)),
                _ => make(&mut random),
            };
            // One in eight is left as it is.
            for _ in 0..random.below(8) {
                mutate(&mut input, &mut random, self.words, kept.inputs(), self.most);
            }
            input.truncate(self.most);
            let asked = Instant::now();
            let told = catch_unwind(AssertUnwindSafe(|| check(&input)));
            slowest = slowest.max((asked.elapsed(), input.len()));
            match told {
                Ok(told) => kept.keep(input, &told, &mut random),
                Err(_) => {
                    let path = save(name, &input);
                    panic!("{name}: case {cases} of seed {seed:#x} fails; {INPUT}={} runs it alone", path.display());
                }
            }
        }
        let (slow, bytes) = slowest;
        eprintln!("{name}: {cases} cases, {} ways, the slowest took {slow:?} for {bytes} bytes", kept.ways());
    }
}

/// Asserts that a refusal is fit to be shown: words on one line, not too many.
#[track_caller]
pub fn shown(refusal: &str, most: usize) {
    let characters = refusal.chars().count();
    assert!((1..=most).contains(&characters), "a refusal of {characters} characters: {refusal:?}");
    assert!(!refusal.contains(char::is_control), "a refusal with control characters: {refusal:?}");
}

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    let hex = text.strip_prefix("0x").map(|digits| u64::from_str_radix(digits, 16));
    Some(hex.unwrap_or_else(|| text.parse()).unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

fn hash(text: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Writes what failed to where cargo builds.
fn save(name: &str, input: &[u8]) -> PathBuf {
    // A test's program lies in PROFILE/deps of that folder.
    let program = env::current_exe().expect("a test knows its own program");
    let folder = program.ancestors().nth(3).expect("a test lies where cargo builds").join("fuzz");
    let path = folder.join(format!("{name}-{:016x}", hash(input)));
    fs::create_dir_all(&folder).and_then(|()| fs::write(&path, input)).expect("what failed can be written");
    path
}

/// Inputs that something new came of.
#[derive(Default)]
struct Kept {
    inputs: Vec<Vec<u8>>,
    seen: HashSet<u64>,
}

impl Kept {
    fn inputs(&self) -> &[Vec<u8>] {
        &self.inputs
    }

    fn any(&self, random: &mut Random) -> Option<&Vec<u8>> {
        if self.inputs.is_empty() { None } else { Some(random.pick(&self.inputs)) }
    }

    /// Past so many, one that was kept makes room: what comes late was hard to come by.
    fn keep(&mut self, input: Vec<u8>, told: &str, random: &mut Random) {
        if self.seen.len() == WAYS || !self.seen.insert(hash(way(told))) {
            return;
        }
        if self.inputs.len() < KEPT {
            self.inputs.push(input);
        } else {
            let place = random.below(KEPT);
            self.inputs[place] = input;
        }
    }

    fn ways(&self) -> usize {
        self.seen.len()
    }
}

/// What was told without the values in it: neither numbers nor what stands in quotes.
fn way(told: &str) -> String {
    let words = told.split(['"', '`']).step_by(2);
    words.flat_map(str::chars).filter(|c| c.is_ascii_alphabetic() || *c == ' ').collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;

    #[test]
    fn a_run_is_the_same_each_time_and_does_not_repeat_itself() {
        let run = || {
            let inputs = RefCell::new(Vec::new());
            let target = Target::new("same", &[b"word"]).cases(500);
            target.run(
                |random| vec![random.byte(); random.below(9)],
                |input| {
                    inputs.borrow_mut().push(input.to_vec());
                    String::new()
                },
            );
            inputs.into_inner()
        };
        let inputs = run();
        assert_eq!(inputs, run());
        let different: HashSet<&Vec<u8>> = inputs.iter().collect();
        assert!(different.len() > 300, "{} of 500", different.len());
    }

    #[test]
    fn what_says_something_new_is_damaged_further() {
        // Four steps that no single damage takes at once.
        let deepest = RefCell::new(0);
        Target::new("steps", &[b"a", b"b", b"c", b"d"]).cases(20_000).run(
            |_| Vec::new(),
            |input| {
                let depth = b"abcd".iter().zip(input).take_while(|(a, b)| a == b).count();
                let mut deepest = deepest.borrow_mut();
                *deepest = depth.max(*deepest);
                "step ".repeat(depth)
            },
        );
        assert_eq!(*deepest.borrow(), 4);
    }

    #[test]
    fn what_fails_is_saved_and_named() {
        let failed = catch_unwind(|| {
            Target::new("fails", &[]).run(
                |_| b"good".to_vec(),
                |input| {
                    assert!(!input.is_empty() && input == b"good", "damaged");
                    String::new()
                },
            );
        });
        let message = *failed.unwrap_err().downcast::<String>().unwrap();
        let path = message.split_once(&format!("{INPUT}=")).and_then(|(_, path)| path.split(' ').next()).unwrap();
        assert_ne!(fs::read(path).unwrap(), b"good");
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn values_do_not_make_a_way() {
        assert_eq!(way("\"x\" has 7 axes"), way("\"other\" has 12 axes"));
        assert_ne!(way("\"x\" has 7 axes"), way("\"x\" is missing"));
    }

    #[test]
    fn what_is_held_is_counted_and_bounded() {
        assert_eq!(holding(1_000, || vec![0_u8; 1_000].len()), 1_000);
        let grown = || {
            (0..1_000_u32).fold(Vec::new(), |mut list, number| {
                list.push(number);
                list
            })
        };
        assert_eq!(holding(8 * 1_024, grown).len(), 1_000);
        for _ in 0..100 {
            holding(1_000, || drop(vec![0_u8; 1_000]));
        }
        assert!(catch_unwind(|| holding(999, || vec![0_u8; 1_000])).is_err());
        // Of another thread, it is not ours.
        holding(64 * 1_024, || std::thread::spawn(|| vec![0_u8; 1 << 20].len()).join().unwrap());
    }
}
