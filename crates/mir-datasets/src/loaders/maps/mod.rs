//! MAPS, piano: full pieces, and on request single notes and chords, with their notes.
//!
//! # Layouts
//! The original release, below ROOT or `ROOT/MAPS`:
//! ```text
//! ROOT/ENSTDkCl/MUS/NAME.wav       beside it NAME.txt and NAME.mid; a folder for each of nine pianos
//! ROOT/ENSTDkCl/ISOL/NO/NAME.wav   (and RAND, UCHO, with folders in them)
//! ```
//! and that of jongwook/onsets-and-frames:
//! ```text
//! ROOT/flac/NAME.flac              (or ogg/, wav/, audio/; NAME.flac, NAME.ogg or NAME.wav)
//! ROOT/tsv/matched/NAME.tsv        (or tsv/NAME.tsv)
//! ```
//! Names are those of [`MapsName`], `MAPS_MUS-<piece>_<piano>` for a piece. In the second layout ROOT may
//! also hold the folders `train` and `test`, each of that layout; both are read, and the splits below decide
//! who hears what, not the folder.
//!
//! # Labels
//! - `.txt`: one header line, then onset, offset (seconds) and MIDI note; the pedal is already in the
//!   offsets. It has no velocities: they come from the same notes of the MIDI file, where there is one, and
//!   are 64 otherwise.
//! - `.mid`: `notes midi`, with its pedals applied.
//! - `.tsv`: onset, offset, MIDI note, velocity; the pedal is already in the offsets.
//!
//! # Splits
//! Pieces alone are divided; notes and chords, which [`MapsConfig::categories`] adds, are in no split.
//!
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

mod folders;
mod names;
mod recording;
mod track;

use std::{collections::BTreeSet, path::Path, sync::Arc};

use serde::{Deserialize, Serialize};

pub use names::{MapsPiano, parse_name, piece_of, published_pieces, published_recordings};
pub use recording::{MapsCategory, MapsContent, MapsLoudness, MapsName, MapsPlaying, MapsRange};

use super::Info;
use crate::{Dataset, Error, Kind, Result, Split, Track};
use folders::find_recordings;
use track::MapsTrack;

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
                      train and test, or ENSTDkCl/MUS/NAME.wav with NAME.txt and NAME.mid, with \
                      NAME = MAPS_MUS-<piece>_<piano>";

/// How the recordings are divided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MapsConfig {
    /// Pianos of the test split.
    pub test_pianos: Vec<MapsPiano>,
    /// Piano of the validation split, not a test piano; `None`, in files "none", gives everything to training.
    #[serde(with = "piano_or_none")]
    pub validation_piano: Option<MapsPiano>,
    /// What is listed, at least one. All but pieces are in no split.
    pub categories: Vec<MapsCategory>,
}

impl Default for MapsConfig {
    /// Pieces: test on both Disklavier positions, validate on the Bösendorfer.
    fn default() -> Self {
        Self {
            test_pianos: vec![MapsPiano::ENSTDkAm, MapsPiano::ENSTDkCl],
            validation_piano: Some(MapsPiano::AkPnBsdf),
            categories: vec![MapsCategory::Mus],
        }
    }
}

/// TOML has no word for nothing.
mod piano_or_none {
    use serde::{
        Deserialize, Deserializer, Serialize, Serializer,
        de::{IntoDeserializer, value::StringDeserializer},
    };

    use super::MapsPiano;

    const NONE: &str = "none";

    pub(super) fn serialize<S: Serializer>(
        piano: &Option<MapsPiano>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match piano {
            Some(piano) => piano.serialize(serializer),
            None => serializer.serialize_str(NONE),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<MapsPiano>, D::Error> {
        match Option::<String>::deserialize(deserializer)? {
            None => Ok(None),
            Some(name) if name == NONE => Ok(None),
            Some(name) => {
                let name: StringDeserializer<D::Error> = name.into_deserializer();
                MapsPiano::deserialize(name).map(Some)
            }
        }
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
    /// [`Error::InvalidConfig`] if the validation piano is a test piano, or no category is wanted;
    /// [`Error::NoRecordings`] if
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
        if config.categories.is_empty() {
            return Err(Error::InvalidConfig {
                field: "categories",
                expected: "at least one of mus, isol, rand, ucho",
                actual: "none".to_owned(),
            });
        }
        let recordings = find_recordings(root.as_ref(), &config.categories)?;

        let mut test_pieces: BTreeSet<&str> = published_pieces(&config.test_pianos);
        let is_piece = |t: &MapsTrack| t.name.category() == MapsCategory::Mus;
        let tests = |t: &MapsTrack| is_piece(t) && config.test_pianos.contains(&t.name.piano);
        test_pieces.extend(recordings.iter().filter(|t| tests(t)).map(|t| t.piece()));
        let on_validation_piano = |t: &MapsTrack| Some(t.name.piano) == config.validation_piano;
        let validates = |t: &MapsTrack| {
            is_piece(t) && on_validation_piano(t) && !test_pieces.contains(t.piece())
        };
        let validation_pieces: BTreeSet<&str> =
            recordings.iter().filter(|t| validates(t)).map(|t| t.piece()).collect();
        let trains = |t: &MapsTrack| {
            is_piece(t)
                && !config.test_pianos.contains(&t.name.piano)
                && !on_validation_piano(t)
                && !test_pieces.contains(t.piece())
                && !validation_pieces.contains(t.piece())
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
            test: select(&tests),
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
