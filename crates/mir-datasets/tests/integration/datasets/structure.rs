//! Data sets of beats, chords, keys, sections, genres.

use mir_core::Beat;
use mir_datasets::{Annotation, Kind, loaders};
use mir_testkit::{assert_close, test_data};
use tempfile::TempDir;

use super::{put, read, sample, track};

#[test]
fn guitarset_has_the_counts_of_its_full_file_in_both_forms_of_data() {
    let Some(source) = test_data("guitarset/annotation/00_BN1-129-Eb_comp.jams") else { return };
    let root = TempDir::new().unwrap();
    put(root.path(), "annotation/00_BN1-129-Eb_comp.jams", std::fs::read(source).unwrap());
    let guitarset = loaders::open("guitarset", root.path()).unwrap();
    let excerpt = track(guitarset.as_ref(), "00_BN1-129-Eb_comp");
    assert_eq!((excerpt.piece(), excerpt.artist()), ("BN1-129-Eb", Some("00")));
    let strings = ["E", "A", "D", "G", "B", "e"];
    let notes = strings.map(|string| read(excerpt.as_ref(), Kind::Notes, string).len());
    assert_eq!(notes, [7, 23, 33, 36, 25, 9]);
    assert_eq!(excerpt.notes().unwrap().len(), 133);
    assert_eq!(excerpt.beats().unwrap().as_slice().len(), 48);
    assert_close(excerpt.tempo().unwrap(), 129.0, 1e-12, "tempo");
    assert_eq!(excerpt.intervals(Kind::Keys).unwrap()[0].label, "Eb:major");
    let instructed = read(excerpt.as_ref(), Kind::Chords, "instructed");
    let performed = read(excerpt.as_ref(), Kind::Chords, "performed");
    assert!(!instructed.is_empty() && instructed != performed);

    // Points of contours, counted in the file itself; the pitch keeps one for each frame.
    let jams =
        mir_core::formats::Jams::read(root.path().join("annotation/00_BN1-129-Eb_comp.jams"))
            .unwrap();
    let points: Vec<usize> = jams
        .annotations()
        .iter()
        .filter(|annotation| annotation.namespace() == "pitch_contour")
        .map(mir_core::formats::JamsAnnotation::len)
        .collect();
    assert_eq!(points, [710, 1964, 2164, 2342, 1648, 878]);
    for (string, points) in strings.into_iter().zip(points) {
        let Annotation::F0(track) = read(excerpt.as_ref(), Kind::F0, string) else { panic!() };
        let voiced = track.frames().iter().filter(|frame| frame.voicing > 0.0).count();
        assert!(
            (0.95..=1.0).contains(&(voiced as f64 / points as f64)),
            "{string}: {voiced} of {points}"
        );
        let last = track.frames().last().unwrap().time;
        assert!(last < 22.3244 + 0.01, "{string}: {last}");
    }
    let all = excerpt.multi_f0().unwrap();
    assert!(all.pitches().iter().map(Vec::len).max().unwrap() <= 6);
}

#[test]
fn a_cut_excerpt_of_guitarset_with_audio() {
    let Some(guitarset) = sample("guitarset", "mirdata/mir_datasets/guitarset") else { return };
    let solo = track(guitarset.as_ref(), "03_BN3-119-G_solo");
    assert_eq!(solo.metadata()["mode"], "solo");
    let options = mir_datasets::LoadOptions::default();
    assert_eq!(solo.audio(&options).unwrap().channels(), 1);
    assert_eq!(solo.stems().len(), 6);
    assert_eq!(solo.stem("e", &options).unwrap().channels(), 1);
    for label in solo.labels() {
        // Strings without a note are empty, not missing.
        solo.annotation(label).unwrap_or_else(|error| panic!("{label}: {error:?}"));
    }
}

