//! Notes over time and key.

use mir_core::{Key, KeyRange, Note};

use crate::{
    Error, Result,
    transcription::{NotePair, TranscriptionConfig, judged_pairs},
};

use super::{
    Figure, MAX_SIDE,
    axis::{LegendEntry, Panel, heading, snap},
    check_range, check_size,
    scene::{Color, Rect, Scene},
};

/// What a piano roll shows and how large.
#[derive(Clone, Debug, PartialEq)]
pub struct RollPlot {
    /// Width of the figure and height of one row of it, pixels.
    pub size: (u32, u32),
    /// Title; may be empty.
    pub title: String,
    /// Seconds to show, from and to; `None` shows everything.
    pub range: Option<(f64, f64)>,
    /// Keys to show; `None` shows those that occur, at least two octaves.
    pub keys: Option<KeyRange>,
    /// Longer pieces are broken into rows of this many seconds, like a score; `None` takes 30 s, or more
    /// where that would give more than twelve rows.
    pub seconds_per_row: Option<f64>,
    /// When a note counts as right.
    pub tolerances: TranscriptionConfig,
}

impl Default for RollPlot {
    fn default() -> Self {
        Self {
            size: (1200, 400),
            title: String::new(),
            range: None,
            keys: None,
            seconds_per_row: None,
            tolerances: TranscriptionConfig::default(),
        }
    }
}

/// What became of a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// There is no reference to compare with.
    Plain,
    Hit,
    OffsetError,
    Missed,
    Extra,
}

impl Kind {
    fn color(self) -> Color {
        match self {
            Self::Plain | Self::Hit => Color::BLUE,
            Self::OffsetError => Color::SKY,
            Self::Missed => Color::ORANGE,
            Self::Extra => Color::VERMILLION,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Plain => "notes",
            Self::Hit => "hit",
            Self::OffsetError => "offset error",
            Self::Missed => "missed",
            Self::Extra => "extra",
        }
    }
}

struct Bar<'a> {
    note: &'a Note,
    kind: Kind,
    /// Where the reference ends, for notes whose offset is wrong.
    true_offset: Option<f64>,
}

/// Draws notes as bars over time (seconds, left to right) and key (bottom to top).
///
/// With a reference, notes are matched as [`transcription`](crate::transcription) does. Bars are
/// - full blue: a *hit*; onset, pitch and offset are right;
/// - light blue with a bracket: an *offset error*; the note is right but ends too early or too late, and
///   the bracket ends where it should;
/// - hollow orange: *missed*, in the reference only;
/// - full red: *extra*, in the estimate only.
///
/// Without one, all notes are blue, paler where softer. Every onset has a dark edge, so that repeated
/// notes can be told apart. The legend counts the notes shown.
///
/// # Errors
/// [`Error::Config`] for a size, range or tolerance that is not admissible.
pub fn piano_roll(
    reference: Option<&[Note]>,
    estimate: &[Note],
    plot: &RollPlot,
) -> Result<Figure> {
    check_size(plot.size)?;
    let bars = bars(reference, estimate, &plot.tolerances)?;
    let end = bars.iter().map(|bar| bar.note.offset()).fold(0.0, f64::max);
    let range = plot.range.unwrap_or((0.0, if end > 0.0 { end } else { 1.0 }));
    check_range("range", range)?;
    let shown = |bar: &&Bar<'_>| bar.note.onset() < range.1 && bar.note.offset() >= range.0;
    let bars: Vec<&Bar<'_>> = bars.iter().filter(shown).collect();
    let keys = plot.keys.unwrap_or_else(|| key_range(&bars));
    let seconds = match plot.seconds_per_row {
        Some(seconds) => seconds,
        None => seconds_per_row(range.1 - range.0),
    };
    let rows = ((range.1 - range.0) / seconds).ceil();
    let height = f64::from(plot.size.1) * rows;
    if !(seconds > 0.0 && height <= f64::from(MAX_SIDE)) {
        return Err(Error::Config {
            field: "seconds_per_row",
            expected: "above 0, and not so short that the rows are higher than 8192 pixels together",
            actual: seconds,
        });
    }
    let rows = rows.max(1.0) as usize;

    let (width, row_height) = (f64::from(plot.size.0), f64::from(plot.size.1));
    let (left, right, below) = (58.0, 18.0, 24.0);
    let mut scene = Scene::new((plot.size.0, height.max(row_height) as u32));
    let kinds: &[Kind] = match reference {
        Some(_) => &[Kind::Hit, Kind::OffsetError, Kind::Missed, Kind::Extra],
        None => &[Kind::Plain],
    };
    let signs = kinds
        .iter()
        .map(|&kind| move |scene: &mut Scene, rect| bar(scene, rect, kind, kind.color()));
    let signs: Vec<_> = signs.collect();
    let legend: Vec<LegendEntry<'_>> = (kinds.iter().zip(&signs))
        .map(|(&kind, sign)| {
            let count = bars.iter().filter(|bar| bar.kind == kind).count();
            (sign as &dyn Fn(&mut Scene, Rect), format!("{count} {}", kind.name()))
        })
        .collect();
    let top = 12.0;
    let head = heading(&mut scene, (left, top), width - left - right, &plot.title, &legend);
    // The rows share what title and axis name leave.
    let share = (f64::from(scene.height) - top - head - 18.0) / rows as f64;
    for row in 0..rows {
        let start = range.0 + row as f64 * seconds;
        let end = (start + seconds).min(range.1);
        let full = width - left - right;
        let fraction = if rows > 1 { (end - start) / seconds } else { 1.0 };
        let panel = Panel {
            rect: Rect {
                x: left,
                y: snap(top + head + row as f64 * share),
                width: snap((full * fraction).max(20.0)),
                height: snap(share - below),
            },
            x: (start, end),
            y: (f64::from(keys.low().number()) - 0.5, f64::from(keys.high().number()) + 0.5),
        };
        draw_row(&mut scene, &panel, keys, &bars);
        let last = row + 1 == rows;
        panel.name_axes(&mut scene, if last { "time (s)" } else { "" }, "key", 42.0);
    }
    Ok(Figure { scene })
}

