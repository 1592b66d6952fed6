//! The high-resolution networks in the program `onsets_frames`: converted, trained, tuned, transcribed with.

use std::{fs, path::Path, process::Output};

use mir_audio::{WavFormat, write_wav};
use mir_core::{FrameGrid, SampleRate, formats};
use mir_midi::{Pedal, PedalEvent, Performance, Score, piano, piano::PianoConfig};
use mir_models::{
    Device,
    config::HighResolutionConfig,
    infer::{HighResolutionMeta, HighResolutionModel},
    weights::Storage,
};

use super::{
    Folder, assert_done, assert_fails,
    onsets_frames::{maps, train_maps},
    program,
    transcribe::{arpeggios, json},
};

fn run(arguments: &[&str]) -> Output {
    super::run(program("onsets_frames").args(arguments).args(["--device", "cpu"]))
}

fn tiny() -> HighResolutionConfig {
    HighResolutionConfig {
        conv_channels: [2, 3, 4, 5],
        fc_units: 8,
        gru_units: 4,
        ..HighResolutionConfig::default()
    }
}

/// The same on the command line.
const TINY: [&str; 8] = [
    "--model",
    "hpt",
    "--set",
    "high_resolution.network.conv_channels=[2, 3, 4, 5]",
    "--set",
    "high_resolution.network.fc_units=8",
    "--set",
    "high_resolution.network.gru_units=4",
];

#[test]
fn high_resolution_weights_are_converted_and_hear_notes_and_pedal() {
    let folder = Folder::new();
    let input = arpeggios(&folder);
    let random = HighResolutionModel::new(HighResolutionMeta::new(tiny()), Device::Cpu).unwrap();
    random.save(&folder.path("foreign.safetensors"), Storage::F32).unwrap();

    let (foreign, weights) = (folder.text("foreign.safetensors"), folder.text("hpt.safetensors"));
    assert_done(&run(&["convert-checkpoint", &foreign, "--model", "hpt", "--out", &weights]));
    let out = folder.text("out");
    let listen = ["transcribe", &input, "--weights", &weights, "--out", &out];
    // An untrained network says about a half everywhere: with these thresholds it hears something.
    let eager = [
        "--format=mid,json,npz",
        "--set",
        "decoder.notes.onset_threshold=0.1",
        "--set",
        "decoder.pedal.frame_threshold=0.3",
    ];
    assert_done(&run(&[&listen[..], &eager].concat()));
    let told = json(&folder.path("out/arpeggios.json"));
    assert_eq!(told["settings"]["decoder"]["pedal"]["frame_threshold"], 0.3);
    assert!(told["pedal"].is_array());
    let played = mir_midi::Score::read(folder.path("out/arpeggios.mid")).unwrap().performance();
    let heard = |kind: &str| !told[kind].as_array().unwrap().is_empty();
    assert!(heard("notes") && !played.notes.is_empty());
    assert_eq!(heard("pedal"), !played.pedals.is_empty());
    assert_eq!(folder.names("out"), ["arpeggios.json", "arpeggios.mid", "arpeggios.npz"]);

    let guess = [&listen[..], &["--offsets", "keys"]].concat();
    assert_fails(&run(&guess), 2, &["these weights hear it"]);
    assert_fails(
        &run(&["transcribe", "--stream", "--weights", &weights]),
        2,
        &["whole recordings"],
    );

    let (root, scores, page) =
        (maps(&folder), folder.text("scores.json"), folder.text("report.html"));
    let evaluate = ["evaluate", "--data", "maps", "--root", &root, "--weights", &weights];
    assert_done(&run(&[&evaluate[..], &["--json", &scores, "--report", &page]].concat()));
    let scores = json(Path::new(&scores));
    // Frames of a network that says about a half everywhere: all cells sound, of which few do.
    let frames = scores["frame_head_f1"].as_f64().unwrap();
    assert!(frames > 0.0 && frames < 0.1, "{scores:#}");
    assert_eq!(scores["pieces"][0]["notes"], 2);
    let page = fs::read_to_string(&page).unwrap();
    assert!(page.contains("high resolution, onset threshold 0.300"), "the decoder is named");
    assert_fails(&run(&[&evaluate[..], &["--decoder", "hw3"]].concat()), 2, &["--decoder"]);
}