#[test]
fn a_clip_of_gtzan() {
    let Some(gtzan) = sample("gtzan", "mirdata/mir_datasets/gtzan_genre") else { return };
    let clip = track(gtzan.as_ref(), "country.00000");
    assert_eq!(clip.metadata()["genre"], "country");
    assert_close(clip.tempo().unwrap(), 85.53, 1e-12, "tempo");
    let beats = clip.beats().unwrap();
    assert_eq!(beats.as_slice()[4], Beat { time: 2.992, position: Some(1) });
    assert_close(clip.seconds().unwrap(), 663_300.0 / 22_050.0, 1e-9, "seconds");
    let audio = clip.audio(&mir_datasets::LoadOptions::default()).unwrap();
    assert_eq!((audio.len(), audio.sample_rate().hz(), audio.channels()), (663_300, 22_050, 1));
}

#[test]
fn a_song_of_the_beatles() {
    let Some(beatles) = sample("beatles", "mirdata/mir_datasets/beatles") else { return };
    let song = track(beatles.as_ref(), "01_-_Please_Please_Me 11_-_Do_You_Want_To_Know_A_Secret");
    assert_eq!(song.artist(), Some("The Beatles"));
    assert_eq!(song.metadata()["album"], "01_-_Please_Please_Me");
    assert_eq!(song.piece(), "11_-_Do_You_Want_To_Know_A_Secret");
    let chords = song.intervals(Kind::Chords).unwrap();
    assert_eq!(chords.len(), 3);
    assert_eq!((chords[1].label.as_str(), chords[1].interval.start()), ("E:min", 4.586_464));
    let keys = song.intervals(Kind::Keys).unwrap();
    assert_eq!((keys.len(), keys[0].label.as_str(), keys[0].interval.end()), (1, "E", 119.333));
    let sections = song.intervals(Kind::Segments).unwrap();
    assert_eq!(sections.iter().map(|s| s.label.as_str()).collect::<Vec<_>>(), ["silence", "intro"]);
    let beats = song.beats().unwrap();
    assert_eq!(beats.as_slice()[0], Beat { time: 13.249, position: Some(2) });
    assert!(!song.audio(&mir_datasets::LoadOptions::default()).unwrap().is_empty());
}

#[test]
fn a_new_point_of_the_beatles_takes_its_neighbours_place() {
    let root = TempDir::new().unwrap();
    let name = "beat/The Beatles/a/b.txt";
    put(root.path(), name, "0.5 New Point\n1.0\t4\n1.5  New Point\n2.0 2\n");
    let beatles = loaders::open("beatles", root.path()).unwrap();
    let positions: Vec<_> =
        beatles.tracks()[0].beats().unwrap().as_slice().iter().map(|beat| beat.position).collect();
    assert_eq!(positions, [Some(3), Some(4), Some(1), Some(2)]);
}

#[test]
fn the_sections_of_salami() {
    let Some(salami) = sample("salami", "mirdata/mir_datasets/salami") else { return };
    let ids: Vec<&str> = salami.tracks().iter().map(|track| track.id().as_str()).collect();
    assert_eq!(ids, ["1015", "192", "2"]);
    let both = track(salami.as_ref(), "2");
    assert_eq!(both.labels().len(), 6);
    assert_eq!(both.artist(), Some("The_Smashing_Pumpkins"));
    // Two rows at 0.0: the later one stays.
    let Annotation::Labels(upper) = read(both.as_ref(), Kind::Segments, "1 uppercase") else {
        panic!()
    };
    assert_eq!((upper[0].label.as_str(), upper[0].interval.start()), ("Silence", 0.0));
    assert_eq!(upper[1].label, "A");
    let Annotation::Labels(lower) = read(both.as_ref(), Kind::Segments, "1 lowercase") else {
        panic!()
    };
    assert_eq!((lower[1].label.as_str(), lower[1].interval.start()), ("b", 0.464_399_092));
    let Annotation::Labels(other) = read(both.as_ref(), Kind::Segments, "2 functions") else {
        panic!()
    };
    assert_eq!((other[1].label.as_str(), other[1].interval.end()), ("Intro", 14.417_777_777));
    let of_table = ["title", "class", "genre", "source"].map(|name| both.metadata()[name].as_str());
    let expected = ["For_God_And_Country", "popular", "Alternative_Pop___Rock", "Codaich"];
    assert_eq!(of_table, expected);
    assert!(both.files()[0].ends_with("audio/2.mp3"), "{:?}", both.files());
    assert_close(both.duration_hint().unwrap(), 264.0, 1e-12, "duration");
    assert_eq!(track(salami.as_ref(), "192").labels().len(), 3, "one annotator");
    let second = track(salami.as_ref(), "1015");
    let functions = second.intervals(Kind::Segments).unwrap();
    assert_eq!(
        (functions[1].label.as_str(), functions[1].interval.start()),
        ("Intro", 0.040_816_326)
    );
    let empty = both.files()[1].with_file_name("textfile1_uppercase_empty.txt");
    assert!(loaders::salami::read_segments(&empty).unwrap().is_empty());
}

