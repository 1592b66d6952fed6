//! A recording heard in several keys.
//!
//! A network is not equally good at every key of the piano: it has heard one more often than its neighbour, and a
//! partial lies on the edge of a mel band here and in its middle there. A semitone higher, the same notes meet other
//! weights. Averaging over what a network says of varied inputs is known as test-time augmentation.

use mir_features::{FrontEndConfig, Transposition};
use ndarray::{Array1, Array2, ArrayView2, ArrayView3, Axis, s};

use crate::{Error, Result};

/// The keys: that of the recording, and others.
#[derive(Debug)]
pub(super) struct Keys {
    /// Semitones, and how to move features by as many.
    others: Vec<(i32, Transposition)>,
}

impl Keys {
    /// That of the recording, and those some semitones above it.
    pub(super) fn new(front_end: &FrontEndConfig, transpositions: &[i32]) -> Result<Self> {
        for (index, &semitones) in transpositions.iter().enumerate() {
            if semitones == 0
                || !(-12..=12).contains(&semitones)
                || transpositions[..index].contains(&semitones)
            {
                let expected = "semitones within ±12, each once, 0 being heard anyway";
                return Err(Error::config("transpositions", expected, semitones));
            }
        }
        if transpositions.is_empty() {
            return Ok(Self { others: Vec::new() });
        }
        let axis = front_end.build()?.axis();
        let plan =
            |&semitones| Ok((semitones, Transposition::new(&axis, 100.0 * f64::from(semitones))?));
        Ok(Self { others: transpositions.iter().map(plan).collect::<Result<_>>()? })
    }

    /// How often the network hears everything.
    pub(super) fn passes(&self) -> usize {
        1 + self.others.len()
    }

    /// Appends features `[frames, bins]` in every key, `[passes, frames, bins]`, row after row.
    pub(super) fn append(&self, features: ArrayView2<'_, f32>, all: &mut Vec<f32>) {
        let first = all.len();
        all.extend(features);
        for (_, transposition) in &self.others {
            let start = all.len();
            all.extend_from_within(first..first + features.len());
            transposition.apply(&mut all[start..]);
        }
    }

    /// What was said in every key, `[passes, frames, keys]`, as a mean `[frames, keys]` in that of the recording. A
    /// key that lies beyond the keyboard in one of them is left to the others.
    pub(super) fn united(&self, said: ArrayView3<'_, f32>) -> Array2<f32> {
        let keys = said.dim().2;
        let mut sum = said.index_axis(Axis(0), 0).to_owned();
        if self.others.is_empty() {
            return sum;
        }
        let mut passes = Array1::<f32>::ones(keys);
        for ((semitones, _), said) in self.others.iter().zip(said.outer_iter().skip(1)) {
            let distance = semitones.unsigned_abs() as usize;
            let both = keys.saturating_sub(distance);
            // Where a key of the recording is, and where it was heard.
            let (mut here, mut there) = (0..both, distance.min(keys)..keys);
            if *semitones < 0 {
                std::mem::swap(&mut here, &mut there);
            }
            passes.slice_mut(s![here.clone()]).mapv_inplace(|n| n + 1.0);
            let mut sum = sum.slice_mut(s![.., here]);
            sum += &said.slice(s![.., there]);
        }
        sum / &passes
    }
}

#[cfg(test)]
mod tests {
    use mir_features::LogMelConfig;
    use ndarray::Array3;

    use super::*;

    fn keys(transpositions: &[i32]) -> Result<Keys> {
        Keys::new(&FrontEndConfig::LogMel(LogMelConfig::jongwook()), transpositions)
    }

    #[test]
    fn what_is_said_of_other_keys_is_moved_back() {
        let keys = keys(&[2, -1]).unwrap();
        // A note at key 3 of 6: heard at 5 two semitones higher, at 2 one lower.
        let mut said = Array3::zeros((3, 1, 6));
        (said[[0, 0, 3]], said[[1, 0, 5]], said[[2, 0, 2]]) = (0.9, 0.6, 0.3);
        // One at the upper end, which only the lower key has room for.
        (said[[0, 0, 5]], said[[2, 0, 4]]) = (0.8, 0.4);
        let united = keys.united(said.view());
        for (key, expected) in [0.0, 0.0, 0.0, 0.6, 0.0, 0.6].into_iter().enumerate() {
            assert!((united[[0, key]] - expected).abs() < 1e-6, "{united}");
        }
    }

    #[test]
    fn the_recording_itself_is_as_it_is() {
        let features = Array2::from_shape_fn((3, 229), |(t, bin)| (t + bin) as f32);
        for transpositions in [&[][..], &[1, -1]] {
            let keys = keys(transpositions).unwrap();
            let mut all = vec![7.0];
            keys.append(features.view(), &mut all);
            assert_eq!(all.len(), 1 + keys.passes() * features.len());
            assert!(features.iter().eq(&all[1..=features.len()]));
        }
        let said = Array3::from_shape_fn((1, 4, 88), |(_, t, key)| (t * 88 + key) as f32);
        assert_eq!(keys(&[]).unwrap().united(said.view()), said.index_axis(Axis(0), 0));
    }

    #[test]
    fn a_keyboard_smaller_than_the_distance_hears_itself_alone() {
        let said = Array3::from_shape_fn((3, 1, 4), |(pass, _, _)| pass as f32);
        assert!(
            keys(&[12, -12]).unwrap().united(said.view()).iter().all(|&value| value.abs() < 1e-9)
        );
    }

    #[test]
    fn keys_that_make_no_sense_are_refused() {
        for wrong in [&[0][..], &[13], &[-13], &[1, 1]] {
            let error = keys(wrong).unwrap_err().to_string();
            assert!(error.contains("transpositions"), "{error}");
        }
    }
}
