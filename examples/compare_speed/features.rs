//! Features of one minute of audio at 16 kHz (constant-Q transforms: 20 s at 22.05 kHz), on one core.

use std::time::Instant;

use anyhow::Result;
use mir_features::{
    Cqt, CqtConfig, Hcqt, HcqtConfig, Istft, IstftConfig, LogMel, LogMelConfig, SpectrumPower,
    Stft, StftConfig,
};
use mir_fft::RealPlanner32;
use ndarray::{Array2, Array3};
use serde_json::json;

use crate::{
    Args, median, noise_samples,
    peer::Peer,
    report::{Report, Unit},
};

/// Seconds of audio at 16 kHz.
const SECONDS: usize = 60;
/// Seconds of audio at 22.05 kHz.
const CQT_SECONDS: usize = 20;

/// Every feature beside its peers, and beside its floor: its Fourier transforms alone, by realfft.
pub(crate) fn features(
    args: &Args,
    mut peer: Option<&mut Peer>,
    report: &mut Report,
) -> Result<()> {
    let samples = noise_samples(SECONDS * 16_000);
    if let Some(peer) = peer.as_deref_mut() {
        peer.ask(&json!({ "do": "threads", "threads": 1 }))?;
    }
    let mut run = |task: Task<'_>, ours: &mut dyn FnMut()| {
        task.compare(args, peer.as_deref_mut(), report, ours)
    };

    let log_mel = LogMel::new(LogMelConfig::jongwook())?;
    let mut bands = Array2::zeros((log_mel.frames(samples.len()), log_mel.bins()));
    let transforms = (2048, bands.nrows());
    let task = |name, peers| Task { name, peers, seconds: SECONDS, transforms };
    run(task("log-mel 2048/512/229", &["log_mel_librosa", "log_mel_torchaudio"]), &mut || {
        log_mel.process_into(&samples, &mut bands);
    })?;

    let stft = Stft::new(StftConfig { n_fft: 2048, hop: 512, ..StftConfig::default() })?;
    let mut spectrum = Array2::zeros((stft.frames(samples.len()), stft.bins()));
    run(task("STFT 2048/512", &["stft_librosa", "stft_torch"]), &mut || {
        stft.spectrum_into(&samples, &mut spectrum);
    })?;
    let mut power = Array2::zeros(spectrum.dim());
    run(task("power spectrogram 2048/512", &["power_librosa"]), &mut || {
        stft.process_into(&samples, SpectrumPower::Power, &mut power);
    })?;

    let istft = Istft::new(IstftConfig { stft: stft.config().clone(), ..Default::default() })?;
    let mut back = vec![0.0; samples.len()];
    run(task("inverse STFT 2048/512", &["istft_librosa", "istft_torch"]), &mut || {
        istft.process_into(&spectrum, &mut back);
    })?;

    let samples = noise_samples(CQT_SECONDS * 22_050);
    let cqt = Cqt::new(CqtConfig::deep_salience())?;
    let mut magnitudes = Array2::zeros((cqt.frames(samples.len()), cqt.bins()));
    // A complex transform of 128 points for each octave, as much work as a real one of 256.
    let task = |name, peers, octaves| {
        let transforms = (256, octaves * cqt.frames(samples.len()));
        Task { name, peers, seconds: CQT_SECONDS, transforms }
    };
    run(task("CQT, 360 bins, 60 an octave, hop 256", &["cqt_librosa"], 6), &mut || {
        cqt.process_into(&samples, &mut magnitudes);
    })?;
    let hcqt = Hcqt::new(HcqtConfig::default())?;
    let mut harmonics = Array3::zeros((6, hcqt.frames(samples.len()), hcqt.bins()));
    // The harmonics 1/2, 1, 2 and 4 cover nine octaves between them; 3 and 5 have six of their own each.
    run(task("HCQT, 6 x 360 bins", &["hcqt_librosa"], 9 + 2 * 6), &mut || {
        hcqt.process_into(&samples, &mut harmonics);
    })
}

/// One line of the table.
struct Task<'a> {
    name: &'a str,
    /// Requests to the peer.
    peers: &'a [&'a str],
    /// Length of the audio.
    seconds: usize,
    /// Length and number of the transforms of real numbers that it cannot do without.
    transforms: (usize, usize),
}

impl Task<'_> {
    /// Runs ours, the floor and the peers in turns and prints medians and ratios.
    fn compare(
        &self,
        args: &Args,
        mut peer: Option<&mut Peer>,
        report: &mut Report,
        ours: &mut dyn FnMut(),
    ) -> Result<()> {
        let fft = RealPlanner32::new().plan_fft_forward(self.transforms.0);
        let (mut x, mut y) = (fft.make_input_vec(), fft.make_output_vec());
        let mut scratch = fft.make_scratch_vec();
        let mut floor = || {
            for _ in 0..self.transforms.1 {
                x.fill(0.5);
                fft.process_with_scratch(&mut x, &mut y, &mut scratch).expect("sizes were planned");
                std::hint::black_box(&mut y);
            }
        };
        let (mut times, mut bare) = (vec![], vec![]);
        let mut theirs = vec![vec![]; self.peers.len()];
        // Once before the clock runs: caches are warm, and pages of the output are there. The peers have their
        // turn of that kind too.
        ours();
        for turn in 0..=args.turns {
            for _ in 0..5 {
                times.push(seconds_of(&mut *ours));
                bare.push(seconds_of(&mut floor));
            }
            let Some(peer) = peer.as_deref_mut() else { continue };
            for (request, theirs) in self.peers.iter().zip(&mut theirs) {
                let request = json!({ "do": request, "seconds": self.seconds, "repeat": 3 });
                let answer = peer.times(&request)?;
                if turn > 0 {
                    theirs.extend(answer);
                }
            }
        }
        let rate = |times: &mut Vec<f64>| self.seconds as f64 / median(times);
        let (ours, bare) = (rate(&mut times), rate(&mut bare));
        let peers: Vec<(&str, f64)> = self
            .peers
            .iter()
            .zip(&mut theirs)
            .filter(|(_, times)| !times.is_empty())
            .map(|(request, times)| (library(request), rate(times)))
            .collect();
        let note = format!("; its transforms alone {bare:.0}, ours / floor {:.2}", ours / bare);
        report.add(&format!("{}, one core", self.name), Unit::RealTime, ours, &peers, &note);
        Ok(())
    }
}

/// Which library answers to a request.
fn library(request: &str) -> &str {
    request.rsplit('_').next().unwrap_or(request)
}

fn seconds_of(work: &mut dyn FnMut()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}
