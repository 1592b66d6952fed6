//! The built-in piano data set: is it what its description says, and the same every time?

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use mir_core::{Note, SampleRate};
use mir_datasets::{
    Dataset, Error, LoadOptions, Split, Track,
    mini::{
        Mini, MiniConfig, PIECES, Piece, UNHEARD,
        notation::{Score, Status},
        performance::{PerformanceConfig, Performer},
    },
    shared_pieces,
};
use mir_midi::{
    pedal::{self, PedalRule},
    piano::PianoConfig,
};
use proptest::prelude::*;

fn mini() -> Mini {
    Mini::new(MiniConfig::default()).unwrap()
}

fn track(mini: &Mini, id: &str) -> Arc<dyn Track> {
    let found = mini.tracks().iter().find(|track| track.id().as_str() == id);
    Arc::clone(found.unwrap_or_else(|| panic!("{id} is a track")))
}

fn key(note: &Note) -> u8 {
    note.pitch().key().unwrap().number()
}

fn minutes(split: Split) -> f64 {
    let pieces = PIECES.iter().filter(|piece| piece.split == split);
    pieces.map(|piece| piece.score().nominal_seconds()).sum::<f64>() / 60.0
}

#[test]
fn the_collection_has_the_size_that_was_promised() {
    for piece in PIECES {
        let seconds = piece.score().nominal_seconds();
        assert!((20.0..=90.0).contains(&seconds), "{}: {seconds} s", piece.id);
    }
    assert!(PIECES.len() >= 24);
    let total: f64 = Split::ALL.into_iter().map(minutes).sum();
    assert!(total >= 30.0, "{total} min");
    let held_out = PIECES.iter().filter(|piece| piece.split == Split::Test).count();
    assert!(held_out >= 6 && minutes(Split::Test) >= 4.0);
    assert!(minutes(Split::Validation) >= 3.0);
}

#[test]
fn pieces_are_in_order_and_have_one_name_each() {
    assert!(PIECES.is_sorted_by(|a, b| a.id < b.id));
    let titles: BTreeSet<String> = PIECES.iter().map(|p| p.score().title().to_owned()).collect();
    assert_eq!(titles.len(), PIECES.len());
}

#[test]
fn training_strikes_every_key_of_the_piano_several_times() {
    let mut strokes = [0usize; 128];
    let mut velocities = BTreeSet::new();
    for track in mini().split(Split::Train).unwrap() {
        for note in track.notes().unwrap() {
            strokes[usize::from(key(&note))] += 1;
            velocities.insert(note.velocity().value());
        }
    }
    assert!(strokes[..21].iter().chain(&strokes[109..]).all(|&n| n == 0));
    for (key, &n) in strokes.iter().enumerate().take(109).skip(21) {
        let enough = if (36..=84).contains(&key) { 100 } else { 10 };
        assert!(n >= enough, "key {key}: {n} strokes");
    }
    assert!(*velocities.first().unwrap() <= 25 && *velocities.last().unwrap() >= 115);
    assert!(velocities.len() > 90);
}

#[test]
fn no_held_out_piece_is_heard_in_training() {
    let mini = mini();
    let [train, validation, test] = Split::ALL.map(|split| mini.split(split).unwrap());
    for (a, b) in [(&train, &validation), (&train, &test), (&validation, &test)] {
        assert_eq!(shared_pieces(a, b), Vec::<String>::new());
    }
    assert_eq!(train.len() + validation.len() + test.len(), mini.tracks().len());
}

