//! Thresholds and options of the note decoder.

use mir_core::RollRule;
use serde::{Deserialize, Serialize};

use super::EndModel;
use crate::{Error, Result};

/// Thresholds and options of the note decoder.
///
/// What was added later (`refinement`, `row_shift`, `ends`) is written only where it differs from its default, so that
/// older weight files keep their bytes and their fingerprints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoteDecoderConfig {
    /// A note starts where the onset probability exceeds this, in [0, 1].
    pub onset_threshold: f64,
    /// A note sounds while the frame probability exceeds this, in [0, 1].
    pub frame_threshold: f64,
    /// Onset peaks of one key closer than this many frames become one, at least 1.
    pub merge: usize,
    /// Notes shorter than this are dropped, seconds, at least 0.
    pub min_duration: f64,
    /// Refine onset times below the frame.
    pub refine: bool,
    /// How, if they are refined.
    #[serde(skip_serializing_if = "Refinement::is_default")]
    pub refinement: Refinement,
    /// How many frames after the time of its row an event lies on average, -1 to 1: see
    /// [`row_shift_of`](Self::row_shift_of). Onsets and offsets are dated later by it.
    #[serde(skip_serializing_if = "is_zero")]
    pub row_shift: f64,
    /// When notes end, learned from validation recordings; `None` leaves it to `frame_threshold`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends: Option<EndModel>,
}

impl Default for NoteDecoderConfig {
    fn default() -> Self {
        Self {
            onset_threshold: 0.5,
            frame_threshold: 0.5,
            merge: 2,
            min_duration: 0.0,
            refine: true,
            refinement: Refinement::CentreOfMass,
            row_shift: 0.0,
            ends: None,
        }
    }
}

impl NoteDecoderConfig {
    /// The [`row_shift`](Self::row_shift) of a network that learned labels of a rule.
    ///
    /// [`RollRule::Floor`] puts an event into the frame that contains it, anywhere between its time and that of the
    /// next: half a frame late on average. Labels that are rounded to the nearest frame, or that cover the two
    /// frames around an event, are on time.
    ///
    /// ```
    /// use mir_core::RollRule;
    /// use mir_models::decode::NoteDecoderConfig;
    /// assert_eq!(NoteDecoderConfig::row_shift_of(RollRule::Floor), 0.5);
    /// assert_eq!(NoteDecoderConfig::row_shift_of(RollRule::Round), 0.0);
    /// ```
    pub const fn row_shift_of(rule: RollRule) -> f64 {
        match rule {
            RollRule::Floor | RollRule::OnsetsVelocities => 0.5,
            RollRule::Round | RollRule::Inclusive | RollRule::Magenta => 0.0,
        }
    }

    /// Frames between a frame's arrival and its decision: the look-ahead of the peak picker, or of the ends of notes.
    pub fn delay(&self) -> usize {
        self.merge.max(if self.ends.is_some() { EndModel::LOOK_AHEAD } else { 0 })
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Config`] names the first that is outside its range.
    pub fn validate(&self) -> Result<()> {
        for (field, value) in
            [("onset_threshold", self.onset_threshold), ("frame_threshold", self.frame_threshold)]
        {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::config(field, "0 to 1", value));
            }
        }
        if !(1..=1000).contains(&self.merge) {
            return Err(Error::config("merge", "1 to 1000 frames", self.merge));
        }
        if !(self.min_duration.is_finite() && self.min_duration >= 0.0) {
            return Err(Error::config("min_duration", "at least 0 s", self.min_duration));
        }
        if !(-1.0..=1.0).contains(&self.row_shift) {
            return Err(Error::config("row_shift", "-1 to 1 frames", self.row_shift));
        }
        self.ends.as_ref().map_or(Ok(()), EndModel::validate)
    }
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// Where between two frames does an onset lie, given the probabilities of its peak and the frames beside it?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refinement {
    /// The centre of mass of the three probabilities: `(r − l) / (l + c + r)`.
    #[default]
    CentreOfMass,
    /// The top of the parabola through the logarithms of the three: `(ln l − ln r) / (2·(ln l − 2·ln c + ln r))`, exact
    /// for a peak in the form of a Gaussian. Closer to the truth for networks that learned one frame for an onset:
    /// their peaks are narrow, and the centre of mass of a narrow peak stays near its middle.
    Gaussian,
}

/// Probabilities count as at least this, so that their logarithms are finite.
const LEAST: f64 = 1e-4;

impl Refinement {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// How many frames after the peak, -0.5 to 0.5, for the probabilities before, at and after it, of which the
    /// middle one is the largest. 0 where all are equal.
    pub(super) fn shift(self, around: [f64; 3]) -> f64 {
        let shift = match self {
            Self::CentreOfMass => {
                let [left, centre, right] = around;
                (right - left) / (left + centre + right)
            }
            Self::Gaussian => {
                let [left, centre, right] = around.map(|p| p.max(LEAST).ln());
                0.5 * (left - right) / (left - 2.0 * centre + right)
            }
        };
        if shift.is_finite() { shift.clamp(-0.5, 0.5) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_of_a_gaussian_is_found() {
        let p = |x: f64| 0.9 * (-1.5 * (x - 0.2) * (x - 0.2)).exp();
        let shift = Refinement::Gaussian.shift([p(-1.0), p(0.0), p(1.0)]);
        assert!((shift - 0.2).abs() < 1e-12, "{shift}");
    }

    #[test]
    fn shifts_are_at_most_half_a_frame_and_follow_the_larger_neighbour() {
        for refinement in [Refinement::CentreOfMass, Refinement::Gaussian] {
            for around in [[0.0, 0.9, 0.9], [0.9, 0.9, 0.0], [1.0; 3], [0.0; 3], [0.0, 1.0, 0.1]] {
                let shift = refinement.shift(around);
                assert!(shift.abs() <= 0.5, "{refinement:?} {around:?}: {shift}");
                let slope: f64 = around[2] - around[0];
                assert!(shift * slope >= 0.0, "{refinement:?} {around:?}: {shift}");
            }
            // A peak at the first or the last frame has one neighbour.
            assert!(refinement.shift([0.0, 0.8, 0.4]) > 0.0);
        }
    }

    #[test]
    fn older_descriptions_read_and_write_alike() {
        let old = r#"{"onset_threshold":0.4,"frame_threshold":0.3,"merge":2,"min_duration":0.0,"refine":true}"#;
        let config: NoteDecoderConfig = serde_json::from_str(old).unwrap();
        assert_eq!(serde_json::to_string(&config).unwrap(), old);
        let new = NoteDecoderConfig { refinement: Refinement::Gaussian, row_shift: 0.5, ..config };
        let text = serde_json::to_string(&new).unwrap();
        assert_eq!(serde_json::from_str::<NoteDecoderConfig>(&text).unwrap(), new);
        let bad = NoteDecoderConfig { row_shift: f64::NAN, ..new };
        assert!(matches!(bad.validate(), Err(Error::Config { field: "row_shift", .. })));
    }
}
