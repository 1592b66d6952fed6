//! Framewise pitches of a reference and an estimate.

use mir_core::{F0Track, Pitch};
use ndarray::ArrayRef2;

use crate::Result;

use super::{
    Figure,
    axis::{Axes, LegendEntry, Panel, extent, square},
    check_range, check_size, font,
    matrix::{paint, value_extent},
    scene::{Color, Rect, Scene, Style},
};

/// The pitches of one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PitchFrame {
    /// Time in seconds.
    pub time: f64,
    /// What is there.
    pub reference: Vec<Pitch>,
    /// What was found.
    pub estimate: Vec<Pitch>,
    /// What would have been found if anything were there: the guesses of a frame that the estimate calls
    /// unvoiced.
    pub guesses: Vec<Pitch>,
}

impl PitchFrame {
    /// The frames of two melodies, at the times of the reference; the estimate is taken at the time
    /// nearest to it, if there is one within half a second. A pitch with a voicing below 0.5 is a guess.
    pub fn pair(reference: &F0Track, estimate: &F0Track) -> Vec<Self> {
        let found = estimate.frames();
        let nearest = |time: f64| {
            let right = found.partition_point(|frame| frame.time < time);
            let around = &found[right.saturating_sub(1)..(right + 1).min(found.len())];
            let distance = |frame: &&mir_core::F0Frame| (frame.time - time).abs();
            let close = around.iter().filter(|frame| distance(frame) <= 0.5);
            close.min_by(|a, b| distance(a).total_cmp(&distance(b)))
        };
        let frame = |truth: &mir_core::F0Frame| {
            let heard = nearest(truth.time);
            let pitch = |voiced: bool| {
                let frame = heard.filter(|frame| (frame.voicing >= 0.5) == voiced);
                frame.and_then(|frame| frame.pitch).into_iter().collect()
            };
            Self {
                time: truth.time,
                reference: truth.pitch.filter(|_| truth.voicing > 0.0).into_iter().collect(),
                estimate: pitch(true),
                guesses: pitch(false),
            }
        };
        reference.frames().iter().map(frame).collect()
    }
}

/// What a roll of pitches shows and how large.
#[derive(Clone, Debug, PartialEq)]
pub struct PitchPlot {
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// Title; may be empty. Scores go well here.
    pub title: String,
    /// Seconds to show, from and to; `None` shows everything.
    pub range: Option<(f64, f64)>,
    /// MIDI numbers to show, from and to; `None` shows what occurs.
    pub pitches: Option<(f64, f64)>,
    /// An estimate is right within this many semitones.
    pub tolerance: f64,
    /// MIDI numbers at the lower and upper edge of the salience.
    pub salience_range: (f64, f64),
}

impl Default for PitchPlot {
    fn default() -> Self {
        Self {
            size: (1100, 560),
            title: String::new(),
            range: None,
            pitches: None,
            tolerance: 0.5,
            salience_range: (21.0, 109.0),
        }
    }
}

/// What an estimated pitch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Right,
    Octave,
    Wrong,
    NothingThere,
}

impl Fate {
    const ALL: [Self; 4] = [Self::Right, Self::Octave, Self::Wrong, Self::NothingThere];

