//! Resizing as Pillow does it with `BILINEAR`, number by number: what most models saw in their training.
//!
//! Always: rows first, rounded to bytes, then columns; weights in 22 bits; where a picture shrinks, the filter grows
//! with it. So no more than the picture, once narrowed, is in memory beside it.

use image::{Rgb, RgbImage};

/// Of a weight.
const BITS: u32 = 22;

/// The pixels that make one of the resized, and how much each counts.
struct Window {
    first: usize,
    weights: Vec<i64>,
}

pub(crate) fn resize(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    let columns = windows(picture.width(), width);
    let row = picture.width() as usize;
    let narrow = RgbImage::from_fn(width, picture.height(), |x, y| {
        let Window { first, weights } = &columns[x as usize];
        weighed(picture, weights, y as usize * row + first, 1)
    });
    let rows = windows(picture.height(), height);
    RgbImage::from_fn(width, height, |x, y| {
        let Window { first, weights } = &rows[y as usize];
        weighed(&narrow, weights, first * width as usize + x as usize, width as usize)
    })
}

/// The sum of pixels from `from` on, each `step` pixels behind the one before.
fn weighed(picture: &RgbImage, weights: &[i64], from: usize, step: usize) -> Rgb<u8> {
    let bytes = picture.as_raw();
    let mut sums = [1i64 << (BITS - 1); 3];
    for (at, weight) in weights.iter().enumerate() {
        let pixel = 3 * (from + at * step);
        for (sum, byte) in sums.iter_mut().zip(&bytes[pixel..pixel + 3]) {
            *sum += weight * i64::from(*byte);
        }
    }
    Rgb(sums.map(|sum| (sum >> BITS).clamp(0, 255) as u8))
}

fn windows(from: u32, to: u32) -> Vec<Window> {
    let scale = f64::from(from) / f64::from(to);
    let support = scale.max(1.0);
    let window = |at: u32| {
        let center = (f64::from(at) + 0.5) * scale;
        let first = (center - support + 0.5).max(0.0) as usize;
        let last = ((center + support + 0.5) as usize).min(from as usize);
        let weight = |pixel: usize| (1.0 - ((pixel as f64 - center + 0.5) / support).abs()).max(0.0);
        let weights: Vec<f64> = (first..last).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        let whole = |weight: &f64| (0.5 + weight / sum * f64::from(1u32 << BITS)) as i64;
        Window { first, weights: weights.iter().map(whole).collect() }
    };
    (0..to).map(window).collect()
}
