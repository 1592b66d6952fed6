//! How does one write a short piano piece as text that people can read and a program can check?
//!
//! # Notation
//! A piece is a header, `name: value` lines, followed by music lines, `V: …`, where `V` is the name of
//! a voice: a capital letter, possibly with a digit. Lines of the same voice are joined. The first
//! voice carries the melody. A line that starts with `#` is a comment.
//!
//! | header | value | default |
//! |---|---|---|
//! | `title`, `origin` | free text | required |
//! | `status` | `public domain` or `original` | required |
//! | `tempo` | quarter notes per minute, 10 to 400 | required |
//! | `metre` | `3/4`: length of a bar | required |
//! | `pickup` | length of an incomplete first bar, `1/8` | none |
//! | `pedal` | change the sustain pedal with this period, `3/4` | none |
//! | `touch` | `legato`, `detached` or `staccato` | `legato` |
//! | `phrase` | bars of a phrase, for tempo and dynamics | 4 |
//! | `pattern NAME` | figure that breaks chords up, see below | |
//!
//! | music | meaning |
//! |---|---|
//! | `c4/4` | a note: letter, accidentals (`#`, `##`, `b`, `bb`), octave (`c4` is middle C), length |
//! | `/4`, `/8.`, `/12` | length as a fraction of a whole note; a dot adds half; `/12` is a triplet eighth |
//! | `<c3 e g>/2` | a chord, from the lowest note up |
//! | `r/4` | a rest |
//! | `_/8` | the last note or chord is held on for an eighth |
//! | `{d5 e}c/4` | grace notes before a note |
//! | `c/8'` `c/8-` `c/8>` | staccato, tenuto, accent |
//! | `<c e g>/2&` | a chord rolled from below |
//! | `c/4tr1`, `c/4tr2` | a trill with the key 1 or 2 semitones above |
//! | `c/4:16` | the note struck again every sixteenth |
//! | `[ … ]3` | play three times |
//! | `[ … ]3+2` | play three times, each time two semitones higher (`-2`: lower) |
//! | `@alberti<c3 e g>` | the pattern of that name over a chord |
//! | `\|` | bar line: here the bar must be full, which catches most slips of the pen |
//! | `!mf` | dynamics, `ppp` to `fff`; `!mf..` moves evenly to the next mark |
//! | `!q=90` | tempo in quarter notes per minute; `!q=90..` moves evenly to the next mark |
//! | `!ped`, `!up` | change (or press), release the sustain pedal |
//!
//! A length stays in force until the next one. An octave may be left out: the note is then the one
//! nearest on the staff to the last note (to the lowest one of the last chord), and inside a chord the
//! next one above its neighbour. A voice without dynamics follows the first voice.
//!
//! A pattern is a row of chord members counted from 1 at the bottom, `pattern waltz: 1/4 23 23`; `23`
//! is the second and the third together, `r` a rest, `_` a hold.
//!
//! # Example
//! ```
//! use mir_datasets::mini::notation::Score;
//!
//! let score = Score::parse(
//!     "title: Cadence\norigin: study\nstatus: original\ntempo: 90\nmetre: 4/4\n\
//!      R: !mf <e4 g c>/4 <f a c> <d g b> <e g c> |\n\
//!      L: c3/4 f2 g c |",
//! )?;
//! assert_eq!(score.notes().len(), 16);
//! assert_eq!(score.notes()[0].key.to_string(), "C3");
//! # Ok::<(), mir_datasets::mini::notation::NotationError>(())
//! ```

use std::fmt;

use mir_core::{Key, KeyRange};
use serde::Serialize;

/// Ticks of a whole note. Divisible by every length in use: 64ths, triplets, quintuplets, septuplets.
pub const WHOLE: u32 = 20_160;

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("line {line}, column {column}: {kind}")]
pub struct NotationError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The mistake.
    pub kind: NotationErrorKind,
}

/// The mistakes that [`Score::parse`] tells apart.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NotationErrorKind {
    /// A line is neither a header nor music.
    #[error("'{text}' is neither a header (`name: value`) nor music (`R: …`)")]
    Line {
        /// Its beginning.
        text: String,
    },
    /// A header has an unknown name.
    #[error("unknown header '{name}'")]
    UnknownHeader {
        /// The name.
        name: String,
    },
    /// A header has a value that it does not admit.
    #[error("header '{name}' is '{actual}', expected {expected}")]
    HeaderValue {
        /// The name.
        name: &'static str,
        /// Admissible values, in words.
        expected: &'static str,
        /// The value that came.
        actual: String,
    },
    /// A required header is missing.
    #[error("the header '{name}' is missing")]
    MissingHeader {
        /// The name.
        name: &'static str,
    },
    /// There is no music.
    #[error("there is no note")]
    Empty,
    /// A symbol cannot be read.
    #[error("cannot read '{text}', expected {expected}")]
    Symbol {
        /// The symbol.
        text: String,
        /// What may stand here.
        expected: &'static str,
    },
    /// The first note of a voice has no octave.
    #[error("the first note of a voice needs an octave, as in c4")]
    MissingOctave,
    /// The first note of a voice has no length.
    #[error("the first note, rest or hold needs a length, as in c4/4")]
    MissingLength,
    /// A length is not a whole number of ticks.
    #[error("the length '{text}' is not /N or /N. with N from 1 to 64 that divides 20160")]
    Length {
        /// The length.
        text: String,
    },
    /// A note lies outside the piano.
    #[error("'{text}' is MIDI number {number}, outside the piano (21 to 108)")]
    Key {
        /// The note.
        text: String,
        /// Its number.
        number: i32,
    },
    /// A bar line comes too early or too late.
    #[error("the bar holds {actual} quarters, expected {expected}")]
    Bar {
        /// Quarters that the metre asks for.
        expected: f64,
        /// Quarters written.
        actual: f64,
    },
    /// A pattern has not been defined in the header.
    #[error("there is no pattern '{name}' in the header")]
    UnknownPattern {
        /// The name.
        name: String,
    },
    /// A pattern asks for a chord member that the chord lacks.
    #[error("the pattern asks for note {member} of a chord of {size}")]
    ChordMember {
        /// The member, from 1.
        member: usize,
        /// Notes of the chord.
        size: usize,
    },
    /// `[` without `]`.
    #[error("the repetition that starts here is not closed")]
    UnclosedGroup,
    /// `]` without `[`.
    #[error("no repetition is open here")]
    UnopenedGroup,
    /// The repetitions make too long a piece.
    #[error("the piece is longer than {limit} notes, rests and signs")]
    TooLong {
        /// The limit, repetitions written out.
        limit: usize,
    },
    /// `_` with nothing before it.
    #[error("there is no note to hold")]
    NothingToHold,
    /// A voice ends elsewhere than the first one.
    #[error("voice {voice} lasts {actual} quarters, the first voice {expected}")]
    VoiceLength {
        /// Name of the voice.
        voice: String,
        /// Quarters of the first voice.
        expected: f64,
        /// Quarters of this one.
        actual: f64,
    },
}

