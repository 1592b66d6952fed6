//! A recording with what lies beyond its ends.

use std::ops::Range;

use crate::Pad;

/// A recording that can be read anywhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extended<'a> {
    pub(crate) samples: &'a [f32],
    pub(crate) pad: Pad,
}

impl Extended<'_> {
    /// Appends the samples of a range, which may reach past both ends as far as it likes: mirrored
    /// recordings are mirrored again where they end.
    pub(crate) fn read(&self, range: Range<i64>, out: &mut Vec<f32>) {
        let len = self.samples.len() as i64;
        let inside = range.start.clamp(0, len)..range.end.clamp(0, len);
        if inside.is_empty() {
            out.extend(range.map(|position| self.at(position)));
            return;
        }
        out.extend((range.start..inside.start).map(|position| self.at(position)));
        out.extend_from_slice(&self.samples[inside.start as usize..inside.end as usize]);
        out.extend((inside.end..range.end).map(|position| self.at(position)));
    }

    fn at(&self, position: i64) -> f32 {
        let len = self.samples.len() as i64;
        let index = match self.pad {
            Pad::Zero => position,
            Pad::Constant(value) if !(0..len).contains(&position) => return value as f32,
            Pad::Constant(_) => position,
            Pad::Edge => position.clamp(0, (len - 1).max(0)),
            Pad::Symmetric => {
                let period = (2 * len).max(1);
                let within = position.rem_euclid(period);
                within.min(period - 1 - within)
            }
            Pad::Reflect => {
                let period = (2 * (len - 1)).max(1);
                let within = position.rem_euclid(period);
                within.min(period - within).min(len - 1)
            }
        };
        usize::try_from(index).ok().and_then(|i| self.samples.get(i).copied()).unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(samples: &[f32], pad: Pad, range: Range<i64>) -> Vec<f32> {
        let mut out = vec![];
        Extended { samples, pad }.read(range, &mut out);
        out
    }

    #[test]
    fn mirrors_go_on_for_ever() {
        let expected = [2.0, 1.0, 2.0, 3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0, 2.0];
        assert_eq!(read(&[1.0, 2.0, 3.0], Pad::Reflect, -5..6), expected);
        assert_eq!(read(&[4.0], Pad::Reflect, -2..2), [4.0; 4]);
        assert_eq!(read(&[], Pad::Reflect, -2..2), [0.0; 4]);
        assert_eq!(read(&[1.0, 2.0], Pad::Zero, -1..4), [0.0, 1.0, 2.0, 0.0, 0.0]);
        assert_eq!(read(&[1.0, 2.0], Pad::Zero, 5..7), [0.0, 0.0]);
        let expected = [1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0, 1.0, 1.0];
        assert_eq!(read(&[1.0, 2.0], Pad::Symmetric, -4..5), expected);
        assert_eq!(read(&[1.0, 2.0], Pad::Edge, -2..4), [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
        assert_eq!(read(&[1.0], Pad::Constant(0.5), -1..3), [0.5, 1.0, 0.5, 0.5]);
        for pad in [Pad::Symmetric, Pad::Edge] {
            assert_eq!(read(&[], pad, -2..2), [0.0; 4]);
        }
    }
}
