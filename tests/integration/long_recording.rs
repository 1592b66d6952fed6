//! How much memory does a long recording need? Half an hour here, whose samples would take 635 MB; more on
//! request, and without the debug build's patience:
//!
//! ```text
//! MIR_LONG_HOURS=10 cargo test --release -p mir-workspace --no-default-features --test integration long_recording -- --nocapture
//! ```

use std::{
    env, fs,
    io::Write,
    process::{Command, Stdio},
    time::Instant,
};

use mir_audio::{BlockReader, LoadOptions, SampleRate};
use mir_features::{LogMel, LogMelConfig, StreamingLogMel};
use mir_testkit::signal;

const RATE: u64 = 44_100;

/// Length of the recording, from `MIR_LONG_HOURS`.
fn seconds() -> u64 {
    let hours: f64 = env::var("MIR_LONG_HOURS").map_or(0.5, |hours| hours.parse().unwrap());
    (hours * 3600.0) as u64
}

/// Largest resident size of this process so far, in MiB.
fn peak_resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

/// Stereo, 16 bit, 44.1 kHz. Ten hours are 6.35 GB, more than plain WAV can hold, so it is RF64. All but the
/// first minute are zeros that take no room on the disk.
fn write_recording(path: &std::path::Path, seconds: u64) {
    let size = seconds * RATE * 4;
    let mut header = b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0".to_vec();
    header.extend((size + 72).to_le_bytes());
    header.extend(size.to_le_bytes());
    header.extend((seconds * RATE).to_le_bytes());
    header.extend([0; 4]);
    header.extend(
        b"fmt \x10\0\0\0\x01\0\x02\0\x44\xac\0\0\x10\xb1\x02\0\x04\0\x10\0data\xff\xff\xff\xff",
    );
    let noise = signal::noise(SampleRate::HZ_44100, 0.5, 60 * 2 * 44_100, 1);
    let mut file = fs::File::create(path).unwrap();
    let length = header.len() as u64 + size;
    for x in noise.channel(0) {
        header.extend(((x * 32_768.0) as i16).to_le_bytes());
    }
    file.write_all(&header).unwrap();
    file.set_len(length).unwrap();
}

#[test]
fn a_long_stereo_recording_fits_into_256_mib() {
    // The largest size is that of a whole process, so the test has one of its own.
    const MARK: &str = "MIR_OWN_PROCESS";
    const NAME: &str = "long_recording::a_long_stereo_recording_fits_into_256_mib";
    if env::var_os(MARK).is_none() {
        let output = Command::new(env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .env(MARK, "1")
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        println!("{text}");
        return;
    }
    let seconds = seconds();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ten hours.wav");
    write_recording(&path, seconds);
    let info = mir_audio::info(&path).unwrap();
    assert_eq!((info.frames, info.channels), (Some(seconds * RATE), 2));

    let started = Instant::now();
    let log_mel = LogMel::new(LogMelConfig::hw3()).unwrap();
    let mut bands = vec![0.0; log_mel.config().n_mels];
    let mut stream = StreamingLogMel::new(log_mel).unwrap();
    let options = LoadOptions {
        sample_rate: Some(SampleRate::HZ_16000),
        mono: true,
        ..LoadOptions::default()
    };
    let (mut samples, mut frames) = (0_u64, 0_u64);
    for block in BlockReader::open(&path, &options, 1 << 17).unwrap() {
        let block = block.unwrap();
        samples += block.len() as u64;
        stream.push(block.channel(0));
        while stream.pop_into(&mut bands) {
            frames += 1;
        }
    }
    stream.finish();
    while stream.pop_into(&mut bands) {
        frames += 1;
    }
    assert_eq!(samples, seconds * 16_000);
    assert!(frames > seconds * 31, "{frames} frames");
    let resident = peak_resident();
    println!("{frames} frames in {:.0?}, {resident:?} MiB resident", started.elapsed());
    assert!(resident.is_none_or(|mib| mib < 256), "{resident:?} MiB");
}