/// How the notes of a piece are joined unless a sign says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Touch {
    /// Each note reaches the next.
    Legato,
    /// A small gap after each note.
    Detached,
    /// Notes are cut to about half.
    Staccato,
}

/// Whether a piece was composed for this collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Status {
    /// The composition is in the public domain; the encoding is ours.
    PublicDomain,
    /// Composition and encoding are ours.
    Original,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PublicDomain => "public domain",
            Self::Original => "original",
        })
    }
}

/// A sign at a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Articulation {
    /// None: the piece's touch.
    Plain,
    /// Cut short.
    Staccato,
    /// Held for its full length.
    Tenuto,
}

/// One written note.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ScoreNote {
    /// Where it starts, ticks from the beginning.
    pub start: u32,
    /// How long it is, ticks; holds included.
    pub length: u32,
    /// Its key, within the piano.
    pub key: Key,
    /// Index of its voice.
    pub voice: usize,
    /// Position within its chord from the bottom, 0 for a single note.
    pub member: usize,
    /// Written loudness as a MIDI velocity, 1..=127.
    pub level: f64,
    /// Sign at the note.
    pub articulation: Articulation,
    /// Struck harder than its surroundings.
    pub accent: bool,
    /// The chord is rolled from below.
    pub rolled: bool,
    /// Semitones from the note up to the key it is trilled with.
    pub trill: Option<u8>,
    /// For grace notes: place before the main note, 1 is the last. The length is then nominal.
    pub grace: Option<usize>,
}

/// A value from a position on, which may move evenly to the next one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mark {
    /// Ticks from the beginning.
    pub at: u32,
    /// The value there.
    pub value: f64,
    /// Whether it moves evenly to the value of the next mark.
    pub glides: bool,
}

/// The value in force at a position; the first mark also holds before itself.
pub(crate) fn value_at(marks: &[Mark], at: u32) -> Option<f64> {
    let next = marks.partition_point(|mark| mark.at <= at);
    let here = marks.get(next.saturating_sub(1))?;
    Some(match marks.get(next) {
        Some(then) if here.glides && at > here.at => {
            let part = f64::from(at - here.at) / f64::from(then.at - here.at);
            here.value + (then.value - here.value) * part
        }
        _ => here.value,
    })
}

/// A piece as written: notes on a grid of ticks, [`WHOLE`] to the whole note.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Score {
    title: String,
    origin: String,
    status: Status,
    bar: u32,
    pickup: u32,
    touch: Touch,
    phrase_bars: u32,
    length: u32,
    tempo: Vec<Mark>,
    pedal: Vec<(u32, bool)>,
    notes: Vec<ScoreNote>,
}

impl Score {
    /// Reads a piece.
    ///
    /// # Errors
    /// [`NotationError`] with the place and the kind of the first mistake.
    pub fn parse(text: &str) -> Result<Self, NotationError> {
        Reader::default().read(text)
    }

    /// A piece from notes, for generators: `bar` in ticks, `tempo` in quarter notes per minute.
    /// `pedal` holds positions with `true` for a change (or press) and `false` for a release.
    pub(crate) fn from_notes(
        title: &str,
        bar: u32,
        tempo: f64,
        pedal: Vec<(u32, bool)>,
        mut notes: Vec<ScoreNote>,
    ) -> Self {
        sort(&mut notes);
        Self {
            title: title.to_owned(),
            origin: "drawn by chance".to_owned(),
            status: Status::Original,
            bar,
            pickup: 0,
            touch: Touch::Legato,
            phrase_bars: 4,
            length: notes.iter().map(|n| n.start + n.length).max().unwrap_or(0),
            tempo: vec![Mark { at: 0, value: tempo, glides: false }],
            pedal,
            notes,
        }
    }

    /// Title.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Composer or source.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether the composition is in the public domain or ours.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Length of a bar, ticks.
    pub fn bar(&self) -> u32 {
        self.bar
    }

    /// Length of an incomplete first bar, ticks; 0 if the first bar is full.
    pub fn pickup(&self) -> u32 {
        self.pickup
    }

    /// How notes are joined.
    pub fn touch(&self) -> Touch {
        self.touch
    }

    /// Bars of a phrase.
    pub fn phrase_bars(&self) -> u32 {
        self.phrase_bars
    }

    /// Length of the piece, ticks.
    pub fn length(&self) -> u32 {
        self.length
    }

    /// Tempo marks in quarter notes per minute, at least one, ascending.
    pub fn tempo(&self) -> &[Mark] {
        &self.tempo
    }

    /// Sustain pedal: position, and `true` for a change (or press), `false` for a release; ascending.
    pub fn pedal(&self) -> &[(u32, bool)] {
        &self.pedal
    }

    /// Notes by start, then key.
    pub fn notes(&self) -> &[ScoreNote] {
        &self.notes
    }

    /// The written length at the written tempo, without any expression, seconds.
    pub fn nominal_seconds(&self) -> f64 {
        let step = WHOLE / 64;
        (0..self.length)
            .step_by(step as usize)
            .filter_map(|at| {
                let ticks = step.min(self.length - at);
                value_at(&self.tempo, at).map(|bpm| quarters(ticks) * 60.0 / bpm)
            })
            .sum()
    }
}

fn sort(notes: &mut [ScoreNote]) {
    // Grace notes stand before their main note, the first of them first.
    notes.sort_by_key(|n| (n.start, std::cmp::Reverse(n.grace), n.key, n.voice));
}

fn quarters(ticks: u32) -> f64 {
    4.0 * f64::from(ticks) / f64::from(WHOLE)
}

/// Where something stands in the text, both from 1.
#[derive(Clone, Copy, Debug)]
struct Place {
    line: usize,
    column: usize,
}

