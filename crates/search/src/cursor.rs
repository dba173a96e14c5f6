//! Where a page ended.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Error;

const VERSION: u8 = 1;
const LENGTH: usize = 1 + 8 + 8 + 16 + 4;

/// Where a page ended: opaque to whoever brings it back. It gives no right to anything, so that a forged one finds no
/// more than a search does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Of what was searched: a cursor of another search leads nowhere.
    pub(crate) search: u64,
    pub(crate) key: u64,
    pub(crate) id: u128,
    /// How many came before.
    pub(crate) shown: u32,
}

impl Cursor {
    /// How many came before.
    pub fn shown(&self) -> u32 {
        self.shown
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cursor { search, key, id, shown } = self;
        let mut bytes = vec![VERSION];
        bytes.extend(search.to_be_bytes());
        bytes.extend(key.to_be_bytes());
        bytes.extend(id.to_be_bytes());
        bytes.extend(shown.to_be_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Cursor, Error> {
        if text.len() > 2 * LENGTH {
            return Err(Error::NoCursor);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::NoCursor)?;
        let (Ok(bytes), Some(&VERSION)) = (<[u8; LENGTH]>::try_from(&bytes[..]), bytes.first()) else {
            return Err(Error::NoCursor);
        };
        let number =
            |from: usize, to: usize| bytes[from..to].iter().fold(0, |sum: u128, byte| sum << 8 | u128::from(*byte));
        Ok(Cursor {
            search: number(1, 9) as u64,
            key: number(9, 17) as u64,
            id: number(17, 33),
            shown: number(33, 37) as u32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is_one() {
        let cursor = Cursor { search: 1, key: u64::MAX - 1, id: 7 << 100, shown: 40 };
        let text = cursor.to_string();
        assert_eq!(text.parse::<Cursor>().unwrap(), cursor);
        for forged in ["", "AAAA", "é", &text[1..], &format!("{text}AA"), &"A".repeat(50), &"x".repeat(1_000_000)] {
            assert!(matches!(forged.parse::<Cursor>(), Err(Error::NoCursor)), "{}", &forged[..forged.len().min(60)]);
        }
    }
}
