//! Mixing stems.

use mir_audio::{LoadOptions, mix};
use mir_core::AudioBuffer;

use crate::{Error, Result, Track};

/// The sum of some stems of a track, each times its weight; all of them where `weights` is empty.
///
/// Stems have to agree in rate, channels and length, as those of one recording do; nothing is padded.
///
/// # Errors
/// [`Error::NoStem`] for a name that the track does not have, and where there is nothing to sum; the errors
/// of [`Track::stem`]; [`Error::Audio`] for stems that differ in rate or channels, [`Error::Core`] for those
/// that differ in length.
pub fn mix_stems(
    track: &dyn Track,
    weights: &[(&str, f64)],
    options: &LoadOptions,
) -> Result<AudioBuffer> {
    let all: Vec<(&str, f64)> =
        track.stems().iter().map(|stem| (stem.name.as_str(), 1.0)).collect();
    let chosen = if weights.is_empty() { all.as_slice() } else { weights };
    if chosen.is_empty() {
        return Err(Error::NoStem {
            track: track.id().clone(),
            stem: "to mix".to_owned(),
            available: Vec::new(),
        });
    }
    let parts = chosen
        .iter()
        .map(|(name, weight)| Ok(mix::gain(track.stem(name, options)?, *weight)))
        .collect::<Result<Vec<_>>>()?;
    if let Some(other) = parts.iter().find(|part| part.len() != parts[0].len()) {
        return Err(Error::Core(mir_core::Error::Length {
            field: "stem",
            expected: parts[0].len(),
            actual: other.len(),
        }));
    }
    mix::sum(&parts)
        .map_err(|source| Error::Audio { track: track.id().clone(), source: Box::new(source) })
}
