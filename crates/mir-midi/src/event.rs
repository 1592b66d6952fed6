//! What a track of a MIDI file can hold, in ticks.
//!
//! Every kind of event has a list of its own, in order of its ticks: readers want the notes, or the
//! pedals, and hardly ever all events interleaved.

/// A key from its way down to its way up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TickNote {
    /// Tick of the note-on.
    pub start: u64,
    /// Tick of the note-off, after `start`.
    pub end: u64,
    /// Channel, 0..=15.
    pub channel: u8,
    /// Key, 0..=127.
    pub key: u8,
    /// Velocity, 1..=127.
    pub velocity: u8,
}

/// A controller at a new value. Pedals are controllers 64, 66 and 67.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// When.
    pub tick: u64,
    /// Channel, 0..=15.
    pub channel: u8,
    /// Which controller, 0..=127.
    pub number: u8,
    /// Its value, 0..=127.
    pub value: u8,
}

/// Another instrument on a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// When.
    pub tick: u64,
    /// Channel, 0..=15.
    pub channel: u8,
    /// Instrument, 0..=127.
    pub number: u8,
}

/// The pitch wheel of a channel at a new position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PitchBend {
    /// When.
    pub tick: u64,
    /// Channel, 0..=15.
    pub channel: u8,
    /// Position, −8192..=8191; 0 at rest. The range in semitones is up to the instrument, 2 by default.
    pub value: i16,
}

/// Aftertouch: the pressure on keys that are down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pressure {
    /// When.
    pub tick: u64,
    /// Channel, 0..=15.
    pub channel: u8,
    /// The key, 0..=127; `None` for all keys of the channel.
    pub key: Option<u8>,
    /// Pressure, 0..=127.
    pub value: u8,
}

/// From `tick` on, a quarter note lasts `tempo` microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TempoChange {
    /// When.
    pub tick: u64,
    /// Length of a quarter note, 1..=16 777 215 µs.
    pub tempo: u32,
}

/// Another time signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeSignature {
    /// When.
    pub tick: u64,
    /// Beats in a bar as written; files hold 0 too.
    pub numerator: u8,
    /// The beat as a power of two: 2 is a quarter note, 3 an eighth note. Files hold nonsense like 33.
    pub denominator_power: u8,
    /// MIDI clocks (24 in a quarter note) from one click of the metronome to the next.
    pub clocks_per_click: u8,
    /// Written 32nd notes in 24 MIDI clocks, nearly always 8.
    pub notated_32nds: u8,
}

impl TimeSignature {
    /// The lower number of the signature, `None` if it is above 2³¹ and therefore nonsense.
    pub const fn denominator(&self) -> Option<u32> {
        1u32.checked_shl(self.denominator_power as u32)
    }
}

/// Another key signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySignature {
    /// When.
    pub tick: u64,
    /// Sharps, or flats if negative: −7..=7.
    pub sharps: i8,
    /// Whether the key is minor.
    pub minor: bool,
}

/// A text in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// When.
    pub tick: u64,
    /// What the text is.
    pub kind: TextKind,
    /// The text in the encoding of whoever wrote it; the format names none.
    pub bytes: Vec<u8>,
}

/// What a text is. The order is that of the numbers 1..=9 in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextKind {
    /// Anything.
    Text,
    /// Who holds the rights.
    Copyright,
    /// Name of the track, or of the piece in the first track.
    TrackName,
    /// Name of the instrument.
    Instrument,
    /// A syllable that is sung here.
    Lyric,
    /// Name of a place in the piece.
    Marker,
    /// What happens on the stage.
    Cue,
    /// Name of the program.
    Program,
    /// Name of the device that plays.
    Device,
}

impl TextKind {
    const ALL: [Self; 9] = [
        Self::Text,
        Self::Copyright,
        Self::TrackName,
        Self::Instrument,
        Self::Lyric,
        Self::Marker,
        Self::Cue,
        Self::Program,
        Self::Device,
    ];

    /// From the type of a meta event.
    pub(crate) fn from_meta(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }

    pub(crate) const fn meta(self) -> u8 {
        self as u8 + 1
    }
}

/// What has no meaning to this crate but is kept for writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// When.
    pub tick: u64,
    /// What it is.
    pub kind: OtherKind,
    /// Its bytes without status, type and length.
    pub bytes: Vec<u8>,
}

/// The kinds of [`Other`] events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OtherKind {
    /// A system exclusive message (0xF0).
    SysEx,
    /// A continuation or an escape (0xF7).
    Escape,
    /// A meta event of this type.
    Meta(u8),
}

/// The events of one track.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Track {
    /// In order of their start.
    pub notes: Vec<TickNote>,
    /// Pedals and all other controllers.
    pub controls: Vec<Control>,
    /// Instruments.
    pub programs: Vec<Program>,
    /// Pitch wheels.
    pub pitch_bends: Vec<PitchBend>,
    /// Aftertouch.
    pub pressures: Vec<Pressure>,
    /// Tempi; they hold for all tracks, unless tracks are independent.
    pub tempos: Vec<TempoChange>,
    /// Time signatures.
    pub time_signatures: Vec<TimeSignature>,
    /// Key signatures.
    pub key_signatures: Vec<KeySignature>,
    /// Names, lyrics and markers.
    pub texts: Vec<Text>,
    /// Everything else.
    pub others: Vec<Other>,
    /// Tick of the end of the track, not before its last event.
    pub end: u64,
}

impl Track {
    /// The name of the track, empty if it has none. Bytes that are not UTF-8 are replaced.
    pub fn name(&self) -> String {
        let name = self.texts.iter().find(|text| text.kind == TextKind::TrackName);
        name.map_or_else(String::new, |name| String::from_utf8_lossy(&name.bytes).into_owned())
    }
}
