//! Axes: round numbers, their places, and the frame around the data.

use super::{
    font,
    scene::{Anchor, Color, Rect, Scene, Style},
};

/// Round values in a range with their texts, at most `most` of them.
pub(super) fn ticks((low, high): (f64, f64), most: usize) -> Vec<(f64, String)> {
    let span = high - low;
    if !(span > 0.0 && span.is_finite()) || most == 0 {
        return Vec::new();
    }
    let mut exponent = (span / most as f64).log10().floor() as i32 - 1;
    let step = loop {
        let steps = [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(exponent));
        if let Some(step) = steps.into_iter().find(|step| span / step <= most as f64) {
            break step;
        }
        exponent += 1;
    };
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    let text = |value: f64| match (step, high.abs().max(low.abs())) {
        (s, _) if s >= 1e3 && value.abs() < s / 2.0 => "0".to_owned(),
        (s, m) if s >= 1e6 && m < 1e15 => format!("{}M", value / 1e6),
        (s, m) if s >= 1e3 && m < 1e15 => format!("{}k", value / 1e3),
        (s, m) if !(1e-5..1e6).contains(&s) || m >= 1e9 => format!("{value:e}"),
        _ => format!("{value:.*}", (-exponent).max(0) as usize),
    };
    let value = |i: i64| i as f64 * step;
    (first..=last).map(|i| (value(i), text(value(i)))).collect()
}

/// A rectangle on the figure and the data that it shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panel {
    pub(super) rect: Rect,
    pub(super) x: (f64, f64),
    pub(super) y: (f64, f64),
}

impl Panel {
    pub(super) fn x_at(&self, value: f64) -> f64 {
        self.rect.x + (value - self.x.0) / (self.x.1 - self.x.0) * self.rect.width
    }

    pub(super) fn y_at(&self, value: f64) -> f64 {
        self.rect.bottom() - (value - self.y.0) / (self.y.1 - self.y.0) * self.rect.height
    }

    /// A thin vertical line over the panel's height.
    pub(super) fn vertical(&self, scene: &mut Scene, value: f64, color: Color) {
        let rect = Rect { x: snap(self.x_at(value) - 0.25), width: 0.5, ..self.rect };
        scene.fill(rect, color);
    }

    /// A thin horizontal line over the panel's width.
    pub(super) fn horizontal(&self, scene: &mut Scene, value: f64, color: Color) {
        let rect = Rect { y: snap(self.y_at(value) - 0.25), height: 0.5, ..self.rect };
        scene.fill(rect, color);
    }

    /// Ticks of the horizontal axis that have room for their texts.
    pub(super) fn x_ticks(&self) -> Vec<(f64, String)> {
        ticks(self.x, (self.rect.width / 75.0) as usize)
    }

    /// Ticks of the vertical axis that have room for their texts.
    pub(super) fn y_ticks(&self) -> Vec<(f64, String)> {
        ticks(self.y, (self.rect.height / 32.0) as usize)
    }

    /// The texts of the horizontal axis below the panel.
    pub(super) fn label_x(&self, scene: &mut Scene, ticks: &[(f64, String)]) {
        for (value, text) in ticks {
            let place = (self.x_at(*value), self.rect.bottom() + 15.0);
            scene.text(place, text, Style::Small, Anchor::Middle);
        }
    }

    /// The texts of the vertical axis left of the panel.
    pub(super) fn label_y(&self, scene: &mut Scene, ticks: &[(f64, String)]) {
        for (value, text) in ticks {
            let place = (self.rect.x - 6.0, self.y_at(*value) + 4.0);
            scene.text(place, text, Style::Small, Anchor::End);
        }
    }

    /// The names of the axes; `left` is the room between the name and the panel.
    pub(super) fn name_axes(&self, scene: &mut Scene, x: &str, y: &str, left: f64) {
        let middle = self.rect.x + self.rect.width / 2.0;
        let x = font::fitted(x, Style::Label, self.rect.width);
        scene.text((middle, self.rect.bottom() + 34.0), &x, Style::Label, Anchor::Middle);
        let middle = self.rect.y + self.rect.height / 2.0;
        let y = font::fitted(y, Style::Label, self.rect.height);
        scene.text_upward((self.rect.x - left, middle), &y, Style::Label);
    }

    /// The frame around the data.
    pub(super) fn frame(&self, scene: &mut Scene) {
        let around = Rect {
            x: self.rect.x - 0.5,
            y: self.rect.y - 0.5,
            width: self.rect.width + 1.0,
            height: self.rect.height + 1.0,
        };
        scene.outline(around, 0.5, Color::FRAME);
    }
}

/// Texts of an axis and the values where they stand.
pub(super) type Ticks = Vec<(f64, String)>;

/// What stands around the data of a diagram.
#[derive(Clone, Debug, Default)]
pub(super) struct Axes<'a> {
    pub(super) title: &'a str,
    pub(super) x_label: &'a str,
    pub(super) y_label: &'a str,
    pub(super) x: (f64, f64),
    pub(super) y: (f64, f64),
    /// Texts of the axes where round numbers will not do.
    pub(super) x_names: Option<Ticks>,
    pub(super) y_names: Option<Ticks>,
    /// Room right of the panel in pixels.
    pub(super) right: f64,
    /// Least width of the texts of the vertical axis, so that diagrams one above the other line up.
    pub(super) numbers: f64,
}

/// A diagram whose data can now be drawn.
#[derive(Debug)]
pub(super) struct Diagram<'a> {
    pub(super) panel: Panel,
    pub(super) x_ticks: Ticks,
    pub(super) y_ticks: Ticks,
    axes: Axes<'a>,
    /// Width of the longest text of the vertical axis.
    number: f64,
}

