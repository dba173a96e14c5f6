//! Pictures as numbers: resized, cut, and shifted as the model's training had them.

use std::io::Cursor;
use std::ops::Range;

use image::imageops;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};
use registry::task::{Channels, Layout, Picture, Real};
use tensor::{Port, Tensor};

use crate::given::Given;
use crate::refusal::{Refusal, clip};
use crate::resample::resize;
use crate::rows;
use crate::{MAX_CALL_PIXELS, MAX_PIXELS};

/// The most memory that the pixels of one picture may take: four bytes for each of the most there may be.
const MAX_MEMORY: u64 = 4 * MAX_PIXELS;

/// A picture, and which part of the input it came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placed {
    /// As the caller has it.
    pub(crate) size: [u32; 2],
    /// Its left and upper edge, its width and its height in pixels of the input.
    pub(crate) from: [u32; 2],
    pub(crate) to: [u32; 2],
}

pub(crate) fn encode(picture: &Picture, port: &Port, given: &[Given]) -> Result<(Vec<Tensor>, Vec<Placed>), Refusal> {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let size = picture.channels.count() * width * height;
    rows::bounded(given.len(), size)?;
    let mut numbers = Vec::with_capacity(given.len() * size);
    let (mut placed, mut pixels) = (Vec::with_capacity(given.len()), 0);
    let sheet = Sheet {
        width: picture.width,
        height: picture.height,
        mean: picture.mean,
        std: picture.std,
        layout: picture.layout,
        channels: picture.channels,
        pad: picture.letterbox.map_or(0.0, |letterbox| letterbox.pad.0),
    };
    for (at, given) in given.iter().enumerate() {
        let read = read(&given.as_bytes(at)?, at, &mut pixels)?;
        let (fitted, from) = fit(picture, &read, at)?;
        sheet.lay(&fitted, from, &mut numbers);
        placed.push(Placed { size: read.dimensions().into(), from, to: fitted.dimensions().into() });
    }
    Ok((vec![rows::numbers(port, sheet.shape(given.len()), numbers.into_iter().map(f64::from))?], placed))
}

/// Reads a picture whose size was looked at first. `pixels` are those of its call so far.
pub(crate) fn read(bytes: &[u8], at: usize, pixels: &mut u64) -> Result<RgbImage, Refusal> {
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
    *pixels += u64::from(width) * u64::from(height);
    if *pixels > MAX_CALL_PIXELS {
        return Err(Refusal::Together { what: "pixels", count: *pixels, limit: MAX_CALL_PIXELS });
    }
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

pub(crate) fn bounded(width: u64, height: u64, at: usize) -> Result<(), Refusal> {
    if width.saturating_mul(height) > MAX_PIXELS || width == 0 || height == 0 {
        return Err(Refusal::Pixels { at, width, height });
    }
    Ok(())
}

/// The shorter side resized and the middle cut out, as torchvision does it; or all of it as large as it fits; or the
/// whole stretched. And where it stands.
fn fit(picture: &Picture, read: &RgbImage, at: usize) -> Result<(RgbImage, [u32; 2]), Refusal> {
    let (width, height) = (picture.width, picture.height);
    let (w, h) = (u64::from(read.width()), u64::from(read.height()));
    if let Some(letterbox) = picture.letterbox {
        let gain = (f64::from(width) / w as f64).min(f64::from(height) / h as f64);
        let side = |of: u64, most: u32| ((of as f64 * gain).round_ties_even() as u32).clamp(1, most);
        let (wide, tall) = (side(w, width), side(h, height));
        bounded(u64::from(wide), h, at)?;
        let from = if letterbox.middle { [(width - wide) / 2, (height - tall) / 2] } else { [0, 0] };
        return Ok((resize(read, wide, tall), from));
    }
    let Some(side) = picture.resize else {
        bounded(u64::from(width), h, at)?;
        return Ok((resize(read, width, height), [0, 0]));
    };
    let side = u64::from(side);
    let (wide, tall) = if w <= h { (side, side * h / w) } else { (side * w / h, side) };
    bounded(wide, tall.max(h), at)?;
    let resized = resize(read, wide as u32, tall as u32);
    let middle = |long: u64, short: u32| ((long - u64::from(short)) as f64 / 2.0).round_ties_even() as u32;
    let cut = imageops::crop_imm(&resized, middle(wide, width), middle(tall, height), width, height).to_image();
    Ok((cut, [0, 0]))
}

/// What pictures are laid upon to become numbers.
pub(crate) struct Sheet {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) mean: [Real; 3],
    pub(crate) std: [Real; 3],
    pub(crate) layout: Layout,
    pub(crate) channels: Channels,
    /// The value around a picture that does not fill it.
    pub(crate) pad: f32,
}

impl Sheet {
    pub(crate) fn shape(&self, count: usize) -> Vec<u64> {
        let (n, w, h) = (count as u64, u64::from(self.width), u64::from(self.height));
        let channels = self.channels.count() as u64;
        if self.layout == Layout::Nchw { vec![n, channels, h, w] } else { vec![n, h, w, channels] }
    }

    /// One picture with its upper left corner there.
    pub(crate) fn lay(&self, picture: &RgbImage, from: [u32; 2], numbers: &mut Vec<f32>) {
        let count = self.channels.count();
        match self.layout {
            Layout::Nchw => (0..count).for_each(|channel| self.plane(picture, from, channel..channel + 1, numbers)),
            Layout::Nhwc => self.plane(picture, from, 0..count, numbers),
        }
    }

