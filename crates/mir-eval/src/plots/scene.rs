//! What a figure consists of, before it becomes SVG or PNG.

/// Red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Color(pub(super) [u8; 3]);

impl Color {
    pub(super) const WHITE: Self = Self([255, 255, 255]);
    pub(super) const TEXT: Self = Self([34, 34, 34]);
    pub(super) const FRAME: Self = Self([120, 120, 120]);
    pub(super) const GRID: Self = Self([222, 222, 222]);
    pub(super) const SHADE: Self = Self([245, 245, 245]);
    // Okabe & Ito, "Color universal design", 2008.
    pub(super) const ORANGE: Self = Self([230, 159, 0]);
    pub(super) const SKY: Self = Self([86, 180, 233]);
    pub(super) const GREEN: Self = Self([0, 158, 115]);
    pub(super) const BLUE: Self = Self([0, 114, 178]);
    pub(super) const VERMILLION: Self = Self([213, 94, 0]);
    pub(super) const PURPLE: Self = Self([204, 121, 167]);

    /// Lines that guide the eye across the data.
    pub(super) const FAINT: Self = Self([174, 174, 174]);
    /// Inside of a hollow bar: a quarter of orange on white.
    pub(super) const HOLLOW: Self = Self([249, 231, 191]);
    /// Dark blue, for marks over blue.
    pub(super) const EDGE: Self = Self([0, 62, 97]);

    /// A mixture: this colour at 1, white at 0.
    pub(super) fn tint(self, amount: f64) -> Self {
        Self(self.0.map(|c| (255.0 - (255.0 - f64::from(c)) * amount).round() as u8))
    }
}

/// Typefaces of the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Numbers at the axes, legends.
    Small,
    /// Names of axes.
    Label,
    /// Title.
    Title,
}

/// Which point of a text is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Rect {
    pub(super) fn right(&self) -> f64 {
        self.x + self.width
    }

    pub(super) fn bottom(&self) -> f64 {
        self.y + self.height
    }

    /// The part inside another rectangle, `None` if there is none.
    pub(super) fn clipped(&self, to: &Self) -> Option<Self> {
        let (x, y) = (self.x.max(to.x), self.y.max(to.y));
        let width = self.right().min(to.right()) - x;
        let height = self.bottom().min(to.bottom()) - y;
        (width > 0.0 && height > 0.0).then_some(Self { x, y, width, height })
    }
}

#[derive(Clone, Debug)]
pub(super) enum Item {
    Fill {
        rect: Rect,
        color: Color,
    },
    /// A line through points.
    Polyline {
        points: Vec<(f64, f64)>,
        width: f64,
        color: Color,
    },
    /// Text with its baseline at `y`; `upward` turns it by a quarter, then its baseline is at `x`.
    Text {
        x: f64,
        y: f64,
        text: String,
        style: Style,
        anchor: Anchor,
        upward: bool,
        color: Color,
    },
    /// Cells of equal size, row by row from the top left.
    Cells {
        rect: Rect,
        columns: usize,
        colors: Vec<Color>,
    },
}

/// Items in the order in which they are painted, on white.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) items: Vec<Item>,
}

impl Scene {
    pub(super) fn new((width, height): (u32, u32)) -> Self {
        Self { width, height, items: Vec::new() }
    }

    pub(super) fn fill(&mut self, rect: Rect, color: Color) {
        self.items.push(Item::Fill { rect, color });
    }

    /// The whole figure.
    pub(super) fn area(&self) -> Rect {
        Rect { x: 0.0, y: 0.0, width: f64::from(self.width), height: f64::from(self.height) }
    }

    pub(super) fn line(&mut self, points: Vec<(f64, f64)>, width: f64, color: Color) {
        self.items.push(Item::Polyline { points, width, color });
    }

    /// The four edges of a rectangle, inside it.
    pub(super) fn outline(&mut self, rect: Rect, line: f64, color: Color) {
        let (w, h) = (line.min(rect.width), line.min(rect.height));
        let inner = (rect.height - 2.0 * h).max(0.0);
        for (x, y, width, height) in [
            (rect.x, rect.y, rect.width, h),
            (rect.x, rect.bottom() - h, rect.width, h),
            (rect.x, rect.y + h, w, inner),
            (rect.right() - w, rect.y + h, w, inner),
        ] {
            let edge = Rect { x, y, width, height };
            self.fill(edge, color);
        }
    }

    pub(super) fn text(&mut self, (x, y): (f64, f64), text: &str, style: Style, anchor: Anchor) {
        self.items.push(Item::Text {
            x,
            y,
            text: text.to_owned(),
            style,
            anchor,
            upward: false,
            color: Color::TEXT,
        });
    }

    pub(super) fn text_upward(&mut self, (x, y): (f64, f64), text: &str, style: Style) {
        self.items.push(Item::Text {
            x,
            y,
            text: text.to_owned(),
            style,
            anchor: Anchor::Middle,
            upward: true,
            color: Color::TEXT,
        });
    }
}
