//! Series of numbers.

use crate::{Result, f_measure};

use super::{
    Figure,
    axis::{Axes, LegendEntry, Panel, extent, square},
    check_range, check_size, font,
    scene::{Anchor, Color, Rect, Scene, Style},
};

/// One line of a diagram.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Name in the legend.
    pub name: String,
    /// Points `(x, y)` in the order of the line; a value that is not finite leaves a gap.
    pub points: Vec<(f64, f64)>,
}

/// What a diagram shows and how large.
#[derive(Clone, Debug, PartialEq)]
pub struct CurvesPlot {
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// Title; may be empty.
    pub title: String,
    /// Name of the horizontal axis, with its unit.
    pub x_label: String,
    /// Name of the vertical axis, with its unit.
    pub y_label: String,
    /// Ends of the horizontal axis; `None` takes those of the data.
    pub x_range: Option<(f64, f64)>,
    /// Ends of the vertical axis; `None` takes those of the data with a margin.
    pub y_range: Option<(f64, f64)>,
    /// How each series is drawn. Those beyond the end of the list are solid, each in the colour of its place.
    pub styles: Vec<LineStyle>,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineStyle {
    /// Number of its colour, counted from 0; after the seventh the first comes again.
    pub color: usize,
    /// Whether it has gaps: for a second set of series beside a first, in its colours.
    pub dashed: bool,
}

impl Default for CurvesPlot {
    fn default() -> Self {
        Self {
            size: (800, 450),
            title: String::new(),
            x_label: String::new(),
            y_label: String::new(),
            x_range: None,
            y_range: None,
            styles: Vec::new(),
        }
    }
}

/// Colours in the order of use.
pub(super) const COLORS: [Color; 7] = [
    Color::BLUE,
    Color::VERMILLION,
    Color::GREEN,
    Color::ORANGE,
    Color::SKY,
    Color::PURPLE,
    Color::TEXT,
];

/// Draws lines over common axes, with a legend if there is more than one.
///
/// Where a series has more points than the picture has columns, each column shows its first, lowest,
/// highest and last value, so that no peak is lost. A single point between gaps is drawn as a dot.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) for a size or range that is not admissible.
pub fn curves(series: &[Series], plot: &CurvesPlot) -> Result<Figure> {
    check_size(plot.size)?;
    let all = || series.iter().flat_map(|s| &s.points);
    let x = plot.x_range.unwrap_or_else(|| extent(all().map(|p| p.0), 0.0));
    let y = plot.y_range.unwrap_or_else(|| extent(all().map(|p| p.1), 0.05));
    check_range("x_range", x)?;
    check_range("y_range", y)?;

    let style = |index: usize| {
        let solid = LineStyle { color: index, dashed: false };
        let LineStyle { color, dashed } = plot.styles.get(index).copied().unwrap_or(solid);
        (COLORS[color % COLORS.len()], dashed)
    };
    let mut scene = Scene::new(plot.size);
    let sign = |index: usize| {
        move |scene: &mut Scene, rect: Rect| {
            let line = Rect { y: rect.y + 3.5, height: 3.0, ..rect };
            let half = Rect { width: rect.width * 0.4, ..line };
            let (color, dashed) = style(index);
            if dashed {
                scene.fill(half, color);
                scene.fill(Rect { x: rect.right() - half.width, ..half }, color);
            } else {
                scene.fill(line, color);
            }
        }
    };
    let signs: Vec<_> = (0..series.len()).map(sign).collect();
    let named = if series.len() > 1 { series } else { &[] };
    let legend: Vec<LegendEntry<'_>> = (named.iter().zip(&signs))
        .map(|(series, sign)| (sign as &dyn Fn(&mut Scene, Rect), series.name.clone()))
        .collect();
    let axes = Axes {
        title: &plot.title,
        x_label: &plot.x_label,
        y_label: &plot.y_label,
        x,
        y,
        right: 24.0,
        ..Axes::default()
    };
    let area = scene.area();
    let diagram = axes.open(&mut scene, area, &legend);
    diagram.grid(&mut scene);
    for (index, series) in series.iter().enumerate() {
        let (color, dashed) = style(index);
        for points in strokes(&series.points, &diagram.panel) {
            let parts = if dashed { dashes(&points) } else { vec![points] };
            parts.into_iter().for_each(|part| scene.line(part, 1.8, color));
        }
    }
    diagram.close(&mut scene);
    Ok(Figure { scene })
}

/// A line in pieces with gaps between them, along its length.
fn dashes(points: &[(f64, f64)]) -> Vec<Vec<(f64, f64)>> {
    const LENGTHS: [f64; 2] = [8.0, 5.0];
    let Some(&first) = points.first() else { return Vec::new() };
    // Pieces and gaps in turns; each begins where the one before ends.
    let mut parts = vec![vec![first]];
    let mut left = LENGTHS[0];
    for pair in points.windows(2) {
        let ((ax, ay), (bx, by)) = (pair[0], pair[1]);
        let length = (bx - ax).hypot(by - ay);
        let mut gone = 0.0;
        while length - gone > left {
            gone += left;
            let t = gone / length;
            let place = (ax + t * (bx - ax), ay + t * (by - ay));
            parts.last_mut().into_iter().for_each(|part| part.push(place));
            left = LENGTHS[parts.len() % 2];
            parts.push(vec![place]);
        }
        left -= length - gone;
        parts.last_mut().into_iter().for_each(|part| part.push((bx, by)));
    }
    parts.into_iter().step_by(2).collect()
}

/// Precision and recall at one threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OperatingPoint {
    /// The threshold.
    pub threshold: f64,
    /// Precision, in [0, 1]; NaN where it is undefined.
    pub precision: f64,
    /// Recall, in [0, 1]; NaN where it is undefined.
    pub recall: f64,
}

