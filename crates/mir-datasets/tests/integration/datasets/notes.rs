//! Data sets of notes: MusicNet, ASAP, WJazzD, Groove MIDI.

use std::collections::{BTreeMap, BTreeSet};

use mir_core::Note;
use mir_datasets::{
    Error, LoadOptions, Split,
    loaders::{self, asap, musicnet},
    splits,
};
use mir_testkit::{assert_close, test_data};
use tempfile::TempDir;

use super::{put, sample, track};
use crate::support::wav;

#[test]
fn the_table_of_musicnet_has_the_published_counts() {
    let Some(path) = test_data("musicnet/musicnet_metadata.csv") else { return };
    let rows = musicnet::read_table(path).unwrap();
    assert_eq!(rows.len(), 330);
    let hours = rows.iter().map(|row| row.seconds).sum::<f64>() / 3600.0;
    assert_close(hours, 34.09, 0.005, "hours");
    let mut composers: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        *composers.entry(&row.composer).or_default() += 1;
    }
    let expected = [
        ("Bach", 67),
        ("Beethoven", 157),
        ("Brahms", 24),
        ("Cambini", 9),
        ("Dvorak", 8),
        ("Faure", 4),
        ("Haydn", 3),
        ("Mozart", 24),
        ("Ravel", 4),
        ("Schubert", 30),
    ];
    assert_eq!(composers.into_iter().collect::<Vec<_>>(), expected);
    let ensembles: BTreeSet<&str> = rows.iter().map(|row| row.ensemble.as_str()).collect();
    assert_eq!(ensembles.len(), 21);
    let count = |ensemble: &str| rows.iter().filter(|row| row.ensemble == ensemble).count();
    assert_eq!((count("Solo Piano"), count("String Quartet")), (156, 57));
    // The shipped lists name these recordings and no others.
    let ids: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    for partition in splits::published("musicnet") {
        let listed: Vec<&str> =
            Split::ALL.iter().flat_map(|s| partition.ids(*s)).map(String::as_str).collect();
        assert_eq!(listed.len(), 330, "{}", partition.name);
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), ids, "{}", partition.name);
    }
}

#[test]
fn an_excerpt_of_the_labels_of_musicnet() {
    let Some(path) = test_data("musicnet/labels-excerpt/1733.csv") else { return };
    let labels = musicnet::read_labels(path).unwrap();
    assert_eq!(labels.len(), 5);
    let first = &labels[0];
    assert_eq!(
        (first.start, first.end, first.instrument, first.key.number()),
        (90_078, 92_638, 1, 42)
    );
    assert_close(first.note().onset(), 90_078.0 / 44_100.0, 1e-12, "seconds");
    assert_eq!(first.gm_program(), Some(0));
    // A dotted quarter lasts three eighths: the column called end_beat is a duration.
    assert_eq!(
        (labels[1].note_value.as_str(), labels[1].start_beat, labels[1].beats),
        ("Dotted Quarter", 0.0, 3.0)
    );
}

#[test]
fn the_notes_of_musicnet_em() {
    let Some(em) = sample("musicnet_em", "musicnet") else { return };
    assert_eq!(em.tracks().len(), 13);
    for (id, tracks, notes, first, end) in [
        ("1727", 4, 6741, 0.255, 447.040),
        ("1733", 1, 2317, 2.527, 545.951),
        ("1819", 3, 1302, 0.672, 177.503),
        ("2106", 3, 2180, 0.224, 226.655),
        ("2303", 1, 725, 0.959, 92.640),
        ("2382", 3, 1858, 0.479, 117.888),
    ] {
        let track = track(em.as_ref(), id);
        let found = track.notes().unwrap();
        assert_eq!(found.len(), notes, "{id}");
        assert_close(found[0].onset(), first, 1e-3, id);
        let last = found.iter().map(Note::offset).fold(0.0, f64::max);
        assert_close(last, end, 2e-3, id);
        let score = mir_midi::Score::read(&track.files()[1]).unwrap();
        let sounding = (0..score.tracks.len())
            .filter(|&n| !score.track_performance(n).notes.is_empty())
            .count();
        assert_eq!(sounding, tracks, "{id}");
    }
    let quintet = track(em.as_ref(), "1727");
    assert_eq!(quintet.instrument(), "Piano Quintet");
    assert!(quintet.piece().starts_with("Schubert: Piano Quintet in A major"));
    assert_eq!(em.split(Split::Test).unwrap().len(), 7);
    assert_eq!(em.errata().len(), 13);
}

