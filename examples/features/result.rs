//! What a feature gives: arrays with the meaning of their axes.

use mir_core::FrameGrid;
use mir_features::{BinAxis, FeatureMap, Spectrum};
use ndarray::Array3;

/// The arrays of a feature.
#[derive(Debug, Default)]
pub struct Output {
    pub parts: Vec<Part>,
}

/// One array.
#[derive(Debug)]
pub struct Part {
    pub name: String,
    pub data: Data,
}

/// The values of an array.
#[derive(Debug)]
pub enum Data {
    /// Values over time.
    Map(FeatureMap),
    /// Complex values over time.
    Complex(Spectrum),
    /// Numbers that are not on frames: times in seconds, or a number for the whole recording.
    List { values: Vec<f64>, unit: &'static str },
}

impl Output {
    /// One array of its own name.
    pub fn one(name: &str, data: impl Into<Data>) -> Self {
        Self::default().with(name, data)
    }

    /// Another array.
    pub fn with(mut self, name: &str, data: impl Into<Data>) -> Self {
        self.parts.push(Part { name: name.to_owned(), data: data.into() });
        self
    }

    /// A list for each channel: its name, followed by the channel where there are several.
    pub fn lists(
        name: &str,
        unit: &'static str,
        lists: impl IntoIterator<Item = Vec<f64>>,
    ) -> Self {
        let lists: Vec<Vec<f64>> = lists.into_iter().collect();
        let several = lists.len() > 1;
        lists.into_iter().enumerate().fold(Self::default(), |output, (channel, values)| {
            let name = if several { format!("{name}_{channel}") } else { name.to_owned() };
            output.with(&name, Data::List { values, unit })
        })
    }

    /// Names and shapes in words.
    pub fn summary(&self) -> String {
        let part = |part: &Part| format!("{} {:?}", part.name, part.shape());
        self.parts.iter().map(part).collect::<Vec<_>>().join(", ")
    }
}

impl Part {
    /// Length of each axis.
    pub fn shape(&self) -> Vec<usize> {
        match &self.data {
            Data::Map(map) => map.data.shape().to_vec(),
            Data::Complex(spectrum) => spectrum.data.shape().to_vec(),
            Data::List { values, .. } => vec![values.len()],
        }
    }

    /// Time of each frame in seconds; none for a list.
    pub fn times(&self) -> Vec<f64> {
        let times = |grid: &FrameGrid, frames| (0..frames).map(|n| grid.time_of(n)).collect();
        match &self.data {
            Data::Map(map) => times(&map.grid, map.frames()),
            Data::Complex(spectrum) => times(&spectrum.grid, spectrum.data.dim().1),
            Data::List { .. } => vec![],
        }
    }

    /// Meaning of the bins; none for a list.
    pub fn axis(&self) -> Option<&BinAxis> {
        match &self.data {
            Data::Map(map) => Some(&map.axis),
            Data::Complex(spectrum) => Some(&spectrum.axis),
            Data::List { .. } => None,
        }
    }

    /// Frequency of each bin in Hz, where they have one.
    pub fn frequencies(&self) -> Option<Vec<f64>> {
        let axis = self.axis()?;
        (0..axis.len()).map(|bin| axis.hz(bin)).collect()
    }
}

macro_rules! from_arrays {
    ($($variant:ident: $array:ty),*) => {$(
        impl From<$array> for Data {
            fn from(array: $array) -> Self {
                Self::$variant(array)
            }
        }

        /// Without a name, until the feature gives its own.
        impl From<$array> for Output {
            fn from(array: $array) -> Self {
                Self::one("", array)
            }
        }
    )*};
}
from_arrays!(Map: FeatureMap, Complex: Spectrum);

/// A curve for each channel as a map with a single bin.
pub fn curves(name: &str, grid: FrameGrid, channels: &[Vec<f64>]) -> FeatureMap {
    let frames = channels.first().map_or(0, Vec::len);
    let value = |(channel, frame, _): (usize, usize, usize)| channels[channel][frame] as f32;
    let data = Array3::from_shape_fn((channels.len(), frames, 1), value);
    FeatureMap { grid, axis: BinAxis::Values { name: name.to_owned(), bins: 1 }, data }
}
