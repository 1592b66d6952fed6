//! Archives: those of the test data, and hostile ones made here.

use std::{
    fs,
    io::{Cursor, Write},
    path::Path,
};

use mir_datasets::{
    Error,
    archive::{ArchiveConfig, NameEncoding, extract},
};
use mir_testkit::test_data;
use tempfile::TempDir;
use zip::{ZipWriter, write::SimpleFileOptions};

fn names(files: &[std::path::PathBuf]) -> Vec<String> {
    files.iter().map(|file| file.to_string_lossy().replace('\\', "/")).collect()
}

#[test]
fn both_zips_with_names_of_other_systems_give_the_right_names() {
    let Some(folder) = test_data("mirdata/archives") else { return };
    let family =
        "utfissue/pic\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466}\u{1f382}.jpg";
    for (archive, benoit, guessed) in [
        // One system decomposes its letters, the other does not.
        ("utfissue.zip", "utfissue/Benoi\u{302}t.txt", 0),
        ("utfissuewin.zip", "utfissue/Beno\u{ee}t.txt", 2),
    ] {
        let target = TempDir::new().unwrap();
        let config = ArchiveConfig::default();
        let found = extract(folder.join(archive), target.path(), &config).unwrap();
        let mut files = names(&found.files);
        files.sort();
        assert_eq!(files, [benoit, "utfissue/Icon\u{f00d}", family], "{archive}");
        assert_eq!(found.renamed.len(), guessed, "{archive}: {:?}", found.renamed);
        assert!(found.skipped > 0);
        for file in &found.files {
            assert!(target.path().join(file).is_file());
        }
        assert_eq!(fs::read(target.path().join(benoit)).unwrap().len(), 4);
        let all = ArchiveConfig { skip_side_files: false, overwrite: true, ..config };
        let found = extract(folder.join(archive), target.path(), &all).unwrap();
        assert!(found.files.len() > 3 && found.skipped == 0);
    }
}

#[test]
fn every_kind_of_archive_is_unpacked() {
    let Some(folder) = test_data("mirdata/archives") else { return };
    for (archive, file) in [
        ("file.zip", "file.txt"),
        ("file.tar.gz", "file/file.txt"),
        ("remote.zip", "remote.wav"),
        ("remote.tar.gz", "remote.wav"),
    ] {
        let target = TempDir::new().unwrap();
        let found = extract(folder.join(archive), target.path(), &Default::default()).unwrap();
        assert_eq!(names(&found.files), [file], "{archive}");
    }
    let target = TempDir::new().unwrap();
    let bzip2 = folder.join("download/acousticbrainz-mediaeval-features-train-01.tar.bz2");
    let found = extract(bzip2, target.path(), &Default::default()).unwrap();
    assert_eq!(
        names(&found.files),
        ["acousticbrainz-mediaeval-train/01/01a0a332-d340-4806-a88b-cb60a05355c0.json"]
    );
}

