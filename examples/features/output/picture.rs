//! The first channel of an array as a picture.

use std::path::Path;

use mir_eval::plots::{CurvesPlot, Figure, MatrixPlot, Series, curves, matrix};
use mir_features::{BinAxis, FeatureMap, SpectrumPower};
use ndarray::Axis;

use crate::{
    common::failure::{Failure, Outcome},
    result::{Data, Part},
};

/// Frequencies that an axis may name, Hz.
const ROUND_HZ: [f64; 11] =
    [16.0, 31.0, 62.0, 125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16_000.0];

/// Tempi that an axis may name, beats per minute.
const ROUND_BPM: [f64; 6] = [240.0, 120.0, 80.0, 60.0, 40.0, 30.0];

/// Names of the pitch classes.
const CLASSES: [&str; 12] = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];

/// Draws a map over seconds and Hz, a curve over seconds, or marks at times.
///
/// # Errors
/// A data failure where there is nothing to draw.
pub fn draw(path: &Path, part: &Part) -> Outcome<Figure> {
    let file = path.file_stem().unwrap_or_default().to_string_lossy();
    let title = format!("{file}: {}", part.name.replace('_', " "));
    match &part.data {
        Data::Map(map) if map.bins() == 1 => curve(map, title),
        Data::Map(map) => heat_map(map, title, ""),
        Data::Complex(spectrum) => {
            let mut map = spectrum.magnitude(SpectrumPower::Magnitude);
            map.data.mapv_inplace(|x| 20.0 * x.max(1e-6).log10());
            heat_map(&map, title, "dB")
        }
        Data::List { values, unit } => marks(values, unit, title),
    }
}

fn heat_map(map: &FeatureMap, mut title: String, unit: &str) -> Outcome<Figure> {
    if map.frames() == 0 || map.channels() == 0 {
        return Err(Failure::data("the recording is too short for a single frame"));
    }
    if map.channels() > 1 {
        title += &format!(" (channel 1 of {})", map.channels());
    }
    let end = map.grid.time_of(map.frames() - 1) + map.grid.period();
    let vertical = Vertical::of(&map.axis);
    let plot = MatrixPlot {
        title,
        x_label: "time (s)".to_owned(),
        x_range: Some((map.grid.time_of(0), end)),
        y_label: vertical.label,
        y_range: vertical.range,
        y_ticks: vertical.ticks,
        value_label: unit.to_owned(),
        ..MatrixPlot::default()
    };
    Ok(matrix(&map.data.index_axis(Axis(0), 0), &plot)?)
}

/// The vertical axis of a heat map.
#[derive(Default)]
struct Vertical {
    label: String,
    range: Option<(f64, f64)>,
    ticks: Option<Vec<(f64, String)>>,
}

impl Vertical {
    fn named(label: &str) -> Self {
        Self { label: label.to_owned(), ..Self::default() }
    }

    fn of(axis: &BinAxis) -> Self {
        match axis {
            BinAxis::Linear { hz_per_bin, bins } => {
                let range = (-0.5 * hz_per_bin, (*bins as f64 - 0.5) * hz_per_bin);
                Self { range: Some(range), ..Self::named("frequency (Hz)") }
            }
            BinAxis::Mel { .. } | BinAxis::LogHz { .. } => {
                let place = |hz: &f64| Some((place(axis, *hz)?, format!("{hz}")));
                let ticks = spaced(ROUND_HZ.iter().filter_map(place), axis.len());
                Self { ticks: Some(ticks), ..Self::named("frequency (Hz)") }
            }
            BinAxis::Chroma { bins } => {
                let place = |i: usize| i as f64 * *bins as f64 / 12.0 + 0.5;
                let ticks =
                    CLASSES.iter().enumerate().map(|(i, name)| (place(i), (*name).to_owned()));
                Self { ticks: Some(ticks.collect()), ..Self::named("pitch class") }
            }
            BinAxis::Tempo { bpm } => {
                let place = |wanted: &f64| {
                    let between = |w: &[f64]| (w[0] - wanted) * (w[1] - wanted) <= 0.0;
                    Some((bpm.windows(2).position(between)? as f64 + 0.5, format!("{wanted}")))
                };
                let ticks = spaced(ROUND_BPM.iter().filter_map(place), bpm.len());
                Self { ticks: Some(ticks), ..Self::named("tempo (bpm)") }
            }
            BinAxis::Values { name, .. } => Self::named(name),
            _ => Self::named("bin"),
        }
    }
}

/// Of the ticks of so many bins those that leave room for each other's texts, from above.
fn spaced(ticks: impl Iterator<Item = (f64, String)>, bins: usize) -> Vec<(f64, String)> {
    let mut ticks: Vec<_> = ticks.collect();
    ticks.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut last = f64::INFINITY;
    ticks.retain(|(place, _)| {
        let keep = last - place >= 0.05 * bins as f64;
        last = if keep { *place } else { last };
        keep
    });
    ticks
}

/// Where between the bins a frequency lies; `None` outside.
fn place(axis: &BinAxis, hz: f64) -> Option<f64> {
    let mut pairs = (1..axis.len()).filter_map(|bin| Some((bin, axis.hz(bin - 1)?, axis.hz(bin)?)));
    let (bin, low, high) = pairs.find(|&(_, low, high)| low <= hz && hz <= high)?;
    Some(bin as f64 - 0.5 + (hz - low) / (high - low))
}

fn curve(map: &FeatureMap, title: String) -> Outcome<Figure> {
    let series = |(channel, values): (usize, ndarray::ArrayView2<'_, f32>)| Series {
        name: format!("channel {}", channel + 1),
        points: (values.iter().enumerate())
            .map(|(frame, &value)| (map.grid.time_of(frame), f64::from(value)))
            .collect(),
    };
    let y_label = match &map.axis {
        BinAxis::Values { name, .. } => name.clone(),
        _ => String::new(),
    };
    let plot =
        CurvesPlot { title, x_label: "time (s)".to_owned(), y_label, ..CurvesPlot::default() };
    let series: Vec<Series> = map.data.outer_iter().enumerate().map(series).collect();
    Ok(curves(&series, &plot)?)
}

/// A line at each time.
fn marks(values: &[f64], unit: &str, title: String) -> Outcome<Figure> {
    if unit != "s" {
        let text = format!("{title} is a number, not a picture; take .npy, .csv or .json");
        return Err(Failure::usage(text));
    }
    let points = values.iter().flat_map(|&time| [(time, 0.0), (time, 1.0), (time, f64::NAN)]);
    let series = Series { name: String::new(), points: points.collect() };
    let plot = CurvesPlot {
        size: (800, 200),
        title,
        x_label: "time (s)".to_owned(),
        x_range: Some((0.0, values.iter().copied().fold(1.0, f64::max))),
        y_range: Some((0.0, 1.0)),
        ..CurvesPlot::default()
    };
    Ok(curves(&[series], &plot)?)
}