#[test]
fn test_pieces_are_played_on_a_known_and_on_the_unheard_piano() {
    let mini = mini();
    let test = mini.split(Split::Test).unwrap();
    for piece in PIECES.iter().filter(|piece| piece.split == Split::Test) {
        let takes: Vec<_> = test.iter().filter(|track| track.piece() == piece.id).collect();
        assert_eq!(takes.len(), 2, "{}", piece.id);
        let unheard = takes.iter().filter(|track| track.instrument() == UNHEARD).count();
        assert_eq!(unheard, 1, "{}", piece.id);
        // One performance, two instruments: their scores differ by the instrument alone.
        assert_eq!(takes[0].notes().unwrap(), takes[1].notes().unwrap());
        assert!(takes.iter().all(|track| track.id().as_str().contains(track.instrument())));
    }
    let known: BTreeSet<&str> = PianoConfig::training().into_iter().map(|(name, _)| name).collect();
    let train = mini.split(Split::Train).unwrap();
    let heard: BTreeSet<&str> = train.iter().map(|track| track.instrument()).collect();
    assert_eq!(heard, known, "training uses all its instruments and no other");
    let validation = mini.split(Split::Validation).unwrap();
    assert!(validation.iter().all(|track| known.contains(track.instrument())));
}

#[test]
fn tracks_are_listed_in_order_of_their_names() {
    let mini = mini();
    assert!(mini.tracks().is_sorted_by(|a, b| a.id() < b.id()));
    for split in Split::ALL {
        assert!(mini.split(split).unwrap().is_sorted_by(|a, b| a.id() < b.id()), "{split}");
    }
}

#[test]
fn one_seed_gives_one_data_set() {
    let (a, b) = (mini(), mini());
    for (a, b) in a.tracks().iter().zip(b.tracks()) {
        assert_eq!(a.id(), b.id());
        assert_eq!(a.notes().unwrap(), b.notes().unwrap(), "{}", a.id());
        assert_eq!(a.source_fingerprint().unwrap(), b.source_fingerprint().unwrap());
    }
    let options = LoadOptions::default();
    for id in ["frere-jacques_concert_hall_0", "chance-1_upright_0", "silent-night_unheard_0"] {
        let (a, b) = (track(&a, id).audio(&options), track(&b, id).audio(&options));
        assert_eq!(a.unwrap(), b.unwrap(), "{id}");
    }
}

#[test]
fn another_seed_gives_other_performances() {
    let a = mini();
    let b = Mini::new(MiniConfig { seed: 1, ..MiniConfig::default() }).unwrap();
    for (a, b) in a.tracks().iter().zip(b.tracks()) {
        assert_ne!(a.notes().unwrap(), b.notes().unwrap(), "{}", a.id());
        assert_ne!(a.source_fingerprint().unwrap(), b.source_fingerprint().unwrap());
    }
}

#[test]
fn every_track_has_a_fingerprint_of_its_own() {
    let mini = mini();
    let prints: BTreeSet<_> =
        mini.tracks().iter().map(|track| track.source_fingerprint().unwrap()).collect();
    assert_eq!(prints.len(), mini.tracks().len());
}

#[test]
fn more_versions_add_tracks_and_change_none() {
    let more = Mini::new(MiniConfig { train_versions: 5, ..MiniConfig::default() }).unwrap();
    for track in mini().tracks() {
        let same = more.tracks().iter().find(|other| other.id() == track.id()).unwrap();
        assert_eq!(track.source_fingerprint().unwrap(), same.source_fingerprint().unwrap());
    }
    let canons = more.tracks().iter().filter(|track| track.piece() == "canon");
    let played: BTreeSet<&str> = canons.map(|track| track.instrument()).collect();
    assert_eq!(played.len(), 5, "five versions are played on five instruments");
}

#[test]
fn notes_are_playable_on_one_piano() {
    for track in mini().tracks() {
        let notes = track.notes().unwrap();
        assert!(notes.is_sorted_by_key(|note| note.onset()), "{}", track.id());
        let mut sounding_until = [0.0; 128];
        for note in &notes {
            let key = key(note);
            assert!((21..=108).contains(&key), "{}: key {key}", track.id());
            assert!(note.duration() > 0.02, "{}: {note:?}", track.id());
            let until = &mut sounding_until[usize::from(key)];
            assert!(note.onset() >= *until, "{}: {note:?} before {until}", track.id());
            *until = note.offset();
        }
    }
}

