//! Scores of many pieces as boxes.

use crate::{Result, stats::quantile};

use super::{
    Figure,
    axis::{Axes, Panel, extent},
    check_range, check_size,
    curves::COLORS,
    scene::{Color, Rect, Scene},
};

/// The values of one system or metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Name left of the box.
    pub name: String,
    /// One value a piece; values that are not finite are left out.
    pub values: Vec<f64>,
}

/// What box plots show and how large.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxPlot {
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// Title; may be empty.
    pub title: String,
    /// Name of the values, with their unit.
    pub label: String,
    /// Ends of the axis; `None` takes those of the data with a margin.
    pub range: Option<(f64, f64)>,
}

impl Default for BoxPlot {
    fn default() -> Self {
        Self { size: (800, 400), title: String::new(), label: String::new(), range: None }
    }
}

/// Draws one horizontal box a group, from top to bottom: the box from the first to the third quartile, a
/// thick line at the median, a diamond at the mean, whiskers to the last values within 1.5 box lengths
/// (Tukey 1977), and every piece as a dot, so that few pieces do not look like many.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) for a size or range that is not admissible.
pub fn box_plots(groups: &[Group], plot: &BoxPlot) -> Result<Figure> {
    check_size(plot.size)?;
    let values = groups.iter().flat_map(|g| &g.values).copied();
    let x = plot.range.unwrap_or_else(|| extent(values, 0.05));
    check_range("range", x)?;
    let count = groups.len().max(1) as f64;
    let middle = |index: usize| count - 0.5 - index as f64;
    let names = groups.iter().enumerate().map(|(i, g)| (middle(i), g.name.clone())).collect();
    let mut scene = Scene::new(plot.size);
    let axes = Axes {
        title: &plot.title,
        x_label: &plot.label,
        x,
        y: (0.0, count),
        y_names: Some(names),
        right: 24.0,
        ..Axes::default()
    };
    let area = scene.area();
    let diagram = axes.open(&mut scene, area, &[]);
    for (value, _) in &diagram.x_ticks {
        diagram.panel.vertical(&mut scene, *value, Color::GRID);
    }
    for (index, group) in groups.iter().enumerate() {
        let mut sorted: Vec<f64> = group.values.iter().copied().filter(|v| v.is_finite()).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        if !sorted.is_empty() {
            let color = COLORS[index % COLORS.len()];
            draw_box(&mut scene, &diagram.panel, &sorted, middle(index), color);
        }
    }
    diagram.close(&mut scene);
    Ok(Figure { scene })
}

/// Draws the box of sorted values around `row`.
fn draw_box(scene: &mut Scene, panel: &Panel, sorted: &[f64], row: f64, color: Color) {
    let lane = panel.rect.height / (panel.y.1 - panel.y.0);
    let half = (0.28 * lane).min(22.0);
    let y = panel.y_at(row);
    let [low, median, high] = [0.25, 0.5, 0.75].map(|q| quantile(sorted, q));
    let reach = 1.5 * (high - low);
    let within = |v: &&f64| **v >= low - reach && **v <= high + reach;
    let ends = [sorted.iter().find(within), sorted.iter().rev().find(within)];
    let mut part = |from: f64, to: f64, up: f64, down: f64, color: Color| {
        let (from, to) = (panel.x_at(from.min(to)), panel.x_at(from.max(to)));
        let rect = Rect { x: from, y: y - up, width: (to - from).max(1.5), height: up + down };
        if let Some(rect) = rect.clipped(&panel.rect) {
            scene.fill(rect, color);
        }
    };
    if let [Some(&first), Some(&last)] = ends {
        part(first, last, 0.75, 0.75, color);
        part(first, first, half / 2.0, half / 2.0, color);
        part(last, last, half / 2.0, half / 2.0, color);
    }
    part(low, high, half, half, color.tint(0.35));
    part(median, median, half, half, color);
    // Dots lie in three lines in turn, so that equal values can be seen.
    for (index, &value) in sorted.iter().enumerate() {
        let line = y + ((index % 3) as f64 - 1.0) * half * 0.4;
        let dot = Rect { x: panel.x_at(value) - 1.25, y: line - 1.25, width: 2.5, height: 2.5 };
        if let Some(dot) = dot.clipped(&panel.rect) {
            scene.fill(dot, Color::TEXT.tint(0.75));
        }
    }
    let mean = sorted.iter().sum::<f64>() / sorted.len() as f64;
    let x = panel.x_at(mean);
    if (panel.x.0..=panel.x.1).contains(&mean) {
        let diamond = [(0.0, -6.0), (6.0, 0.0), (0.0, 6.0), (-6.0, 0.0), (0.0, -6.0), (6.0, 0.0)];
        scene.line(diamond.map(|(dx, dy)| (x + dx, y + dy)).to_vec(), 2.0, Color::TEXT);
    }
}