    /// The colours of the estimate and, paler, of a guess.
    fn color(self, guess: bool) -> Color {
        Color(match (self, guess) {
            (Self::Right, false) => [0x02, 0xc3, 0x9a],
            (Self::Octave, false) => [0xf4, 0xa7, 0x45],
            (Self::Wrong, false) => [0xff, 0x43, 0x65],
            (Self::NothingThere, false) => [0xa0, 0x24, 0x7b],
            (Self::Right, true) => [0xd1, 0xf4, 0xec],
            (Self::Octave, true) => [0xfa, 0xde, 0xb9],
            (Self::Wrong, true) => [0xff, 0xcb, 0xd5],
            (Self::NothingThere, true) => [0x24, 0x7b, 0xa0],
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Octave => "octave error",
            Self::Wrong => "wrong pitch",
            Self::NothingThere => "nothing there",
        }
    }
}

const REFERENCE: Color = Color([0x16, 0x19, 0x25]);

/// Right if any reference is near, otherwise an octave error if any is a whole number of octaves away.
fn fate(pitch: Pitch, reference: &[Pitch], tolerance: f64) -> Fate {
    let any = |near: &dyn Fn(f64) -> bool| reference.iter().any(|r| near(pitch.midi() - r.midi()));
    if reference.is_empty() {
        Fate::NothingThere
    } else if any(&|d| d.abs() <= tolerance) {
        Fate::Right
    } else if any(&|d| (d - 12.0 * (d / 12.0).round()).abs() <= tolerance) {
        Fate::Octave
    } else {
        Fate::Wrong
    }
}

/// Draws framewise pitches over time (seconds, left to right) and pitch (MIDI numbers, bottom to top): the
/// reference in near black, the estimate over it in the colour of what became of it, guesses of unvoiced
/// frames as small pale dots. The legend counts what is shown.
///
/// With a `salience` `[frames, bins]` over the same span of time, a second diagram below shows it.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) for a size or range that is not admissible.
pub fn pitch_roll(
    frames: &[PitchFrame],
    salience: Option<&ArrayRef2<f32>>,
    plot: &PitchPlot,
) -> Result<Figure> {
    check_size(plot.size)?;
    crate::error::check_tolerance("tolerance", plot.tolerance)?;
    check_range("salience_range", plot.salience_range)?;
    let x = plot.range.unwrap_or_else(|| extent(frames.iter().map(|f| f.time), 0.0));
    check_range("range", x)?;
    let shown: Vec<&PitchFrame> =
        frames.iter().filter(|frame| (x.0..=x.1).contains(&frame.time)).collect();
    let everything = || shown.iter().flat_map(|f| f.reference.iter().chain(&f.estimate));
    let y = plot.pitches.unwrap_or_else(|| {
        let (low, high) = extent(everything().map(|p| p.midi()), 0.0);
        (low - 1.5, high + 1.5)
    });
    check_range("pitches", y)?;

    let mut scene = Scene::new(plot.size);
    let entries = legend(&shown, plot.tolerance);
    let signs: Vec<_> = entries.iter().map(|&(color, _)| square(color)).collect();
    let legend: Vec<LegendEntry<'_>> = (entries.iter().zip(&signs))
        .map(|((_, text), sign)| (sign as &dyn Fn(&mut Scene, Rect), text.clone()))
        .collect();
    let whole = scene.area();
    let numbers = font::width("100", Style::Small);
    let share = if salience.is_some() { 0.58 } else { 1.0 };
    let upper = Rect { height: share * whole.height, ..whole };
    let axes = Axes {
        title: &plot.title,
        x_label: if salience.is_some() { "" } else { "time (s)" },
        y_label: "pitch (MIDI number)",
        x,
        y,
        right: 18.0,
        numbers,
        ..Axes::default()
    };
    let diagram = axes.open(&mut scene, upper, &legend);
    diagram.grid(&mut scene);
    draw_marks(&mut scene, &diagram.panel, &shown, plot.tolerance);
    diagram.close(&mut scene);
    if let Some(salience) = salience {
        let lower = Rect { y: upper.bottom(), height: whole.bottom() - upper.bottom(), ..whole };
        let axes = Axes {
            x_label: "time (s)",
            y_label: "salience",
            x,
            y: plot.salience_range,
            right: 18.0,
            numbers,
            ..Axes::default()
        };
        let diagram = axes.open(&mut scene, lower, &[]);
        if !salience.is_empty() {
            paint(&mut scene, &diagram.panel.rect, salience, value_extent(salience));
        }
        diagram.close(&mut scene);
    }
    Ok(Figure { scene })
}

/// Colours and texts with counts; kinds of guesses that do not occur are left out.
fn legend(frames: &[&PitchFrame], tolerance: f64) -> Vec<(Color, String)> {
    let count = |of: fn(&PitchFrame) -> &[Pitch], wanted: Fate| {
        let fates = frames.iter().flat_map(|frame| {
            of(frame).iter().map(|&pitch| fate(pitch, &frame.reference, tolerance))
        });
        fates.filter(|&fate| fate == wanted).count()
    };
    let references: usize = frames.iter().map(|frame| frame.reference.len()).sum();
    let mut entries = vec![(REFERENCE, format!("{references} reference"))];
    for kind in Fate::ALL {
        let found = count(|frame| &frame.estimate, kind);
        entries.push((kind.color(false), format!("{found} {}", kind.name())));
    }
    for kind in Fate::ALL {
        let guessed = count(|frame| &frame.guesses, kind);
        if guessed > 0 {
            entries.push((kind.color(true), format!("{guessed} unvoiced, {}", kind.name())));
        }
    }
    entries
}

/// The reference below, then guesses, then the estimate.
fn draw_marks(scene: &mut Scene, panel: &Panel, frames: &[&PitchFrame], tolerance: f64) {
    // A mark is as wide as its frame and half a semitone high, but never invisible.
    let step = match frames {
        [first, .., last] => (last.time - first.time) / (frames.len() - 1) as f64,
        _ => panel.x.1 - panel.x.0,
    };
    let width = (step / (panel.x.1 - panel.x.0) * panel.rect.width).clamp(1.0, 12.0);
    let semitone = panel.rect.height / (panel.y.1 - panel.y.0);
    let mut mark = |time: f64, pitch: Pitch, (width, height): (f64, f64), color: Color| {
        let (x, y) = (panel.x_at(time), panel.y_at(pitch.midi()));
        let rect = Rect { x: x - width / 2.0, y: y - height / 2.0, width, height };
        if let Some(rect) = rect.clipped(&panel.rect) {
            scene.fill(rect, color);
        }
    };
    let high = (0.9 * semitone).clamp(3.0, 10.0);
    for frame in frames {
        frame.reference.iter().for_each(|&p| mark(frame.time, p, (width, high), REFERENCE));
    }
    for frame in frames {
        for &pitch in &frame.guesses {
            let color = fate(pitch, &frame.reference, tolerance).color(true);
            mark(frame.time, pitch, (1.5, 1.5), color);
        }
    }
    for frame in frames {
        for &pitch in &frame.estimate {
            let color = fate(pitch, &frame.reference, tolerance).color(false);
            mark(frame.time, pitch, (width, 0.6 * high), color);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_references_are_judged_kindly() {
        let pitch = |midi: f64| Pitch::from_midi(midi).unwrap();
        let reference = [pitch(60.0), pitch(64.0)];
        let judge = |midi| fate(pitch(midi), &reference, 0.5);
        assert_eq!(judge(64.4), Fate::Right);
        assert_eq!(judge(72.3), Fate::Octave);
        assert_eq!(judge(40.0), Fate::Octave);
        assert_eq!(judge(62.0), Fate::Wrong);
        assert_eq!(fate(pitch(60.0), &[], 0.5), Fate::NothingThere);
    }
}
