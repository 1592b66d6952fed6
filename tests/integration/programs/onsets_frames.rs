//! The program `onsets_frames` as its users run it, above all with input that is wrong: one clear
//! message that names the file, an exit code that says what kind of failure it was, and nothing
//! half-written.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use mir_audio::{WavFormat, write_wav};
use mir_core::{AudioBuffer, SampleRate, formats};
use mir_midi::{Performance, piano, piano::PianoConfig};
use mir_models::{Device, infer::TranscriptionModel};
use mir_testkit::signal::{noise, sine};

use super::{Folder, assert_done, assert_fails, program, stderr};

const NAME: &str = "onsets_frames";

/// A flac of half a second, made by us: a decaying tone of 440 Hz with a little noise.
const FLAC: &[u8] = include_bytes!("../../fixtures/note.flac");

fn run(arguments: &[&str]) -> Output {
    super::run(program(NAME).args(arguments))
}

fn wav(folder: &Folder, name: &str, audio: &AudioBuffer) -> String {
    write_wav(folder.path(name), audio, WavFormat::Float32).unwrap();
    folder.text(name)
}

fn transcribe(folder: &Folder, input: &str) -> Output {
    run(&["transcribe", input, "--out", &folder.text("out"), "--device", "cpu"])
}

#[test]
fn a_recording_becomes_midi_text_and_picture() {
    let folder = Folder::new();
    let notes =
        formats::parse_notes("0.5\t1.5\t60\t80\n1.0\t2.0\t67\t60\n", Path::new("x")).unwrap();
    let audio =
        piano::render(&Performance::from(notes), &PianoConfig::grand(), SampleRate::HZ_44100, 1)
            .unwrap();
    let input = wav(&folder, "two notes.wav", &audio);
    let output = transcribe(&folder, &input);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(folder.names("out"), ["two notes.mid", "two notes.png", "two notes.tsv"]);
    let text = fs::read_to_string(folder.path("out/two notes.tsv")).unwrap();
    assert_eq!(text.lines().next(), Some("onset\toffset\tnote\tvelocity"));
    let found = formats::read_notes(folder.path("out/two notes.tsv")).unwrap();
    let has = |key: f64, onset: f64| {
        found
            .iter()
            .any(|n| (n.pitch().midi() - key).abs() < 0.1 && (n.onset() - onset).abs() < 0.05)
    };
    assert!(has(60.0, 0.5) && has(67.0, 1.0), "{text}");
    let midi =
        mir_midi::read_notes(folder.path("out/two notes.mid"), mir_midi::PedalRule::None).unwrap();
    assert_eq!(midi.len(), found.len());
    let png = fs::read(folder.path("out/two notes.png")).unwrap();
    assert_eq!(&png[1..4], b"PNG");
}

#[test]
fn any_rate_length_and_number_of_channels_is_read() {
    let folder = Folder::new();
    let tone = |hz: u32, samples| sine(SampleRate::new(hz).unwrap(), 440.0, 0.3, samples);
    let six: Vec<Vec<f32>> = (0..6).map(|_| tone(16_000, 16_000).channel(0).to_vec()).collect();
    let six = AudioBuffer::from_channels(SampleRate::HZ_16000, &six).unwrap();
    for (name, audio) in [
        ("8 kHz.wav", tone(8_000, 8_000)),
        ("192 kHz.wav", tone(192_000, 192_000)),
        ("six channels.wav", six),
        ("one sample.wav", tone(16_000, 1)),
    ] {
        let output = transcribe(&folder, &wav(&folder, name, &audio));
        assert!(output.status.success(), "{name}: {}", stderr(&output));
    }
    assert_eq!(folder.names("out").len(), 12);
}

