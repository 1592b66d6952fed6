//! The error analysis of a transcriber on some pieces, as one page.

use mir_core::{Key, Note};

use super::{Cell, Grid, Page, Sound, Table};
use crate::{
    Result,
    analysis::{
        Analysis, Bin, ClassCounts, NoteClass, NoteQuality, Passage, PassageOrder, PrecisionRecall,
        ThresholdCounts, binned, confusions,
    },
    plots::{
        BarSeries, BarsPlot, CurvesPlot, Figure, OperatingPoint, RollPlot, Series, bars, curves,
        piano_roll, precision_recall,
    },
};

/// Width of all pictures in pixels: that of the page.
const WIDTH: u32 = 1000;

/// Everything that the page shows. Parts that are empty are named as such in the page.
#[derive(Clone, Debug)]
pub struct TranscriptionReport {
    /// Title of the page.
    pub title: String,
    /// What was scored, with what, and how: names and values.
    pub facts: Vec<(String, String)>,
    /// All settings as text, may be empty.
    pub settings: String,
    /// Scores of the pieces; intervals are shown if the table has them.
    pub scores: Table,
    /// Columns of the table whose means stand in the sentence below the title.
    pub headline: Vec<String>,
    /// Series over training steps, one picture each.
    pub curves: Vec<(CurvesPlot, Vec<Series>)>,
    /// The pieces, in the order of the table.
    pub pieces: Vec<ReportPiece>,
    /// Precision and recall over onset thresholds, and the threshold behind the scores.
    pub thresholds: Option<(PrecisionRecall, f64)>,
    /// The passages to look at and to listen to, the worst first.
    pub passages: Vec<ReportPassage>,
}

/// A piece and what became of its notes.
#[derive(Clone, Debug)]
pub struct ReportPiece {
    /// Name.
    pub name: String,
    /// The true notes.
    pub reference: Vec<Note>,
    /// The notes that were heard.
    pub estimate: Vec<Note>,
    /// Their classes.
    pub analysis: Analysis,
    /// Whether the velocities of the estimate mean something.
    pub has_velocity: bool,
}

/// A passage and how it sounds.
#[derive(Clone, Debug)]
pub struct ReportPassage {
    /// Index of the piece.
    pub piece: usize,
    /// Where it is.
    pub passage: Passage,
    /// What is to be heard, the recording and the estimate say.
    pub sounds: Vec<Sound>,
}

impl TranscriptionReport {
    /// The page.
    ///
    /// # Errors
    /// [`Error::Length`](crate::Error::Length) if an analysis is of other notes;
    /// [`Error::EmptyNote`](crate::Error::EmptyNote) and [`Error::Config`](crate::Error::Config) for what cannot
    /// be drawn.
    ///
    /// # Panics
    /// If a passage names a piece that is not there.
    pub fn html(&self) -> Result<String> {
        let mut page = Page::new(&self.title, &self.lead());
        page.section("run", "Run");
        page.facts(&self.facts);
        if !self.settings.is_empty() {
            page.folded("All settings", |page| page.verbatim(&self.settings));
        }
        self.write_scores(&mut page);
        self.write_training(&mut page)?;
        self.write_thresholds(&mut page)?;
        self.write_classes(&mut page)?;
        self.write_confusions(&mut page);
        self.write_qualities(&mut page)?;
        self.write_passages(&mut page)?;
        Ok(page.finish())
    }

    /// The means in a sentence.
    fn lead(&self) -> String {
        let pieces = match self.scores.rows().len() {
            0 => return "No piece was scored.".to_owned(),
            1 => "1 piece".to_owned(),
            n => format!("{n} pieces"),
        };
        let columns = self.scores.columns();
        let means = self.headline.iter().filter_map(|name| {
            let index = columns.iter().position(|column| column == name)?;
            Some(format!("{name} {:.3}", self.scores.summary(index).ok()?.mean))
        });
        sentence(&format!("{} over {pieces}.", means.collect::<Vec<_>>().join(", ")))
    }

