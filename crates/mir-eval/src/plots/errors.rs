//! How large errors are, and where they happen.

use crate::{Error, Result};

use super::{
    Figure,
    axis::{Axes, Diagram, extent},
    check_range, check_size, font,
    scene::{Color, Rect, Scene, Style},
};

/// What a histogram shows and how large.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramPlot {
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// Title; may be empty.
    pub title: String,
    /// Name of the values, with their unit.
    pub label: String,
    /// Number of bins, 1 to 10 000.
    pub bins: usize,
    /// Ends of the first and the last bin; `None` takes those of the data. Values outside are left out.
    pub range: Option<(f64, f64)>,
}

impl Default for HistogramPlot {
    fn default() -> Self {
        Self { size: (800, 400), title: String::new(), label: String::new(), bins: 50, range: None }
    }
}

/// Draws how often values fall into bins of equal width, such as the timing errors of
/// [`onset_differences`](crate::timing::onset_differences). A line marks 0 and a dashed one the median.
///
/// # Errors
/// [`Error::Config`] for a size, range or number of bins that is not admissible.
pub fn histogram(values: &[f64], plot: &HistogramPlot) -> Result<Figure> {
    check_size(plot.size)?;
    if !(1..=10_000).contains(&plot.bins) {
        let (expected, actual) = ("1 to 10 000", plot.bins as f64);
        return Err(Error::Config { field: "bins", expected, actual });
    }
    let x = plot.range.unwrap_or_else(|| extent(values.iter().copied(), 0.0));
    check_range("range", x)?;
    let counts = count(values, x, plot.bins);
    let mut scene = Scene::new(plot.size);
    let axes = Axes {
        title: &plot.title,
        x_label: &plot.label,
        y_label: "count",
        x,
        y: (0.0, highest(&counts)),
        right: 24.0,
        ..Axes::default()
    };
    let area = scene.area();
    let diagram = axes.open(&mut scene, area, &[]);
    diagram.grid(&mut scene);
    draw_bars(&mut scene, &diagram, &counts, Color::BLUE);
    let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let panel = diagram.panel;
    if x.0 < 0.0 && 0.0 < x.1 {
        panel.vertical(&mut scene, 0.0, Color::TEXT);
    }
    if let Some(summary) = crate::stats::describe(&finite) {
        let place = panel.x_at(summary.median);
        let dashes = (panel.rect.height / 8.0) as usize;
        for dash in (0..dashes).filter(|_| (x.0..=x.1).contains(&summary.median)) {
            let y = panel.rect.y + 8.0 * dash as f64;
            scene.fill(Rect { x: place - 0.75, y, width: 1.5, height: 5.0 }, Color::VERMILLION);
        }
    }
    diagram.close(&mut scene);
    Ok(Figure { scene })
}

/// Draws where framewise pitches go wrong, in two diagrams: above, how often the estimate is off by how
/// many semitones (−24 to 24, right frames left out, so that octaves and fifths stand out); below, for each
/// reference key the share of its frames that are right. `frames` are pairs (reference, estimate) of
/// fractional MIDI numbers, of frames in which both have a pitch; right means closer than half a semitone.
///
/// # Errors
/// [`Error::Config`] for a bad size.
pub fn pitch_errors(frames: &[(f64, f64)], size: (u32, u32), title: &str) -> Result<Figure> {
    check_size(size)?;
    let right = |&(r, e): &(f64, f64)| (e - r).abs() < 0.5;
    let wrong = frames.iter().filter(|frame| !right(frame));
    let errors: Vec<f64> = wrong.map(|(r, e)| e - r).collect();
    let x = (-24.5, 24.5);
    let counts = count(&errors, x, 49);
    let mut scene = Scene::new(size);
    let whole = scene.area();
    let numbers = font::width("00000", Style::Small);
    let upper = Rect { height: 0.5 * whole.height, ..whole };
    let lower = Rect { y: upper.bottom(), height: 0.5 * whole.height, ..whole };
    let octaves = (-8..=8).map(|i| (f64::from(3 * i), (3 * i).to_string())).collect();
    let axes = Axes {
        title,
        x_label: "estimate − reference (semitones)",
        y_label: "frames",
        x,
        y: (0.0, highest(&counts)),
        x_names: Some(octaves),
        right: 24.0,
        numbers,
        ..Axes::default()
    };
    let diagram = axes.open(&mut scene, upper, &[]);
    diagram.grid(&mut scene);
    draw_bars(&mut scene, &diagram, &counts, Color::VERMILLION);
    diagram.close(&mut scene);

    let keys = || frames.iter().map(|(r, _)| r.round()).filter(|r| r.is_finite());
    let (low, high) = keys()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), key| (low.min(key), high.max(key)));
    let (low, high) = if low <= high { (low, high) } else { (60.0, 72.0) };
    // Keys are 0 to 127; whatever else comes is one mistake, not a reason for a million bars.
    let (low, high) = (low.clamp(0.0, 127.0), high.clamp(0.0, 127.0));
    let bars = (high - low) as usize + 1;
    let range = (low - 0.5, high + 0.5);
    let all = count(&keys().collect::<Vec<_>>(), range, bars);
    let found: Vec<f64> = frames.iter().filter(|f| right(f)).map(|(r, _)| r.round()).collect();
    let found = count(&found, range, bars);
    let share = |(&found, &all): (&f64, &f64)| if all > 0.0 { found / all } else { 0.0 };
    let shares: Vec<f64> = found.iter().zip(&all).map(share).collect();
    let axes = Axes {
        x_label: "reference (MIDI number)",
        y_label: "right frames",
        x: range,
        y: (0.0, 1.0),
        right: 24.0,
        numbers,
        ..Axes::default()
    };
    let diagram = axes.open(&mut scene, lower, &[]);
    diagram.grid(&mut scene);
    draw_bars(&mut scene, &diagram, &shares, Color::GREEN);
    diagram.close(&mut scene);
    Ok(Figure { scene })
}

/// How many values lie in each bin; the last one holds its upper end too.
fn count(values: &[f64], (low, high): (f64, f64), bins: usize) -> Vec<f64> {
    let mut counts = vec![0.0; bins];
    for value in values.iter().filter(|v| (low..=high).contains(*v)) {
        let bin = ((value - low) / (high - low) * bins as f64) as usize;
        counts[bin.min(bins - 1)] += 1.0;
    }
    counts
}

/// Upper end of an axis of counts.
fn highest(counts: &[f64]) -> f64 {
    (1.05 * counts.iter().copied().fold(0.0, f64::max)).max(1.0)
}

/// Bars side by side over the whole width.
fn draw_bars(scene: &mut Scene, diagram: &Diagram<'_>, heights: &[f64], color: Color) {
    let panel = &diagram.panel;
    let width = panel.rect.width / heights.len() as f64;
    let gap = if width > 4.0 { 1.0 } else { 0.0 };
    for (index, &value) in heights.iter().enumerate() {
        let top = panel.y_at(value);
        let bar = Rect {
            x: panel.rect.x + index as f64 * width + gap / 2.0,
            y: top,
            width: width - gap,
            height: panel.rect.bottom() - top,
        };
        if let Some(bar) = bar.clipped(&panel.rect) {
            scene.fill(bar, color);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_inside_is_counted_once() {
        let values = [0.0, 0.49, 0.5, 1.0, 1.5, 2.0, 2.01, f64::NAN, -0.1];
        assert_eq!(count(&values, (0.0, 2.0), 4), [2.0, 1.0, 1.0, 2.0]);
        assert_eq!(highest(&[0.0, 0.0]).total_cmp(&1.0), std::cmp::Ordering::Equal);
    }
}
