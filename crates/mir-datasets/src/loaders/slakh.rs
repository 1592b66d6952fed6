//! Slakh2100: synthesised multitracks with the MIDI that each stem was made of.
//!
//! # Layout
//! ```text
//! ROOT/train/Track00001/mix.flac, stems/S00.flac, MIDI/S00.mid, all_src.mid, metadata.yaml
//! ROOT/Track00001/mix.wav, stems/S00.wav …                              BabySlakh: no splits
//! ```
//! Folders are train, validation, test and omitted, here or below `slakh2100_flac_redux`; BabySlakh here or
//! below `babyslakh_16k`.
//!
//! # Conventions
//! - Stems that were not rendered have no audio and are no stems here; [`read_metadata`] lists them all.
//! - `notes` is the whole MIDI file, `notes S00` that of a stem. Program 128 is drums.
//! - Tracks of `omitted` are duplicates and belong to no split.
//!
//! Source: E. Manilow, G. Wichern, P. Seetharaman, J. Le Roux, WASPAA 2019; lists of faulty stems in issues
//! 17 and 18 of ethman/slakh-utils.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    Checksum, Remote,
    collection::{Collection, FileTrack, Info},
    common::{first_there, list},
    read,
};
use crate::{Kind, Result, Split};

/// What is known of it.
pub const INFO: Info = Info {
    name: "slakh",
    title: "Slakh2100",
    version: "2100-redux",
    license: "CC BY 4.0",
    citation: "E. Manilow, G. Wichern, P. Seetharaman, J. Le Roux: Cutting music source separation some \
               Slakh: A dataset to study the impact of training data quality and quantity. WASPAA, 2019.",
    holds: &[Kind::Notes],
    layout: "train/Track00001/mix.flac, stems/S00.flac, MIDI/S00.mid, metadata.yaml (and validation, test, \
             omitted), or Track00001/mix.wav of BabySlakh",
    home: "Zenodo 4599666, open, 105 GB; BabySlakh at Zenodo 4603870, 0.9 GB",
    remotes: &[
        Remote {
            name: "redux",
            url: "https://zenodo.org/records/4599666/files/slakh2100_flac_redux.tar.gz",
            file: "slakh2100_flac_redux.tar.gz",
            checksum: Checksum::Md5("f4b71b6c45ac9b506f59788456b3f0c4"),
            unpack: Some(""),
        },
        Remote {
            name: "baby",
            url: "https://zenodo.org/records/4603870/files/babyslakh_16k.tar.gz",
            file: "babyslakh_16k.tar.gz",
            checksum: Checksum::Md5("311096dc2bde7d61c97e930edbfc7f78"),
            unpack: Some(""),
        },
    ],
};

/// What `metadata.yaml` says of a track.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SlakhMetadata {
    /// Identity of the MIDI file.
    #[serde(rename = "UUID", default)]
    pub uuid: String,
    /// Its path in the Lakh collection.
    #[serde(default)]
    pub lmd_midi_dir: String,
    /// Factor by which the mix was made quieter.
    #[serde(default)]
    pub overall_gain: Option<f64>,
    /// The stems by name, `S00` ….
    pub stems: BTreeMap<String, SlakhStem>,
}

/// What `metadata.yaml` says of a stem.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SlakhStem {
    /// Whether there is audio of it.
    pub audio_rendered: bool,
    /// Whether its MIDI file was written.
    #[serde(default)]
    pub midi_saved: bool,
    /// Family of instruments, `Guitar`.
    pub inst_class: String,
    /// Whether it is percussion.
    pub is_drum: bool,
    /// Name of the MIDI program.
    pub midi_program_name: String,
    /// The patch that played it.
    #[serde(default)]
    pub plugin_name: String,
    /// General MIDI program from 0; 128 is drums.
    pub program_num: u8,
    /// LUFS.
    #[serde(default)]
    pub integrated_loudness: Option<f64>,
}