#[test]
fn the_beats_of_rwc_count_from_each_downbeat() {
    let Some(folder) = test_data("mirdata/mir_datasets/rwc_classical") else { return };
    let beat = folder.join("annotations/AIST.RWC-MDB-C-2001.BEAT/RM-C003.BEAT.TXT");
    let ticks: Vec<(f64, i64)> = std::fs::read_to_string(beat)
        .unwrap()
        .lines()
        .map(|line| {
            let fields: Vec<i64> = line.split('\t').map(|field| field.parse().unwrap()).collect();
            (fields[0] as f64 / 100.0, fields[2])
        })
        .filter(|(_, place)| *place >= 0)
        .collect();
    let classical = loaders::open("rwc_classical", &folder).unwrap();
    let symphony = track(classical.as_ref(), "RM-C003");
    assert_eq!(symphony.metadata()["composer"], "Beethoven, Ludwig van");
    let beats = symphony.beats().unwrap();
    assert_eq!(beats.as_slice().len(), ticks.len());
    assert_close(beats.as_slice()[0].time, 1.65, 1e-12, "first");
    assert_close(beats.as_slice()[1].time, 2.58, 1e-12, "second");
    assert_eq!(beats.as_slice()[0].position, Some(2), "an upbeat to a bar of two");
    for (beat, (time, place)) in beats.as_slice().iter().zip(&ticks) {
        assert_close(beat.time, *time, 1e-12, "time");
        assert_eq!(beat.position == Some(1), *place == 384, "{time}");
    }
    let sections = symphony.intervals(Kind::Segments).unwrap();
    assert_eq!((sections[0].label.as_str(), sections[0].interval.start()), ("chorus A", 0.29));
    let empty = track(classical.as_ref(), "RM-C025_A");
    assert!(empty.intervals(Kind::Segments).unwrap().is_empty(), "no chorus, and no error");
    assert!(!symphony.audio(&mir_datasets::LoadOptions::default()).unwrap().is_empty());
}

#[test]
fn pieces_of_rwc_jazz_and_popular() {
    let Some(jazz) = sample("rwc_jazz", "mirdata/mir_datasets/rwc_jazz") else { return };
    let piece = track(jazz.as_ref(), "RM-J004");
    assert_eq!(
        (piece.artist(), piece.metadata()["instruments"].as_str()),
        (Some("Makoto Nakamura"), "Pf")
    );
    let positions: Vec<_> =
        piece.beats().unwrap().as_slice()[..4].iter().map(|b| b.position).collect();
    assert_eq!(positions, [Some(1), Some(2), Some(1), Some(2)]);
    assert_eq!(piece.intervals(Kind::Segments).unwrap()[1].label, "chorus A");

    let popular = sample("rwc_popular", "mirdata/mir_datasets/rwc_popular").unwrap();
    let song = track(popular.as_ref(), "RM-P001");
    assert_eq!(song.metadata()["title"], "Eien no replica");
    let chords = song.intervals(Kind::Chords).unwrap();
    assert_eq!((chords[1].label.as_str(), chords[1].interval.end()), ("Ab:min", 1.858));
    let states = song.intervals(Kind::Events).unwrap();
    assert_eq!((states[0].label.as_str(), states[0].interval.end()), ("b", 10.293_061_224));
    assert_eq!(states[1].label, "m:withm");
    assert_eq!(song.intervals(Kind::Segments).unwrap()[0].label, "intro");
}