#[test]
fn sound_begins_at_the_first_note_and_does_not_clip() {
    let mini = mini();
    for id in ["minuet-g_grand_0", "minuet-g_unheard_0", "study-low_mellow_0"] {
        let track = track(&mini, id);
        let audio = track.audio(&LoadOptions::default()).unwrap();
        assert_eq!((audio.sample_rate(), audio.channels()), (SampleRate::HZ_16000, 1));
        assert!(audio.peak() < 0.99, "{id}: {}", audio.peak());
        let onset = audio.sample_rate().sample_at(track.notes().unwrap()[0].onset());
        let energy = |part: &[f32]| part.iter().map(|x| x * x).sum::<f32>() / part.len() as f32;
        let x = audio.channel(0);
        let (before, after) = (energy(&x[..onset]), energy(&x[onset..onset + 1600]));
        assert!(after > 10.0 * before, "{id}: {before} then {after}");
        let last = track.notes().unwrap().iter().map(Note::offset).fold(0.0, f64::max);
        assert!(audio.duration() >= last, "{id}");
        let hint = track.duration_hint().unwrap();
        assert!((hint / audio.duration() - 1.0).abs() < 0.2, "{id}: {hint} s");
    }
}

#[test]
fn audio_comes_at_the_rate_and_in_the_part_asked_for() {
    let mini = mini();
    let track = track(&mini, "frere-jacques_concert_hall_0");
    let rate = SampleRate::HZ_22050;
    let whole = LoadOptions { sample_rate: Some(rate), ..LoadOptions::default() };
    let part = LoadOptions { start: 2.0, duration: Some(1.5), ..whole.clone() };
    let (whole, part) = (track.audio(&whole).unwrap(), track.audio(&part).unwrap());
    assert_eq!(whole.sample_rate(), rate);
    assert_eq!(part.channel(0), &whole.channel(0)[44_100..44_100 + 33_075]);
    let beyond = LoadOptions { start: 1e6, ..LoadOptions::default() };
    assert!(track.audio(&beyond).unwrap().is_empty());
}