    fn plane(&self, picture: &RgbImage, [left, top]: [u32; 2], channels: Range<usize>, numbers: &mut Vec<f32>) {
        let row = 3 * picture.width() as usize;
        let around = |pixels: u32, numbers: &mut Vec<f32>| {
            for _ in 0..pixels {
                numbers.extend(channels.clone().map(|channel| self.number(self.pad, channel)));
            }
        };
        for y in 0..self.height {
            let inside = y.checked_sub(top).filter(|y| *y < picture.height());
            let Some(y) = inside else {
                around(self.width, numbers);
                continue;
            };
            around(left, numbers);
            for pixel in picture.as_raw()[y as usize * row..][..row].as_chunks::<3>().0 {
                numbers.extend(channels.clone().map(|channel| self.number(self.value(pixel, channel), channel)));
            }
            around(self.width - left - picture.width(), numbers);
        }
    }

    fn value(&self, pixel: &[u8; 3], channel: usize) -> f32 {
        match self.channels {
            Channels::Rgb => f32::from(pixel[channel]),
            Channels::Bgr => f32::from(pixel[2 - channel]),
            // As Pillow makes grey of colours.
            Channels::Grey => {
                let [red, green, blue] = pixel.map(u32::from);
                ((19_595 * red + 38_470 * green + 7_471 * blue + 0x8000) >> 16) as f32
            }
        }
    }

    fn number(&self, value: f32, channel: usize) -> f32 {
        let colour = if self.channels == Channels::Bgr { 2 - channel } else { channel };
        (value / 255.0 - self.mean[colour].0) / self.std[colour].0
    }
}

/// A grey picture, to try the model with.
pub(crate) fn sample(width: u32, height: u32) -> Given {
    let mut bytes = Cursor::new(Vec::new());
    let grey = RgbImage::from_pixel(width, height, image::Rgb([127; 3]));
    grey.write_to(&mut bytes, ImageFormat::Png).expect("memory takes a small picture");
    Given::File(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use registry::task::Letterbox;
    use tensor::DataType;

    use super::*;

    /// Six by four pixels, made with Pillow: red x·40, green y·60, blue (x + y)·25.
    const PNG: &str = concat!(
        "iVBORw0KGgoAAAANSUhEUgAAAAYAAAAECAIAAAAiZtkUAAAAGklEQVR4nGNkYGDQYJBERiwMNpIMDCiIOCEAntcDydjG5eoAAAAASUVORK5C",
        "YII="
    );

    fn picture(width: u32, height: u32, resize: Option<u32>, layout: Layout) -> Picture {
        let (mean, std) = ([Real(0.0); 3], [Real(1.0); 3]);
        let (channels, letterbox) = (Channels::Rgb, None);
        Picture { input: "x".to_owned(), width, height, resize, mean, std, layout, channels, letterbox }
    }

    fn encoded(picture: &Picture, bytes: &[u8]) -> Result<Vec<f32>, Refusal> {
        let port = Port { name: "x".to_owned(), datatype: DataType::Fp32, shape: vec![None; 4] };
        let (inputs, _) = encode(picture, &port, &[Given::File(bytes.to_vec())])?;
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

    /// Golden values: Pillow 13.0, `resize((3, 2), BILINEAR)` on a canvas of 114, and `convert("L")`.
    #[test]
    fn a_picture_that_keeps_its_shape_stands_on_a_sheet() {
        let mut picture = picture(3, 4, None, Layout::Nchw);
        for (middle, top) in [(true, 1), (false, 0)] {
            picture.letterbox = Some(Letterbox { pad: Real(114.0), middle });
            let port = Port { name: "x".to_owned(), datatype: DataType::Fp32, shape: vec![None; 4] };
            let (_, placed) = encode(&picture, &port, &[Given::File(png())]).unwrap();
            assert_eq!(placed, [Placed { size: [6, 4], from: [0, top], to: [3, 2] }]);
            let reds = [[114.0; 3], [29.0, 100.0, 171.0], [29.0, 100.0, 171.0], [114.0; 3]];
            let mut reds = reds.to_vec();
            reds.rotate_left(1 - top as usize);
            same(&encoded(&picture, &png()).unwrap()[..12], &reds.concat());
        }
    }

    #[test]
    fn colours_come_in_the_order_the_model_has() {
        let numbers = |channels| {
            let mut picture = picture(6, 4, None, Layout::Nhwc);
            picture.channels = channels;
            picture.mean = [Real(0.0), Real(0.0), Real(0.5)];
            encoded(&picture, &png()).unwrap()[..3 * channels.count()].to_vec()
        };
        let second = [40.0 / 255.0, 0.0, 25.0 / 255.0 - 0.5];
        assert_eq!(numbers(Channels::Rgb)[3..6], second);
        assert_eq!(numbers(Channels::Bgr)[3..6], [second[2], second[1], second[0]]);
        // (19595·40 + 7471·25 + 32768) / 65536 = 15.3.
        assert_eq!(numbers(Channels::Grey)[1..3], [15.0 / 255.0, 30.0 / 255.0]);
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
        // Small files of large pictures: the eleventh is not unfolded.
        let mut large = std::io::Cursor::new(Vec::new());
        RgbImage::new(5_000, 5_000).write_to(&mut large, ImageFormat::Png).unwrap();
        let mut pixels = MAX_CALL_PIXELS - 1;
        let many = read(large.get_ref(), 10, &mut pixels).unwrap_err();
        assert_eq!(many, Refusal::Together { what: "pixels", count: 274_999_999, limit: 250_000_000 });
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