#[test]
fn a_network_is_trained_resumed_tuned_and_transcribed_with() {
    let folder = Folder::new();
    let root = maps(&folder);
    let short = ["--set", "loader.batch_size=2", "--set", "loader.window.frames=100"];
    let steps = [&["--steps", "4", "--set", "train.checkpoint_every=2"], &short[..]].concat();
    let (first, second) = (folder.text("first.json"), folder.text("second.json"));
    assert_done(&train_maps(&folder, &[&TINY[..], &steps, &["--json", &first]].concat()));
    let weights = folder.path("run/model.safetensors");
    let model = HighResolutionModel::open(&weights, Device::Cpu).unwrap();
    let meta = model.meta();
    assert_eq!((&meta.architecture, meta.pedals, meta.step), (&tiny(), false, 4));
    assert!(meta.training_data.starts_with("maps"), "{}", meta.training_data);
    let scores: Vec<&str> = meta.scores.keys().map(String::as_str).collect();
    let expected = [
        "frame_head_f1",
        "frame_threshold",
        "note_f1",
        "note_with_offset_f1",
        "offset_threshold",
        "onset_threshold",
        "roll_threshold",
    ];
    assert_eq!(scores, expected.map(|name| format!("validation/{name}")));

    // A run of its last checkpoint but one: the settings come back as a whole, also where they are none, and the end
    // is the same.
    let config = fs::read_to_string(folder.path("run/config.toml")).unwrap();
    assert!(config.contains("reach = 0.05") && config.contains("padding = -100"), "{config}");
    fs::remove_dir_all(folder.path("run/checkpoints/step-000000004")).unwrap();
    fs::remove_file(&weights).unwrap();
    let run_folder = folder.text("run");
    let resume = ["train", "--data", "maps", "--root", &root, "--cache", &folder.text("cache")];
    let resume = [&resume[..], &["--resume", &run_folder, "--json", &second]].concat();
    assert_done(&run(&resume));
    assert_eq!(fs::read_to_string(folder.path("run/config.toml")).unwrap(), config);
    let number = |path: &str, name: &str| json(Path::new(path))[name].as_f64().unwrap();
    assert!((number(&first, "frame_head_f1") - number(&second, "frame_head_f1")).abs() < 1e-6);

    // Fitted to the validation split anew, from other settings.
    let (weights, tuned) = (folder.text("run/model.safetensors"), folder.text("tuned.safetensors"));
    let cache = folder.text("cache");
    let tune =
        ["tune", "--data", "maps", "--root", &root, "--cache", &cache, "--weights", &weights];
    let onset = ["--out", &tuned, "--set", "search.onset=[0.65]"];
    assert_done(&run(&[&tune[..], &onset].concat()));
    let model = HighResolutionModel::open(Path::new(&tuned), Device::Cpu).unwrap();
    assert!((model.meta().decoder.onset_threshold - 0.65).abs() < 1e-9);
    assert!((model.meta().scores["validation/onset_threshold"] - 0.65).abs() < 1e-9);
    let keys = [&tune[..], &["--out", &tuned, "--transpositions=1"]].concat();
    assert_fails(&run(&keys), 2, &["--transpositions"]);

    let (input, out) = (arpeggios(&folder), folder.text("out"));
    let listen = ["transcribe", &input, "--weights", &tuned, "--out", &out, "--format=json,mid"];
    assert_done(&run(&listen));
    assert_eq!(folder.names("out"), ["arpeggios.json", "arpeggios.mid"]);

    // It goes on from weights of its own kind, not from those of another.
    let again = |init: &str| {
        let init = ["--steps", "1", "--force", "--init", init];
        train_maps(&folder, &[&TINY[..], &init, &short].concat())
    };
    assert_done(&again(&tuned));
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/models/onsets_frames_maps.safetensors");
    assert_fails(&again(shipped), 3, &["nothing to start from"]);
}

#[test]
fn its_settings_are_tried_and_refused_like_any_other() {
    let folder = Folder::new();
    maps(&folder);
    let tried = train_maps(&folder, &[&TINY[..], &["--dry-run"]].concat());
    assert_done(&tried);
    let text = String::from_utf8_lossy(&tried.stdout).into_owned();
    assert!(text.contains("640 frames and 229 bins") && text.contains("loss/velocity"), "{text}");
    let wrong = ["--dry-run", "--set", "high_resolution.network.gru_unit=3"];
    assert_fails(&train_maps(&folder, &[&TINY[..], &wrong].concat()), 2, &["gru_units"]);
    let zero = ["--dry-run", "--set", "loader.reach=0.0"];
    assert_fails(&train_maps(&folder, &[&TINY[..], &zero].concat()), 2, &["reach"]);
    let both = ["--preset", "hpt", "--model", "onf", "--dry-run"];
    assert_fails(&train_maps(&folder, &both), 2, &["--preset hpt", "onf"]);
    let published = ["--preset", "hpt", "--dry-run-schedule"];
    let rates = train_maps(&folder, &published);
    assert_done(&rates);
    let rates = String::from_utf8_lossy(&rates.stdout).into_owned();
    assert!(rates.lines().nth(1).is_some_and(|line| line.ends_with("0.0005")), "{rates}");
}

