//! Random changes of images that keep their class, drawn on the device for a whole batch at once.

use std::str::FromStr;

use tch::{Kind, Tensor};

/// Which changes; none for rows of features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Augmentation {
    /// Mirror half of the images.
    flip: bool,
    /// Move the image by up to an eighth of its side, zeros moving in.
    crop: bool,
    /// Blank a square of half the side, centred anywhere (`DeVries` and Taylor 2017).
    cutout: bool,
}

impl Augmentation {
    /// What may be written, in words.
    pub(crate) const ALLOWED: &str = "none, or flip, crop and cutout joined by +";

    pub(crate) fn is_none(self) -> bool {
        self == Self::default()
    }

    /// Changed copies of the normalised images `x` (batch, height, width, channels), float32.
    pub(crate) fn apply(self, x: Tensor) -> Tensor {
        let mut x = x;
        if self.crop {
            x = moved(&x);
        }
        if self.flip {
            let batch = x.size()[0];
            let mirrored = Tensor::rand([batch, 1, 1, 1], (Kind::Float, x.device())).lt(0.5);
            x = x.flip([2]).where_self(&mirrored, &x);
        }
        if self.cutout {
            x = &x * outside_a_square(&x);
        }
        x
    }
}

impl FromStr for Augmentation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut augmentation = Self::default();
        for word in text.split('+').map(str::trim) {
            match word.to_lowercase().as_str() {
                "none" if text.trim() == word => {}
                "flip" => augmentation.flip = true,
                "crop" => augmentation.crop = true,
                "cutout" => augmentation.cutout = true,
                _ => return Err(format!("{text:?} is not {}", Self::ALLOWED)),
            }
        }
        Ok(augmentation)
    }
}

/// Each image moved by its own whole number of rows and columns.
fn moved(x: &Tensor) -> Tensor {
    let size = x.size();
    let (batch, height, width, channels) = (size[0], size[1], size[2], size[3]);
    let device = x.device();
    let far = |side: i64| (side / 8).max(1);
    let (down, across) = (far(height), far(width));
    let padded = x.constant_pad_nd([0, 0, across, across, down, down]);
    let line = |length: i64| Tensor::arange(length, (Kind::Int64, device));
    let start = |far: i64| Tensor::randint(2 * far + 1, [batch, 1], (Kind::Int64, device));
    let rows = (start(down) + line(height)).unsqueeze(-1);
    let columns = (start(across) + line(width)).unsqueeze(1);
    // One gather of whole pixels: the index of each in the padded batch.
    let (padded_height, padded_width) = (height + 2 * down, width + 2 * across);
    let image = (line(batch) * (padded_height * padded_width)).view([batch, 1, 1]);
    let pixels = (image + rows * padded_width + columns).view([-1]);
    padded.reshape([-1, channels]).index_select(0, &pixels).view([batch, height, width, channels])
}

/// (batch, height, width, 1): 0 inside each image's square, 1 outside.
fn outside_a_square(x: &Tensor) -> Tensor {
    let size = x.size();
    let (batch, height, width) = (size[0], size[1], size[2]);
    let device = x.device();
    let near = |side: i64| {
        let centre = Tensor::randint(side, [batch, 1], (Kind::Int64, device));
        let distance = (Tensor::arange(side, (Kind::Int64, device)) - centre).abs();
        distance.le((side / 4).max(1))
    };
    let inside = near(height).unsqueeze(-1).logical_and(&near(width).unsqueeze(1));
    inside.logical_not().to_kind(Kind::Float).unsqueeze(-1)
}
