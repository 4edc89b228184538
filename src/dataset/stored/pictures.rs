//! Images as samples: decoded, resized, grey or in colours, as the shape of the data set wants them.

use std::path::Path;

use image::imageops::FilterType;
use image::{ColorType, DynamicImage, ImageDecoder, ImageReader, Limits};

use super::array::damaged;
use super::sample::{Label, Reading, Sample};
use crate::dataset::error::DataError;
use crate::dataset::folder::{self, Picture};

/// An image of more pixels is a mistake, or an attempt to fill the memory.
const MOST_PIXELS: u64 = 1 << 26;

/// The images of a folder.
pub(in crate::dataset) struct Pictures {
    all: Vec<Picture>,
}

/// What the header of a file says.
struct About {
    width: u32,
    height: u32,
    grey: bool,
}

impl Pictures {
    /// Lists them.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        Ok(Self { all: folder::pictures(path)? })
    }

    pub(in crate::dataset) fn rows(&self) -> u64 {
        self.all.len() as u64
    }

    /// The shape that all of them have.
    pub(in crate::dataset) fn natural_shape(&self) -> Result<[u32; 3], DataError> {
        let mut first: Option<About> = None;
        let mut grey = true;
        for picture in &self.all {
            let about = about(&decoder(&picture.path)?);
            grey &= about.grey;
            let wanted = first.get_or_insert(About { ..about });
            if (about.width, about.height) != (wanted.width, wanted.height) {
                let why = format!(
                    "is {} x {} pixels, and {} is {} x {}: write shape = [3, 32, 32], say, and all are resized to that",
                    about.width,
                    about.height,
                    self.all[0].path.display(),
                    wanted.width,
                    wanted.height
                );
                return Err(damaged(&picture.path, None, "header", why));
            }
        }
        let About { width, height, .. } = first.unwrap_or(About { width: 1, height: 1, grey });
        Ok([if grey { 1 } else { 3 }, height, width])
    }

    pub(super) fn each<E: From<DataError>>(
        &self,
        of: &Reading<'_>,
        sink: &mut dyn FnMut(&Sample<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for (row, picture) in (0..).zip(&self.all) {
            if !(of.wanted)(row) {
                continue;
            }
            let values = if of.values { pixels(&picture.path, of.shape)? } else { Vec::new() };
            let label = Label::Text(&picture.class);
            sink(&Sample { path: &picture.path, array: None, row, values: &values, label })?;
        }
        Ok(())
    }
}

fn wrong(path: &Path, why: impl Into<String>) -> DataError {
    damaged(path, None, "an image", why)
}

/// The file, its header read: not too large.
fn decoder(path: &Path) -> Result<impl ImageDecoder, DataError> {
    let broken = |error: &dyn std::fmt::Display| wrong(path, format!("cannot be decoded: {error}"));
    if fs_err::metadata(path)?.len() == 0 {
        return Err(wrong(path, "is empty"));
    }
    let opened = ImageReader::open(path).and_then(ImageReader::with_guessed_format);
    let mut reader = opened.map_err(|error| broken(&error))?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_PIXELS * 8);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| broken(&error))?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        let why = format!("is {width} x {height} pixels; more than {MOST_PIXELS} are not decoded");
        return Err(wrong(path, why));
    }
    Ok(decoder)
}

fn about(decoder: &impl ImageDecoder) -> About {
    let (width, height) = decoder.dimensions();
    let grey = matches!(
        decoder.color_type(),
        ColorType::L8 | ColorType::La8 | ColorType::L16 | ColorType::La16
    );
    About { width, height, grey }
}

/// The values of an image, 0 to 255, pixel by pixel.
fn pixels(path: &Path, [channels, height, width]: [u32; 3]) -> Result<Vec<f64>, DataError> {
    let decoded = DynamicImage::from_decoder(decoder(path)?);
    let decoded = decoded.map_err(|error| wrong(path, format!("cannot be decoded: {error}")))?;
    let fits = (decoded.width(), decoded.height()) == (width, height);
    let of_size = |image: DynamicImage| {
        // Triangle averages over all pixels that become one, as Pillow's bilinear filter does.
        if fits { image } else { image.resize_exact(width, height, FilterType::Triangle) }
    };
    let bytes = if channels == 1 {
        of_size(decoded.into_luma8().into()).into_luma8().into_raw()
    } else {
        of_size(decoded.into_rgb8().into()).into_rgb8().into_raw()
    };
    Ok(bytes.into_iter().map(f64::from).collect())
}
