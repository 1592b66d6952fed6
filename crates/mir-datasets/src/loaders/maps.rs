//! MAPS, piano: full pieces as audio files with tab-separated labels.
//!
//! # Layout
//! ```text
//! ROOT/flac/NAME.flac              (or ogg/, wav/, audio/; NAME.flac, NAME.ogg or NAME.wav)
//! ROOT/tsv/matched/NAME.tsv        (or tsv/NAME.tsv)
//! NAME = MAPS_MUS-<piece>_<piano>
//! ```
//! the layout of jongwook/onsets-and-frames. ROOT may also hold the folders `train` and `test`, each of
//! that layout; both are read, and the splits below decide who hears what, not the folder.
//!
//! Labels: one header line, then onset, offset (seconds), MIDI note, velocity; the pedal is already in
//! the offsets.
//!
//! # Splits
//! - **test**: the recordings of the test pianos, by default both Disklavier positions ("configuration
//!   2" of Sigtia et al. 2016).
//! - **validation**: the recordings of one held-out piano whose piece no test piano plays.
//! - **train**: what is left after every piece of test *and* validation is removed.
//!
//! So neither test nor validation shares a piece or a piano with training. A test piece is one that a
//! test piano plays in the published list of 270 recordings or on this disk: the rule holds on a machine
//! that has the training recordings only. Of the 210 recordings of the other pianos 139 pass it. Many
//! published numbers were made without the rule and are not comparable.
//!
//! Pieces are compared after [`piece_of`] has resolved aliases: one prelude occurs in two MIDI formats
//! as `chpn-p11` and `chpn-p11-format0`.
//!
//! Source: Emiya, Badeau, David, IEEE TASLP 18(6), 2010; Hawthorne et al., ISMIR 2018, section 4.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use mir_audio::LoadOptions;
use mir_core::{AudioBuffer, Fingerprint, Note, formats::read_notes};
use serde::{Deserialize, Serialize};

use super::{
    Info,
    collection::Sound,
    common::{fingerprint, has_ending, list, stem},
};
use crate::{
    Annotation, Dataset, Error, Kind, Label, Result, Split, Track, TrackId,
    dataset::{notes_only, only_notes},
};

/// The 270 published recordings: a header, then a piece and the pianos that play it on each line.
const RECORDINGS: &str = include_str!("../../../../datasets/maps/recordings.tsv");

/// Names of one piece under which the data set lists another.
const ALIASES: [(&str, &str); 1] = [("chpn-p11-format0", "chpn-p11")];

/// What is known of it.
pub const INFO: Info = Info {
    name: "maps",
    title: "MAPS",
    version: "2010",
    license: "CC BY-NC-SA 2.0 FR: non-commercial use",
    citation: "V. Emiya, R. Badeau, B. David: Multipitch estimation of piano sounds using a new \
               probabilistic spectral smoothness principle. IEEE Transactions on Audio, Speech and \
               Language Processing 18(6), 2010.",
    holds: &[Kind::Notes],
    layout: LAYOUT,
    home: "by request at adasp.telecom-paris.fr; an open mirror is amubox.univ-amu.fr",
    remotes: &[],
};

const LAYOUT: &str = "flac/NAME.flac (or ogg, wav) and tsv/matched/NAME.tsv, here or in the folders \
                      train and test, with NAME = MAPS_MUS-<piece>_<piano>";

/// What the names of files before their ending look like.
const NAME: &str = "MAPS_MUS-<piece>_<piano>";

/// Folders that hold audio, and the endings of audio files, in order of preference.
const AUDIO_FOLDERS: [&str; 4] = ["flac", "wav", "ogg", "audio"];
const AUDIO_ENDINGS: [&str; 3] = ["flac", "wav", "ogg"];

/// The nine pianos.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(clippy::enum_variant_names, reason = "the published codes")]
pub enum MapsPiano {
    /// Bechstein D 280, concert hall; synthesised.
    AkPnBcht,
    /// Bösendorfer 290 Imperial, church; synthesised.
    AkPnBsdf,
    /// Concert Grand D, studio; synthesised.
    AkPnCGdD,
    /// Steingraeber 130 upright, jazz club; synthesised.
    AkPnStgb,
    /// Yamaha Disklavier, microphones at 3 to 4 m.
    ENSTDkAm,
    /// Yamaha Disklavier, microphones at 50 cm.
    ENSTDkCl,
    /// Steinway D, ambient; synthesised.
    SptkBGAm,
    /// Steinway D, close; synthesised.
    SptkBGCl,
    /// The Grand 2, hybrid; synthesised. Plays the pieces of `ENSTDkCl`, so nothing of it trains.
    StbgTGd2,
}

