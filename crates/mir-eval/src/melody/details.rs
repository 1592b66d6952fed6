//! More scores of a melody than the usual five.

use serde::{Deserialize, Serialize};

use super::{MelodyFrames, has_pitch, mean_voicing, raw_chroma_accuracy, raw_pitch_accuracy};
use crate::{NamedScores, Result, Side, error::check_length};
use mir_core::Cents;

/// Scores that tell what kind of mistakes a melody has. All but `octave_errors` lie in [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MelodyDetails {
    /// Fraction of the frames whose voicing is right: `(Σ_{v > 0} w + Σ_{v = 0} (1 − w)) / frames`.
    pub voicing_accuracy: f64,
    /// `(raw chroma accuracy · voiced + Σ_{v = 0} (1 − w)) / frames`. Other than in the overall accuracy,
    /// a frame with the right chroma counts even if the estimate calls it unvoiced.
    pub overall_chroma_accuracy: f64,
    /// Raw pitch and chroma accuracy within 25 cents.
    pub within_25_cents: [f64; 2],
    /// Raw pitch and chroma accuracy within 10 cents.
    pub within_10_cents: [f64; 2],
    /// Fraction of the voiced frames, voiced in the estimate too, whose estimate is right or a harmonic
    /// of the reference, up to the second, third and fourth.
    pub raw_harmonic_accuracy: [f64; 3],
    /// Raw chroma minus raw pitch accuracy: how much of the melody is right but for octaves.
    pub octave_errors: f64,
    /// Mean voicing of the estimate over all frames.
    pub voiced_proportion: f64,
}

impl NamedScores for MelodyDetails {
    fn entries(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("Voicing Accuracy", self.voicing_accuracy),
            ("Overall Chroma Accuracy", self.overall_chroma_accuracy),
            ("Raw Pitch Accuracy 25 cent", self.within_25_cents[0]),
            ("Raw Chroma Accuracy 25 cent", self.within_25_cents[1]),
            ("Raw Pitch Accuracy 10 cent", self.within_10_cents[0]),
            ("Raw Chroma Accuracy 10 cent", self.within_10_cents[1]),
            ("Raw 2 Harmonic Accuracy", self.raw_harmonic_accuracy[0]),
            ("Raw 3 Harmonic Accuracy", self.raw_harmonic_accuracy[1]),
            ("Raw 4 Harmonic Accuracy", self.raw_harmonic_accuracy[2]),
            ("Octave Error Rate", self.octave_errors),
            ("Voiced Frames Proportion", self.voiced_proportion),
        ]
    }
}

/// The details of a melody whose sides were brought to one time base by [`align`](super::align).
/// `tolerance` is that of the harmonic and chroma scores, usually 50 cents. A ratio with denominator 0 is
/// 0.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length) if the columns differ in length.
///
/// ```
/// use mir_eval::{Cents, melody::{MelodyFrames, details}};
/// let frames = MelodyFrames {
///     reference_voicing: vec![1.0, 1.0, 0.0],
///     reference_cents: vec![4800.0, 4800.0, 0.0],
///     estimate_voicing: vec![1.0, 1.0, 1.0],
///     estimate_cents: vec![4800.0, 6000.0, 4800.0],
/// };
/// let details = details(&frames, Cents(50.0))?;
/// assert_eq!((details.octave_errors, details.raw_harmonic_accuracy), (0.5, [1.0; 3]));
/// # Ok::<(), mir_eval::Error>(())
/// ```
pub fn details(frames: &MelodyFrames, tolerance: Cents) -> Result<MelodyDetails> {
    let (v, r) = (&frames.reference_voicing, &frames.reference_cents);
    let (w, e) = (&frames.estimate_voicing, &frames.estimate_cents);
    check_length(Side::Reference, "cents", v.len(), r.len())?;
    check_length(Side::Estimate, "voicings", v.len(), w.len())?;
    check_length(Side::Estimate, "cents", v.len(), e.len())?;
    let pitch = |cents| raw_pitch_accuracy(v, r, e, Cents(cents));
    let chroma = |cents| raw_chroma_accuracy(v, r, e, Cents(cents));
    let voiced = v.iter().filter(|&&v| v > 0.0).count() as f64;
    let over = |sum: f64, whole: f64| if whole > 0.0 { sum / whole } else { 0.0 };
    let all = v.len() as f64;
    let heard = mean_voicing(v, w, |v| v > 0.0)?.unwrap_or(0.0) * voiced;
    let silent = (all - voiced) * (1.0 - mean_voicing(v, w, |v| v <= 0.0)?.unwrap_or(0.0));
    let harmonic = |n: f64| {
        let right = (0..v.len()).filter(|&i| {
            // The harmonic nearest to the estimate; one below the reference is none.
            let harmonic = ((e[i] - r[i]) / 1200.0).exp2().round().min(n);
            let distance = (e[i] - r[i] - 1200.0 * harmonic.log2()).abs();
            v[i] > 0.0 && w[i] > 0.0 && has_pitch(r[i], e[i]) && distance < tolerance.0
        });
        over(right.count() as f64, voiced)
    };
    Ok(MelodyDetails {
        voicing_accuracy: over(heard + silent, all),
        overall_chroma_accuracy: over(chroma(tolerance.0)? * voiced + silent, all),
        within_25_cents: [pitch(25.0)?, chroma(25.0)?],
        within_10_cents: [pitch(10.0)?, chroma(10.0)?],
        raw_harmonic_accuracy: [2.0, 3.0, 4.0].map(harmonic),
        octave_errors: chroma(tolerance.0)? - pitch(tolerance.0)?,
        voiced_proportion: over(w.iter().sum(), all),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_mistake_has_its_score() {
        let cents = |hz: f64| super::super::hz_to_cents(hz, 10.0);
        let frames = MelodyFrames {
            reference_voicing: vec![1.0, 1.0, 1.0, 1.0, 0.0],
            reference_cents: [200.0, 200.0, 200.0, 200.0, 0.0].map(cents).to_vec(),
            estimate_voicing: vec![1.0, 1.0, 1.0, 0.0, 0.0],
            // 20 cents high; third harmonic; an octave low; right but unvoiced; nothing.
            estimate_cents: [200.0 * 2f64.powf(20.0 / 1200.0), 600.0, 100.0, 200.0, 0.0]
                .map(cents)
                .to_vec(),
        };
        let d = details(&frames, Cents(50.0)).unwrap();
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b} {d:?}");
        close(d.voicing_accuracy, 0.8);
        close(d.overall_chroma_accuracy, (3.0 + 1.0) / 5.0);
        close(d.within_25_cents[0], 0.5);
        close(d.within_25_cents[1], 0.75);
        close(d.within_10_cents[0], 0.25);
        close(d.within_10_cents[1], 0.5);
        for (accuracy, expected) in d.raw_harmonic_accuracy.into_iter().zip([0.25, 0.5, 0.5]) {
            close(accuracy, expected);
        }
        close(d.octave_errors, 0.25);
        close(d.voiced_proportion, 0.6);
        let empty = details(&MelodyFrames::default(), Cents(50.0)).unwrap();
        assert_eq!(empty, MelodyDetails::default());
    }
}
