//! Data sets of melodies and pitch.

use std::fs;

use mir_core::{F0Track, MultiF0};
use mir_datasets::{
    Annotation, Dataset, Error, Kind, LoadOptions, Split,
    loaders::{self, medleydb, orchset},
    splits::{SplitConfig, draw},
};
use mir_testkit::{assert_close, test_data};
use tempfile::TempDir;

use super::{put, read, sample, track};
use crate::support::wav;

fn f0(annotation: Annotation) -> F0Track {
    match annotation {
        Annotation::F0(track) => track,
        other => panic!("{other:?}"),
    }
}

fn multi(annotation: Annotation) -> MultiF0 {
    match annotation {
        Annotation::MultiF0(series) => series,
        other => panic!("{other:?}"),
    }
}

fn voiced(track: &F0Track) -> usize {
    track.frames().iter().filter(|frame| frame.voicing > 0.0).count()
}

#[test]
fn medleydb_has_the_rows_and_voiced_shares_of_its_melodies() {
    let Some(medleydb) = sample("medleydb", "medleydb") else { return };
    for (id, rows, share) in [
        ("MusicDelta_80sRock", 6360, 0.6761),
        ("MusicDelta_Country2", 3007, 0.6415),
        ("MusicDelta_Reggae", 3009, 0.3835),
        ("MusicDelta_Hendrix", 3419, 0.4984),
        ("MusicDelta_Vivaldi", 3762, 0.5120),
        ("MusicDelta_Gospel", 13047, 0.6713),
    ] {
        let track = track(medleydb.as_ref(), id);
        let melody = f0(read(track.as_ref(), Kind::F0, "melody1"));
        assert_eq!(melody.frames().len(), rows, "{id}");
        assert_close(voiced(&melody) as f64 / rows as f64, share, 1e-4, id);
        assert_eq!(f0(read(track.as_ref(), Kind::F0, "melody2")), track.f0().unwrap());
        assert_eq!(multi(read(track.as_ref(), Kind::MultiF0, "melody3")).times().len(), rows);
        assert_eq!(track.artist(), Some("MusicDelta"));
    }
    let last = |id: &str| {
        let melody = f0(read(track(medleydb.as_ref(), id).as_ref(), Kind::F0, "melody1"));
        melody.frames().last().unwrap().time
    };
    assert_close(last("MusicDelta_80sRock"), 36.9139, 1e-4, "80sRock");
    assert_close(last("MusicDelta_Gospel"), 75.7319, 1e-4, "Gospel");
}

