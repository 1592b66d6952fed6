//! Search for notes that may be matched, in sorted columns.

use std::ops::Range;

use mir_core::Note;

use super::{TranscriptionConfig, rounded_distance};
use crate::{
    Error, Result, Side,
    error::check_length,
    matching::{Graph, Pairs, match_ranges, sweep},
};

/// Validated notes in columns.
pub(crate) struct NoteTable {
    pub(crate) intervals: Vec<[f64; 2]>,
    /// Pitch on a logarithmic scale.
    pitch: Vec<f64>,
    /// What one unit of that scale is in cents: notes count in semitones and frequencies in octaves, so
    /// that neither is rounded before it is compared.
    cents_per_unit: f64,
}

impl NoteTable {
    pub(crate) fn from_notes(side: Side, notes: &[Note]) -> Result<Self> {
        let intervals: Vec<_> = notes.iter().map(|n| [n.onset(), n.offset()]).collect();
        check_intervals(side, &intervals)?;
        Ok(Self {
            intervals,
            pitch: notes.iter().map(|n| n.pitch().midi()).collect(),
            cents_per_unit: 100.0,
        })
    }

    pub(crate) fn from_hz(side: Side, intervals: &[[f64; 2]], hz: &[f64]) -> Result<Self> {
        check_length(side, "frequencies", intervals.len(), hz.len())?;
        let intervals = intervals.to_vec();
        check_intervals(side, &intervals)?;
        if let Some(index) = hz.iter().position(|hz| !(hz.is_finite() && *hz > 0.0)) {
            return Err(Error::InvalidFrequency {
                side,
                index,
                actual: hz[index],
                low: f64::MIN_POSITIVE,
                high: f64::MAX,
            });
        }
        Ok(Self {
            intervals,
            pitch: hz.iter().map(|hz| hz.log2()).collect(),
            cents_per_unit: 1200.0,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.intervals.len()
    }
}

/// Checks that notes are finite, at least 0, and end after they start.
pub(super) fn check_intervals(side: Side, intervals: &[[f64; 2]]) -> Result<()> {
    for (index, &[onset, offset]) in intervals.iter().enumerate() {
        for actual in [onset, offset] {
            if !(actual.is_finite() && actual >= 0.0) {
                return Err(Error::InvalidTime { side, index, actual });
            }
        }
        if offset <= onset {
            return Err(Error::EmptyNote { side, index, onset, offset });
        }
    }
    Ok(())
}

/// One reference note that an estimated note may be matched with.
struct Candidate {
    reference: usize,
    /// Distance of the onsets in seconds, rounded as it is compared.
    onset_distance: f64,
    /// Whether the offsets agree too.
    offset: bool,
}

/// All pairs of notes that agree in onset and pitch.
pub(crate) struct Candidates {
    references: usize,
    /// The candidates of estimate `e` are `list[starts[e]..starts[e + 1]]`.
    starts: Vec<usize>,
    list: Vec<Candidate>,
}

impl Candidates {
    pub(crate) fn new(
        reference: &NoteTable,
        estimate: &NoteTable,
        config: &TranscriptionConfig,
    ) -> Self {
        let index = OnsetIndex::new(reference, config);
        let mut starts = Vec::with_capacity(estimate.len() + 1);
        let mut list = Vec::with_capacity(estimate.len());
        starts.push(0);
        for (note, &[_, e_off]) in estimate.intervals.iter().enumerate() {
            index.for_each_candidate(estimate, note, |r, onset_distance| {
                let [r_on, r_off] = reference.intervals[r];
                let offset = config.offset_ratio.is_some_and(|ratio| {
                    let tolerance = config.offset_tolerance(ratio, r_off - r_on);
                    config.within(rounded_distance(r_off, e_off), tolerance)
                });
                list.push(Candidate { reference: r, onset_distance, offset });
            });
            starts.push(list.len());
        }
        Self { references: reference.len(), starts, list }
    }

    /// Pairs with offset (unless `offset_ratio` is `None`) and without. The onset tolerance may be
    /// narrower than that of the search; all else has to be the same.
    pub(crate) fn matchings(&self, config: &TranscriptionConfig) -> (Option<Pairs>, Pairs) {
        let matching = |offset: bool| {
            let mut graph = Graph::with_references(self.references);
            for ends in self.starts.windows(2) {
                let fits = |c: &&Candidate| {
                    config.within(c.onset_distance, config.onset_tolerance) && (c.offset || !offset)
                };
                let fitting = self.list[ends[0]..ends[1]].iter().filter(fits);
                graph.push_estimate(fitting.map(|c| c.reference));
            }
            graph.maximum_matching()
        };
        (config.offset_ratio.map(|_| matching(true)), matching(false))
    }
}

/// Reference notes sorted by band of pitch, then onset: candidates of a note are short runs in its own
/// band and the two beside it.
struct OnsetIndex<'a> {
    reference: &'a NoteTable,
    config: &'a TranscriptionConfig,
    /// Width of a band, in units of the reference's pitch. Notes within the tolerance lie in the same
    /// band or in neighbouring ones.
    band_width: f64,
    /// Bands that have notes, ascending, with their range of `sorted`.
    bands: Vec<(i64, Range<usize>)>,
    /// (onset, index of the note) by band, then onset.
    sorted: Vec<(f64, usize)>,
}

impl<'a> OnsetIndex<'a> {
    fn new(reference: &'a NoteTable, config: &'a TranscriptionConfig) -> Self {
        // A little wider than the tolerance, against rounding; and never so narrow that the number of
        // a band overflows.
        let cents = config.pitch_tolerance.0.max(1.0) * 1.001;
        let band_width = cents / reference.cents_per_unit;
        let mut keyed: Vec<(i64, f64, usize)> = (0..reference.len())
            .map(|i| {
                let band = (reference.pitch[i] / band_width).floor() as i64;
                (band, reference.intervals[i][0], i)
            })
            .collect();
        keyed.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
        let mut bands: Vec<(i64, Range<usize>)> = Vec::new();
        for (position, &(band, ..)) in keyed.iter().enumerate() {
            match bands.last_mut() {
                Some((last, range)) if *last == band => range.end = position + 1,
                _ => bands.push((band, position..position + 1)),
            }
        }
        Self {
            reference,
            config,
            band_width,
            bands,
            sorted: keyed.into_iter().map(|(_, onset, i)| (onset, i)).collect(),
        }
    }

