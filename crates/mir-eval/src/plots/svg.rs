//! Figures as SVG.

use std::fmt::Write as _;

use super::{
    font, raster,
    scene::{Anchor, Color, Item, Scene, Style},
};

/// The whole document.
pub(super) fn render(scene: &Scene) -> String {
    let (width, height) = (scene.width, scene.height);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"DejaVu Sans, Verdana, sans-serif\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    for item in &scene.items {
        // Writing to a string does not fail.
        let _ = write_item(&mut out, item);
    }
    out.push_str("</svg>\n");
    out
}

fn hex(Color([r, g, b]): Color) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// A coordinate: at most two decimals, without trailing zeros.
fn short(x: f64) -> f64 {
    (x * 100.0).round() / 100.0
}

fn write_item(out: &mut String, item: &Item) -> std::fmt::Result {
    match item {
        Item::Fill { rect, color } => writeln!(
            out,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"/>",
            short(rect.x),
            short(rect.y),
            short(rect.width).max(0.01),
            short(rect.height).max(0.01),
            hex(*color)
        ),
        Item::Polyline { points, width, color } => {
            out.push_str("<polyline fill=\"none\" stroke-linejoin=\"round\" points=\"");
            for (x, y) in points {
                write!(out, "{},{} ", short(*x), short(*y))?;
            }
            writeln!(out, "\" stroke=\"{}\" stroke-width=\"{width}\"/>", hex(*color))
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
                "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\" text-anchor=\"{anchor}\" fill=\"{}\"{weight}{turn}>{}</text>",
                font::size(*style),
                hex(*color),
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

/// Text that may stand in a document: markup is escaped, control characters are left out.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for position in 0..4 {
            if position <= chunk.len() {
                let digit = (group >> (18 - 6 * position)) & 63;
                out.push(char::from(DIGITS[digit as usize]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_follows_the_examples_of_the_standard() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn markup_in_titles_is_escaped() {
        assert_eq!(escape("a<b> & \u{7}c"), "a&lt;b&gt; &amp; c");
    }
}
