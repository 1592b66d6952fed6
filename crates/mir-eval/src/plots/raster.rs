//! Figures as pixels.

use crate::{Error, Result};

use super::{
    font,
    scene::{Anchor, Color, Item, Rect, Scene, Style},
};

/// An RGB picture.
pub(super) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<[u8; 3]>,
}

/// Paints a scene with [`font::SCALE`] dots to the pixel.
pub(super) fn draw(scene: &Scene) -> Canvas {
    let dots = |pixels: u32| (f64::from(pixels) * font::SCALE) as usize;
    let mut canvas = Canvas::new(dots(scene.width), dots(scene.height));
    for item in &scene.items {
        canvas.item(item);
    }
    canvas
}

impl Canvas {
    fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![Color::WHITE.0; width * height] }
    }

    /// One pixel for each cell.
    pub(super) fn from_cells(columns: usize, colors: &[Color]) -> Self {
        Self {
            width: columns,
            height: colors.len() / columns.max(1),
            pixels: colors.iter().map(|c| c.0).collect(),
        }
    }

    /// The bytes of a PNG file.
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let write = |bytes: &mut Vec<u8>| {
            let mut encoder = png::Encoder::new(bytes, self.width as u32, self.height as u32);
            encoder.set_color(png::ColorType::Rgb);
            encoder.set_depth(png::BitDepth::Eight);
            encoder.set_compression(png::Compression::Balanced);
            encoder.write_header()?.write_image_data(self.pixels.as_flattened())
        };
        write(&mut bytes).map_err(|source| Error::Png { source })?;
        Ok(bytes)
    }

    fn blend(&mut self, x: usize, y: usize, color: Color, coverage: f64) {
        let pixel = &mut self.pixels[y * self.width + x];
        for (p, c) in pixel.iter_mut().zip(color.0) {
            let mixed = f64::from(*p) + (f64::from(c) - f64::from(*p)) * coverage;
            *p = mixed.round() as u8;
        }
    }

    fn item(&mut self, item: &Item) {
        match item {
            Item::Fill { rect, color } => self.fill(rect, *color),
            Item::Polyline { points, width, color } => self.polyline(points, *width, *color),
            Item::Text { x, y, text, style, anchor, upward, color } => {
                self.text((*x, *y), text, *style, *anchor, *upward, *color)
            }
            Item::Cells { rect, columns, colors } => self.cells(rect, *columns, colors),
        }
    }

    /// Pixels that a stretch touches, each with the fraction that it covers.
    fn covered(
        start: f64,
        length: f64,
        limit: usize,
    ) -> impl Iterator<Item = (usize, f64)> + Clone {
        let (start, end) = (start * font::SCALE, (start + length) * font::SCALE);
        let first = start.floor().max(0.0) as usize;
        let last = (end.ceil().max(0.0) as usize).min(limit);
        (first..last.max(first)).map(move |pixel| {
            let low = start.max(pixel as f64);
            let high = end.min(pixel as f64 + 1.0);
            (pixel, (high - low).clamp(0.0, 1.0))
        })
    }

    fn fill(&mut self, rect: &Rect, color: Color) {
        let columns = Self::covered(rect.x, rect.width, self.width);
        for (y, part_y) in Self::covered(rect.y, rect.height, self.height) {
            for (x, part_x) in columns.clone() {
                self.blend(x, y, color, part_x * part_y);
            }
        }
    }

    fn cells(&mut self, rect: &Rect, columns: usize, colors: &[Color]) {
        let rows = colors.len() / columns.max(1);
        if rows == 0 {
            return;
        }
        let cell = |pixel: usize, start: f64, length: f64, count: usize| {
            let position = ((pixel as f64 + 0.5) / font::SCALE - start) / length;
            ((position * count as f64) as usize).min(count - 1)
        };
        for (y, part_y) in Self::covered(rect.y, rect.height, self.height) {
            let row = cell(y, rect.y, rect.height, rows);
            for (x, part_x) in Self::covered(rect.x, rect.width, self.width) {
                let column = cell(x, rect.x, rect.width, columns);
                self.blend(x, y, colors[row * columns + column], part_x * part_y);
            }
        }
    }

    /// Coverage of all segments is collected before it is painted, so that joints are not painted
    /// twice.
    fn polyline(&mut self, points: &[(f64, f64)], width: f64, color: Color) {
        let radius = width * font::SCALE / 2.0;
        let reach = radius + 1.0;
        let span = |ends: [f64; 2], limit: usize| {
            let low = (ends[0].min(ends[1]) - reach).floor().max(0.0) as usize;
            let high = (ends[0].max(ends[1]) + reach).ceil().max(0.0) as usize;
            low.min(limit)..high.min(limit)
        };
        let dots = |&(x, y): &(f64, f64)| (x * font::SCALE, y * font::SCALE);
        let placed: Vec<(f64, f64)> = points.iter().map(dots).collect();
        // The part of the picture that the line can touch.
        let extent = |value: fn(&(f64, f64)) -> f64| {
            let ends = [f64::INFINITY, f64::NEG_INFINITY];
            let values = placed.iter().map(value);
            values.fold(ends, |[low, high], v| [low.min(v), high.max(v)])
        };
        let columns = span(extent(|p| p.0), self.width);
        let rows = span(extent(|p| p.1), self.height);
        let mut coverage = vec![0.0_f32; columns.len() * rows.len()];
        let place = |x: usize, y: usize| (y - rows.start) * columns.len() + x - columns.start;
        for pair in placed.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let (dx, dy) = (b.0 - a.0, b.1 - a.1);
            let squared = dx * dx + dy * dy;
            for y in span([a.1, b.1], self.height) {
                for x in span([a.0, b.0], self.width) {
                    let (px, py) = (x as f64 + 0.5 - a.0, y as f64 + 0.5 - a.1);
                    let along = if squared > 0.0 {
                        ((px * dx + py * dy) / squared).clamp(0.0, 1.0)
                    } else {
                        0.0
                    };
                    let distance = (px - along * dx).hypot(py - along * dy);
                    let here = (radius + 0.5 - distance).clamp(0.0, 1.0) as f32;
                    let cell = &mut coverage[place(x, y)];
                    *cell = cell.max(here);
                }
            }
        }
        for y in rows.clone() {
            for x in columns.clone() {
                let part = coverage[place(x, y)];
                if part > 0.0 {
                    self.blend(x, y, color, f64::from(part));
                }
            }
        }
    }

    fn text(
        &mut self,
        (x, y): (f64, f64),
        text: &str,
        style: Style,
        anchor: Anchor,
        upward: bool,
        color: Color,
    ) {
        let bitmap = font::draw(text, style);
        let length = font::width(text, style) * font::SCALE;
        let back = match anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => length / 2.0,
            Anchor::End => length,
        } + bitmap.origin as f64;
        let (x, y) = (x * font::SCALE, y * font::SCALE);
        for row in 0..bitmap.height {
            for column in 0..bitmap.width {
                let ink = bitmap.ink[row * bitmap.width + column];
                if ink == 0 {
                    continue;
                }
                // Whole dots: rounding each column by itself would double one and skip another.
                let along = column as f64 - back.round();
                let across = row as f64 - bitmap.ascent as f64;
                let (px, py) = if upward {
                    (x.round() + across, y.round() - along)
                } else {
                    (x.round() + along, y.round() + across)
                };
                if px >= 0.0
                    && py >= 0.0
                    && (px as usize) < self.width
                    && (py as usize) < self.height
                {
                    self.blend(px as usize, py as usize, color, f64::from(ink) / 255.0);
                }
            }
        }
    }
}