#[test]
fn what_cannot_be_transcribed_is_named_and_leaves_nothing() {
    let folder = Folder::new();
    // Our writer refuses such a sample: it is put in behind its back, into the last 4000 x 4 bytes.
    let sound = wav(&folder, "nan.wav", &noise(SampleRate::HZ_16000, 0.5, 4000, 1));
    let mut bytes = fs::read(sound).unwrap();
    let at = bytes.len() - 4 * (4000 - 1234);
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    let not_a_number = folder.write("nan.wav", bytes);
    let empty = AudioBuffer::mono(SampleRate::HZ_16000, Vec::new());
    for (input, texts) in [
        (folder.text("missing.wav"), vec!["missing.wav", "cannot read"]),
        (folder.write("notes.wav", "this is a text file, not a recording"), vec!["notes.wav"]),
        (folder.write("empty.wav", ""), vec!["empty.wav"]),
        (folder.write("cut.flac", &FLAC[..FLAC.len() / 2]), vec!["cut.flac"]),
        (not_a_number, vec!["nan.wav", "1234"]),
        (wav(&folder, "nothing.wav", &empty), vec!["nothing.wav", "no samples"]),
    ] {
        let output = transcribe(&folder, &input);
        assert_fails(&output, 3, &texts);
        assert_eq!(folder.names("out"), [""; 0], "{input}");
    }
    fs::create_dir(folder.path("no audio here")).unwrap();
    assert_fails(&transcribe(&folder, &folder.text("no audio here")), 3, &["no audio here"]);
}

#[test]
fn in_a_batch_the_good_files_are_done() {
    let folder = Folder::new();
    folder.write("in/good.flac", FLAC);
    folder.write("in/sub/also good.flac", FLAC);
    folder.write("in/bad.wav", "RIFF");
    let output = transcribe(&folder, &folder.text("in"));
    assert_fails(&output, 1, &["bad.wav"]);
    assert!(stderr(&output).contains("1 of 3 files failed"), "{}", stderr(&output));
    let done = folder.names("out");
    assert_eq!(done.len(), 6, "{done:?}");
}

#[test]
fn two_inputs_of_one_name_are_refused_before_anything_is_written() {
    let folder = Folder::new();
    folder.write("in/a.flac", FLAC);
    folder.write("in/sub/a.flac", FLAC);
    assert_fails(&transcribe(&folder, &folder.text("in")), 2, &["a.flac", "different folders"]);
    assert!(!folder.path("out").exists());
}

#[test]
fn foreign_and_truncated_weights_are_refused() {
    let folder = Folder::new();
    let audio = folder.write("a.flac", FLAC);
    let shipped =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("models/onsets_frames_maps.safetensors");
    let weights = fs::read(shipped).unwrap();
    let truncated = folder.write("truncated.safetensors", &weights[..weights.len() / 2]);
    // The same bytes under a description of another network.
    let text = br#"\"conv_channels\":"#;
    let at = weights.windows(text.len()).position(|w| w == text).unwrap() + text.len();
    let mut other = weights;
    other[at] = if other[at] == b'9' { b'8' } else { other[at] + 1 };
    let foreign = folder.write("foreign.safetensors", other);
    for (file, texts) in [
        (truncated, ["truncated.safetensors", "copy or download it again"]),
        (foreign, ["foreign.safetensors", "another architecture"]),
        (folder.text("none.safetensors"), ["none.safetensors", "cannot read"]),
        (audio.clone(), ["a.flac", "not a complete safetensors file"]),
    ] {
        let output = run(&["transcribe", &audio, "--out", &folder.text("out"), "--weights", &file]);
        assert_fails(&output, 3, &texts);
    }
    assert!(!folder.path("out").exists());
}

#[test]
fn an_output_folder_that_cannot_be_written_is_named() {
    let folder = Folder::new();
    let audio = folder.write("a.flac", FLAC);
    // A file is in the way: even the superuser cannot make that folder.
    let blocked = folder.write("blocked", "x");
    let output = run(&["transcribe", &audio, "--out", &format!("{blocked}/out")]);
    assert_fails(&output, 3, &["blocked"]);
    let output = run(&["--steps", "1", "--out", &blocked]);
    assert_fails(&output, 3, &["blocked", "another folder"]);
}

