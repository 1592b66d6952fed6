//! Every feature by its name.

mod pitch;
mod rhythm;
mod spectral;

use std::fmt::Write as _;

use mir_features::{BinAxis, FeatureMap, Result};
use ndarray::{Array2, ArrayView2, Axis, stack};

use crate::{
    common::{
        config,
        failure::{Failure, Outcome},
    },
    request::Input,
    result::Output,
};

/// A feature that can be asked for.
#[derive(Debug)]
pub struct Feature {
    pub name: &'static str,
    /// Published settings.
    pub presets: &'static [&'static str],
    pub about: &'static str,
    /// Computes it for a recording.
    pub compute: fn(&Input<'_>) -> Outcome<Output>,
}

/// All features.
pub fn all() -> impl Iterator<Item = &'static Feature> {
    [spectral::FEATURES, pitch::FEATURES, rhythm::FEATURES].into_iter().flatten()
}

/// A feature by its name, with `-` or `_`.
///
/// # Errors
/// A usage failure with the nearest name.
pub fn find(name: &str) -> Outcome<&'static Feature> {
    let wanted = name.replace('_', "-");
    all().find(|feature| feature.name == wanted).ok_or_else(|| {
        let hint = config::closest(&wanted, all().map(|feature| feature.name));
        let hint = hint.map_or(String::new(), |name| format!("did you mean '{name}'? "));
        Failure::usage(format!("--feature {name}: no such feature; {hint}--list names all"))
    })
}

/// Names, presets and descriptions as a table.
pub fn list() -> String {
    let mut text = String::new();
    for Feature { name, presets, about, .. } in all() {
        let _ = writeln!(text, "{name:<20} {about}");
        if !presets.is_empty() {
            let _ = writeln!(text, "{:<20}   presets: {}", "", presets.join(", "));
        }
    }
    text
}

impl Feature {
    /// Checks the name of a preset.
    ///
    /// # Errors
    /// A usage failure that names those of this feature.
    pub fn check_preset(&self, preset: &str) -> Outcome<()> {
        if self.presets.contains(&preset) {
            return Ok(());
        }
        let (name, known) = (self.name, self.presets.join(", "));
        let known = if known.is_empty() { "none".to_owned() } else { known };
        Err(Failure::usage(format!("--preset {preset}: presets of {name} are: {known}")))
    }
}

/// A map whose channels are computed one by one.
fn by_channel(
    map: &FeatureMap,
    axis: impl FnOnce(usize) -> BinAxis,
    compute: impl Fn(ArrayView2<'_, f32>) -> Result<Array2<f32>>,
) -> Result<FeatureMap> {
    let channels = map.data.outer_iter().map(compute).collect::<Result<Vec<_>>>()?;
    let views: Vec<_> = channels.iter().map(|channel| channel.view()).collect();
    let data = stack(Axis(0), &views).unwrap_or_default();
    Ok(FeatureMap { grid: map.grid, axis: axis(data.dim().2), data })
}

/// Bins that have no frequency.
fn values(name: &str) -> impl FnOnce(usize) -> BinAxis {
    move |bins| BinAxis::Values { name: name.to_owned(), bins }
}
