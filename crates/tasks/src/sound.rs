//! Sounds as numbers, and what was heard in them.
//!
//! Always: the header of a WAV file is believed no further than its bytes go; all channels become one, at the model's
//! rate, in windows that are told by their place; seconds of an answer are those of the caller's sound.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use hound::{SampleFormat, WavReader};
use registry::task::{Gathering, Hearing, Padding, Scale, Sound};
use serde::Serialize;
use tensor::{DataType, Port, Tensor};

use crate::given::Given;
use crate::rate::Ratio;
use crate::refusal::{Refusal, clip};
use crate::rows;
use crate::scores::{Outcome, activate, best};

/// The most channels of a file.
const MAX_CHANNELS: u16 = 64;

/// Something that was heard for a while.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    pub label: String,
    /// The highest of its frames'.
    pub score: f32,
    /// In seconds.
    pub start: f64,
    pub end: f64,
}

/// A sound as it was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heard {
    windows: usize,
    /// At the model's rate, nothing added.
    samples: usize,
}

/// The windows of all sounds: an item each.
pub(crate) fn windows(heard: &[Heard]) -> u64 {
    heard.iter().map(|heard| heard.windows as u64).sum()
}

pub(crate) fn encode(sound: &Sound, port: &Port, given: &[Given]) -> Result<(Vec<Tensor>, Vec<Heard>), Refusal> {
    let mut numbers = Vec::new();
    let mut heard = Vec::with_capacity(given.len());
    let mut all = 0;
    let many = port.shape.len() > 1 && port.shape[0].is_none();
    for (at, given) in given.iter().enumerate() {
        let samples = read(sound, &given.as_bytes(at)?, at, &mut all)?;
        let window = sound.window.map_or(samples.len(), |window| window as usize);
        let windows = count(sound, window, samples.len());
        if windows == 0 {
            let (given, needed) = (samples.len(), sound.window.unwrap_or(1));
            return Err(Refusal::ShortSound { at, given, needed, rate: sound.rate });
        }
        if windows > 1 && !many {
            return Err(Refusal::Windows { at, windows, window: window as u32, rate: sound.rate });
        }
        rows::bounded(1, numbers.len().saturating_add(windows.saturating_mul(window)))?;
        for from in (0..windows).map(|window| window * sound.hop as usize) {
            cut(sound, &samples, from, window, &mut numbers);
        }
        heard.push(Heard { windows, samples: samples.len() });
    }
    let rows = windows(&heard);
    let window = numbers.len() as u64 / rows.max(1);
    let shape = match port.shape.len() {
        1 => vec![window],
        2 => vec![rows, window],
        _ if port.shape[1] == Some(1) => vec![rows, 1, window],
        _ => vec![rows, window, 1],
    };
    Ok((vec![rows::numbers(port, shape, numbers.into_iter().map(f64::from))?], heard))
}

/// How many windows so many samples make.
fn count(sound: &Sound, window: usize, samples: usize) -> usize {
    let Some(rest) = samples.checked_sub(window).filter(|_| window > 0) else {
        return usize::from(sound.padding != Padding::Drop && samples > 0);
    };
    let whole = rest / sound.hop as usize + 1;
    whole + usize::from(sound.padding != Padding::Drop && rest % sound.hop as usize > 0)
}

/// One window, as loud as the model has it.
fn cut(sound: &Sound, samples: &[f32], from: usize, window: usize, numbers: &mut Vec<f32>) {
    let begin = numbers.len();
    let own = &samples[from.min(samples.len())..(from + window).min(samples.len())];
    numbers.extend_from_slice(own);
    let missing = window - own.len();
    match sound.padding {
        Padding::Repeat => numbers.extend(samples.iter().cycle().take(missing)),
        Padding::Zeros | Padding::Drop => numbers.extend(std::iter::repeat_n(0.0, missing)),
    }
    let own = &mut numbers[begin..];
    if sound.scale == Scale::Int16 {
        own.iter_mut().for_each(|value| *value *= 32_768.0);
    }
    if sound.normalize {
        let size = own.len() as f64;
        let mean = own.iter().map(|value| f64::from(*value)).sum::<f64>() / size;
        let variance = own.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / size;
        // As the feature extractor of wav2vec2 does it.
        let deviation = (variance + 1e-7).sqrt();
        own.iter_mut().for_each(|value| *value = ((f64::from(*value) - mean) / deviation) as f32);
    }
}