    fn write_scores(&self, page: &mut Page) {
        page.section("scores", "Scores by piece");
        if self.scores.rows().is_empty() {
            page.paragraph("No piece was scored.");
            return;
        }
        let columns = self.scores.columns();
        let mut rows: Vec<(String, Vec<Cell>)> = Vec::new();
        for row in self.scores.rows() {
            rows.push((row.name.clone(), row.values.iter().map(|&v| Cell::number(v, 3)).collect()));
        }
        let mean = |index| self.scores.summary(index).ok().map(|summary| summary.mean);
        let means = (0..columns.len()).map(|index| Cell::number(mean(index), 3));
        rows.push(("mean".to_owned(), means.collect()));
        let mut totals = 1;
        let mut caption = "Definitions of mir_eval; the mean is over the pieces".to_owned();
        if let Some(config) = self.scores.resampling() {
            let interval = |index| match self.scores.interval(index) {
                Ok(Some(interval)) => Cell::Interval(interval.low, interval.high, 3),
                _ => Cell::Empty,
            };
            let percent = 100.0 * config.level;
            let intervals = (0..columns.len()).map(interval);
            rows.push((format!("{percent} % interval"), intervals.collect()));
            totals = 2;
            caption += &format!(
                ", its interval by drawing pieces {} times with replacement (needs two pieces)",
                config.resamples
            );
        }
        let columns = ["piece".to_owned()].into_iter().chain(columns.iter().cloned()).collect();
        page.table(&Grid { caption: caption + ".", columns, rows, totals });
    }

    fn write_training(&self, page: &mut Page) -> Result<()> {
        page.section("training", "Training");
        if self.curves.is_empty() {
            page.paragraph("No log of a training lies beside the weights.");
        }
        for (plot, series) in &self.curves {
            let names: Vec<&str> = series.iter().map(|s| s.name.as_str()).collect();
            let caption =
                sentence(&format!("{} over {}: {}.", plot.y_label, plot.x_label, names.join(", ")));
            let plot = CurvesPlot { size: (WIDTH, 300), ..plot.clone() };
            page.figure(&curves(series, &plot)?, &caption);
        }
        Ok(())
    }

    fn write_thresholds(&self, page: &mut Page) -> Result<()> {
        page.section("thresholds", "Precision and recall over onset thresholds");
        let Some((curve, chosen)) = self.thresholds.as_ref().filter(|t| !t.0.points().is_empty())
        else {
            page.paragraph("No thresholds were tried.");
            return Ok(());
        };
        let operating = |p: &ThresholdCounts| OperatingPoint {
            threshold: p.threshold,
            precision: p.counts.precision().unwrap_or(f64::NAN),
            recall: p.counts.recall().unwrap_or(f64::NAN),
        };
        let all: Vec<OperatingPoint> = curve.points().iter().map(operating).collect();
        let at: Vec<OperatingPoint> = curve.nearest(*chosen).map(operating).into_iter().collect();
        let systems = [("best here".to_owned(), all), ("chosen".to_owned(), at)];
        let plot = CurvesPlot { size: (WIDTH, 460), ..CurvesPlot::default() };
        let caption = "Onset and pitch of all pieces taken as one list. Thresholds were chosen on other \
                       pieces than these; how far the two rings are apart is what that choice costs.";
        page.figure(&precision_recall(&systems, &plot)?, caption);
        let row = |p: &ThresholdCounts| {
            let marked = if p.threshold.total_cmp(chosen).is_eq() { " (chosen)" } else { "" };
            let scores = [p.counts.precision(), p.counts.recall(), p.counts.f1()];
            let mut cells: Vec<Cell> = scores.map(|score| Cell::number(score, 3)).into();
            cells.push(Cell::Count(p.counts.estimated));
            (format!("{:.2}{marked}", p.threshold), cells)
        };
        page.folded("Numbers", |page| {
            page.table(&Grid {
                caption: "Precision and recall by onset threshold.".to_owned(),
                columns: texts(&["threshold", "precision", "recall", "F1", "notes"]),
                rows: curve.points().iter().map(row).collect(),
                totals: 0,
            });
        });
        Ok(())
    }

