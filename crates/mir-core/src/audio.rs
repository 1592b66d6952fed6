//! Audio in memory.

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};

use crate::{Error, Result, SampleRate};

/// Planar audio: `f32` samples `[channels, samples]` at one rate, full scale ±1.
///
/// At least one channel; possibly no samples. Rows are contiguous in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioBuffer {
    sample_rate: SampleRate,
    samples: Array2<f32>,
}

impl AudioBuffer {
    /// From samples `[channels, samples]`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] without a channel.
    pub fn new(sample_rate: SampleRate, samples: Array2<f32>) -> Result<Self> {
        if samples.nrows() == 0 {
            return Err(Error::OutOfRange {
                field: "channels",
                expected: "at least 1",
                actual: 0.0,
            });
        }
        let samples = if samples.is_standard_layout() {
            samples
        } else {
            samples.as_standard_layout().into_owned()
        };
        Ok(Self { sample_rate, samples })
    }

    /// One channel.
    pub fn mono(sample_rate: SampleRate, samples: Vec<f32>) -> Self {
        Self { sample_rate, samples: Array1::from_vec(samples).insert_axis(Axis(0)) }
    }

    /// From one slice a channel, all of the same length.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] without a channel, [`Error::Length`] if the lengths differ.
    pub fn from_channels<C: AsRef<[f32]>>(sample_rate: SampleRate, channels: &[C]) -> Result<Self> {
        let length = channels.first().map_or(0, |c| c.as_ref().len());
        let mut samples = Array2::zeros((channels.len(), length));
        for (mut row, channel) in samples.rows_mut().into_iter().zip(channels) {
            let channel = channel.as_ref();
            if channel.len() != length {
                return Err(Error::Length {
                    field: "channel",
                    expected: length,
                    actual: channel.len(),
                });
            }
            row.assign(&ArrayView1::from(channel));
        }
        Self::new(sample_rate, samples)
    }

    /// Silence of a length in samples.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for 0 channels.
    pub fn silence(sample_rate: SampleRate, channels: usize, samples: usize) -> Result<Self> {
        Self::new(sample_rate, Array2::zeros((channels, samples)))
    }

    /// The rate.
    pub const fn sample_rate(&self) -> SampleRate {
        self.sample_rate
    }

    /// Number of channels, at least 1.
    pub fn channels(&self) -> usize {
        self.samples.nrows()
    }

    /// Samples per channel.
    pub fn len(&self) -> usize {
        self.samples.ncols()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Length in seconds.
    pub fn duration(&self) -> f64 {
        self.sample_rate.seconds(self.len())
    }

    /// All samples, `[channels, samples]`.
    pub fn samples(&self) -> ArrayView2<'_, f32> {
        self.samples.view()
    }

    /// One channel as a slice.
    ///
    /// # Panics
    /// If `channel` is not below [`channels`](Self::channels).
    pub fn channel(&self, channel: usize) -> &[f32] {
        let length = self.len();
        let all = self.samples.as_slice().expect("samples are kept in standard layout");
        &all[channel * length..(channel + 1) * length]
    }

    /// One channel as a mutable slice.
    ///
    /// # Panics
    /// If `channel` is not below [`channels`](Self::channels).
    pub fn channel_mut(&mut self, channel: usize) -> &mut [f32] {
        let length = self.len();
        let all = self.samples.as_slice_mut().expect("samples are kept in standard layout");
        &mut all[channel * length..(channel + 1) * length]
    }

    /// The samples, `[channels, samples]`.
    pub fn into_samples(self) -> Array2<f32> {
        self.samples
    }

    /// The mean of all channels, as one channel. Mono audio is returned as it is.
    #[must_use]
    pub fn into_mono(self) -> Self {
        if self.channels() == 1 {
            return self;
        }
        let scale = 1.0 / self.channels() as f32;
        let mixed = self.samples.sum_axis(Axis(0)) * scale;
        Self { sample_rate: self.sample_rate, samples: mixed.insert_axis(Axis(0)) }
    }

    /// A copy of a range of samples, cut at the end of the audio.
    #[must_use]
    pub fn excerpt(&self, range: Range<usize>) -> Self {
        let end = range.end.min(self.len());
        let start = range.start.min(end);
        let samples = self.samples.slice(s![.., start..end]).to_owned();
        Self { sample_rate: self.sample_rate, samples }
    }

    /// Largest magnitude, 0 for no samples.
    pub fn peak(&self) -> f32 {
        self.samples.iter().fold(0.0, |peak, x| peak.max(x.abs()))
    }

    /// Checks that every sample is a finite number.
    ///
    /// # Errors
    /// [`Error::NonFiniteSample`] names the first that is not.
    pub fn check_finite(&self) -> Result<()> {
        for channel in 0..self.channels() {
            let row = self.channel(channel);
            if let Some(sample) = row.iter().position(|x| !x.is_finite()) {
                return Err(Error::NonFiniteSample { channel, sample, value: row[sample] });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_contiguous_whatever_the_layout() {
        let transposed = Array2::from_shape_vec((3, 2), vec![0.0, 10.0, 1.0, 11.0, 2.0, 12.0])
            .unwrap()
            .reversed_axes();
        let audio = AudioBuffer::new(SampleRate::HZ_16000, transposed).unwrap();
        assert_eq!(audio.channel(0), [0.0, 1.0, 2.0]);
        assert_eq!(audio.channel(1), [10.0, 11.0, 12.0]);
        assert_eq!(audio.into_mono().channel(0), [5.0, 6.0, 7.0]);
    }

    #[test]
    fn uneven_channels_are_refused() {
        let uneven: [&[f32]; 2] = [&[1.0], &[1.0, 2.0]];
        let error = AudioBuffer::from_channels(SampleRate::HZ_16000, &uneven).unwrap_err();
        assert!(matches!(error, Error::Length { expected: 1, actual: 2, .. }));
        let none: [&[f32]; 0] = [];
        assert!(AudioBuffer::from_channels(SampleRate::HZ_16000, &none).is_err());
    }

    #[test]
    fn a_non_finite_sample_is_found() {
        let mut audio = AudioBuffer::silence(SampleRate::HZ_16000, 2, 10).unwrap();
        assert!(audio.check_finite().is_ok());
        audio.channel_mut(1)[7] = f32::NAN;
        let error = audio.check_finite().unwrap_err();
        assert!(matches!(error, Error::NonFiniteSample { channel: 1, sample: 7, .. }));
    }

    #[test]
    fn an_excerpt_is_cut_at_the_end() {
        let audio = AudioBuffer::mono(SampleRate::HZ_16000, vec![0.0, 1.0, 2.0]);
        assert_eq!(audio.excerpt(1..9).channel(0), [1.0, 2.0]);
        assert!(audio.excerpt(7..9).is_empty());
    }
}
