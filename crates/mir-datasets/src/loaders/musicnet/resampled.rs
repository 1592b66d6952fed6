//! MusicNet at 16 kHz, as the program JTM keeps it: everything, times of labels included, is counted in
//! samples at that rate.

use std::{collections::BTreeMap, path::Path};

use mir_core::{
    Key, Note, SampleRate, Velocity,
    formats::{Delimiter, read_text, text_rows},
};

use super::{
    super::{
        collection::{Collection, FileTrack, Info},
        common::{first_there, list},
        read,
    },
    INFO, MusicNetRow, described, numbers, part_file,
};
use crate::{Kind, Result, splits};

/// What is known of MusicNet at 16 kHz.
pub const INFO_16K: Info = Info {
    name: "musicnet_16k",
    title: "MusicNet at 16 kHz",
    layout: "musicnet_lousy/train_data/1727.wav beside train_labels/1727.csv (and test_data, test_labels), \
             musicnet_metadata_train.csv and musicnet_metadata_test.csv above",
    home: "made of MusicNet (Zenodo 5120004, open) by the scripts of tiagoCuervo/JTM",
    remotes: &[],
    ..INFO
};

const RATE: SampleRate = SampleRate::HZ_16000;

/// Lists the recordings of MusicNet at 16 kHz; reads its tables and nothing else.
///
/// # Errors
/// [`Error::NoRecordings`](crate::Error::NoRecordings) for another layout, errors of the tables.
pub fn open_16k(root: impl AsRef<Path>) -> Result<Collection> {
    let root = root.as_ref();
    list(root)?;
    let below = root.join("musicnet_lousy");
    let home = if below.is_dir() { below } else { root.to_owned() };
    let above = home.parent().unwrap_or(&home);
    let mut rows = BTreeMap::new();
    let mut ids = std::collections::BTreeSet::new();
    for part in ["train", "test"] {
        ids.extend(numbers(&home.join(format!("{part}_data")), "wav")?);
        ids.extend(numbers(&home.join(format!("{part}_labels")), "csv")?);
        let name = format!("musicnet_metadata_{part}.csv");
        let table = first_there(vec![above.join(&name), home.join(name)]);
        if table.is_file() {
            rows.extend(read_table_16k(&table)?);
        }
    }
    let tracks = ids.iter().map(|id| {
        let track = FileTrack::new(&INFO_16K, id, part_file(&home, "data", id, "wav"))?;
        let track = match rows.get(id) {
            Some(row) => described(track, row),
            None => track,
        };
        Ok(track.label(Kind::Notes, "", part_file(&home, "labels", id, "csv"), read_notes_16k))
    });
    let mut all = Collection::new(&INFO_16K, root, tracks.collect::<Result<Vec<_>>>()?)?;
    for partition in splits::published(INFO.name).into_iter().rev() {
        all = all.with_partition(partition);
    }
    Ok(all)
}

/// The rows of a table by id; `length` counts samples, and codes of categories are not read.
fn read_table_16k(path: &Path) -> Result<BTreeMap<String, MusicNetRow>> {
    let rows: Vec<(u64, BTreeMap<String, String>)> = read::table(path)?;
    let row = |(_, mut row): (u64, BTreeMap<String, String>)| {
        let mut field = |name: &str| row.remove(name).unwrap_or_default();
        let seconds = field("length").parse().map_or(0.0, |samples| RATE.seconds(samples));
        let id = field("id");
        let row = MusicNetRow {
            id: id.clone(),
            composer: field("composer"),
            composition: field("composition"),
            movement: field("movement"),
            ensemble: field("ensemble"),
            source: field("source"),
            transcriber: field("transcriber"),
            catalog_name: field("catalog_name"),
            seconds,
        };
        (id, row)
    };
    Ok(rows.into_iter().map(row).collect())
}

/// Reads labels whose times are samples at 16 kHz; scaled from 44.1 kHz, they may have fractions. The columns
/// are those of MusicNet.
///
/// # Errors
/// [`Error::Core`](crate::Error::Core) with line and column.
pub fn read_notes_16k(path: &Path) -> Result<Vec<Note>> {
    const SAMPLES: &str = "samples at 16 kHz, at least 0";
    let text = read_text(path)?;
    let mut notes = Vec::new();
    for row in text_rows(&text, Delimiter::Comma, path) {
        if row.line() == 1 && !row.is_data() {
            continue;
        }
        let seconds = |column, name| -> Result<f64> {
            let samples = row.number(column, name, SAMPLES, |samples| samples >= 0.0)?;
            Ok(samples / f64::from(RATE.hz()))
        };
        let (start, end) = (seconds(0, "start_time")?, seconds(1, "end_time")?);
        let whole = |midi: f64| midi.fract() == 0.0 && (0.0..=127.0).contains(&midi);
        let midi = row.number(3, "note", "a MIDI number from 0 to 127", whole)?;
        let note = Note::new(start, end, Key::new(midi as u8)?.pitch(), Velocity::MEDIUM)
            .map_err(|_| row.error(1, "end_time", "not before start_time"))?;
        notes.push(note);
    }
    Note::sort(&mut notes);
    Ok(notes)
}
