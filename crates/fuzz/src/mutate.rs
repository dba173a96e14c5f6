//! One damage at a time.

use crate::Random;

/// Texts of numbers that readers trip over.
const NUMBERS: [&str; 16] = [
    "0",
    "-1",
    "-0",
    "007",
    "1e999",
    "1E-999",
    "0.1",
    "1.",
    "64",
    "1024",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "340282366920938463463374607431768211456",
];

/// Damages an input in one way. It grows to `most` bytes at most. `words` are those of its form, `others` inputs to
/// take parts from.
pub fn mutate(input: &mut Vec<u8>, random: &mut Random, words: &[&[u8]], others: &[Vec<u8>], most: usize) {
    match random.below(16) {
        0 => at(input, random, |byte, random| *byte ^= 1 << random.below(8)),
        1 => at(input, random, |byte, random| *byte = random.byte()),
        2 => at(input, random, |byte, random| *byte = *random.pick(&[0, 1, 0x7f, 0x80, 0xff, b'"', b'[', b'{', b'\n'])),
        3 => {
            let bytes: Vec<u8> = (0..=random.below(8)).map(|_| random.byte()).collect();
            insert(input, random, &bytes, most);
        }
        4 => {
            let (from, to) = range(input, random);
            input.drain(from..to);
        }
        5 => {
            let place = random.below(input.len() + 1);
            input.truncate(place);
        }
        6 => {
            let (from, to) = range(input, random);
            let part = input[from..to].to_vec();
            insert(input, random, &part, most);
        }
        7 => repeat(input, random, most),
        8 | 9 => whole_number(input, random),
        10 => digits(input, random, most),
        11 | 12 if !words.is_empty() => {
            let word = *random.pick(words);
            insert(input, random, word, most);
        }
        13 if !words.is_empty() => other_word(input, random, words, most),
        14 if !others.is_empty() => {
            let other = random.pick(others);
            let (from, to) = range(other, random);
            let place = random.below(input.len() + 1);
            if random.one_in(2) {
                input.truncate(place);
            }
            splice(input, place, place, &other[from..to], most);
        }
        _ => {
            // What stands in one place stands in the other.
            let (from, to) = range(input, random);
            let part = input[from..to].to_vec();
            let place = random.below(input.len() + 1);
            let end = (place + part.len()).min(input.len());
            input[place..end].copy_from_slice(&part[..end - place]);
        }
    }
}

fn at(input: &mut [u8], random: &mut Random, change: impl FnOnce(&mut u8, &mut Random)) {
    if !input.is_empty() {
        let place = random.below(input.len());
        change(&mut input[place], random);
    }
}

/// A part, short ones more often than long ones.
fn range(input: &[u8], random: &mut Random) -> (usize, usize) {
    let from = random.below(input.len() + 1);
    let left = input.len() - from;
    let longest = if random.one_in(4) { left } else { left.min(16) };
    (from, from + random.below(longest + 1))
}

fn splice(input: &mut Vec<u8>, from: usize, to: usize, bytes: &[u8], most: usize) {
    if input.len() - (to - from) + bytes.len() <= most {
        input.splice(from..to, bytes.iter().copied());
    }
}

fn insert(input: &mut Vec<u8>, random: &mut Random, bytes: &[u8], most: usize) {
    let place = random.below(input.len() + 1);
    splice(input, place, place, bytes, most);
}

/// A part many times over: what grows with the number of things, and what nests.
fn repeat(input: &mut Vec<u8>, random: &mut Random, most: usize) {
    let (from, to) = range(input, random);
    let room = most.saturating_sub(input.len()) / (to - from).max(1);
    let times = *random.pick(&[2, 20, 70, 1_100, 20_000]);
    let part = input[from..to].repeat(room.min(times));
    splice(input, to, to, &part, most);
}

/// A number in binary: another one, or one near it; in either order of its bytes.
fn whole_number(input: &mut [u8], random: &mut Random) {
    let size = *random.pick(&[1, 2, 4, 8]);
    if input.len() < size {
        return;
    }
    let place = random.below(input.len() - size + 1);
    let field = &mut input[place..place + size];
    let big = random.one_in(4);
    if big {
        field.reverse();
    }
    let mut bytes = [0; 8];
    bytes[..size].copy_from_slice(field);
    let number = match random.below(3) {
        0 => u64::from_le_bytes(bytes).wrapping_add(random.below(16) as u64),
        1 => u64::from_le_bytes(bytes).wrapping_sub(random.below(16) as u64),
        _ => random.edge(),
    };
    field.copy_from_slice(&number.to_le_bytes()[..size]);
    if big {
        field.reverse();
    }
}

/// A number in digits becomes another.
fn digits(input: &mut Vec<u8>, random: &mut Random, most: usize) {
    let start = random.below(input.len() + 1);
    let Some(from) = input[start..].iter().position(u8::is_ascii_digit).map(|place| start + place) else { return };
    let to = from + input[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = match random.below(3) {
        0 => random.edge().to_string(),
        _ => (*random.pick(&NUMBERS)).to_owned(),
    };
    splice(input, from, to, number.as_bytes(), most);
}

/// A word of the form becomes another.
fn other_word(input: &mut Vec<u8>, random: &mut Random, words: &[&[u8]], most: usize) {
    let (word, with) = (*random.pick(words), *random.pick(words));
    let start = random.below(input.len() + 1);
    let place = input[start..].windows(word.len().max(1)).position(|part| part == word);
    if let Some(place) = place {
        splice(input, start + place, start + place + word.len(), with, most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_grows_past_its_limit_and_everything_is_damaged() {
        let mut random = Random::new(7);
        let words: &[&[u8]] = &[b"word", b""];
        let others = vec![vec![1; 90], Vec::new()];
        let mut changed = 0;
        for case in 0..20_000 {
            let before: Vec<u8> = (0..case % 100).map(|byte| byte as u8).collect();
            let mut input = before.clone();
            mutate(&mut input, &mut random, words, &others, 100);
            assert!(input.len() <= 100);
            changed += u32::from(input != before);
        }
        assert!(changed > 10_000, "{changed} of 20,000");
    }
}
