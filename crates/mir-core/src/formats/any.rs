//! Note lists in whatever format a file has.

use std::{fmt, path::Path, str::FromStr};

use super::{
    AudacityLabel, Jams, JamsAnnotation, JamsMetadata, MusicNetLabel, PitchUnit, SonicKind,
    SonicLayer,
    audacity::label_notes,
    parse_audacity, parse_maps, parse_musicnet, parse_notes, parse_notes_json, parse_score_text,
    parse_sonic_csv, parse_svl, read_text, render_audacity, render_maps, render_musicnet,
    render_notes, render_notes_csv, render_notes_json, render_score_text, render_sonic_csv,
    render_svl,
    text::{finite, lines},
};
use crate::{Error, Note, Result, SampleRate};

/// A text format that can hold a note list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoteFormat {
    /// The text of this workspace: [`parse_notes`].
    Tsv,
    /// The same with commas: [`parse_notes`].
    Csv,
    /// A list of objects: [`parse_notes_json`].
    Json,
    /// MAPS label text: [`parse_maps`].
    Maps,
    /// MusicNet labels: [`parse_musicnet`]. Writing names the piano as instrument.
    MusicNet,
    /// Score text of the separation system: [`parse_score_text`].
    Score,
    /// Audacity label track, whose texts name the pitches: [`parse_audacity`].
    Audacity,
    /// Sonic Visualiser's comma-separated notes, values as MIDI numbers: [`parse_sonic_csv`].
    SonicCsv,
    /// Sonic Visualiser layer; the first layer of notes or regions counts: [`parse_svl`].
    Svl,
    /// JAMS: [`Jams`].
    Jams,
}

/// The extensions that say which format to write.
const EXTENSIONS: &str = ".tsv .csv .json .txt .svl .jams .jamz";