/// A limit on the size of files stands in for a full disk: writing fails half-way.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_nothing_half_written() {
    let folder = Folder::new();
    let audio = folder.write("a.flac", FLAC);
    let program = program(NAME);
    let output = Command::new("bash")
        .args(["-c", r#"trap "" XFSZ; ulimit -f 1; exec "$0" transcribe "$1" --out "$2" --quiet"#])
        .arg(program.get_program())
        .args([&audio, &folder.text("out")])
        .output()
        .unwrap();
    assert_fails(&output, 3, &["a.png"]);
    let left = folder.names("out");
    assert!(left.iter().all(|name| name == "a.mid" || name == "a.tsv"), "{left:?}");
}

#[test]
fn a_graphics_card_that_is_not_there_is_an_error() {
    let folder = Folder::new();
    let audio = folder.write("a.flac", FLAC);
    let output = run(&["transcribe", &audio, "--out", &folder.text("out"), "--device", "cuda:63"]);
    assert_fails(&output, 2, &["cuda:63"]);
    let output = run(&["transcribe", &audio, "--out", &folder.text("out"), "--device", "gpu"]);
    assert_fails(&output, 2, &["auto, cpu, cuda"]);
}

#[test]
fn a_mistyped_setting_is_refused_with_the_nearest_name() {
    let folder = Folder::new();
    let out = folder.text("out");
    for (set, texts) in [
        ("train.stepz=3", ["stepz", "did you mean 'steps'"]),
        ("model.conv_dropout=1.5", ["conv_dropout", "below 1"]),
        ("train", ["train", "A.B=C"]),
    ] {
        assert_fails(&run(&["--out", &out, "--set", set]), 2, &texts);
    }
    let file = folder.write("bad.toml", "[train]\nsteps = \"many\"\n");
    assert_fails(&run(&["--out", &out, "--config", &file]), 2, &["bad.toml", "steps"]);
    assert_fails(&run(&["--out", &out, "--config", "none.toml"]), 2, &["none.toml"]);
    assert!(!folder.path("out").exists());
}

/// A data set in the layout of MAPS with two training pieces on two pianos and one test piece.
pub(super) fn maps(folder: &Folder) -> String {
    let name = |piece: &str, piano: &str| format!("MAPS_MUS-{piece}_{piano}");
    for (stem, key) in [
        (name("study_one", "AkPnBcht"), 60),
        (name("study_two", "AkPnBcht"), 62),
        (name("study_three", "AkPnBsdf"), 64),
        (name("alb_se2", "ENSTDkCl"), 65),
    ] {
        let text = format!(
            "# onset,offset,note,velocity\n0.5\t1.5\t{key}\t80\n1.5\t2.5\t{}\t60\n",
            key + 4
        );
        folder.write(&format!("maps/tsv/matched/{stem}.tsv"), &text);
        let notes = formats::parse_notes(&text, Path::new("x")).unwrap();
        let audio = piano::render(
            &Performance::from(notes),
            &PianoConfig::grand(),
            SampleRate::HZ_16000,
            1,
        )
        .unwrap();
        fs::create_dir_all(folder.path("maps/flac")).unwrap();
        write_wav(folder.path(&format!("maps/flac/{stem}.wav")), &audio, WavFormat::Int16).unwrap();
    }
    folder.text("maps")
}

pub(super) fn train_maps(folder: &Folder, extra: &[&str]) -> Output {
    let (root, out, cache) = (folder.text("maps"), folder.text("run"), folder.text("cache"));
    let mut arguments = vec![
        "train",
        "--data",
        "maps",
        "--root",
        &root,
        "--cache",
        &cache,
        "--device",
        "cpu",
        "--set",
        "model.conv_channels=2",
        "--set",
        "model.fc_units=8",
        "--set",
        "model.lstm_units=4",
    ];
    if !extra.contains(&"--resume") {
        arguments.extend(["--out", &out]);
    }
    arguments.extend(extra);
    run(&arguments)
}

#[test]
fn a_training_goes_on_from_weights_with_the_validation_recordings() {
    let folder = Folder::new();
    maps(&folder);
    assert_done(&train_maps(&folder, &["--steps", "2"]));
    fs::rename(folder.path("run"), folder.path("first")).unwrap();
    let first = folder.text("first/model.safetensors");
    let all = ["--steps", "1", "--set", "maps.validation_piano=none"];
    assert_fails(&train_maps(&folder, &all), 2, &["--init"]);
    let second = train_maps(&folder, &[&all[..], &["--init", &first]].concat());
    assert_done(&second);
    assert!(stderr(&second).contains("train: 3 recordings"), "{}", stderr(&second));
    let decoder = |run: &str| {
        let path = folder.path(&format!("{run}/model.safetensors"));
        let model = TranscriptionModel::open(&path, Device::Cpu).unwrap();
        (model.meta().decoder.clone(), model.meta().roll_threshold, model.meta().step)
    };
    let (first, second) = (decoder("first"), decoder("run"));
    assert_eq!((first.0, first.1), (second.0, second.1), "the decoder is kept");
    assert_eq!((first.2, second.2), (2, 1));
}

#[test]
fn labels_that_are_wrong_are_named_with_their_line() {
    let folder = Folder::new();
    maps(&folder);
    let labels = "maps/tsv/matched/MAPS_MUS-study_one_AkPnBcht.tsv";
    for (row, texts) in [
        ("0.5\tabc\t60\t80", vec!["line 2", "offset", "abc"]),
        ("0.5\t1.0\t200\t80", vec!["line 2", "note", "200"]),
        ("0.5\t1.0", vec!["line 2", "note"]),
        ("99.5\t100.0\t60\t80", vec!["99.5"]),
    ] {
        folder.write(labels, format!("# onset,offset,note,velocity\n{row}\n"));
        let output = train_maps(&folder, &["--steps", "1"]);
        let mut all = vec!["MAPS_MUS-study_one_AkPnBcht"];
        all.extend(texts);
        assert_fails(&output, 3, &all);
    }
    fs::remove_file(folder.path(labels)).unwrap();
    let output = train_maps(&folder, &["--steps", "1"]);
    assert_fails(&output, 3, &["MAPS_MUS-study_one_AkPnBcht"]);
    assert!(!folder.path("run").exists());
}

#[test]
fn a_data_folder_without_data_is_named() {
    let folder = Folder::new();
    fs::create_dir(folder.path("maps")).unwrap();
    assert_fails(&train_maps(&folder, &["--steps", "1"]), 3, &["maps"]);
    let output = run(&["train", "--data", "maps", "--out", &folder.text("run")]);
    assert_fails(&output, 2, &["--root"]);
    assert!(!folder.path("run").exists());
}

#[test]
fn a_training_leaves_a_complete_run_folder() {
    let folder = Folder::new();
    maps(&folder);
    let json = folder.text("result.json");
    let output = train_maps(&folder, &["--steps", "3", "--json", &json]);
    assert!(output.status.success(), "{}", stderr(&output));
    let names = folder.names("run");
    for name in [
        "checkpoints",
        "config.toml",
        "metrics.jsonl",
        "model.safetensors",
        "results.json",
        "run.json",
        "test",
    ] {
        assert!(names.iter().any(|n| n == name), "{name} is not among {names:?}");
    }
    assert!(names.iter().any(|n| n.starts_with("events.out.tfevents.")), "{names:?}");
    let piece = "MAPS_MUS-alb_se2_ENSTDkCl";
    let expected = ["est.tsv", "mid", "png", "ref.tsv", "wav"].map(|e| format!("{piece}.{e}"));
    assert_eq!(folder.names("run/test"), expected);
    let result: serde_json::Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    for key in [
        "note_f1",
        "note_with_offset_f1",
        "frame_f1",
        "onset_f1",
        "seconds",
        "audio_seconds_per_second",
    ] {
        assert!(result[key].is_number(), "{key} in {result}");
    }
    assert_eq!(result["steps"], 3);
    assert_eq!(result["run_dir"], folder.text("run"));

    let again = train_maps(&folder, &["--steps", "3"]);
    assert_fails(&again, 3, &["--resume", "--force"]);
    let forced = train_maps(&folder, &["--steps", "1", "--force"]);
    assert!(forced.status.success(), "{}", stderr(&forced));
}

#[cfg(unix)]
#[test]
fn an_interrupt_writes_a_checkpoint_and_the_run_goes_on_from_it() {
    let folder = Folder::new();
    let (root, out, cache) = (maps(&folder), folder.text("run"), folder.text("cache"));
    let mut child = program(NAME)
        .args(["train", "--data", "maps", "--root", &root, "--cache", &cache, "--out", &out])
        .args(["--steps", "120", "--set", "train.validate_every=1000", "--quiet"])
        .args(["--set", "loader.window.frames=40", "--set", "loader.batch_size=2"])
        .args(["--set", "train.checkpoint_every=1000", "--set", "train.log_every=1"])
        .args(["--set", "model.conv_channels=2", "--set", "model.fc_units=8"])
        .args(["--set", "model.lstm_units=4", "--device", "cpu"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Training has begun once its metrics have reached the disk.
    let metrics = folder.path("run/metrics.jsonl");
    let begun = Instant::now();
    while fs::metadata(&metrics).map_or(0, |m| m.len()) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(600), "training does not begin");
        assert!(child.try_wait().unwrap().is_none(), "training ended by itself");
        thread::sleep(Duration::from_millis(20));
    }
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let output = child.wait_with_output().unwrap();
    assert_fails(&output, 130, &["--resume"]);
    let checkpoints = folder.names("run/checkpoints");
    assert_eq!(checkpoints.len(), 1, "{checkpoints:?}");
    let step: u64 = checkpoints[0].strip_prefix("step-").unwrap().parse().unwrap();
    assert!(step > 0 && step < 120, "{step}");

    let resume = ["train", "--data", "maps", "--root", &root, "--cache", &cache, "--resume", &out];
    let resumed = program(NAME).args(resume).args(["--device", "cpu"]).output().unwrap();
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    assert_eq!(folder.names("run/checkpoints").last().unwrap(), "step-000000120");
    // Every step was logged once, whatever was done twice.
    let text = fs::read_to_string(&metrics).unwrap();
    let logged: Vec<u64> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|line| line["name"] == "loss")
        .map(|line| line["step"].as_u64().unwrap())
        .collect();
    assert_eq!(logged, (1..=120).collect::<Vec<_>>());
}

