//! What was taken for what.

use ndarray::{Array2, ArrayRef2};

use crate::{Error, Result};

use super::{
    Figure,
    axis::{Axes, Ticks},
    check_size, font,
    matrix::{color, draw_scale, paint},
    scene::{Anchor, Color, Item, Scene, Style},
};

/// What a confusion matrix shows and how large.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfusionPlot {
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// Title; may be empty.
    pub title: String,
    /// Name of the horizontal axis.
    pub reference_label: String,
    /// Name of the vertical axis.
    pub estimate_label: String,
    /// Whether cells show their share of what the reference has of their column, in place of counts.
    pub shares: bool,
}

impl Default for ConfusionPlot {
    fn default() -> Self {
        Self {
            size: (760, 700),
            title: String::new(),
            reference_label: "reference".to_owned(),
            estimate_label: "estimate".to_owned(),
            shares: false,
        }
    }
}

/// Draws counts `[reference, estimate]`: what is there from left to right, what it was taken for from bottom
/// to top, so that right answers lie on the rising diagonal. `labels` name the classes of both axes. Cells
/// that are large enough carry their number, and rows and columns in which nothing lies are left out.
///
/// # Errors
/// [`Error::Config`] for a bad size; [`Error::Shape`] unless the matrix has as many rows and columns as
/// there are labels; [`Error::TooFewValues`] if nothing was counted.
pub fn confusion(
    counts: &ArrayRef2<u64>,
    labels: &[String],
    plot: &ConfusionPlot,
) -> Result<Figure> {
    check_size(plot.size)?;
    let expected = (labels.len(), labels.len());
    if counts.dim() != expected {
        return Err(Error::Shape { expected, actual: counts.dim() });
    }
    let occurs = |i: &usize| counts.row(*i).sum() + counts.column(*i).sum() > 0;
    let classes: Vec<usize> = (0..labels.len()).filter(occurs).collect();
    if classes.is_empty() {
        let statistic = "a confusion matrix";
        return Err(Error::TooFewValues { statistic, expected: 1, actual: 0 });
    }
    let n = classes.len();
    let value = |(r, e): (usize, usize)| {
        let (row, count) = (classes[r], counts[(classes[r], classes[e])]);
        let whole = if plot.shares { counts.row(row).sum().max(1) } else { 1 };
        (count as f64 / whole as f64) as f32
    };
    let values = Array2::from_shape_fn((n, n), value);
    let largest = values.iter().copied().fold(0.0, f32::max);
    let scale = (0.0, if plot.shares { 1.0 } else { f64::from(largest) });

    let mut scene = Scene::new(plot.size);
    let names = |room: f64| -> Ticks {
        let step = (room * n as f64).ceil().max(1.0) as usize;
        let name = |i: usize| (i as f64 + 0.5, labels[classes[i]].clone());
        (0..n).step_by(step).map(name).collect()
    };
    let widest = labels.iter().map(|l| font::width(l, Style::Small)).fold(0.0, f64::max);
    let ends = (0.0, n as f64);
    let axes = Axes {
        title: &plot.title,
        x_label: &plot.reference_label,
        y_label: &plot.estimate_label,
        x: ends,
        y: ends,
        x_names: Some(names((widest + 10.0) / (f64::from(plot.size.0) - 180.0))),
        y_names: Some(names(14.0 / (f64::from(plot.size.1) - 100.0))),
        right: 92.0,
        numbers: 0.0,
    };
    let area = scene.area();
    let diagram = axes.open(&mut scene, area, &[]);
    let panel = diagram.panel;
    paint(&mut scene, &panel.rect, &values, scale);
    let cell = (panel.rect.width / n as f64, panel.rect.height / n as f64);
    let text = |value: f32| if plot.shares { format!("{value:.2}") } else { format!("{value}") };
    // All numbers or none: a number here and there would look as if the other cells were empty.
    let widths = values.iter().map(|&value| font::width(&text(value), Style::Small));
    let written = cell.1 >= 16.0 && widths.fold(0.0, f64::max) + 4.0 <= cell.0;
    for ((r, e), &value) in values.indexed_iter() {
        if !written || value <= 0.0 {
            continue;
        }
        let Color(background) = color(f64::from(value) / scale.1);
        let bright = background.iter().map(|&c| u32::from(c)).sum::<u32>() > 380;
        scene.items.push(Item::Text {
            x: panel.x_at(r as f64 + 0.5),
            y: panel.y_at(e as f64 + 0.5) + 4.0,
            text: text(value),
            style: Style::Small,
            anchor: Anchor::Middle,
            upward: false,
            color: if bright { Color::TEXT } else { Color::WHITE },
        });
    }
    diagram.close(&mut scene);
    draw_scale(&mut scene, &panel, scale, if plot.shares { "share" } else { "count" });
    Ok(Figure { scene })
}

/// Counts `[reference, estimate]` of pitches that were rounded to keys, 128 × 128, and the names of the
/// keys (MIDI numbers): input of [`confusion`]. `frames` are pairs (reference, estimate) of fractional MIDI
/// numbers, of frames in which both have a pitch; pairs outside 0 to 127 are left out.
pub fn pitch_confusion(frames: &[(f64, f64)]) -> (Array2<u64>, Vec<String>) {
    let mut counts = Array2::zeros((128, 128));
    for (reference, estimate) in frames {
        let (r, e) = (reference.round(), estimate.round());
        if (0.0..128.0).contains(&r) && (0.0..128.0).contains(&e) {
            counts[(r as usize, e as usize)] += 1;
        }
    }
    (counts, (0..128).map(|key| key.to_string()).collect())
}
