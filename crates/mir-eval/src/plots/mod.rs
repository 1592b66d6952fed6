//! Pictures: what does a transcription, a training run or a matrix of activations look like?
//!
//! - [`piano_roll`]: notes over time and key, an estimate against its reference in colour;
//! - [`pitch_roll`]: framewise pitches, coloured by what is right, an octave off, wrong or not there;
//! - [`curves`]: series of numbers, such as losses and scores over training steps;
//! - [`precision_recall`]: what a threshold trades;
//! - [`confusion`]: what was taken for what;
//! - [`histogram`] and [`pitch_errors`]: how large errors are, and where they happen;
//! - [`bars`]: values of a few classes side by side;
//! - [`box_plots`]: scores of many pieces at a glance;
//! - [`matrix`]: values over time and bin, such as spectrograms and activations.
//!
//! Each gives a [`Figure`], which is written as `.png` or `.svg`. No font and no display is needed:
//! PNG text comes from built-in glyphs. Sizes are in pixels of 1/96 inch; a PNG has two dots to the
//! pixel in each direction. Colours are those of Okabe & Ito (2008) and of the viridis map, which people
//! with any colour vision can tell apart, and notes differ in form as well.
//!
//! ```
//! use mir_eval::plots::{RollPlot, piano_roll};
//! use mir_eval::{Key, Note, Velocity};
//!
//! let note = |key, onset| Note::new(onset, onset + 0.5, Key::new(key)?.pitch(), Velocity::MEDIUM);
//! let reference = [note(60, 0.0)?, note(64, 0.5)?];
//! let estimate = [note(60, 0.01)?, note(65, 0.5)?];
//! let figure = piano_roll(Some(&reference), &estimate, &RollPlot::default())?;
//! assert!(figure.svg().contains("1 missed"));
//! # Ok::<(), mir_eval::Error>(())
//! ```

mod axis;
mod bars;
mod boxes;
mod confusion;
mod curves;
mod errors;
mod font;
#[rustfmt::skip]
mod glyphs;
mod matrix;
mod pitch;
mod raster;
mod roll;
mod scene;
mod svg;

use std::path::Path;

use crate::{Error, Result};

pub use bars::{BarSeries, BarsPlot, bars};
pub use boxes::{BoxPlot, Group, box_plots};
pub use confusion::{ConfusionPlot, confusion, pitch_confusion};
pub use curves::{CurvesPlot, LineStyle, OperatingPoint, Series, curves, precision_recall};
pub use errors::{HistogramPlot, histogram, pitch_errors};
pub use matrix::{MatrixPlot, matrix};
pub use pitch::{PitchFrame, PitchPlot, pitch_roll};
pub use roll::{RollPlot, piano_roll};

/// A finished picture.
#[derive(Clone, Debug)]
pub struct Figure {
    scene: scene::Scene,
}

impl Figure {
    /// Width and height in pixels (the PNG has twice as many dots in each direction).
    pub fn size(&self) -> (u32, u32) {
        (self.scene.width, self.scene.height)
    }

    /// Writes the picture as PNG or SVG, by the extension of `path`. The file appears complete or not at
    /// all.
    ///
    /// # Errors
    /// [`Error::PictureFormat`] for another extension, [`Error::Core`] if the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        let bytes = match extension.to_ascii_lowercase().as_str() {
            "png" => self.png_bytes()?,
            "svg" => self.svg().into_bytes(),
            _ => {
                return Err(Error::PictureFormat { path: path.to_owned() });
            }
        };
        Ok(mir_core::publish::write(path, &bytes)?)
    }

    /// The picture as the bytes of a PNG file: 8 bits per channel, RGB.
    ///
    /// # Errors
    /// [`Error::Png`] if the encoder refuses.
    pub fn png_bytes(&self) -> Result<Vec<u8>> {
        raster::draw(&self.scene).encode()
    }

    /// The picture as an element of an HTML page. `label` says in words what it shows, for those who do not
    /// see it.
    ///
    /// There is no background, and what is neither black nor coloured by its meaning has a class, so that a
    /// page with another background can choose other colours: `fill-ink`, `stroke-ink` (text and dark lines),
    /// `fill-frame`, `stroke-faint` (lines of equal F1), `fill-grid`, `fill-shade` (the lanes of black keys), `fill-hollow` (the inside of hollow
    /// bars), `fill-edge` (dark marks over blue).
    ///
    /// ```
    /// use mir_eval::plots::{CurvesPlot, curves};
    /// let svg = curves(&[], &CurvesPlot::default())?.inline_svg("nothing \"yet\"");
    /// assert!(svg.starts_with("<svg class=\"plot\""));
    /// assert!(svg.contains("aria-label=\"nothing &quot;yet&quot;\""));
    /// # Ok::<(), mir_eval::Error>(())
    /// ```
    pub fn inline_svg(&self, label: &str) -> String {
        svg::inline(&self.scene, label)
    }

    /// The picture as SVG text.
    pub fn svg(&self) -> String {
        svg::render(&self.scene)
    }
}

/// Largest side of a figure in pixels: what a PNG of it takes in memory stays below 1 GiB.
const MAX_SIDE: u32 = 8192;

/// Checks the size of a figure.
fn check_size((width, height): (u32, u32)) -> Result<()> {
    let smallest = width.min(height);
    let largest = width.max(height);
    if smallest >= 100 && largest <= MAX_SIDE {
        return Ok(());
    }
    Err(Error::Config {
        field: "size",
        expected: "100 to 8192 pixels in each direction",
        actual: f64::from(if smallest < 100 { smallest } else { largest }),
    })
}

/// Checks a range of an axis: finite and not empty.
fn check_range(field: &'static str, (low, high): (f64, f64)) -> Result<()> {
    if low.is_finite() && high.is_finite() && low < high {
        return Ok(());
    }
    Err(Error::Config { field, expected: "a finite start before a finite end", actual: high })
}