impl<'a> Axes<'a> {
    /// Writes title and legend and gives the panel that is left of `area`: the texts of the vertical axis
    /// decide how much room they take.
    pub(super) fn open(
        self,
        scene: &mut Scene,
        area: Rect,
        legend: &[LegendEntry<'_>],
    ) -> Diagram<'a> {
        let (edge, top) = (14.0, 12.0);
        let corner = (area.x + edge, area.y + top);
        let head = heading(scene, corner, area.width - 2.0 * edge, self.title, legend).max(6.0);
        let below = if self.x_label.is_empty() { 28.0 } else { 48.0 };
        let mut panel = Panel {
            rect: Rect {
                x: area.x,
                y: snap(area.y + top + head),
                width: area.width,
                height: snap(area.height - top - head - below).max(10.0),
            },
            x: self.x,
            y: self.y,
        };
        let y_ticks = self.y_names.clone().unwrap_or_else(|| panel.y_ticks());
        let widths = y_ticks.iter().map(|(_, text)| font::width(text, Style::Small));
        let number = widths.fold(self.numbers, f64::max);
        let name = if self.y_label.is_empty() { 0.0 } else { 20.0 };
        panel.rect.x = snap(area.x + edge + name + number + 8.0);
        panel.rect.width = snap(area.right() - panel.rect.x - self.right).max(10.0);
        let x_ticks = self.x_names.clone().unwrap_or_else(|| panel.x_ticks());
        Diagram { panel, x_ticks, y_ticks, axes: self, number }
    }
}

impl Diagram<'_> {
    /// Thin lines at the ticks of both axes.
    pub(super) fn grid(&self, scene: &mut Scene) {
        self.x_ticks.iter().for_each(|(x, _)| self.panel.vertical(scene, *x, Color::GRID));
        self.y_ticks.iter().for_each(|(y, _)| self.panel.horizontal(scene, *y, Color::GRID));
    }

    /// Frame, numbers and names, over whatever was drawn.
    pub(super) fn close(&self, scene: &mut Scene) {
        self.panel.frame(scene);
        self.panel.label_x(scene, &self.x_ticks);
        self.panel.label_y(scene, &self.y_ticks);
        self.panel.name_axes(scene, self.axes.x_label, self.axes.y_label, self.number + 16.0);
    }
}

/// A filled sign of a legend.
pub(super) fn square(color: Color) -> impl Fn(&mut Scene, Rect) {
    move |scene, rect| scene.fill(rect, color)
}

/// Smallest and largest finite value with a margin on both sides; something around it if there is only
/// one, 0 to 1 without any.
pub(super) fn extent(values: impl Iterator<Item = f64>, margin: f64) -> (f64, f64) {
    let start = (f64::INFINITY, f64::NEG_INFINITY);
    let finite = values.filter(|v| v.is_finite());
    let (low, high) = finite.fold(start, |(low, high), v| (low.min(v), high.max(v)));
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

/// The nearest place where a thin line fills whole dots.
pub(super) fn snap(place: f64) -> f64 {
    (place * font::SCALE).round() / font::SCALE
}

/// One entry of a legend: what draws its sign into a square of 10 pixels, and its text.
pub(super) type LegendEntry<'a> = (&'a dyn Fn(&mut Scene, Rect), String);

/// Title and legend above a panel of this width, from the top left corner `(x, y)`. The legend stands
/// right of the title where there is room, otherwise in lines below. Gives the height used.
pub(super) fn heading(
    scene: &mut Scene,
    (x, y): (f64, f64),
    width: f64,
    title: &str,
    legend: &[LegendEntry<'_>],
) -> f64 {
    const LINE: f64 = 20.0;
    let title = font::fitted(title, Style::Title, width);
    let title_width = font::width(&title, Style::Title);
    let entry_width = |text: &str| 16.0 + font::width(text, Style::Small) + 16.0;
    let legend_width = legend.iter().map(|(_, text)| entry_width(text)).sum::<f64>() - 16.0;
    let beside = title.is_empty() || title_width + 30.0 + legend_width <= width;
    if !title.is_empty() {
        scene.text((x, y + 15.0), &title, Style::Title, Anchor::Start);
    }
    let mut top = if beside { y } else { y + LINE + 2.0 };
    let mut pen = if beside && legend_width <= width { x + width - legend_width } else { x };
    let start = pen;
    for (sign, text) in legend {
        if pen > start && pen + entry_width(text) - 16.0 > x + width + 0.5 {
            pen = start;
            top += LINE;
        }
        let square = Rect { x: snap(pen), y: top + 4.5, width: 10.0, height: 10.0 };
        sign(scene, square);
        let text = font::fitted(text, Style::Small, width - 16.0);
        scene.text((pen + 16.0, top + 13.5), &text, Style::Small, Anchor::Start);
        pen += entry_width(&text);
    }
    if title.is_empty() && legend.is_empty() { 0.0 } else { top + LINE + 4.0 - y }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(range: (f64, f64), most: usize) -> Vec<String> {
        ticks(range, most).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(texts((0.0, 1.0), 5), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(texts((0.0, 31.0), 7), ["0", "5", "10", "15", "20", "25", "30"]);
        assert_eq!(texts((0.0, 10_000.0), 3), ["0", "5k", "10k"]);
        assert_eq!(texts((-0.013, 0.012), 5), ["-0.010", "-0.005", "0.000", "0.005", "0.010"]);
        assert_eq!(texts((1.0, 1.0), 5), [] as [&str; 0]);
        assert_eq!(texts((0.0, f64::INFINITY), 5), [] as [&str; 0]);
    }
}
