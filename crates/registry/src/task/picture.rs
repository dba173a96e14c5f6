//! How a picture becomes numbers, and what that asks of an input.

use serde::{Deserialize, Serialize};

use crate::task::Real;
use crate::task::fit::{FLOATS, Fitting, TaskError, fits, rows, typed};

/// How a picture becomes numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    pub input: String,
    pub width: u32,
    pub height: u32,
    /// The shorter side becomes so long and the middle is cut out; without it the picture is stretched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resize: Option<u32>,
    /// Of red, green and blue between 0 and 1: taken away, then divided by.
    pub mean: [Real; 3],
    pub std: [Real; 3],
    pub layout: Layout,
    #[serde(default, skip_serializing_if = "Channels::is_rgb")]
    pub channels: Channels,
    /// As large as it fits, with something around it; without it and without `resize` the picture is stretched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letterbox: Option<Letterbox>,
}

/// What a picture that keeps its shape is laid upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letterbox {
    /// The value of all channels, from 0 to 255.
    pub pad: Real,
    /// In the middle, or else in the upper left corner.
    pub middle: bool,
}

words! {
    /// Which numbers a pixel has. Means and deviations stay those of red, green and blue; grey takes red's.
    Channels, "rgb, bgr or grey", { Rgb => "rgb", Bgr => "bgr", Grey => "grey" }
}

#[expect(clippy::derivable_impls, reason = "the enum comes from a macro")]
impl Default for Channels {
    fn default() -> Channels {
        Channels::Rgb
    }
}

impl Channels {
    fn is_rgb(&self) -> bool {
        *self == Channels::Rgb
    }

    pub fn count(self) -> usize {
        if self == Channels::Grey { 1 } else { 3 }
    }
}

words! {
    /// How a picture comes to the size of the input.
    Fit, "stretch, letterbox or corner", { Stretch => "stretch", Letterbox => "letterbox", Corner => "corner" }
}

/// The order of a picture's axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    Nchw,
    Nhwc,
}

impl Fitting<'_> {
    pub(super) fn picture(&self) -> Result<Picture, TaskError> {
        let channels = self.card.channels.unwrap_or_default();
        let (port, layout, [height, width]) = self.pixels(channels)?;
        let size = |said: Option<u32>, axis: Option<u64>, field| {
            let known = said.or(axis.map(|size| size.min(2_048) as u32));
            known.ok_or(TaskError::Missing { task: self.card.word, field })
        };
        let (width, height) = (size(self.card.width, width, "width")?, size(self.card.height, height, "height")?);
        fits(port, &layout.shape(channels, Some(u64::from(height)), Some(u64::from(width))))?;
        let pad = self.card.pad.unwrap_or(Real(GREY));
        Ok(Picture {
            input: port.name.clone(),
            width,
            height,
            resize: self.card.resize.map(|side| side.max(width.max(height))),
            mean: self.card.mean.unwrap_or([Real(0.0); 3]),
            std: self.card.std.unwrap_or([Real(1.0); 3]),
            layout,
            channels,
            letterbox: match self.card.fit {
                None | Some(Fit::Stretch) => None,
                Some(fit) => Some(Letterbox { pad, middle: fit == Fit::Letterbox }),
            },
        })
    }

    /// An input of pictures: the order of its axes, and its height and width where they are fixed.
    pub(super) fn pixels(&self, channels: Channels) -> Result<(&tensor::Port, Layout, [Option<u64>; 2]), TaskError> {
        let count = Some(channels.count() as u64);
        let port = self.input(self.card.input.as_deref(), &["pixel_values"])?;
        typed(port, FLOATS)?;
        if port.shape.len() != 4 {
            let needed = vec![None, count, None, None];
            return Err(TaskError::Shape { name: port.name.clone(), given: port.shape.clone(), needed });
        }
        let last = port.shape[3] == count && port.shape[1] != count;
        let layout = self.card.layout.unwrap_or(if last { Layout::Nhwc } else { Layout::Nchw });
        fits(port, &layout.shape(channels, None, None))?;
        rows(port)?;
        let sides =
            if layout == Layout::Nchw { [port.shape[2], port.shape[3]] } else { [port.shape[1], port.shape[2]] };
        Ok((port, layout, sides))
    }
}

/// What stands around a picture if the card does not say: the grey of those who made YOLO.
const GREY: f32 = 114.0;

impl Layout {
    pub(super) fn shape(self, channels: Channels, height: Option<u64>, width: Option<u64>) -> [Option<u64>; 4] {
        let count = Some(channels.count() as u64);
        match self {
            Layout::Nchw => [None, count, height, width],
            Layout::Nhwc => [None, height, width, count],
        }
    }
}