/// Draws precision over recall, one line a system, over lines of equal F1 (0.1, 0.2, …). A ring marks the
/// threshold with the largest F1, and the legend names it. Points are joined in the order given, so sort
/// them by threshold. Ranges of `plot` that are `None` are 0 to 1.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) for a size or range that is not admissible.
pub fn precision_recall(
    systems: &[(String, Vec<OperatingPoint>)],
    plot: &CurvesPlot,
) -> Result<Figure> {
    check_size(plot.size)?;
    let (x, y) = (plot.x_range.unwrap_or((0.0, 1.0)), plot.y_range.unwrap_or((0.0, 1.0)));
    check_range("x_range", x)?;
    check_range("y_range", y)?;
    let f1 = |p: &OperatingPoint| f_measure(p.precision, p.recall, 1.0);
    let best = |points: &[OperatingPoint]| {
        let whole = points.iter().filter(|p| f1(p).is_finite());
        whole.copied().max_by(|a, b| f1(a).total_cmp(&f1(b)))
    };
    let mut scene = Scene::new(plot.size);
    let signs: Vec<_> = (0..systems.len()).map(|i| square(COLORS[i % COLORS.len()])).collect();
    let legend: Vec<LegendEntry<'_>> = (systems.iter().zip(&signs))
        .map(|((name, points), sign)| {
            let text = best(points).map_or(name.clone(), |p| {
                format!("{name}: F1 {:.3} at {}", f1(&p), p.threshold).trim_start().to_owned()
            });
            (sign as &dyn Fn(&mut Scene, Rect), text)
        })
        .collect();
    let label =
        |given: &str, usual: &str| if given.is_empty() { usual.to_owned() } else { given.into() };
    let (x_label, y_label) = (label(&plot.x_label, "recall"), label(&plot.y_label, "precision"));
    let axes = Axes {
        title: &plot.title,
        x_label: &x_label,
        y_label: &y_label,
        x,
        y,
        right: 40.0,
        ..Axes::default()
    };
    let area = scene.area();
    let diagram = axes.open(&mut scene, area, &legend);
    let panel = diagram.panel;
    for level in 1..10 {
        let level = f64::from(level) / 10.0;
        // P = F·R / (2R − F), for recalls above F / 2.
        let start = level / (2.0 - level);
        // Dense where the line is steep.
        let recall = |i: i32| start + (1.0 - start) * (f64::from(i) / 100.0).powi(3);
        let points: Vec<_> =
            (0..=100).map(recall).map(|r| (r, level * r / (2.0 * r - level))).collect();
        for stroke in strokes(&points, &panel) {
            scene.line(stroke, 0.7, Color::FAINT);
        }
        let end = (panel.rect.right() + 5.0, panel.y_at(level / (2.0 - level)) + 4.0);
        if (panel.rect.y..panel.rect.bottom()).contains(&end.1) {
            scene.text(end, &format!("F {level:.1}"), Style::Small, Anchor::Start);
        }
    }
    for (index, (_, points)) in systems.iter().enumerate() {
        let color = COLORS[index % COLORS.len()];
        let line: Vec<_> = points.iter().map(|p| (p.recall, p.precision)).collect();
        for stroke in strokes(&line, &panel) {
            scene.line(stroke, 2.0, color);
        }
        let inside = |p: &OperatingPoint| {
            (x.0..=x.1).contains(&p.recall) && (y.0..=y.1).contains(&p.precision)
        };
        if let Some(p) = best(points).filter(inside) {
            let (cx, cy) = (panel.x_at(p.recall), panel.y_at(p.precision));
            let ring = (0..=24).map(|i| {
                let angle = f64::from(i) * std::f64::consts::TAU / 24.0;
                (cx + 5.0 * angle.cos(), cy + 5.0 * angle.sin())
            });
            scene.line(ring.collect(), 1.8, color);
        }
    }
    diagram.close(&mut scene);
    Ok(Figure { scene })
}

