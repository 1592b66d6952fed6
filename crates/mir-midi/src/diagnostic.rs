//! What a reader repaired, guessed or lost.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Whether a file must keep to the specification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strictness {
    /// The first defect is an error.
    Strict,
    /// What can be understood is kept, and each repair or loss is a [`Diagnostic`].
    #[default]
    Lenient,
}

impl fmt::Display for Strictness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Strict => "strict",
            Self::Lenient => "lenient",
        })
    }
}

impl FromStr for Strictness {
    type Err = Error;

    /// From `strict` or `lenient`.
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "strict" => Ok(Self::Strict),
            "lenient" => Ok(Self::Lenient),
            _ => Err(Error::UnknownName {
                what: "strictness",
                expected: "strict or lenient",
                actual: name.to_owned(),
            }),
        }
    }
}

/// How a file is read: how strictly, and up to which size. The limits protect from damaged files, whose
/// numbers say anything; real pieces stay far below.
///
/// Limits are in bytes, events and seconds, never in ticks: how long a tick is, is up to the file.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadConfig {
    /// Whether defects are refused or repaired.
    pub strictness: Strictness,
    /// Largest file, in bytes. A larger one is an error.
    pub max_bytes: usize,
    /// Most events of all tracks together. More are an error. An event takes up to 48 bytes of memory.
    pub max_events: usize,
    /// Latest time of an event, in seconds, above 0. Later ones are left out and reported: a damaged
    /// delta time can be a century long.
    pub max_seconds: f64,
}

impl Default for ReadConfig {
    /// Lenient; 64 MiB, 8 388 608 events, a week.
    fn default() -> Self {
        Self {
            strictness: Strictness::Lenient,
            max_bytes: 64 << 20,
            max_events: 8 << 20,
            max_seconds: 7.0 * 86_400.0,
        }
    }
}

impl From<Strictness> for ReadConfig {
    /// The default limits.
    fn from(strictness: Strictness) -> Self {
        Self { strictness, ..Self::default() }
    }
}

impl ReadConfig {
    /// Whether the limits can be kept.
    ///
    /// # Errors
    /// [`Error::Config`] unless `max_seconds` is finite and above 0.
    pub fn validate(&self) -> Result<()> {
        if self.max_seconds.is_finite() && self.max_seconds > 0.0 {
            return Ok(());
        }
        Err(Error::Config {
            field: "max_seconds",
            expected: "finite and above 0 s".to_owned(),
            actual: self.max_seconds,
        })
    }
}

/// One finding in a MIDI file.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// Where, in bytes from the start of the file.
    pub offset: usize,
    /// What was found.
    pub finding: Finding,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.offset, self.finding)
    }
}

/// What can be found in a MIDI file.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Finding {
    /// A chunk that is neither header nor track; skipped, as the specification asks.
    UnknownChunk([u8; 4]),
    /// A chunk says that it is longer than the rest of the file; read to the end of the file.
    TruncatedChunk {
        /// Length that the chunk declares, bytes.
        declared: u64,
        /// What is left of the file, bytes.
        available: u64,
    },
    /// A second header, ignored.
    SecondHeader,
    /// The header declares another number of tracks than the file has; all that are there are read.
    TrackCount {
        /// Number in the header.
        declared: usize,
        /// Number of track chunks.
        found: usize,
    },
    /// A format other than 0, 1 and 2; read as 1.
    UnknownFormat(u16),
    /// Format 2: independent patterns. Each is read from time 0 with its own tempo.
    IndependentTracks,
    /// Bytes after the last whole chunk, ignored.
    TrailingBytes(usize),
    /// A track ends without saying so.
    MissingEndOfTrack,
    /// Bytes after a track's end event, ignored.
    AfterEndOfTrack(usize),
    /// A status byte that has no place in a file (system common and realtime); skipped with its data.
    IllegalStatus(u8),
    /// Running status used after an event that ends it; the last channel status was assumed.
    RunningStatus,
    /// An event that cannot be read; the rest of its track is lost.
    UnreadableEvent {
        /// Bytes of the track that were not read.
        lost: usize,
    },
    /// A tempo of 0 µs a quarter note, ignored.
    ZeroTempo,
    /// Notes of a track that no event ends; ended with their track.
    NeverClosed(usize),
    /// Notes of a track that end at the tick of their onset; left out.
    ZeroLength(usize),
    /// Note-offs of a track without a note to end; ignored.
    OrphanReleases(usize),
    /// Notes of a track that a note-off ended besides another one: the format cannot say which of
    /// several overlapping notes of a key ends, so all do.
    SharedReleases(usize),
    /// Events of a track after [`ReadConfig::max_seconds`]; left out.
    TooLate(usize),
    /// A number of variable length has more than four bytes; read as it stands.
    LongNumber,
    /// A meta event whose length is not that of its type. What is too long is cut, what is too short is
    /// left out.
    MetaLength {
        /// Type of the event.
        kind: u8,
        /// Length of its type, bytes.
        expected: usize,
        /// Length in the file, bytes.
        actual: usize,
    },
    /// A key signature that is none; left out.
    KeySignature {
        /// Sharps or, if negative, flats.
        sharps: i8,
        /// 0 is major, 1 is minor.
        mode: u8,
    },
    /// So many further findings are not listed.
    Suppressed(usize),
}