/// A data set in the first layout of MAPS, whose MIDI files hold the pedal; in the last training piece it is never
/// pressed.
fn maps_with_pedal(folder: &Folder) -> String {
    let pieces = [
        ("study_one", "AkPnBcht", 127),
        ("study_two", "AkPnBcht", 0),
        ("study_three", "AkPnBsdf", 127),
        ("alb_se2", "ENSTDkCl", 127),
        ("alb_se3", "ENSTDkCl", 0),
    ];
    for (piece, piano, value) in pieces {
        let stem = format!("midi/{piano}/MUS/MAPS_MUS-{piece}_{piano}");
        folder.write(
            &format!("{stem}.txt"),
            "OnsetTime\tOffsetTime\tMidiPitch\n0.5\t2.5\t60\n1.5\t2.5\t64\n",
        );
        let pedal = |time, value| PedalEvent { time, pedal: Pedal::Sustain, value };
        let text = "0.5\t1.0\t60\t80\n1.5\t2.0\t64\t60\n";
        let notes = formats::parse_notes(text, Path::new("x")).unwrap();
        let played = Performance { notes, pedals: vec![pedal(0.6, value), pedal(2.5, 0)] };
        Score::from_performance(&played).write(folder.path(&format!("{stem}.mid"))).unwrap();
        let audio = piano::render(&played, &PianoConfig::grand(), SampleRate::HZ_16000, 1).unwrap();
        write_wav(folder.path(&format!("{stem}.wav")), &audio, WavFormat::Int16).unwrap();
    }
    folder.text("midi")
}

#[test]
fn the_pedal_is_learned_beside_the_notes() {
    let folder = Folder::new();
    let (notes, both) = (folder.text("notes"), folder.text("both"));
    let (root, cache) = (maps_with_pedal(&folder), folder.text("cache"));
    let data = ["train", "--data", "maps", "--root", &root, "--cache", &cache, "--steps", "2"];
    let short = ["--set", "loader.batch_size=2", "--set", "loader.window.frames=100"];
    let train = |extra: &[&str]| run(&[&data[..], &short, extra].concat());
    assert_fails(&train(&["--model", "hpt-pedal", "--out", &both]), 2, &["--init", "notes"]);

    assert_done(&train(&[&TINY[..], &["--out", &notes]].concat()));
    let start = folder.text("notes/model.safetensors");
    let scores = folder.text("scores.json");
    let beside = ["--model", "hpt-pedal", "--init", &start, "--out", &both, "--json", &scores];
    assert_done(&train(&beside));
    let open = |path: &str| HighResolutionModel::open(&folder.path(path), Device::Cpu).unwrap();
    let (alone, joined) = (open("notes/model.safetensors"), open("both/model.safetensors"));
    assert_eq!((alone.meta().pedals, joined.meta().pedals), (false, true));
    assert_eq!(joined.meta().architecture, tiny());
    assert_eq!(joined.meta().decoder, alone.meta().decoder);
    let told = &joined.meta().training_data;
    assert!(told.starts_with("notes: maps") && told.contains("; pedal: maps"), "{told}");
    let known = |name: &str| joined.meta().scores.contains_key(name);
    assert!(known("validation/note_f1") && known("validation/pedal_f1"));
    assert!(known("validation/pedal_frame_threshold"));
    let told = json(Path::new(&scores));
    let pedal = told["pedal_frame_f1"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&pedal), "{told:#}");
    // A piece without pedal says nothing of it.
    let pieces = told["pieces"].as_array().unwrap();
    let with: Vec<bool> = pieces.iter().map(|piece| piece["pedal_f1"].is_number()).collect();
    assert_eq!(with, [true, false]);

    // The network for notes says what it said before.
    let grid = FrameGrid::new(SampleRate::HZ_16000, 160, 0).unwrap();
    let features =
        ndarray::Array2::from_shape_fn((300, 229), |(t, f)| ((t * 7 + f * 3) % 41) as f32);
    let say = |model: &HighResolutionModel| model.activations(features.view(), grid).unwrap().notes;
    let (joined, alone) = (say(&joined), say(&alone));
    mir_testkit::assert_all_close(&joined.onset, &alone.onset, 1e-6, "the notes");

    // A resume finds what it is beside of in the run folder.
    fs::remove_file(&start).unwrap();
    assert_done(&run(&[&data[..7], &["--resume", &both]].concat()));

    // What the data set does not know of the pedal cannot be learned.
    maps(&folder);
    let both = folder.text("both/model.safetensors");
    let deaf = ["--model", "hpt-pedal", "--init", &both, "--steps", "1"];
    assert_fails(&train_maps(&folder, &deaf), 3, &["MAPS_MUS", "pedal"]);
}
