//! Pictures as numbers: resized, cut, and shifted as the model's training had them.

use std::io::Cursor;

use image::imageops;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};
use registry::task::{Layout, Picture};
use tensor::{Port, Tensor};

use crate::MAX_PIXELS;
use crate::given::Given;
use crate::refusal::{Refusal, clip};
use crate::resample::resize;
use crate::rows;

/// The most memory that the pixels of one picture may take: four bytes for each of the most there may be.
const MAX_MEMORY: u64 = 4 * MAX_PIXELS;

pub(crate) fn encode(picture: &Picture, port: &Port, given: &[Given]) -> Result<Vec<Tensor>, Refusal> {
    let (width, height) = (picture.width as usize, picture.height as usize);
    rows::bounded(given.len(), 3 * width * height)?;
    let mut numbers = Vec::with_capacity(given.len() * 3 * width * height);
    for (at, given) in given.iter().enumerate() {
        let read = read(&given.as_bytes(at)?, at)?;
        lay_out(picture, &fit(picture, &read, at)?, &mut numbers);
    }
    let (n, w, h) = (given.len() as u64, u64::from(picture.width), u64::from(picture.height));
    let shape = if picture.layout == Layout::Nchw { vec![n, 3, h, w] } else { vec![n, h, w, 3] };
    Ok(vec![rows::numbers(port, shape, numbers.into_iter().map(f64::from))?])
}

/// Reads a picture whose size was looked at first.
fn read(bytes: &[u8], at: usize) -> Result<RgbImage, Refusal> {
    let refuse = |error: image::ImageError| Refusal::Picture { at, reason: clip(&error.to_string()) };
    let mut reader =
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| refuse(error.into()))?;
    if !matches!(reader.format(), Some(ImageFormat::Png | ImageFormat::Jpeg)) {
        return Err(Refusal::Picture { at, reason: "its first bytes are of neither".to_owned() });
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_MEMORY);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(refuse)?;
    let (width, height) = decoder.dimensions();
    bounded(u64::from(width), u64::from(height), at)?;
    if decoder.total_bytes() > MAX_MEMORY {
        return Err(Refusal::Picture { at, reason: format!("its pixels take {} bytes", decoder.total_bytes()) });
    }
    // A decoder's bug is the picture's fault.
    let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| DynamicImage::from_decoder(decoder)));
    match read {
        Ok(read) => read.map(DynamicImage::into_rgb8).map_err(refuse),
        Err(_) => Err(Refusal::Picture { at, reason: "its reader failed".to_owned() }),
    }
}

fn bounded(width: u64, height: u64, at: usize) -> Result<(), Refusal> {
    if width.saturating_mul(height) > MAX_PIXELS || width == 0 || height == 0 {
        return Err(Refusal::Pixels { at, width, height });
    }
    Ok(())
}

/// The shorter side resized and the middle cut out, as torchvision does it; or the whole stretched.
fn fit(picture: &Picture, read: &RgbImage, at: usize) -> Result<RgbImage, Refusal> {
    let (width, height) = (picture.width, picture.height);
    let Some(side) = picture.resize else {
        bounded(u64::from(width), u64::from(read.height()), at)?;
        return Ok(resize(read, width, height));
    };
    let (w, h) = (u64::from(read.width()), u64::from(read.height()));
    let side = u64::from(side);
    let (wide, tall) = if w <= h { (side, side * h / w) } else { (side * w / h, side) };
    bounded(wide, tall.max(h), at)?;
    let resized = resize(read, wide as u32, tall as u32);
    let middle = |long: u64, short: u32| ((long - u64::from(short)) as f64 / 2.0).round_ties_even() as u32;
    Ok(imageops::crop_imm(&resized, middle(wide, width), middle(tall, height), width, height).to_image())
}

fn lay_out(picture: &Picture, fitted: &RgbImage, numbers: &mut Vec<f32>) {
    let number =
        |value: u8, channel: usize| (f32::from(value) / 255.0 - picture.mean[channel].0) / picture.std[channel].0;
    match picture.layout {
        Layout::Nchw => {
            for channel in 0..3 {
                numbers.extend(fitted.pixels().map(|pixel| number(pixel.0[channel], channel)));
            }
        }
        Layout::Nhwc => {
            for pixel in fitted.pixels() {
                numbers.extend((0..3).map(|channel| number(pixel.0[channel], channel)));
            }
        }
    }
}

