"""Compares the features with librosa 0.11, torchaudio 2.11, SciPy and nnAudio 0.3, on random settings.

Environment (Python 3.11):
    python -m venv parity && parity/bin/pip install librosa==0.11.0 numpy scipy torch==2.11.0 \\
        torchaudio==2.11.0 nnAudio==0.3.4
Run from the root of the repository:
    cargo build --release -p mir-features --example parity
    parity/bin/python scripts/parity/features.py target/release/examples/parity
Options: `--settings N` (default 800) of both halves together, `--seed N`, `--only WORD` for the families
whose names contain it, `--summary FILE.md` writes the tables. The tests hold values of the same peers.

Settings are drawn over the whole admissible range that the peer has too; none is skipped. The peers compute in
double precision where they can. A difference is relative to the largest magnitude of the feature in that
setting. What stays above 1e-5 has a tolerance and a reason of its own in `FAMILIES`; a setting above its
tolerance is a failure, and the exit code is 1. Constant-Q transforms and pitch are in `constant_q.py`.
"""

import argparse
import json
import platform
import sys
import warnings
from pathlib import Path

import constant_q
from constant_q import Ours, difference

import librosa
import numpy as np
import scipy
import scipy.signal
import torch
import torchaudio
from torchaudio.compliance import kaldi

warnings.simplefilter("ignore")
torch.set_num_threads(1)
RATES = [8000, 11025, 16000, 22050, 32000, 44100, 48000]
PADS = {"zero": "constant", "reflect": "reflect", "symmetric": "symmetric", "edge": "edge"}
NORMS = [("max", np.inf), ("min", -np.inf), ({"lp": 1.0}, 1), ({"lp": 2.0}, 2), ("count", 0), ("none", None)]


def decibel_difference(ours, expected, per_decade=20):
    """The larger of nothing but differences in decibels, where a value is not lost in rounding.

    A spectrum in single precision is exact to some 1e-7 of its largest amplitude. So a value far below the
    loudest of its frame may instead agree as an amplitude, to a tenth of the tolerance.
    """
    if ours.shape != expected.shape:
        raise ValueError(f"shape {ours.shape} instead of {expected.shape}")
    amplitudes = [10.0 ** (decibels.astype(float) / per_decade) for decibels in [ours, expected]]
    loudest = amplitudes[1].max(axis=0, keepdims=True)
    as_amplitudes = 10 * np.abs(amplitudes[0] - amplitudes[1]) / loudest
    return np.minimum(np.abs(ours - expected) / np.abs(expected).max(), as_amplitudes).max()


def of_norm(norm, ours, expected):
    """A difference; of frames that were divided by their smallest magnitude, which may be rounding noise, up
    to that factor."""
    if norm[0] == "min":
        finite = np.isfinite(expected).all(axis=0) & np.isfinite(ours).all(axis=0)
        ours, expected = (librosa.util.normalize(map[:, finite].astype(float), axis=0) for map in [ours, expected])
    return difference(ours, expected)


def column(values):
    return np.asarray(values).reshape(-1, 1)


