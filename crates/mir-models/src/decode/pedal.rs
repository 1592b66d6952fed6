//! The sustain pedal out of what a network says about it (Kong et al., IEEE/ACM TASLP 2021, section III-B).

use mir_core::{Note, PedalSpan};
use serde::{Deserialize, Serialize};

use super::regression::{Peak, peaks};
use crate::{
    Error, Result,
    activations::{PedalActivations, TranscriptionActivations},
};

/// Thresholds of the decoder; those of the published program by default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PedalDecoderConfig {
    /// The pedal is down where its frame probability is at least this, in [0, 1].
    pub frame_threshold: f64,
    /// It goes up at a peak above this, in [0, 1].
    pub offset_threshold: f64,
    /// Frames to either side over which such a peak falls, 1 to 1000.
    pub offset_slope: usize,
    /// Frames after which it counts as up, if its frame probability has dropped and no such peak was found; at
    /// least 1.
    pub patience: usize,
}

impl Default for PedalDecoderConfig {
    fn default() -> Self {
        Self { frame_threshold: 0.5, offset_threshold: 0.2, offset_slope: 4, patience: 10 }
    }
}

impl PedalDecoderConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Config`] names the first that is outside its range.
    pub fn validate(&self) -> Result<()> {
        for (field, value) in
            [("frame_threshold", self.frame_threshold), ("offset_threshold", self.offset_threshold)]
        {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::config(field, "0 to 1", value));
            }
        }
        if !(1..=1000).contains(&self.offset_slope) {
            return Err(Error::config("offset_slope", "1 to 1000 frames", self.offset_slope));
        }
        if self.patience == 0 {
            return Err(Error::config("patience", "at least 1 frame", 0));
        }
        Ok(())
    }
}

/// When the pedal goes down and up, in order of time, apart from each other.
///
/// It goes down in a frame whose probability is at least the threshold and higher than that of the frame before. It
/// goes up at the first offset peak after that, dated between frames; or, where the probability has dropped to the
/// threshold and no peak has come within `patience` frames, where it dropped. A pedal that is down at the end of the
/// recording goes up there: the published program loses it.
///
/// ```
/// # use mir_core::{FrameGrid, SampleRate};
/// # use mir_models::{activations::PedalActivations, decode::{PedalDecoderConfig, decode_pedal}};
/// # use ndarray::Array1;
/// let mut frame = Array1::<f32>::zeros(200);
/// frame.slice_mut(ndarray::s![50..90]).fill(0.9);
/// let grid = FrameGrid::new(SampleRate::HZ_16000, 160, 0)?;
/// let quiet = Array1::zeros(200);
/// let said = PedalActivations { grid, onset: quiet.clone(), offset: quiet, frame };
/// let spans = decode_pedal(&said, &PedalDecoderConfig::default())?;
/// assert_eq!(spans.len(), 1);
/// assert!((spans[0].down - 0.5).abs() < 1e-9 && (spans[0].up - 0.9).abs() < 1e-9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Config`] for an invalid configuration.
pub fn decode_pedal(
    activations: &PedalActivations,
    config: &PedalDecoderConfig,
) -> Result<Vec<PedalSpan>> {
    config.validate()?;
    let frame = activations.frame.view();
    let time = |place: f64| activations.grid.time_of(0) + place * activations.grid.period();
    let is_up = |n: usize| f64::from(frame[n]) <= config.frame_threshold;
    let rises = peaks(activations.offset.view(), config.offset_threshold, config.offset_slope);
    let mut rises = rises.into_iter().peekable();
    let mut spans = Vec::new();
    let mut next = 1;
    while let Some(down) = (next..frame.len())
        .find(|&n| f64::from(frame[n]) >= config.frame_threshold && frame[n] > frame[n - 1])
    {
        while rises.next_if(|peak| peak.frame <= down).is_some() {}
        let rise = rises.peek().copied();
        let dropped = (down + 1..frame.len()).find(|&n| is_up(n));
        let up = match (rise, dropped) {
            (Some(Peak { frame, shift }), None) => (frame, shift),
            // The peak may come a little after the drop.
            (Some(Peak { frame, shift }), Some(dropped)) if frame <= dropped + config.patience => {
                (frame, shift)
            }
            (_, Some(dropped)) => (dropped, 0.0),
            (None, None) => (frame.len() - 1, 0.0),
        };
        let (down_at, up_at) = (time(down as f64), time(up.0 as f64 + up.1));
        if up_at > down_at {
            spans.push(PedalSpan { down: down_at, up: up_at });
        }
        next = up.0 + 1;
    }
    Ok(spans)
}

