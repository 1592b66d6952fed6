//! Figures as SVG.

use std::fmt::Write as _;

use super::{
    font, raster,
    scene::{Anchor, Color, Item, Scene, Style},
};
use crate::markup::{base64, escape};

/// The whole document.
pub(super) fn render(scene: &Scene) -> String {
    let (width, height) = (scene.width, scene.height);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"DejaVu Sans, Verdana, sans-serif\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    write_items(&mut out, scene, Theme::Fixed);
    out
}

/// An element to stand in an HTML page, without a background.
pub(super) fn inline(scene: &Scene, label: &str) -> String {
    let (width, height) = (scene.width, scene.height);
    let mut out = format!(
        "<svg class=\"plot\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\" aria-label=\"{}\">\n",
        escape(label)
    );
    write_items(&mut out, scene, Theme::OfPage);
    out
}

fn write_items(out: &mut String, scene: &Scene, theme: Theme) {
    for item in &scene.items {
        // Writing to a string does not fail.
        let _ = write_item(out, item, theme);
    }
    out.push_str("</svg>\n");
}

/// Whether the colours of text, lines and backgrounds may be changed by the page around the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Theme {
    Fixed,
    OfPage,
}

impl Theme {
    /// Attributes that colour something. A page overrides them by the class: rules of style sheets win over
    /// presentation attributes (CSS 2.1, section 6.4.4).
    fn paint(self, attribute: &str, color: Color) -> String {
        let Color([r, g, b]) = color;
        let name = match color {
            _ if self == Self::Fixed => None,
            Color::TEXT => Some("ink"),
            Color::FRAME => Some("frame"),
            Color::FAINT => Some("faint"),
            Color::GRID => Some("grid"),
            Color::SHADE => Some("shade"),
            Color::HOLLOW => Some("hollow"),
            Color::EDGE => Some("edge"),
            _ => None,
        };
        let class = name.map_or(String::new(), |name| format!(" class=\"{attribute}-{name}\""));
        format!("{attribute}=\"#{r:02x}{g:02x}{b:02x}\"{class}")
    }
}

/// A coordinate: at most two decimals, without trailing zeros.
fn short(x: f64) -> f64 {
    (x * 100.0).round() / 100.0
}

fn write_item(out: &mut String, item: &Item, theme: Theme) -> std::fmt::Result {
    match item {
        Item::Fill { rect, color } => writeln!(
            out,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" {}/>",
            short(rect.x),
            short(rect.y),
            short(rect.width).max(0.01),
            short(rect.height).max(0.01),
            theme.paint("fill", *color)
        ),
        Item::Polyline { points, width, color } => {
            out.push_str("<polyline fill=\"none\" stroke-linejoin=\"round\" points=\"");
            for (x, y) in points {
                write!(out, "{},{} ", short(*x), short(*y))?;
            }
            writeln!(out, "\" {} stroke-width=\"{width}\"/>", theme.paint("stroke", *color))
        }
        Item::Text { x, y, text, style, anchor, upward, color } => {
            let (x, y) = (short(*x), short(*y));
            let anchor = match anchor {
                Anchor::Start => "start",
                Anchor::Middle => "middle",
                Anchor::End => "end",
            };
            let weight = if *style == Style::Title { " font-weight=\"bold\"" } else { "" };
            let turn =
                if *upward { format!(" transform=\"rotate(-90 {x} {y})\"") } else { String::new() };
            writeln!(
                out,
                "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\" text-anchor=\"{anchor}\" {}{weight}{turn}>{}</text>",
                font::size(*style),
                theme.paint("fill", *color),
                escape(text)
            )
        }
        Item::Cells { rect, columns, colors } => {
            let png = raster::Canvas::from_cells(*columns, colors).encode();
            // An encoder that writes to memory has no reason to fail; a picture without the cells would
            // still be a valid document.
            let Ok(png) = png else { return Ok(()) };
            writeln!(
                out,
                "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" \
                 style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>",
                short(rect.x),
                short(rect.y),
                short(rect.width),
                short(rect.height),
                base64(&png)
            )
        }
    }
}