#[test]
fn pieces_of_rwc_genre_in_miniature() {
    let root = TempDir::new().unwrap();
    let below = "annotations/AIST.RWC-MDB-G-2001";
    // Centiseconds; a downbeat is noted twice, as in some pieces, and one row is not counted.
    let beats =
        "50\t50\t96\n100\t100\t384\n150\t150\t96\n200\t200\t384\n210\t210\t384\n250\t250\t-1\n";
    put(root.path(), &format!("{below}.BEAT/RM-G062.BEAT.TXT"), beats);
    put(root.path(), &format!("{below}.CHORUS/RM-G062.CHORUS.TXT"), "0\t100\t\"intro\"\r\n");
    let table = "Piece No.,Cat. Suffix,Tr. No.,Title,Category\nNo. 62,M05,Tr. 03,Samba,Latin\n";
    put(root.path(), "metadata-master/rwc-g.csv", table);
    put(root.path(), "audio/rwc-g-m05/3.wav", crate::support::wav(0.5));
    let genre = loaders::open("rwc_genre", root.path()).unwrap();
    let samba = track(genre.as_ref(), "RM-G062");
    assert_eq!(samba.metadata()["category"], "Latin");
    let beats = samba.beats().unwrap();
    let found: Vec<_> = beats.as_slice().iter().map(|beat| (beat.time, beat.position)).collect();
    let places = [(0.5, 2), (1.0, 1), (1.5, 2), (2.0, 1), (2.1, 1)];
    assert_eq!(found, places.map(|(time, place)| (time, Some(place))));
    let sections = samba.intervals(Kind::Segments).unwrap();
    assert_eq!((sections[0].label.as_str(), sections[0].interval.end()), ("intro", 1.0));
    assert_eq!(samba.audio(&mir_datasets::LoadOptions::default()).unwrap().len(), 8_000);
}

#[test]
fn songs_of_billboard() {
    let Some(billboard) = sample("billboard", "mirdata/mir_datasets/billboard") else { return };
    assert_eq!(billboard.tracks().len(), 2);
    let song = track(billboard.as_ref(), "0003");
    assert_eq!((song.piece(), song.artist()), ("James Brown: I Don't Mind", Some("James Brown")));
    assert_eq!(song.metadata()["chart_date"], "1961-07-03");
    assert_eq!(
        (song.metadata()["peak_rank"].as_str(), song.metadata()["weeks_on_chart"].as_str()),
        ("47", "8")
    );
    assert_eq!(song.labels().len(), 7);
    let variants = ["full", "majmin", "majmin7", "majmininv", "majmin7inv"];
    for variant in variants {
        let Annotation::Labels(chords) = read(song.as_ref(), Kind::Chords, variant) else {
            panic!()
        };
        assert!(chords.iter().any(|chord| chord.label == "A:min"), "{variant}");
    }
    let chords = song.intervals(Kind::Chords).unwrap();
    assert_eq!(
        (chords[3].label.as_str(), chords[3].interval.start()),
        ("A:min", 1.801_578_230_599_999_9)
    );
    assert!(!song.audio(&mir_datasets::LoadOptions::default()).unwrap().is_empty());
}

