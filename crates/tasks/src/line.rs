//! The text of a picture of one line.
//!
//! Always: a picture keeps its shape up to the widest the model takes; of the classes that follow each other, repeats
//! count once and blanks not at all. Finding the lines of a page is another model's work.

use registry::task::{Line, Reading};
use tensor::{DataType, Port, Tensor};

use crate::given::Given;
use crate::picture::{Sheet, bounded, read};
use crate::refusal::Refusal;
use crate::resample::resize;
use crate::rows;
use crate::scores::{Outcome, activate, highest};

pub(crate) fn encode(line: &Line, port: &Port, given: &[Given]) -> Result<Vec<Tensor>, Refusal> {
    let mut fitted = Vec::with_capacity(given.len());
    let (mut widest, mut pixels) = (line.least_width, 0);
    for (at, given) in given.iter().enumerate() {
        let picture = read(&given.as_bytes(at)?, at, &mut pixels)?;
        let (wide, tall) = picture.dimensions();
        // As PaddleOCR does it: no pixel of the line is lost to rounding.
        let wide = (u64::from(wide) * u64::from(line.height)).div_ceil(u64::from(tall)).clamp(1, u64::from(line.width));
        bounded(wide, u64::from(tall), at)?;
        widest = widest.max(wide as u32);
        // All come to the width of the widest: looked at before more are read.
        rows::bounded(fitted.len() + 1, line.channels.count() * line.height as usize * widest as usize)?;
        fitted.push(resize(&picture, wide as u32, line.height));
    }
    let sheet = Sheet {
        width: widest,
        height: line.height,
        mean: line.mean,
        std: line.std,
        layout: line.layout,
        channels: line.channels,
        pad: line.pad.0,
    };
    let mut numbers = Vec::new();
    fitted.iter().for_each(|picture| sheet.lay(picture, [0, 0], &mut numbers));
    Ok(vec![rows::numbers(port, sheet.shape(given.len()), numbers.into_iter().map(f64::from))?])
}

/// Whether an output of this type and shape has scores for so many lines.
pub(crate) fn fits(reading: &Reading, output: &Tensor, count: usize) -> bool {
    let classes = reading.classes() as u64;
    output.datatype() == DataType::Fp32
        && matches!(output.shape(), [n, _, given] if *n == count as u64 && *given == classes)
}

pub(crate) fn decode(reading: &Reading, output: &Tensor, count: usize) -> Result<Vec<Outcome>, Refusal> {
    let wrong = Refusal::Answer { reason: "expected a score for each character at each step of each line" };
    let mut values = rows::floats(output).filter(|_| fits(reading, output, count)).ok_or(wrong)?;
    let (steps, classes) = (output.shape()[1] as usize, reading.classes());
    let mut rows = values.chunks_exact_mut(classes);
    let outcomes = (0..count).map(|_| {
        let (mut text, mut sum, mut told, mut before) = (String::new(), 0.0, 0u32, None);
        for row in rows.by_ref().take(steps) {
            activate(reading.activation, row);
            let best = highest(row.iter().copied().enumerate());
            let class = best.map_or(reading.blank as usize, |(class, _)| class);
            if before != Some(class)
                && let Some((character, (_, score))) = reading.character(class).zip(best)
            {
                text.push_str(character);
                sum += f64::from(score);
                told += 1;
            }
            before = Some(class);
        }
        Outcome::Line { text, score: if told == 0 { 0.0 } else { (sum / f64::from(told)) as f32 } }
    });
    Ok(outcomes.collect())
}

#[cfg(test)]
mod tests {
    use registry::task::{Activation, Channels, Layout, Real};

    use super::*;
    use crate::picture;

    fn reading(blank: u32, activation: Activation) -> Reading {
        let characters = ["a", "b", " "].map(str::to_owned).to_vec();
        Reading { output: "y".to_owned(), activation, characters, blank }
    }

