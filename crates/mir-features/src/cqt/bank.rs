//! The work of a constant-Q transform: bring every octave down to 0 Hz, thin it out to just above its own
//! bandwidth, and describe its frames by short Fourier transforms that all bins of the octave share.
//!
//! ```text
//! recording ─ ½ ─ ½ ─ ½ …            real stages, shared by all groups
//!               └ shift to 0 Hz ─ ½ ─ ½   complex stages of one group
//!                                   └ FFT of each frame ─ few coefficients for each bin
//! ```
//!
//! A frame stays where it is, at `k·hop` samples of the recording, whatever the rate: the part of a sample
//! by which it misses the thinned grid is a linear phase of its spectrum. So any hop will do, and a hop that
//! is a multiple of the thinning merely saves that multiplication.
//!
//! A kernel is a trigonometric polynomial over the frame that it was designed for (`n_fft` points of the
//! rate of its design). Its few coefficients hold at every rate that contains their frequencies. What
//! differs between rates is how the edges of the frame cut frequencies outside the octave. A kernel from
//! which a share of its spectrum was left out does not vanish there, so that thinning changes values in
//! proportion to the configured `sparsity`. Who wants the values of the design's rate to the last digits
//! asks for groups that are not thinned below it.

use std::{collections::HashMap, f64::consts::TAU, fmt, ops::Range, sync::Arc};

use mir_fft::num_complex::Complex;
use mir_fft::{Fft, Planner32};

use super::{
    decimate::{Decimator, DecimatorScratch, Line},
    wavelet::Kernel,
};

/// Frames whose bins are computed side by side.
const LANES: usize = 4;
/// Frames that are computed while the kernels of a group are in the cache.
const BATCH: usize = 32;
/// Highest frequency that is used after a real stage, as a fraction of the rate.
const REAL_PASS: f64 = 0.4;
/// The same after a complex stage, on either side of 0 Hz.
const COMPLEX_PASS: f64 = 0.45;
/// Shortest Fourier transform.
const MIN_FFT: usize = 16;

/// Bins that share their Fourier transforms: an octave of wavelets.
#[derive(Clone, Debug)]
pub(super) struct GroupDesign {
    /// How often the rate of the recording was halved for the design.
    pub(super) level: u32,
    /// Points of the frame at that rate, a power of two.
    pub(super) n_fft: usize,
    /// One for each bin.
    pub(super) kernels: Vec<Kernel>,
    /// Whether the signal may be thinned further than for the design.
    pub(super) thin: bool,
}

/// A planned set of groups.
#[derive(Debug)]
pub(super) struct Bank {
    hop: i64,
    /// Stage `i` halves the rate of level `i`.
    stages: Vec<Decimator>,
    groups: Vec<Group>,
}

struct Group {
    /// Whether the signal is thinned as far as it goes, and not only as far as for the design.
    thin: bool,
    /// Real stages before the shift.
    level: usize,
    /// Points of a frame at that level.
    frame: i64,
    /// The Fourier bin that is moved to 0 Hz.
    centre: i64,
    /// `exp(−2πi·centre·t / frame)` for `t < frame`.
    mixer: Vec<Complex<f64>>,
    stages: Vec<Decimator>,
    fft: Arc<dyn Fft<f32>>,
    /// Used bins, relative to `centre`, from here on.
    lowest: i64,
    used: usize,
    /// For each bin of the map: the first of the used bins, and its coefficients.
    kernels: Vec<(usize, Range<usize>)>,
    coefficients: Vec<Complex<f32>>,
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("level", &self.level)
            .field("frame", &self.frame)
            .field("fft", &self.fft.len())
            .field("coefficients", &self.coefficients.len())
            .finish_non_exhaustive()
    }
}

