//! The features of a recording in another key, made from those that there are.

use crate::{BinAxis, Error, Result};

/// Moves features along their axis of frequencies, as if the recording was some cents higher.
///
/// A bin at `f` Hz takes the value at `f · 2^(−cents / 1200)`, interpolated linearly between the two bins around it;
/// past an end of the axis the outermost bin goes on. Timbre and room move along with the notes, so that a semitone
/// or two sound like another instrument of the same kind, and an octave like none.
///
/// ```
/// use mir_features::{BinAxis, Transposition};
/// // Twelve bins an octave: a semitone is a bin.
/// let axis = BinAxis::LogHz { f_min: 110.0, bins_per_octave: 12.0, bins: 4 };
/// let mut frame = [0.0, 1.0, 0.0, 0.0];
/// Transposition::new(&axis, 100.0)?.apply(&mut frame);
/// assert!(frame[1].abs() < 1e-6 && (frame[2] - 1.0).abs() < 1e-6);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Transposition {
    /// Where on the axis, in bins, each bin takes its value from.
    from: Vec<f32>,
}

impl Transposition {
    /// Plans a move by `cents`, any finite number: up if it is positive.
    ///
    /// # Errors
    /// [`Error::TooShort`] for fewer than two bins that have a frequency; [`Error::OutOfRange`] for cents that are
    /// not finite.
    pub fn new(axis: &BinAxis, cents: f64) -> Result<Self> {
        if !cents.is_finite() {
            let (field, expected) = ("cents", "a finite number");
            return Err(Error::OutOfRange { field, expected, actual: cents });
        }
        let hz: Vec<f64> = (0..axis.len()).map_while(|bin| axis.hz(bin)).collect();
        if hz.len() < 2 {
            let what = "bins that have a frequency";
            return Err(Error::TooShort { what, expected: 2, actual: hz.len() });
        }
        let ratio = (-cents / 1200.0).exp2();
        let last = (hz.len() - 1) as f64;
        let place = |f: f64| {
            let above = hz.partition_point(|&centre| centre <= f).clamp(1, hz.len() - 1);
            let (low, high) = (hz[above - 1], hz[above]);
            ((above - 1) as f64 + (f - low) / (high - low)).clamp(0.0, last) as f32
        };
        Ok(Self { from: hz.iter().map(|&f| place(f * ratio)).collect() })
    }

    /// Moves every row of `[frames, bins]`, row after row, in place.
    ///
    /// # Panics
    /// If the length is no multiple of the number of bins.
    pub fn apply(&self, rows: &mut [f32]) {
        let bins = self.from.len();
        assert!(rows.len().is_multiple_of(bins), "{} values in rows of {bins}", rows.len());
        let mut before = vec![0.0; bins];
        for row in rows.chunks_exact_mut(bins) {
            before.copy_from_slice(row);
            for (value, &place) in row.iter_mut().zip(&self.from) {
                let low = place as usize;
                let high = (low + 1).min(bins - 1);
                *value = before[low] + (place - low as f32) * (before[high] - before[low]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AudioBuffer, LogMel, LogMelConfig};

    const BINS: usize = 40;

    fn axis() -> BinAxis {
        BinAxis::LogHz { f_min: 100.0, bins_per_octave: 12.0, bins: BINS }
    }

    #[test]
    fn a_semitone_is_a_bin_where_there_are_twelve_in_an_octave() {
        let ramp: Vec<f32> = (0..BINS).map(|bin| bin as f32).collect();
        let mut rows = [ramp.clone(), ramp].concat();
        Transposition::new(&axis(), 100.0).unwrap().apply(&mut rows);
        for (index, value) in rows.iter().enumerate() {
            // The lowest bin has nothing below it.
            let expected = (index % BINS).saturating_sub(1) as f32;
            assert!((value - expected).abs() < 1e-3, "{index}: {value}");
        }
    }

    #[test]
    fn no_move_changes_nothing() {
        let row: Vec<f32> = (0..BINS).map(|bin| (bin as f32).sin()).collect();
        let mut moved = row.clone();
        Transposition::new(&axis(), 0.0).unwrap().apply(&mut moved);
        assert!(row.iter().zip(&moved).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn a_tone_that_is_moved_looks_like_the_tone_of_the_other_key() {
        let front_end = LogMel::new(LogMelConfig::jongwook()).unwrap();
        let rate = front_end.config().sample_rate;
        let tone = |hz: f64| {
            let at = |i: usize| (std::f64::consts::TAU * hz * i as f64 / 16_000.0).sin() as f32;
            let audio = AudioBuffer::mono(rate, (0..16_000).map(at).collect());
            front_end.process(&audio).unwrap()
        };
        let (mut low, high) = (tone(880.0), tone(880.0 * (2.0f64 / 12.0).exp2()));
        let loudest = |map: &crate::FeatureMap| {
            let row = map.data.slice(ndarray::s![0, 15, ..]).to_vec();
            (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap()
        };
        assert_ne!(loudest(&low), loudest(&high));
        let transposition = Transposition::new(&low.axis, 200.0).unwrap();
        transposition.apply(low.data.as_slice_mut().unwrap());
        assert!(loudest(&low).abs_diff(loudest(&high)) <= 1);
    }

    #[test]
    fn bins_without_a_frequency_and_cents_that_are_none_are_refused() {
        let chroma = BinAxis::Chroma { bins: 12 };
        assert!(matches!(Transposition::new(&chroma, 100.0), Err(Error::TooShort { .. })));
        assert!(matches!(Transposition::new(&axis(), f64::NAN), Err(Error::OutOfRange { .. })));
    }
}
