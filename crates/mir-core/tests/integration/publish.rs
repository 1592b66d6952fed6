//! Files appear complete or not at all.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use mir_core::publish::{
    self, AtomicFile,
    fault::{self, Fault, Operation},
};

#[test]
fn a_file_appears_at_commit_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.tsv");
    publish::write(&path, b"old").unwrap();
    let mut file = AtomicFile::create(&path).unwrap();
    file.write_all(b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    file.commit().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_abandoned_file_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = AtomicFile::create(folder.path().join("a")).unwrap();
    file.write_all(b"half").unwrap();
    drop(file);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_missing_folder_is_an_error_with_the_path() {
    let error = publish::write("no/such/folder/a.tsv", b"").unwrap_err();
    assert!(matches!(&error, mir_core::Error::Io { path, .. } if path.ends_with("a.tsv")));
}

/// Counts the operations of a piece of work; `fault` happens at the one numbered `at` and at all later ones.
fn disturbed<R>(
    at: usize,
    fault: Option<Fault>,
    work: impl FnOnce() -> R,
) -> (R, Vec<(Operation, PathBuf)>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let hook = move |operation, path: &Path| {
        let mut log = log.lock().unwrap();
        log.push((operation, path.to_owned()));
        fault.filter(|_| log.len() > at)
    };
    let result = fault::with(hook, work);
    let seen = seen.lock().unwrap().clone();
    (result, seen)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_is_old_or_new_wherever_the_disk_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.tsv");
    let (_, operations) = disturbed(0, None, || publish::write(&path, b"old"));
    let kinds: Vec<_> = operations.iter().map(|(operation, _)| *operation).collect();
    use Operation::{Create, Rename, Sync, Write};
    assert_eq!(kinds, [Create, Write, Sync, Rename, Sync]);
    for at in 0..operations.len() {
        let new = format!("new {at}");
        let before = fs::read(&path).unwrap();
        let (result, _) =
            disturbed(at, Some(Fault::NoSpace), || publish::write(&path, new.as_bytes()));
        let renamed = at > 3;
        assert_eq!(result.is_ok(), renamed, "{at}");
        let expected = if renamed { new.as_bytes() } else { &before };
        assert_eq!(fs::read(&path).unwrap(), expected, "{at}");
        assert_eq!(names(folder.path()), ["notes.tsv"], "{at}");
    }
}

#[test]
fn a_folder_is_old_or_new_wherever_the_disk_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let content =
        |path: &Path| (fs::read(path.join("a")).unwrap(), fs::read(path.join("b")).unwrap());
    publish::write_folder(&path, &[("a", b"old"), ("b", b"old")]).unwrap();
    let write = |text: &[u8]| publish::write_folder(&path, &[("a", text), ("b", text)]);
    let (_, operations) = disturbed(0, None, || write(b"old"));
    assert!(operations.len() > 10, "{operations:?}");
    for at in 0..operations.len() {
        let before = content(&path);
        let new = format!("new {at}").into_bytes();
        let (result, _) = disturbed(at, Some(Fault::NoSpace), || write(&new));
        let expected = if result.is_ok() { (new.clone(), new) } else { before };
        assert_eq!(content(&path), expected, "{at}");
        publish::recover_folders(folder.path());
        assert_eq!(names(folder.path()), ["model"], "{at}");
    }
    let (renamed, _) = disturbed(operations.len() - 1, Some(Fault::NoSpace), || write(b"x"));
    assert!(renamed.is_ok(), "the last operation only clears up");
}

#[test]
fn what_a_crash_left_is_cleared_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in [".tmp-1-2-a", ".old-a", "b", ".old-b", "c"] {
        fs::create_dir(path(name)).unwrap();
        fs::write(path(name).join("from"), name).unwrap();
    }
    publish::recover_folders(folder.path());
    assert_eq!(names(folder.path()), ["a", "b", "c"]);
    assert_eq!(fs::read(path("a").join("from")).unwrap(), b".old-a");
    assert_eq!(fs::read(path("b").join("from")).unwrap(), b"b");
    publish::recover_folders(path("none"));
}

#[test]
fn a_hook_is_handed_on_to_a_thread_and_ends_with_its_work() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let written = fault::with(
        |_, _| Some(Fault::NoSpace),
        || {
            let hook = fault::current();
            let work = || fault::with_hook(hook, || publish::write(&path, b"x"));
            std::thread::scope(|scope| scope.spawn(work).join().unwrap())
        },
    );
    assert!(written.is_err());
    publish::write(&path, b"x").unwrap();
}

#[test]
fn what_carries_its_own_checksum_need_not_wait_for_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.part");
    publish::write(&path, b"old").unwrap();
    let work = || {
        let mut file = AtomicFile::create(&path)?;
        file.write_all(b"new").unwrap();
        file.commit_unsynced()
    };
    let (result, all) = disturbed(0, None, work);
    result.unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    let operations: Vec<Operation> = all.iter().map(|(operation, _)| *operation).collect();
    assert_eq!(operations, [Operation::Create, Operation::Write, Operation::Rename]);
    for (at, operation) in operations.iter().enumerate() {
        let (result, _) = disturbed(at, Some(Fault::NoSpace), work);
        assert!(result.is_err(), "{operation}");
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["a.part"]);
    }
}
