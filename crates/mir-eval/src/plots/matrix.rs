//! Values over time and bin.

use ndarray::{ArrayRef2, Axis};

use crate::{Error, Result};

use super::{
    Figure,
    axis::{Axes, Panel, extent},
    check_range, check_size, font,
    scene::{Anchor, Color, Item, Rect, Scene, Style},
};

/// What a heat map shows and how large.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixPlot {
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// Title; may be empty.
    pub title: String,
    /// Name of the horizontal axis, with its unit.
    pub x_label: String,
    /// Name of the vertical axis, with its unit.
    pub y_label: String,
    /// Values at the left edge of the first row and the right edge of the last; `None` counts rows.
    pub x_range: Option<(f64, f64)>,
    /// Values at the lower edge of column 0 and the upper edge of the last; `None` counts columns.
    pub y_range: Option<(f64, f64)>,
    /// Places on the vertical axis, in the unit of `y_range`, with their texts: for bins whose frequencies
    /// are not evenly spaced. `None` takes round numbers.
    pub y_ticks: Option<Vec<(f64, String)>>,
    /// Values of the darkest and the brightest colour; `None` takes the smallest and the largest value.
    pub value_range: Option<(f64, f64)>,
    /// Name of the values, with their unit.
    pub value_label: String,
}

impl Default for MatrixPlot {
    fn default() -> Self {
        Self {
            size: (1000, 400),
            title: String::new(),
            x_label: "frame".to_owned(),
            y_label: "bin".to_owned(),
            x_range: None,
            y_range: None,
            y_ticks: None,
            value_range: None,
            value_label: String::new(),
        }
    }
}

/// Every ninth of the viridis map of matplotlib (S. van der Walt, N. Smith, 2015; public domain):
/// equal steps look equal, in grey too.
const VIRIDIS: [[u8; 3]; 10] = [
    [68, 1, 84],
    [72, 40, 120],
    [62, 74, 137],
    [49, 104, 142],
    [38, 130, 142],
    [31, 158, 137],
    [53, 183, 121],
    [110, 206, 88],
    [181, 222, 43],
    [253, 231, 37],
];

/// Colour of a value between 0 and 1; grey for NaN.
pub(super) fn color(fraction: f64) -> Color {
    if fraction.is_nan() {
        return Color([190, 190, 190]);
    }
    let place = fraction.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let index = (place as usize).min(VIRIDIS.len() - 2);
    let part = place - index as f64;
    let mix = |i: usize| {
        let (a, b) = (f64::from(VIRIDIS[index][i]), f64::from(VIRIDIS[index + 1][i]));
        (a + (b - a) * part).round() as u8
    };
    Color([mix(0), mix(1), mix(2)])
}

/// Draws a matrix `[frames, bins]`: frames from left to right, bins from bottom to top, values as
/// colour with a scale beside it. Takes any array or view.
///
/// Where there are more cells than dots, a dot shows the largest of its cells, so that a short event
/// does not vanish. Cells that are not finite are left out of that and of the scale; a dot without any
/// other is grey.
///
/// # Errors
/// [`Error::Config`] for a size or range that is not admissible, [`Error::TooFewValues`] for a matrix
/// without cells.
pub fn matrix(values: &ArrayRef2<f32>, plot: &MatrixPlot) -> Result<Figure> {
    check_size(plot.size)?;
    if values.is_empty() {
        return Err(Error::TooFewValues { statistic: "a heat map", expected: 1, actual: 0 });
    }
    let count = |n: usize| (0.0, n as f64);
    let x = plot.x_range.unwrap_or(count(values.nrows()));
    let y = plot.y_range.unwrap_or(count(values.ncols()));
    let scale = plot.value_range.unwrap_or_else(|| value_extent(values));
    check_range("x_range", x)?;
    check_range("y_range", y)?;
    check_range("value_range", scale)?;

    let mut scene = Scene::new(plot.size);
    let axes = Axes {
        title: &plot.title,
        x_label: &plot.x_label,
        y_label: &plot.y_label,
        x,
        y,
        y_names: plot.y_ticks.clone().map(|mut ticks| {
            ticks.retain(|(place, _)| (y.0..=y.1).contains(place));
            ticks
        }),
        right: 92.0,
        ..Axes::default()
    };
    let area = scene.area();
    let diagram = axes.open(&mut scene, area, &[]);
    paint(&mut scene, &diagram.panel.rect, values, scale);
    diagram.close(&mut scene);
    draw_scale(&mut scene, &diagram.panel, scale, &plot.value_label);
    Ok(Figure { scene })
}

