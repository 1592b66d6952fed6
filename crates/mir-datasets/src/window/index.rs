//! All windows of a grid: which stretches are there, and which of them are worth training on?

use mir_core::{FrameGrid, Note, batch::Window};

use super::{Voicing, WindowConfig};
use crate::{FeatureStore, Result};

/// The windows of all recordings on a grid of `WindowConfig::stride` frames, in order.
///
/// A recording of `T` frames has windows of `C` frames at 0, `S`, 2 `S` …: one if `T ≤ C`, otherwise
/// `1 + ⌈(T − C) / S⌉`, as far as they begin inside. Together they cover every frame (for `S ≤ C`); the last
/// one may reach past the end.
///
/// ```
/// use mir_datasets::{WindowConfig, WindowIndex};
/// // Half a minute at 44100 / 512 frames a second, 30 frames of context, 25 of them shared.
/// let config = WindowConfig { frames: 30, stride: 5, ..WindowConfig::default() };
/// let index = WindowIndex::of_lengths(&[2586], config)?;
/// assert_eq!(index.len(), 513);
/// assert_eq!(index.get(512).start, 2560);
/// # Ok::<(), mir_datasets::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct WindowIndex {
    config: WindowConfig,
    starts: Vec<Starts>,
    /// Windows before the end of every track, counted over all tracks.
    ends: Vec<u64>,
}

/// Where the windows of a track begin.
#[derive(Clone, Debug)]
enum Starts {
    /// At every multiple of the stride.
    All(u64),
    /// At some multiples of the stride, which are listed. Tracks of more than 2^32 windows do not fit into
    /// any memory.
    Some(Vec<u32>),
}

impl Starts {
    fn count(&self) -> u64 {
        match self {
            Self::All(count) => *count,
            Self::Some(list) => list.len() as u64,
        }
    }
}

impl WindowIndex {
    /// The windows of a store that the voicing filter leaves.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`](crate::Error::InvalidConfig) for a setting outside its range.
    pub fn new(store: &dyn FeatureStore, config: WindowConfig) -> Result<Self> {
        config.validate()?;
        let grid = store.header().grid;
        let starts = store.tracks().iter().enumerate().map(|(track, info)| {
            let all = count(info.frames, &config);
            if config.voicing == Voicing::Any {
                return Starts::All(all);
            }
            let voiced = Voiced::new(store.notes(track), grid, info.frames);
            let kept = (0..u32::try_from(all).unwrap_or(u32::MAX))
                .filter(|&window| voiced.keeps(window as usize * config.stride(), &config));
            Starts::Some(kept.collect())
        });
        Ok(Self::of_starts(config, starts.collect()))
    }

    /// The windows of recordings of these lengths, in frames. The voicing filter has nothing to look at
    /// and keeps all.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of_lengths(lengths: &[usize], config: WindowConfig) -> Result<Self> {
        config.validate()?;
        let starts = lengths.iter().map(|&frames| Starts::All(count(frames, &config)));
        Ok(Self::of_starts(config, starts.collect()))
    }

    fn of_starts(config: WindowConfig, starts: Vec<Starts>) -> Self {
        let ends = starts
            .iter()
            .scan(0, |end, starts| {
                *end += starts.count();
                Some(*end)
            })
            .collect();
        Self { config, starts, ends }
    }

    /// Number of windows.
    pub fn len(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A window.
    ///
    /// # Panics
    /// If `number` is not below [`len`](Self::len).
    pub fn get(&self, number: u64) -> Window {
        assert!(number < self.len(), "window {number} of {}", self.len());
        let track = self.ends.partition_point(|&end| end <= number);
        let within = number - track.checked_sub(1).map_or(0, |before| self.ends[before]);
        let step = match &self.starts[track] {
            Starts::All(_) => within as usize,
            Starts::Some(list) => list[within as usize] as usize,
        };
        Window { track, start: step * self.config.stride(), frames: self.config.frames }
    }

    /// All windows in order.
    pub fn iter(&self) -> impl Iterator<Item = Window> + '_ {
        (0..self.len()).map(|number| self.get(number))
    }
}

fn count(frames: usize, config: &WindowConfig) -> u64 {
    let stride = config.stride();
    let to_the_end = frames.saturating_sub(config.frames).div_ceil(stride) + 1;
    to_the_end.min(frames.div_ceil(stride)) as u64
}

/// Which frames of a track have a note.
struct Voiced {
    frames: usize,
    /// Voiced frames before every frame.
    before: Vec<u32>,
}

impl Voiced {
    fn new(notes: &[Note], grid: FrameGrid, frames: usize) -> Self {
        // Notes that begin less those that have ended, at every frame.
        let mut changes = vec![0i64; frames + 1];
        for note in notes {
            // The frame whose time is the nearest, and one frame at least.
            let first = grid.frame_at(note.onset()).min(frames);
            let last = grid.frame_at(note.offset()).max(first + 1).min(frames);
            if first < last {
                changes[first] += 1;
                changes[last] -= 1;
            }
        }
        let (mut sounding, mut voiced) = (0, 0);
        let mut before = vec![0];
        for change in &changes[..frames] {
            sounding += change;
            voiced += u32::from(sounding > 0);
            before.push(voiced);
        }
        Self { frames, before }
    }

    fn keeps(&self, start: usize, config: &WindowConfig) -> bool {
        let end = (start + config.frames).min(self.frames);
        let voiced = (self.before[end] - self.before[start]) as usize;
        match config.voicing {
            Voicing::Any => true,
            Voicing::Some => voiced > 0,
            Voicing::Every => voiced == config.frames,
        }
    }
}