impl Place {
    fn error(self, kind: NotationErrorKind) -> NotationError {
        NotationError { line: self.line, column: self.column, kind }
    }
}

/// A symbol between blanks; brackets keep theirs.
#[derive(Clone, Debug)]
struct Symbol {
    place: Place,
    text: String,
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Dynamics { level: f64, glides: bool },
    Tempo { bpm: f64, glides: bool },
    Pedal(bool),
}

#[derive(Clone, Debug)]
struct Strike {
    keys: Vec<Written>,
    grace: Vec<Written>,
    length: u32,
    articulation: Articulation,
    accent: bool,
    rolled: bool,
    trill: Option<u8>,
    /// Ticks between repeated strikes.
    again: Option<u32>,
}

#[derive(Clone, Debug)]
enum Kind {
    Strike(Strike),
    Rest(u32),
    Hold(u32),
    Bar,
    Order(Order),
    Group { items: Vec<Item>, times: u32, step: i32 },
}

#[derive(Clone, Debug)]
struct Item {
    place: Place,
    kind: Kind,
}

/// A pitch as written: staff position (octave · 7 + letter) for the octave rule, and MIDI number.
#[derive(Clone, Copy, Debug)]
struct Written {
    staff: i32,
    midi: i32,
}

/// One step of a pattern: chord members from 0 (none for a rest or hold).
#[derive(Clone, Debug)]
struct PatternStep {
    members: Vec<usize>,
    hold: bool,
    length: u32,
    marks: Marks,
}

/// The signs after the length of a note.
#[derive(Clone, Debug)]
struct Marks {
    articulation: Articulation,
    accent: bool,
    rolled: bool,
    trill: Option<u8>,
    again: Option<u32>,
}

/// What a voice remembers from one symbol to the next.
#[derive(Debug, Default)]
struct Memory {
    length: Option<u32>,
    staff: Option<i32>,
}

#[derive(Debug)]
struct Voice {
    name: String,
    place: Place,
    symbols: Vec<Symbol>,
}

#[derive(Debug, Default)]
struct Reader {
    title: Option<String>,
    origin: Option<String>,
    status: Option<Status>,
    tempo: Option<f64>,
    bar: Option<u32>,
    pickup: u32,
    pedal_period: Option<u32>,
    touch: Option<Touch>,
    phrase_bars: Option<u32>,
    patterns: Vec<(String, Vec<PatternStep>)>,
    voices: Vec<Voice>,
}

impl Reader {
    fn read(mut self, text: &str) -> Result<Score, NotationError> {
        for (index, line) in text.lines().enumerate() {
            self.line(index + 1, line)?;
        }
        let end = Place { line: text.lines().count().max(1), column: 1 };
        let missing = |name| end.error(NotationErrorKind::MissingHeader { name });
        let bar = self.bar.ok_or_else(|| missing("metre"))?;
        let tempo = self.tempo.ok_or_else(|| missing("tempo"))?;

        let mut played: Vec<Played> = Vec::new();
        for (index, voice) in self.voices.iter().enumerate() {
            let mut symbols = voice.symbols.iter();
            let items = self.items(&mut symbols, &mut Vec::new(), &mut Memory::default())?;
            let mut out = Played::new(index, bar, self.pickup);
            out.play(&items, 0)?;
            if let Some(first) = played.first()
                && first.position != out.position
            {
                return Err(voice.place.error(NotationErrorKind::VoiceLength {
                    voice: voice.name.clone(),
                    expected: quarters(first.position),
                    actual: quarters(out.position),
                }));
            }
            played.push(out);
        }
        let length = played.first().map_or(0, |first| first.position);

        let mut marks = vec![Mark { at: 0, value: tempo, glides: false }];
        let mut pedal: Vec<(u32, bool)> = match self.pedal_period {
            // The incomplete first bar has no pedal of its own.
            Some(period) => {
                (self.pickup..length).step_by(period as usize).map(|at| (at, true)).collect()
            }
            None => Vec::new(),
        };
        let mut notes = Vec::new();
        let lead = played.first().map(|first| first.dynamics.clone()).unwrap_or_default();
        for voice in played {
            let dynamics = if voice.dynamics.is_empty() { &lead } else { &voice.dynamics };
            notes.extend(voice.notes.into_iter().map(|note| ScoreNote {
                level: value_at(dynamics, note.start).unwrap_or(MEZZOFORTE),
                ..note
            }));
            marks.extend(voice.tempo);
            pedal.extend(voice.pedal);
        }
        if notes.is_empty() {
            return Err(end.error(NotationErrorKind::Empty));
        }
        sort(&mut notes);
        // Stable: of marks at one place the one from the music, which comes later, stays.
        marks.sort_by_key(|mark| mark.at);
        marks.reverse();
        marks.dedup_by_key(|mark| mark.at);
        marks.reverse();
        pedal.sort_by_key(|&(at, _)| at);
        pedal.dedup();
        Ok(Score {
            title: self.title.ok_or_else(|| missing("title"))?,
            origin: self.origin.ok_or_else(|| missing("origin"))?,
            status: self.status.ok_or_else(|| missing("status"))?,
            bar,
            pickup: self.pickup,
            touch: self.touch.unwrap_or(Touch::Legato),
            phrase_bars: self.phrase_bars.unwrap_or(4),
            length,
            tempo: marks,
            pedal,
            notes,
        })
    }

    fn line(&mut self, number: usize, line: &str) -> Result<(), NotationError> {
        if line.trim().is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let start = Place { line: number, column: 1 };
        let Some((name, value)) = line.split_once(':') else {
            let text = line.chars().take(20).collect();
            return Err(start.error(NotationErrorKind::Line { text }));
        };
        let after = Place { line: number, column: name.chars().count() + 2 };
        if let [b'A'..=b'Z'] | [b'A'..=b'Z', b'0'..=b'9'] = name.as_bytes() {
            let symbols = split(after, value)?;
            match self.voices.iter_mut().find(|voice| voice.name == name) {
                Some(voice) => voice.symbols.extend(symbols),
                None => self.voices.push(Voice { name: name.to_owned(), place: start, symbols }),
            }
            return Ok(());
        }
        let blanks = value.chars().take_while(|c| c.is_whitespace()).count();
        let after = Place { column: after.column + blanks, ..after };
        self.header(name, value.trim(), start, after)
    }