/// Paints the matrix into a rectangle: rows from left to right, columns from bottom to top.
pub(super) fn paint(scene: &mut Scene, to: &Rect, values: &ArrayRef2<f32>, scale: (f64, f64)) {
    let cells =
        pooled(values, (to.width * font::SCALE) as usize, (to.height * font::SCALE) as usize);
    let fraction = |v: f32| (f64::from(v) - scale.0) / (scale.1 - scale.0);
    let colors = cells.columns().into_iter().rev();
    let colors = colors.flat_map(|bin| bin.iter().map(|&v| color(fraction(v))).collect::<Vec<_>>());
    let colors: Vec<Color> = colors.collect();
    scene.items.push(Item::Cells { rect: *to, columns: cells.nrows(), colors });
}

/// Smallest and largest finite value, something above it if there is only one.
pub(super) fn value_extent(values: &ArrayRef2<f32>) -> (f64, f64) {
    let (low, high) = extent(values.iter().copied().map(f64::from), 0.0);
    let least = values.iter().copied().filter(|v| v.is_finite()).fold(f32::INFINITY, f32::min);
    // A constant matrix is all dark.
    (if least.is_finite() { f64::from(least) } else { low }, high)
}

/// The matrix with at most so many rows and columns: largest finite value of each block, NaN without
/// one.
fn pooled(values: &ArrayRef2<f32>, rows: usize, columns: usize) -> ndarray::Array2<f32> {
    let along = |from: &ArrayRef2<f32>, axis: Axis, most: usize| {
        let length = from.len_of(axis);
        let parts = length.min(most.max(1));
        let mut shape = [from.nrows(), from.ncols()];
        shape[axis.index()] = parts;
        let mut out = ndarray::Array2::from_elem(shape, f32::NAN);
        for (index, slice) in from.axis_iter(axis).enumerate() {
            let mut target = out.index_axis_mut(axis, index * parts / length);
            target.zip_mut_with(&slice, |t, &v| {
                if v.is_finite() {
                    // The larger one, and the number of a number and NaN.
                    *t = t.max(v);
                }
            });
        }
        out
    };
    along(&along(values, Axis(0), rows), Axis(1), columns)
}

/// The colour scale right of the panel.
pub(super) fn draw_scale(scene: &mut Scene, panel: &Panel, range: (f64, f64), label: &str) {
    let bar = Panel {
        rect: Rect { x: panel.rect.right() + 16.0, width: 12.0, ..panel.rect },
        x: (0.0, 1.0),
        y: range,
    };
    let steps = 128;
    scene.items.push(Item::Cells {
        rect: bar.rect,
        columns: 1,
        colors: (0..steps).rev().map(|i| color((f64::from(i) + 0.5) / f64::from(steps))).collect(),
    });
    bar.frame(scene);
    for (value, text) in bar.y_ticks() {
        let place = (bar.rect.right() + 5.0, bar.y_at(value) + 4.0);
        scene.text(place, &text, Style::Small, Anchor::Start);
    }
    let middle = bar.rect.y + bar.rect.height / 2.0;
    let label = font::fitted(label, Style::Label, bar.rect.height);
    scene.text_upward((bar.rect.right() + 56.0, middle), &label, Style::Label);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_event_survives_pooling() {
        let mut values = ndarray::Array2::zeros((1000, 90));
        values[(777, 44)] = 1.0;
        values[(3, 3)] = f32::NAN;
        let small = pooled(&values, 100, 30);
        assert_eq!(small.dim(), (100, 30));
        assert!((small[(77, 14)] - 1.0).abs() < 1e-9);
        assert!(small.iter().all(|v| v.is_finite()));
        let nothing = ndarray::Array2::from_elem((4, 4), f32::NAN);
        assert!(pooled(&nothing, 2, 2).iter().all(|v| v.is_nan()));
        assert_eq!(value_extent(&nothing), (0.0, 1.0));
    }

    #[test]
    fn named_places_stand_on_the_axis_if_they_are_in_its_range() {
        let named = |place: f64, text: &str| (place, text.to_owned());
        let plot = MatrixPlot {
            y_ticks: Some(vec![named(2.5, "440"), named(9.0, "1760")]),
            ..MatrixPlot::default()
        };
        let svg = matrix(&ndarray::Array2::eye(4), &plot).unwrap().svg();
        assert!(svg.contains(">440<") && !svg.contains(">1760<"));
    }

    #[test]
    fn colours_run_from_dark_to_bright() {
        let brightness = |c: Color| c.0.iter().map(|&c| u32::from(c)).sum::<u32>();
        assert_eq!(color(-1.0).0, VIRIDIS[0]);
        assert_eq!(color(2.0).0, VIRIDIS[9]);
        assert!((0..9).all(|i| {
            let at = |i: i32| brightness(color(f64::from(i) / 9.0));
            at(i) < at(i + 1)
        }));
    }
}
