//! Builds that are killed, that run out of disk, and that meet: what do they leave?
//!
//! Each build runs in a process of its own: this test binary, told by an environment variable to be the
//! builder of a folder.

use std::{
    env,
    ffi::OsString,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use mir_core::Note;
use mir_datasets::{
    BuildOptions, FeatureStore, Hdf5Store, Split,
    cache::{self, EntryKind},
};
use mir_testkit::signal::Random;
use tempfile::TempDir;

use crate::support::{SineSet, builder, names};

/// Names the folder that the process builds into.
const FOLDER: &str = "MIR_TEST_BUILD_INTO";
/// Number of kills.
const KILLS: &str = "MIR_KILLS";

fn recordings() -> SineSet {
    SineSet::new(24)
}

/// Builds, if this process was started for that. True where it was; the caller returns then.
fn is_builder() -> bool {
    let Some(folder) = env::var_os(FOLDER) else { return false };
    let options = BuildOptions { threads: 2, ..BuildOptions::default() };
    if let Err(error) = builder().build_or_open(folder, &recordings(), Split::Train, options) {
        println!("refused: {error:?}");
        std::process::exit(3);
    }
    true
}

/// A process that builds into `folder`, by way of the calling test.
fn start(test: &str, folder: &Path) -> Child {
    command(env::current_exe().unwrap().into(), &[], test, folder)
}

fn command(program: OsString, before: &[OsString], test: &str, folder: &Path) -> Child {
    Command::new(program)
        .args(before)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What a build leaves that nothing happens to: the name of the store and its bytes.
fn undisturbed() -> (String, Vec<u8>) {
    let folder = TempDir::new().unwrap();
    let options = BuildOptions::default();
    builder().build_or_open(folder.path(), &recordings(), Split::Train, options).unwrap();
    let [name] = &names(folder.path())[..] else { panic!("one file") };
    (name.clone(), fs::read(folder.path().join(name)).unwrap())
}

/// Builds to the end in this process, and compares. Gives the number of tracks that were taken over.
fn resume(folder: &Path, expected: &(String, Vec<u8>)) -> usize {
    let options = BuildOptions::default();
    let built = builder().build_or_open(folder, &recordings(), Split::Train, options).unwrap();
    assert_eq!(names(folder), [expected.0.as_str()], "something else is left");
    let bytes = fs::read(folder.join(&expected.0)).unwrap();
    assert!(bytes == expected.1, "the resumed store has other bytes");
    built.resumed
}

/// All that a reader gets out of a store.
fn content(store: &Hdf5Store) -> impl PartialEq + use<> {
    let (header, tracks) = (store.header().clone(), store.tracks().to_vec());
    let notes: Vec<Vec<Note>> =
        (0..tracks.len()).map(|track| store.notes(track).to_vec()).collect();
    let values = |track: usize| {
        let frames = tracks[track].frames;
        let mut values = vec![0.0; header.channels * frames * header.bins];
        store.read_into(track, 0..frames, &mut values).unwrap();
        values
    };
    let values: Vec<Vec<f32>> = (0..tracks.len()).map(values).collect();
    (header, tracks, notes, values)
}

/// No file that a reader accepts is other than the right store.
fn check_remains(folder: &Path, expected: &(String, Vec<u8>)) {
    for entry in cache::entries(folder).unwrap() {
        if let EntryKind::Store(_) = entry.kind {
            assert!(fs::read(&entry.path).unwrap() == expected.1);
        }
        // A file under its temporary name is no store yet, or the whole store just before it is renamed. Until it is
        // closed, its twelfth byte says that somebody writes to it.
        if entry.kind == EntryKind::Unfinished
            && let Ok(store) = Hdf5Store::open(&entry.path)
        {
            let whole = folder.join("expected.h5");
            fs::write(&whole, &expected.1).unwrap();
            assert!(content(&store) == content(&Hdf5Store::open(&whole).unwrap()));
            fs::remove_file(whole).unwrap();
        }
    }
}

#[test]
fn a_store_resumed_after_any_kill_has_the_same_bytes() {
    if is_builder() {
        return;
    }
    let test = "crash::a_store_resumed_after_any_kill_has_the_same_bytes";
    let kills: u32 = env::var(KILLS).map_or(10, |kills| kills.parse().unwrap());
    let expected = undisturbed();
    let folder = TempDir::new().unwrap();
    let begin = Instant::now();
    assert!(start(test, folder.path()).wait().unwrap().success());
    let whole = begin.elapsed();
    assert_eq!(names(folder.path()), [expected.0.as_str()]);

    let mut random = Random::new(5);
    let (mut resumed, mut cut_short) = (0, 0);
    for _ in 0..kills {
        let folder = TempDir::new().unwrap();
        let mut child = start(test, folder.path());
        thread::sleep(whole.mul_f64(random.uniform()));
        child.kill().unwrap();
        child.wait().unwrap();
        check_remains(folder.path(), &expected);
        cut_short += u32::from(!folder.path().join(&expected.0).exists());
        resumed += resume(folder.path(), &expected);
    }
    println!("{kills} kills, {cut_short} before the store was there, {resumed} tracks taken over");
    // The moments spread over the whole time of a build: they cannot all come too late.
    assert!(cut_short > 0);
}

#[test]
fn a_full_disk_leaves_nothing_that_a_reader_accepts() {
    if is_builder() {
        return;
    }
    let test = "crash::a_full_disk_leaves_nothing_that_a_reader_accepts";
    let expected = undisturbed();
    let size = expected.1.len() as u64;
    // The size of a file is limited, and the signal about it ignored, so that writing fails as on a full
    // disk. In blocks of 512 bytes, as POSIX has it.
    for limit in [0, 1, 20, 200, size / 1024, size / 512 - 40, size / 512 - 1] {
        let folder = TempDir::new().unwrap();
        let script = format!("trap '' XFSZ; ulimit -f {limit}; exec \"$@\"");
        let before = ["-c".into(), script.into(), "sh".into(), env::current_exe().unwrap().into()];
        let child = command("sh".into(), &before, test, folder.path());
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(3), "limit {limit}: {text}");
        assert!(text.contains("refused: "), "limit {limit}: {text}");
        check_remains(folder.path(), &expected);
        assert!(!folder.path().join(&expected.0).exists(), "limit {limit}");
        resume(folder.path(), &expected);
    }
}

#[test]
fn processes_that_build_the_same_store_at_once_all_get_it() {
    if is_builder() {
        return;
    }
    let test = "crash::processes_that_build_the_same_store_at_once_all_get_it";
    let expected = undisturbed();
    let mut random = Random::new(6);
    for round in 0..3 {
        let folder = TempDir::new().unwrap();
        let mut builders: Vec<Child> = (0..3)
            .map(|_| {
                thread::sleep(Duration::from_millis(random.below(20) as u64));
                start(test, folder.path())
            })
            .collect();
        // One of them dies: the others go on.
        if round > 0 {
            let mut victim = builders.remove(0);
            thread::sleep(Duration::from_millis(random.below(60) as u64));
            victim.kill().unwrap();
            victim.wait().unwrap();
        }
        for mut builder in builders {
            assert!(builder.wait().unwrap().success());
        }
        assert_eq!(names(folder.path()), [expected.0.as_str()]);
        assert!(fs::read(folder.path().join(&expected.0)).unwrap() == expected.1);
    }
}
