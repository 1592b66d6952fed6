//! Files appear complete or not at all.

use std::{fs, io::Write};

use mir_core::publish::{self, AtomicFile};

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
