"""Writes glyphs.png and src/plots/glyphs.rs: DejaVu Sans 2.37 as bitmaps for the text of PNG figures.

Needs Pillow and the DejaVu fonts: `python generate_font.py FOLDER_OF_THE_FONTS`. One band of glyphs per
style; a glyph's cell has one pixel of margin on each side and reaches from ascent to descent.
"""

import pathlib
import sys

from PIL import Image, ImageDraw, ImageFont

CHARACTERS = "".join(map(chr, range(32, 127))) + "\u00b1\u00b2\u00b5\u00d7\u0394\u2013\u2026\u2264\u2265"
STYLES = [("DejaVuSans.ttf", 23), ("DejaVuSans.ttf", 26), ("DejaVuSans-Bold.ttf", 30)]
MARGIN = 1

fonts = [ImageFont.truetype(f"{sys.argv[1]}/{name}", size) for name, size in STYLES]
heights = [sum(f.getmetrics()) for f in fonts]
widths = [[round(f.getlength(c)) for c in CHARACTERS] for f in fonts]
atlas = Image.new("L", (max(sum(w) + 2 * MARGIN * len(w) for w in widths), sum(heights)))
draw = ImageDraw.Draw(atlas)
top = 0
for font, height, row in zip(fonts, heights, widths):
    x = 0
    for character, width in zip(CHARACTERS, row):
        cell = Image.new("L", (width + 2 * MARGIN, height))
        ImageDraw.Draw(cell).text((MARGIN, 0), character, font=font, fill=255)
        atlas.paste(cell, (x, top))
        x += width + 2 * MARGIN
    top += height
here = pathlib.Path(__file__).parent
atlas.save(here / "glyphs.png", optimize=True)

lines = [
    "//! Metrics of the glyphs in `assets/glyphs.png`; written by `assets/generate_font.py`.",
    "",
    "/// Characters of the atlas, in order.",
    "pub(super) const CHARACTERS: &str = " + '"' + "".join("\\" + c if c in '"\\' else c for c in CHARACTERS) + '";',
    "/// Pixels around each glyph.",
    f"pub(super) const MARGIN: usize = {MARGIN};",
    "/// Baseline below the top of a band, per style, in pixels.",
    f"pub(super) const ASCENTS: [usize; {len(fonts)}] = {[f.getmetrics()[0] for f in fonts]};",
    "/// Height of a band, per style, in pixels.",
    f"pub(super) const HEIGHTS: [usize; {len(fonts)}] = {heights};",
    "/// Advance of every character, per style, in pixels.",
    f"pub(super) const ADVANCES: [[u8; {len(CHARACTERS)}]; {len(fonts)}] = {widths};",
]
(here.parent / "src" / "plots" / "glyphs.rs").write_text("\n".join(lines) + "\n")
print(atlas.size, (here / "glyphs.png").stat().st_size)