/// The unbroken parts of a line in places on the figure.
pub(super) fn strokes(points: &[(f64, f64)], panel: &Panel) -> Vec<Vec<(f64, f64)>> {
    let columns = (panel.rect.width * font::SCALE) as usize;
    let mut strokes = Vec::new();
    for part in points.split(|(x, y)| !(x.is_finite() && y.is_finite())) {
        let place = |&(x, y): &(f64, f64)| (panel.x_at(x), panel.y_at(y));
        let placed: Vec<(f64, f64)> = part.iter().map(place).collect();
        let thinned = if placed.len() > 4 * columns { thin(&placed) } else { placed };
        for inside in clip(&thinned, &panel.rect) {
            match inside[..] {
                [] => {}
                [(x, y)] => strokes.push(vec![(x - 0.5, y), (x + 0.5, y)]),
                _ => strokes.push(inside),
            }
        }
    }
    strokes
}

/// First, lowest, highest and last point of every dot column.
fn thin(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let column = |x: f64| (x * font::SCALE).floor() as i64;
    let mut out = Vec::new();
    for run in points.chunk_by(|a, b| column(a.0) == column(b.0)) {
        let by_y = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let chosen = [run.first(), run.iter().min_by(by_y), run.iter().max_by(by_y), run.last()];
        out.extend(chosen.into_iter().flatten());
    }
    out
}

/// The parts of a line inside a rectangle (Liang & Barsky 1984, segment by segment).
fn clip(points: &[(f64, f64)], to: &Rect) -> Vec<Vec<(f64, f64)>> {
    let inside = |&(x, y): &(f64, f64)| {
        (to.x..=to.right()).contains(&x) && (to.y..=to.bottom()).contains(&y)
    };
    if let [only] = points {
        return if inside(only) { vec![vec![*only]] } else { Vec::new() };
    }
    let mut parts: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut open = false;
    for pair in points.windows(2) {
        let ((ax, ay), (bx, by)) = (pair[0], pair[1]);
        let (dx, dy) = (bx - ax, by - ay);
        let (mut start, mut end) = (0.0_f64, 1.0_f64);
        for (direction, room) in
            [(-dx, ax - to.x), (dx, to.right() - ax), (-dy, ay - to.y), (dy, to.bottom() - ay)]
        {
            if direction < 0.0 {
                start = start.max(room / direction);
            } else if direction > 0.0 {
                end = end.min(room / direction);
            } else if room < 0.0 {
                end = -1.0;
            }
        }
        if start > end {
            open = false;
            continue;
        }
        let at = |t: f64| (ax + t * dx, ay + t * dy);
        match parts.last_mut() {
            Some(part) if open && start <= 0.0 => part.push(at(end)),
            _ => parts.push(vec![at(start), at(end)]),
        }
        open = end >= 1.0;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: Rect = Rect { x: 0.0, y: 0.0, width: 10.0, height: 10.0 };

    #[test]
    fn lines_end_at_the_frame() {
        let parts =
            clip(&[(-10.0, 5.0), (5.0, 5.0), (5.0, 20.0), (8.0, 20.0), (8.0, 2.0)], &SQUARE);
        assert_eq!(
            parts,
            [vec![(0.0, 5.0), (5.0, 5.0), (5.0, 10.0)], vec![(8.0, 10.0), (8.0, 2.0)]]
        );
        assert!(clip(&[(-5.0, -5.0), (-1.0, 20.0)], &SQUARE).is_empty());
    }

    #[test]
    fn dashes_follow_the_line_and_leave_gaps() {
        // Round a corner: 20 to the right, 20 down.
        let parts = dashes(&[(0.0, 0.0), (20.0, 0.0), (20.0, 20.0)]);
        let length = |part: &Vec<(f64, f64)>| -> f64 {
            part.windows(2).map(|p| (p[1].0 - p[0].0).hypot(p[1].1 - p[0].1)).sum()
        };
        let lengths: Vec<f64> = parts.iter().map(length).collect();
        assert_eq!(lengths.len(), 4);
        // The last begins 39 along a line of 40.
        for (length, expected) in lengths.iter().zip([8.0, 8.0, 8.0, 1.0]) {
            assert!((length - expected).abs() < 1e-9, "{lengths:?}");
        }
        assert_eq!(parts[1], [(13.0, 0.0), (20.0, 0.0), (20.0, 1.0)]);
        assert!(dashes(&[]).is_empty());
    }

    #[test]
    fn gaps_break_the_line_and_peaks_survive_thinning() {
        let panel = Panel { rect: SQUARE, x: (0.0, 1.0), y: (0.0, 1.0) };
        let gap = [(0.0, 0.5), (0.2, 0.5), (0.4, f64::NAN), (0.6, 0.5)];
        assert_eq!(strokes(&gap, &panel).len(), 2);
        let mut many: Vec<(f64, f64)> = (0..5000).map(|i| (f64::from(i) / 5000.0, 0.2)).collect();
        many[2345].1 = 0.9;
        let stroke = &strokes(&many, &panel)[0];
        assert!(stroke.len() < 200);
        assert!(stroke.iter().any(|&(_, y)| (y - 1.0).abs() < 1e-9));
    }

    #[test]
    fn a_constant_series_has_room_around_it() {
        let (low, high) = extent([3.0, f64::NAN].into_iter(), 0.05);
        assert!(low < 3.0 && high > 3.0);
        assert_eq!(extent([].into_iter(), 0.05), (0.0, 1.0));
    }
}
