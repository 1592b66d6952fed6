#!/usr/bin/env python3
"""Times our features beside librosa's and torchaudio's: those that `compare_speed` does not have.

    python3 -m venv peers && peers/bin/pip install librosa==0.11.0 torch==2.11.0 torchaudio==2.11.0
    cargo build --release -p mir-features --example parity
    peers/bin/python scripts/compare/features.py target/release/examples/parity

One thread each, single precision, in turns; medians of `--turns` runs, as multiples of real time. Ours plans its
transforms and designs its filters in every run, as the functions of the peers do.
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"]:
    os.environ[name] = "1"
sys.path.insert(0, str(Path(__file__).parent.parent / "parity"))

import librosa
import numpy as np
import torch
import torchaudio

from constant_q import Ours

RATE, SECONDS = 22050, 30


def tasks(x):
    """Name: our feature, its configuration and input; the peer's name and call."""
    clean = {"spectrogram": np.abs(librosa.stft(x)), "strength": librosa.onset.onset_strength(y=x, sr=RATE)}
    magnitudes, strength = clean["spectrogram"].T, clean["strength"][:, None]
    voice = torch.from_numpy(librosa.resample(x, orig_sr=RATE, target_sr=16000))
    feature = librosa.feature
    pitch = dict(fmin=65.0, fmax=2093.0, sr=RATE)
    yin = {"sample_rate": RATE, "f_min": 65.0, "f_max": 2093.0, "frame_length": 2048, "hop": 512, "pad": "zero"}
    lim = {"stft": {"sample_rate": RATE, "pad": "zero"}, "iterations": 8, "momentum": 0.99, "start": "zero"}
    kaldi = lambda: torchaudio.compliance.kaldi.fbank(voice[None])
    back = lambda: librosa.griffinlim(clean["spectrogram"], n_iter=8, init=None, momentum=0.99)
    of_curve = {"sample_rate": RATE, "hop": 512, "tempogram": {}}
    return {
        "MFCC": ("mfcc", {}, x, "librosa", lambda: feature.mfcc(y=x, sr=RATE)),
        "Kaldi filterbank, 16 kHz": ("kaldi", {}, voice.numpy(), "torchaudio", kaldi),
        "Griffin-Lim, 8 iterations": ("griffin_lim", {"griffin_lim": lim, "length": x.size}, magnitudes, "librosa", back),
        "YIN": ("yin", yin, x, "librosa", lambda: librosa.yin(x, **pitch)),
        "pYIN": ("pyin", {"yin": yin}, x, "librosa", lambda: librosa.pyin(x, **pitch)),
        "chroma": ("chroma_stft", {"tuning": 0.0}, x, "librosa", lambda: feature.chroma_stft(y=x, sr=RATE, tuning=0.0)),
        "spectral centroid": ("spectral_centroid", {}, x, "librosa", lambda: feature.spectral_centroid(y=x, sr=RATE)),
        "spectral contrast": ("spectral_contrast", {}, x, "librosa", lambda: feature.spectral_contrast(y=x, sr=RATE)),
        "spectral flatness": ("spectral_flatness", {}, x, "librosa", lambda: feature.spectral_flatness(y=x)),
        "RMS": ("rms", {}, x, "librosa", lambda: feature.rms(y=x)),
        "zero-crossing rate": ("zero_crossing_rate", {}, x, "librosa", lambda: feature.zero_crossing_rate(x)),
        "onset strength": ("onset_strength", {}, x, "librosa", lambda: librosa.onset.onset_strength(y=x, sr=RATE)),
        "tempogram": ("tempogram", of_curve, strength, "librosa",
                      lambda: feature.tempogram(onset_envelope=clean["strength"], sr=RATE)),
        "harmonic-percussive separation": ("hpss", {}, magnitudes, "librosa",
                                           lambda: librosa.decompose.hpss(clean["spectrogram"])),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="the compiled example `parity`")
    parser.add_argument("--turns", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(1)
    ours, rng = Ours(args.program), np.random.default_rng(1)
    t = np.arange(RATE * SECONDS) / RATE
    chord = sum(np.sin(2 * np.pi * f * t) for f in [220, 277.2, 329.6]) / 5
    x = (chord * np.abs(np.sin(np.pi * 2 * t)) + 0.02 * rng.normal(size=t.size)).astype(np.float32)
    print("| feature | ours | peer | | times as fast |\n|---|---:|---|---:|---:|")
    for name, (feature, config, data, peer, theirs) in tasks(x).items():
        theirs()
        times = [[], []]
        for _ in range(args.turns):
            ours(feature, config, data)
            times[0].append(ours.seconds)
            start = time.perf_counter()
            theirs()
            times[1].append(time.perf_counter() - start)
        a, b = map(statistics.median, times)
        print(f"| {name} | {SECONDS / a:.0f} x real time | {peer} | {SECONDS / b:.0f} x real time | {b / a:.1f} |",
              flush=True)


if __name__ == "__main__":
    main()
