//! Whatever bytes come in, audio or a typed error goes out, within bounds of time and memory.
//!
//! Thousands of damaged files are made from the fixtures, always the same ones, and headers that lie. They
//! are read in a process of their own, in which nothing else allocates, so that the memory that one file
//! costs can be told. `MIR_CORRUPTIONS` sets how many there are: 2000 by default, 20000 for a release:
//!
//! ```text
//! MIR_CORRUPTIONS=20000 cargo test --release -p mir-audio --test integration corruption -- --nocapture
//! ```

use std::{
    collections::BTreeMap,
    env, fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use mir_audio::{Error, LoadOptions, load_bytes};
use mir_testkit::signal::Random;

use crate::{ALLOCATOR, fixture};

/// Files that are damaged. Long ones would only slow the search down.
const SEEDS: [&str; 19] = [
    "impulse.flac",
    "impulse.ogg",
    "impulse.mp3",
    "impulse.m4a",
    "impulse.aac",
    "impulse.mp2",
    "impulse.webm",
    "impulse-alac.m4a",
    "impulse-alac.caf",
    "impulse-flac.mkv",
    "impulse-flac.oga",
    "impulse-aac.mkv",
    "impulse-mp3.mkv",
    "impulse-headerless.mp3",
    "streams.mp4",
    "noise.flac",
    "short.wav",
    "short-rf64.wav",
    "short.aiff",
];

/// What one file may cost beyond its own size: the decoder's tables, and samples that silence compresses
/// well (a FLAC frame of 16 bytes may hold 65535 samples a channel).
const MEMORY: usize = 64 << 20;
/// Nothing here takes a second; a file that takes this long hangs.
const TIME: Duration = Duration::from_secs(20);

/// The seed of a name; some are made here, since silence makes a large file.
fn seed(name: &str) -> Vec<u8> {
    let samples: Vec<u8> = (0..600_u32).map(|n| (n * 37 % 251) as u8).collect();
    let mut out = Vec::new();
    match name {
        "short.wav" => {
            out.extend(
                b"RIFF\x7c\x02\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0\x80\x3e\0\0\0\xfa\0\0\x04\0\x10\0",
            );
            out.extend(b"data\x58\x02\0\0");
        }
        "short-rf64.wav" => {
            out.extend(
                b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0\0\0\0\0\0\0\0\0\x58\x02\0\0\0\0\0\0",
            );
            out.extend([0; 12]);
            out.extend(
                b"fmt \x10\0\0\0\x01\0\x02\0\x80\x3e\0\0\0\xfa\0\0\x04\0\x10\0data\xff\xff\xff\xff",
            );
        }
        "short.aiff" => {
            out.extend(b"FORM\0\0\x02\x86AIFFCOMM\0\0\0\x12\0\x02\0\0\0\x96\0\x10\x40\x0c\xfa\0\0\0\0\0\0\0");
            out.extend(b"SSND\0\0\x02\x60\0\0\0\0\0\0\0\0");
        }
        name => return fs::read(fixture(name)).unwrap(),
    }
    out.extend(samples);
    out
}

/// Damages a file in one of six ways; half of the damage goes past the header.
fn damage(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let length = bytes.len();
    let header = length.min(512);
    match random.below(8) {
        0 => bytes.truncate(random.below(length)),
        1 => bytes[random.below(header)] ^= 1 << random.below(8),
        2 | 3 => bytes[random.below(length)] = random.next_u64() as u8,
        4 => {
            // A field of four bytes, as lengths and counts are.
            let at = random.below(header.saturating_sub(4).max(1));
            let value = [0, 1, u32::MAX, u32::MAX / 2, i32::MIN as u32][random.below(5)];
            let field =
                if random.below(2) == 0 { value.to_le_bytes() } else { value.to_be_bytes() };
            for (byte, new) in bytes[at..].iter_mut().zip(field) {
                *byte = new;
            }
        }
        5 => {
            let at = random.below(length);
            bytes.drain(at..(at + 1 + random.below(64)).min(length));
        }
        6 => {
            let (at, from) = (random.below(length), random.below(other.len()));
            let end = (from + 1 + random.below(256)).min(other.len());
            bytes.splice(at..at, other[from..end].iter().copied());
        }
        _ => {
            for _ in 0..16 {
                let at = header / 2 + random.below(length - header / 2);
                bytes[at] = random.next_u64() as u8;
            }
        }
    }
}

#[derive(Default)]
struct Tally {
    outcomes: BTreeMap<&'static str, usize>,
    past_header: usize,
    files: usize,
    slowest: (Duration, String),
    largest: (usize, String),
}

impl Tally {
    fn read(&mut self, bytes: &[u8], name: &str, case: &str) {
        let allow_truncated = self.files % 2 == 1;
        let options = LoadOptions { allow_truncated, ..LoadOptions::default() };
        ALLOCATOR.reset_peak_usage();
        let before = ALLOCATOR.current_usage();
        let started = Instant::now();
        let result = load_bytes(bytes, name, &options);
        let (time, memory) = (started.elapsed(), ALLOCATOR.peak_usage().saturating_sub(before));
        let result = result.map(|(audio, _)| {
            assert!(audio.check_finite().is_ok(), "{case}");
            4 * audio.len() * audio.channels()
        });
        // What comes out has to be kept; a vector that grows is twice as large for a moment, and is then
        // copied into the buffer.
        let decoded = *result.as_ref().unwrap_or(&0);
        assert!(time < TIME, "{case} took {time:?}");
        let allowed = MEMORY + 16 * bytes.len() + 4 * decoded;
        assert!(memory <= allowed, "{case} allocated {memory} bytes, allowed are {allowed}");
        if let Err(error) = &result {
            assert!(error.to_string().contains(name), "{case}: {error}");
        }
        let (outcome, past_header) = classify(&result);
        *self.outcomes.entry(outcome).or_default() += 1;
        self.past_header += usize::from(past_header);
        self.files += 1;
        if time > self.slowest.0 {
            self.slowest = (time, case.to_owned());
        }
        if memory > self.largest.0 {
            self.largest = (memory, case.to_owned());
        }
    }
}

/// The kind of a result, and whether the header was accepted.
fn classify(result: &Result<usize, Error>) -> (&'static str, bool) {
    match result {
        Ok(_) => ("read", true),
        Err(Error::NotAudio { .. }) => ("not audio", false),
        Err(Error::NoAudioTrack { .. }) => ("no audio track", false),
        Err(Error::UnsupportedCodec { .. }) => ("unsupported codec", false),
        Err(Error::LimitExceeded { .. }) => ("limit exceeded", false),
        Err(Error::Damaged { .. }) => ("damaged", true),
        Err(Error::Truncated { .. }) => ("truncated", true),
        Err(Error::NonFiniteSample { .. }) => ("not finite", true),
        Err(Error::FormatChanged { .. }) => ("format changed", true),
        Err(Error::DecoderPanicked { decoded: 0, .. }) => ("panic caught", false),
        Err(Error::DecoderPanicked { .. }) => ("panic caught", true),
        Err(other) => panic!("{other:?}"),
    }
}

/// Runs the calling test in a process of its own, since time and memory are measured for the whole process.
/// True where that has happened; false in the new process, where the test goes on.
fn ran_in_own_process(name: &str) -> bool {
    const MARK: &str = "MIR_OWN_PROCESS";
    if env::var_os(MARK).is_some() {
        return false;
    }
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(MARK, "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = std::io::read_to_string(child.stdout.take().unwrap()).unwrap();
    let status = child.wait().unwrap();
    assert!(status.success(), "{name}: {status}\n{output}");
    assert!(output.contains("1 passed"), "{name} did not run: {output}");
    println!("{output}");
    true
}

#[test]
fn damaged_files_give_audio_or_an_error_that_names_them() {
    if ran_in_own_process("corruption::damaged_files_give_audio_or_an_error_that_names_them") {
        return;
    }
    let count: usize = env::var("MIR_CORRUPTIONS").map_or(2000, |n| n.parse().unwrap());
    let seeds: Vec<(&str, Vec<u8>)> = SEEDS.iter().map(|name| (*name, seed(name))).collect();
    for (name, bytes) in &seeds {
        let read = load_bytes(bytes.as_slice(), name, &LoadOptions::default());
        assert!(read.is_ok(), "{name} itself: {read:?}");
    }
    let mut tally = Tally::default();
    for index in 0..count {
        let mut random = Random::new(index as u64);
        let (name, bytes) = &seeds[index % seeds.len()];
        let (_, other) = &seeds[random.below(seeds.len())];
        let mut bytes = bytes.clone();
        for _ in 0..1 + random.below(3) {
            if bytes.len() > 1 {
                damage(&mut bytes, other, &mut random);
            }
        }
        tally.read(&bytes, name, &format!("{name}, damage {index}"));
    }
    let percent = 100.0 * tally.past_header as f64 / tally.files as f64;
    println!(
        "{} damaged files, {percent:.0} % past the header: {:?}\nslowest {:?}, largest {} KiB ({})",
        tally.files,
        tally.outcomes,
        tally.slowest,
        tally.largest.0 >> 10,
        tally.largest.1,
    );
    assert_eq!(tally.files, count);
    assert!(percent >= 20.0, "the damage is too coarse: {percent} %");
    assert!(tally.outcomes.contains_key("read") && tally.outcomes.len() >= 4);
}

/// Overwrites what follows a mark, `offset` bytes after its start.
fn patch(name: &str, mark: &[u8], offset: usize, value: &[u8]) -> Vec<u8> {
    let mut bytes = seed(name);
    let found = bytes.windows(mark.len()).position(|window| window == mark);
    let at = found.unwrap_or_else(|| panic!("{name} has no {mark:?}")) + offset;
    bytes[at..at + value.len()].copy_from_slice(value);
    bytes
}

/// Headers that claim more than there is.
fn lies() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    const MAX: &[u8] = &[0xff; 8];
    let max = |n: usize| &MAX[..n];
    let wav = |what, mark: &[u8], offset, value: &[u8]| {
        (what, "lie.wav", patch("short.wav", mark, offset, value))
    };
    let mp4 = |what, mark: &[u8], offset, value: &[u8]| {
        (what, "lie.m4a", patch("impulse.m4a", mark, offset, value))
    };
    let flac = |what, offset, value: &[u8]| {
        (what, "lie.flac", patch("impulse.flac", b"fLaC", offset, value))
    };
    let aiff = |what, mark: &[u8], offset, value: &[u8]| {
        (what, "lie.aiff", patch("short.aiff", mark, offset, value))
    };
    let caf = |what, mark: &[u8], offset, value: &[u8]| {
        (what, "lie.caf", patch("impulse-alac.caf", mark, offset, value))
    };
    let mut all = vec![
        wav("data of 4 GiB", b"data", 4, b"\xfe\xff\xff\xff"),
        wav("data of unknown length", b"data", 4, max(4)),
        wav("65535 channels", b"fmt ", 10, max(2)),
        wav("no channels", b"fmt ", 10, &[0; 2]),
        wav("rate 0", b"fmt ", 12, &[0; 4]),
        wav("rate 1", b"fmt ", 12, &[1, 0, 0, 0]),
        wav("rate 2^32 - 1", b"fmt ", 12, max(4)),
        wav("0 bits", b"fmt ", 22, &[0; 2]),
        wav("65535 bits", b"fmt ", 22, max(2)),
        wav("blocks of 0 bytes", b"fmt ", 20, &[0; 2]),
        wav("blocks of 65535 bytes", b"fmt ", 20, max(2)),
        wav("a format of 4 GiB", b"fmt ", 4, max(4)),
        ("RF64 of 2^64 - 1 bytes", "lie.wav", patch("short-rf64.wav", b"ds64", 16, max(8))),
        flac("2^36 - 1 samples", 21, max(5)),
        flac("blocks of 65535 samples", 8, max(4)),
        flac("metadata of 16 MiB", 5, max(3)),
        flac("rate 0", 18, &[0; 3]),
        ("2^32 - 1 frames", "lie.mp3", patch("impulse.mp3", b"Xing", 8, max(4))),
        ("a tag of 256 MiB", "lie.mp3", {
            [b"ID3\x04\0\0\x7f\x7f\x7f\x7f".to_vec(), seed("impulse.mp3")].concat()
        }),
        mp4("2^32 - 1 time entries", b"stts", 8, max(4)),
        mp4("2^32 - 1 sizes", b"stsz", 12, max(4)),
        mp4("samples of 4 GiB", b"stsz", 8, max(4)),
        mp4("2^32 - 1 chunks", b"stco", 8, max(4)),
        mp4("2^32 - 1 runs", b"stsc", 8, max(4)),
        mp4("2^32 - 1 edits", b"elst", 8, max(4)),
        mp4("2^32 - 1 descriptions", b"stsd", 8, max(4)),
        mp4("an edit of 2^32 - 1 ticks", b"elst", 12, max(4)),
        mp4("a movie of 4 GiB", b"moov", 0, b"moov"),
        mp4("a timescale of 0", b"mdhd", 16, &[0; 4]),
        aiff("2^32 - 1 samples", b"COMM", 10, max(4)),
        aiff("65535 channels", b"COMM", 8, max(2)),
        aiff("65535 bits", b"COMM", 14, max(2)),
        aiff("rate 2^16383", b"COMM", 16, &[0x7f, 0xfe, 0xff, 0xff]),
        aiff("a sound of 4 GiB", b"SSND", 4, max(4)),
        caf("2^63 - 1 packets", b"pakt", 12, &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        caf("-1 packets", b"pakt", 12, max(8)),
        caf("rate infinity", b"desc", 12, &[0x7f, 0xf0, 0, 0, 0, 0, 0, 0]),
        caf("2^32 - 1 channels", b"desc", 36, max(4)),
        caf("packets of 2^32 - 1 samples", b"desc", 32, max(4)),
        caf(
            "a cookie of 2^63 bytes",
            b"kuki",
            4,
            &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ),
        ("a cluster of 2^56 bytes", "lie.mkv", {
            patch("impulse-flac.mkv", &[0x1f, 0x43, 0xb6, 0x75], 4, &[1, 0x7f, 0xff, 0xff])
        }),
        ("tracks of 2^56 bytes", "lie.mkv", {
            patch("impulse-flac.mkv", &[0x16, 0x54, 0xae, 0x6b], 4, &[1, 0x7f, 0xff, 0xff])
        }),
        ("a page number 2^63", "lie.ogg", patch("impulse.ogg", b"OggS", 6, max(8))),
        ("255 channels", "lie.ogg", patch("impulse.ogg", b"\x01vorbis", 11, max(1))),
        ("blocks of 32768", "lie.ogg", patch("impulse.ogg", b"\x01vorbis", 28, max(1))),
    ];
    // The size of a box lies before its name.
    let movie = all.iter_mut().find(|(what, ..)| *what == "a movie of 4 GiB").unwrap();
    let at = movie.2.windows(4).position(|window| window == b"moov").unwrap();
    movie.2[at - 4..at].fill(0xff);
    all
}

#[test]
fn headers_that_lie_cost_no_memory() {
    if ran_in_own_process("corruption::headers_that_lie_cost_no_memory") {
        return;
    }
    let lies = lies();
    let mut tally = Tally::default();
    for (what, name, bytes) in &lies {
        tally.read(bytes, name, &format!("{name}: {what}"));
    }
    println!(
        "{} lies: {:?}, largest {} KiB ({})",
        tally.files,
        tally.outcomes,
        tally.largest.0 >> 10,
        tally.largest.1
    );
    assert!(lies.len() >= 40);
}