    fn write_classes(&self, page: &mut Page) -> Result<()> {
        page.section("mistakes", "Kinds of mistakes");
        let counts: ClassCounts = self.pieces.iter().map(|p| p.analysis.classes()).sum();
        let whole = |side: fn(&ReportPiece) -> usize| self.pieces.iter().map(side).sum::<usize>();
        let (reference, estimate) = (whole(|p| p.reference.len()), whole(|p| p.estimate.len()));
        let share = |count: usize, whole: usize| {
            Cell::number((whole > 0).then(|| 100.0 * count as f64 / whole as f64), 1)
        };
        let row = |class: NoteClass| {
            let (r, e) = (counts.of_reference(class), counts.of_estimate(class));
            let cells = vec![
                Cell::Count(r),
                share(r, reference),
                Cell::Count(e),
                share(e, estimate),
                Cell::Text(meaning(class).to_owned()),
            ];
            (class.name().to_owned(), cells)
        };
        let mut rows: Vec<_> = NoteClass::ALL.into_iter().map(row).collect();
        let all = |count: usize| [Cell::Count(count), share(count, count)];
        let sums =
            all(reference).into_iter().chain(all(estimate)).chain([Cell::Text(String::new())]);
        rows.push(("all".to_owned(), sums.collect()));
        page.table(&Grid {
            caption:
                "Every note has one kind. Times and pitches are compared as the note scores do."
                    .to_owned(),
            columns: texts(&["kind", "reference notes", "%", "estimated notes", "%", "meaning"]),
            rows,
            totals: 1,
        });
        let wrong: Vec<NoteClass> =
            NoteClass::ALL.into_iter().filter(|&class| class != NoteClass::Correct).collect();
        let percent = |count: usize, whole: usize| Some(100.0 * count as f64 / whole.max(1) as f64);
        let series = |name: &str, value: &dyn Fn(NoteClass) -> Option<f64>| BarSeries {
            name: name.to_owned(),
            values: wrong.iter().map(|&class| value(class)).collect(),
        };
        let series = [
            series("of the reference", &|class| percent(counts.of_reference(class), reference)),
            series("of the estimate", &|class| percent(counts.of_estimate(class), estimate)),
        ];
        let names: Vec<String> = wrong.iter().map(|class| class.name().to_owned()).collect();
        let plot =
            BarsPlot { size: (WIDTH, 280), y_label: "% of notes".into(), ..BarsPlot::default() };
        page.figure(
            &bars(&names, &series, &plot)?,
            "How many notes of each list are wrong in which way.",
        );
        Ok(())
    }

    fn write_confusions(&self, page: &mut Page) {
        page.section("confusions", "Octaves, harmonics, neighbours and repeated notes");
        let name = |interval: i32| match interval.abs() {
            24 => "two octaves",
            19 => "octave and fifth",
            12 => "octave",
            _ => "semitone",
        };
        let row = |c: crate::analysis::Confusion| {
            let direction = if c.interval > 0 { "too high" } else { "too low" };
            let counts = [c.instead, c.ghosts, c.swallowed];
            (format!("{} {direction}", name(c.interval)), counts.map(Cell::Count).into())
        };
        page.table(&Grid {
            caption:
                "Notes heard at an interval from notes that begin at the same time. In place: the \
                      true note is missing. Beside: the true note is there, and this one as well. \
                      Swallowed: a true note that is missing beside one that was heard."
                    .to_owned(),
            columns: texts(&["heard", "in place", "beside", "swallowed"]),
            rows: confusions(self.pieces.iter().map(|p| &p.analysis))
                .into_iter()
                .map(row)
                .collect(),
            totals: 0,
        });
        let counts: ClassCounts = self.pieces.iter().map(|p| p.analysis.classes()).sum();
        let repeated = [
            ("not struck again (merged)", counts.of_reference(NoteClass::Merged)),
            ("struck twice at one onset (doubled)", counts.of_estimate(NoteClass::Doubled)),
            ("struck again while it sounds (split)", counts.of_estimate(NoteClass::Split)),
        ];
        let again = self.pieces.iter().map(|p| repetitions(&p.reference)).sum::<usize>();
        page.table(&Grid {
            caption: format!(
                "Repeated notes. {again} notes of the reference follow another of their key within a second."
            ),
            columns: texts(&["mistake", "notes"]),
            rows: repeated.map(|(name, n)| (name.to_owned(), vec![Cell::Count(n)])).into(),
            totals: 0,
        });
    }