impl MapsPiano {
    /// All nine, in order of their codes.
    pub const ALL: [Self; 9] = [
        Self::AkPnBcht,
        Self::AkPnBsdf,
        Self::AkPnCGdD,
        Self::AkPnStgb,
        Self::ENSTDkAm,
        Self::ENSTDkCl,
        Self::SptkBGAm,
        Self::SptkBGCl,
        Self::StbgTGd2,
    ];

    /// The code in file names.
    pub const fn code(self) -> &'static str {
        match self {
            Self::AkPnBcht => "AkPnBcht",
            Self::AkPnBsdf => "AkPnBsdf",
            Self::AkPnCGdD => "AkPnCGdD",
            Self::AkPnStgb => "AkPnStgb",
            Self::ENSTDkAm => "ENSTDkAm",
            Self::ENSTDkCl => "ENSTDkCl",
            Self::SptkBGAm => "SptkBGAm",
            Self::SptkBGCl => "SptkBGCl",
            Self::StbgTGd2 => "StbgTGd2",
        }
    }
}

impl fmt::Display for MapsPiano {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for MapsPiano {
    type Err = Error;

    fn from_str(code: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|piano| piano.code() == code).ok_or_else(|| {
            Error::InvalidConfig {
                field: "piano",
                expected: "one of the nine codes of MAPS, AkPnBcht to StbgTGd2",
                actual: code.to_owned(),
            }
        })
    }
}

/// How the recordings are divided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MapsConfig {
    /// Pianos of the test split.
    pub test_pianos: Vec<MapsPiano>,
    /// Piano of the validation split, not a test piano; `None` gives everything to training.
    pub validation_piano: Option<MapsPiano>,
}

impl Default for MapsConfig {
    /// Test on both Disklavier positions, validate on the Bösendorfer.
    fn default() -> Self {
        Self {
            test_pianos: vec![MapsPiano::ENSTDkAm, MapsPiano::ENSTDkCl],
            validation_piano: Some(MapsPiano::AkPnBsdf),
        }
    }
}

/// Piece and piano of a recording's name, `MAPS_MUS-<piece>_<piano>`; `None` for other names.
///
/// The piece may hold `_` and `-`; the piano follows the last `_`.
///
/// ```
/// use mir_datasets::loaders::maps::{MapsPiano, parse_name};
/// let (piece, piano) = parse_name("MAPS_MUS-liz_et_trans5_ENSTDkCl").unwrap();
/// assert_eq!((piece, piano), ("liz_et_trans5", MapsPiano::ENSTDkCl));
/// ```
pub fn parse_name(stem: &str) -> Option<(&str, MapsPiano)> {
    let (piece, piano) = stem.strip_prefix("MAPS_MUS-")?.rsplit_once('_')?;
    let piano = piano.parse().ok()?;
    (!piece.is_empty()).then_some((piece, piano))
}

/// The name under which all recordings of a piece are compared.
pub fn piece_of(piece: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == piece).map_or(piece, |(_, name)| name)
}

/// The 270 published recordings of full pieces, as piece (as spelled in the file name) and piano.
pub fn published_recordings() -> impl Iterator<Item = (&'static str, MapsPiano)> {
    RECORDINGS.lines().skip(1).flat_map(|line| {
        let (piece, pianos) = line.split_once('\t').unwrap_or((line, ""));
        pianos.split(' ').filter_map(move |code| Some((piece, code.parse().ok()?)))
    })
}

/// The pieces that some of the given pianos play in the published list, aliases resolved.
pub fn published_pieces(pianos: &[MapsPiano]) -> BTreeSet<&'static str> {
    published_recordings()
        .filter(|(_, piano)| pianos.contains(piano))
        .map(|(piece, _)| piece_of(piece))
        .collect()
}

/// One recording.
#[derive(Clone, Debug)]
struct MapsTrack {
    id: TrackId,
    piece: String,
    piano: MapsPiano,
    audio: PathBuf,
    labels: PathBuf,
}

impl Track for MapsTrack {
    fn id(&self) -> &TrackId {
        &self.id
    }

    fn piece(&self) -> &str {
        &self.piece
    }

    fn instrument(&self) -> &str {
        self.piano.code()
    }

    fn audio(&self, options: &LoadOptions) -> Result<AudioBuffer> {
        mir_audio::load(&self.audio, options)
            .map_err(|source| Error::Audio { track: self.id.clone(), source: Box::new(source) })
    }

    fn notes(&self) -> Result<Vec<Note>> {
        read_notes(&self.labels)
            .map_err(|source| Error::Notes { track: self.id.clone(), source: Box::new(source) })
    }