const LIES: &str = "its header tells of more samples than it has";

/// The samples of a file: one channel, at the model's rate, the loudest 1. `all` are those of its call so far.
fn read(sound: &Sound, bytes: &[u8], at: usize, all: &mut usize) -> Result<Vec<f32>, Refusal> {
    let refuse = |reason: &str| Refusal::Sound { at, reason: clip(reason) };
    // A reader's bug is the file's fault.
    let opened = catch_unwind(AssertUnwindSafe(|| WavReader::new(Cursor::new(bytes))));
    let wav = opened.map_err(|_| refuse("its reader failed"))?.map_err(|error| refuse(&error.to_string()))?;
    let spec = wav.spec();
    if spec.channels == 0 || spec.channels > MAX_CHANNELS || spec.sample_rate == 0 {
        return Err(refuse(&format!("{} channels of {} samples a second", spec.channels, spec.sample_rate)));
    }
    let told = u64::from(wav.duration());
    let bits = u64::from(spec.bits_per_sample).div_ceil(8).max(1);
    if told * u64::from(spec.channels) * bits > bytes.len() as u64 {
        return Err(refuse(LIES));
    }
    let longest = sound.longest;
    let seconds = told.div_ceil(u64::from(spec.sample_rate));
    if seconds > u64::from(longest) {
        return Err(Refusal::LongSound { at, seconds, longest });
    }
    let ratio = Ratio::new(spec.sample_rate, sound.rate);
    let ratio = ratio.ok_or(Refusal::Rate { at, given: spec.sample_rate, rate: sound.rate })?;
    *all = all.saturating_add(ratio.length(told as usize));
    rows::bounded(1, *all)?;
    let read = catch_unwind(AssertUnwindSafe(|| mixed(wav)));
    let read = read.map_err(|_| refuse("its reader failed"))?;
    let samples = read.map_err(|error| match error {
        hound::Error::IoError(_) => refuse(LIES),
        other => refuse(&other.to_string()),
    })?;
    if samples.iter().any(|sample| !sample.is_finite()) {
        return Err(refuse("it has a sample that is no finite number"));
    }
    Ok(ratio.resample(samples))
}

/// The mean of all channels.
fn mixed(wav: WavReader<Cursor<&[u8]>>) -> hound::Result<Vec<f32>> {
    let spec = wav.spec();
    let channels = usize::from(spec.channels);
    let mut samples = Vec::with_capacity(wav.duration() as usize);
    let mut sum = 0.0;
    let mut take = |at: usize, value: f64| {
        sum += value;
        if (at + 1).is_multiple_of(channels) {
            samples.push((sum / channels as f64) as f32);
            sum = 0.0;
        }
    };
    match spec.sample_format {
        SampleFormat::Float => {
            for (at, sample) in wav.into_samples::<f32>().enumerate() {
                take(at, f64::from(sample?));
            }
        }
        SampleFormat::Int => {
            let full = 2f64.powi(i32::from(spec.bits_per_sample) - 1);
            for (at, sample) in wav.into_samples::<i32>().enumerate() {
                take(at, f64::from(sample?) / full);
            }
        }
    }
    Ok(samples)
}