fn zip_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A tar block for an entry, written from the format's definition.
fn tar_entry(name: &str, kind: u8, content: &[u8]) -> Vec<u8> {
    let mut header = [0u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..108].copy_from_slice(b"0000644\0");
    let size = if kind == b'0' { content.len() } else { 0 };
    header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    header[136..148].copy_from_slice(b"00000000000\0");
    header[148..156].copy_from_slice(b"        ");
    header[156] = kind;
    if kind != b'0' {
        header[157..168].copy_from_slice(b"/etc/passwd");
    }
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut bytes = header.to_vec();
    bytes.extend_from_slice(&content[..size]);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// Whether a folder is as empty as it was.
fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn entries_that_lead_out_of_the_folder_are_refused_and_nothing_is_left() {
    let mut hostile: Vec<(String, Vec<u8>)> = Vec::new();
    for name in ["../x", "a/../../x", "/etc/x", "C:/x", "a\\..\\x"] {
        let entries: [(&str, &[u8]); 2] = [("good.txt", b"good"), (name, b"bad")];
        hostile.push((format!("zip {name}"), zip_of(&entries)));
        let tar =
            [tar_entry("good.txt", b'0', b"good"), tar_entry(name, b'0', b"bad"), vec![0; 1024]];
        hostile.push((format!("tar {name}"), tar.concat()));
    }
    // Hard link, symbolic link, character device, block device, pipe.
    for kind in b"12346" {
        let tar = [tar_entry("good.txt", b'0', b"good"), tar_entry("x", *kind, b""), vec![0; 1024]];
        hostile.push((format!("tar of kind {}", char::from(*kind)), tar.concat()));
    }
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    hostile.push(("zip with a link".to_owned(), zip.finish().unwrap().into_inner()));

    for (case, bytes) in hostile {
        let (outer, target) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let archive = outer.path().join("archive");
        fs::write(&archive, bytes).unwrap();
        match extract(&archive, target.path(), &ArchiveConfig::default()) {
            Err(Error::Archive { .. }) => {}
            other => panic!("{case}: {other:?}"),
        }
        assert!(is_empty(target.path()), "{case}");
    }
}

#[test]
fn an_archive_that_ends_too_early_leaves_nothing() {
    let noise: Vec<u8> =
        (0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let zip = zip_of(&[("a/first.bin", &noise), ("b/second.bin", &noise)]);
    let tar = [tar_entry("a/first.bin", b'0', &noise), tar_entry("b", b'0', &noise), vec![0; 1024]];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar.concat()).unwrap();
    let gzip = gzip.finish().unwrap();
    for (kind, bytes) in [("zip", zip), ("tar.gz", gzip)] {
        for sixteenth in 0..16 {
            let (outer, target) = (TempDir::new().unwrap(), TempDir::new().unwrap());
            let archive = outer.path().join("archive");
            fs::write(&archive, &bytes[..bytes.len() * sixteenth / 16]).unwrap();
            let result = extract(&archive, target.path(), &ArchiveConfig::default());
            assert!(result.is_err(), "{kind} {sixteenth}/16");
            assert!(is_empty(target.path()), "{kind} {sixteenth}/16");
        }
        let (outer, target) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let archive = outer.path().join("archive");
        fs::write(&archive, &bytes).unwrap();
        let found = extract(&archive, target.path(), &ArchiveConfig::default()).unwrap();
        assert_eq!((found.files.len(), found.bytes), (2, 400_000), "{kind}");
        assert_eq!(fs::read(target.path().join("a/first.bin")).unwrap(), noise);
    }
}

#[test]
fn an_archive_that_blows_up_or_replaces_files_is_refused() {
    let (outer, target) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let archive = outer.path().join("bomb.gz");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0u8; 1 << 20];
    for _ in 0..80 {
        gzip.write_all(&zeros).unwrap();
    }
    fs::write(&archive, gzip.finish().unwrap()).unwrap();
    let refused = extract(&archive, target.path(), &ArchiveConfig::default());
    assert!(matches!(refused, Err(Error::Archive { .. })), "{refused:?}");
    assert!(is_empty(target.path()));
    let patient = ArchiveConfig { max_ratio: 1e6, ..ArchiveConfig::default() };
    let found = extract(&archive, target.path(), &patient).unwrap();
    assert_eq!((names(&found.files), found.bytes), (vec!["bomb".to_owned()], 80 << 20));

    let archive = outer.path().join("a.zip");
    fs::write(&archive, zip_of(&[("a", b"1"), ("b", b"2")])).unwrap();
    fs::write(target.path().join("b"), "mine").unwrap();
    let refused = extract(&archive, target.path(), &ArchiveConfig::default());
    assert!(
        matches!(refused, Err(Error::Archive { ref entry, .. }) if entry == "b"),
        "{refused:?}"
    );
    assert_eq!(fs::read(target.path().join("b")).unwrap(), b"mine");
    assert!(!target.path().join("a").exists());
    let replace = ArchiveConfig { overwrite: true, ..ArchiveConfig::default() };
    extract(&archive, target.path(), &replace).unwrap();
    assert_eq!(fs::read(target.path().join("b")).unwrap(), b"2");
    let few = ArchiveConfig { max_entries: 1, overwrite: true, ..ArchiveConfig::default() };
    assert!(extract(&archive, target.path(), &few).is_err());
    let bad = ArchiveConfig { max_ratio: 0.5, ..ArchiveConfig::default() };
    let refused = extract(&archive, target.path(), &bad);
    assert!(matches!(refused, Err(Error::InvalidConfig { field: "max_ratio", .. })));
    assert_eq!(ArchiveConfig::default().names, NameEncoding::Cp437);
}

#[test]
fn other_files_are_no_archives() {
    let target = TempDir::new().unwrap();
    for (name, content) in [("empty", &b""[..]), ("text", b"not an archive"), ("half", b"PK")] {
        let archive = target.path().join(name);
        fs::write(&archive, content).unwrap();
        let refused = extract(&archive, target.path().join("out"), &ArchiveConfig::default());
        assert!(matches!(refused, Err(Error::Archive { .. })), "{name}: {refused:?}");
    }
}
