//! New ids and secrets. The time in an id is the clock's, the rest the system's randomness.

use std::sync::Arc;

use store::Clock;
use uuid::{Builder, Uuid};

#[derive(Debug)]
pub(crate) struct Ids(Arc<dyn Clock>);

impl Ids {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Ids {
        Ids(clock)
    }

    /// A UUID of version 7.
    pub(crate) fn next(&self) -> Uuid {
        let ms = self.0.now().0.max(0).unsigned_abs();
        Builder::from_unix_timestamp_millis(ms, &random()).into_uuid()
    }
}

/// Bytes nobody can guess.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("a machine without randomness cannot keep secrets, so the hub must not go on");
    bytes
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string grows");
        text
    })
}
