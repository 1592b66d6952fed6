//! How feature values are kept: exactly, in half precision, or in one byte.
//!
//! | [`ValueFormat`] | bytes | error |
//! |---|---|---|
//! | `F32` | 4 | none |
//! | `F16` | 2 | relative 2⁻¹¹ (0.0005), at least 3e-8 |
//! | `U8` | 1 | half a step of (highest − lowest value of the recording) / 255 |
//!
//! A log-mel spectrogram whose range is limited to 80 dB has steps of 0.314 dB in a byte.

use std::ops::Range;

use half::{f16, slice::HalfFloatSliceExt as _};
use serde::{Deserialize, Serialize};

/// How a store keeps its values. Readers get `f32` in every case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueFormat {
    /// 32-bit floats.
    #[default]
    F32,
    /// 16-bit floats (IEEE 754 binary16), for values within ±65504.
    F16,
    /// Bytes: `low + (high − low) · byte / 255`, with a range for every recording.
    U8,
}

impl ValueFormat {
    /// Bytes of one value.
    ///
    /// ```
    /// assert_eq!(mir_datasets::store::ValueFormat::F16.bytes(), 2);
    /// ```
    pub const fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
            Self::U8 => 1,
        }
    }
}

/// The values that the bytes 0 and 255 stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct ByteRange {
    pub(crate) low: f32,
    pub(crate) high: f32,
}

impl ByteRange {
    /// Of finite values; 0 to 0 where there are none.
    fn of(values: &[f32]) -> Self {
        let low = values.iter().copied().fold(f32::INFINITY, f32::min);
        let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if low <= high { Self { low, high } } else { Self::default() }
    }

    fn step(self) -> f32 {
        // In double precision: the difference of the largest numbers overflows in single.
        ((f64::from(self.high) - f64::from(self.low)) / 255.0) as f32
    }

    fn encode(self, values: &[f32]) -> Vec<u8> {
        let (low, step) = (f64::from(self.low), f64::from(self.step()));
        let scale = if step > 0.0 { 1.0 / step } else { 0.0 };
        // A conversion to an integer saturates.
        values.iter().map(|&value| ((f64::from(value) - low) * scale).round() as u8).collect()
    }

    /// Multiplication and addition apart, so that every machine rounds alike.
    pub(crate) fn decode_into(self, bytes: &[u8], out: &mut [f32]) {
        let (low, step) = (self.low, self.step());
        for (value, &byte) in out.iter_mut().zip(bytes) {
            *value = low + step * f32::from(byte);
        }
    }
}

/// The values of one recording, `[channels, frames, bins]` in row-major order, as they are kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Values {
    F32(Vec<f32>),
    F16(Vec<f16>),
    U8 { bytes: Vec<u8>, range: ByteRange },
}

impl Values {
    /// From finite values; `None` if one of them does not fit into the format.
    pub(crate) fn encode(format: ValueFormat, values: Vec<f32>) -> Option<Self> {
        match format {
            ValueFormat::F32 => Some(Self::F32(values)),
            ValueFormat::F16 => {
                let mut halves = vec![f16::ZERO; values.len()];
                halves.convert_from_f32_slice(&values);
                halves.iter().all(|half| half.is_finite()).then_some(Self::F16(halves))
            }
            ValueFormat::U8 => {
                let range = ByteRange::of(&values);
                Some(Self::U8 { bytes: range.encode(&values), range })
            }
        }
    }

    #[cfg(any(test, feature = "hdf5"))]
    pub(crate) const fn format(&self) -> ValueFormat {
        match self {
            Self::F32(_) => ValueFormat::F32,
            Self::F16(_) => ValueFormat::F16,
            Self::U8 { .. } => ValueFormat::U8,
        }
    }

    #[cfg(any(test, feature = "hdf5"))]
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F16(values) => values.len(),
            Self::U8 { bytes, .. } => bytes.len(),
        }
    }

    /// A run of values.
    ///
    /// # Panics
    /// If the run lies outside, or `out` has another length.
    pub(crate) fn read(&self, run: Range<usize>, out: &mut [f32]) {
        match self {
            Self::F32(values) => out.copy_from_slice(&values[run]),
            Self::F16(values) => values[run].convert_to_f32_slice(out),
            Self::U8 { bytes, range } => range.decode_into(&bytes[run], out),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kept(format: ValueFormat, values: &[f32]) -> Vec<f32> {
        let encoded = Values::encode(format, values.to_vec()).unwrap();
        assert_eq!((encoded.format(), encoded.len()), (format, values.len()));
        let mut out = vec![0.0; values.len()];
        encoded.read(0..values.len(), &mut out);
        out
    }

    proptest! {
        #[test]
        fn the_errors_stay_within_their_bounds(
            values in prop::collection::vec(-100.0f32..20.0, 1..200)
        ) {
            prop_assert_eq!(&kept(ValueFormat::F32, &values), &values);
            for (half, value) in kept(ValueFormat::F16, &values).iter().zip(&values) {
                prop_assert!((half - value).abs() <= value.abs() / 2048.0 + 3e-8);
            }
            let range = ByteRange::of(&values);
            let bytes = kept(ValueFormat::U8, &values);
            for (byte, value) in bytes.iter().zip(&values) {
                // A few units in the last place of the largest value, for the arithmetic in f32.
                prop_assert!((byte - value).abs() <= range.step() / 2.0 + 2e-5);
            }
        }
    }

    #[test]
    fn one_value_and_none_are_kept_exactly() {
        for format in [ValueFormat::F32, ValueFormat::F16, ValueFormat::U8] {
            assert_eq!(kept(format, &[-11.5; 7]), [-11.5; 7]);
            assert_eq!(kept(format, &[]), [0.0; 0]);
        }
        let extremes = [f32::MIN, f32::MAX];
        assert_eq!(kept(ValueFormat::U8, &extremes)[0].to_bits(), f32::MIN.to_bits());
    }

    #[test]
    fn values_beyond_half_precision_are_refused() {
        assert_eq!(Values::encode(ValueFormat::F16, vec![0.0, 7e4]), None);
        assert!(Values::encode(ValueFormat::F16, vec![0.0, 6.55e4]).is_some());
    }
}