#[test]
fn settings_outside_their_range_are_named() {
    let base = MiniConfig::default;
    for (config, name) in [
        (MiniConfig { train_versions: 0, ..base() }, "train_versions"),
        (MiniConfig { chance_studies: 33, ..base() }, "chance_studies"),
        (MiniConfig { transpose: -1, ..base() }, "transpose"),
        (MiniConfig { tempo_spread: f64::NAN, ..base() }, "tempo_spread"),
        (MiniConfig { loudness_spread: 41.0, ..base() }, "loudness_spread"),
    ] {
        let error = Mini::new(config).unwrap_err();
        assert!(matches!(error, Error::InvalidConfig { field, .. } if field == name), "{error}");
    }
    let config = PerformanceConfig { tempo: 0.0, ..PerformanceConfig::default() };
    let error = Performer::new(config).unwrap_err();
    assert!(matches!(error, Error::InvalidConfig { field: "tempo", .. }), "{error}");
    assert!(serde_json::from_str::<MiniConfig>(r#"{"sede": 1}"#).is_err());
}

/// A player without deviations, so that what remains is the rule under test.
fn exact() -> PerformanceConfig {
    PerformanceConfig {
        rubato: 0.0,
        drift: 0.0,
        ritardando: 0.0,
        jitter: 0.0,
        chord_spread: 0.0,
        melody_lead: 0.0,
        velocity_jitter: 0.0,
        ..PerformanceConfig::default()
    }
}

fn play(config: PerformanceConfig, music: &str) -> Vec<Note> {
    let header = "title: T\norigin: O\nstatus: original\ntempo: 60\nmetre: 4/4\n";
    let score = Score::parse(&format!("{header}{music}")).unwrap();
    Performer::new(config).unwrap().perform(&score, 0).unwrap().notes
}

#[test]
fn an_exact_player_keeps_the_written_rhythm() {
    let notes = play(exact(), "R: c4/4 d/8 e f/12 g a b/4 |");
    let first = notes[0].onset();
    let beats = [0.0, 1.0, 1.5, 2.0, 2.0 + 1.0 / 3.0, 2.0 + 2.0 / 3.0, 3.0];
    for (note, beat) in notes.iter().zip(beats) {
        mir_testkit::assert_close(note.onset() - first, beat, 1e-9, "onset");
    }
    let fast = play(PerformanceConfig { tempo: 2.0, ..exact() }, "R: c4/4 d/8 e f/12 g a b/4 |");
    mir_testkit::assert_close(fast[6].onset() - fast[0].onset(), 1.5, 1e-9, "double tempo");
}

#[test]
fn signs_change_how_long_and_how_loud_a_note_is() {
    let notes = play(exact(), "R: c4/4 d/4' e/4> f/4- |");
    let [plain, staccato, accent, tenuto] = &notes[..] else { panic!("four notes") };
    assert!(staccato.duration() < 0.6 * plain.duration());
    assert!(accent.velocity() > plain.velocity() && accent.velocity() > tenuto.velocity());
    assert!((tenuto.duration() - 1.0).abs() < 1e-9);
    let loud = play(exact(), "R: !ppp c4/2 !fff d/2 |");
    assert!(loud[1].velocity().value() > loud[0].velocity().value() + 70);
}

#[test]
fn the_melody_leads_and_is_louder() {
    let config = PerformanceConfig { melody_lead: 0.03, ..exact() };
    let notes = play(config, "R: c5/1 |\nL: c3/1 |");
    assert_eq!(key(&notes[0]), 72, "the melody comes first");
    assert!(notes[0].velocity() > notes[1].velocity());
}

#[test]
fn ornaments_are_played_out() {
    let trill = play(exact(), "R: c4/2tr2 r/2 |");
    assert!((21..=27).contains(&trill.len()), "{} notes in two seconds", trill.len());
    assert_eq!((key(&trill[0]), key(&trill[1]), key(trill.last().unwrap())), (60, 62, 60));
    let grace = play(exact(), "R: c4/4 {d e}f/4 g/2 |");
    let keys: Vec<u8> = grace.iter().map(key).collect();
    assert_eq!(keys, [60, 62, 64, 65, 67]);
    mir_testkit::assert_close(grace[3].onset() - grace[0].onset(), 1.0, 1e-9, "on the beat");
    let rolled = play(exact(), "R: <c4 e g>/1& |");
    assert!(rolled.windows(2).all(|pair| pair[1].onset() - pair[0].onset() > 0.02));
}

#[test]
fn a_struck_key_comes_up_before_it_is_struck_again() {
    let notes = play(exact(), "R: c4/4:16 <c e>/2 r/4 |\nL: c4/2 c/2 |");
    let line: Vec<&Note> = notes.iter().filter(|note| key(note) == 60).collect();
    assert_eq!(line.len(), 6, "strokes that coincide become one");
    assert!(line.windows(2).all(|pair| pair[0].offset() < pair[1].onset()));
}

#[test]
fn a_transposition_stops_at_the_end_of_the_keyboard() {
    let up = PerformanceConfig { transpose: 5, ..exact() };
    assert_eq!(key(&play(up.clone(), "R: c4/1 |")[0]), 65);
    assert_eq!(key(&play(up.clone(), "R: bb7/1 |")[0]), 108);
    assert_eq!(key(&play(up, "R: <a0 c8>/1 |")[0]), 21);
}

#[test]
fn the_pedal_joins_what_the_hands_leave() {
    let header = "title: T\norigin: O\nstatus: original\ntempo: 60\nmetre: 4/4\npedal: 1/1\n";
    let score = Score::parse(&format!("{header}R: c4/4' e' g' r | c/1 |")).unwrap();
    let performance = Performer::new(exact()).unwrap().perform(&score, 0).unwrap();
    let moves: Vec<bool> = performance.pedals.iter().map(|event| event.is_down()).collect();
    assert_eq!(moves, [false, true, false, true, false]);
    assert!(performance.pedals.is_sorted_by(|a, b| a.time < b.time));
    let sounding = pedal::apply(&performance, PedalRule::Default);
    assert!(sounding[0].duration() > 3.5 && performance.notes[0].duration() < 0.6);
    let dry = Performer::new(PerformanceConfig { pedal: false, ..exact() }).unwrap();
    assert!(dry.perform(&score, 0).unwrap().pedals.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_admissible_player_plays_every_piece_on_the_keyboard(
        piece in 0..PIECES.len(),
        seed: u64,
        tempo in 0.25..4.0f64,
        transpose in -24..=24i32,
        jitter in 0.0..0.05f64,
        overlap in 0.0..0.2f64,
        loudness in -60.0..60.0f64,
        ritardando in 0.0..0.8f64,
    ) {
        let config = PerformanceConfig {
            tempo, transpose, jitter, overlap, loudness, ritardando, ..PerformanceConfig::default()
        };
        let performer = Performer::new(config).unwrap();
        let score = PIECES[piece].score();
        let performance = performer.perform(&score, seed).unwrap();
        prop_assert!(performance.notes.iter().all(|n| (21..=108).contains(&key(n))));
        prop_assert!(performance.notes.iter().all(|n| (12..=124).contains(&n.velocity().value())));
        prop_assert!(performance.notes.is_sorted_by_key(|n| n.onset()));
        prop_assert!(performance.pedals.is_sorted_by(|a, b| a.time < b.time));
        prop_assert_eq!(performance, performer.perform(&score, seed).unwrap());
    }
}

/// The tables of `datasets/mini/README.md`, from the code.
fn tables() -> String {
    let mut lines = vec![
        "| name | title | origin | status | split | seconds | notes |".to_owned(),
        "|---|---|---|---|---|---|---|".to_owned(),
    ];
    let row = |piece: &Piece| {
        let score = piece.score();
        let status = match score.status() {
            Status::PublicDomain => "public domain",
            Status::Original => "original",
        };
        format!(
            "| `{}` | {} | {} | {status} | {} | {:.0} | {} |",
            piece.id,
            score.title(),
            score.origin(),
            piece.split,
            score.nominal_seconds(),
            score.notes().len(),
        )
    };
    lines.extend(PIECES.iter().map(row));
    lines.push(String::new());
    lines.push("| parameter | unit | training | unheard | outside |".to_owned());
    lines.push("|---|---|---|---|---|".to_owned());
    for spread in PianoConfig::spread() {
        let (low, high) = (spread.training.start(), spread.training.end());
        let outside = if spread.training.contains(&spread.unheard) { "" } else { "yes" };
        let (name, unit, unheard) = (spread.name, spread.unit, spread.unheard);
        lines.push(format!("| `{name}` | {unit} | {low} to {high} | {unheard} | {outside} |"));
    }
    lines.join("\n")
}

#[test]
fn the_description_agrees_with_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/mini/README.md");
    let text = fs::read_to_string(&path).unwrap();
    let tables = tables();
    let missing: Vec<&str> = tables.lines().filter(|line| !text.contains(line)).collect();
    assert!(missing.is_empty(), "write this into {}:\n{tables}", path.display());
    let rows = |text: &str| text.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows(&text), rows(&tables), "the description lists what is not there");
    for split in Split::ALL {
        let pieces = PIECES.iter().filter(|piece| piece.split == split).count();
        assert!(text.contains(&format!("| {split} | {pieces}")), "{split}: {pieces} pieces");
    }
    for required in ["stretch_cents", "decay_bass", "hammer_noise_db", "a4_cents", "room_decay"] {
        let spread = PianoConfig::spread().into_iter().find(|s| s.name == required).unwrap();
        assert!(!spread.training.contains(&spread.unheard), "{required} is outside training");
    }
}
