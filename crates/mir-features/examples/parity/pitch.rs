//! Constant-Q transforms, what is made from them, and pitch.

use std::time::Instant;

use mir_features::{
    BinAxis, Cens, CensConfig, ChromaCqt, ChromaCqtConfig, Cqt, CqtConfig, Hcqt, HcqtConfig,
    HybridCqt, InverseCqt, LogFiltered, LogFilteredConfig, PiptrackConfig, PseudoCqt, Pyin,
    PyinConfig, TuningConfig, Yin, YinConfig, estimate_tuning, piptrack, tonnetz,
};
use ndarray::{ArrayD, IxDyn};
use serde::Deserialize;

use crate::{Input, Result, list, pairs};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chroma {
    chroma: ChromaCqtConfig,
    f_min: f64,
    bins_per_octave: f64,
}

pub(crate) fn compute(feature: &str, input: &Input) -> Result<Option<ArrayD<f32>>> {
    Ok(Some(match feature {
        "cqt" => {
            let cqt = Cqt::new(input.config()?)?;
            pairs(&cqt.spectrum(&input.audio(cqt.config().sample_rate)?)?)?
        }
        "cqt_magnitudes" => {
            let cqt = Cqt::new(input.config::<CqtConfig>()?)?;
            let audio = input.audio(cqt.config().sample_rate)?;
            let start = Instant::now();
            let map = cqt.process(&audio)?;
            input.seconds.set(Some(start.elapsed().as_secs_f64()));
            map.data.into_dyn()
        }
        "hcqt" => {
            let hcqt = Hcqt::new(input.config::<HcqtConfig>()?)?;
            let audio = input.audio(hcqt.config().cqt.sample_rate)?;
            let start = Instant::now();
            let map = hcqt.process(&audio)?;
            input.seconds.set(Some(start.elapsed().as_secs_f64()));
            map.data.into_dyn()
        }
        "pseudo_cqt" => {
            let cqt = PseudoCqt::new(input.config()?)?;
            cqt.process(&input.audio(cqt.config().sample_rate)?)?.data.into_dyn()
        }
        "hybrid_cqt" => {
            let cqt = HybridCqt::new(input.config()?)?;
            cqt.process(&input.audio(cqt.config().sample_rate)?)?.data.into_dyn()
        }
        "icqt" => {
            // There and back: the input is audio.
            let config = input.config::<CqtConfig>()?;
            let audio = input.audio(config.sample_rate)?;
            let spectrum = Cqt::new(config.clone())?.spectrum(&audio)?;
            let again = InverseCqt::new(config)?.process(&spectrum, audio.len())?;
            list(again.channel(0).iter().map(|&x| f64::from(x)))
        }
        "log_filtered" => {
            let filtered = LogFiltered::new(input.config::<LogFilteredConfig>()?)?;
            filtered.process(&input.audio(filtered.config().sample_rate)?)?.data.into_dyn()
        }
        "yin" => {
            let yin = Yin::new(input.config::<YinConfig>()?)?;
            list(yin.process(&input.audio(yin.config().sample_rate)?)?.remove(0))
        }
        "pyin" => {
            let pyin = Pyin::new(input.config::<PyinConfig>()?)?;
            let track = pyin.process(&input.audio(pyin.config().yin.sample_rate)?)?.remove(0);
            let voiced = track.voiced.iter().map(|&voiced| f64::from(u8::from(voiced)));
            let rows = track.f0.iter().copied().zip(voiced).zip(&track.voiced_probability);
            let values = rows.flat_map(|((hz, voiced), &p)| [hz as f32, voiced as f32, p as f32]);
            ArrayD::from_shape_vec(IxDyn(&[track.f0.len(), 3]), values.collect())?
        }
        "chroma_cqt" => {
            let Chroma { chroma, f_min, bins_per_octave } = input.config()?;
            let map = input.map()?;
            let axis = BinAxis::LogHz { f_min, bins_per_octave, bins: map.ncols() };
            ChromaCqt::new(chroma, &axis)?.process(&map)?.into_dyn()
        }
        "cens" => Cens::new(input.config::<CensConfig>()?)?.process(&input.map()?).into_dyn(),
        "tonnetz" => tonnetz(&input.map()?)?.into_dyn(),
        "piptrack" => {
            let peaks = piptrack(&input.map()?, &input.config::<PiptrackConfig>()?)?;
            let rows = peaks
                .iter()
                .flat_map(|p| [p.frame as f32, p.bin as f32, p.hz as f32, p.magnitude as f32]);
            ArrayD::from_shape_vec(IxDyn(&[peaks.len(), 4]), rows.collect())?
        }
        "tuning" => list([estimate_tuning(&input.map()?, &input.config::<TuningConfig>()?)?]),
        _ => return Ok(None),
    }))
}