impl Group {
    fn new(design: GroupDesign, planner: &mut Planner32) -> Self {
        let GroupDesign { level, n_fft, kernels, thin } = design;
        let first = kernels.iter().map(|k| k.first).min().unwrap_or(0);
        let last = kernels.iter().map(|k| k.first + k.coefficients.len() - 1).max().unwrap_or(0);

        // The deepest real level that still holds the highest used bin.
        let (mut real, mut frame) = (level as usize, n_fft);
        while thin && frame > MIN_FFT && last as f64 <= REAL_PASS * (frame / 2) as f64 {
            (real, frame) = (real + 1, frame / 2);
        }

        // What is not thinned need not be moved to 0 Hz.
        let centre = if thin { first.midpoint(last) } else { 0 };
        let half_width = (last - centre).max(centre.abs_diff(first));
        let mut stages = vec![];
        let mut points = frame;
        while thin && points > MIN_FFT && half_width as f64 <= COMPLEX_PASS * (points / 2) as f64 {
            points /= 2;
            stages.push(Decimator::half_band(half_width as f64 / points as f64));
        }

        // A transform at 2^-n of the rate of the design sums up 2^-n as many samples.
        let gain = 2f64.powi(real as i32 + stages.len() as i32 - level as i32);
        let mut coefficients = vec![];
        let kernels = kernels
            .into_iter()
            .map(|kernel| {
                let from = coefficients.len();
                let narrow =
                    |c: Complex<f64>| Complex::new((c.re * gain) as f32, (c.im * gain) as f32);
                coefficients.extend(kernel.coefficients.into_iter().map(narrow));
                (kernel.first - first, from..coefficients.len())
            })
            .collect();
        let turn = |t: usize| {
            let phase = (t as u64 * centre as u64 % frame as u64) as f64 / frame as f64;
            Complex::from_polar(1.0, -TAU * phase)
        };
        Self {
            thin,
            level: real,
            frame: frame as i64,
            centre: centre as i64,
            mixer: (0..frame).map(turn).collect(),
            stages,
            fft: planner.plan_fft_forward(points),
            lowest: first as i64 - centre as i64,
            used: last - first + 1,
            kernels,
            coefficients,
        }
    }

    /// How often the rate of the recording is halved.
    fn halvings(&self) -> u32 {
        (self.level + self.stages.len()) as u32
    }

    /// First thinned sample of the frame that is centred on a sample of the recording, and by how much of
    /// a thinned sample the frame starts later than that.
    fn start(&self, centre: i64) -> (i64, f64) {
        let unit = 1 << self.halvings();
        let nearest = (centre + unit / 2).div_euclid(unit);
        let late = (centre - nearest * unit) as f64 / unit as f64;
        (nearest - self.fft.len() as i64 / 2, late)
    }

    /// `exp(2πi·centre·start / frame)`: undoes the shift to 0 Hz for the frame that is centred there.
    fn phase(&self, centre: i64) -> Complex<f32> {
        let unit = i128::from(self.frame) << self.level;
        let turns =
            (i128::from(self.centre) * i128::from(centre)).rem_euclid(unit) as f64 / unit as f64;
        let phasor = Complex::from_polar(1.0, TAU * (turns - self.centre as f64 / 2.0));
        Complex::new(phasor.re as f32, phasor.im as f32)
    }

    /// Moves new samples of a level to 0 Hz.
    fn mix(&self, input: &Line<1>, output: &mut Line<2>) {
        let from = output.end();
        let count = usize::try_from(input.end() - from).unwrap_or(0);
        let mut samples = input.slice(from, count);
        let mut turns = &self.mixer[from.rem_euclid(self.frame) as usize..];
        output.data.reserve(count);
        while !samples.is_empty() {
            let (now, later) = samples.split_at(samples.len().min(turns.len()));
            let shifted = now.iter().zip(turns).map(|(&[x], turn)| [x * turn.re, x * turn.im]);
            output.data.extend(shifted);
            (samples, turns) = (later, &self.mixer);
        }
    }

