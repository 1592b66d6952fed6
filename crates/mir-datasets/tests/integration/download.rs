//! Downloads, from a server on this machine that behaves as badly as real ones.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

use mir_datasets::{
    Error,
    download::{DownloadConfig, download, fetch},
    loaders::{Checksum, Remote, find},
};
use tempfile::TempDir;

/// Serves one content, and cuts the first answers off after some bytes each. Gives the address and the
/// ranges that were asked for.
fn serve(content: Vec<u8>, cuts: Vec<usize>, ranges: bool) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/file.bin", listener.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&asked);
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { return };
            let mut range = String::new();
            for line in BufReader::new(&stream).lines() {
                let Ok(line) = line else { break };
                if line.is_empty() {
                    break;
                }
                if let Some(value) = line.to_lowercase().strip_prefix("range: bytes=") {
                    range = value.to_owned();
                }
            }
            seen.lock().unwrap().push(range.clone());
            let from: usize = range.trim_end_matches('-').parse().unwrap_or(0);
            let from = if ranges { from } else { 0 };
            let head = if from > content.len() || (from > 0 && from == content.len()) {
                "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned()
            } else {
                let status = if from > 0 { "206 Partial Content" } else { "200 OK" };
                let (last, all) = (content.len() - 1, content.len());
                format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{last}/{all}\r\n\
                     Connection: close\r\n\r\n",
                    all - from
                )
            };
            let body = &content[from.min(content.len())..];
            let body = &body[..cuts.get(number).copied().unwrap_or(body.len()).min(body.len())];
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        }
    });
    (address, asked)
}

fn remote(url: &str, sha256: &str, unpack: Option<&'static str>) -> Remote {
    let leak = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
    Remote {
        name: "all",
        url: leak(url),
        file: "file.bin",
        checksum: Checksum::Sha256(leak(sha256)),
        unpack,
    }
}

/// Content, and the digest that another program gives for it.
fn content() -> (Vec<u8>, &'static str) {
    let content: Vec<u8> = (0..100_000u32).map(|n| (n % 251) as u8).collect();
    (content, CONTENT_SHA256)
}

const CONTENT_SHA256: &str = "cd2df694e424bc7968cc37f47751019e5ca0cd1bdf2e479ea537c3a1c32ee1aa";

fn quick() -> DownloadConfig {
    DownloadConfig { backoff: 0.001, timeout: 10.0, ..DownloadConfig::default() }
}

#[test]
fn a_download_goes_on_where_it_was_cut_off() {
    let (content, digest) = content();
    let (url, asked) = serve(content.clone(), vec![30_000, 20_000], true);
    let root = TempDir::new().unwrap();
    let remote = remote(&url, digest, None);
    let steps = Mutex::new(Vec::new());
    let got =
        fetch(&remote, root.path(), &quick(), &|p| steps.lock().unwrap().push(p.done)).unwrap();
    assert!(!got.was_there);
    assert_eq!(std::fs::read(&got.path).unwrap(), content);
    assert_eq!(*asked.lock().unwrap(), ["", "30000-", "50000-"]);
    assert!(steps.lock().unwrap().is_sorted());
    // A second call needs no server.
    assert!(fetch(&remote, root.path(), &quick(), &|_| {}).unwrap().was_there);
    assert_eq!(asked.lock().unwrap().len(), 3);
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
}

#[test]
fn a_server_without_ranges_sends_all_again() {
    let (content, digest) = content();
    let (url, _) = serve(content.clone(), vec![30_000], false);
    let root = TempDir::new().unwrap();
    let got = fetch(&remote(&url, digest, None), root.path(), &quick(), &|_| {}).unwrap();
    assert_eq!(std::fs::read(got.path).unwrap(), content);
}

#[test]
fn a_file_with_another_content_is_not_kept_unless_that_is_asked_for() {
    let (content, _) = content();
    let (url, _) = serve(content.clone(), vec![], true);
    let root = TempDir::new().unwrap();
    let remote = remote(&url, &"0".repeat(64), None);
    let refused = fetch(&remote, root.path(), &quick(), &|_| {});
    assert!(matches!(refused, Err(Error::Checksum { .. })), "{refused:?}");
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    let trusting = DownloadConfig { accept_wrong_checksum: true, ..quick() };
    let got = fetch(&remote, root.path(), &trusting, &|_| {}).unwrap();
    assert_eq!(std::fs::read(got.path).unwrap(), content);
}

#[test]
fn a_mirror_comes_first_and_the_address_itself_last() {
    let (content, digest) = content();
    let (url, asked) = serve(content.clone(), vec![], true);
    let root = TempDir::new().unwrap();
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = DownloadConfig { mirrors: vec![format!("http://{dead}/")], retries: 1, ..quick() };
    fetch(&remote(&url, digest, None), root.path(), &config, &|_| {}).unwrap();
    assert_eq!(asked.lock().unwrap().len(), 1);

    let other = TempDir::new().unwrap();
    let nowhere = remote(&format!("http://{dead}/file.bin"), digest, None);
    let failed = fetch(&nowhere, other.path(), &config, &|_| {});
    assert!(matches!(failed, Err(Error::Download { .. })), "{failed:?}");
}

#[test]
fn an_archive_is_checked_before_it_is_unpacked() {
    let Some(zip) = mir_testkit::test_data("mirdata/archives/remote.zip") else { return };
    let bytes = std::fs::read(&zip).unwrap();
    let digest = mir_datasets::index::Digests::of_file(&zip).unwrap().sha256;
    let (url, _) = serve(bytes, vec![], true);
    let root = TempDir::new().unwrap();
    let config = DownloadConfig { keep_archives: false, ..quick() };
    let got = fetch(&remote(&url, &digest, Some("inside")), root.path(), &config, &|_| {}).unwrap();
    assert_eq!(got.files, 1);
    assert!(root.path().join("inside/remote.wav").is_file() && !got.path.exists());
}

#[test]
fn data_on_request_are_explained_and_unknown_names_refused() {
    let root = TempDir::new().unwrap();
    let maps = find("maps").unwrap().info;
    match download(maps, &[], root.path(), &quick(), &|_| {}) {
        Err(error @ Error::Manual { .. }) => {
            let text = error.to_string();
            for part in ["MAPS", "by request", "CC BY-NC-SA", "NAME.tsv"] {
                assert!(text.contains(part), "{part} in {text}");
            }
        }
        other => panic!("{other:?}"),
    }
    let slakh = find("slakh").unwrap().info;
    let refused = download(slakh, &["reduxx"], root.path(), &quick(), &|_| {});
    assert!(matches!(refused, Err(Error::InvalidConfig { .. })), "{refused:?}");
    let bad = DownloadConfig { backoff: f64::NAN, ..quick() };
    let refused = download(slakh, &[], root.path(), &bad, &|_| {});
    assert!(matches!(refused, Err(Error::InvalidConfig { field: "backoff", .. })), "{refused:?}");
}
