//! Series of numbers.

use crate::Result;

use super::{
    Figure,
    axis::{LegendEntry, Panel, heading, snap},
    check_range, check_size, font,
    scene::{Color, Item, Rect, Scene, Style},
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
        }
    }
}

/// Colours in the order of use; after the last the first comes again.
const COLORS: [Color; 7] = [
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
    let x = match plot.x_range {
        Some(range) => range,
        None => extent(series, |&(x, _)| x, 0.0),
    };
    let y = match plot.y_range {
        Some(range) => range,
        None => extent(series, |&(_, y)| y, 0.05),
    };
    check_range("x_range", x)?;
    check_range("y_range", y)?;

    let (width, height) = (f64::from(plot.size.0), f64::from(plot.size.1));
    let mut scene = Scene::new(plot.size);
    let sign = |color: Color| {
        move |scene: &mut Scene, rect: Rect| {
            let line = Rect { y: rect.y + 3.5, height: 3.0, ..rect };
            scene.fill(line, color);
        }
    };
    let signs: Vec<_> = (0..series.len()).map(|i| sign(COLORS[i % COLORS.len()])).collect();
    let named = if series.len() > 1 { series } else { &[] };
    let legend: Vec<LegendEntry<'_>> = (named.iter().zip(&signs))
        .map(|(series, sign)| (sign as &dyn Fn(&mut Scene, Rect), series.name.clone()))
        .collect();
    let (edge, right, top) = (14.0, 24.0, 12.0);
    let head = heading(&mut scene, (edge, top), width - edge - right, &plot.title, &legend);
    let below = if plot.x_label.is_empty() { 28.0 } else { 48.0 };
    let mut panel = Panel {
        rect: Rect {
            x: 0.0,
            y: snap(top + head),
            width: 0.0,
            height: snap(height - top - head - below).max(10.0),
        },
        x,
        y,
    };
    // The longest number decides how much room the vertical axis takes.
    let y_ticks = panel.y_ticks();
    let widths = y_ticks.iter().map(|(_, text)| font::width(text, Style::Small));
    let number = widths.fold(0.0, f64::max);
    let name = if plot.y_label.is_empty() { 0.0 } else { 20.0 };
    panel.rect.x = snap(edge + name + number + 8.0);
    panel.rect.width = snap(width - panel.rect.x - right).max(10.0);

    let x_ticks = panel.x_ticks();
    for (value, _) in &x_ticks {
        panel.vertical(&mut scene, *value, Color::GRID);
    }
    for (value, _) in &y_ticks {
        panel.horizontal(&mut scene, *value, Color::GRID);
    }
    for (index, series) in series.iter().enumerate() {
        for points in strokes(&series.points, &panel) {
            scene.items.push(Item::Polyline {
                points,
                width: 1.8,
                color: COLORS[index % COLORS.len()],
            });
        }
    }
    panel.frame(&mut scene);
    panel.label_x(&mut scene, &x_ticks);
    panel.label_y(&mut scene, &y_ticks);
    panel.name_axes(&mut scene, &plot.x_label, &plot.y_label, number + 16.0);
    Ok(Figure { scene })
}

/// Smallest and largest finite value with a margin; something around it if there is only one.
fn extent(series: &[Series], value: impl Fn(&(f64, f64)) -> f64, margin: f64) -> (f64, f64) {
    let finite = series.iter().flat_map(|s| &s.points).map(value).filter(|v| v.is_finite());
    let (low, high) =
        finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low < high {
        let room = margin * (high - low);
        (low - room, high + room)
    } else if low.is_finite() {
        let room = 0.5 * low.abs().max(1.0);
        (low - room, high + room)
    } else {
        (0.0, 1.0)
    }
}

/// The unbroken parts of a line in places on the figure.
fn strokes(points: &[(f64, f64)], panel: &Panel) -> Vec<Vec<(f64, f64)>> {
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
        let one = [Series { name: String::new(), points: vec![(0.0, 3.0), (1.0, f64::NAN)] }];
        let (low, high) = extent(&one, |&(_, y)| y, 0.05);
        assert!(low < 3.0 && high > 3.0);
        assert_eq!(extent(&[], |&(_, y)| y, 0.05), (0.0, 1.0));
    }
}
