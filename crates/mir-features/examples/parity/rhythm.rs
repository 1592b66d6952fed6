//! Onsets, tempo, beats: from audio, or from a curve of onset strength, `[frames, 1]`.

use mir_features::{
    BeatTracker, FeatureMap, FourierTempogram, FourierTempogramConfig, FrameGrid, OnsetDetector,
    OnsetStrength, OnsetStrengthConfig, PeakPicker, PredominantPulse, SampleRate, TempoEstimator,
    Tempogram, TempogramConfig,
};
use ndarray::{ArrayD, Axis};
use serde::Deserialize;

use crate::{Input, Result, list, pairs};

/// A tempogram of a curve at a frame rate.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfCurve<C> {
    sample_rate: SampleRate,
    hop: u32,
    tempogram: C,
}

pub(crate) fn compute(feature: &str, input: &Input) -> Result<Option<ArrayD<f32>>> {
    Ok(Some(match feature {
        "onset_strength" => {
            let strength = OnsetStrength::new(input.config::<OnsetStrengthConfig>()?)?;
            let audio = input.audio(strength.config().log_mel.sample_rate)?;
            strength.process(&audio)?.data.into_dyn()
        }
        "onsets" => {
            let detector = OnsetDetector::new(input.config()?)?;
            let frames = detector.frames(&curve(input, &detector.config().strength)?).remove(0);
            list(frames.into_iter().map(|frame| frame as f64))
        }
        "peaks" => {
            let curve: Vec<f32> = input.data.iter().copied().collect();
            list(PeakPicker::new(input.config()?)?.pick(&curve).into_iter().map(|n| n as f64))
        }
        "tempogram" => {
            let OfCurve { sample_rate, hop, tempogram } =
                input.config::<OfCurve<TempogramConfig>>()?;
            let curve = on_grid(input, FrameGrid::new(sample_rate, hop, 0)?)?;
            Tempogram::new(tempogram)?.process(&curve).data.into_dyn()
        }
        "fourier_tempogram" => {
            let OfCurve { sample_rate, hop, tempogram } =
                input.config::<OfCurve<FourierTempogramConfig>>()?;
            let curve = on_grid(input, FrameGrid::new(sample_rate, hop, 0)?)?;
            pairs(&FourierTempogram::new(tempogram)?.process(&curve)?)?
        }
        "tempo" => {
            let tempo = TempoEstimator::new(input.config()?)?;
            list(tempo.from_strength(&curve(input, &tempo.config().strength)?)?)
        }
        "frame_tempo" => {
            let tempo = TempoEstimator::new(input.config()?)?;
            let curve = curve(input, &tempo.config().strength)?;
            list(tempo.frames_from_strength(&curve)?.remove(0))
        }
        "beats" => {
            let tracker = BeatTracker::new(input.config()?)?;
            let curve = curve(input, &tracker.config().tempo.strength)?;
            let track = tracker.from_strength(&curve)?.remove(0);
            list([track.bpm].into_iter().chain(track.frames.iter().map(|&n| n as f64)))
        }
        "pulse" => {
            let pulse = PredominantPulse::new(input.config()?)?;
            pulse.from_strength(&curve(input, &pulse.config().strength)?)?.data.into_dyn()
        }
        _ => return Ok(None),
    }))
}

/// The input as onset strength.
fn curve(input: &Input, strength: &OnsetStrengthConfig) -> Result<FeatureMap> {
    on_grid(input, FrameGrid::new(strength.log_mel.sample_rate, strength.log_mel.hop, 0)?)
}

fn on_grid(input: &Input, grid: FrameGrid) -> Result<FeatureMap> {
    let data = input.map()?.insert_axis(Axis(0));
    let axis = mir_features::BinAxis::Values { name: "onset strength".to_owned(), bins: 1 };
    Ok(FeatureMap { grid, axis, data })
}
