//! Features of one minute of audio at 16 kHz, on one core.

use std::time::Instant;

use anyhow::Result;
use mir_features::{Istft, IstftConfig, LogMel, LogMelConfig, SpectrumPower, Stft, StftConfig};
use ndarray::Array2;
use serde_json::json;

use crate::{Args, median, noise_samples, peer::Peer};

const SECONDS: usize = 60;

/// Every feature beside its peers.
pub(crate) fn features(args: &Args, mut peer: Option<&mut Peer>) -> Result<()> {
    let samples = noise_samples(SECONDS * 16_000);
    if let Some(peer) = peer.as_deref_mut() {
        peer.ask(&json!({ "do": "threads", "threads": 1 }))?;
    }

    let log_mel = LogMel::new(LogMelConfig::jongwook())?;
    let mut bands = Array2::zeros((log_mel.frames(samples.len()), log_mel.bins()));
    compare(
        args,
        peer.as_deref_mut(),
        "log-mel 2048/512/229",
        &["log_mel_librosa", "log_mel_torchaudio"],
        || log_mel.process_into(&samples, &mut bands),
    )?;

    let stft = Stft::new(StftConfig { n_fft: 2048, hop: 512, ..StftConfig::default() })?;
    let mut spectrum = Array2::zeros((stft.frames(samples.len()), stft.bins()));
    let peers = ["stft_librosa", "stft_torch"];
    compare(args, peer.as_deref_mut(), "STFT 2048/512", &peers, || {
        stft.spectrum_into(&samples, &mut spectrum);
    })?;
    let mut power = Array2::zeros(spectrum.dim());
    let peers = ["power_librosa"];
    compare(args, peer.as_deref_mut(), "power spectrogram 2048/512", &peers, || {
        stft.process_into(&samples, SpectrumPower::Power, &mut power);
    })?;

    let istft = Istft::new(IstftConfig { stft: stft.config().clone(), ..Default::default() })?;
    let mut back = vec![0.0; samples.len()];
    let peers = ["istft_librosa", "istft_torch"];
    compare(args, peer, "inverse STFT 2048/512", &peers, || {
        istft.process_into(&spectrum, &mut back);
    })
}

/// Runs ours and the peers in turns and prints medians and ratios.
fn compare(
    args: &Args,
    mut peer: Option<&mut Peer>,
    name: &str,
    requests: &[&str],
    mut ours: impl FnMut(),
) -> Result<()> {
    let (mut times, mut theirs) = (vec![], vec![vec![]; requests.len()]);
    // Once before the clock runs: caches are warm, and pages of the output are there. The peers have their
    // turn of that kind too.
    ours();
    for turn in 0..=args.turns {
        for _ in 0..5 {
            let start = Instant::now();
            ours();
            times.push(start.elapsed().as_secs_f64());
        }
        let Some(peer) = peer.as_deref_mut() else { continue };
        for (request, theirs) in requests.iter().zip(&mut theirs) {
            let answer = peer.times(&json!({ "do": request, "seconds": SECONDS, "repeat": 3 }))?;
            if turn > 0 {
                theirs.extend(answer);
            }
        }
    }
    let rate = SECONDS as f64 / median(&mut times);
    println!("{name}, one core: ours {rate:.0} x real time");
    for (request, times) in requests.iter().zip(&mut theirs) {
        if !times.is_empty() {
            let theirs = SECONDS as f64 / median(times);
            println!(
                "    {request} {theirs:.0} x real time, ours / {request} {:.2}",
                rate / theirs
            );
        }
    }
    Ok(())
}
