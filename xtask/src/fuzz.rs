//! `cargo xtask soak fuzz`: damaged inputs for every reader of strangers' bytes, for as long as one likes.

use std::hash::{BuildHasher, RandomState};

use crate::{program, say};

/// Where targets are: what cargo is told, and the names of the tests.
const TARGETS: &[&[&str]] = &[
    &["-p", "engine", "--lib", "fuzz"],
    &["-p", "engine", "--test", "lying"],
    &["-p", "tensor", "--test", "fuzz"],
    &["-p", "server", "--lib", "fuzz"],
    &["-p", "registry", "--test", "fuzz"],
    &["-p", "scan", "--test", "files", "damaged"],
];

/// Runs all of them, each its share of the time. What fails is saved, and the message says where.
pub(crate) fn run(minutes: u64) -> anyhow::Result<()> {
    // The standard library takes it from the system.
    let seed = RandomState::new().hash_one(minutes);
    let seconds = (minutes * 60 / TARGETS.len() as u64).max(1);
    say(&format!("{minutes} minutes of damaged inputs, seed {seed:#x}"));
    for target in TARGETS {
        let mut test = program::cargo();
        test.args(["test", "--locked", "--profile", "ci"]).args(*target);
        // All of a program's targets at once, so that the time is what was asked for.
        test.args(["--", "--nocapture", "--test-threads=16"]);
        test.env("MODELHUB_FUZZ_SECONDS", seconds.to_string()).env("MODELHUB_FUZZ_SEED", format!("{seed:#x}"));
        program::run(&mut test)?;
    }
    Ok(())
}
