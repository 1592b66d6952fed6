//! Cutting frames: which samples does a frame see, and what lies before and after the recording?

use serde::{Deserialize, Serialize};

/// What a frame sees beyond the ends of the recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pad {
    /// The recording mirrored at its first and last sample, which are not repeated: `x[-i] = x[i]`.
    ///
    /// Mirroring needs more samples than it copies. A recording of no more than half a frame is first
    /// extended with zeros to a whole frame.
    #[default]
    Reflect,
    /// Zeros.
    Zero,
}

/// The known part of a recording, as frames read it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signal<'a> {
    /// The samples at hand.
    samples: &'a [f32],
    /// Position of `samples[0]` in the recording: a stream has forgotten what lies before.
    base: usize,
    pad: Pad,
    /// Length at which the recording is mirrored.
    mirrored_len: usize,
}

impl<'a> Signal<'a> {
    /// A whole recording, read in frames of `n_fft` samples.
    pub(crate) fn whole(samples: &'a [f32], n_fft: usize, pad: Pad) -> Self {
        Self::tail(samples, 0, n_fft, pad)
    }

    /// A recording of which the first `base` samples are no longer needed.
    pub(crate) fn tail(samples: &'a [f32], base: usize, n_fft: usize, pad: Pad) -> Self {
        let len = base + samples.len();
        Self { samples, base, pad, mirrored_len: if len <= n_fft / 2 { n_fft } else { len } }
    }

    /// The samples `start..start + n_fft`, if the recording holds all of them as they are.
    pub(crate) fn direct(&self, start: i64, n_fft: usize) -> Option<&'a [f32]> {
        let first = usize::try_from(start).ok()?.checked_sub(self.base)?;
        self.samples.get(first..first.checked_add(n_fft)?)
    }

    /// The samples `start..start + out.len()`, with what lies beyond the ends.
    pub(crate) fn fill(&self, start: i64, out: &mut [f32]) {
        for (position, value) in (start..).zip(out) {
            *value = self.at(position);
        }
    }

    fn at(&self, position: i64) -> f32 {
        let position = match self.pad {
            Pad::Zero => position,
            Pad::Reflect => {
                let last = self.mirrored_len as i64 - 1;
                let from_left = position.abs();
                if from_left > last { 2 * last - from_left } else { from_left }
            }
        };
        usize::try_from(position)
            .ok()
            .and_then(|position| position.checked_sub(self.base))
            .and_then(|index| self.samples.get(index).copied())
            .unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(samples: &[f32], n_fft: usize, pad: Pad, start: i64, len: usize) -> Vec<f32> {
        let mut out = vec![f32::NAN; len];
        Signal::whole(samples, n_fft, pad).fill(start, &mut out);
        out
    }

    #[test]
    fn reflection_does_not_repeat_the_ends() {
        let x = [1.0, 2.0, 3.0, 4.0];
        let expected = [3.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 2.0];
        assert_eq!(read(&x, 4, Pad::Reflect, -2, 8), expected);
        let expected = [0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 0.0, 0.0];
        assert_eq!(read(&x, 4, Pad::Zero, -2, 8), expected);
    }

    #[test]
    fn a_recording_of_half_a_frame_is_extended_with_zeros() {
        let expected = [0.0, 2.0, 1.0, 2.0, 0.0, 0.0, 0.0, 2.0];
        assert_eq!(read(&[1.0, 2.0], 4, Pad::Reflect, -2, 8), expected);
        assert_eq!(read(&[], 4, Pad::Reflect, -2, 8), [0.0; 8]);
    }

    #[test]
    fn a_tail_reads_like_the_whole() {
        let x: Vec<f32> = (0..32).map(|i| i as f32).collect();
        let whole = Signal::whole(&x, 8, Pad::Reflect);
        let tail = Signal::tail(&x[20..], 20, 8, Pad::Reflect);
        for start in 20..28 {
            let (mut a, mut b) = ([0.0; 8], [1.0; 8]);
            whole.fill(start, &mut a);
            tail.fill(start, &mut b);
            assert_eq!(a.map(f32::to_bits), b.map(f32::to_bits), "start {start}");
            assert_eq!(whole.direct(start, 8), tail.direct(start, 8));
        }
        assert_eq!(whole.direct(-1, 8), None);
        assert_eq!(whole.direct(25, 8), None);
    }
}