    /// The text of steps whose best classes are these, with a score of 0.5 for each.
    fn text(blank: u32, classes: &[usize]) -> (String, f32) {
        let row = |class: &usize| (0..4).map(|at| if at == *class { 0.5 } else { 0.125 }).collect::<Vec<f32>>();
        let values: Vec<f32> = classes.iter().flat_map(row).collect();
        let output = Tensor::fp32("y", &[1, classes.len() as u64, 4], &values).unwrap();
        let outcomes = decode(&reading(blank, Activation::None), &output, 1).unwrap();
        let [Outcome::Line { text, score }] = &outcomes[..] else { panic!("{outcomes:?}") };
        (text.clone(), *score)
    }

    #[test]
    fn repeats_count_once_and_blanks_part_them() {
        for (blank, classes, expected) in [
            (0, &[0, 1, 1, 0, 1, 2, 2, 3, 2][..], "aab b"),
            (3, &[3, 0, 0, 3, 0, 1, 1, 2, 1], "aab b"),
            (1, &[0, 1, 0, 2, 1, 1, 3], "aab "),
            (0, &[0, 0, 0], ""),
            (0, &[], ""),
        ] {
            let score = if expected.is_empty() { 0.0 } else { 0.5 };
            assert_eq!(text(blank, classes), (expected.to_owned(), score), "{classes:?}");
        }
    }

    #[test]
    fn scores_are_the_mean_of_the_characters_and_no_number_is_no_character() {
        let nan = f32::NAN;
        let values = [0.0, 2.0, 0.0, 0.0, nan, nan, nan, nan, nan, 0.0, nan, 1.0];
        let output = Tensor::fp32("y", &[1, 3, 4], &values).unwrap();
        let [Outcome::Line { text, score }] = &decode(&reading(0, Activation::None), &output, 1).unwrap()[..] else {
            panic!("a line")
        };
        assert_eq!((text.as_str(), *score), ("a ", 1.5));
        // e² / (e² + 3).
        let output = Tensor::fp32("y", &[1, 1, 4], &values[..4]).unwrap();
        let outcomes = decode(&reading(0, Activation::Softmax), &output, 1).unwrap();
        assert!(
            matches!(&outcomes[..], [Outcome::Line { score, .. }] if (score - 0.711_234_6).abs() < 1e-6),
            "{outcomes:?}"
        );
        for shape in [&[1u64, 3, 4][..], &[2, 2, 3], &[12]] {
            let output = Tensor::fp32("y", shape, &values).unwrap();
            assert!(decode(&reading(0, Activation::None), &output, 2).is_err(), "{shape:?}");
        }
    }

    #[test]
    fn lines_keep_their_shape_up_to_the_widest_and_are_filled() {
        let line = Line {
            input: "x".to_owned(),
            height: 4,
            width: 20,
            least_width: 6,
            pad: Real(127.5),
            mean: [Real(0.5); 3],
            std: [Real(0.5); 3],
            layout: Layout::Nchw,
            channels: Channels::Grey,
        };
        let port = Port { name: "x".to_owned(), datatype: DataType::Fp32, shape: vec![None; 4] };
        let shape = |sizes: &[(u32, u32)]| {
            let given: Vec<Given> = sizes.iter().map(|(width, height)| picture::sample(*width, *height)).collect();
            encode(&line, &port, &given).map(|inputs| (inputs[0].shape().to_vec(), rows::floats(&inputs[0]).unwrap()))
        };
        let (narrow, numbers) = shape(&[(5, 10)]).unwrap();
        // 5 · 4 / 10 = 2 pixels of 127, four of nothing.
        let grey = (127.0 / 255.0 - 0.5) / 0.5;
        assert_eq!((narrow, &numbers[..6]), (vec![1, 1, 4, 6], &[grey, grey, 0.0, 0.0, 0.0, 0.0][..]));
        assert_eq!(shape(&[(5, 10), (31, 10)]).unwrap().0, [2, 1, 4, 13], "12.4 is 13");
        assert_eq!(shape(&[(3_000, 10)]).unwrap().0, [1, 1, 4, 20], "squeezed");
        assert!(encode(&line, &port, &[Given::text("no picture")]).is_err());
    }
}