    fn write_qualities(&self, page: &mut Page) -> Result<()> {
        page.section("qualities", "Which notes are hard");
        page.paragraph(
            "Recall goes by what the true note is, precision by what the estimated note is. Bars without \
             notes are left out.",
        );
        let pieces: Vec<(&[Note], &[Note], &Analysis)> = (self.pieces.iter())
            .map(|p| (&p.reference[..], &p.estimate[..], &p.analysis))
            .collect();
        let has_velocity = self.pieces.iter().any(|p| p.has_velocity);
        for (quality, heading, axis) in [
            (NoteQuality::Pitch, "Pitch", "pitch"),
            (NoteQuality::Velocity, "Velocity", "velocity"),
            (NoteQuality::Polyphony, "Polyphony", "notes that sound at the onset"),
            (NoteQuality::Duration, "Duration", "duration (s)"),
        ] {
            let bins = binned(&pieces, quality, &quality.boundaries())?;
            page.heading(heading);
            // Where all velocities are made up, precision by velocity says nothing.
            let precise = quality != NoteQuality::Velocity || has_velocity;
            let names: Vec<String> = bins.iter().map(|bin| range(quality, bin)).collect();
            page.figure(
                &bin_figure(&bins, &names, axis, precise)?,
                &format!("Recall and precision by {axis}."),
            );
            page.folded("Numbers", |page| page.table(&bin_table(&bins, names, axis, precise)));
        }
        Ok(())
    }

    fn write_passages(&self, page: &mut Page) -> Result<()> {
        page.section("passages", "Worst passages");
        if self.passages.is_empty() {
            page.paragraph("No passage has a wrong note.");
            return Ok(());
        }
        page.paragraph(
            "The passages with the most wrong notes. Blue: heard and there; light blue: it ends at another \
             time, and the bracket shows where it should; orange and hollow: only in the reference (missed); \
             red: only in the estimate (extra).",
        );
        for (number, exhibit) in self.passages.iter().enumerate() {
            let piece = &self.pieces[exhibit.piece];
            let Passage { start, end, reference, found, estimated, right } = exhibit.passage;
            let heading = format!("{}. {}, {start:.1} s to {end:.1} s", number + 1, piece.name);
            page.heading(&heading);
            let caption = format!(
                "Of the notes that begin here, {found} of {reference} were found; {} of {estimated} \
                 estimated notes are wrong. F1\u{a0}{:.2}.",
                estimated - right,
                exhibit.passage.f1()
            );
            let plot =
                RollPlot { size: (WIDTH, 400), range: Some((start, end)), ..RollPlot::default() };
            let roll = piano_roll(Some(&piece.reference), &piece.estimate, &plot)?;
            page.figure(&roll, &caption);
            page.sounds(&exhibit.sounds);
        }
        Ok(())
    }
}

/// The worst of the passages of several pieces, the worst first, as indices of pieces and passages.
///
/// ```
/// use mir_eval::analysis::{Passage, PassageOrder};
/// use mir_eval::report::worst_of_pieces;
/// let at = |start, missed: usize| Passage {
///     start, end: start + 8.0, reference: 20, found: 20 - missed, estimated: 20, right: 20,
/// };
/// let pieces = [vec![at(0.0, 3)], vec![at(8.0, 9), at(0.0, 2)]];
/// let worst = worst_of_pieces(&pieces, 2, PassageOrder::Errors);
/// assert_eq!(worst, [(1, 0), (0, 0)]);
/// ```
pub fn worst_of_pieces(
    pieces: &[Vec<Passage>],
    count: usize,
    order: PassageOrder,
) -> Vec<(usize, usize)> {
    let all = pieces.iter().enumerate().flat_map(|(p, list)| (0..list.len()).map(move |i| (p, i)));
    let mut all: Vec<(usize, usize)> = all.collect();
    all.sort_by(|&(p, i), &(q, j)| {
        order.compare(&pieces[p][i], &pieces[q][j]).then((p, i).cmp(&(q, j)))
    });
    all.truncate(count);
    all
}