impl Finding {
    /// Whether it breaks the specification, so that [`Strictness::Strict`] refuses the file.
    pub const fn is_defect(&self) -> bool {
        !matches!(
            self,
            Self::UnknownChunk(_)
                | Self::IndependentTracks
                | Self::NeverClosed(_)
                | Self::ZeroLength(_)
                | Self::OrphanReleases(_)
                | Self::SharedReleases(_)
                | Self::Suppressed(_)
        )
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownChunk(id) => {
                write!(f, "unknown chunk '{}' skipped", id.escape_ascii())
            }
            Self::TruncatedChunk { declared, available } => {
                write!(f, "a chunk declares {declared} bytes, the file has {available}")
            }
            Self::SecondHeader => write!(f, "a second header was ignored"),
            Self::TrackCount { declared, found } => {
                write!(f, "the header declares {declared} tracks, the file has {found}")
            }
            Self::UnknownFormat(format) => write!(f, "unknown format {format}, read as format 1"),
            Self::IndependentTracks => {
                write!(f, "format 2: every track was read from time 0 with its own tempo")
            }
            Self::TrailingBytes(n) => write!(f, "{n} bytes after the last chunk were ignored"),
            Self::MissingEndOfTrack => write!(f, "the track has no end event"),
            Self::AfterEndOfTrack(n) => {
                write!(f, "{n} bytes after the end of the track were ignored")
            }
            Self::IllegalStatus(status) => {
                write!(f, "status 0x{status:02x} cannot occur in a file, skipped")
            }
            Self::RunningStatus => {
                write!(f, "running status where none is active, the last channel status was used")
            }
            Self::UnreadableEvent { lost } => {
                write!(f, "unreadable event, {lost} bytes of the track were lost")
            }
            Self::ZeroTempo => write!(f, "a tempo of 0 was ignored"),
            Self::NeverClosed(n) => write!(f, "{n} notes without end were ended with their track"),
            Self::ZeroLength(n) => write!(f, "{n} notes of no length were left out"),
            Self::OrphanReleases(n) => write!(f, "{n} note-offs without a note were ignored"),
            Self::SharedReleases(n) => {
                write!(f, "{n} notes ended with another note of their key")
            }
            Self::TooLate(n) => write!(f, "{n} events at impossibly late times were left out"),
            Self::LongNumber => write!(f, "a number of more than four bytes"),
            Self::MetaLength { kind, expected, actual } => {
                write!(f, "meta event 0x{kind:02x} has {actual} bytes instead of {expected}")
            }
            Self::KeySignature { sharps, mode } => {
                write!(f, "a key signature of {sharps} sharps in mode {mode} was left out")
            }
            Self::Suppressed(n) => write!(f, "{n} further findings"),
        }
    }
}

/// The findings of one reading, at most [`Findings::LISTED`] of them one by one.
#[derive(Debug)]
pub(crate) struct Findings {
    strictness: Strictness,
    list: Vec<Diagnostic>,
    suppressed: usize,
}

impl Findings {
    /// A damaged file of many megabytes must not fill the memory with complaints.
    const LISTED: usize = 1000;

    pub(crate) const fn new(strictness: Strictness) -> Self {
        Self { strictness, list: Vec::new(), suppressed: 0 }
    }

    /// Notes a finding.
    ///
    /// # Errors
    /// [`Error::Defect`] for a defect if strictness was asked for.
    pub(crate) fn add(&mut self, offset: usize, finding: Finding) -> Result<()> {
        let diagnostic = Diagnostic { offset, finding };
        if self.strictness == Strictness::Strict && diagnostic.finding.is_defect() {
            return Err(Error::Defect { diagnostic });
        }
        if self.list.len() < Self::LISTED {
            self.list.push(diagnostic);
        } else {
            self.suppressed += 1;
        }
        Ok(())
    }

    pub(crate) fn into_list(mut self) -> Vec<Diagnostic> {
        if let (1.., Some(last)) = (self.suppressed, self.list.last()) {
            let offset = last.offset;
            self.list.push(Diagnostic { offset, finding: Finding::Suppressed(self.suppressed) });
        }
        self.list
    }
}