/// A miniature of the release, with label files of realistic length.
fn miniature() -> TempDir {
    let root = TempDir::new().unwrap();
    let header = "start_time,end_time,instrument,note,start_beat,end_beat,note_value\n";
    let rows: String = (0..2000u64)
        .map(|n| {
            let (start, instrument, note) = (n * 2205, [1, 41, 72][n as usize % 3], 40 + n % 48);
            format!("{start},{},{instrument},{note},{}.5,0.25,Sixteenth\n", start + 4410, n / 4)
        })
        .collect();
    for (part, id) in [("train", "1727"), ("train", "2678"), ("test", "2303")] {
        put(root.path(), &format!("musicnet/{part}_data/{id}.wav"), wav(0.5));
        put(root.path(), &format!("musicnet/{part}_labels/{id}.csv"), format!("{header}{rows}"));
    }
    let table = "id,composer,composition,movement,ensemble,source,transcriber,catalog_name,seconds\r\n\
                 2303,Bach,\"WTK I, No. 5\",2. Fugue,Solo Piano,x,y,BWV850,93\r\n";
    put(root.path(), "musicnet_metadata.csv", table);
    root
}

#[test]
fn the_release_of_musicnet_in_miniature() {
    let root = miniature();
    let musicnet = loaders::open("musicnet", root.path()).unwrap();
    assert_eq!(musicnet.tracks().len(), 3);
    assert_eq!(musicnet.split(Split::Train).unwrap().len(), 2);
    let test = musicnet.split(Split::Test).unwrap();
    assert_eq!(test[0].piece(), "Bach: WTK I, No. 5, 2. Fugue");
    assert_eq!(test[0].duration_hint(), Some(93.0));
    let notes = test[0].notes().unwrap();
    assert_eq!(notes.len(), 2000);
    assert_close(notes[1].onset(), 0.05, 1e-12, "onset");
    assert_close(notes[1].duration(), 0.1, 1e-12, "duration");
    assert_eq!(test[0].audio(&LoadOptions::default()).unwrap().len(), 8000);
    assert_eq!(musicnet.partitions().len(), 3);

    put(root.path(), "musicnet/train_labels/1727.csv", "start_time,end_time\n100,50,1,60,0,1,x\n");
    let broken = track(musicnet.as_ref(), "1727");
    match broken.notes() {
        Err(Error::Annotation { label, source, .. }) => {
            assert_eq!(label, "notes");
            let text = source.to_string();
            assert!(text.contains("line 2") && text.contains("end_time"), "{text}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn pickled_objects_are_not_read() {
    let Some(path) = test_data("musicnet/musicnet_example.npz") else { return };
    let root = TempDir::new().unwrap();
    put(root.path(), "musicnet.npz", std::fs::read(path).unwrap());
    match loaders::open("musicnet", root.path()) {
        Err(Error::Malformed { path, source, .. }) => {
            assert!(path.ends_with("musicnet.npz") && source.to_string().contains("pickled"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn musicnet_at_16_khz() {
    let root = TempDir::new().unwrap();
    let header = "start_time,end_time,instrument,note,start_beat,end_beat,note_value\n";
    let rows =
        format!("{header}16000,24000.5,41,76,0.0,1.0,Quarter\n8000,16000,1,60,0.0,1.0,Quarter\n");
    for (part, id) in [("train", "2659"), ("test", "2298")] {
        put(root.path(), &format!("musicnet_lousy/{part}_data/{id}.wav"), wav(2.0));
        put(root.path(), &format!("musicnet_lousy/{part}_labels/{id}.csv"), &rows);
    }
    // The real tables, where they are, and one of their rows otherwise.
    for part in ["train", "test"] {
        let name = format!("musicnet_metadata_{part}.csv");
        let table = match test_data(&format!("musicnet/jtm/{name}")) {
            Some(path) => std::fs::read_to_string(path).unwrap(),
            None => "id,sequencePath,length,composer,ensemble,composition,movement,id_cat\n\
                     2298,test_data/2298.wav,2456347,Bach,Solo Cello,Cello Suite 4,6. Gigue,163\n"
                .to_owned(),
        };
        put(root.path(), &name, table);
    }
    for home in [root.path().to_owned(), root.path().join("musicnet_lousy")] {
        let musicnet = loaders::open("musicnet_16k", home).unwrap();
        assert_eq!(musicnet.tracks().len(), 2);
        assert_eq!(musicnet.split(Split::Train).unwrap().len(), 1);
        let gigue = &musicnet.split(Split::Test).unwrap()[0];
        assert_eq!(gigue.piece(), "Bach: Cello Suite 4, 6. Gigue");
        assert_eq!(gigue.instrument(), "Solo Cello");
        assert_close(gigue.duration_hint().unwrap(), 2_456_347.0 / 16_000.0, 1e-9, "length");
        let notes = gigue.notes().unwrap();
        let found: Vec<_> =
            notes.iter().map(|n| (n.onset(), n.offset(), n.pitch().midi())).collect();
        assert_eq!(found, [(0.5, 1.0, 60.0), (1.0, 1.500_031_25, 76.0)]);
        assert_eq!(gigue.audio(&LoadOptions::default()).unwrap().len(), 32_000);
    }
    for wrong in ["5,x,1,60,0,1,x\n", "10,5,1,60,0,1,x\n", "5,10,1,128,0,1,x\n"] {
        let path = root.path().join("wrong.csv");
        std::fs::write(&path, format!("{header}{wrong}")).unwrap();
        match musicnet::read_notes_16k(&path) {
            Err(error) => assert!(error.to_string().contains("line 2"), "{error}"),
            Ok(notes) => panic!("{wrong}: {notes:?}"),
        }
    }
}

#[test]
fn a_table_of_musicnet_may_lack_columns() {
    let root = TempDir::new().unwrap();
    put(root.path(), "train_data/1727.wav", wav(0.1));
    put(root.path(), "musicnet_metadata.csv", "ensemble,id\nPiano Quintet,1727\n");
    let musicnet = loaders::open("musicnet", root.path()).unwrap();
    let quintet = track(musicnet.as_ref(), "1727");
    assert_eq!((quintet.instrument(), quintet.artist()), ("Piano Quintet", None));
    assert_eq!(
        (quintet.piece(), quintet.duration_hint()),
        ("1727", None),
        "nothing is known of it"
    );
}

/// `musicnet.h5` as its documentation describes it, written by HDF5 itself.
#[cfg(feature = "hdf5")]
mod packed {
    use super::*;
    use hdf5::types::VarLenUnicode;

    /// The columns of a label, in alphabetical order. Kinds of numbers are not what the loader takes.
    #[derive(Clone, hdf5::H5Type)]
    #[repr(C)]
    struct Label {
        beat: f64,
        end_time: u32,
        instrument: i16,
        measure: i32,
        note: u8,
        note_value: VarLenUnicode,
        start_time: u32,
    }

    fn write(path: &std::path::Path, labels: &[(u32, u32, i16, u8)]) {
        let file = hdf5::File::create(path).unwrap();
        for id in ["id_1727", "id_2303"] {
            let group = file.create_group(id).unwrap();
            // A third of a second of a ramp.
            let samples: Vec<f32> = (0..14_700u16).map(|n| f32::from(n) / 14_700.0).collect();
            group.new_dataset_builder().with_data(&samples).create("data").unwrap();
            let rows: Vec<Label> = labels
                .iter()
                .map(|&(start_time, end_time, instrument, note)| Label {
                    beat: 1.5,
                    end_time,
                    instrument,
                    measure: 3,
                    note,
                    note_value: "Triplet Sixty Fourth".parse().unwrap(),
                    start_time,
                })
                .collect();
            group.new_dataset_builder().with_data(&rows).create("labels").unwrap();
        }
    }

    fn miniature(labels: &[(u32, u32, i16, u8)]) -> TempDir {
        let root = TempDir::new().unwrap();
        write(&root.path().join("musicnet.h5"), labels);
        let table = "id,composer,composition,movement,ensemble,source,transcriber,catalog_name,seconds\n\
                     2303,Bach,WTK I,2. Fugue,Solo Piano,x,y,BWV850,93\n";
        put(root.path(), "musicnet_metadata.csv", table);
        root
    }

    #[test]
    fn one_file_holds_all_of_musicnet() {
        let root = miniature(&[(8820, 9702, 41, 76), (4410, 8820, 1, 60)]);
        let musicnet = loaders::open("musicnet", root.path()).unwrap();
        assert_eq!(musicnet.tracks().len(), 2);
        let fugue = &musicnet.split(Split::Test).unwrap()[0];
        assert_eq!((fugue.id().as_str(), fugue.piece()), ("2303", "Bach: WTK I, 2. Fugue"));
        let notes = fugue.notes().unwrap();
        let found: Vec<_> =
            notes.iter().map(|n| (n.onset(), n.offset(), n.pitch().midi())).collect();
        assert_eq!(found, [(0.1, 0.2, 60.0), (0.2, 0.22, 76.0)]);
        assert_close(fugue.seconds().unwrap(), 1.0 / 3.0, 1e-12, "seconds");

        let whole = fugue.audio(&LoadOptions::default()).unwrap();
        assert_eq!((whole.len(), whole.sample_rate().hz()), (14_700, 44_100));
        let part = LoadOptions { start: 0.1, duration: Some(0.05), ..LoadOptions::default() };
        let part = fugue.audio(&part).unwrap();
        assert_eq!(part.channel(0), &whole.channel(0)[4410..4410 + 2205]);
        let rate = Some(mir_core::SampleRate::HZ_16000);
        let slower = LoadOptions { sample_rate: rate, mono: true, ..LoadOptions::default() };
        assert_eq!(fugue.audio(&slower).unwrap().len(), 5334);
        let wrong = LoadOptions { start: -1.0, ..LoadOptions::default() };
        assert!(matches!(fugue.audio(&wrong), Err(Error::Audio { .. })));
        let wrong = LoadOptions { channels: Some(vec![1]), ..LoadOptions::default() };
        assert!(matches!(fugue.audio(&wrong), Err(Error::Audio { .. })));

        // The identity is that of a recording, not of the file.
        let [other, fugue] = musicnet.tracks() else { panic!() };
        let before = (other.source_fingerprint().unwrap(), fugue.source_fingerprint().unwrap());
        assert_ne!(before.0, before.1);
        let again = miniature(&[(8820, 9702, 41, 76), (4410, 8821, 1, 60)]);
        let again = loaders::open("musicnet", again.path()).unwrap();
        assert_ne!(again.tracks()[1].source_fingerprint().unwrap(), before.1);
    }

    #[test]
    fn labels_of_the_one_file_that_cannot_be_are_named() {
        for label in [(10, 5, 1, 60), (5, 10, 200, 60), (5, 10, 1, 200)] {
            let root = miniature(&[(5, 10, 1, 60), label]);
            let musicnet = loaders::open("musicnet", root.path()).unwrap();
            match musicnet.tracks()[0].notes() {
                Err(Error::Annotation { source, .. }) => match *source {
                    Error::Malformed { source, .. } => {
                        let text = source.to_string();
                        assert!(text.contains("row 1") && text.contains("1727"), "{text}");
                    }
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn the_one_file_cut_anywhere_does_no_harm() {
        let root = miniature(&[(4410, 8820, 1, 60)]);
        let path = root.path().join("musicnet.h5");
        let whole = std::fs::read(&path).unwrap();
        let mut opened = 0;
        for part in 0..=16 {
            std::fs::write(&path, &whole[..whole.len() * part / 16]).unwrap();
            let Ok(musicnet) = loaders::open("musicnet", root.path()) else { continue };
            for track in musicnet.tracks() {
                let _ = (track.notes(), track.seconds(), track.source_fingerprint());
                let _ = track.audio(&LoadOptions::default());
            }
            opened += 1;
        }
        assert!(opened > 0, "the whole file, if no other");
    }
}

#[test]
fn the_performances_of_asap() {
    let Some(asap) = sample("asap", "asap") else { return };
    assert_eq!(asap.tracks().len(), 32);
    let fugue = track(asap.as_ref(), "Bach_Fugue_bwv_848_Denisova06M");
    assert_eq!((fugue.piece(), fugue.artist()), ("Bach/Fugue/bwv_848", Some("Bach")));
    assert!(fugue.metadata()["maestro_midi"].starts_with("2008/MIDI-Unprocessed_02_R1_2008"));
    assert!(fugue.notes().unwrap().len() > 500);
    for track in asap.tracks() {
        let beats = track.beats().unwrap();
        assert!(beats.as_slice().len() > 20, "{}", track.id());
        let downbeats = beats.as_slice().iter().filter(|beat| beat.position == Some(1)).count();
        assert!(downbeats > 5, "{}", track.id());
    }
    let path = fugue.files().into_iter().find(|path| path.extension().unwrap() == "txt").unwrap();
    let rows = asap::read_annotations(path).unwrap();
    assert_eq!((rows[0].beat, rows[0].key_signature), (asap::AsapBeat::Beat, Some(7)));
    assert_eq!(rows[2].beat, asap::AsapBeat::Downbeat);
    assert_eq!(rows[2].time_signature.as_deref(), Some("4/4"));
    let positions: Vec<_> =
        fugue.beats().unwrap().as_slice()[..4].iter().map(|beat| beat.position).collect();
    assert_eq!(positions, [Some(0), Some(0), Some(1), Some(2)]);
    let table = test_data("asap/metadata.csv").unwrap();
    let text = std::fs::read_to_string(table).unwrap();
    assert_eq!(text.lines().count(), 1068);
}

#[test]
fn the_solos_of_wjazzd_as_text() {
    let Some(wjazzd) = sample("wjazzd", "wjazzd") else { return };
    assert_eq!(wjazzd.tracks().len(), 22);
    let notes: usize = wjazzd.tracks().iter().map(|track| track.notes().unwrap().len()).sum();
    assert_eq!(notes, 4355);
    let avalon = track(wjazzd.as_ref(), "BennyGoodman_Avalon");
    let first = avalon.notes().unwrap()[0];
    assert_close(first.onset(), 4.212_244_897_959_184, 1e-12, "onset");
    assert_close(first.pitch().midi(), 81.0, 1e-12, "pitch");
    assert_eq!(avalon.artist(), Some("Benny Goodman"));
    assert_eq!(track(wjazzd.as_ref(), "BennyGoodman_Runnin'Wild").piece(), "Runnin' Wild");
    assert!(matches!(avalon.audio(&LoadOptions::default()), Err(Error::MissingFile { .. })));
}

/// A database with the tables that are read, as its documentation describes them.
#[cfg(feature = "sqlite")]
#[test]
fn the_database_of_wjazzd() {
    use mir_datasets::Kind;

    let root = TempDir::new().unwrap();
    let connection = rusqlite::Connection::open(root.path().join("wjazzd.db")).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE melody (eventid INTEGER, melid INTEGER, onset REAL, pitch REAL, duration REAL);
             CREATE TABLE beats (beatid INTEGER, melid INTEGER, onset REAL, bar INTEGER, beat INTEGER);
             CREATE TABLE sections (melid INTEGER, type TEXT, start INTEGER, end INTEGER, value TEXT);
             CREATE TABLE solo_info (melid INTEGER, performer TEXT, title TEXT, instrument TEXT,
               style TEXT, avgtempo REAL, tempoclass TEXT, rhythmfeel TEXT, key TEXT);
             CREATE TABLE transcription_info (melid INTEGER, filename_sv TEXT, solostart_sec REAL);
             INSERT INTO solo_info VALUES (7, 'Ø', 'Blues', 'as', 'BEBOP', 199.5, 'FAST', 'SWING', NULL);
             INSERT INTO transcription_info VALUES (7, 'O_Blues_FINAL.sv', 61.5);
             INSERT INTO melody VALUES (1, 7, 0.5, 60.5, 0.25), (2, 7, 1.0, 62, 0.5), (3, 7, 2.0, 64, 1);
             INSERT INTO melody VALUES (4, 8, 0.0, 64, 1);
             INSERT INTO beats VALUES (1, 7, 0.4, -1, 1), (2, 7, 0.9, -1, 2);
             INSERT INTO sections VALUES (7, 'PHRASE', 0, 1, '1'), (7, 'PHRASE', 2, 2, '2');
             INSERT INTO sections VALUES (7, 'CHORD', 0, 2, 'C7'), (7, 'FORM', 0, 9, 'A1');",
        )
        .unwrap();
    drop(connection);
    let wjazzd = loaders::open("wjazzd", root.path()).unwrap();
    let solo = track(wjazzd.as_ref(), "O_Blues");
    assert_eq!((solo.artist(), solo.piece(), solo.instrument()), (Some("Ø"), "Blues", "as"));
    assert_eq!(solo.metadata()["solo_start"], "61.5");
    assert!(!solo.metadata().contains_key("key"), "NULL is nothing");
    let notes = solo.notes().unwrap();
    assert_eq!(notes.len(), 3);
    assert_close(notes[0].pitch().midi(), 60.5, 1e-12, "pitch");
    assert_eq!(solo.beats().unwrap().as_slice()[1].position, Some(2));
    let phrases = super::read(solo.as_ref(), Kind::Segments, "phrases");
    let mir_datasets::Annotation::Labels(phrases) = phrases else { panic!() };
    assert_eq!((phrases[0].interval.end(), phrases[1].interval.end()), (1.5, 3.0));
    assert_eq!(solo.intervals(Kind::Chords).unwrap()[0].label, "C7");
    let form = solo.annotation(&mir_datasets::Label::new(Kind::Segments, "form"));
    assert!(matches!(form, Err(Error::Annotation { .. })), "{form:?}");
    std::fs::write(root.path().join("wjazzd.db"), "no database at all, but long enough for one")
        .unwrap();
    assert!(matches!(loaders::open("wjazzd", root.path()), Err(Error::Malformed { .. })));
}

#[test]
fn the_takes_of_groove_midi() {
    let Some(groove) = sample("groove_midi", "mirdata/mir_datasets/groove_midi") else { return };
    assert_eq!(groove.tracks().len(), 3);
    let take = track(groove.as_ref(), "drummer1_eval_session_1");
    assert_eq!((take.piece(), take.artist()), ("drummer1/eval_session", Some("drummer1")));
    assert_eq!(take.metadata()["style"], "funk/groove1");
    assert_eq!(take.metadata()["time_signature"], "4-4");
    assert_eq!((take.metadata()["beat_type"].as_str(), take.instrument()), ("beat", "drums"));
    assert!(matches!(take.audio(&LoadOptions::default()), Err(Error::MissingFile { .. })));
    let audio = "drummer1/eval_session/1_funk-groove1_138_beat_4-4.wav";
    assert!(take.files()[0].ends_with(audio), "{:?}", take.files());
    assert_close(take.tempo().unwrap(), 138.0, 1e-12, "tempo");
    assert_close(take.duration_hint().unwrap(), 27.872_308, 1e-9, "duration");
    assert!(take.notes().unwrap().len() > 100);
    assert_eq!(groove.split(Split::Test).unwrap().len(), 3);
    let other = track(groove.as_ref(), "drummer1_eval_session_10");
    assert!(matches!(other.notes(), Err(Error::MissingFile { what: "notes", .. })));
}
