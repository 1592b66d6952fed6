//! Values of a few classes side by side.

use crate::{Error, Result};

use super::{
    Figure,
    axis::{Axes, LegendEntry, extent, square},
    check_range, check_size,
    scene::{Color, Rect, Scene},
};

/// What a bar chart shows and how large.
#[derive(Clone, Debug, PartialEq)]
pub struct BarsPlot {
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// Title; may be empty.
    pub title: String,
    /// What the classes are, with their unit.
    pub x_label: String,
    /// Name of the values, with their unit.
    pub y_label: String,
    /// Ends of the vertical axis; `None` takes 0 and the largest value.
    pub y_range: Option<(f64, f64)>,
}

impl Default for BarsPlot {
    fn default() -> Self {
        Self {
            size: (800, 300),
            title: String::new(),
            x_label: String::new(),
            y_label: String::new(),
            y_range: None,
        }
    }
}

/// One value for each class.
#[derive(Clone, Debug, PartialEq)]
pub struct BarSeries {
    /// Name in the legend.
    pub name: String,
    /// The values; `None`, or one that is not finite, leaves a gap.
    pub values: Vec<Option<f64>>,
}

/// Colours in the order of use; after the last the first comes again.
const COLORS: [Color; 5] = [Color::BLUE, Color::SKY, Color::ORANGE, Color::GREEN, Color::PURPLE];

/// Draws bars that stand on the lower end of the axis, those of one class next to each other, with a legend if
/// there is more than one series.
///
/// # Errors
/// [`Error::Config`] for a size or range that is not admissible; [`Error::TableRow`] unless every series has a
/// value for each class.
pub fn bars(classes: &[String], series: &[BarSeries], plot: &BarsPlot) -> Result<Figure> {
    check_size(plot.size)?;
    for series in series {
        let (expected, actual) = (classes.len(), series.values.len());
        if expected != actual {
            return Err(Error::TableRow { row: series.name.clone(), expected, actual });
        }
    }
    let largest = || {
        let values = series.iter().flat_map(|s| &s.values).filter_map(|v| *v);
        (0.0, extent(values.chain([0.0]), 0.05).1)
    };
    let y = plot.y_range.unwrap_or_else(largest);
    check_range("y_range", y)?;
    let mut scene = Scene::new(plot.size);
    let color = |index: usize| COLORS[index % COLORS.len()];
    let signs: Vec<_> = (0..series.len()).map(|i| square(color(i))).collect();
    let named = if series.len() > 1 { series } else { &[] };
    let legend: Vec<LegendEntry<'_>> = (named.iter().zip(&signs))
        .map(|(series, sign)| (sign as &dyn Fn(&mut Scene, Rect), series.name.clone()))
        .collect();
    let middle = |i: usize| i as f64 + 0.5;
    let axes = Axes {
        title: &plot.title,
        x_label: &plot.x_label,
        y_label: &plot.y_label,
        x: (0.0, classes.len().max(1) as f64),
        y,
        x_names: Some(classes.iter().enumerate().map(|(i, c)| (middle(i), c.clone())).collect()),
        right: 16.0,
        ..Axes::default()
    };
    let area = scene.area();
    let diagram = axes.open(&mut scene, area, &legend);
    let panel = diagram.panel;
    diagram.y_ticks.iter().for_each(|(y, _)| panel.horizontal(&mut scene, *y, Color::GRID));
    let place = panel.rect.width / classes.len().max(1) as f64;
    let width = 0.8 * place / series.len().max(1) as f64;
    for (index, series) in series.iter().enumerate() {
        for (class, value) in series.values.iter().enumerate() {
            let Some(value) = value.filter(|v| v.is_finite()) else { continue };
            let top = panel.y_at(value);
            let bar = Rect {
                x: panel.rect.x + (class as f64 + 0.1) * place + index as f64 * width,
                y: top,
                width: 0.94 * width,
                height: panel.rect.bottom() - top,
            };
            if let Some(bar) = bar.clipped(&panel.rect) {
                scene.fill(bar, color(index));
            }
        }
    }
    diagram.close(&mut scene);
    Ok(Figure { scene })
}