/// The same of activations of [its key](PedalActivations::into_key), the presses as notes.
///
/// # Errors
/// As [`decode_pedal`]; [`Error::Shape`] for activations of other keys.
pub fn decode_pedal_key(
    activations: &TranscriptionActivations,
    config: &PedalDecoderConfig,
) -> Result<Vec<Note>> {
    let spans = decode_pedal(&PedalActivations::of_key(activations)?, config)?;
    Ok(spans.into_iter().map(PedalSpan::to_note).collect::<mir_core::Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use mir_core::{FrameGrid, SampleRate};
    use ndarray::Array1;
    use proptest::prelude::*;

    use super::*;

    fn silent(frames: usize) -> PedalActivations {
        let grid = FrameGrid::new(SampleRate::HZ_16000, 160, 0).unwrap();
        let zeros = Array1::zeros(frames);
        PedalActivations { grid, onset: zeros.clone(), offset: zeros.clone(), frame: zeros }
    }

    /// Down from frame to frame, with a triangle at its end.
    fn press(said: &mut PedalActivations, down: usize, up: f64) {
        for n in 0..said.frame.len() {
            if n >= down && (n as f64) < up {
                said.frame[n] = 0.9;
            }
            let near = (1.0 - (n as f64 - up).abs() / 5.0).max(0.0) as f32;
            said.offset[n] = said.offset[n].max(near);
        }
    }

    #[test]
    fn pedals_end_between_frames() {
        let mut said = silent(300);
        press(&mut said, 20, 80.3);
        press(&mut said, 100, 180.8);
        let spans = decode_pedal(&said, &PedalDecoderConfig::default()).unwrap();
        assert_eq!(spans.len(), 2);
        for (span, (down, up)) in spans.iter().zip([(0.2, 0.803), (1.0, 1.808)]) {
            assert!((span.down - down).abs() < 1e-9 && (span.up - up).abs() < 1e-4, "{span:?}");
        }
    }

    #[test]
    fn a_pedal_without_a_peak_ends_where_it_drops_and_one_without_an_end_at_the_end() {
        let mut said = silent(300);
        said.frame.slice_mut(ndarray::s![20..50]).fill(0.8);
        press(&mut said, 100, 150.0);
        said.frame.slice_mut(ndarray::s![250..]).fill(0.8);
        let spans = decode_pedal(&said, &PedalDecoderConfig::default()).unwrap();
        let rounded: Vec<_> =
            spans.iter().map(|s| ((100.0 * s.down).round(), (100.0 * s.up).round())).collect();
        assert_eq!(rounded, [(20.0, 50.0), (100.0, 150.0), (250.0, 299.0)]);
    }

    #[test]
    fn bad_settings_are_named() {
        let bad = PedalDecoderConfig { patience: 0, ..Default::default() };
        let refused = decode_pedal(&silent(9), &bad);
        assert!(matches!(refused, Err(Error::Config { field: "patience", .. })));
        assert!(decode_pedal(&silent(0), &PedalDecoderConfig::default()).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn whatever_a_network_says_pedals_follow_each_other(
            values in prop::collection::vec(0.0f32..1.0, 2 * 80), slope in 1usize..5,
        ) {
            let mut said = silent(80);
            for n in 0..80 {
                (said.frame[n], said.offset[n]) = (values[n], values[80 + n]);
            }
            let config = PedalDecoderConfig { offset_slope: slope, ..Default::default() };
            let spans = decode_pedal(&said, &config).unwrap();
            prop_assert!(spans.iter().all(|span| span.up > span.down));
            prop_assert!(spans.windows(2).all(|pair| pair[1].down >= pair[0].up - 0.01));
        }
    }
}
