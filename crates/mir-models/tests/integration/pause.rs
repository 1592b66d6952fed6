//! A training pauses on request, shows its state, and goes on as if nothing had happened.

use std::{
    fs,
    path::Path,
    sync::atomic::AtomicBool,
    thread,
    time::{Duration, Instant},
};

use mir_models::train::{FitEnd, Snapshot, StopReason, latest_checkpoint};

use super::{
    training::{model_bytes, toy, train_config, trainer},
    trouble::{Script, run},
};

fn script<'a>(folder: &Path) -> Script<'a> {
    Script { folder: Some(folder.to_owned()), ..Script::default() }
}

fn snapshot(folder: &Path, step: u64) -> Snapshot {
    let path = folder.join(format!("snapshots/step-{step:09}/snapshot.json"));
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_paused_training_waits_for_its_file_and_ends_like_any_other() {
    tch::set_num_threads(1);
    let undisturbed = tempfile::tempdir().unwrap();
    run(&mut trainer(train_config(12)), &mut toy(), undisturbed.path(), &mut Script::default())
        .unwrap();

    let folder = tempfile::tempdir().unwrap();
    let request = folder.path().join("pause.json");
    fs::write(&request, r#"{ "step_gt": 7, "metric": { "name": "loss", "below": 0 } }"#).unwrap();
    let mut script = script(folder.path());
    let end = thread::scope(|scope| {
        scope.spawn(|| {
            let shown = folder.path().join("snapshots/step-000000007");
            let begun = Instant::now();
            while !shown.exists() {
                assert!(begun.elapsed() < Duration::from_secs(300), "it does not pause");
                thread::sleep(Duration::from_millis(10));
            }
            // The training stands still as long as the condition holds.
            thread::sleep(Duration::from_millis(500));
            assert!(!folder.path().join("step-000000012").exists());
            fs::write(&request, r#"{ "command": "resume" }"#).unwrap();
        });
        run(&mut trainer(train_config(12)), &mut toy(), folder.path(), &mut script).unwrap()
    });
    assert_eq!(end, FitEnd::Finished);
    assert_eq!(script.pauses, ["step 7 >= 7"]);
    assert!(model_bytes(folder.path()) == model_bytes(undisturbed.path()), "other weights");

    let shown = snapshot(folder.path(), 7);
    assert_eq!((shown.step, shown.checkpoint.as_str()), (7, "step-000000007"));
    for name in ["loss", "loss/onset", "gradient_norm", "rate", "validation"] {
        assert!(shown.metrics.contains_key(name), "{name} in {:?}", shown.metrics);
    }
    let weight = &shown.weights["onset_stack.0.cnn.3.weight"];
    assert!(weight.count == 4 * 4 * 9 && weight.deviation > 0.0);
    assert!(shown.gradients["onset_stack.0.cnn.3.weight"].norm > 0.0);
    let layers: Vec<_> = shown.activations.iter().map(|output| output.layer.as_str()).collect();
    assert_eq!(layers[..3], ["input_norm", "onset_stack.0.cnn.0", "onset_stack.0.cnn.1"]);
    assert!(layers.contains(&"combined_stack.0.rnn"));
    for file in ["batch.safetensors", "outputs.safetensors"] {
        assert!(folder.path().join("snapshots/step-000000007").join(file).exists());
    }
}

#[test]
fn a_training_can_be_told_to_quit_or_to_show_its_state_without_a_pause() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = trainer(train_config(12));
    fs::write(folder.path().join("pause.json"), r#"{ "command": "quit" }"#).unwrap();
    let end = run(&mut first, &mut toy(), folder.path(), &mut script(folder.path())).unwrap();
    assert_eq!((end, first.step_count()), (FitEnd::Stopped(StopReason::Requested), 1));
    assert!(latest_checkpoint(folder.path()).unwrap().ends_with("step-000000001"));

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("pause.json"), r#"{ "command": "snapshot" }"#).unwrap();
    let mut observer = script(folder.path());
    let mut second = trainer(train_config(6));
    let end = run(&mut second, &mut toy(), folder.path(), &mut observer).unwrap();
    assert_eq!((end, observer.pauses.len()), (FitEnd::Finished, 0));
    assert_eq!(snapshot(folder.path(), 1).reason, "asked for");
    assert_eq!(fs::read_dir(folder.path().join("snapshots")).unwrap().count(), 1);
}

#[test]
fn a_signal_ends_a_pause() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("pause.json"), r#"{ "step_every": 3 }"#).unwrap();
    let flag = AtomicBool::new(false);
    let mut observer = Script { stop_at_pause: Some(&flag), ..script(folder.path()) };
    let mut stopped = trainer(train_config(12));
    let end = run(&mut stopped, &mut toy(), folder.path(), &mut observer).unwrap();
    assert_eq!((end, stopped.step_count()), (FitEnd::Interrupted, 3));
    assert_eq!(observer.pauses, ["step 3 is a multiple of 3"]);
}