/// The group of a program in studies with this data set: piano, guitar, bass, drums; `None` for others.
///
/// ```
/// use mir_datasets::loaders::slakh::group;
/// assert_eq!([0, 30, 33, 128, 40].map(group), [Some("piano"), Some("guitar"), Some("bass"), Some("drums"), None]);
/// ```
pub fn group(program: u8) -> Option<&'static str> {
    match program {
        0..=7 => Some("piano"),
        24..=31 => Some("guitar"),
        32..=39 => Some("bass"),
        128 => Some("drums"),
        _ => None,
    }
}

/// Reads `metadata.yaml`.
///
/// # Errors
/// [`Error::Malformed`](crate::Error::Malformed) for what is no YAML of the known form.
pub fn read_metadata(path: impl AsRef<Path>) -> Result<SlakhMetadata> {
    read::yaml(path.as_ref())
}

/// Lists its tracks; reads their metadata and nothing else.
///
/// # Errors
/// [`Error::NoRecordings`](crate::Error::NoRecordings) for another layout, errors of the metadata.
pub fn open(root: impl AsRef<Path>) -> Result<Collection> {
    let root = root.as_ref();
    list(root)?;
    let home = |inner: &str, sign: &dyn Fn(&Path) -> bool| {
        let below = root.join(inner);
        [root.to_owned(), below].into_iter().find(|folder| folder.is_dir() && sign(folder))
    };
    let parts = ["train", "validation", "test", "omitted"];
    let redux =
        home("slakh2100_flac_redux", &|folder| parts.iter().any(|part| folder.join(part).is_dir()));
    if let Some(redux) = redux {
        let (mut tracks, mut lists) = (Vec::new(), [const { Vec::new() }; 4]);
        for (part, ids) in parts.into_iter().zip(&mut lists) {
            for folder in track_folders(&redux.join(part))? {
                let (name, track) = track(&folder)?;
                tracks.push(track.meta("part", part));
                ids.push(name);
            }
        }
        let [train, validation, test, _] = lists;
        let source = "folders of the release".to_owned();
        return Ok(Collection::new(&INFO, root, tracks)?.divided("redux", source, |partition| {
            *partition.ids_mut(Split::Train) = train;
            *partition.ids_mut(Split::Validation) = validation;
            *partition.ids_mut(Split::Test) = test;
        }));
    }
    let below = root.join("babyslakh_16k");
    let baby = if below.is_dir() { below } else { root.to_owned() };
    let tracks = track_folders(&baby)?.into_iter().map(|folder| Ok(track(&folder)?.1));
    Ok(Collection::new(&INFO, root, tracks.collect::<Result<Vec<_>>>()?)?.with_version("baby"))
}

/// The folders of tracks that have metadata: a copy may hold a part of the others.
fn track_folders(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let folders = list(folder)?.into_iter();
    Ok(folders.filter(|folder| folder.join("metadata.yaml").is_file()).collect())
}

fn track(folder: &Path) -> Result<(String, FileTrack)> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let metadata = read_metadata(folder.join("metadata.yaml"))?;
    let sound = |name: &str| {
        first_there(["flac", "wav"].map(|ending| folder.join(format!("{name}.{ending}"))).into())
    };
    let mut track = FileTrack::new(&INFO, &name, sound("mix"))?.meta("uuid", &metadata.uuid).label(
        Kind::Notes,
        "",
        folder.join("all_src.mid"),
        read::midi,
    );
    for (stem, about) in &metadata.stems {
        let file = sound(&format!("stems/{stem}"));
        if about.audio_rendered || file.is_file() {
            track = track.stem(stem, &about.midi_program_name, file);
        }
        track = track
            .meta(&format!("class {stem}"), &about.inst_class)
            .meta(&format!("group {stem}"), group(about.program_num).unwrap_or_default());
        let midi = folder.join("MIDI").join(format!("{stem}.mid"));
        track = track.label_if_there(Kind::Notes, stem, midi, read::midi);
    }
    Ok((name, track))
}