    fn header(
        &mut self,
        name: &str,
        value: &str,
        start: Place,
        after: Place,
    ) -> Result<(), NotationError> {
        let wrong = |name, expected| {
            after.error(NotationErrorKind::HeaderValue { name, expected, actual: value.to_owned() })
        };
        match name {
            "title" => self.title = Some(value.to_owned()),
            "origin" => self.origin = Some(value.to_owned()),
            "status" => {
                self.status = Some(match value {
                    "public domain" => Status::PublicDomain,
                    "original" => Status::Original,
                    _ => return Err(wrong("status", "'public domain' or 'original'")),
                });
            }
            "tempo" => {
                let bpm = beats_per_minute(value);
                self.tempo = Some(bpm.ok_or_else(|| wrong("tempo", "a number from 10 to 400"))?);
            }
            "metre" => {
                let bar = fraction(value).ok_or_else(|| wrong("metre", "a fraction as in 3/4"))?;
                self.bar = Some(bar);
            }
            "pickup" => {
                let length = fraction(value);
                self.pickup = length.ok_or_else(|| wrong("pickup", "a fraction as in 1/8"))?;
            }
            "pedal" => {
                let period = fraction(value);
                self.pedal_period =
                    Some(period.ok_or_else(|| wrong("pedal", "a fraction as in 3/4"))?);
            }
            "touch" => {
                self.touch = Some(match value {
                    "legato" => Touch::Legato,
                    "detached" => Touch::Detached,
                    "staccato" => Touch::Staccato,
                    _ => return Err(wrong("touch", "legato, detached or staccato")),
                });
            }
            "phrase" => {
                let bars = value.parse().ok().filter(|bars| (1..=64).contains(bars));
                self.phrase_bars = Some(bars.ok_or_else(|| wrong("phrase", "1 to 64 bars"))?);
            }
            _ => match name.strip_prefix("pattern ") {
                Some(name) => {
                    let steps = pattern(split(after, value)?)?;
                    self.patterns.push((name.to_owned(), steps));
                }
                None => {
                    let name = name.to_owned();
                    return Err(start.error(NotationErrorKind::UnknownHeader { name }));
                }
            },
        }
        Ok(())
    }

    /// Symbols up to the end of the voice, or of the innermost group of `open`.
    fn items(
        &self,
        symbols: &mut std::slice::Iter<'_, Symbol>,
        open: &mut Vec<Place>,
        memory: &mut Memory,
    ) -> Result<Vec<Item>, NotationError> {
        let mut items = Vec::new();
        while let Some(symbol) = symbols.next() {
            let place = symbol.place;
            let unreadable = |expected| {
                place.error(NotationErrorKind::Symbol { text: symbol.text.clone(), expected })
            };
            let text = symbol.text.as_str();
            if let Some(tail) = text.strip_prefix(']') {
                let Some(start) = open.pop() else {
                    return Err(place.error(NotationErrorKind::UnopenedGroup));
                };
                let (times, step) =
                    repetition(tail).ok_or_else(|| unreadable("]N, ]N+K or ]N-K"))?;
                return Ok(vec![Item { place: start, kind: Kind::Group { items, times, step } }]);
            }
            let kind = match text {
                "[" if open.len() == DEEPEST => {
                    return Err(unreadable("at most 8 repetitions inside each other"));
                }
                "[" => {
                    open.push(place);
                    items.extend(self.items(symbols, open, memory)?);
                    continue;
                }
                "|" => Kind::Bar,
                _ if text.starts_with('!') => {
                    let order = order(&text[1..]);
                    Kind::Order(order.ok_or_else(|| {
                        unreadable("a dynamic from !ppp to !fff, !q=NUMBER, !ped or !up")
                    })?)
                }
                _ if text.starts_with('@') => {
                    items.extend(self.pattern_items(symbol, memory)?);
                    continue;
                }
                _ => note(symbol, memory)?,
            };
            items.push(Item { place, kind });
        }
        match open.last() {
            Some(start) => Err(start.error(NotationErrorKind::UnclosedGroup)),
            None => Ok(items),
        }
    }

    fn pattern_items(
        &self,
        symbol: &Symbol,
        memory: &mut Memory,
    ) -> Result<Vec<Item>, NotationError> {
        let mut scan = Scan::new(symbol, 1);
        let name = scan.take_while(|c| c.is_ascii_alphanumeric());
        let Some((_, steps)) = self.patterns.iter().find(|(known, _)| *known == name) else {
            return Err(symbol.place.error(NotationErrorKind::UnknownPattern { name }));
        };
        let chord = scan.chord(memory)?;
        scan.end("nothing after the chord of a pattern")?;
        let item = |step: &PatternStep| {
            let keys = step.members.iter().map(|&member| {
                chord.get(member).copied().ok_or_else(|| {
                    let size = chord.len();
                    symbol.place.error(NotationErrorKind::ChordMember { member: member + 1, size })
                })
            });
            let keys: Vec<Written> = keys.collect::<Result<_, _>>()?;
            let kind = if step.hold {
                Kind::Hold(step.length)
            } else if keys.is_empty() {
                Kind::Rest(step.length)
            } else {
                Kind::Strike(step.marks.strike(keys, Vec::new(), step.length))
            };
            Ok(Item { place: symbol.place, kind })
        };
        steps.iter().map(item).collect()
    }
}

impl Marks {
    fn strike(&self, keys: Vec<Written>, grace: Vec<Written>, length: u32) -> Strike {
        Strike {
            keys,
            grace,
            length,
            articulation: self.articulation,
            accent: self.accent,
            rolled: self.rolled,
            trill: self.trill,
            again: self.again,
        }
    }
}

/// Repetitions inside each other; and items of a voice, repetitions written out. Both bound the time
/// and the memory that a text can ask for.
const DEEPEST: usize = 8;
const LONGEST: usize = 20_000;

/// Velocity of `mf`, in force where a piece has no dynamics.
const MEZZOFORTE: f64 = 70.0;

/// Dynamics as velocities: ours, in near-equal steps over the range that pianists use.
fn dynamic(name: &str) -> Option<f64> {
    Some(match name {
        "ppp" => 20.0,
        "pp" => 31.0,
        "p" => 44.0,
        "mp" => 57.0,
        "mf" => MEZZOFORTE,
        "f" => 85.0,
        "ff" => 101.0,
        "fff" => 116.0,
        _ => return None,
    })
}