/// How many frames each window has by an output of this type and shape; none where it has not a row for each.
pub(crate) fn frames(labels: usize, heard: &[Heard], port: &Port, output: &Tensor) -> Option<usize> {
    let (rows, shape) = (windows(heard), output.shape());
    let first = port.shape.len() == 1 || shape.first() == Some(&rows);
    // The scores of one label need no axis of their own.
    let last = labels == 1 || shape.last() == Some(&(labels as u64));
    let each = rows.checked_mul(labels as u64).filter(|each| *each > 0)?;
    let numbers = shape.iter().product::<u64>();
    let good = output.datatype() == DataType::Fp32 && (1..=3).contains(&shape.len()) && first && last;
    (good && numbers > 0 && numbers % each == 0).then(|| (numbers / each) as usize)
}

pub(crate) fn decode(
    (sound, hearing): (&Sound, &Hearing),
    labels: &[String],
    heard: &[Heard],
    port: &Port,
    output: &Tensor,
) -> Result<Vec<Outcome>, Refusal> {
    let wrong = Refusal::Answer { reason: "expected a score for each label and window, or for each of their frames" };
    let frames = frames(labels.len(), heard, port, output).ok_or(wrong.clone())?;
    let mut values = rows::floats(output).ok_or(wrong)?;
    values.chunks_exact_mut(labels.len()).for_each(|row| activate(hearing.activation, row));
    let mut rest = &values[..];
    let outcomes = heard.iter().map(|heard| {
        let (own, others) = rest.split_at(heard.windows * frames * labels.len());
        rest = others;
        match hearing.aggregation {
            Gathering::Frames => Outcome::Events { events: events(sound, hearing, labels, heard, own, frames) },
            Gathering::Mean | Gathering::Max => {
                let row = together(hearing.aggregation, labels.len(), own);
                let top = best(&row, labels, hearing.top);
                let first = top.first();
                let (label, score) = (first.map(|best| best.label.clone()), first.map(|best| best.score));
                Outcome::Label { label: label.unwrap_or_default(), score, top }
            }
        }
    });
    Ok(outcomes.collect())
}

/// One score for each label; summed in double precision.
fn together(gathering: Gathering, labels: usize, scores: &[f32]) -> Vec<f32> {
    let rows = || scores.chunks_exact(labels);
    let score = |label: usize| match gathering {
        Gathering::Max => rows().map(|row| row[label]).fold(f32::NEG_INFINITY, f32::max),
        _ => (rows().map(|row| f64::from(row[label])).sum::<f64>() / rows().len() as f64) as f32,
    };
    (0..labels).map(score).collect()
}

/// Frames that reach the threshold, those that overlap or touch put together, in the order of their beginnings.
fn events(
    sound: &Sound,
    hearing: &Hearing,
    labels: &[String],
    heard: &Heard,
    scores: &[f32],
    frames: usize,
) -> Vec<Event> {
    let window = sound.window.map_or(heard.samples, |window| window as usize) as f64;
    let frame = hearing.frame.map_or(window / frames as f64, f64::from);
    let end = heard.samples as f64;
    // In samples.
    let begin = |at: usize| (at / frames) as f64 * f64::from(sound.hop) + (at % frames) as f64 * frame;
    let mut found: Vec<(usize, f32, f64, f64)> = Vec::new();
    for label in 0..labels.len() {
        let mut current: Option<(usize, f32, f64, f64)> = None;
        for (at, row) in scores.chunks_exact(labels.len()).enumerate() {
            let (score, from) = (row[label], begin(at));
            if score.is_nan() || score < hearing.threshold.0 || from >= end {
                continue;
            }
            let to = (from + frame).min(end);
            current = match current {
                // A thousandth of a sample is what divisions leave.
                Some((label, most, since, until)) if from <= until + 1e-3 => {
                    Some((label, most.max(score), since.min(from), until.max(to)))
                }
                other => {
                    found.extend(other);
                    Some((label, score, from, to))
                }
            };
        }
        found.extend(current);
    }
    found.sort_by(|one, other| other.1.total_cmp(&one.1));
    found.truncate(hearing.most as usize);
    found.sort_by(|one, other| one.2.total_cmp(&other.2).then(one.0.cmp(&other.0)));
    let seconds = |samples: f64| samples / f64::from(sound.rate);
    let event = |(label, score, from, to): (usize, f32, f64, f64)| Event {
        label: labels[label].clone(),
        score,
        start: seconds(from),
        end: seconds(to),
    };
    found.into_iter().map(event).collect()
}