class Generator(constant_q.Generator):
    """Random settings; each method returns the largest difference of one."""

    def request(self, feature, config, x):
        """Our feature as its peers shape it, `[bins, frames]` for a single channel."""
        y = self.ours(feature, config, x)
        return y[0].T if y.ndim == 3 else y

    def chance(self, p):
        return bool(self.rng.uniform() < p)

    def window(self):
        """One of ours and the same for SciPy."""
        u, pick = self.rng.uniform, self.rng.integers(22)
        plain = {"hann": "hann", "hamming": "hamming", "blackman": "blackman", "rectangular": "boxcar",
                 "bartlett": "bartlett", "triangular": "triang", "blackman_harris": "blackmanharris",
                 "nuttall": "nuttall", "flat_top": "flattop", "bartlett_hann": "barthann", "bohman": "bohman",
                 "parzen": "parzen", "sine": "cosine", "lanczos": "lanczos"}
        if pick < 14:
            return list(plain.items())[pick]
        alpha, beta, std, power = float(u(0, 1)), float(u(0, 30)), float(u(2, 400)), float(u(0.3, 4))
        return [
            ({"general_hamming": {"alpha": alpha}}, ("general_hamming", alpha)),
            ({"tukey": {"alpha": alpha}}, ("tukey", alpha)),
            ({"kaiser": {"beta": beta}}, ("kaiser", beta)),
            ({"gaussian": {"std": std}}, ("gaussian", std)),
            ({"general_gaussian": {"power": power, "std": std}}, ("general_gaussian", power, std)),
            ({"exponential": {"tau": std}}, ("exponential", None, std)),
            ({"chebyshev": {"attenuation": 45 + beta}}, ("chebwin", 45 + beta)),
            ({"taylor": {"side_lobes": 4, "attenuation": 10 + beta}}, ("taylor", 4, 10 + beta)),
        ][pick - 14]

    def n_fft(self, low=32, high=4096):
        """Even lengths: powers of two, and any other."""
        if self.chance(0.5):
            return int(2 ** self.rng.integers(np.log2(low), np.log2(high) + 1))
        return 2 * int(np.exp(self.rng.uniform(np.log(low / 2), np.log(high / 2))))

    def stft_config(self, window=True, low=32):
        """A transform and the same in librosa's words."""
        rate, n_fft = int(self.pick(RATES)), self.n_fft(low)
        win_length = int(self.rng.integers(max(1, n_fft // 3), n_fft + 1)) if self.chance(0.5) else None
        ours, theirs = self.window() if window and self.chance(0.7) else ("hann", "hann")
        hop = int(self.rng.integers(max(1, n_fft // 16), n_fft + 1))
        centred, pad = self.chance(0.75), self.pick(list(PADS))
        config = {"sample_rate": rate, "n_fft": n_fft, "hop": hop, "win_length": win_length, "window": ours,
                  "layout": "centred" if centred else "inside", "pad": pad}
        peer = dict(n_fft=n_fft, hop_length=hop, win_length=win_length, window=theirs, center=centred,
                    pad_mode=PADS[pad])
        return config, peer

    def sound(self, config, frames=40):
        """Audio for a transform: long enough for a frame, not much longer than some frames."""
        least = config["n_fft"] + 1
        seconds = lambda samples: samples / config["sample_rate"]
        return self.audio(config["sample_rate"], seconds(least), seconds(least + frames * config["hop"]))

    # Windows and transforms.

    def windows(self):
        ours, theirs = self.window()
        symmetric, points = self.chance(0.5), int(self.rng.integers(1, 600))
        if symmetric and isinstance(theirs, tuple) and theirs[0] == "exponential":
            points |= 1
        config = {"window": ours, "symmetric": symmetric, "points": points}
        expected = scipy.signal.get_window(theirs, points, fftbins=not symmetric)
        return difference(self.request("window", config, [[0.0]]), expected)

    def stft(self):
        config, peer = self.stft_config(low=2)
        x = self.sound(config)
        y = x.astype(float)
        if peer["center"] and peer["pad_mode"] == "reflect" and len(x) % config["hop"] == 0:
            # librosa mirrors half a frame at half a frame here, which is one sample too short for that.
            y, peer = np.pad(y, config["n_fft"] // 2, "reflect"), peer | {"center": False}
        return difference(self.request("stft", config, x), librosa.stft(y, **peer))

    def stft_torch(self):
        config, peer = self.stft_config(window=False)
        config["pad"] = self.pick(["reflect", "zero", "edge"])
        scale, normalized = self.pick([("none", False), ("frame_length", True)])
        x = self.sound(config)
        win_length = config["win_length"] or config["n_fft"]
        expected = torch.stft(
            torch.from_numpy(x.astype(float)), config["n_fft"], config["hop"], win_length,
            torch.hann_window(win_length, dtype=torch.float64), center=peer["center"], normalized=normalized,
            pad_mode={"edge": "replicate", "zero": "constant"}.get(config["pad"], "reflect"), return_complex=True)
        return difference(self.request("stft", config | {"scale": scale}, x), expected.numpy())

    def spectrum(self, bins, frames):
        values = self.rng.normal(size=(bins, frames)) + 1j * self.rng.normal(size=(bins, frames))
        # What no real signal has.
        values[0], values[-1] = values[0].real, values[-1].real
        return values.astype(np.complex64)

    def inverse(self, centred):
        n_fft = self.n_fft(32, 2048)
        win_length = int(self.rng.integers(n_fft // 2, n_fft + 1)) if self.chance(0.4) else None
        hop = int(self.rng.integers(max(1, n_fft // 16), (win_length or n_fft) // 2 + 1))
        ours, theirs = self.pick([("hann", "hann"), ("hamming", "hamming"), ("blackman", "blackman"),
                                  ("rectangular", "boxcar"), ({"kaiser": {"beta": 8.0}}, ("kaiser", 8.0))])
        frames = int(self.rng.integers(3, 40))
        stft = {"sample_rate": int(self.pick(RATES)), "n_fft": n_fft, "hop": hop, "win_length": win_length,
                "window": ours, "layout": "centred" if centred else "inside", "pad": "zero"}
        values = self.spectrum(n_fft // 2 + 1, frames)
        length = int(self.rng.integers(hop, frames * hop)) if self.chance(0.3) else None
        pairs = np.stack([values.T.real, values.T.imag], axis=-1)
        y = self.request("istft", {"istft": {"stft": stft}, "length": length}, pairs)
        expected = librosa.istft(values.astype(complex), hop_length=hop, win_length=win_length, n_fft=n_fft,
                                 window=theirs, center=centred, length=length)
        sums = lambda frames: librosa.filters.window_sumsquare(window=theirs, n_frames=frames, hop_length=hop,
                                                               n_fft=n_fft, win_length=win_length or n_fft)
        squares = sums(frames)[n_fft // 2 if centred else 0:][:len(expected)]
        squares = np.pad(squares, (0, len(expected) - len(squares)))
        # The largest is that of a long signal, however few frames this one has.
        return y, expected, squares > 1e-8 * sums(2 * n_fft // hop + 2).max()

    def istft(self):
        y, expected, covered = self.inverse(True)
        return difference(np.where(covered, y, 0), np.where(covered, expected, 0))

    def istft_uncentred(self):
        y, expected, covered = self.inverse(False)
        return difference(np.where(covered, y, 0), np.where(covered, expected, 0))

    def istft_torch(self):
        n_fft = self.n_fft(32, 2048)
        hop = int(self.rng.integers(max(1, n_fft // 16), n_fft // 2 + 1))
        values = self.spectrum(n_fft // 2 + 1, int(self.rng.integers(3, 40)))
        stft = {"sample_rate": 16000, "n_fft": n_fft, "hop": hop, "scale": self.pick(["none", "frame_length"])}
        pairs = np.stack([values.T.real, values.T.imag], axis=-1)
        expected = torch.istft(torch.from_numpy(values.astype(complex)), n_fft, hop,
                               window=torch.hann_window(n_fft, dtype=torch.float64),
                               normalized=stft["scale"] == "frame_length")
        return difference(self.request("istft", {"istft": {"stft": stft}, "length": None}, pairs), expected.numpy())

    def lim(self):
        """A short signal's magnitudes, our settings, and torchaudio's and librosa's in common."""
        n_fft = self.n_fft(64, 1024)
        hop = int(self.rng.integers(n_fft // 8, n_fft // 2 + 1))
        x = self.audio(16000, 0.2, 0.5)
        length = hop * (len(x) // hop)
        magnitude = np.abs(librosa.stft(x[:length], n_fft=n_fft, hop_length=hop)).astype(np.float32)
        iterations, momentum = int(self.rng.integers(0, 17)), float(self.pick([0.0, 0.5, 0.99]))
        config = {"stft": {"sample_rate": 16000, "n_fft": n_fft, "hop": hop, "pad": "zero"},
                  "iterations": iterations, "momentum": momentum, "start": "zero"}
        return config, magnitude, length

    def griffin_lim(self):
        config, magnitude, length = self.lim()
        stft = config["stft"]
        y = self.request("griffin_lim", {"griffin_lim": config, "length": length}, magnitude.T)
        expected, single = (
            librosa.griffinlim(magnitude.astype(dtype), n_iter=config["iterations"], init=None, length=length,
                               hop_length=stft["hop"], n_fft=stft["n_fft"], momentum=config["momentum"], dtype=dtype)
            for dtype in [np.float64, np.float32])
        self.peer_off.append(difference(single, expected))
        return difference(y, expected)

    # Mel bands.

    def mel_config(self, rate, n_fft):
        f_min = float(self.rng.uniform(0, 0.1 * rate)) if self.chance(0.6) else 0.0
        f_max = float(self.rng.uniform(0.2 * rate, 0.5 * rate)) if self.chance(0.6) else rate / 2
        norm = self.pick([("slaney", "slaney"), ("none", None)])
        scale = self.pick(["htk", "slaney"])
        n_mels = int(self.rng.integers(1, 257))
        config = {"sample_rate": rate, "n_fft": n_fft, "n_mels": n_mels, "f_min": f_min, "f_max": f_max,
                  "mel_scale": scale, "filter_norm": norm[0]}
        return config, dict(n_mels=n_mels, fmin=f_min, fmax=f_max, htk=scale == "htk", norm=norm[1])

    def mel_filterbank(self):
        rate, n_fft = int(self.pick(RATES)), self.n_fft()
        config, peer = self.mel_config(rate, n_fft)
        expected = librosa.filters.mel(sr=rate, n_fft=n_fft, dtype=np.float64, **peer)
        return difference(self.request("mel_filterbank", config, [[0.0]]), expected)

    def mel(self):
        stft, peer = self.stft_config()
        mel, peer_mel = self.mel_config(stft["sample_rate"], stft["n_fft"])
        power = self.pick(["magnitude", "power"])
        x = self.sound(stft)
        expected = librosa.feature.melspectrogram(y=x.astype(float), sr=stft["sample_rate"], dtype=np.float64,
                                                  power={"magnitude": 1.0, "power": 2.0}[power], **peer, **peer_mel)
        return difference(self.request("mel", {"stft": stft, "power": power, "mel": mel}, x), expected)

    def torch_mel(self, **more):
        """A torchaudio mel spectrogram whose bands are designed in double precision, and ours."""
        rate, n_fft = int(self.pick(RATES)), self.n_fft(256)
        mel, peer = self.mel_config(rate, n_fft)
        hop = int(self.rng.integers(n_fft // 8, n_fft + 1))
        config = mel | {"hop": hop, "power": "power", "drop_first": False, "trim_last_sample": False} | more
        x = self.audio(rate, (n_fft + 1) / rate, (n_fft + 40 * hop) / rate)
        arguments = dict(n_fft=n_fft, hop_length=hop, n_mels=mel["n_mels"], f_min=mel["f_min"], f_max=mel["f_max"],
                         norm=peer["norm"], mel_scale=mel["mel_scale"])
        return config, arguments, x, librosa.filters.mel(sr=rate, n_fft=n_fft, dtype=np.float64, **peer)

    def designed(self, transform, bands):
        """In double precision, its bands too, which torchaudio designs in single."""
        transform = transform.double()
        mel = getattr(transform, "MelSpectrogram", transform)
        self.peer_off.append(difference(mel.mel_scale.fb.numpy(), bands.T))
        mel.mel_scale.fb = torch.from_numpy(bands.T.copy())
        return transform

    def mel_torch(self):
        config, arguments, x, bands = self.torch_mel()
        keys = ["sample_rate", "n_fft", "n_mels", "f_min", "f_max", "mel_scale", "filter_norm"]
        stft = {"sample_rate": config["sample_rate"], "n_fft": config["n_fft"], "hop": config["hop"],
                "scale": self.pick(["none", "window", "frame_length"])}
        normalized = {"none": False, "window": "window", "frame_length": "frame_length"}[stft["scale"]]
        transform = torchaudio.transforms.MelSpectrogram(config["sample_rate"], normalized=normalized, **arguments)
        expected = self.designed(transform, bands)(torch.from_numpy(x.astype(float)))
        ours = {"stft": stft, "power": "power", "mel": {k: config[k] for k in keys}}
        return difference(self.request("mel", ours, x), expected.numpy())

    def log_mel(self):
        rate, n_fft = int(self.pick(RATES)), self.n_fft()
        mel, peer = self.mel_config(rate, n_fft)
        hop = int(self.rng.integers(max(1, n_fft // 16), n_fft + 1))
        pad, power = self.pick(list(PADS)), self.pick(["magnitude", "power"])
        floor, top_db = float(10 ** self.rng.uniform(-12, -3)), self.pick([None, 80.0, float(self.rng.uniform(1, 120))])
        config = mel | {"hop": hop, "pad": pad, "power": power, "log": "db", "floor": floor, "top_db": top_db,
                        "drop_first": False, "trim_last_sample": False}
        x = self.sound(config)
        energies = librosa.feature.melspectrogram(y=x.astype(float), sr=rate, n_fft=n_fft, hop_length=hop,
                                                  pad_mode=PADS[pad], power={"magnitude": 1.0, "power": 2.0}[power],
                                                  dtype=np.float64, **peer)
        expected = librosa.power_to_db(energies, amin=floor, top_db=top_db)
        return decibel_difference(self.request("log_mel", config, x), expected, 20 if power == "power" else 10)

    def log_mel_torch(self):
        floor, top_db = 1e-10, self.pick([None, 80.0, 40.0])
        config, arguments, x, bands = self.torch_mel(log="db", floor=floor, top_db=top_db)
        transform = torchaudio.transforms.MelSpectrogram(config["sample_rate"], **arguments)
        energies = self.designed(transform, bands)(torch.from_numpy(x.astype(float)))
        expected = torchaudio.transforms.AmplitudeToDB("power", top_db)(energies)
        return decibel_difference(self.request("log_mel", config, x), expected.numpy())

    def kaldi(self):
        rate = int(self.pick([8000, 16000, 22050, 44100]))
        frame_ms, shift_ms = float(self.rng.uniform(10, 60)), float(self.rng.uniform(5, 25))
        window = self.pick([("povey", "povey"), ("hann", "hanning"), ("hamming", "hamming"),
                            ("rectangular", "rectangular"), ("blackman", "blackman")])
        n_mels = int(self.rng.integers(4, 81))
        f_min = float(self.rng.uniform(0, 200))
        f_max = float(self.pick([0.0, -200.0, self.rng.uniform(0.3 * rate, 0.5 * rate)]))
        power, flags = self.chance(0.7), [self.chance(0.5) for _ in range(6)]
        # An odd frame cannot be transformed as it is.
        samples = int(rate * frame_ms * 0.001)
        round_up = flags[0] or samples % 2 == 1
        config = {
            "sample_rate": rate, "frame_ms": frame_ms, "shift_ms": shift_ms, "n_mels": n_mels, "f_min": f_min,
            "f_max": f_max, "preemphasis": float(self.pick([0.97, 0.0, self.rng.uniform(0, 1)])),
            "remove_dc": flags[1], "window": window[0], "round_to_power_of_two": round_up, "snip_edges": flags[2],
            "power": "power" if power else "magnitude", "log": flags[3], "use_energy": flags[4],
            "raw_energy": flags[5], "energy_floor": float(self.pick([0.0, 1.0, 1e-3])),
            "subtract_mean": self.chance(0.3), "sample_scale": float(self.pick([1.0, 32768.0])),
        }
        x = self.audio(rate, 0.3, 0.8)
        bins = (samples if not round_up else 1 << (samples - 1).bit_length()) // 2
        # The bands, which torchaudio designs in single precision, in double.
        design, kaldi.get_mel_banks = kaldi.get_mel_banks, kaldi_bands(kaldi.get_mel_banks)
        try:
            expected = kaldi.fbank(
                torch.from_numpy(x.astype(float) * config["sample_scale"])[None], dither=0.0,
                energy_floor=config["energy_floor"], frame_length=frame_ms, frame_shift=shift_ms, high_freq=f_max,
                low_freq=f_min, num_mel_bins=n_mels, preemphasis_coefficient=config["preemphasis"],
                raw_energy=config["raw_energy"], remove_dc_offset=config["remove_dc"],
                round_to_power_of_two=round_up, sample_frequency=float(rate), snip_edges=config["snip_edges"],
                subtract_mean=config["subtract_mean"], use_energy=config["use_energy"], use_log_fbank=config["log"],
                use_power=power, window_type=window[1])
        finally:
            kaldi.get_mel_banks = design
        ours, expected = self.request("kaldi", config, x), expected.numpy().T
        if config["subtract_mean"]:
            # Values are rounded to single precision before the mean goes: relative to the largest of those.
            whole = self.request("kaldi", config | {"subtract_mean": False}, x)
            return np.abs(ours - expected).max() / np.abs(whole).max()
        if not config["log"]:
            return difference(ours, expected)
        # The energy of a frame is on another scale than its bands.
        first = int(config["use_energy"])
        energy = difference(ours[:first], expected[:first])
        per_decade = np.log(10) * (2 if power else 1)
        return max(energy, decibel_difference(ours[first:], expected[first:], per_decade))

    def mfcc(self):
        rate, n_fft = int(self.pick(RATES)), self.n_fft(256)
        mel, peer = self.mel_config(rate, n_fft)
        mel["n_mels"] = peer["n_mels"] = max(4, mel["n_mels"])
        hop = int(self.rng.integers(n_fft // 8, n_fft + 1))
        kind, ortho = self.pick([("i", 1), ("ii", 2), ("ii", 2), ("iii", 3)]), self.chance(0.6)
        n_mfcc, lifter = int(self.rng.integers(1, mel["n_mels"] + 1)), float(self.pick([0, 0, 22, 41.5]))
        log_mel = mel | {"hop": hop, "pad": "zero", "power": "power", "log": "db", "floor": 1e-10, "top_db": 80.0,
                         "drop_first": False, "trim_last_sample": False}
        config = {"log_mel": log_mel, "n_mfcc": n_mfcc, "dct": kind[0], "orthonormal": ortho, "lifter": lifter}
        x = self.sound(log_mel)
        expected = librosa.feature.mfcc(y=x.astype(float), sr=rate, n_mfcc=n_mfcc, dct_type=kind[1],
                                        norm="ortho" if ortho else None, lifter=lifter, n_fft=n_fft, hop_length=hop,
                                        mel_norm=peer.pop("norm"), dtype=np.float64, **peer)
        return difference(self.request("mfcc", config, x), expected)

    def mfcc_torch(self):
        config, arguments, x, bands = self.torch_mel(log="db", floor=1e-10, top_db=80.0)
        if config["n_mels"] < 4:
            return self.mfcc_torch()
        n_mfcc, ortho = int(self.rng.integers(1, config["n_mels"] + 1)), self.chance(0.6)
        transform = torchaudio.transforms.MFCC(config["sample_rate"], n_mfcc, norm="ortho" if ortho else None,
                                               melkwargs=arguments)
        self.designed(transform, bands)
        table = scipy.fft.dct(np.eye(config["n_mels"]), axis=0, norm="ortho" if ortho else None)[:n_mfcc]
        transform.dct_mat = torch.from_numpy(table.T.copy())
        expected = transform(torch.from_numpy(x.astype(float)))
        config = {"log_mel": config, "n_mfcc": n_mfcc, "dct": "ii", "orthonormal": ortho, "lifter": 0.0}
        return difference(self.request("mfcc", config, x), expected.numpy())

    # What is derived from maps.

    def decibels(self):
        map = self.magnitudes()
        feature = self.pick(["power_to_db", "amplitude_to_db"])
        floor, top_db = float(10 ** self.rng.uniform(-12, -2)), self.pick([None, 80.0, float(self.rng.uniform(1, 99))])
        reference = self.pick([1.0, float(10 ** self.rng.uniform(-3, 3)), None])
        config = {"reference": "max" if reference is None else {"value": reference}, "floor": floor, "top_db": top_db}
        expected = getattr(librosa, feature)(map.astype(float), ref=reference or np.max, amin=floor, top_db=top_db)
        return difference(self.request(feature, config, map), expected)

    def normalise(self):
        map, (ours, theirs) = self.magnitudes(), self.pick(NORMS + [({"lp": 3.5}, 3.5)])
        map += np.float32(1e-3)
        return difference(self.request("normalise", ours, map).T,
                          librosa.util.normalize(map.T.astype(float), norm=theirs, axis=0))

    def pcen(self):
        map = self.magnitudes() * np.float32(self.pick([1.0, 1e3]))
        rate, hop = int(self.pick(RATES)), int(self.rng.integers(32, 2049))
        config = {"gain": float(self.rng.uniform(0, 1)), "bias": float(self.pick([0.0, 2.0, self.rng.uniform(0, 10)])),
                  "power": float(self.pick([0.5, 0.0, 1.0, self.rng.uniform(0.05, 1)])),
                  "time_constant": float(10 ** self.rng.uniform(-2, 0.5)), "eps": float(10 ** self.rng.uniform(-8, -2)),
                  "smoothing": self.pick([None, None, float(self.rng.uniform(0, 1))]),
                  "max_size": int(self.pick([1, 1, self.rng.integers(1, 9)]))}
        peer = dict(config, b=config["smoothing"])
        del peer["smoothing"]
        expected = librosa.pcen(map.T.astype(float), sr=rate, hop_length=hop, max_axis=-2 if config["max_size"] > 1
                                else None, **peer)
        return difference(self.request("pcen", {"sample_rate": rate, "hop": hop, "pcen": config}, map), expected)

    def delta(self):
        order = int(self.rng.integers(1, 5))
        width = 2 * int(self.rng.integers(max(1, (order + 1) // 2), 16)) + 1
        width = max(width, order + 1 + order % 2)
        edge = self.pick([("interp", "interp"), ("nearest", "nearest"), ("mirror", "mirror"), ("zero", "constant")])
        map = self.magnitudes(frames=int(self.rng.integers(width, width + 60)))
        expected = librosa.feature.delta(map.T.astype(float), width=width, order=order, mode=edge[1])
        return difference(self.request("delta", {"width": width, "order": order, "edge": edge[0]}, map).T, expected)

    def delta_torch(self):
        width, map = 2 * int(self.rng.integers(1, 12)) + 1, self.magnitudes()
        expected = torchaudio.functional.compute_deltas(torch.from_numpy(map.T.astype(float).copy()), width)
        return difference(self.request("delta", {"width": width, "edge": "nearest"}, map).T, expected.numpy())

    # Chroma, descriptors, levels.

    def chroma_filterbank(self):
        rate, n_fft, n_chroma = int(self.pick(RATES)), self.n_fft(256), int(self.pick([12, 12, 24, 36, 7]))
        tuning, base_c = float(self.rng.uniform(-0.5, 0.5)), self.chance(0.5)
        octave, width = float(self.rng.uniform(3, 7)), self.pick([None, 2.0, float(self.rng.uniform(0.5, 4))])
        # The smallest weight is the tail of a Gaussian that underflows: nothing to divide by.
        norm = self.pick([norm for norm in NORMS if norm[0] != "min"])
        config = {"sample_rate": rate, "n_fft": n_fft, "n_chroma": n_chroma, "tuning": tuning, "centre_octave": octave,
                  "octave_width": width, "norm": norm[0], "base_c": base_c}
        expected = librosa.filters.chroma(sr=rate, n_fft=n_fft, n_chroma=n_chroma, tuning=tuning, ctroct=octave,
                                          octwidth=width, norm=norm[1], base_c=base_c, dtype=np.float64)
        return of_norm(norm, self.request("chroma_filterbank", config, [[0.0]]), expected)

    def chroma_stft(self):
        stft, peer = self.stft_config()
        n_chroma, norm = int(self.pick([12, 12, 24, 36])), self.pick(NORMS)
        tuning = float(self.rng.uniform(-0.5, 0.5))
        config = {"stft": stft, "n_chroma": n_chroma, "tuning": tuning, "norm": norm[0]}
        x = self.sound(stft)
        spectra = np.abs(librosa.stft(x.astype(float), **peer)) ** 2
        expected = librosa.feature.chroma_stft(S=spectra, sr=stft["sample_rate"], n_fft=stft["n_fft"], norm=norm[1],
                                               n_chroma=n_chroma, tuning=tuning, dtype=np.float64)
        return of_norm(norm, self.request("chroma_stft", config, x), expected)

    def descriptor(self, feature, config, function, **peer):
        stft, words = self.stft_config()
        x = self.sound(stft)
        spectra = np.abs(librosa.stft(x.astype(float), **words))
        rate = {} if feature == "spectral_flatness" else {"sr": stft["sample_rate"]}
        expected = function(S=spectra, **rate, **peer)
        return difference(self.request(feature, config | {"stft": stft}, x), expected)

    def centroid(self):
        return self.descriptor("spectral_centroid", {}, librosa.feature.spectral_centroid)

    def bandwidth(self):
        power, norm = float(self.pick([2.0, 1.0, self.rng.uniform(0.5, 4)])), self.chance(0.6)
        return self.descriptor("spectral_bandwidth", {"power": power, "normalised": norm},
                               librosa.feature.spectral_bandwidth, p=power, norm=norm)

    def rolloff(self):
        share = float(self.pick([0.85, self.rng.uniform(0.01, 0.99)]))
        return self.descriptor("spectral_rolloff", {"share": share}, librosa.feature.spectral_rolloff,
                               roll_percent=share)

    def flatness(self):
        power, floor = float(self.pick([2.0, 1.0, self.rng.uniform(0.5, 3)])), float(10 ** self.rng.uniform(-10, -3))
        return self.descriptor("spectral_flatness", {"power": power, "floor": floor},
                               librosa.feature.spectral_flatness, power=power, amin=floor)

    def contrast(self):
        linear, quantile = self.chance(0.5), float(self.pick([0.02, self.rng.uniform(0.01, 0.5)]))
        bands = int(self.rng.integers(1, 7))
        stft, words = self.stft_config(low=256)
        # Every band has two Fourier bins, and the highest but one begins below half the rate.
        step = stft["sample_rate"] / stft["n_fft"]
        f_min = float(self.rng.uniform(2 * step, stft["sample_rate"] / 2 ** (bands + 1)))
        x = self.sound(stft)
        expected = librosa.feature.spectral_contrast(S=np.abs(librosa.stft(x.astype(float), **words)), fmin=f_min,
                                                     sr=stft["sample_rate"], n_bands=bands, quantile=quantile,
                                                     linear=linear)
        config = {"f_min": f_min, "bands": bands, "quantile": quantile, "linear": linear, "stft": stft}
        return difference(self.request("spectral_contrast", config, x), expected)

    def level(self):
        rate, length = int(self.pick(RATES)), int(self.rng.integers(2, 3000))
        hop, centred, pad = int(self.rng.integers(1, 1500)), self.chance(0.7), self.pick(list(PADS))
        x = self.audio(rate, (length + 1) / rate, (length + 40 * hop) / rate)
        config = {"sample_rate": rate, "frame_length": length, "hop": hop, "pad": pad,
                  "layout": "centred" if centred else "inside"}
        return config, x, dict(frame_length=length, hop_length=hop, center=centred), PADS[pad]

    def rms(self):
        config, x, peer, pad = self.level()
        expected = librosa.feature.rms(y=x.astype(float), pad_mode=pad, dtype=np.float64, **peer)
        return difference(self.request("rms", config, x), expected)

    def crossings(self):
        config, x, peer, _ = self.level()
        threshold = float(self.pick([1e-10, 0.0, self.rng.uniform(0, 0.2)]))
        config |= {"pad": "edge", "threshold": threshold}
        expected = librosa.feature.zero_crossing_rate(x, threshold=np.float32(threshold), **peer)
        return difference(self.request("zero_crossing_rate", config, x), expected)

    # Rhythm.

    def beats(self, seconds=12):
        """Strokes in a tempo that wavers, in noise; onset strength of it."""
        rate, hop = int(self.pick([16000, 22050, 44100])), int(self.pick([256, 441, 512, 1000]))
        n = int(self.rng.uniform(4, seconds) * rate)
        x = 0.01 * self.rng.normal(size=n)
        at, period = 0.1, 60 / self.rng.uniform(60, 200)
        decay = np.exp(-np.arange(int(0.05 * rate)) / (0.01 * rate))
        while (start := int(at * rate)) < n:
            stroke = self.rng.normal(size=decay.size) * decay * self.rng.uniform(0.2, 1)
            x[start:start + decay.size] += stroke[:n - start]
            at += period * self.rng.uniform(0.95, 1.05)
        return rate, hop, (0.5 * x / np.abs(x).max()).astype(np.float32)

    def strength(self):
        rate, hop, x = self.beats()
        curve = librosa.onset.onset_strength(y=x.astype(float), sr=rate, hop_length=hop).astype(np.float32)
        log_mel = {"sample_rate": rate, "n_fft": 2048, "hop": hop, "n_mels": 128, "f_min": 0.0, "f_max": rate / 2,
                   "mel_scale": "slaney", "filter_norm": "slaney", "power": "power", "log": "db", "floor": 1e-10,
                   "top_db": 80.0, "pad": "zero", "drop_first": False, "trim_last_sample": False}
        return rate, hop, log_mel, curve

    def onset_strength(self):
        rate, hop, x = self.beats(5)
        n_fft, n_mels = self.pick([512, 1024, 2048]), int(self.rng.integers(16, 129))
        lag, size = int(self.rng.integers(1, 6)), int(self.pick([1, 1, 3, 5, 4]))
        detrend, centred = self.chance(0.3), self.chance(0.7)
        aggregate = self.pick([("mean", np.mean), ("median", np.median), ("max", np.max)])
        edges = sorted({0, n_mels, *(int(b) for b in self.rng.integers(1, n_mels, 2))})
        bands = list(zip(edges, edges[1:])) if self.chance(0.5) else []
        log_mel = {"sample_rate": rate, "n_fft": n_fft, "hop": hop, "n_mels": n_mels, "f_min": 0.0, "f_max": rate / 2,
                   "mel_scale": "slaney", "filter_norm": "slaney", "power": "power", "log": "db", "floor": 1e-10,
                   "top_db": 80.0, "pad": "zero", "drop_first": False, "trim_last_sample": False}
        config = {"log_mel": log_mel, "lag": lag, "max_size": size, "detrend": detrend, "centred": centred,
                  "aggregate": aggregate[0], "bands": [{"start": a, "end": b} for a, b in bands]}
        expected = librosa.onset.onset_strength_multi(
            y=x.astype(float), sr=rate, n_fft=n_fft, hop_length=hop, lag=lag, max_size=size, detrend=detrend,
            center=centred, aggregate=aggregate[1], n_mels=n_mels, dtype=np.float64,
            channels=[slice(a, b) for a, b in bands] or [slice(None)])
        return difference(self.request("onset_strength", config, x), expected)

    def onsets(self):
        rate, hop, log_mel, curve = self.strength()
        normalised, backtrack = self.chance(0.7), self.chance(0.3)
        config = {"strength": {"log_mel": log_mel}, "normalised": normalised, "backtrack": backtrack}
        expected = librosa.onset.onset_detect(onset_envelope=curve.astype(float), sr=rate, hop_length=hop,
                                              normalize=normalised, backtrack=backtrack)
        return difference(self.request("onsets", config, column(curve)), expected)

    def peaks(self):
        curve = np.abs(self.rng.normal(size=int(self.rng.integers(1, 400)))).astype(np.float32)
        config = {k: int(self.rng.integers(low, 12)) for k, low in
                  [("pre_max", 0), ("post_max", 1), ("pre_avg", 0), ("post_avg", 1), ("wait", 0)]}
        config["delta"] = float(self.pick([0.0, 0.07, self.rng.uniform(0, 1)]))
        expected = librosa.util.peak_pick(curve.astype(float), **config)
        return difference(self.request("peaks", config, column(curve)), expected)

    def tempogram(self):
        rate, hop, _, curve = self.strength()
        win_length, centred, norm = int(self.rng.integers(2, min(400, curve.size))), self.chance(0.7), self.pick(NORMS[:4])
        ours, theirs = self.pick([("hann", "hann"), ("hamming", "hamming"), ("rectangular", "boxcar")])
        config = {"win_length": win_length, "window": ours, "centred": centred, "norm": norm[0]}
        expected = librosa.feature.tempogram(onset_envelope=curve.astype(float), sr=rate, hop_length=hop,
                                             win_length=win_length, center=centred, window=theirs, norm=norm[1])
        request = {"sample_rate": rate, "hop": hop, "tempogram": config}
        return of_norm(norm, self.request("tempogram", request, column(curve)), expected)

    def fourier_tempogram(self):
        rate, hop, _, curve = self.strength()
        win_length, centred = 2 * int(self.rng.integers(1, min(200, curve.size // 2))), self.chance(0.7)
        config = {"win_length": win_length, "window": self.pick(["hann", "hamming"]), "centred": centred}
        expected = librosa.feature.fourier_tempogram(onset_envelope=curve.astype(float), sr=rate, hop_length=hop,
                                                     win_length=win_length, center=centred, window=config["window"])
        request = {"sample_rate": rate, "hop": hop, "tempogram": config}
        return difference(self.request("fourier_tempogram", request, column(curve)), expected)

    def tempo_config(self, log_mel):
        start, std = float(self.pick([120.0, self.rng.uniform(60, 200)])), float(self.pick([1.0, self.rng.uniform(0.2, 3)]))
        seconds, fastest = float(self.pick([8.0, self.rng.uniform(2, 12)])), self.pick([320.0, None, 200.0])
        config = {"strength": {"log_mel": log_mel}, "start_bpm": start, "std_bpm": std, "window_seconds": seconds,
                  "max_bpm": fastest}
        return config, dict(start_bpm=start, std_bpm=std, ac_size=seconds, max_tempo=fastest)

    def tempo(self):
        rate, hop, log_mel, curve = self.strength()
        config, peer = self.tempo_config(log_mel)
        frames = self.chance(0.4)
        expected = librosa.feature.tempo(onset_envelope=curve.astype(float), sr=rate, hop_length=hop,
                                         aggregate=None if frames else np.mean, **peer)
        return difference(self.request("frame_tempo" if frames else "tempo", config, column(curve)), expected)

    def beat_track(self):
        rate, hop, log_mel, curve = self.strength()
        start, tightness, trim = float(self.rng.uniform(60, 200)), float(10 ** self.rng.uniform(0.5, 3)), self.chance(0.5)
        bpm = self.pick([None, float(self.rng.uniform(60, 200))])
        config = {"tempo": {"strength": {"log_mel": log_mel}, "start_bpm": start}, "bpm": bpm, "tightness": tightness,
                  "trim": trim}
        tempo, frames = librosa.beat.beat_track(onset_envelope=curve.astype(float), sr=rate, hop_length=hop, bpm=bpm,
                                                start_bpm=start, tightness=tightness, trim=trim)
        expected = np.concatenate([np.atleast_1d(tempo), frames])
        return difference(self.request("beats", config, column(curve)), expected)

    def pulse(self):
        rate, hop, log_mel, curve = self.strength()
        win_length = 2 * int(self.rng.integers(32, min(200, curve.size // 2)))
        low, high = float(self.pick([30.0, self.rng.uniform(30, 60)])), float(self.pick([300.0, self.rng.uniform(150, 400)]))
        config = {"strength": {"log_mel": log_mel}, "win_length": win_length, "min_bpm": low, "max_bpm": high}
        # librosa divides each frame by np.abs(ftgram.max()), which is 0 where the real part is negative.
        spectra = librosa.feature.fourier_tempogram(onset_envelope=curve.astype(float), sr=rate, hop_length=hop,
                                                    win_length=win_length)
        rates = librosa.fourier_tempo_frequencies(sr=rate, hop_length=hop, win_length=win_length)
        spectra[(rates < low) | (rates > high)] = 0
        size = np.log1p(1e6 * np.abs(spectra))
        spectra[size < size.max(axis=0, keepdims=True)] = 0
        spectra /= np.finfo(float).tiny ** 0.5 + np.abs(spectra).max(axis=0, keepdims=True)
        pulse = librosa.istft(spectra, hop_length=1, n_fft=win_length, length=curve.size)
        expected = librosa.util.normalize(np.clip(pulse, 0, None), axis=-1)
        return difference(self.request("pulse", config, column(curve)), expected[None])

    # Pitch, beyond what constant_q.py has.

    def pyin(self):
        rate, frame = int(self.pick([16000, 22050])), int(self.pick([1024, 2048]))
        f_min = float(self.rng.uniform(3.0 * rate / frame, 6.0 * rate / frame))
        f_max = float(self.rng.uniform(4 * f_min, min(rate / 4, 12 * f_min)))
        t = np.arange(int(self.rng.uniform(0.4, 0.8) * rate)) / rate
        f0 = self.rng.uniform(1.3 * f_min, 0.6 * f_max) * 2 ** (0.3 * np.sin(2 * np.pi * 3 * t) / 12)
        phase = 2 * np.pi * np.cumsum(f0) / rate
        x = sum(np.sin(k * phase + k) / k for k in range(1, 5)) * 0.3 * (np.sin(2 * np.pi * 2 * t) > -0.5)
        x = (x + self.pick([0.001, 0.01]) * self.rng.normal(size=t.size)).astype(np.float32)
        hop, centred = int(self.rng.integers(frame // 8, frame // 2)), self.chance(0.5)
        # librosa refuses ranges narrower than what is crossed in a frame.
        f_max = max(f_max, f_min * 2 ** ((round(35.92 * 12 * hop / rate) + 1) / 12))
        yin = {"sample_rate": rate, "f_min": f_min, "f_max": f_max, "frame_length": frame, "hop": hop,
               "centred": centred, "pad": "zero"}
        thresholds, resolution = int(self.pick([100, 50])), float(self.pick([0.1, 0.2]))
        beta, boltzmann = self.pick([(2.0, 18.0), (2.0, 11.0)]), float(self.pick([2.0, 1.0]))
        config = {"yin": yin, "n_thresholds": thresholds, "beta_parameters": beta, "boltzmann_parameter": boltzmann,
                  "resolution": resolution}
        expected = librosa.pyin(
            x.astype(float), fmin=f_min, fmax=f_max, sr=rate, frame_length=frame, hop_length=hop,
            n_thresholds=thresholds, beta_parameters=beta, boltzmann_parameter=boltzmann, resolution=resolution,
            center=centred, pad_mode="constant", fill_na=0.0)
        f0, voiced, probability = self.request("pyin", config, x).T
        # Where nothing is voiced, many paths are equally likely, and rounding chooses: librosa leaves f0 out there.
        ours = f0 * voiced, voiced, probability
        return max(difference(*pair) for pair in zip(ours, (part.astype(float) for part in expected)))

    # nnAudio, which computes in single precision.

    def nn(self, name, *arguments, **more):
        from nnAudio import features
        return getattr(features, name)(*arguments, verbose=False, **more)

    def nn_stft(self):
        config, peer = self.stft_config(window=False)
        config["pad"] = self.pick(["reflect", "zero"])
        x = self.sound(config)
        transform = self.nn("STFT", n_fft=config["n_fft"], hop_length=config["hop"], win_length=config["win_length"],
                            center=peer["center"], pad_mode=PADS[config["pad"]], output_format="Complex",
                            sr=config["sample_rate"], freq_scale="no")
        y = transform(torch.from_numpy(x)[None])[0].numpy()
        return difference(self.request("stft", config, x), y[..., 0] + 1j * y[..., 1])

    def nn_mel(self):
        rate, n_fft = int(self.pick(RATES)), self.n_fft(256)
        mel, peer = self.mel_config(rate, n_fft)
        hop = int(self.rng.integers(n_fft // 8, n_fft + 1))
        stft = {"sample_rate": rate, "n_fft": n_fft, "hop": hop, "pad": self.pick(["reflect", "zero"])}
        x = self.sound(stft)
        transform = self.nn("MelSpectrogram", sr=rate, n_fft=n_fft, n_mels=mel["n_mels"], hop_length=hop,
                            pad_mode=PADS[stft["pad"]], htk=peer["htk"], fmin=mel["f_min"], fmax=mel["f_max"],
                            norm=1 if peer["norm"] else None)
        expected = transform(torch.from_numpy(x)[None])[0].numpy()
        return difference(self.request("mel", {"stft": stft, "power": "power", "mel": mel}, x), expected)

    def nn_mfcc(self):
        rate, n_fft, n_mels = int(self.pick(RATES)), self.n_fft(512), int(self.rng.integers(20, 129))
        hop, n_mfcc = int(self.rng.integers(n_fft // 8, n_fft + 1)), int(self.rng.integers(1, 21))
        log_mel = {"sample_rate": rate, "n_fft": n_fft, "hop": hop, "n_mels": n_mels, "f_min": 0.0, "f_max": rate / 2,
                   "mel_scale": "slaney", "filter_norm": "slaney", "power": "power", "log": "db", "floor": 1e-10,
                   "top_db": 80.0, "pad": "reflect", "drop_first": False, "trim_last_sample": False}
        x = self.sound(log_mel)
        transform = self.nn("MFCC", sr=rate, n_mfcc=n_mfcc, n_fft=n_fft, hop_length=hop, n_mels=n_mels)
        expected = transform(torch.from_numpy(x)[None])[0].numpy()
        return difference(self.request("mfcc", {"log_mel": log_mel, "n_mfcc": n_mfcc}, x), expected)

    def nn_cqt(self):
        """nnAudio takes lengths from Q = 1/(2^(1/b) − 1) and rounds them up; the same length without rounding is ours."""
        rate, per_octave = int(self.pick([16000, 22050, 44100])), int(self.pick([12, 24, 36]))
        f_min = float(self.rng.uniform(100, 400))
        bins = int(self.rng.integers(1, int(np.log2(0.35 * rate / f_min) * per_octave)))
        hop = int(self.rng.integers(64, 1025))
        q = 1 / (2 ** (1 / per_octave) - 1)
        config = {"sample_rate": rate, "hop": hop, "f_min": f_min, "bins": bins, "bins_per_octave": per_octave,
                  "filter_scale": q * constant_q.relative_bandwidth(per_octave), "sparsity": 0.0}
        x = self.audio(rate, 0.5, 1.0)
        transform = self.nn("CQT1992v2", sr=rate, hop_length=hop, fmin=f_min, n_bins=bins, bins_per_octave=per_octave,
                            pad_mode="constant")
        theirs = transform(torch.from_numpy(x)[None])[0].numpy()
        ours = self.request("cqt_magnitudes", config, x)
        map, theirs = ours.T, theirs.T
        frames = min(len(map), len(theirs))
        places = np.stack([self.rng.integers(0, n, 40) for n in [frames, bins]], axis=1)
        config |= {"tuning": 0.0, "gamma": {"hz": 0.0}, "norm": "l1", "window": "hann", "scale": True,
                   "wavelet_rate": "full"}
        expected = np.abs(constant_q.definition(config, x, places))
        own = np.abs(map[tuple(places.T)] - expected).max() / map.max()
        rounded = []
        for frame, bin in places:
            length = np.ceil(q * rate / constant_q.frequency(config, bin))
            t = np.arange(np.floor(-length / 2), np.floor(length / 2))
            window = scipy.signal.get_window("hann", t.size)
            wavelet = np.sqrt(length) / window.sum() * window
            wavelet = wavelet * np.exp(2j * np.pi * constant_q.frequency(config, bin) / rate * t)
            # nnAudio reads its wavelets forwards, librosa backwards.
            index = (frame * hop + t).astype(int)
            inside = (index >= 0) & (index < x.size)
            rounded.append(abs(wavelet[inside] @ x[index[inside]].astype(float)))
        self.peer_off.append(np.abs(theirs[tuple(places.T)] - expected).max() / map.max())
        return max(own, np.abs(theirs[tuple(places.T)] - rounded).max() / map.max())


def kaldi_bands(design):
    """torchaudio's `get_mel_banks` in double precision."""

    def bands(num_bins, padded, rate, low, high, *vtln):
        high = high + rate / 2 if high <= 0 else high
        mel = lambda f: 1127.0 * np.log1p(f / 700.0)
        step = (mel(high) - mel(low)) / (num_bins + 1)
        left = mel(low) + np.arange(num_bins)[:, None] * step
        points = mel(rate / padded * np.arange(padded // 2))[None]
        up, down = (points - left) / step, (left + 2 * step - points) / step
        weights = np.maximum(0, np.minimum(up, down))
        single = design(num_bins, padded, rate, low, high, *vtln)[0].numpy()
        assert np.abs(single - weights).max() < 1e-2
        return torch.from_numpy(weights), None

    return bands


# Family: (generator, what it is compared with, share of the settings, tolerance, why it is not 1e-5).
FAMILIES = {
    "windows": ("windows", "SciPy", 3, 1e-5, ""),
    "STFT": ("stft", "librosa", 4, 1e-5, ""),
    "STFT, torch": ("stft_torch", "torch", 2, 1e-5, ""),
    "inverse STFT": ("istft", "librosa", 3, 1e-5, ""),
    "inverse STFT, uncentred": ("istft_uncentred", "librosa", 2, 1e-5, ""),
    "inverse STFT, torch": ("istft_torch", "torch", 2, 1e-5, ""),
    "Griffin-Lim": ("griffin_lim", "librosa", 2, 1e-5,
                    "divides by magnitudes near 0: peer off is librosa in single precision"),
    "mel filterbank": ("mel_filterbank", "librosa", 2, 1e-5, ""),
    "mel": ("mel", "librosa", 3, 1e-5, ""),
    "mel, torchaudio": ("mel_torch", "torchaudio", 2, 1e-5, "peer off: its bands, designed in single precision"),
    "log-mel": ("log_mel", "librosa", 3, 1e-5, ""),
    "log-mel, torchaudio": ("log_mel_torch", "torchaudio", 2, 1e-5, "the same"),
    "Kaldi filterbank": ("kaldi", "torchaudio", 3, 1e-5, ""),
    "MFCC": ("mfcc", "librosa", 3, 1e-5, ""),
    "MFCC, torchaudio": ("mfcc_torch", "torchaudio", 2, 1e-5, "the same"),
    "decibels": ("decibels", "librosa", 2, 1e-5, ""),
    "normalisation": ("normalise", "librosa", 2, 1e-5, ""),
    "PCEN": ("pcen", "librosa", 3, 1e-5, ""),
    "deltas": ("delta", "librosa", 2, 1e-5, ""),
    "deltas, torchaudio": ("delta_torch", "torchaudio", 1, 1e-5, ""),
    "chroma filterbank": ("chroma_filterbank", "librosa", 2, 1e-5, ""),
    "chroma of an STFT": ("chroma_stft", "librosa", 3, 1e-5, ""),
    "spectral centroid": ("centroid", "librosa", 2, 1e-5, ""),
    "spectral bandwidth": ("bandwidth", "librosa", 2, 1e-5, ""),
    "spectral roll-off": ("rolloff", "librosa", 2, 1e-5, ""),
    "spectral flatness": ("flatness", "librosa", 2, 1e-5, ""),
    "spectral contrast": ("contrast", "librosa", 2, 1e-5, ""),
    "RMS": ("rms", "librosa", 2, 1e-5, ""),
    "zero crossings": ("crossings", "librosa", 2, 1e-5, ""),
    "onset strength": ("onset_strength", "librosa", 3, 1e-5, ""),
    "onsets": ("onsets", "librosa", 2, 1e-5, ""),
    "peak picking": ("peaks", "librosa", 2, 1e-5, ""),
    "tempogram": ("tempogram", "librosa", 2, 1e-5, ""),
    "Fourier tempogram": ("fourier_tempogram", "librosa", 2, 1e-5, ""),
    "tempo": ("tempo", "librosa", 2, 1e-5, ""),
    "beats": ("beat_track", "librosa", 2, 1e-5, ""),
    "predominant pulse": ("pulse", "librosa, its frames scaled alike", 2, 1e-5, ""),
    "pYIN": ("pyin", "librosa", 1, 1e-5, ""),
    "STFT, nnAudio": ("nn_stft", "nnAudio", 1, 1e-5, ""),
    "mel, nnAudio": ("nn_mel", "nnAudio", 1, 1e-5, ""),
    "MFCC, nnAudio": ("nn_mfcc", "nnAudio", 1, 1e-5, ""),
    "CQT, nnAudio": ("nn_cqt", "either's definition in double precision", 1, 1e-4,
                     "nnAudio rounds the lengths of its wavelets up, and reads them forwards"),
}


def versions():
    from importlib.metadata import version

    packages = ["librosa", "torch", "torchaudio", "nnAudio", "numpy", "scipy"]
    return ", ".join(f"{name} {version(name)}" for name in packages) + f", Python {platform.python_version()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="the compiled example `parity`")
    parser.add_argument("--settings", type=int, default=800)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--summary", type=Path)
    args = parser.parse_args()
    ours = Ours(args.program)
    halves = {name: constant_q.chosen(families, args.only) for name, families in
              [("features", FAMILIES), ("constant-Q", constant_q.FAMILIES)]}
    shares = sum(family[2] for half in halves.values() for family in half.values())
    rows = {}
    for name, generator in [("features", Generator(args.seed, ours)),
                            ("constant-Q", constant_q.Generator(args.seed, ours))]:
        rows[name] = constant_q.compare(generator, halves[name], args.settings / max(shares, 1))
    if args.summary:
        args.summary.write_text(summary(rows, args))
    sys.exit(any(row["above"] for half in rows.values() for row in half))


def summary(rows, args):
    total = sum(row["settings"] for half in rows.values() for row in half)
    lines = [
        "# Differential test of the features",
        "",
        f"`scripts/parity/features.py --settings {args.settings} --seed {args.seed}`: {total} random settings,",
        f"{versions()}.",
        "",
        "Differences are relative to the largest magnitude of the feature in that setting (tuning: in bins). The",
        "peers compute in double precision where they can. None of the settings was skipped. *Above*: settings",
        "above the tolerance.",
    ]
    for title, half in [("Features", rows["features"]), ("Constant-Q transforms and pitch", rows["constant-Q"])]:
        lines += ["", f"## {title}", "", *constant_q.table(half)]
    return "\n".join(lines) + "\n" + NOTES


NOTES = """
## Differences by name

- *Peer off*: how many settings have a peer whose values are further from the definition, computed in double
  precision, than ours; the median and the largest of its differences.
- `cqt`, `vqt`: librosa resamples each octave of the signal, then cuts it off at the ends. Frames that see an end of
  the recording contain what its resampler made of it, and no longer the recording; ours go on in silence. librosa
  is given the recording with enough silence around it.
- Sparsity: a wavelet whose spectrum was thinned out no longer ends in time. `wavelet_rate: octave` and `librosa`
  cut it where librosa does. `full` thins the signal further: the values differ in proportion to the sparsity, and
  are as far from those of whole wavelets as librosa's.
- Whole wavelets: librosa and we leave out frequencies below 0 Hz and above half the rate, into which the side lobes
  of low, broad and high wavelets reach.
- One coefficient: librosa rounds its wavelets to single precision before it leaves out the smallest
  coefficients. Where two are nearly equal, that decides which.
- Griffin-Lim: each iteration divides by magnitudes, of which some are near 0, so rounding grows. Ours iterates in
  double precision and is compared with librosa in double precision; librosa in single precision is *peer off*.
- Decibels: a spectrum in single precision is exact to some 1e-7 of its largest amplitude. Values far below the
  loudest of their frame are held to a relative 1e-5 in decibels or to 1e-6 of that amplitude.
- `normalize` by the smallest magnitude: where that is rounding noise, the frames are compared up to the factor. The
  chroma filterbank is not divided by its smallest weight, which underflows.
- Kaldi's filterbank with its mean subtracted: relative to the largest value before.
- `torchaudio`: its mel bands are designed in single precision (*peer off*, relative to the largest weight). The
  comparison gives it bands in double precision.
- `beat.plp`: librosa divides each frame by `abs(max(...))` of complex numbers, which is 0 where the real part is
  negative. The comparison divides by the magnitude, as the paper does.
- `stft` of a recording that is a multiple of the hop, mirrored: librosa mirrors the last half frame at its first
  sample, where one more would be needed. It is given the recording with its mirror images.
- pYIN: where nothing is voiced, many paths are equally likely and rounding chooses; frequencies are compared where a
  frame is voiced, flags and probabilities everywhere.
- Constant-Q transforms of few bins an octave: the definition cuts wavelets off at 0 Hz, and what is cut off hears loud
  sines far away. Such groups are computed at the full rate (of 400 hybrid transforms of seed 5 the largest difference
  is 3.8e-5; it was 5.7e-4 when they were thinned).
- `istft` without centring: samples under less than 1e-8 of the largest sum of squared windows are 0 with us; librosa
  divides by whatever is there. They are not compared.
- nnAudio's constant-Q transform rounds lengths up and reads its wavelets forwards. Both agree with their definitions.
"""

if __name__ == "__main__":
    main()