    /// The used spectrum of a frame into one lane.
    fn spectrum<const N: usize>(
        &self,
        line: &Line<2>,
        centre: i64,
        lane: usize,
        buffer: &mut [Complex<f32>],
        fft_scratch: &mut [Complex<f32>],
        lanes: &mut [[[f32; 2]; N]],
    ) {
        let points = self.fft.len();
        let (start, late) = self.start(centre);
        let buffer = &mut buffer[..points];
        for (z, &[re, im]) in buffer.iter_mut().zip(line.slice(start, points)) {
            *z = Complex::new(re as f32, im as f32);
        }
        self.fft.process_with_scratch(buffer, fft_scratch);
        // Negative frequencies lie in the upper half.
        let negative = (-self.lowest).clamp(0, self.used as i64) as usize;
        let below = &buffer[points - (-self.lowest).max(0) as usize..][..negative];
        let above = &buffer[self.lowest.max(0) as usize..][..self.used - negative];
        let spectrum = below.iter().chain(above);
        if late == 0.0 {
            for (slot, z) in lanes.iter_mut().zip(spectrum) {
                slot[lane] = [z.re, z.im];
            }
        } else {
            let step = TAU * late / points as f64;
            let mut turn = Complex::from_polar(1.0, step * self.lowest as f64);
            let step = Complex::from_polar(1.0, step);
            for (slot, z) in lanes.iter_mut().zip(spectrum) {
                let turned = z * Complex::new(turn.re as f32, turn.im as f32);
                slot[lane] = [turned.re, turned.im];
                turn *= step;
            }
        }
    }

    /// The bins of `N` frames from their spectra, `out[bin][frame]`.
    fn bins<const N: usize>(&self, lanes: &[[[f32; 2]; N]], out: &mut [[Complex<f32>; N]]) {
        for ((first, coefficients), out) in self.kernels.iter().zip(out) {
            let coefficients = &self.coefficients[coefficients.clone()];
            // Products with the real and with the imaginary part apart: nothing has to be shuffled inside.
            let (mut by_re, mut by_im) = ([[0.0; 2]; N], [[0.0; 2]; N]);
            for (c, x) in coefficients.iter().zip(&lanes[*first..]) {
                for lane in 0..N {
                    for part in 0..2 {
                        by_re[lane][part] += c.re * x[lane][part];
                        by_im[lane][part] += c.im * x[lane][part];
                    }
                }
            }
            for lane in 0..N {
                out[lane] =
                    Complex::new(by_re[lane][0] - by_im[lane][1], by_re[lane][1] + by_im[lane][0]);
            }
        }
    }
}

/// Computed frames on their way out.
pub(super) trait Sink {
    /// Takes the bins of one group in one frame. `phase` times `bins` is their value; its magnitude is 1.
    fn take(
        &mut self,
        frame: usize,
        group: usize,
        bins: &[Complex<f32>],
        phase: &dyn Fn() -> Complex<f32>,
    );
}

impl Bank {
    /// Plans groups for frames every `hop` samples.
    pub(super) fn new(hop: u32, designs: Vec<GroupDesign>) -> Self {
        let mut planner = Planner32::new();
        let groups: Vec<Group> =
            designs.into_iter().map(|design| Group::new(design, &mut planner)).collect();
        // A real stage has to keep what any group at or below it uses. A group at the rate of its design hears, at
        // the edges of its frames, all that is there: that has to be what librosa's resampler leaves.
        let deepest = groups.iter().map(|g| g.level).max().unwrap_or(0);
        let mut filters: HashMap<u64, Decimator> = HashMap::new();
        let stages = (1..=deepest)
            .map(|level| {
                let share = |g: &Group| {
                    let highest = (g.centre + g.lowest + g.used as i64 - 1) as f64 / g.frame as f64;
                    highest * 0.5f64.powi((g.level - level) as i32)
                };
                let deeper = || groups.iter().filter(|g| g.level >= level);
                if deeper().any(|g| !g.thin) {
                    return Decimator::soxr();
                }
                let pass = deeper().map(share).fold(0.0, f64::max);
                filters.entry(pass.to_bits()).or_insert_with(|| Decimator::half_band(pass)).clone()
            })
            .collect();
        Self { hop: i64::from(hop), stages, groups }
    }