#[test]
fn the_sections_of_billboard() {
    let Some(billboard) = sample("billboard", "mirdata/mir_datasets/billboard") else { return };
    let song = track(billboard.as_ref(), "0003");
    let functions = song.intervals(Kind::Segments).unwrap();
    let labels: Vec<&str> = functions.iter().map(|section| section.label.as_str()).collect();
    let expected =
        ["silence", "intro", "verse", "verse", "interlude", "verse", "interlude", "silence"];
    assert_eq!(labels, expected);
    assert_close(functions[1].interval.start(), 0.073_469_387, 1e-12, "exponents are read");
    assert_close(functions[1].interval.end(), 22.346_394_557, 1e-12, "until the verse");
    assert_close(functions[7].interval.end(), 150.909_387_755, 1e-12, "until the end");
    let layer =
        |id: &str| match read(track(billboard.as_ref(), id).as_ref(), Kind::Segments, "letters") {
            Annotation::Labels(labels) => labels.into_iter().map(|l| l.label).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
    assert_eq!(layer("0003"), ["silence", "A", "B", "B", "A", "B", "A", "silence"]);
    let hendrix = layer("0035");
    assert_eq!(hendrix[..4], ["silence", "Z", "A'", "A"]);
    // A row with a letter alone stands in both layers.
    let functions = track(billboard.as_ref(), "0035").intervals(Kind::Segments).unwrap();
    assert_eq!((functions[1].label.as_str(), functions[2].label.as_str()), ("Z", "intro"));
    assert_eq!(functions.len(), hendrix.len());
}

#[test]
fn clips_of_giantsteps() {
    let Some(keys) = sample("giantsteps_key", "mirdata/mir_datasets/giantsteps_key") else {
        return;
    };
    let [clip] = keys.tracks() else { panic!("{:?}", keys.tracks()) };
    let keys = clip.intervals(Kind::Keys).unwrap();
    assert_eq!((keys.len(), keys[0].label.as_str()), (1, "D major"));
    assert_eq!((keys[0].interval.start(), keys[0].interval.end()), (0.0, 120.0));
    assert_eq!(clip.artist(), Some("Jason Sparks"));
    assert_eq!(clip.metadata()["title"], "Close My Eyes feat. J. Little (Original Mix)");
    assert_eq!(clip.metadata()["genre"], "Breaks");
    assert!(clip.files()[0].is_file(), "{:?}", clip.files());
    let tempi = sample("giantsteps_tempo", "mirdata/mir_datasets/giantsteps_tempo").unwrap();
    let clip = track(tempi.as_ref(), "28952.LOFI");
    assert_close(clip.tempo().unwrap(), 139.0, 1e-12, "the one with more listeners");
    assert_eq!(clip.labels().len(), 2);
    let first = read(clip.as_ref(), Kind::Tempo, "v1");
    assert_eq!(first, Annotation::Tempo(137.6));
    assert!(clip.files()[0].ends_with("audio/28952.LOFI.mp3"));
}

#[test]
fn a_quartet_of_haydn() {
    let Some(haydn) = sample("haydn_op20", "mirdata/mir_datasets/haydn_op20") else { return };
    let movement = track(haydn.as_ref(), "op20n1-01");
    assert_eq!((movement.piece(), movement.artist()), ("op20n1", Some("Joseph Haydn")));
    assert_eq!(movement.instrument(), "string quartet");
    let keys = movement.intervals(Kind::Keys).unwrap();
    assert_eq!((keys.len(), keys[0].label.as_str()), (1, "Eb:major"));
    assert_eq!((keys[0].interval.start(), keys[0].interval.end()), (0.0, 12.0));
    // Three bars of four quarters, then the first quarter of the fourth.
    let chords = movement.intervals(Kind::Chords).unwrap();
    let found: Vec<_> = chords.iter().map(|c| (c.interval.start(), c.label.as_str())).collect();
    assert_eq!(found, [(0.0, "I"), (6.5, "V7"), (7.0, "I"), (11.5, "V7c/V")]);
    assert_close(chords[3].interval.end(), 12.0, 1e-9, "the end");
    // The MIDI file has the same tempo: its notes and the analysis are on one time line.
    let notes = movement.notes().unwrap();
    let last = notes.iter().map(mir_core::Note::offset).fold(0.0, f64::max);
    assert_close(last, 12.0, 1e-3, "the last note");
    let path =
        movement.files().into_iter().find(|path| path.extension().unwrap() == "hrm").unwrap();
    let harmony = loaders::haydn_op20::read_harmony(path).unwrap();
    assert_eq!((harmony.numerals[1].0, harmony.quarters), (13.0, 24.0));
    let audio = movement.audio(&mir_datasets::LoadOptions::default());
    assert!(matches!(audio, Err(mir_datasets::Error::MissingFile { .. })));
}
