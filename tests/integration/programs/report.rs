//! The error analysis that `onsets_frames` writes: one page that is whole, needs nothing else, and says what the
//! other files say.

use std::{fs, path::Path, process::Output};

use mir_testkit::html::{Element, data_of, elements};
use serde_json::Value;

use super::{Folder, assert_done, assert_fails, onsets_frames, program};

const SECTIONS: [&str; 8] =
    ["run", "scores", "training", "thresholds", "mistakes", "confusions", "qualities", "passages"];

/// The elements of a page, if it is whole and no address leads out of it.
fn page(path: &Path) -> Vec<Element> {
    let text = fs::read_to_string(path).unwrap();
    let all = elements(&text);
    let sections: Vec<_> =
        all.iter().filter(|e| e.name == "section").filter_map(|e| e.attribute("id")).collect();
    assert_eq!(sections, SECTIONS);
    for element in &all {
        let address = element.attribute("src").or(element.attribute("href"));
        let inside = |a: &str| a.starts_with('#') || a.starts_with("data:");
        assert!(address.is_none_or(inside), "{element:?}");
        assert!(!["script", "link", "iframe"].contains(&element.name.as_str()), "{element:?}");
    }
    assert!(!text.contains("url(") && !text.contains("@import"));
    all
}

/// The numbers of the table of scores: pieces, then means.
fn scores(page: &[Element]) -> Vec<f64> {
    let values = page.iter().filter(|e| e.name == "data" && e.section == "scores");
    values.map(|e| e.attribute("value").unwrap().parse().unwrap()).collect()
}

/// The same from the numbers that the program writes for other programs.
fn expected(result: &Value) -> Vec<f64> {
    let names = [
        "note_precision",
        "note_recall",
        "note_f1",
        "note_with_offset_f1",
        "note_with_offset_and_velocity_f1",
        "frame_f1",
        "frame_head_f1",
        "onset_f1",
    ];
    let pieces = result["pieces"].as_array().unwrap();
    let rows: Vec<Vec<f64>> = (pieces.iter())
        .map(|piece| names.iter().filter_map(|name| piece[name].as_f64()).collect())
        .collect();
    let mean = |column: usize| rows.iter().map(|r| r[column]).sum::<f64>() / rows.len() as f64;
    let means: Vec<f64> = (0..rows[0].len()).map(mean).collect();
    rows.concat().into_iter().chain(means).collect()
}

#[track_caller]
fn assert_same_numbers(page: &[Element], json: &Path) {
    let result: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    let (found, expected) = (scores(page), expected(&result));
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(&expected) {
        assert!((a - b).abs() < 1e-12, "{found:?} instead of {expected:?}");
    }
}

fn evaluate(folder: &Folder, extra: &[&str]) -> Output {
    let (root, json) = (folder.text("maps"), folder.text("scores.json"));
    let arguments = ["evaluate", "--data", "maps", "--root", &root, "--json", &json];
    super::run(program("onsets_frames").args(arguments).args(["--device", "cpu"]).args(extra))
}

#[test]
fn a_training_ends_with_a_page() {
    let folder = Folder::new();
    onsets_frames::maps(&folder);
    assert_done(&onsets_frames::train_maps(&folder, &["--steps", "3"]));
    let all = page(&folder.path("run/report.html"));
    assert_same_numbers(&all, &folder.path("run/results.json"));
    let curves = all.iter().filter(|e| e.name == "svg" && e.section == "training").count();
    assert_eq!(curves, 2, "losses and scores");
    let says = |text: &str| all.iter().any(|e| e.section == "run" && e.text.contains(text));
    assert!(says("model.safetensors") && says("3 steps") && says("conv_channels = 2"));
}

#[test]
fn an_evaluation_writes_a_page_when_asked() {
    let folder = Folder::new();
    onsets_frames::maps(&folder);
    // The test piece is said to hold a note that nobody hears: a passage with a mistake.
    let labels = "maps/tsv/matched/MAPS_MUS-alb_se2_ENSTDkCl.tsv";
    let mut text = fs::read_to_string(folder.path(labels)).unwrap();
    for onset in ["0.2", "0.4", "0.9", "1.1", "1.9", "2.1"] {
        text += &format!("{onset}\t2.6\t100\t20\n");
    }
    folder.write(labels, text);
    let report = folder.text("pages/report.html");
    fs::create_dir(folder.path("pages")).unwrap();
    assert_done(&evaluate(&folder, &["--report", &report]));
    let all = page(Path::new(&report));
    assert_same_numbers(&all, &folder.path("scores.json"));
    assert_eq!(folder.names("pages"), ["report.html"]);

    let sounds: Vec<&Element> = all.iter().filter(|e| e.name == "audio").collect();
    let labels: Vec<_> = sounds.iter().filter_map(|e| e.attribute("aria-label")).collect();
    assert_eq!(labels, ["Recording", "Estimate, played by the built-in piano"]);
    for sound in sounds {
        let (media, bytes) = data_of(sound.attribute("src").unwrap()).unwrap();
        assert_eq!(media, "audio/flac");
        let options = mir_audio::LoadOptions::default();
        let (audio, _) = mir_audio::load_bytes(bytes, "sound.flac", &options).unwrap();
        assert_eq!((audio.sample_rate().hz(), audio.channels()), (16_000, 1));
        assert!(audio.duration() > 1.0 && audio.peak() > 0.01, "{} s", audio.duration());
    }
    let pictures =
        |section: &str| all.iter().filter(|e| e.name == "svg" && e.section == section).count();
    assert_eq!(SECTIONS.map(pictures), [0, 0, 0, 1, 1, 0, 4, 1]);
}

#[test]
fn a_peak_picker_has_a_page_and_a_place_that_cannot_be_written_is_named() {
    let folder = Folder::new();
    onsets_frames::maps(&folder);
    let blocked = folder.write("blocked", "x");
    let failed = evaluate(&folder, &["--peak-picker", "--report", &format!("{blocked}/a.html")]);
    assert_fails(&failed, 3, &["blocked"]);
    let report = folder.text("peaks.html");
    assert_done(&evaluate(&folder, &["--peak-picker", "--report", &report]));
    let all = page(Path::new(&report));
    assert_same_numbers(&all, &folder.path("scores.json"));
    assert!(all.iter().any(|e| e.section == "run" && e.text.contains("peak picker")));
}