/// A second of a tone, or as much as a window, to try the model with.
pub(crate) fn sample(sound: &Sound) -> Given {
    let count = sound.window.map_or(sound.rate, |window| window.min(sound.rate.saturating_mul(sound.longest)));
    let tone = |at: u32| {
        let turn = f64::from(at) * 440.0 / f64::from(sound.rate) * std::f64::consts::TAU;
        (turn.sin() * 8_192.0) as i16
    };
    Given::File(wav(sound.rate, 1, &(0..count).map(tone).collect::<Vec<_>>()))
}

/// A WAV file of 16 bits.
fn wav(rate: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
    let size = 2 * samples.len() as u32;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + size).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16u32.to_le_bytes());
    file.extend(1u16.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * 2 * u32::from(channels)).to_le_bytes());
    file.extend((2 * channels).to_le_bytes());
    file.extend(16u16.to_le_bytes());
    file.extend(b"data");
    file.extend(size.to_le_bytes());
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}

#[cfg(test)]
mod tests {
    use registry::task::{Activation, Real};

    use super::*;

    fn sound(window: Option<u32>, hop: u32, padding: Padding) -> Sound {
        let (rate, scale, normalize, longest) = (8_000, Scale::Int16, false, 2);
        Sound { input: "x".to_owned(), rate, window, hop, padding, scale, normalize, longest }
    }

    fn port(shape: &[Option<u64>]) -> Port {
        Port { name: "x".to_owned(), datatype: DataType::Fp32, shape: shape.to_vec() }
    }

    fn encoded(sound: &Sound, shape: &[Option<u64>], files: &[Vec<u8>]) -> Result<(Vec<u64>, Vec<f32>), String> {
        let given: Vec<Given> = files.iter().map(|file| Given::File(file.clone())).collect();
        let (inputs, _) = encode(sound, &port(shape), &given).map_err(|refusal| refusal.to_string())?;
        Ok((inputs[0].shape().to_vec(), rows::floats(&inputs[0]).unwrap()))
    }

    /// A file of any kind of samples, as a header tells of it.
    fn file(format: u16, bits: u16, channels: u16, data: &[u8]) -> Vec<u8> {
        let mut file = wav(8_000, channels, &[]);
        let frame = bits / 8 * channels;
        file[20..22].copy_from_slice(&format.to_le_bytes());
        file[28..32].copy_from_slice(&(8_000 * u32::from(frame)).to_le_bytes());
        file[32..34].copy_from_slice(&frame.to_le_bytes());
        file[34..36].copy_from_slice(&bits.to_le_bytes());
        file[40..44].copy_from_slice(&(data.len() as u32).to_le_bytes());
        file.extend_from_slice(data);
        file
    }