    fn labels(&self) -> &[Label] {
        only_notes()
    }

    fn annotation(&self, label: &Label) -> Result<Annotation> {
        notes_only(self, label)
    }

    fn files(&self) -> Vec<PathBuf> {
        vec![self.audio.clone(), self.labels.clone()]
    }

    fn source_fingerprint(&self) -> Result<Fingerprint> {
        fingerprint("mir-datasets/maps/1", &[&self.audio, &self.labels])
    }

    fn seconds(&self) -> Result<f64> {
        Sound::File(self.audio.clone()).seconds(&self.id)
    }

    fn duration_hint(&self) -> Option<f64> {
        // The labels of this data set reach to the end of the audio within a few seconds.
        let notes = read_notes(&self.labels).ok()?;
        notes.iter().map(Note::offset).reduce(f64::max)
    }
}

/// MAPS on disk.
///
/// ```no_run
/// use mir_datasets::{Dataset, Split, loaders::{Maps, MapsConfig}};
///
/// let maps = Maps::open("/data/maps", MapsConfig::default())?;
/// for track in maps.split(Split::Test)? {
///     println!("{}: {} notes", track.id(), track.notes()?.len());
/// }
/// # Ok::<(), mir_datasets::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Maps {
    tracks: Vec<Arc<dyn Track>>,
    train: Vec<Arc<dyn Track>>,
    validation: Vec<Arc<dyn Track>>,
    test: Vec<Arc<dyn Track>>,
}

impl Maps {
    /// Lists the recordings below a folder; reads none of them.
    ///
    /// Label files without audio are ignored with a warning in the log.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] if the validation piano is a test piano; [`Error::NoRecordings`] if
    /// the folder does not have the layout; [`Error::Io`] if it cannot be listed; [`Error::FileName`]
    /// for an audio file of another name; [`Error::MissingFile`] for a recording without labels;
    /// [`Error::DuplicateTrack`] if `train` and `test` hold the same recording.
    pub fn open(root: impl AsRef<Path>, config: MapsConfig) -> Result<Self> {
        if let Some(piano) = config.validation_piano
            && config.test_pianos.contains(&piano)
        {
            return Err(Error::InvalidConfig {
                field: "validation_piano",
                expected: "a piano that is not among test_pianos",
                actual: piano.code().to_owned(),
            });
        }
        let recordings = find_recordings(root.as_ref())?;

        let mut test_pieces: BTreeSet<&str> = published_pieces(&config.test_pianos);
        let on_test_piano = |t: &MapsTrack| config.test_pianos.contains(&t.piano);
        test_pieces
            .extend(recordings.iter().filter(|t| on_test_piano(t)).map(|t| t.piece.as_str()));
        let validates = |t: &MapsTrack| {
            Some(t.piano) == config.validation_piano && !test_pieces.contains(t.piece.as_str())
        };
        let validation_pieces: BTreeSet<&str> =
            recordings.iter().filter(|t| validates(t)).map(|t| t.piece.as_str()).collect();
        let trains = |t: &MapsTrack| {
            !on_test_piano(t)
                && Some(t.piano) != config.validation_piano
                && !test_pieces.contains(t.piece.as_str())
                && !validation_pieces.contains(t.piece.as_str())
        };

        let shared: Vec<Arc<dyn Track>> =
            recordings.iter().map(|t| Arc::new(t.clone()) as Arc<dyn Track>).collect();
        let select = |wanted: &dyn Fn(&MapsTrack) -> bool| -> Vec<Arc<dyn Track>> {
            recordings
                .iter()
                .zip(&shared)
                .filter(|(track, _)| wanted(track))
                .map(|(_, shared)| Arc::clone(shared))
                .collect()
        };
        Ok(Self {
            train: select(&trains),
            validation: select(&validates),
            test: select(&on_test_piano),
            tracks: shared,
        })
    }
}

impl Dataset for Maps {
    fn name(&self) -> &str {
        INFO.name
    }

    fn version(&self) -> &str {
        INFO.version
    }

    fn license(&self) -> &str {
        INFO.license
    }

    fn citation(&self) -> &str {
        INFO.citation
    }

    fn tracks(&self) -> &[Arc<dyn Track>] {
        &self.tracks
    }

    fn split(&self, split: Split) -> Result<Vec<Arc<dyn Track>>> {
        let tracks = match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        };
        if tracks.is_empty() {
            return Err(Error::EmptySplit {
                dataset: self.name().to_owned(),
                split: split.name().to_owned(),
            });
        }
        Ok(tracks.clone())
    }
}

