//! How much memory does a recording of ten hours need?
//!
//! ```text
//! cargo test --release -p mir-workspace --no-default-features --test integration ten_hours -- --ignored --nocapture
//! ```

use std::{fs, io::Write, time::Instant};

use mir_audio::{BlockReader, LoadOptions, SampleRate};
use mir_features::{LogMel, LogMelConfig, StreamingLogMel};
use mir_testkit::signal;

const RATE: u64 = 44_100;
const SECONDS: u64 = 36_000;

/// Largest resident size of this process so far, in MiB.
fn peak_resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

/// Stereo, 16 bit, 44.1 kHz: 6.35 GB, more than plain WAV can hold, so it is RF64. All but the first minute
/// are zeros that take no room on the disk.
fn write_recording(path: &std::path::Path) {
    let size = SECONDS * RATE * 4;
    let mut header = b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0".to_vec();
    header.extend((size + 72).to_le_bytes());
    header.extend(size.to_le_bytes());
    header.extend((SECONDS * RATE).to_le_bytes());
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
#[ignore = "ten hours of audio take a minute and a process of their own"]
fn ten_hours_of_stereo_fit_into_256_mib() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ten hours.wav");
    write_recording(&path);
    let info = mir_audio::info(&path).unwrap();
    assert_eq!((info.frames, info.channels), (Some(SECONDS * RATE), 2));

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
    assert_eq!(samples, SECONDS * 16_000);
    assert!(frames > SECONDS * 31, "{frames} frames");
    let resident = peak_resident();
    println!("{frames} frames in {:.0?}, {resident:?} MiB resident", started.elapsed());
    assert!(resident.is_none_or(|mib| mib < 256), "{resident:?} MiB");
}