    fn centre(&self, frame: usize) -> i64 {
        frame as i64 * self.hop
    }

    /// The samples of the recording that a frame depends on; may reach past its ends.
    pub(super) fn support(&self, frame: usize) -> Range<i64> {
        let centre = self.centre(frame);
        let reach = |group: &Group| {
            let (mut first, _) = group.start(centre);
            let mut last = first + group.fft.len() as i64 - 1;
            for stage in group.stages.iter().rev().chain(self.stages[..group.level].iter().rev()) {
                first = 2 * first - stage.reach();
                last = 2 * last + stage.reach();
            }
            (first, last + 1)
        };
        let start = self.groups.iter().map(|g| reach(g).0).min().unwrap_or(centre);
        let end = self.groups.iter().map(|g| reach(g).1).max().unwrap_or(centre);
        start..end
    }

    /// The most samples before or after its centre that a frame depends on.
    pub(super) fn context(&self) -> i64 {
        // Rounding to thinned samples moves a frame by half of one at most.
        let support = self.support(0);
        let rounding = self.groups.iter().map(|g| 1 << g.halvings()).max().unwrap_or(0);
        (-support.start).max(support.end) + rounding
    }

    /// Working memory that starts at a frame.
    pub(super) fn state(&self, first_frame: usize) -> State {
        let start = self.support(first_frame).start;
        let mut levels = vec![Line::at(start)];
        for stage in &self.stages {
            let above = levels.last().map_or(start, |line| line.start);
            levels.push(Line::at(stage.first_output(above)));
        }
        let shifted = (self.groups.iter())
            .map(|group| {
                let mut lines = vec![Line::at(levels[group.level].start)];
                for stage in &group.stages {
                    let above = lines.last().map_or(start, |line: &Line<2>| line.start);
                    lines.push(Line::at(stage.first_output(above)));
                }
                lines
            })
            .collect();
        let points = self.groups.iter().map(|g| g.fft.len()).max().unwrap_or(0);
        let scratch =
            self.groups.iter().map(|g| g.fft.get_inplace_scratch_len()).max().unwrap_or(0);
        let used = self.groups.iter().map(|g| g.used).max().unwrap_or(0);
        let bins = self.groups.iter().map(|g| g.kernels.len()).max().unwrap_or(0);
        State {
            levels,
            shifted,
            next_frame: first_frame,
            filter: DecimatorScratch::default(),
            buffer: vec![Complex::default(); points],
            fft: vec![Complex::default(); scratch],
            lanes: vec![[[0.0; 2]; LANES]; used],
            lane: vec![[[0.0; 2]; 1]; used],
            bins: vec![[Complex::default(); LANES]; bins],
            bin: vec![[Complex::default(); 1]; bins],
            row: vec![Complex::default(); bins],
        }
    }

    /// Takes the next samples, from `state.position()` on.
    pub(super) fn push(&self, state: &mut State, samples: &[f32]) {
        state.levels[0].data.extend(samples.iter().map(|&x| [f64::from(x)]));
        for (level, stage) in self.stages.iter().enumerate() {
            let (above, below) = state.levels.split_at_mut(level + 1);
            stage.extend(&above[level], &mut below[0], &mut state.filter);
        }
        for (group, lines) in self.groups.iter().zip(&mut state.shifted) {
            group.mix(&state.levels[group.level], &mut lines[0]);
            for (i, stage) in group.stages.iter().enumerate() {
                let (above, below) = lines.split_at_mut(i + 1);
                stage.extend(&above[i], &mut below[0], &mut state.filter);
            }
        }
        self.forget(state);
    }