#[test]
fn networks_are_compared_with_each_other_and_with_logs() {
    let folder = Folder::new();
    let root = maps(&folder);
    let log =
        "metri\nc/loss/frame_loss : 0.1\nmetric/note/f1 : 0.25\n 10%|#|metric/note/f1 : 0.5\n";
    folder.write("logs/onf_log.txt", log);
    let out = folder.text("compare");
    let run_compare = |logs: &str, extra: &[&str]| {
        let (cache, sizes) = (folder.text("cache"), ["--cnn_unit", "2", "--fc-unit", "4"]);
        let mut arguments = vec!["compare", "--data", "maps", "--root", &root, "--cache", &cache];
        arguments.extend(["--models", "rnn,onf", "--steps", "2", "--device", "cpu"]);
        arguments.extend(["--set", "loader.batch_size=1", "--set", "train.validate_every=1"]);
        arguments.extend(sizes);
        arguments.extend(["--reference-logs", logs, "--out", &out]);
        arguments.extend(extra);
        run(&arguments)
    };
    assert_fails(&run_compare(&folder.text("maps"), &[]), 3, &["maps", "onf_log.txt"]);
    assert!(!folder.path("compare").exists());
    let output = run_compare(&folder.text("logs"), &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    for model in ["rnn", "onf"] {
        let metrics = fs::read_to_string(folder.path(&format!("compare/{model}/metrics.jsonl")));
        assert_eq!(metrics.unwrap().matches("metric/note-with-offsets/f1").count(), 2, "{model}");
    }
    let table = fs::read_to_string(folder.path("compare/compare.json")).unwrap();
    let table: serde_json::Value = serde_json::from_str(&table).unwrap();
    assert_eq!((&table[0]["model"], &table[1]["model"]), (&"rnn".into(), &"onf".into()));
    assert!(table[0]["note_f1"].is_number() && table[0]["frame_f1"].is_number());
    let picture = fs::read_to_string(folder.path("compare/note_f1.svg")).unwrap();
    for name in ["rnn", "onf", "onf, log"] {
        assert!(picture.contains(&format!(">{name}<")), "{name} is not in the legend");
    }
    let pictures = folder.names("compare").into_iter().filter(|n| n.ends_with(".png"));
    assert_eq!(pictures.count(), 3);
    // What is there is not trained over.
    assert_fails(&run_compare(&folder.text("logs"), &[]), 3, &["rnn"]);
}

#[test]
fn checkpoints_that_do_not_fit_are_refused() {
    let folder = Folder::new();
    let out = folder.text("weights.safetensors");
    let shipped =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("models/onsets_frames_maps.safetensors");
    let shipped = shipped.to_str().unwrap();
    let convert = |input: &str, model: &str| {
        run(&["convert-checkpoint", input, "--model", model, "--out", &out])
    };
    assert_fails(&convert(shipped, "jongwook"), 3, &["another architecture", "missing"]);
    assert_fails(&convert(shipped, "small"), 2, &["'small'", "jongwook"]);
    assert_fails(&convert(shipped, "kelz"), 2, &["kelz", "cnn"]);
    assert_fails(&convert(&folder.text("none.pt"), "cnn"), 3, &["none.pt", "cannot read"]);
    assert!(!folder.path("weights.safetensors").exists());
}