fn order(text: &str) -> Option<Order> {
    let (word, glides) = match text.strip_suffix("..") {
        Some(word) => (word, true),
        None => (text, false),
    };
    match (word, word.strip_prefix("q=")) {
        ("ped", _) if !glides => Some(Order::Pedal(true)),
        ("up", _) if !glides => Some(Order::Pedal(false)),
        (_, Some(number)) => beats_per_minute(number).map(|bpm| Order::Tempo { bpm, glides }),
        _ => dynamic(word).map(|level| Order::Dynamics { level, glides }),
    }
}

fn beats_per_minute(text: &str) -> Option<f64> {
    text.parse().ok().filter(|bpm| (10.0..=400.0).contains(bpm))
}

/// `3/4` in ticks.
fn fraction(text: &str) -> Option<u32> {
    let (count, unit) = text.split_once('/')?;
    let (count, unit): (u32, u32) = (count.parse().ok()?, unit.parse().ok()?);
    let exact = (1..=64).contains(&count) && (1..=64).contains(&unit) && WHOLE.is_multiple_of(unit);
    exact.then(|| count * (WHOLE / unit))
}

/// `3`, `3+2`, `3-2`: times and semitones.
fn repetition(text: &str) -> Option<(u32, i32)> {
    let cut = text.find(['+', '-']).unwrap_or(text.len());
    let times = text[..cut].parse().ok().filter(|times| (1..=128).contains(times))?;
    let step = if cut == text.len() { 0 } else { text[cut..].parse().ok()? };
    (-88..=88).contains(&step).then_some((times, step))
}

/// Splits a line at blanks, except inside `<…>` and `{…}`.
fn split(start: Place, text: &str) -> Result<Vec<Symbol>, NotationError> {
    let mut symbols: Vec<Symbol> = Vec::new();
    let mut inside: Option<Place> = None;
    let mut fresh = true;
    for (offset, c) in text.chars().enumerate() {
        let place = Place { line: start.line, column: start.column + offset };
        if c.is_whitespace() && inside.is_none() {
            fresh = true;
            continue;
        }
        if fresh {
            symbols.push(Symbol { place, text: String::new() });
            fresh = false;
        }
        match c {
            '<' | '{' => inside = Some(place),
            '>' | '}' => inside = None,
            _ => {}
        }
        if let Some(symbol) = symbols.last_mut() {
            symbol.text.push(c);
        }
    }
    match inside {
        Some(place) => Err(place.error(NotationErrorKind::Symbol {
            text: text.chars().skip(place.column - start.column).collect(),
            expected: "a closing bracket on the same line",
        })),
        None => Ok(symbols),
    }
}

fn pattern(symbols: Vec<Symbol>) -> Result<Vec<PatternStep>, NotationError> {
    let mut memory = Memory::default();
    let step = |symbol: &Symbol| {
        let mut scan = Scan::new(symbol, 0);
        let hold = scan.skip('_');
        let members = if hold || scan.skip('r') {
            Vec::new()
        } else {
            let digits = scan.take_while(|c| ('1'..='9').contains(&c));
            if digits.is_empty() {
                return Err(scan.error("chord members (1 to 9), r or _"));
            }
            digits.bytes().map(|digit| usize::from(digit - b'1')).collect()
        };
        let length = scan.length(&mut memory)?;
        let marks = scan.marks()?;
        Ok(PatternStep { members, hold, length, marks })
    };
    symbols.iter().map(step).collect()
}

/// A note, chord, rest or hold.
fn note(symbol: &Symbol, memory: &mut Memory) -> Result<Kind, NotationError> {
    let mut scan = Scan::new(symbol, 0);
    if scan.skip('r') {
        let length = scan.length(memory)?;
        scan.end("nothing after the length of a rest")?;
        return Ok(Kind::Rest(length));
    }
    if scan.skip('_') {
        let length = scan.length(memory)?;
        scan.end("nothing after the length of a hold")?;
        return Ok(Kind::Hold(length));
    }
    let mut grace = Vec::new();
    if scan.skip('{') {
        while !scan.skip('}') {
            grace.push(scan.pitch(memory, false)?);
            scan.take_while(|c| c == ' ');
        }
    }
    let keys = match scan.peek() {
        Some('<') => scan.chord(memory)?,
        _ => vec![scan.pitch(memory, false)?],
    };
    let length = scan.length(memory)?;
    let marks = scan.marks()?;
    Ok(Kind::Strike(marks.strike(keys, grace, length)))
}

/// Reads through one symbol.
struct Scan<'a> {
    symbol: &'a Symbol,
    rest: &'a str,
}

impl<'a> Scan<'a> {
    fn new(symbol: &'a Symbol, skip: usize) -> Self {
        Self { symbol, rest: &symbol.text[skip..] }
    }

    fn place(&self) -> Place {
        let read = self.symbol.text[..self.symbol.text.len() - self.rest.len()].chars().count();
        Place { line: self.symbol.place.line, column: self.symbol.place.column + read }
    }