#[test]
fn the_metadata_of_medleydb_are_texts() {
    let Some(medleydb) = sample("medleydb", "medleydb") else { return };
    let reggae = track(medleydb.as_ref(), "MusicDelta_Reggae");
    let metadata = reggae.metadata();
    assert_eq!((metadata["excerpt"].as_str(), metadata["has_bleed"].as_str()), ("yes", "no"));
    assert_eq!(metadata["genre"], "Rock");
    assert_eq!(metadata["component STEM_04"], "melody");
    let stems: Vec<_> = reggae.stems().iter().map(|s| (&*s.name, &*s.instrument)).collect();
    assert_eq!(stems.len(), 4);
    assert_eq!(stems[3], ("STEM_04", "male singer"));
    let Annotation::Labels(sources) = read(reggae.as_ref(), Kind::Events, "sources") else {
        panic!("no labels")
    };
    assert_eq!(sources[0].label, "drum set");
    match reggae.audio(&LoadOptions::default()) {
        Err(Error::MissingFile { path, .. }) => {
            assert!(path.ends_with("MusicDelta_Reggae_MIX.wav"))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn pitch_files_of_medleydb_come_to_a_grid_without_losing_a_voiced_row() {
    let Some(folder) = test_data("medleydb/Annotations/Pitch") else { return };
    let hops = [256.0 / 44_100.0, 256.0 / 48_000.0];
    let mut seen = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let rows: Vec<(f64, f64)> = text
            .lines()
            .map(|line| {
                let mut fields = line.split(',').map(|field| field.parse::<f64>());
                (fields.next().unwrap().unwrap(), fields.next().unwrap().unwrap())
            })
            .collect();
        let file = medleydb::read_pitch(&path).unwrap();
        assert_eq!(file.rows, rows.len(), "{name}");
        let frames = file.track.frames();
        // One row of one file stands there twice.
        let twice = usize::from(name == "MusicDelta_Beethoven_STEM_06");
        assert_eq!((file.duplicates, file.moved), (twice, 0), "{name}");
        let voiced_rows = rows.iter().filter(|(_, hz)| *hz > 0.0).count();
        assert_eq!(voiced(&file.track), voiced_rows - twice, "{name}");
        assert!(hops.iter().any(|hop| (hop - file.hop).abs() < 1e-12), "{name}: {}", file.hop);
        for (time, hz) in rows.iter().filter(|(_, hz)| *hz > 0.0) {
            let frame = &frames[(time / file.hop).round() as usize];
            assert!((frame.time - time).abs() < 0.6 * file.hop, "{name}: {time}");
            assert_close(frame.pitch.unwrap().hz(), *hz, 1e-6, &name);
        }
        let expected = match name.as_str() {
            "MusicDelta_Reggae_STEM_04" => Some((1154, 26, 0, None)),
            "MusicDelta_80sRock_STEM_04" => Some((4305, 39, 0, Some(5))),
            "MusicDelta_Beethoven_STEM_06" => Some((3833, file.gaps, 1, None)),
            "MatthewEntwistle_TheFlaxenField_STEM_02" => {
                assert_close(file.hop, hops[1], 1e-12, &name);
                Some((27127, file.gaps, 0, None))
            }
            _ => None,
        };
        if let Some((rows, gaps, backward, zeros)) = expected {
            assert_eq!(
                (file.rows, file.gaps, file.backward_steps),
                (rows, gaps, backward),
                "{name}"
            );
            assert!(
                zeros.is_none_or(|zeros| zeros == file.zero_rows),
                "{name}: {}",
                file.zero_rows
            );
            seen += 1;
        }
    }
    assert_eq!(seen, 4);
}

#[test]
fn the_releases_of_medleydb_on_zenodo_are_read_too() {
    let Some(melody) = sample("medleydb", "mirdata/mir_datasets/medleydb_melody") else { return };
    let beethoven = track(melody.as_ref(), "MusicDelta_Beethoven");
    let frames = f0(read(beethoven.as_ref(), Kind::F0, "melody1"));
    assert_close(frames.frames()[1].time, 0.052_244_897_959_183_675, 1e-15, "time");
    assert_close(frames.frames()[1].pitch.unwrap().hz(), 965.992, 1e-9, "Hz");
    let all = multi(read(beethoven.as_ref(), Kind::MultiF0, "melody3"));
    assert_eq!(all.pitches().iter().map(Vec::len).collect::<Vec<_>>(), [1, 3, 3]);
    assert!(!beethoven.audio(&LoadOptions::default()).unwrap().is_empty());

    let pitch = sample("medleydb", "mirdata/mir_datasets/medleydb_pitch").unwrap();
    let owl = track(pitch.as_ref(), "AClassicEducation_NightOwl");
    let stem = f0(read(owl.as_ref(), Kind::F0, "STEM_08"));
    assert_eq!((stem.frames().len(), voiced(&stem)), (14, 1));
    assert_close(stem.frames()[13].pitch.unwrap().hz(), 191.877, 1e-9, "Hz");
}

#[test]
fn vocadito_is_read_whole() {
    let Some(vocadito) = sample("vocadito", "mirdata/mir_datasets/vocadito") else { return };
    let first = track(vocadito.as_ref(), "vocadito_1");
    let pitch = first.f0().unwrap();
    assert_eq!(pitch.frames().len(), 5722);
    assert_close(pitch.frames()[1].time, 256.0 / 44_100.0, 1e-12, "hop");
    let notes = first.notes().unwrap();
    assert_eq!(notes.len(), 59);
    assert_close(notes[0].onset(), 0.661_768_707, 1e-12, "onset");
    assert_close(notes[0].duration(), 0.290_249_433, 1e-9, "duration");
    assert_close(notes[0].pitch().hz(), 143.742, 1e-9, "Hz");
    let Annotation::Notes(other) = read(first.as_ref(), Kind::Notes, "a2") else { panic!() };
    assert_ne!(other, notes, "the annotators differ");
    assert_eq!((first.artist(), first.metadata()["language"].as_str()), (Some("S1"), "Tagalog"));
    let seconds = first.seconds().unwrap();
    let audio = first.audio(&LoadOptions::default()).unwrap();
    assert_close(seconds, audio.sample_rate().seconds(audio.len()), 1e-9, "seconds");
    assert!((30.0..36.0).contains(&seconds), "{seconds}");
    let lyrics = mir_testkit::test_data(
        "mirdata/mir_datasets/vocadito/Annotations/Lyrics/vocadito_1_lyrics.txt",
    );
    let lines = loaders::vocadito::read_lyrics(lyrics.unwrap()).unwrap();
    assert_eq!(lines[0], "ako ay may lobo");
    match first.beats() {
        Err(Error::NotAnnotated { available, .. }) => {
            assert_eq!(available, ["f0", "notes a1", "notes a2"]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_flags_of_orchset_follow_the_header() {
    let Some(folder) = test_data("mirdata/mir_datasets/orchset") else { return };
    let rows =
        orchset::read_table(folder.join("Orchset - Predominant Melodic Instruments.csv")).unwrap();
    let name = "Musorgski-Ravel-PicturesExhibition-Promenade1-ex2";
    let row = rows.iter().find(|row| row.excerpt == name).unwrap();
    assert!(row.contains.strings && !row.contains.winds && !row.contains.brass && row.only.strings);
    assert!(!row.alternating);
    let schubert = rows.iter().find(|row| row.excerpt == "Schubert-S8-II-ex2").unwrap();
    assert!(schubert.contains.winds && schubert.only.winds && !schubert.contains.strings);
    assert_eq!(orchset::composer_and_work(name).0, "Musorgski-Ravel");

    let orchset = loaders::open("orchset", &folder).unwrap();
    let beethoven = track(orchset.as_ref(), "Beethoven-S3-I-ex1");
    assert_eq!(beethoven.piece(), "Beethoven: S3-I");
    let melody = beethoven.f0().unwrap();
    assert_eq!((melody.frames().len(), voiced(&melody)), (3, 1));
    assert_close(melody.frames()[2].pitch.unwrap().hz(), 622.254, 1e-9, "Hz");
    assert_eq!(beethoven.audio(&LoadOptions::default()).unwrap().channels(), 2);
    assert_eq!(orchset.split(Split::Test).unwrap().len(), 1);
}

#[test]
fn ikala_has_the_accompaniment_on_the_left_and_the_voice_on_the_right() {
    let Some(ikala) = sample("ikala", "mirdata/mir_datasets/ikala") else { return };
    let clip = track(ikala.as_ref(), "10161_chorus");
    assert_eq!((clip.piece(), clip.artist()), ("10161", Some("1")));
    let path = test_data("mirdata/mir_datasets/ikala/Wavfile/10161_chorus.wav").unwrap();
    let both = mir_audio::load(path, &LoadOptions::default()).unwrap();
    let accompaniment = clip.stem("accompaniment", &LoadOptions::default()).unwrap();
    let vocals = clip.stem("vocals", &LoadOptions::default()).unwrap();
    assert_eq!(accompaniment.channel(0), both.channel(0));
    assert_eq!(vocals.channel(0), both.channel(1));
    let mix = clip.audio(&LoadOptions::default()).unwrap();
    assert_eq!(mix.channels(), 1);
    for n in 0..mix.len() {
        let sum = both.channel(0)[n] + both.channel(1)[n];
        assert!((mix.channel(0)[n] - sum).abs() < 1e-6, "sample {n}");
    }
    let pitch = clip.f0().unwrap();
    assert_close(pitch.frames()[0].time, 0.016, 1e-12, "first centre");
    assert_close(pitch.frames()[1].time, 0.048, 1e-12, "second centre");
    assert_eq!(pitch.frames()[0].pitch, None);
    assert_close(pitch.frames()[1].pitch.unwrap().hz(), 260.946, 5e-4, "Hz");
    let words = clip.intervals(Kind::Lyrics).unwrap();
    assert_eq!((words[0].label.as_str(), words[0].interval.start()), ("JUST", 0.027));
    let odd = test_data("mirdata/mir_datasets/ikala/Lyrics/10164_chorus.lab").unwrap();
    let words = loaders::ikala::read_lyrics(&odd).unwrap();
    assert_eq!((words[0].text.label.as_str(), words[0].pronunciation.as_str()), ("ASDF", "t i au"));
    assert_eq!(clip.notes().unwrap().len(), 2);
}

#[test]
fn the_stems_of_mdb_stem_synth_are_on_their_grid() {
    let Some(stems) = sample("mdb_stem_synth", "mirdata/mir_datasets/mdb_stem_synth") else {
        return;
    };
    let owl = track(stems.as_ref(), "AClassicEducation_NightOwl_STEM_08");
    assert_eq!(owl.piece(), "AClassicEducation_NightOwl");
    let pitch = owl.f0().unwrap();
    assert_eq!(pitch.frames().len(), 1034);
    assert_close(pitch.frames()[1033].time, 1033.0 * 128.0 / 44_100.0, 1e-12, "time");
    assert_close(owl.seconds().unwrap(), 3.0, 0.01, "seconds");
}

#[test]
fn the_other_synthesised_sets_of_medleydb() {
    let root = TempDir::new().unwrap();
    let base = root.path();
    put(base, "audio_mix/A_B_MIX_melsynth.wav", wav(0.5));
    put(base, "audio_melody/A_B_STEM_02.RESYN.wav", wav(0.5));
    put(base, "annotation_melody/A_B_STEM_02.RESYN.csv", "0.000000,0.000000\n0.002902,220.5\n");
    put(base, "audio_mix/A_B_MIX_mf0synth.wav", wav(0.5));
    put(base, "annotation_mf0/A_B_MIX_mf0synth.csv", "0.000000\n0.002902,220.5,441.0\n");
    put(base, "annotation_bass/A_B_STEM_01.RESYN.csv", "");
    let melody = loaders::open("mdb_melody_synth", base).unwrap();
    let song = track(melody.as_ref(), "A_B");
    assert_eq!(song.audio(&LoadOptions::default()).unwrap().len(), 8000);
    assert_eq!(song.stem("STEM_02", &LoadOptions::default()).unwrap().len(), 8000);
    assert!(matches!(song.stem("STEM_01", &LoadOptions::default()), Err(Error::NoStem { .. })));
    assert_close(song.f0().unwrap().frames()[1].time, 128.0 / 44_100.0, 1e-12, "time");
    let multi = loaders::open("mdb_mf0_synth", base).unwrap();
    let series = track(multi.as_ref(), "A_B").multi_f0().unwrap();
    assert_eq!(series.pitches().iter().map(Vec::len).collect::<Vec<_>>(), [0, 2]);
    let bass = loaders::open("mdb_bass_synth", base).unwrap();
    assert!(track(bass.as_ref(), "A_B").f0().unwrap().frames().is_empty());
}

#[test]
fn the_contests_of_2004_and_2005() {
    for (name, folder, excerpt, genre) in [
        ("adc2004", "adc2004_full_set", "opera_fem2", Some("opera_fem")),
        ("mirex05", "mirex05TrainFiles", "train01", None),
    ] {
        let root = TempDir::new().unwrap();
        put(root.path(), &format!("{folder}/{excerpt}.wav"), wav(0.25));
        put(root.path(), &format!("{folder}/{excerpt}REF.txt"), "0.00   0\n0.01   440.0\n");
        for home in [root.path().to_owned(), root.path().join(folder)] {
            let contest = loaders::open(name, home).unwrap();
            let only = track(contest.as_ref(), excerpt);
            assert_eq!(voiced(&only.f0().unwrap()), 1);
            assert_eq!(only.metadata().get("genre").map(String::as_str), genre);
            assert_eq!(only.audio(&LoadOptions::default()).unwrap().len(), 4000);
            assert_eq!(contest.split(Split::Test).unwrap().len(), 1);
            assert!(matches!(contest.split(Split::Train), Err(Error::EmptySplit { .. })));
        }
    }
}

#[test]
fn a_drawn_split_takes_the_place_of_a_published_one() {
    let root = TempDir::new().unwrap();
    for singer in 0..5 {
        for take in 0..4 {
            let number = singer * 4 + take;
            put(root.path(), &format!("Audio/vocadito_{number}.wav"), wav(0.1));
        }
    }
    let rows: String = (0..20).map(|number| format!("{number},S{},60,Ido\n", number / 4)).collect();
    let table = format!("track_id,singer_id,average_pitch,language\n{rows}");
    put(root.path(), "vocadito_metadata.csv", table);
    let vocadito = loaders::vocadito::open(root.path()).unwrap();
    assert!(vocadito.split(Split::Train).is_err(), "nothing is published");
    let config = SplitConfig { train: 0.6, validation: 0.2, test: 0.2, seed: 3 };
    let drawn = draw("vocadito", &vocadito.by_artist(), &config).unwrap();
    let vocadito = vocadito.with_partition(drawn);
    assert_eq!(Split::ALL.map(|s| vocadito.split(s).unwrap().len()), [12, 4, 4]);
    assert!(vocadito.partitions()[0].audit(&vocadito).artists.is_empty());
}