impl NoteFormat {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Tsv,
        Self::Csv,
        Self::Json,
        Self::Maps,
        Self::MusicNet,
        Self::Score,
        Self::Audacity,
        Self::SonicCsv,
        Self::Svl,
        Self::Jams,
    ];

    /// Its name, as [`FromStr`] reads it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tsv => "tsv",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Maps => "maps",
            Self::MusicNet => "musicnet",
            Self::Score => "score",
            Self::Audacity => "audacity",
            Self::SonicCsv => "sonic",
            Self::Svl => "svl",
            Self::Jams => "jams",
        }
    }

    /// The format to write into a file of this name: `.tsv`, `.csv`, `.json`, `.svl`, `.jams`, `.jamz`, and
    /// `.txt` for Audacity labels; `None` for another extension.
    ///
    /// ```
    /// use mir_core::formats::NoteFormat;
    ///
    /// assert_eq!(NoteFormat::of_extension("a/b.TXT".as_ref()), Some(NoteFormat::Audacity));
    /// assert_eq!(NoteFormat::of_extension("b.mid".as_ref()), None);
    /// ```
    pub fn of_extension(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_string_lossy().to_ascii_lowercase();
        match extension.as_str() {
            "tsv" => Some(Self::Tsv),
            "csv" => Some(Self::Csv),
            "json" => Some(Self::Json),
            "txt" => Some(Self::Audacity),
            "svl" => Some(Self::Svl),
            "jams" | "jamz" => Some(Self::Jams),
            _ => None,
        }
    }

    /// The format of a text: the extension decides where it can (`.json`, `.svl`, `.sv`, `.jams`, `.jamz`);
    /// otherwise the first line with content does.
    ///
    /// ```
    /// use mir_core::formats::NoteFormat;
    ///
    /// let of = |text: &str| NoteFormat::detect(text, "x.txt".as_ref());
    /// assert_eq!(of("OnsetTime\tOffsetTime\tMidiPitch\n"), NoteFormat::Maps);
    /// assert_eq!(of("0.5\t1.0\tC4\n"), NoteFormat::Audacity);
    /// assert_eq!(of("0.5,1.0,F4#\n"), NoteFormat::Score);
    /// assert_eq!(of("0.5\t1.0\t60\t80\n"), NoteFormat::Tsv);
    /// ```
    pub fn detect(text: &str, path: &Path) -> Self {
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        match extension.as_str() {
            "svl" | "sv" => return Self::Svl,
            "jams" | "jamz" => return Self::Jams,
            "json" if text.trim_start().starts_with('{') => return Self::Jams,
            "json" => return Self::Json,
            _ => {}
        }
        let Some((_, first)) = lines(text).find(|(_, line)| !line.starts_with(['#', '!'])) else {
            return Self::Tsv;
        };
        let first = first.trim_start();
        if first.starts_with('<') {
            return Self::Svl;
        }
        if first.starts_with("start_time,") {
            return Self::MusicNet;
        }
        if first.starts_with("OnsetTime") {
            return Self::Maps;
        }
        let named = |separator: char| {
            let fields: Vec<&str> = first.split(separator).map(str::trim).collect();
            fields.len() >= 3
                && finite(fields[0]).is_some()
                && finite(fields[1]).is_some()
                && finite(fields[2]).is_none()
        };
        if named(',') {
            Self::Score
        } else if named('\t') {
            Self::Audacity
        } else if first.contains('\t') {
            Self::Tsv
        } else {
            Self::Csv
        }
    }

    /// The notes of a text in this format, sorted by onset; `path` names it in errors.
    ///
    /// # Errors
    /// Those of the format.
    pub fn parse(self, text: &str, path: &Path) -> Result<Vec<Note>> {
        match self {
            Self::Tsv | Self::Csv => parse_notes(text, path),
            Self::Json => parse_notes_json(text, path),
            Self::Maps => parse_maps(text, path),
            Self::MusicNet => {
                let labels = parse_musicnet(text, path)?;
                let mut notes: Vec<Note> = labels.iter().map(MusicNetLabel::note).collect();
                Note::sort(&mut notes);
                Ok(notes)
            }
            Self::Score => Ok(parse_score_text(text, path)?.notes),
            Self::Audacity => label_notes(&parse_audacity(text, path)?, path),
            Self::SonicCsv => {
                let points = parse_sonic_csv(text, SonicKind::Notes, path)?;
                sonic_notes(points).notes(PitchUnit::Midi, path)
            }
            Self::Svl => {
                let layers = parse_svl(text, path)?;
                let wanted =
                    |l: &&SonicLayer| matches!(l.kind, SonicKind::Notes | SonicKind::Regions);
                let layer = layers.iter().find(wanted);
                layer.map_or(Ok(Vec::new()), |layer| layer.notes(layer.pitch_unit(), path))
            }
            Self::Jams => Jams::parse(text, path)?.notes(),
        }
    }

    /// The text of notes in this format.
    ///
    /// # Errors
    /// [`Error::NotRepresentable`] where the format has no place for a pitch between the keys.
    pub fn render(self, notes: &[Note]) -> Result<String> {
        Ok(match self {
            Self::Tsv => render_notes(notes),
            Self::Csv => render_notes_csv(notes),
            Self::Json => render_notes_json(notes)?,
            Self::Maps => render_maps(notes),
            Self::MusicNet => {
                let label = |note| MusicNetLabel::from_note(note, 0);
                render_musicnet(&notes.iter().map(label).collect::<Result<Vec<_>>>()?)
            }
            Self::Score => render_score_text(notes),
            Self::Audacity => {
                let labels: Vec<_> = notes.iter().map(AudacityLabel::from_note).collect();
                render_audacity(&labels)
            }
            Self::SonicCsv => {
                let layer = SonicLayer::from_notes(notes, PitchUnit::Midi);
                render_sonic_csv(SonicKind::Notes, &layer.points)
            }
            Self::Svl => {
                let layer = SonicLayer::from_notes(notes, PitchUnit::Midi);
                render_svl(&layer, SampleRate::HZ_44100)
            }
            Self::Jams => jams(notes).render(),
        })
    }

    /// Reads a note list in whatever format [`detect`](Self::detect) finds.
    ///
    /// # Errors
    /// As [`read_text`], and those of the format.
    pub fn read(path: impl AsRef<Path>) -> Result<Vec<Note>> {
        let path = path.as_ref();
        let text = read_text(path)?;
        Self::detect(&text, path).parse(&text, path)
    }

    /// Writes a note list in the format that the extension names; the file appears complete or not at
    /// all.
    ///
    /// # Errors
    /// [`Error::UnknownFormat`] for an extension that names none, [`Error::Io`], and as
    /// [`render`](Self::render).
    pub fn write(path: impl AsRef<Path>, notes: &[Note]) -> Result<()> {
        let path = path.as_ref();
        match Self::of_extension(path) {
            None => Err(Error::UnknownFormat { path: path.to_owned(), known: EXTENSIONS }),
            // Which may have to be compressed.
            Some(Self::Jams) => jams(notes).write(path),
            Some(format) => crate::publish::write(path, format.render(notes)?.as_bytes()),
        }
    }
}

fn sonic_notes(points: Vec<super::SonicPoint>) -> SonicLayer {
    SonicLayer { kind: SonicKind::Notes, name: String::new(), unit: String::new(), points }
}

fn jams(notes: &[Note]) -> Jams {
    let duration = notes.iter().map(Note::offset).fold(0.0, f64::max);
    let mut jams = Jams::new(&JamsMetadata { duration: Some(duration), ..JamsMetadata::default() });
    jams.push(JamsAnnotation::from_notes(notes, PitchUnit::Midi));
    jams
}

impl fmt::Display for NoteFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for NoteFormat {
    type Err = Error;

    /// From its [`name`](NoteFormat::name).
    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|format| format.name() == name);
        found.ok_or_else(|| Error::Mismatch {
            field: "name of a note format",
            expected: Self::ALL.map(Self::name).join(", "),
            actual: name.to_owned(),
        })
    }
}
