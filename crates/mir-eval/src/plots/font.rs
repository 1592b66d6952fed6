//! Text as bitmaps.

use std::sync::OnceLock;

use super::{
    glyphs::{ADVANCES, ASCENTS, CHARACTERS, HEIGHTS, MARGIN},
    scene::Style,
};

/// Dots per pixel, in each direction: the size that the glyphs were drawn for.
pub(super) const SCALE: f64 = 2.0;

/// Sizes of the styles in pixels.
pub(super) fn size(style: Style) -> f64 {
    match style {
        Style::Small => 11.5,
        Style::Label => 13.0,
        Style::Title => 15.0,
    }
}

/// Place of a character in the atlas; what it lacks is shown as `?`, and the minus sign as a dash.
fn index_of(character: char) -> usize {
    let character = if character == '−' { '–' } else { character };
    let find = |wanted| CHARACTERS.chars().position(|c| c == wanted);
    find(character).or_else(|| find('?')).unwrap_or(0)
}

/// Width of a text in pixels.
pub(super) fn width(text: &str, style: Style) -> f64 {
    let advances = &ADVANCES[style as usize];
    let dots: f64 = text.chars().map(|c| f64::from(advances[index_of(c)])).sum();
    dots / SCALE
}

/// The text that fits into a width: shortened with an ellipsis if it is longer.
pub(super) fn fitted(text: &str, style: Style, room: f64) -> String {
    if width(text, style) <= room {
        return text.to_owned();
    }
    let mut short = String::new();
    for character in text.chars() {
        short.push(character);
        if width(&short, style) + width("…", style) > room {
            short.pop();
            break;
        }
    }
    short.push('…');
    short
}

/// Coverage of a text: rows of `width` bytes, 255 for full ink.
pub(super) struct Bitmap {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Row of the baseline.
    pub(super) ascent: usize,
    /// Column where the text starts: glyphs may reach a little to the left of it.
    pub(super) origin: usize,
    pub(super) ink: Vec<u8>,
}

/// Draws a text.
pub(super) fn draw(text: &str, style: Style) -> Bitmap {
    let style = style as usize;
    let atlas = atlas();
    let top: usize = HEIGHTS[..style].iter().sum();
    let advance = |index: usize| usize::from(ADVANCES[style][index]);
    let indices: Vec<usize> = text.chars().map(index_of).collect();
    let width = indices.iter().map(|&i| advance(i)).sum::<usize>() + 2 * MARGIN;
    let height = HEIGHTS[style];
    let mut ink = vec![0; width * height];
    let mut pen = 0;
    for index in indices {
        let cell = advance(index) + 2 * MARGIN;
        let left: usize = (0..index).map(|i| advance(i) + 2 * MARGIN).sum();
        for row in 0..height {
            let source = &atlas.ink[(top + row) * atlas.width + left..][..cell];
            let target = &mut ink[row * width + pen..][..cell];
            for (t, &s) in target.iter_mut().zip(source) {
                // Neighbouring cells overlap by their margins.
                *t = s.max(*t);
            }
        }
        pen += advance(index);
    }
    Bitmap { width, height, ascent: ASCENTS[style], origin: MARGIN, ink }
}

struct Atlas {
    width: usize,
    ink: Vec<u8>,
}

/// The glyphs, decoded once.
fn atlas() -> &'static Atlas {
    static ATLAS: OnceLock<Atlas> = OnceLock::new();
    ATLAS.get_or_init(|| {
        let file = std::io::Cursor::new(include_bytes!("../../assets/glyphs.png"));
        let decode = || {
            let mut reader = png::Decoder::new(file).read_info().ok()?;
            let mut ink = vec![0; reader.output_buffer_size()?];
            let frame = reader.next_frame(&mut ink).ok()?;
            Some(Atlas { width: frame.width as usize, ink })
        };
        decode().expect("the built-in glyphs are an 8-bit grey PNG")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_lies_in_the_atlas() {
        let columns = |style: usize| -> usize {
            ADVANCES[style].iter().map(|&a| usize::from(a) + 2 * MARGIN).sum()
        };
        let rows: usize = HEIGHTS.iter().sum();
        assert_eq!(atlas().ink.len(), atlas().width * rows);
        assert!((0..HEIGHTS.len()).all(|style| columns(style) <= atlas().width));
        assert_eq!(CHARACTERS.chars().count(), ADVANCES[0].len());
        let inked = |c: char| draw(&c.to_string(), Style::Small).ink.iter().any(|&i| i > 128);
        assert!(CHARACTERS.chars().filter(|&c| c != ' ').all(inked));
    }

    #[test]
    fn unknown_characters_and_long_texts_are_shown_somehow() {
        assert_eq!(draw("\u{4e00}", Style::Label).ink, draw("?", Style::Label).ink);
        let short = fitted("a rather long title of a picture", Style::Title, 80.0);
        assert!(short.ends_with('…') && width(&short, Style::Title) <= 80.0);
        assert_eq!(fitted("short", Style::Title, 80.0), "short");
    }
}