/// All recordings below `root`, in order of their names.
fn find_recordings(root: &Path) -> Result<Vec<MapsTrack>> {
    // A missing root is an error of the file system, with its reason; a missing sub-folder is not.
    list(root)?;
    let mut found: BTreeMap<TrackId, MapsTrack> = BTreeMap::new();
    for part in [root.to_owned(), root.join("train"), root.join("test")] {
        for track in find_in_part(&part)? {
            if let Some(first) = found.get(&track.id) {
                return Err(Error::DuplicateTrack {
                    track: track.id,
                    first: first.audio.clone(),
                    second: track.audio,
                });
            }
            found.insert(track.id.clone(), track);
        }
    }
    if found.is_empty() {
        return Err(Error::NoRecordings {
            dataset: "MAPS",
            path: root.to_owned(),
            expected: LAYOUT,
        });
    }
    Ok(found.into_values().collect())
}

/// The recordings of one folder of the layout; none if it does not have it.
fn find_in_part(part: &Path) -> Result<Vec<MapsTrack>> {
    let mut audio: BTreeMap<String, PathBuf> = BTreeMap::new();
    for folder in AUDIO_FOLDERS.map(|name| part.join(name)) {
        if !folder.is_dir() {
            continue;
        }
        let files = list(&folder)?;
        for ending in AUDIO_ENDINGS {
            for path in files.iter().filter(|path| has_ending(path, ending)) {
                audio.entry(stem(path, NAME)?).or_insert_with(|| path.clone());
            }
        }
    }
    let labels = part.join("tsv");
    let matched = labels.join("matched");
    let labels = if matched.is_dir() { matched } else { labels };
    if labels.is_dir() {
        for path in list(&labels)?.iter().filter(|path| has_ending(path, "tsv")) {
            if !audio.contains_key(&stem(path, NAME)?) {
                log::warn!("{}: labels without audio, ignored", path.display());
            }
        }
    }
    audio
        .into_iter()
        .map(|(name, audio)| {
            let id = TrackId::new(&name)?;
            let Some((piece, piano)) = parse_name(&name) else {
                return Err(Error::FileName { path: audio, expected: NAME });
            };
            let labels = labels.join(format!("{name}.tsv"));
            if !labels.is_file() {
                return Err(Error::MissingFile { track: id, what: "label file", path: labels });
            }
            Ok(MapsTrack { id, piece: piece_of(piece).to_owned(), piano, audio, labels })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_list_has_the_published_counts() {
        let all: Vec<_> = published_recordings().collect();
        assert_eq!(all.len(), 270);
        for piano in MapsPiano::ALL {
            assert_eq!(all.iter().filter(|(_, p)| *p == piano).count(), 30, "{piano}");
        }
        let spelled: BTreeSet<_> = all.iter().map(|(piece, _)| piece).collect();
        assert_eq!(spelled.len(), 160);

        let config = MapsConfig::default();
        let test = published_pieces(&config.test_pianos);
        assert_eq!(test.len(), 53);
        let others = || all.iter().filter(|(_, p)| !config.test_pianos.contains(p));
        assert_eq!(others().count(), 210);
        let kept: Vec<_> = others().filter(|(piece, _)| !test.contains(piece_of(piece))).collect();
        assert_eq!(kept.len(), 139);
        for (piano, count) in [
            (MapsPiano::AkPnStgb, 25),
            (MapsPiano::SptkBGAm, 25),
            (MapsPiano::SptkBGCl, 25),
            (MapsPiano::AkPnBcht, 23),
            (MapsPiano::AkPnCGdD, 21),
            (MapsPiano::AkPnBsdf, 20),
            (MapsPiano::StbgTGd2, 0),
        ] {
            assert_eq!(kept.iter().filter(|(_, p)| *p == piano).count(), count, "{piano}");
        }
    }

    #[test]
    fn names_are_taken_apart_at_the_last_underscore() {
        assert_eq!(
            parse_name("MAPS_MUS-chpn-p11-format0_AkPnCGdD"),
            Some(("chpn-p11-format0", MapsPiano::AkPnCGdD))
        );
        assert_eq!(piece_of("chpn-p11-format0"), piece_of("chpn-p11"));
        for name in
            ["", "MAPS_MUS-", "MAPS_MUS-x_Piano", "MAPS_MUS-_AkPnBcht", "x_AkPnBcht", "MAPS_MUS-x"]
        {
            assert_eq!(parse_name(name), None, "{name}");
        }
        for (piece, piano) in published_recordings() {
            let name = format!("MAPS_MUS-{piece}_{piano}");
            assert_eq!(parse_name(&name), Some((piece, piano)));
        }
    }
}