/// All notes with what became of them: the missed ones first, so that nothing is hidden below them.
fn bars<'a>(
    reference: Option<&'a [Note]>,
    estimate: &'a [Note],
    tolerances: &TranscriptionConfig,
) -> Result<Vec<Bar<'a>>> {
    let bar = |note, kind| Bar { note, kind, true_offset: None };
    let Some(reference) = reference else {
        return Ok(estimate.iter().map(|note| bar(note, Kind::Plain)).collect());
    };
    let (r, e) = (with_length(reference), with_length(estimate));
    let mut missed = vec![true; reference.len()];
    let mut judged: Vec<Bar<'_>> = estimate.iter().map(|note| bar(note, Kind::Extra)).collect();
    for NotePair { reference: i, estimate: j, offset } in judged_pairs(&r, &e, tolerances)? {
        missed[i] = false;
        if offset {
            judged[j].kind = Kind::Hit;
        } else {
            judged[j].kind = Kind::OffsetError;
            judged[j].true_offset = Some(reference[i].offset());
        }
    }
    let missed = reference.iter().zip(missed).filter(|&(_, missed)| missed);
    let mut bars: Vec<Bar<'_>> = missed.map(|(note, _)| bar(note, Kind::Missed)).collect();
    bars.append(&mut judged);
    Ok(bars)
}

/// The notes, those of no length with one of a millisecond: the metrics want notes that last.
fn with_length(notes: &[Note]) -> Vec<Note> {
    let lengthen = |note: &Note| {
        let offset = note.offset().max(note.onset() + 1e-3);
        Note::new(note.onset(), offset, note.pitch(), note.velocity()).unwrap_or(*note)
    };
    notes.iter().map(lengthen).collect()
}