    /// Calls `found` with every reference note that agrees in onset and pitch, and with the distance of
    /// the onsets.
    fn for_each_candidate(
        &self,
        estimate: &NoteTable,
        note: usize,
        mut found: impl FnMut(usize, f64),
    ) {
        let onset = estimate.intervals[note][0];
        let pitch = estimate.pitch[note];
        let band = (pitch / self.band_width).floor() as i64;
        // Rounding to four decimals can add half of 1e-4 s to the reach; the exact test follows.
        let reach = self.config.onset_tolerance + 1e-4;
        let first = self.bands.partition_point(|&(b, _)| b < band - 1);
        let near = self.bands[first..].iter().take_while(|&&(b, _)| b <= band + 1);
        for (_, range) in near {
            let run = &self.sorted[range.clone()];
            let start = run.partition_point(|&(r, _)| r < onset - reach);
            for &(r_onset, r) in run[start..].iter().take_while(|&&(r, _)| r <= onset + reach) {
                let cents = self.reference.cents_per_unit * (self.reference.pitch[r] - pitch);
                let distance = rounded_distance(r_onset, onset);
                if self.config.within(cents.abs(), self.config.pitch_tolerance.0)
                    && self.config.within(distance, self.config.onset_tolerance)
                {
                    found(r, distance);
                }
            }
        }
    }
}

/// One column of the intervals, ascending.
fn sorted_times(table: &NoteTable, column: usize) -> Vec<f64> {
    let mut times: Vec<f64> = table.intervals.iter().map(|i| i[column]).collect();
    times.sort_unstable_by(f64::total_cmp);
    times
}

/// Size of the maximum matching of onsets alone.
pub(super) fn count_onsets(
    reference: &NoteTable,
    estimate: &NoteTable,
    config: &TranscriptionConfig,
) -> usize {
    sweep(
        &sorted_times(reference, 0),
        &sorted_times(estimate, 0),
        |r, e| r < e && !config.onsets_match(r, e),
        |r, e| config.onsets_match(r, e),
    )
    .len()
}

/// A maximum matching of onsets alone.
pub(super) fn match_onsets(
    reference: &[[f64; 2]],
    estimate: &[[f64; 2]],
    config: &TranscriptionConfig,
) -> Vec<(usize, usize)> {
    let mut sorted: Vec<(f64, usize)> = reference.iter().map(|i| i[0]).zip(0..).collect();
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut graph = Graph::with_references(reference.len());
    for &[onset, _] in estimate {
        let close = |r: f64| config.onsets_match(r, onset);
        let start = sorted.partition_point(|&(r, _)| r < onset && !close(r));
        let run = sorted[start..].iter().take_while(|&&(r, _)| close(r));
        graph.push_estimate(run.map(|&(_, index)| index));
    }
    graph.maximum_matching()
}

/// A maximum matching of offsets alone.
pub(super) fn match_offsets(
    reference: &[[f64; 2]],
    estimate: &[[f64; 2]],
    ratio: f64,
    config: &TranscriptionConfig,
) -> Vec<(usize, usize)> {
    let mut sorted: Vec<(f64, usize)> = estimate.iter().map(|i| i[1]).zip(0..).collect();
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let times: Vec<f64> = sorted.iter().map(|&(time, _)| time).collect();
    let mut candidates = vec![Vec::new(); estimate.len()];
    for (index, interval) in reference.iter().enumerate() {
        for &(_, e) in &sorted[offset_run(&times, *interval, ratio, config)] {
            candidates[e].push(index);
        }
    }
    Graph::new(reference.len(), candidates).maximum_matching()
}

/// Size of the maximum matching of offsets alone. Every reference has a tolerance of its own, so the
/// candidates are runs of different lengths in the sorted estimates.
pub(super) fn count_offsets(
    reference: &NoteTable,
    estimate: &NoteTable,
    ratio: f64,
    config: &TranscriptionConfig,
) -> usize {
    let times = sorted_times(estimate, 1);
    let run = |interval: &[f64; 2]| offset_run(&times, *interval, ratio, config);
    match_ranges(reference.intervals.iter().map(run).collect())
}

/// The run of ascending estimated offsets that agree with the offset of a reference.
fn offset_run(
    times: &[f64],
    [onset, offset]: [f64; 2],
    ratio: f64,
    config: &TranscriptionConfig,
) -> Range<usize> {
    let tolerance = config.offset_tolerance(ratio, offset - onset);
    let close = |e: f64| config.within(rounded_distance(offset, e), tolerance);
    let start = times.partition_point(|&e| e < offset && !close(e));
    let end = times.partition_point(|&e| e < offset || close(e));
    start..end.max(start)
}