/// The text with a capital at its start.
fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Notes that follow another of their key within a second, onset to onset.
fn repetitions(notes: &[Note]) -> usize {
    let mut by_key: Vec<(f64, f64)> = notes.iter().map(|n| (n.pitch().midi(), n.onset())).collect();
    by_key.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let again = |pair: &&[(f64, f64)]| {
        pair[0].0.total_cmp(&pair[1].0).is_eq() && pair[1].1 - pair[0].1 <= 1.0
    };
    by_key.windows(2).filter(again).count()
}

fn meaning(class: NoteClass) -> &'static str {
    match class {
        NoteClass::Correct => "onset, pitch and offset are right",
        NoteClass::WrongOffset => "onset and pitch are right, it ends too early or too late",
        NoteClass::Timing => "pitch is right, the onset is 50 to 150 ms off",
        NoteClass::Octave => "one or two octaves from a note that begins with it",
        NoteClass::Twelfth => "an octave and a fifth from a note that begins with it",
        NoteClass::Semitone => "the key beside a note that begins with it",
        NoteClass::Merged => "struck again in the reference, not in the estimate",
        NoteClass::Doubled => "struck a second time within 150 ms",
        NoteClass::Split => "struck again while the true note sounds on",
        NoteClass::Missed => "nothing was heard in its place",
        NoteClass::FalseAlarm => "nothing is there in its place",
    }
}

/// The range of a bin in words.
fn range(quality: NoteQuality, bin: &Bin) -> String {
    let number = |value: f64| match quality {
        NoteQuality::Pitch => {
            let key = Key::new(value.round().clamp(0.0, 127.0) as u8);
            key.map_or_else(|_| value.to_string(), |key| key.to_string())
        }
        _ => value.to_string(),
    };
    // Integers are named by the first and the last, durations by their ends.
    let last = |to: f64| if quality == NoteQuality::Duration { to } else { to - 1.0 };
    match (bin.from, bin.to) {
        (None, None) => "all".to_owned(),
        (None, Some(to)) if quality == NoteQuality::Duration => format!("below {}", number(to)),
        (None, Some(to)) if quality == NoteQuality::Polyphony && to <= 2.0 => number(1.0),
        (None, Some(to)) => format!("to {}", number(last(to))),
        (Some(from), None) => format!("{} up", number(from)),
        (Some(from), Some(to)) if last(to) <= from => number(from),
        (Some(from), Some(to)) => format!("{}–{}", number(from), number(last(to))),
    }
}

fn bin_figure(bins: &[Bin], names: &[String], axis: &str, precise: bool) -> Result<Figure> {
    let series = |name: &str, value: fn(&Bin) -> Option<f64>| BarSeries {
        name: name.to_owned(),
        values: bins.iter().map(value).collect(),
    };
    let mut all =
        vec![series("recall", Bin::recall), series("recall with offset", Bin::recall_with_offset)];
    if precise {
        all.push(series("precision", Bin::precision));
    }
    let plot = BarsPlot {
        size: (WIDTH, 290),
        x_label: axis.to_owned(),
        y_label: "share".to_owned(),
        y_range: Some((0.0, 1.0)),
        ..BarsPlot::default()
    };
    bars(names, &all, &plot)
}

fn bin_table(bins: &[Bin], names: Vec<String>, axis: &str, precise: bool) -> Grid {
    let row = |(bin, name): (&Bin, String)| {
        let mut cells = vec![
            Cell::Count(bin.reference),
            Cell::number(bin.recall(), 3),
            Cell::number(bin.recall_with_offset(), 3),
        ];
        if precise {
            cells.extend([Cell::Count(bin.estimated), Cell::number(bin.precision(), 3)]);
        }
        (name, cells)
    };
    let mut columns = texts(&[axis, "reference notes", "recall", "with offset"]);
    if precise {
        columns.extend(texts(&["estimated notes", "precision"]));
    }
    let rows = bins.iter().zip(names).map(row).collect();
    Grid { caption: format!("Recall and precision by {axis}."), columns, rows, totals: 0 }
}
