//! Tempo estimation: were the two tempi found at which listeners tap along?
//!
//! # Criterion
//! Listeners tap at two tempi, and a weight in [0, 1] says which share of them taps at the first. A
//! reference tempo is hit if an estimated tempo lies within `tolerance` (8 %, inclusive) of it. The
//! P-score is the weight of what was hit. A reference tempo of 0 does not exist and is never hit.
//!
//! Source: McKinney et al., "Evaluation of audio beat tracking and music tempo extraction algorithms",
//! Journal of New Music Research 36, 2007; MIREX, Audio Tempo Estimation.
//!
//! # Differences from mir_eval
//! Values agree with `mir_eval.tempo` 0.8.2.
//!
//! ```
//! use mir_eval::tempo::{ReferenceTempo, TempoConfig, evaluate};
//! let reference = ReferenceTempo::new([60.0, 120.0], 0.25)?;
//! let scores = evaluate(&reference, [120.0, 180.0], &TempoConfig::default())?;
//! assert_eq!((scores.p_score, scores.one_correct, scores.both_correct), (0.75, true, false));
//! # Ok::<(), mir_eval::Error>(())
//! ```

use serde::{Deserialize, Serialize};

use crate::{Error, NamedScores, Result, Side};

/// Tolerance of the tempo metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TempoConfig {
    /// Largest difference as a fraction of the reference tempo, in [0, 1].
    pub tolerance: f64,
}

impl Default for TempoConfig {
    fn default() -> Self {
        Self { tolerance: 0.08 }
    }
}

/// Two tempi and the weight of the first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReferenceTempo {
    tempi: [f64; 2],
    weight: f64,
}

impl ReferenceTempo {
    /// From two tempi in beats per minute, at least one of them above 0, and the weight of the first.
    ///
    /// # Errors
    /// [`Error::Entry`] for a tempo that is negative or not finite, two tempi of 0, or a weight outside
    /// [0, 1].
    pub fn new(tempi: [f64; 2], weight: f64) -> Result<Self> {
        let side = Side::Reference;
        check_tempi(side, tempi)?;
        if tempi.iter().all(|&tempo| tempo <= 0.0) {
            let expected = "at least one tempo above 0";
            return Err(Error::Entry {
                side,
                series: "tempo",
                index: 1,
                expected,
                actual: tempi[1],
            });
        }
        if !(0.0..=1.0).contains(&weight) {
            let expected = "0 to 1";
            return Err(Error::Entry {
                side,
                series: "weight",
                index: 0,
                expected,
                actual: weight,
            });
        }
        Ok(Self { tempi, weight })
    }

    /// The tempi, beats per minute.
    pub const fn tempi(&self) -> [f64; 2] {
        self.tempi
    }

    /// The weight of the first tempo.
    pub const fn weight(&self) -> f64 {
        self.weight
    }
}

/// All scores of one tempo estimate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TempoScores {
    /// Weight of the reference tempi that were hit, in [0, 1].
    pub p_score: f64,
    /// At least one reference tempo was hit.
    pub one_correct: bool,
    /// Both reference tempi were hit.
    pub both_correct: bool,
}

impl NamedScores for TempoScores {
    fn entries(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("P-score", self.p_score),
            ("One-correct", f64::from(self.one_correct)),
            ("Both-correct", f64::from(self.both_correct)),
        ]
    }
}

/// All scores of two estimated tempi, beats per minute.
///
/// # Errors
/// [`Error::Config`] for a tolerance outside [0, 1]; [`Error::Entry`] for a tempo that is negative or not
/// finite.
pub fn evaluate(
    reference: &ReferenceTempo,
    estimate: [f64; 2],
    config: &TempoConfig,
) -> Result<TempoScores> {
    let tolerance = config.tolerance;
    if !(0.0..=1.0).contains(&tolerance) {
        let (field, expected) = ("tolerance", "0 to 1");
        return Err(Error::Config { field, expected, actual: tolerance });
    }
    check_tempi(Side::Estimate, estimate)?;
    let hits = reference.tempi.map(|tempo| {
        tempo > 0.0 && estimate.iter().any(|e| (tempo - e).abs() / tempo <= tolerance)
    });
    let [first, second] = hits.map(f64::from);
    Ok(TempoScores {
        p_score: reference.weight * first + (1.0 - reference.weight) * second,
        one_correct: hits[0] || hits[1],
        both_correct: hits[0] && hits[1],
    })
}

fn check_tempi(side: Side, tempi: [f64; 2]) -> Result<()> {
    match tempi.iter().position(|tempo| !(tempo.is_finite() && *tempo >= 0.0)) {
        None => Ok(()),
        Some(index) => Err(Error::Entry {
            side,
            series: "tempo",
            index,
            expected: "beats per minute, finite and at least 0",
            actual: tempi[index],
        }),
    }
}