/// The keys that occur with two on each side, at least two octaves.
fn key_range(bars: &[&Bar<'_>]) -> KeyRange {
    let keys = || bars.iter().filter_map(|bar| bar.note.pitch().key());
    let (low, high) = match (keys().min(), keys().max()) {
        (Some(low), Some(high)) => (i32::from(low.number()) - 2, i32::from(high.number()) + 2),
        _ => (48, 72),
    };
    let missing = (24 - (high - low)).max(0);
    let key = |number: i32| Key::new(number.clamp(0, 127) as u8);
    let range = |low, high| KeyRange::new(key(low)?, key(high)?);
    range(low - missing / 2, high + (missing + 1) / 2).unwrap_or(KeyRange::PIANO)
}

/// Length of a row: all of a short piece, otherwise 30 s or whatever gives at most twelve rows.
fn seconds_per_row(total: f64) -> f64 {
    if total <= 40.0 { total } else { ((total / 12.0 / 10.0).ceil() * 10.0).max(30.0) }
}

fn draw_row(scene: &mut Scene, panel: &Panel, keys: KeyRange, bars: &[&Bar<'_>]) {
    let key_height = panel.rect.height / keys.len() as f64;
    let is_black = |key: Key| matches!(key.number() % 12, 1 | 3 | 6 | 8 | 10);
    for key in keys.keys() {
        let number = f64::from(key.number());
        if is_black(key) && key_height >= 2.5 {
            let lane = Rect {
                x: panel.rect.x,
                y: panel.y_at(number + 0.5),
                width: panel.rect.width,
                height: key_height,
            };
            scene.fill(lane, Color::SHADE);
        }
        if key.number().is_multiple_of(12) && key > keys.low() {
            panel.horizontal(scene, number - 0.5, Color::GRID);
        }
    }
    let ticks = panel.x_ticks();
    for (value, _) in &ticks {
        panel.vertical(scene, *value, Color::GRID);
    }
    for bar in bars {
        draw_bar(scene, panel, bar, key_height);
    }
    panel.frame(scene);
    panel.label_x(scene, &ticks);
    let octaves = if key_height * 12.0 >= 13.0 { 12 } else { 24 };
    let labelled = |key: &Key| key_height >= 12.0 || key.number().is_multiple_of(octaves);
    let names: Vec<(f64, String)> = (keys.keys().filter(labelled))
        .map(|key| (f64::from(key.number()), key.to_string()))
        .collect();
    panel.label_y(scene, &names);
}

fn draw_bar(scene: &mut Scene, panel: &Panel, bar_: &Bar<'_>, key_height: f64) {
    let note = bar_.note;
    let height = (0.82 * key_height).max(1.5);
    let middle = panel.y_at(note.pitch().midi());
    let lane = |onset: f64, offset: f64| Rect {
        x: panel.x_at(onset),
        y: middle - height / 2.0,
        width: (panel.x_at(offset) - panel.x_at(onset)).max(1.0),
        height,
    };
    if let Some(rect) = lane(note.onset(), note.offset()).clipped(&panel.rect) {
        let color = match bar_.kind {
            Kind::Plain => Color::BLUE.tint(0.35 + 0.65 * note.velocity().unit()),
            kind => kind.color(),
        };
        bar(scene, rect, bar_.kind, color);
        let edge = Rect { width: (rect.width / 3.0).min(1.5), ..rect };
        if note.onset() >= panel.x.0 && bar_.kind != Kind::Missed {
            scene.fill(edge, dark(color));
        }
    }
    // A line through the middle to the true offset, and a stop there.
    if let Some(offset) = bar_.true_offset {
        let (from, to) =
            if offset < note.offset() { (offset, note.offset()) } else { (note.offset(), offset) };
        let whole = lane(from, to);
        let thread = Rect { y: middle - 0.5, height: 1.0, ..whole };
        let stop = Rect { x: panel.x_at(offset) - 0.75, width: 1.5, ..whole };
        for part in [thread, stop] {
            if let Some(part) = part.clipped(&panel.rect) {
                scene.fill(part, Color::EDGE);
            }
        }
    }
}

/// One bar, also as a sign in the legend.
fn bar(scene: &mut Scene, rect: Rect, kind: Kind, color: Color) {
    if kind == Kind::Missed {
        scene.fill(rect, Color::HOLLOW);
        scene.outline(rect, 1.5, color);
    } else {
        scene.fill(rect, color);
    }
}

fn dark(color: Color) -> Color {
    Color(color.0.map(|c| (f64::from(c) * 0.55) as u8))
}

#[cfg(test)]
mod tests {
    use mir_core::Velocity;

    use super::*;

    fn note(key: u8, onset: f64, offset: f64) -> Note {
        Note::new(onset, offset, Key::new(key).unwrap().pitch(), Velocity::MEDIUM).unwrap()
    }

    #[test]
    fn every_note_has_one_fate() {
        let reference =
            [note(60, 0.0, 1.0), note(62, 1.0, 2.0), note(64, 2.0, 3.0), note(65, 3.0, 3.0)];
        let estimate =
            [note(60, 0.01, 1.0), note(62, 1.0, 1.2), note(66, 2.0, 3.0), note(65, 3.0, 3.0)];
        let bars = bars(Some(&reference), &estimate, &TranscriptionConfig::default()).unwrap();
        let kinds: Vec<Kind> = bars.iter().map(|bar| bar.kind).collect();
        assert_eq!(kinds, [Kind::Missed, Kind::Hit, Kind::OffsetError, Kind::Extra, Kind::Hit]);
        assert_eq!(bars[2].true_offset, Some(2.0));
    }

    #[test]
    fn long_pieces_are_broken_into_rows() {
        assert!((seconds_per_row(25.0) - 25.0).abs() < 1e-12);
        assert!((seconds_per_row(300.0) - 30.0).abs() < 1e-12);
        assert!((seconds_per_row(3600.0) - 300.0).abs() < 1e-12);
    }

    #[test]
    fn at_least_two_octaves_are_shown() {
        let (a, b, c) = (note(60, 0.0, 1.0), note(0, 0.0, 1.0), note(127, 0.0, 1.0));
        let range = |notes: &[&Note]| {
            let bars: Vec<Bar<'_>> = (notes.iter())
                .map(|note| Bar { note, kind: Kind::Plain, true_offset: None })
                .collect();
            key_range(&bars.iter().collect::<Vec<_>>())
        };
        assert_eq!(range(&[&a]).len(), 25);
        assert_eq!(range(&[&b, &c]), KeyRange::MIDI);
        assert_eq!(range(&[]).low(), Key::new(48).unwrap());
    }
}