    #[test]
    fn samples_of_every_kind_come_to_the_same() {
        let whole = sound(None, 1, Padding::Zeros);
        let bytes = |samples: &[i32], size: usize| {
            samples.iter().flat_map(|sample| sample.to_le_bytes()[..size].to_vec()).collect::<Vec<u8>>()
        };
        let floats: Vec<u8> = [0.5f32, -1.0, 0.0].iter().flat_map(|sample| sample.to_le_bytes()).collect();
        for (name, file) in [
            ("8 bit", file(1, 8, 1, &[192, 0, 128])),
            ("16 bit", file(1, 16, 1, &bytes(&[1 << 14, -(1 << 15), 0], 2))),
            ("24 bit", file(1, 24, 1, &bytes(&[1 << 22, -(1 << 23), 0], 3))),
            ("32 bit", file(1, 32, 1, &bytes(&[1 << 30, i32::MIN, 0], 4))),
            ("float", file(3, 32, 1, &floats)),
            // Both sides of two make one.
            ("stereo", file(1, 16, 2, &bytes(&[1 << 14, 0, -(1 << 15), -(1 << 15), 7, -7], 2))),
        ] {
            let (shape, samples) = encoded(&whole, &[None, None], &[file]).unwrap();
            let expected = if name == "stereo" { [0.25, -1.0, 0.0] } else { [0.5, -1.0, 0.0] };
            assert_eq!((shape, samples), (vec![1, 3], expected.map(|sample| sample * 32_768.0).to_vec()), "{name}");
        }
    }

    #[test]
    fn a_sound_is_cut_into_windows_and_its_end_filled() {
        let seven = || wav(8_000, 1, &[1, 2, 3, 4, 5, 6, 7]);
        let many = &[None, Some(4)][..];
        let cut =
            |window: Option<u32>, hop: u32, padding| encoded(&sound(window, hop, padding), many, &[seven()]).unwrap();
        let (shape, samples) = cut(Some(4), 2, Padding::Zeros);
        assert_eq!((shape, &samples[8..]), (vec![3, 4], &[5.0, 6.0, 7.0, 0.0][..]));
        assert_eq!(cut(Some(4), 2, Padding::Repeat).1[8..], [5.0, 6.0, 7.0, 1.0]);
        assert_eq!(cut(Some(4), 2, Padding::Drop), (vec![2, 4], vec![1.0, 2.0, 3.0, 4.0, 3.0, 4.0, 5.0, 6.0]));
        assert_eq!(cut(Some(4), 3, Padding::Zeros).0, [2, 4], "it ends with the second");
        assert_eq!(cut(Some(10), 10, Padding::Repeat).1, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 1.0, 2.0, 3.0]);
        let both = encoded(&sound(Some(4), 4, Padding::Zeros), many, &[seven(), wav(8_000, 1, &[9])]).unwrap();
        assert_eq!((both.0, both.1[8]), (vec![3, 4], 9.0));

        let one = |shape: &[Option<u64>], hop| encoded(&sound(Some(4), hop, Padding::Drop), shape, &[seven()]);
        assert!(one(&[Some(1), Some(4)], 2).unwrap_err().contains("makes 2 windows of sound, and the model takes one"));
        assert_eq!(one(&[Some(4)], 9).unwrap().0, [4]);
        assert_eq!(one(&[None, Some(1), Some(4)], 2).unwrap().0, [2, 1, 4]);
        assert_eq!(one(&[None, Some(4), Some(1)], 2).unwrap().0, [2, 4, 1]);
        let short = encoded(&sound(Some(8), 8, Padding::Drop), many, &[seven()]).unwrap_err();
        assert_eq!(short, "input 0 has 7 samples at 8000 a second; the model needs 8");

