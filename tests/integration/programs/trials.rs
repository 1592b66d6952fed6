//! Trainings that are tried, that end early, that fail and are looked at, as their users see them.

use std::{fs, path::Path, process::Output};

use mir_audio::{WavFormat, write_wav};
use mir_core::{SampleRate, formats};
use mir_midi::{Performance, Score, piano, piano::PianoConfig};

use super::{
    Folder, assert_done, assert_fails,
    onsets_frames::{maps, train_maps},
    program,
};

fn run(arguments: &[&str]) -> Output {
    super::run(program("onsets_frames").args(arguments))
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_dry_run_checks_everything_and_writes_nothing() {
    let folder = Folder::new();
    maps(&folder);
    let output = train_maps(&folder, &["--dry-run"]);
    assert_done(&output);
    let text = stdout(&output);
    for expected in ["test: 1 recordings", "229 bins", "loss/onset", "nothing was written"] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    assert!(!folder.path("run").exists() && !folder.path("cache").exists());

    let output = train_maps(&folder, &["--dry-run-schedule", "--steps", "10"]);
    assert_done(&output);
    assert_eq!(stdout(&output).lines().count(), 11);
    assert!(!folder.path("run").exists());

    // What a training would say, the dry run says.
    let labels = "maps/tsv/matched/MAPS_MUS-study_one_AkPnBcht.tsv";
    folder.write(labels, "# onset,offset,note,velocity\n0.5\tabc\t60\t80\n");
    let output = train_maps(&folder, &["--dry-run"]);
    assert_fails(&output, 3, &["MAPS_MUS-study_one_AkPnBcht", "line 2"]);
}

#[test]
fn a_folder_of_maestro_is_trained_on() {
    let folder = Folder::new();
    let mut table =
        "canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration\n"
            .to_owned();
    for (number, split) in ["train", "validation", "test"].into_iter().enumerate() {
        let stem = format!("2018/study-{number}");
        table += &format!("Nobody,Study {number},{split},2018,{stem}.midi,{stem}.wav,2.0\n");
        fs::create_dir_all(folder.path("maestro/2018")).unwrap();
        let notes = formats::parse_notes("0.5\t1.0\t60\t80\n", Path::new("x")).unwrap();
        let played = Performance::from(notes);
        Score::from_performance(&played)
            .write(folder.path(&format!("maestro/{stem}.midi")))
            .unwrap();
        let sound = piano::render(&played, &PianoConfig::grand(), SampleRate::HZ_16000, 1).unwrap();
        write_wav(folder.path(&format!("maestro/{stem}.wav")), &sound, WavFormat::Int16).unwrap();
    }
    folder.write("maestro/maestro-v3.0.0.csv", table);
    let root = folder.text("maestro");
    let train = ["train", "--data", "maestro", "--dry-run", "--device", "cpu"];
    let small = ["--set", "model.conv_channels=2", "--set", "loader.window.frames=40"];
    let output = run(&[&train[..], &["--root", &root], &small].concat());
    assert_done(&output);
    let text = stdout(&output);
    for split in ["train", "validation", "test"] {
        assert!(text.contains(&format!("{split}: 1 recordings")), "{text}");
    }
    fs::remove_file(folder.path("maestro/2018/study-0.wav")).unwrap();
    let gone = run(&[&train[..], &["--root", &root], &small].concat());
    assert_fails(&gone, 3, &["study-0", "audio file"]);
    assert_fails(&run(&train), 2, &["--root", "maestro-v3.0.0.csv"]);
}

#[test]
fn learning_rates_and_batch_sizes_are_found() {
    let folder = Folder::new();
    let (root, cache) = (maps(&folder), folder.text("cache"));
    let (out, json) = (folder.text("rates"), folder.text("rates.json"));
    let data = ["--data", "maps", "--root", &root, "--cache", &cache, "--device", "cpu"];
    let small = ["--set", "model.conv_channels=2", "--set", "loader.window.frames=40"];
    let output = run(&[
        &["find-lr", "--steps", "12", "--out", &out, "--json", &json][..],
        &data[..],
        &small[..],
    ]
    .concat());
    assert_done(&output);
    assert!(stdout(&output).contains("learning rate") || stdout(&output).contains("falls at none"));
    assert_eq!(folder.names("rates"), ["rates.csv", "rates.png"]);
    let csv = fs::read_to_string(folder.path("rates/rates.csv")).unwrap();
    assert!(csv.lines().count() > 3, "{csv}");
    let found: serde_json::Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert_eq!(found["curve"]["points"].as_array().unwrap().len(), csv.lines().count() - 1);
    let output = run(&[&["find-lr", "--highest", "0"][..], &data[..]].concat());
    assert_fails(&output, 2, &["highest"]);

    let output = run(&[&["find-batch-size", "--most", "4"][..], &data[..], &small[..]].concat());
    assert_done(&output);
    assert_eq!(stdout(&output).lines().count(), 4, "{}", stdout(&output));
}

#[test]
fn a_training_that_gives_no_numbers_fails_with_an_account_that_can_be_replayed() {
    let folder = Folder::new();
    maps(&folder);
    let rate = "train.schedule={ kind = 'constant', rate = 1e30 }";
    let output = train_maps(&folder, &["--steps", "9", "--set", rate]);
    assert_fails(&output, 4, &["not finite", "step"]);
    let incidents = folder.names("run/incidents");
    // Three skips, then no checkpoint to go back to.
    assert_eq!(incidents.len(), 4, "{incidents:?}");
    let run_info = fs::read_to_string(folder.path("run/run.json")).unwrap();
    assert!(run_info.contains("not finite"), "{run_info}");
    let incident = folder.text(&format!("run/incidents/{}", incidents[0]));
    let output = run(&["replay", &incident, "--device", "cpu"]);
    assert_done(&output);
    assert!(stdout(&output).contains("the output of onset_stack"), "{}", stdout(&output));
    assert_fails(&run(&["replay", &folder.text("run")]), 3, &["incident.json"]);
}

#[test]
fn a_training_ends_early_and_quits_on_request() {
    let folder = Folder::new();
    maps(&folder);
    let tolerant = [
        "--set",
        "train.validate_every=2",
        "--set",
        "train.early_stopping.patience=2",
        // No improvement is large enough: the first validation stays the best.
        "--set",
        "train.early_stopping.min_delta=1.0",
        "--set",
        "loader.window.frames=40",
    ];
    let output = train_maps(&folder, &[&["--steps", "50"][..], &tolerant[..]].concat());
    assert_done(&output);
    let info: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path("run/run.json")).unwrap()).unwrap();
    assert_eq!(info["outcome"], "stopped: validation has stopped to improve");
    assert_eq!(folder.names("run/checkpoints").last().unwrap(), "step-000000006");

    let folder = Folder::new();
    let (root, cache, out) = (maps(&folder), folder.text("cache"), folder.text("run"));
    // A run folder that is used again may hold the request already.
    folder.write("run/pause.json", r#"{ "command": "quit" }"#);
    let arguments = ["train", "--data", "maps", "--root", &root, "--cache", &cache, "--out", &out];
    let more = ["--force", "--steps", "50", "--device", "cpu", "--set", "model.conv_channels=2"];
    let output = run(&[&arguments[..], &more[..]].concat());
    assert_done(&output);
    assert!(stdout(&output).contains("stopped at step 1 as asked"), "{}", stdout(&output));
    assert_eq!(folder.names("run/checkpoints"), ["step-000000001"]);
}
