//! What a reader repaired, guessed or lost.

use std::fmt;

/// Whether a file must keep to the specification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strictness {
    /// The first defect is an error.
    Strict,
    /// What can be understood is kept, and each repair or loss is a [`Diagnostic`].
    #[default]
    Lenient,
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
    /// Notes of a track that end after [`MAX_SECONDS`](crate::score::MAX_SECONDS); left out.
    TooLate(usize),
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
            Self::TooLate(n) => write!(f, "{n} notes at impossibly late times were left out"),
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
    /// [`Error::Defect`](crate::Error::Defect) for a defect if strictness was asked for.
    pub(crate) fn add(&mut self, offset: usize, finding: Finding) -> crate::Result<()> {
        let diagnostic = Diagnostic { offset, finding };
        if self.strictness == Strictness::Strict && diagnostic.finding.is_defect() {
            return Err(crate::Error::Defect { diagnostic });
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