/// A grey picture, to try the model with.
pub(crate) fn sample(picture: &Picture) -> Given {
    let mut bytes = Cursor::new(Vec::new());
    let grey = RgbImage::from_pixel(picture.width, picture.height, image::Rgb([127; 3]));
    grey.write_to(&mut bytes, ImageFormat::Png).expect("memory takes a small picture");
    Given::File(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use registry::task::Real;
    use tensor::DataType;

    use super::*;

    /// Six by four pixels, made with Pillow: red x·40, green y·60, blue (x + y)·25.
    const PNG: &str = concat!(
        "iVBORw0KGgoAAAANSUhEUgAAAAYAAAAECAIAAAAiZtkUAAAAGklEQVR4nGNkYGDQYJBERiwMNpIMDCiIOCEAntcDydjG5eoAAAAASUVORK5C",
        "YII="
    );

    fn picture(width: u32, height: u32, resize: Option<u32>, layout: Layout) -> Picture {
        let (mean, std) = ([Real(0.0); 3], [Real(1.0); 3]);
        Picture { input: "x".to_owned(), width, height, resize, mean, std, layout }
    }

    fn encoded(picture: &Picture, bytes: &[u8]) -> Result<Vec<f32>, Refusal> {
        let port = Port { name: "x".to_owned(), datatype: DataType::Fp32, shape: vec![None; 4] };
        let inputs = encode(picture, &port, &[Given::File(bytes.to_vec())])?;
        Ok(rows::floats(&inputs[0]).unwrap())
    }

    fn png() -> Vec<u8> {
        STANDARD.decode(PNG).unwrap()
    }

    fn same(found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(*found, expected / 255.0);
        }
    }

    /// Golden values: Pillow 13.0, `Image.resize(…, BILINEAR)` and `crop` as torchvision's `Resize` and `CenterCrop` do.
    #[test]
    fn pictures_are_resized_as_pillow_does_it() {
        let stretched = encoded(&picture(3, 2, None, Layout::Nhwc), &png()).unwrap();
        same(
            &stretched,
            &[
                29.0, 43.0, 36.0, 100.0, 43.0, 81.0, 171.0, 43.0, 125.0, 29.0, 137.0, 75.0, 100.0, 137.0, 120.0, 171.0,
                137.0, 164.0,
            ],
        );
        let cut = encoded(&picture(2, 2, Some(3), Layout::Nchw), &png()).unwrap();
        same(&cut, &[71.0, 129.0, 71.0, 129.0, 18.0, 18.0, 90.0, 90.0, 51.0, 88.0, 82.0, 119.0]);
    }

    #[test]
    fn numbers_are_shifted_as_the_training_had_them() {
        let mut picture = picture(6, 4, None, Layout::Nchw);
        picture.mean = [Real(0.5), Real(0.4), Real(0.3)];
        picture.std = [Real(0.2), Real(0.25), Real(0.5)];
        let numbers = encoded(&picture, &png()).unwrap();
        assert!((numbers[1] - (40.0 / 255.0 - 0.5) / 0.2).abs() < 1e-6 && (numbers[24] - -1.6).abs() < 1e-6);
    }

    #[test]
    fn what_is_no_picture_or_too_much_of_one_is_refused() {
        let refused = |bytes: &[u8]| encoded(&picture(2, 2, Some(3), Layout::Nchw), bytes).unwrap_err().to_string();
        for bytes in [&b""[..], b"GIF89a", b"hello"] {
            assert!(refused(bytes).contains("its first bytes are of neither"), "{bytes:?}");
        }
        for cut in 8..png().len() - 12 {
            assert!(refused(&png()[..cut]).starts_with("input 0 is no picture"), "{cut}");
        }
        // A header alone says how large it would be.
        let mut huge = png();
        huge[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
        assert!(!refused(&huge).is_empty());
        let mut thin = std::io::Cursor::new(Vec::new());
        RgbImage::new(1, 20_000).write_to(&mut thin, ImageFormat::Png).unwrap();
        let narrow = picture(256, 256, Some(256), Layout::Nchw);
        let refused = encoded(&narrow, thin.get_ref()).unwrap_err();
        assert_eq!(refused, Refusal::Pixels { at: 0, width: 256, height: 5_120_000 });
    }
}