    fn error(&self, expected: &'static str) -> NotationError {
        let text = self.symbol.text.clone();
        self.place().error(NotationErrorKind::Symbol { text, expected })
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn skip(&mut self, c: char) -> bool {
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> String {
        let end = self.rest.find(|c| !accept(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken.to_owned()
    }

    fn end(&self, expected: &'static str) -> Result<(), NotationError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.error(expected)) }
    }

    /// One pitch. Without an octave: above the last one inside a chord, else nearest to it.
    fn pitch(&mut self, memory: &mut Memory, above: bool) -> Result<Written, NotationError> {
        const LETTERS: &str = "cdefgab";
        const SEMITONES: [i32; 7] = [0, 2, 4, 5, 7, 9, 11];
        let (place, before) = (self.place(), self.rest);
        let letter = self.peek().and_then(|c| LETTERS.find(c));
        let letter = letter.ok_or_else(|| self.error("a note from a to g"))?;
        self.rest = &self.rest[1..];
        let alteration = if self.rest.starts_with('#') {
            self.take_while(|c| c == '#').len() as i32
        } else {
            -(self.take_while(|c| c == 'b').len() as i32)
        };
        if alteration.abs() > 2 {
            return Err(self.error("at most two accidentals"));
        }
        let digits = self.take_while(|c| c.is_ascii_digit());
        let step = letter as i32;
        let octave = match (digits.as_str(), memory.staff) {
            ("", None) => return Err(place.error(NotationErrorKind::MissingOctave)),
            // The next octave above the last note, or the one that makes a difference of −3 to 3.
            ("", Some(last)) if above => (last - step).div_euclid(7) + 1,
            ("", Some(last)) => (last - step + 3).div_euclid(7),
            (digits, _) => {
                let octave = digits.parse().ok().filter(|octave| *octave <= 8);
                octave.ok_or_else(|| self.error("an octave from 0 to 8"))?
            }
        };
        let written = Written {
            staff: 7 * octave + step,
            midi: 12 * (octave + 1) + SEMITONES[letter] + alteration,
        };
        memory.staff = Some(written.staff);
        if piano_key(written.midi).is_none() {
            let text = before[..before.len() - self.rest.len()].to_owned();
            return Err(place.error(NotationErrorKind::Key { text, number: written.midi }));
        }
        Ok(written)
    }

    /// `<c3 e g>`; the next octave is counted from its lowest note.
    fn chord(&mut self, memory: &mut Memory) -> Result<Vec<Written>, NotationError> {
        if !self.skip('<') {
            return Err(self.error("a chord as in <c3 e g>"));
        }
        let mut keys: Vec<Written> = Vec::new();
        self.take_while(|c| c == ' ');
        while !self.skip('>') {
            keys.push(self.pitch(memory, !keys.is_empty())?);
            self.take_while(|c| c == ' ');
        }
        let lowest = keys.first().ok_or_else(|| self.error("at least one note in a chord"))?;
        memory.staff = Some(lowest.staff);
        Ok(keys)
    }

    /// `/8.`, or the length last given.
    fn length(&mut self, memory: &mut Memory) -> Result<u32, NotationError> {
        let (place, before) = (self.place(), self.rest);
        if self.skip('/') {
            let unit = self.take_while(|c| c.is_ascii_digit()).parse().unwrap_or(0);
            let dotted = self.skip('.');
            let text = || before[..before.len() - self.rest.len()].to_owned();
            let wrong = || place.error(NotationErrorKind::Length { text: text() });
            let plain = (1..=64).contains(&unit) && WHOLE.is_multiple_of(unit);
            let length = if plain { WHOLE / unit } else { return Err(wrong()) };
            if dotted && !length.is_multiple_of(2) {
                return Err(wrong());
            }
            memory.length = Some(if dotted { length / 2 * 3 } else { length });
        }
        memory.length.ok_or_else(|| place.error(NotationErrorKind::MissingLength))
    }

    fn marks(&mut self) -> Result<Marks, NotationError> {
        let mut marks = Marks {
            articulation: Articulation::Plain,
            accent: false,
            rolled: false,
            trill: None,
            again: None,
        };
        while let Some(sign) = self.peek() {
            match sign {
                '\'' => marks.articulation = Articulation::Staccato,
                '-' => marks.articulation = Articulation::Tenuto,
                '>' => marks.accent = true,
                '&' => marks.rolled = true,
                't' if self.rest.starts_with("tr1") || self.rest.starts_with("tr2") => {
                    marks.trill = Some(self.rest.as_bytes()[2] - b'0');
                    self.rest = &self.rest[2..];
                }
                ':' => {
                    self.rest = &self.rest[1..];
                    let unit: u32 = self.take_while(|c| c.is_ascii_digit()).parse().unwrap_or(0);
                    if !(1..=64).contains(&unit) || !WHOLE.is_multiple_of(unit) {
                        return Err(self.error("a length after ':', as in c4/4:16"));
                    }
                    marks.again = Some(WHOLE / unit);
                    continue;
                }
                _ => return Err(self.error("a sign: ' - > & tr1 tr2 or :N")),
            }
            self.rest = &self.rest[1..];
        }
        Ok(marks)
    }
}

fn piano_key(midi: i32) -> Option<Key> {
    let key = u8::try_from(midi).ok().and_then(|midi| Key::new(midi).ok())?;
    KeyRange::PIANO.index_of(key).map(|_| key)
}

/// A voice laid out in time.
#[derive(Debug)]
struct Played {
    voice: usize,
    bar: u32,
    pickup: u32,
    position: u32,
    /// Position of the last bar line.
    bar_start: u32,
    /// Items so far, repetitions written out.
    items: usize,
    /// First note of the last strike in `notes`, for holds.
    last_strike: Option<usize>,
    notes: Vec<ScoreNote>,
    dynamics: Vec<Mark>,
    tempo: Vec<Mark>,
    pedal: Vec<(u32, bool)>,
}

impl Played {
    fn new(voice: usize, bar: u32, pickup: u32) -> Self {
        Self {
            voice,
            bar,
            pickup,
            position: 0,
            bar_start: 0,
            items: 0,
            last_strike: None,
            notes: Vec::new(),
            dynamics: Vec::new(),
            tempo: Vec::new(),
            pedal: Vec::new(),
        }
    }

    fn play(&mut self, items: &[Item], transposition: i32) -> Result<(), NotationError> {
        for item in items {
            self.count(item.place)?;
            match &item.kind {
                Kind::Strike(strike) => self.strike(strike, item.place, transposition)?,
                Kind::Rest(length) => {
                    self.position += length;
                    self.last_strike = None;
                }
                Kind::Hold(length) => {
                    let Some(first) = self.last_strike else {
                        return Err(item.place.error(NotationErrorKind::NothingToHold));
                    };
                    self.notes[first..].iter_mut().for_each(|note| note.length += length);
                    self.position += length;
                }
                Kind::Bar => self.bar_line(item.place)?,
                Kind::Order(order) => self.order(*order),
                Kind::Group { items, times, step } => {
                    for turn in 0..*times {
                        self.count(item.place)?;
                        self.play(items, transposition + turn as i32 * step)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn count(&mut self, place: Place) -> Result<(), NotationError> {
        self.items += 1;
        if self.items > LONGEST {
            return Err(place.error(NotationErrorKind::TooLong { limit: LONGEST }));
        }
        Ok(())
    }

    fn bar_line(&mut self, place: Place) -> Result<(), NotationError> {
        let expected = if self.bar_start == 0 && self.pickup > 0 { self.pickup } else { self.bar };
        let actual = self.position - self.bar_start;
        if actual != expected {
            return Err(place.error(NotationErrorKind::Bar {
                expected: quarters(expected),
                actual: quarters(actual),
            }));
        }
        self.bar_start = self.position;
        Ok(())
    }

    fn order(&mut self, order: Order) {
        let at = self.position;
        let (marks, value, glides) = match order {
            Order::Dynamics { level, glides } => (&mut self.dynamics, level, glides),
            Order::Tempo { bpm, glides } => (&mut self.tempo, bpm, glides),
            Order::Pedal(down) => return self.pedal.push((at, down)),
        };
        marks.retain(|mark| mark.at < at);
        marks.push(Mark { at, value, glides });
    }

    fn strike(
        &mut self,
        strike: &Strike,
        place: Place,
        transposition: i32,
    ) -> Result<(), NotationError> {
        let key_of = |written: &Written| {
            let number = written.midi + transposition;
            piano_key(number).ok_or_else(|| {
                let text = format!("a note transposed by {transposition} semitones");
                place.error(NotationErrorKind::Key { text, number })
            })
        };
        let base = ScoreNote {
            start: self.position,
            length: strike.length,
            key: KeyRange::PIANO.low(),
            voice: self.voice,
            member: 0,
            level: MEZZOFORTE,
            articulation: strike.articulation,
            accent: strike.accent,
            rolled: strike.rolled,
            trill: strike.trill,
            grace: None,
        };
        for (index, written) in strike.grace.iter().enumerate() {
            let grace = Some(strike.grace.len() - index);
            self.notes.push(ScoreNote { key: key_of(written)?, grace, trill: None, ..base });
        }
        let each = strike.again.unwrap_or(strike.length).min(strike.length);
        let end = self.position + strike.length;
        while self.position < end {
            self.last_strike = Some(self.notes.len());
            let length = each.min(end - self.position);
            for (member, written) in strike.keys.iter().enumerate() {
                let key = key_of(written)?;
                self.notes.push(ScoreNote { start: self.position, length, key, member, ..base });
            }
            self.position += length;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: &str = "title: T\norigin: O\nstatus: original\ntempo: 120\nmetre: 4/4\n\
                          pattern alberti: 1/8 3 2 3\n";

    fn parse(music: &str) -> Result<Score, NotationError> {
        Score::parse(&format!("{HEADER}{music}"))
    }

    fn keys(music: &str) -> Vec<u8> {
        parse(music).unwrap().notes().iter().map(|note| note.key.number()).collect()
    }

    /// Start and length in quarters.
    fn times(music: &str) -> Vec<(f64, f64)> {
        let score = parse(music).unwrap();
        score.notes().iter().map(|n| (quarters(n.start), quarters(n.length))).collect()
    }

    #[test]
    fn a_note_without_octave_is_the_nearest_one() {
        assert_eq!(keys("R: c4/4 e g c | b a f# bb |"), [60, 64, 67, 72, 71, 69, 66, 70]);
        assert_eq!(keys("R: c5/4 g c5 f |"), [72, 67, 72, 77]);
        assert_eq!(keys("R: b3/4 cb c## e#4 |"), [59, 59, 62, 65]);
    }

    #[test]
    fn a_chord_grows_upwards_and_is_left_from_its_lowest_note() {
        assert_eq!(keys("R: <c4 e g c>/2 d/2 |"), [60, 64, 67, 72, 62]);
        assert_eq!(keys("R: <c4 c c>/1 |"), [60, 72, 84]);
    }

    #[test]
    fn lengths_stay_in_force_and_may_be_odd() {
        assert_eq!(times("R: c4/4. d/8 e r/4. |"), [(0.0, 1.5), (1.5, 0.5), (2.0, 0.5)]);
        assert_eq!(times("R: c4/12 d e c/20 d e f g c/28 d e f g a b c/4 |").len(), 16);
    }

    #[test]
    fn a_hold_lengthens_the_last_chord() {
        assert_eq!(times("R: <c4 e>/1 | _/4 c/2. |"), [(0.0, 5.0), (0.0, 5.0), (5.0, 3.0)]);
    }

    #[test]
    fn a_note_can_be_struck_again_and_again() {
        assert_eq!(times("R: c4/2:8 r/2 |"), [(0.0, 0.5), (0.5, 0.5), (1.0, 0.5), (1.5, 0.5)]);
    }

    #[test]
    fn repetitions_transpose_and_nest() {
        assert_eq!(keys("R: [ c4/4 ]4+2 |"), [60, 62, 64, 66]);
        assert_eq!(keys("R: [ [ c4/4 ]2-1 ]2+12 |"), [60, 59, 72, 71]);
        // The octave is counted as if the repetition were played once.
        assert_eq!(keys("R: [ c4/8 ]4+12 d/2 |"), [60, 72, 84, 96, 62]);
    }

    #[test]
    fn a_pattern_breaks_up_a_chord() {
        assert_eq!(keys("R: @alberti<c3 e g> c4/2 |"), [48, 55, 52, 55, 60]);
    }

    #[test]
    fn grace_notes_come_before_their_note() {
        let score = parse("R: {d4 e}c/1 |").unwrap();
        let found: Vec<_> = score.notes().iter().map(|n| (n.key.number(), n.grace)).collect();
        assert_eq!(found, [(62, Some(2)), (64, Some(1)), (60, None)]);
    }

    #[test]
    fn signs_are_read_in_any_order() {
        let score = parse("R: <c4 e>/4'>& c/4tr1- c r |").unwrap();
        let [low, high, trill, plain] = score.notes() else { panic!("four notes") };
        assert!(low.rolled && high.accent && high.member == 1);
        assert_eq!(low.articulation, Articulation::Staccato);
        assert_eq!((trill.trill, trill.articulation), (Some(1), Articulation::Tenuto));
        assert_eq!((plain.trill, plain.articulation), (None, Articulation::Plain));
    }

    #[test]
    fn dynamics_glide_and_the_other_voice_follows() {
        let score = parse("R: !p.. c4/2 d !f | e/1 | !p f |\nL: c3/2 d | e/1 | f |").unwrap();
        let levels: Vec<f64> = score.notes().iter().map(|n| n.level).collect();
        for (level, expected) in levels.chunks(2).zip([44.0, 64.5, 85.0, 44.0]) {
            assert!(level.iter().all(|l| (l - expected).abs() < 1e-9), "{levels:?}");
        }
    }

    #[test]
    fn written_time_follows_the_tempo_marks() {
        let even = parse("R: c4/1 | !q=60 c/1 |").unwrap();
        assert!((even.nominal_seconds() - 6.0).abs() < 1e-9);
        let glide = parse("R: !q=60.. c4/1 | !q=120 c/1 |").unwrap();
        // The integral of 60 / (60 + 15·x) over four quarters is 4·ln 2, then 2 s.
        assert!((glide.nominal_seconds() - 4.0 * 2f64.ln() - 2.0).abs() < 0.03);
    }

    #[test]
    fn the_pedal_follows_the_period_and_the_signs() {
        let text = format!("{HEADER}pickup: 1/4\npedal: 4/4\nR: c4/4 | c/1 | c/2 !up c |");
        let score = Score::parse(&text).unwrap();
        let quarter = WHOLE / 4;
        assert_eq!(score.pedal(), [(quarter, true), (5 * quarter, true), (7 * quarter, false)]);
    }

    #[test]
    fn every_mistake_is_named_with_its_place() {
        use NotationErrorKind as Kind;
        type Check = fn(&Kind) -> bool;
        let cases: [(&str, (usize, usize), Check); 24] = [
            ("nonsense", (7, 1), |k| matches!(k, Kind::Line { .. })),
            ("tempi: 3", (7, 1), |k| matches!(k, Kind::UnknownHeader { .. })),
            ("RX: c4/4", (7, 1), |k| matches!(k, Kind::UnknownHeader { .. })),
            ("tempo: 9", (7, 8), |k| matches!(k, Kind::HeaderValue { name: "tempo", .. })),
            ("metre: 4", (7, 8), |k| matches!(k, Kind::HeaderValue { name: "metre", .. })),
            ("status: x", (7, 9), |k| matches!(k, Kind::HeaderValue { name: "status", .. })),
            ("pattern x: 0/4", (7, 12), |k| matches!(k, Kind::Symbol { .. })),
            ("R: c4/4 h", (7, 9), |k| matches!(k, Kind::Symbol { .. })),
            ("R: c4/4 c'x", (7, 11), |k| matches!(k, Kind::Symbol { .. })),
            ("R: !mff c4/4", (7, 4), |k| matches!(k, Kind::Symbol { .. })),
            ("R: c4/4 <c e", (7, 9), |k| matches!(k, Kind::Symbol { .. })),
            ("R: c4/4 <>", (7, 11), |k| matches!(k, Kind::Symbol { .. })),
            ("R: c99/4", (7, 7), |k| matches!(k, Kind::Symbol { .. })),
            ("R: c/4", (7, 4), |k| matches!(k, Kind::MissingOctave)),
            ("R: c4", (7, 6), |k| matches!(k, Kind::MissingLength)),
            ("R: c4/11", (7, 6), |k| matches!(k, Kind::Length { text } if text == "/11")),
            ("R: d8/4", (7, 4), |k| matches!(k, Kind::Key { number: 110, .. })),
            ("R: c4/4 [ a0 ]2-1", (7, 11), |k| matches!(k, Kind::Key { number: 20, .. })),
            ("R: c4/2. |", (7, 10), |k| matches!(k, Kind::Bar { .. })),
            ("R: @waltz<c4 e g>", (7, 4), |k| matches!(k, Kind::UnknownPattern { .. })),
            ("R: @alberti<c4 e>", (7, 4), |k| {
                matches!(k, Kind::ChordMember { member: 3, size: 2 })
            }),
            ("R: c4/4 [ c", (7, 9), |k| matches!(k, Kind::UnclosedGroup)),
            ("R: c4/4 ]2", (7, 9), |k| matches!(k, Kind::UnopenedGroup)),
            ("R: r/4 _/4", (7, 8), |k| matches!(k, Kind::NothingToHold)),
        ];
        for (music, place, check) in cases {
            let error = parse(music).unwrap_err();
            assert!(check(&error.kind), "{music}: {error}");
            assert_eq!((error.line, error.column), place, "{music}: {error}");
        }
    }

    #[test]
    fn a_bar_that_is_too_short_says_by_how_much() {
        let error = parse("R: c4/4 c c |").unwrap_err();
        assert_eq!(error.to_string(), "line 7, column 13: the bar holds 3 quarters, expected 4");
    }

    #[test]
    fn voices_must_end_together() {
        let error = parse("R: c4/1 |\nL: c3/1 | c |").unwrap_err();
        assert!(matches!(error.kind, NotationErrorKind::VoiceLength { .. }), "{error}");
        assert_eq!(error.line, 8);
    }

    #[test]
    fn a_piece_needs_its_headers_and_a_note() {
        let error = Score::parse("title: T\nR: c4/4").unwrap_err();
        assert!(matches!(error.kind, NotationErrorKind::MissingHeader { name: "metre" }));
        assert!(matches!(parse("").unwrap_err().kind, NotationErrorKind::Empty));
        assert!(matches!(parse("R: r/1 |").unwrap_err().kind, NotationErrorKind::Empty));
    }

    #[test]
    fn repetitions_cannot_ask_for_unbounded_work() {
        let nested = format!("R: {}c4/4{}", "[ ".repeat(8), " ]128".repeat(8));
        let error = parse(&nested).unwrap_err();
        assert!(matches!(error.kind, NotationErrorKind::TooLong { .. }), "{error}");
        let deep = "[ ".repeat(100_000);
        assert!(parse(&format!("R: {deep}")).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[ -~äß\n]{0,80}") {
            let _ = Score::parse(&text);
            let _ = parse(&format!("R: {text}"));
        }

        #[test]
        fn no_row_of_symbols_makes_the_parser_panic(
            symbols in proptest::collection::vec(
                proptest::sample::select(vec![
                    "c4/4", "<c e g>/8", "r/2", "_/4", "[", "]3", "]2+12", "|", "!p..", "!f", "!q=90..",
                    "@alberti<c4 e g>", "{d e}c", "g/4:16", "b/2tr2>", "!ped", "a0", "c8",
                ]),
                0..40,
            )
        ) {
            if let Ok(score) = parse(&format!("R: {}", symbols.join(" "))) {
                prop_assert!(!score.notes().is_empty());
                prop_assert!(score.notes().iter().all(|n| n.start + n.length <= score.length() && n.length > 0));
                prop_assert!(score.notes().is_sorted_by_key(|n| n.start));
            }
        }
    }
}