        // Golden values: numpy, (x - x.mean()) / sqrt(x.var() + 1e-7) of 1, 2, 3, 4.
        let mut level = sound(Some(4), 4, Padding::Drop);
        level.normalize = true;
        let (_, samples) = encoded(&level, many, &[seven()]).unwrap();
        for (found, golden) in samples.iter().zip([-1.341_640_7, -0.447_213_6, 0.447_213_6, 1.341_640_7]) {
            assert!((found - golden).abs() < 1e-6, "{samples:?}");
        }
    }

    #[test]
    fn a_header_that_lies_is_refused() {
        let whole = sound(None, 1, Padding::Zeros);
        let good = wav(8_000, 1, &[1, 2, 3]);
        let refused = |edit: &dyn Fn(&mut Vec<u8>)| {
            let mut file = good.clone();
            edit(&mut file);
            encoded(&whole, &[None, None], &[file]).unwrap_err()
        };
        let put = |at: usize, bytes: &'static [u8]| {
            refused(&move |file: &mut Vec<u8>| file[at..at + bytes.len()].copy_from_slice(bytes))
        };
        for size in [&[8, 0, 0, 0][..], &[254, 255, 255, 255], &[254, 255, 255, 127]] {
            assert!(put(40, size).contains("its header tells of more samples than it has"), "{size:?}");
        }
        assert!(put(0, b"OggS").contains("no WAV file that can be read"));
        for (what, at, bytes) in [
            ("half a sample", 40, &[255; 4][..]),
            ("no channels", 22, &[0, 0]),
            ("many channels", 22, &[255, 255]),
            ("no rate", 24, &[0; 4]),
            ("no bits", 34, &[0, 0]),
            ("no frame", 32, &[0, 0]),
            ("compressed", 20, &[85, 0]),
        ] {
            assert!(put(at, bytes).contains("input 0 is no WAV file that can be read"), "{what}");
        }
        assert!(put(24, &[255; 4]).contains("input 0 is no WAV file that can be read"));
        let odd = |rate| encoded(&whole, &[None, None], &[wav(rate, 1, &[1, 2, 3])]).unwrap_err();
        let told = "input 0 has 7979 samples a second, which makes no simple ratio with the model's 8000";
        assert_eq!(odd(7_979), format!("{told}; convert it to that"));
        assert!(odd(1_000_003).contains("1000003 samples a second"));
        for cut in 0..good.len() {
            assert!(encoded(&whole, &[None, None], &[good[..cut].to_vec()]).is_err(), "{cut}");
        }
        let long = wav(8_000, 1, &vec![0; 16_001]);
        let refused = encoded(&whole, &[None, None], &[long]).unwrap_err();
        assert_eq!(refused, "input 0 has 3 seconds of sound; expected at most 2");
        let nan = file(3, 32, 1, &f32::NAN.to_le_bytes());
        assert!(encoded(&whole, &[None, None], &[nan]).unwrap_err().contains("no finite number"));
        let empty = encoded(&whole, &[None, None], &[wav(8_000, 1, &[])]).unwrap_err();
        assert_eq!(empty, "input 0 has 0 samples at 8000 a second; the model needs 1");
    }

    fn hearing(aggregation: Gathering) -> Hearing {
        Hearing {
            output: "y".to_owned(),
            activation: Activation::None,
            aggregation,
            top: 2,
            threshold: Real(0.5),
            most: 10,
            frame: None,
        }
    }

    fn told(hearing: &Hearing, labels: &[&str], heard: &[Heard], shape: &[u64], scores: &[f32]) -> Vec<Outcome> {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        let (port, output) = (port(&[None, Some(800)]), Tensor::fp32("y", shape, scores).unwrap());
        decode((&sound(Some(800), 400, Padding::Zeros), hearing), &labels, heard, &port, &output).unwrap()
    }

    #[test]
    fn the_scores_of_all_windows_make_one_answer_for_each_sound() {
        let heard = [Heard { windows: 2, samples: 1_000 }, Heard { windows: 1, samples: 800 }];
        let scores = [0.2, 0.5, 0.7, 0.3, 0.125, 0.25];
        let top = |hearing: &Hearing| -> Vec<Vec<(String, f32)>> {
            let outcomes = told(hearing, &["a", "b"], &heard, &[3, 2], &scores);
            let one = |outcome: Outcome| match outcome {
                Outcome::Label { top, .. } => top.into_iter().map(|top| (top.label, top.score)).collect(),
                other => panic!("{other:?}"),
            };
            outcomes.into_iter().map(one).collect()
        };
        let (a, b) = (|score: f32| ("a".to_owned(), score), |score: f32| ("b".to_owned(), score));
        assert_eq!(top(&hearing(Gathering::Mean)), [[a(0.45), b(0.4)], [b(0.25), a(0.125)]]);
        assert_eq!(top(&hearing(Gathering::Max)), [[a(0.7), b(0.5)], [b(0.25), a(0.125)]]);
    }

    #[test]
    fn frames_that_are_loud_enough_are_events_in_seconds() {
        let events = |hearing: &Hearing, labels: &[&str], heard: Heard, shape: &[u64], scores: &[f32]| {
            let outcomes = told(hearing, labels, &[heard], shape, scores);
            let [Outcome::Events { events }] = &outcomes[..] else { panic!("{outcomes:?}") };
            let event = |event: &Event| format!("{} {} {}-{}", event.label, event.score, event.start, event.end);
            events.iter().map(event).collect::<Vec<_>>()
        };
        let mut frames = hearing(Gathering::Frames);
        // Windows of 800 samples, 0.1 s, begin every 0.05 s: those that overlap are one event. The sound ends at 0.2 s.
        let heard = Heard { windows: 4, samples: 1_600 };
        let scores = [0.5, 0.9, 0.1, 0.2, 0.1, 0.25, f32::NAN, 0.7];
        let both = events(&frames, &["a", "b"], heard, &[4, 2], &scores);
        assert_eq!(both, ["a 0.5 0-0.1", "b 0.9 0-0.1", "b 0.7 0.15-0.2"]);
        let scores = [0.5, 0.9, 0.1, 0.2, 0.1, 0.6, f32::NAN, 0.7];
        let touching = events(&frames, &["a", "b"], heard, &[4, 2], &scores);
        assert_eq!(touching, ["a 0.5 0-0.1", "b 0.9 0-0.2"]);
        // A probability for each frame needs no axis of its own; four frames in a window of 0.1 s.
        let heard = Heard { windows: 1, samples: 800 };
        for shape in [&[1u64, 4][..], &[1, 4, 1]] {
            let voice = events(&frames, &["speech"], heard, shape, &[0.75, 0.5, 0.25, 1.0]);
            assert_eq!(voice, ["speech 0.75 0-0.05", "speech 1 0.075-0.1"]);
        }
        // Frames of 100 samples whatever the window's length says; what begins behind the end is none.
        frames.frame = Some(100);
        let short = Heard { windows: 1, samples: 250 };
        assert_eq!(events(&frames, &["speech"], short, &[1, 4], &[0.0, 0.0, 0.9, 0.9]), ["speech 0.9 0.025-0.03125"]);
        frames.most = 1;
        assert_eq!(events(&frames, &["speech"], heard, &[1, 4], &[0.75, 0.0, 1.0, 0.0]), ["speech 1 0.025-0.0375"]);
    }

    #[test]
    fn scores_of_another_form_are_no_answer() {
        let heard = [Heard { windows: 2, samples: 1_600 }];
        let count = |labels, ports: &[Option<u64>], shape: &[u64]| {
            let numbers = vec![0.0; shape.iter().product::<u64>() as usize];
            frames(labels, &heard, &port(ports), &Tensor::fp32("y", shape, &numbers).unwrap())
        };
        let many = &[None, Some(800)][..];
        for (labels, shape, expected) in [
            (2, &[2u64, 2][..], Some(1)),
            (2, &[2, 5, 2], Some(5)),
            (1, &[2, 7], Some(7)),
            (2, &[2, 7], None),
            (2, &[1, 4], None),
            (2, &[4], None),
            (2, &[2, 0, 2], None),
            (0, &[2, 2], None),
            (2, &[2, 1, 1, 2], None),
        ] {
            assert_eq!(count(labels, many, shape), expected, "{labels} {shape:?}");
        }
        let one = [Heard { windows: 1, samples: 900 }];
        let output = Tensor::fp32("y", &[3, 521], &vec![0.0; 3 * 521]).unwrap();
        assert_eq!(frames(521, &one, &port(&[None]), &output), Some(3), "a waveform in, a row for each frame out");
    }
}