    /// Whether all samples of the next frame are there.
    pub(super) fn ready(&self, state: &State) -> bool {
        self.support(state.next_frame).end <= state.position()
    }

    /// Computes frames that are ready, at most those below `end`.
    pub(super) fn pop(&self, state: &mut State, end: usize, sink: &mut impl Sink) {
        while state.next_frame < end {
            let mut frames = state.next_frame..state.next_frame;
            while frames.len() < BATCH
                && frames.end < end
                && self.support(frames.end).end <= state.position()
            {
                frames.end += 1;
            }
            if frames.is_empty() {
                return;
            }
            for index in 0..self.groups.len() {
                self.group_frames(state, index, frames.clone(), sink);
            }
            state.next_frame = frames.end;
        }
    }

    fn group_frames(
        &self,
        state: &mut State,
        index: usize,
        mut frames: Range<usize>,
        sink: &mut impl Sink,
    ) {
        let group = &self.groups[index];
        let State { shifted, buffer, fft, lanes, lane, bins, bin, row, .. } = state;
        let Some(line) = shifted[index].last() else { return };
        let row = &mut row[..group.kernels.len()];
        while frames.len() >= LANES {
            let first = frames.start;
            for (lane, frame) in frames.by_ref().take(LANES).enumerate() {
                group.spectrum(
                    line,
                    self.centre(frame),
                    lane,
                    buffer,
                    fft,
                    &mut lanes[..group.used],
                );
            }
            group.bins(lanes, &mut bins[..group.kernels.len()]);
            for lane in 0..LANES {
                for (slot, bin) in row.iter_mut().zip(&*bins) {
                    *slot = bin[lane];
                }
                let frame = first + lane;
                sink.take(frame, index, row, &|| group.phase(self.centre(frame)));
            }
        }
        for frame in frames {
            group.spectrum(line, self.centre(frame), 0, buffer, fft, &mut lane[..group.used]);
            group.bins(lane, &mut bin[..group.kernels.len()]);
            for (slot, bin) in row.iter_mut().zip(&*bin) {
                *slot = bin[0];
            }
            sink.take(frame, index, row, &|| group.phase(self.centre(frame)));
        }
    }

    /// Drops samples that are no longer needed.
    fn forget(&self, state: &mut State) {
        let centre = self.centre(state.next_frame);
        for (level, stage) in self.stages.iter().enumerate() {
            let needed = 2 * state.levels[level + 1].end() - stage.reach();
            state.levels[level].forget(needed);
        }
        if let Some(last) = state.levels.last_mut() {
            // All groups have read it to its end.
            let end = last.end();
            last.forget(end);
        }
        for (group, lines) in self.groups.iter().zip(&mut state.shifted) {
            for (i, stage) in group.stages.iter().enumerate() {
                let needed = 2 * lines[i + 1].end() - stage.reach();
                lines[i].forget(needed);
            }
            if let Some(last) = lines.last_mut() {
                last.forget(group.start(centre).0);
            }
        }
    }
}

/// Working memory of one run over a recording.
#[derive(Debug)]
pub(super) struct State {
    levels: Vec<Line<1>>,
    /// For each group, the samples after the shift and after each of its stages.
    shifted: Vec<Vec<Line<2>>>,
    next_frame: usize,
    filter: DecimatorScratch,
    buffer: Vec<Complex<f32>>,
    fft: Vec<Complex<f32>>,
    lanes: Vec<[[f32; 2]; LANES]>,
    lane: Vec<[[f32; 2]; 1]>,
    bins: Vec<[Complex<f32>; LANES]>,
    bin: Vec<[Complex<f32>; 1]>,
    row: Vec<Complex<f32>>,
}

impl State {
    /// The sample of the recording that is expected next.
    pub(super) fn position(&self) -> i64 {
        self.levels[0].end()
    }

    /// The frame that comes next.
    pub(super) const fn next_frame(&self) -> usize {
        self.next_frame
    }
}
