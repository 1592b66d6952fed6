"""Compares constant-Q transforms and what is made from them with librosa 0.11, on random settings.

Environment (Python 3.11):
    python -m venv parity && parity/bin/pip install librosa==0.11.0 numpy scipy
Run from the root of the repository:
    cargo build --release -p mir-features --example parity
    parity/bin/python scripts/parity/constant_q.py target/release/examples/parity
Options: `--settings N` (default 400), `--seed N`, `--only WORD` for the families whose names contain it,
`--speed` times the transforms beside librosa on one thread instead, in turns. `features.py` runs these
families too, and writes the summary of all.

Every setting is drawn over the whole admissible range that the peer has too; none is skipped. Differences
are relative to the largest value of the map. Where librosa's transforms and ours differ, the definition decides,
computed in double precision at the places where they do. A family fails above its tolerance, and the exit code
is 1.
"""

import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
import zlib
from pathlib import Path

for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"]:
    os.environ[name] = "1"

import librosa
import numpy as np
import scipy
import scipy.signal

warnings.simplefilter("ignore")
C1 = 32.70319566257483


class Ours:
    """The `parity` example: a request and an answer for each feature."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.folder = tempfile.TemporaryDirectory()
        self.seconds = None
        # The last request: feature, configuration, shape.
        self.asked = None

    def __call__(self, feature, config, x):
        x = np.ascontiguousarray(np.atleast_2d(x), dtype="<f4")
        source, target = Path(self.folder.name) / "in", Path(self.folder.name) / "out"
        x.tofile(source)
        request = {"feature": feature, "config": config, "shape": x.shape}
        self.asked = json.dumps(request)
        request |= {"input": str(source), "output": str(target)}
        print(json.dumps(request), file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise ValueError(f"{feature} {config}: {answer['error']}")
        self.seconds = answer.get("seconds")
        y = np.fromfile(target, "<f4").reshape(answer["shape"])
        return y[..., 0] + 1j * y[..., 1] if feature in ["cqt", "stft", "fourier_tempogram"] else y


def difference(ours, expected):
    """The largest difference as a share of the largest expected value; shapes must agree."""
    if ours.shape != expected.shape:
        raise ValueError(f"shape {ours.shape} instead of {expected.shape}")
    largest = np.abs(expected).max(initial=0.0)
    return np.abs(ours - expected).max(initial=0.0) / (largest or 1.0)


def relative_bandwidth(bins_per_octave):
    r = 2.0 ** (2.0 / bins_per_octave)
    return (r - 1) / (r + 1)


def frequency(config, bin):
    return config["f_min"] * 2 ** ((bin + config["tuning"]) / config["bins_per_octave"])


def length(config, bin, level=0):
    """Of a wavelet, in samples of the rate after some halvings."""
    alpha = relative_bandwidth(config["bins_per_octave"])
    bandwidth = frequency(config, bin) + config["gamma"]["hz"] / alpha
    return config["filter_scale"] / alpha * config["sample_rate"] / 2**level / bandwidth


def wavelet(config, bin, level=0):
    """Its points and their times, at the rate after some halvings, for a sum of L times the norm."""
    samples = length(config, bin, level)
    t = np.arange(np.floor(-samples / 2), np.floor(samples / 2))
    window = scipy.signal.get_window(config["window"], t.size)
    norm = {"l1": np.abs(window).sum(), "l2": np.sqrt((window**2).sum()), "max": window.max(), "none": 1.0}
    cycles = frequency(config, bin) / config["sample_rate"] * 2**level
    gain = samples * 2**level / (np.sqrt(length(config, bin)) if config["scale"] else 1.0)
    return gain / norm[config["norm"]] * window * np.exp(2j * np.pi * cycles * t), t


def whole_wavelets(config, x, frames, bins):
    """Inner products with the wavelets in full, in double precision: nothing is cut off or left out."""
    out = np.empty((len(frames), len(bins)), complex)
    for column, bin in enumerate(bins):
        points, t = wavelet(config, bin)
        for row, frame in enumerate(frames):
            index = (frame * config["hop"] - t).astype(int)
            inside = (index >= 0) & (index < x.size)
            out[row, column] = points[inside] @ x[index[inside]].astype(float)
    return out


def halvings(config, bin):
    """How often librosa halves the rate before the octave of a bin."""
    octaves = -(-config["bins"] // config["bins_per_octave"])
    twos = (config["hop"] & -config["hop"]).bit_length() - 1
    octave = (config["bins"] - 1 - bin) // min(config["bins_per_octave"], config["bins"])
    early = 0
    if config["wavelet_rate"] == "librosa":
        alpha = relative_bandwidth(config["bins_per_octave"])
        bandwidth = librosa.filters.window_bandwidth(config["window"]) * alpha / config["filter_scale"]
        cutoff = frequency(config, config["bins"] - 1) * (1 + 0.5 * bandwidth) + 0.5 * config["gamma"]["hz"]
        room = int(np.ceil(np.log2(config["sample_rate"] / 2 / cutoff)) - 2)
        early = min(max(0, room), max(0, twos - octaves + 1))
    return 0 if config["wavelet_rate"] == "full" else early + min(octave, twos - early)


def spectrum(config, bin, level, n_fft):
    """What is kept of a wavelet's spectrum, from 0 Hz to half the rate."""
    points, _ = wavelet(config, bin, level)
    padded = np.zeros(n_fft, complex)
    left = (n_fft - points.size) // 2
    padded[left:left + points.size] = points / n_fft
    kept = np.fft.fft(padded)[:n_fft // 2 + 1]
    if config["sparsity"] > 0:
        kept = librosa.util.sparsify_rows(kept[None], quantile=config["sparsity"]).toarray()[0]
    return kept


def definition(config, x, places):
    """Values at some `(frame, bin)` as librosa defines them, in double precision throughout: the rate is halved by
    its resampler, and nothing is cut off beyond the ends."""
    thinned, values = {}, []
    for frame, bin in places:
        level = halvings(config, bin)
        per_octave = min(config["bins_per_octave"], config["bins"])
        first = max(0, config["bins"] - (1 + (config["bins"] - 1 - bin) // per_octave) * per_octave)
        n_fft = 2 ** int(np.ceil(np.log2(np.ceil(length(config, first, level)))))
        margin = 2 * n_fft
        if (level, margin) not in thinned:
            padded = np.zeros((2 * margin + x.size // 2**level + config["hop"] + 2) << level)
            padded[margin << level:(margin << level) + x.size] = x
            for _ in range(level):
                padded = librosa.resample(padded, orig_sr=2, target_sr=1, res_type="soxr_hq")
            thinned[level, margin] = padded
        start = margin + (frame * config["hop"] >> level) - n_fft // 2
        samples = np.fft.rfft(thinned[level, margin][start:start + n_fft])
        values.append(spectrum(config, bin, level, n_fft) @ samples)
    return np.array(values)


class Generator:
    """Random settings. Each method returns (family, largest difference)."""

    def __init__(self, seed, ours):
        self.seed = seed
        self.rng = np.random.default_rng(seed)
        self.ours = ours
        # Differences of a peer from the definition, where it is further away than we are.
        self.peer_off = []

    def pick(self, items):
        return items[int(self.rng.integers(len(items)))]

    def audio(self, rate, low=0.2, high=1.2):
        """White noise, noise that falls with frequency, or a chord with clicks."""
        n = int(self.rng.uniform(low, high) * rate)
        kind = self.rng.integers(3)
        noise = self.rng.uniform(-0.5, 0.5, n)
        if kind == 1:
            spectrum = np.fft.rfft(noise)
            spectrum /= np.sqrt(1 + np.arange(spectrum.size))
            noise = np.fft.irfft(spectrum, n)
            noise *= 0.5 / np.abs(noise).max()
        if kind == 2:
            t = np.arange(n) / rate
            chord = sum(np.sin(2 * np.pi * f * t) for f in self.rng.uniform(60, 0.4 * rate, 6)) / 8
            noise = chord + (self.rng.uniform(size=n) < 3 / rate) * self.rng.uniform(-1, 1, n)
        return noise.astype(np.float32)

    def cqt_config(self, odd=True):
        """A constant-Q or variable-Q transform whose highest wavelet stays below half the rate."""
        rate = self.pick([8000, 16000, 22050, 44100, 48000])
        per_octave = int(self.pick([5, 12, 12, 24, 36, 48, 60, 60]))
        f_min = float(C1 * 2 ** self.rng.uniform(0, 4))
        room = np.log2(0.4 * rate / f_min) - 0.3
        bins = int(self.rng.integers(1, max(2, int(room * per_octave))))
        hop = int(self.rng.integers(1, 1500))
        hop = max(hop, 40)
        return {
            "sample_rate": rate,
            "hop": hop | 1 if odd else hop,
            "f_min": f_min,
            "bins": bins,
            "bins_per_octave": per_octave,
            "tuning": float(self.pick([0.0, self.rng.uniform(-0.5, 0.5)])),
            "filter_scale": float(self.pick([1.0, 1.0, self.rng.uniform(0.8, 2.0)])),
            "gamma": {"hz": 0.0},
            "norm": self.pick(["l1", "l1", "l2", "max", "none"]),
            "sparsity": 0.0,
            "window": self.pick(["hann", "hann", "blackman"]),
            "scale": bool(self.rng.uniform() < 0.8),
            "pad": "zero",
            "wavelet_rate": "full",
        }

    def librosa(self, config, x, function=librosa.vqt, **more):
        norms = {"l1": 1, "l2": 2, "max": np.inf, "none": None}
        arguments = dict(
            sr=config["sample_rate"], hop_length=config["hop"], fmin=config["f_min"], n_bins=config["bins"],
            bins_per_octave=config["bins_per_octave"], tuning=config["tuning"],
            filter_scale=config["filter_scale"], norm=norms[config["norm"]], sparsity=config["sparsity"],
            window=config["window"], scale=config["scale"],
            pad_mode={"zero": "constant", "reflect": "reflect"}[config["pad"]],
        )
        if function is librosa.vqt:
            arguments |= {"gamma": config["gamma"]["hz"], "dtype": np.complex128}
        return function(x.astype(float), **arguments, **more)

    def judge(self, ours, theirs, values):
        """The difference from a peer; where it is above 1e-5, the definition says whose it is.

        `values(places)` are those of the definition at some indices. Where the peer is further from it than
        we are, its difference is noted, and ours from the definition counts if it is smaller.
        """
        frames = min(ours.shape[0], theirs.shape[0])
        if ours.shape[1] != theirs.shape[1] or abs(ours.shape[0] - theirs.shape[0]) > 1:
            raise ValueError(f"shape {ours.shape} instead of {theirs.shape}")
        ours, theirs = ours[:frames], theirs[:frames]
        largest = np.abs(theirs).max()
        distance = np.abs(ours - theirs) / largest
        if distance.max() <= 1e-5:
            return distance.max()
        places = np.argwhere(distance > 1e-5)
        worst = places[np.argsort(-distance[tuple(places.T)])[:20]]
        places = np.concatenate([worst, self.rng.permutation(places)[:20]])
        expected, at = values(places), tuple(places.T)
        own = np.abs(ours[at] - expected) / largest
        peer = np.abs(theirs[at] - expected) / largest
        if (peer > own).any():
            self.peer_off.append(peer[peer > own].max())
        return np.minimum(own, distance[at]).max()

    def cqt_definition(self):
        config = self.cqt_config(odd=False)
        x = self.audio(config["sample_rate"])
        map = self.ours("cqt", config, x)[0]
        places = np.stack([self.rng.integers(0, n, 40) for n in map.shape], axis=1)
        return np.abs(map[tuple(places.T)] - definition(config, x, places)).max() / np.abs(map).max()

    def against_whole(self, sparsity):
        """Distances of librosa and of us from inner products with whole wavelets."""
        config = self.cqt_config() | {"sparsity": sparsity}
        # librosa's single precision does not show in what is left out.
        x = self.audio(config["sample_rate"])
        ours, theirs = self.ours("cqt", config, x)[0], self.librosa(config, x).T
        frames, bins = (np.unique(self.rng.integers(0, n, 12)) for n in ours.shape)
        expected = whole_wavelets(config, x, frames, bins)
        return [np.abs(map[np.ix_(frames, bins)] - expected).max() / np.abs(theirs).max() for map in [theirs, ours]]

    def cqt_whole(self):
        theirs, ours = self.against_whole(0.0)
        self.peer_off.append(theirs)
        return ours

    def cqt_sparse(self):
        theirs, ours = self.against_whole(0.01)
        self.peer_off.append(theirs)
        return ours

    def cqt_librosa(self, config, seconds=(0.2, 1.2)):
        config |= {"sparsity": float(self.pick([0.0, 0.01, 0.01, self.rng.uniform(0, 0.01)]))}
        if self.rng.uniform() < 0.3:
            config["gamma"] = {"hz": float(self.rng.uniform(0, 30))}
        x = self.audio(config["sample_rate"], *seconds)
        ours = self.ours("cqt", config, x)[0]
        # librosa cuts off what each of its resamplings spreads beyond the ends; with enough silence around the
        # recording, there is nothing to cut off.
        before = -(-2 * int(length(config, 0)) // config["hop"]) + 1
        silence = np.zeros(before * config["hop"], np.float32)
        theirs = self.librosa(config, np.concatenate([silence, x, silence])).T
        return self.judge(ours, theirs[before:before + len(ours)], lambda places: definition(config, x, places))

    def cqt_odd(self):
        return self.cqt_librosa(self.cqt_config() | {"wavelet_rate": "octave"})

    def even(self, early):
        """Hops with factors of two, with or without librosa's early down-sampling."""
        while True:
            config = self.cqt_config() | {"wavelet_rate": "librosa"}
            config["hop"] = int(self.pick([1, 3, 5]) << int(self.rng.integers(4, 10)))
            if (halvings(config, config["bins"] - 1) > 0) == early:
                return config

    def cqt_even(self):
        return self.cqt_librosa(self.even(False), (1.0, 1.6))

    def cqt_early(self):
        return self.cqt_librosa(self.even(True), (1.0, 1.6))

    def pseudo_cqt(self):
        config = self.cqt_config() | {"sparsity": float(self.pick([0.0, 0.01, self.rng.uniform(0, 0.01)]))}
        x = self.audio(config["sample_rate"])
        ours, theirs = self.ours("pseudo_cqt", config, x)[0], self.librosa(config, x, librosa.pseudo_cqt).T

        def values(places):
            n_fft = 2 ** max(int(np.ceil(np.log2(np.ceil(length(config, 0))))), 1 + int(np.ceil(np.log2(config["hop"]))))
            spectra = np.abs(librosa.stft(x.astype(float), n_fft=n_fft, hop_length=config["hop"], pad_mode="constant"))
            out = []
            for frame, bin in places:
                # Without the scale of the wavelets' lengths.
                gain = np.sqrt(length(config, bin)) if config["scale"] else 1.0
                kept = np.abs(spectrum(config, bin, 0, n_fft)) * gain
                kept *= 1 / np.sqrt(n_fft) if config["scale"] else np.sqrt(length(config, bin) / n_fft)
                out.append(kept @ spectra[:, frame])
            return np.array(out)

        return self.judge(ours, theirs, values)

    def hybrid_cqt(self):
        config = self.cqt_config()
        x = self.audio(config["sample_rate"])
        return difference(self.ours("hybrid_cqt", config, x)[0].T, self.librosa(config, x, librosa.hybrid_cqt))

    def magnitudes(self, frames=None, bins=None):
        frames = frames or int(self.rng.integers(1, 80))
        bins = bins or int(self.rng.integers(1, 200))
        map = np.abs(self.rng.normal(0, self.pick([0.01, 1.0, 50.0]), (frames, bins)))
        map[self.rng.uniform(size=map.shape) < self.pick([0.0, 0.3])] = 0.0
        return map.astype(np.float32)

    def hpss(self):
        # SciPy's median filter departs from its definition where it is more than 8 times as long as the map.
        map = self.magnitudes(*(int(n) for n in self.rng.integers(5, 120, 2)))
        power = self.pick([1.0, 2.0, 2.0, 0.5, None])
        margins = self.pick([(1.0, 1.0), (1.0, 1.0), tuple(self.rng.uniform(1, 5, 2))])
        sizes = [int(n) for n in self.rng.integers(1, 40, 2)]
        config = {"harmonic": sizes[0], "percussive": sizes[1], "power": power,
                  "margin_harmonic": margins[0], "margin_percussive": margins[1]}
        expected = librosa.decompose.hpss(map.T.astype(float), kernel_size=tuple(sizes),
                                          power=np.inf if power is None else power, margin=margins)
        return difference(self.ours("hpss", config, map), np.stack([part.T for part in expected]))

    def soft_mask(self):
        pair = np.stack([self.magnitudes(30, 40), self.magnitudes(30, 40)])
        power = self.pick([1.0, 2.0, float(self.rng.uniform(0.2, 6)), None])
        half = bool(self.rng.integers(2))
        expected = librosa.util.softmask(pair[0].astype(float), pair[1].astype(float),
                                         power=np.inf if power is None else power, split_zeros=half)
        return difference(self.ours("soft_mask", {"power": power, "half": half}, pair), expected)

    def chroma_cqt(self):
        n_chroma = self.pick([12, 12, 24])
        per_octave = n_chroma * int(self.pick([1, 2, 3, 5]))
        map = self.magnitudes(bins=per_octave * int(self.rng.integers(1, 8)))
        f_min = float(C1 * 2 ** self.rng.uniform(0, 3))
        norm = self.pick([("max", np.inf), ({"lp": 1.0}, 1), ({"lp": 2.0}, 2), ("none", None)])
        threshold = float(self.pick([0.0, 0.5]))
        config = {"chroma": {"n_chroma": n_chroma, "threshold": threshold, "norm": norm[0]}, "f_min": f_min,
                  "bins_per_octave": float(per_octave)}
        expected = librosa.feature.chroma_cqt(C=map.T.astype(float), fmin=f_min, norm=norm[1],
                                              threshold=threshold, n_chroma=n_chroma, n_octaves=None,
                                              bins_per_octave=per_octave)
        return difference(self.ours("chroma_cqt", config, map).T, expected)

    def cens(self):
        chroma = self.magnitudes(bins=12)
        smoothing = self.pick([None, 1, 5, 41, int(self.rng.integers(1, 60))])
        norm = self.pick([({"lp": 2.0}, 2), ("max", np.inf), ({"lp": 1.0}, 1)])
        expected = librosa.feature.chroma_cens(C=chroma.T.astype(float), n_chroma=12, bins_per_octave=12,
                                               fmin=C1, win_len_smooth=smoothing, norm=norm[1])
        return difference(self.ours("cens", {"smoothing": smoothing, "norm": norm[0]}, chroma).T, expected)

    def tonnetz(self):
        chroma = self.magnitudes(bins=int(self.pick([12, 12, 24, 36])))
        return difference(self.ours("tonnetz", {}, chroma).T, librosa.feature.tonnetz(chroma=chroma.T.astype(float)))

    def tuning(self):
        n_fft = int(self.pick([1024, 2048, 4096]))
        rate = int(self.pick([16000, 22050, 44100]))
        x = self.audio(rate, 0.3, 1.0)
        spectra = np.abs(librosa.stft(x, n_fft=n_fft)).T.astype(np.float32)
        per_octave = int(self.pick([12, 24, 36]))
        resolution = float(self.pick([0.01, 0.02, 0.1]))
        threshold = float(self.pick([0.1, 0.02, 0.5]))
        config = {"peaks": {"sample_rate": rate, "n_fft": n_fft, "threshold": threshold},
                  "resolution": resolution, "bins_per_octave": per_octave}
        expected = librosa.estimate_tuning(S=spectra.T, sr=rate, n_fft=n_fft, resolution=resolution,
                                           bins_per_octave=per_octave, threshold=threshold)
        return np.abs(self.ours("tuning", config, spectra)[0] - expected)

    def piptrack(self):
        n_fft = int(self.pick([512, 2048, 4096]))
        rate = int(self.pick([16000, 22050, 44100]))
        x = self.audio(rate, 0.3, 1.0)
        spectra = np.abs(librosa.stft(x, n_fft=n_fft)).T.astype(np.float32)
        f_min, f_max = float(self.rng.uniform(0, 500)), float(self.rng.uniform(1000, rate))
        threshold = float(self.pick([0.1, 0.0, 0.7]))
        config = {"sample_rate": rate, "n_fft": n_fft, "f_min": f_min, "f_max": f_max, "threshold": threshold}
        peaks = self.ours("piptrack", config, spectra)
        maps = np.zeros((2, *spectra.shape))
        index = peaks[:, :2].astype(int)
        maps[:, index[:, 0], index[:, 1]] = peaks[:, 2:].T
        expected = librosa.piptrack(S=spectra.T, sr=rate, n_fft=n_fft, fmin=f_min, fmax=f_max, threshold=threshold)
        return max(difference(ours, part.T) for ours, part in zip(maps, expected))

    def yin(self):
        rate = int(self.pick([8000, 16000, 22050, 44100]))
        frame = int(self.pick([512, 1024, 2048, 2500]))
        f_min = float(self.rng.uniform(1.2 * rate / frame, 3.0 * rate / frame))
        f_max = float(self.rng.uniform(2 * f_min, rate / 2))
        hop, centred = int(self.rng.integers(50, 900)), bool(self.rng.integers(2))
        t = np.arange(int(self.rng.uniform(0.3, 1.0) * rate)) / rate
        f0 = self.rng.uniform(1.3 * f_min, 0.6 * f_max)
        x = sum(np.sin(2 * np.pi * f0 * k * t + k) / k for k in range(1, 5)) * 0.3
        x = (x + self.pick([0.0, 0.003, 0.03]) * self.rng.normal(size=t.size)).astype(np.float32)
        config = {"sample_rate": rate, "f_min": f_min, "f_max": f_max, "frame_length": frame, "hop": hop,
                  "trough_threshold": float(self.pick([0.1, 0.05, 0.3])), "centred": centred, "pad": "zero"}
        expected = librosa.yin(x.astype(float), fmin=f_min, fmax=f_max, sr=rate, frame_length=frame, hop_length=hop,
                               trough_threshold=config["trough_threshold"], center=centred, pad_mode="constant")
        return difference(self.ours("yin", config, x), expected)


# Family: (generator, what it is compared with, share of the settings, tolerance, why it is not 1e-5).
FAMILIES = {
    "CQT": ("cqt_definition", "the definition in double precision, any hop, sparsity 0", 4, 1e-4, ""),
    "CQT, whole wavelets": ("cqt_whole", "inner products in double precision, sparsity 0", 3, 3e-3,
                            "frequencies below 0 Hz and above half the rate are left out, as librosa does"),
    "CQT, sparsity 0.01": ("cqt_sparse", "the same", 3, 2e-2, "what is left out; as far as librosa's"),
    "CQT and VQT, odd hops": ("cqt_odd", "librosa, any sparsity", 4, 1e-4, "peer off as below"),
    "CQT and VQT, even hops": ("cqt_even", "librosa without early down-sampling, any sparsity", 4, 1e-4,
                               "peer off: its wavelets are single precision, and one coefficient more or less is kept"),
    "CQT and VQT, thinned early": ("cqt_early", "librosa with early down-sampling, any sparsity", 3, 1e-4, "the same"),
    "pseudo-CQT": ("pseudo_cqt", "librosa, any sparsity", 3, 1e-4, "the same"),
    "hybrid CQT": ("hybrid_cqt", "librosa, odd hops, sparsity 0", 2, 1e-4, ""),
    "HPSS": ("hpss", "librosa", 3, 1e-5, ""),
    "soft masks": ("soft_mask", "librosa", 2, 1e-5, ""),
    "chroma of a CQT": ("chroma_cqt", "librosa", 3, 1e-5, ""),
    "CENS": ("cens", "librosa", 2, 1e-5, ""),
    "tonnetz": ("tonnetz", "librosa", 2, 1e-5, ""),
    "piptrack": ("piptrack", "librosa", 2, 1e-5, ""),
    "tuning": ("tuning", "librosa", 2, 1e-5, ""),
    "YIN": ("yin", "librosa", 3, 1e-5, ""),
}


def chosen(families, word):
    """The families whose names contain a word."""
    return {name: family for name, family in families.items() if word.lower() in name.lower()}


def compare(generator, families, per_share):
    """What came out for each family, as dictionaries."""
    rows = []
    for family, (method, peer, share, tolerance, reason) in families.items():
        generator.peer_off = []
        # The same settings whichever other families are compared.
        generator.rng = np.random.default_rng([generator.seed, zlib.crc32(family.encode())])
        values = []
        for number in range(int(np.ceil(per_share * share))):
            values.append(getattr(generator, method)())
            if not values[-1] <= tolerance:
                # What was asked last: enough to look for the cause.
                print(f"{family}, setting {number}: {values[-1]:.1e} at {generator.ours.asked}", flush=True)
        values = np.array(values)
        off = generator.peer_off
        row = {"family": family, "peer": peer, "settings": values.size, "median": np.median(values),
               "largest": values.max(), "tolerance": tolerance, "above": int((~(values <= tolerance)).sum()),
               "off": f"{len(off)}: {np.median(off):.1e}, {max(off):.1e}" if off else "", "reason": reason}
        rows.append(row)
        print(f"{family:32} {values.size:4} settings  median {row['median']:.1e}  largest {row['largest']:.1e}"
              f"  tolerance {tolerance:.0e}  above {row['above']}  {row['off']}", flush=True)
    return rows


def table(rows):
    """The rows as lines of Markdown."""
    lines = ["| | compared with | settings | median | largest | tolerance | above | peer off | |",
             "|---|---|---:|---:|---:|---:|---:|---|---|"]
    for row in rows:
        lines.append("| {family} | {peer} | {settings} | {median:.1e} | {largest:.1e} | {tolerance:.0e} | {above} "
                     "| {off} | {reason} |".format(**row))
    return lines


def speed(ours, turns=7, seconds=20):
    """Times of the transforms alone, one thread, single precision, in turns."""
    rate, hop, harmonics = 22050, 256, [0.5, 1, 2, 3, 4, 5]
    x = np.random.default_rng(1).uniform(-0.5, 0.5, rate * seconds).astype(np.float32)
    config = {"sample_rate": rate, "hop": hop, "f_min": C1, "bins": 360, "bins_per_octave": 60}
    peer = lambda h: np.abs(librosa.cqt(x, sr=rate, hop_length=hop, fmin=C1 * h, n_bins=360, bins_per_octave=60))
    tasks = {
        "CQT, 360 bins": (("cqt_magnitudes", config), lambda: peer(1)),
        "HCQT, 6 x 360 bins": (("hcqt", {"cqt": config, "harmonics": harmonics}), lambda: [peer(h) for h in harmonics]),
    }
    for name, (request, theirs) in tasks.items():
        theirs()
        times = collections.defaultdict(list)
        for _ in range(turns):
            ours(*request, x)
            times["ours"].append(ours.seconds)
            start = time.perf_counter()
            theirs()
            times["librosa"].append(time.perf_counter() - start)
        a, b = np.median(times["ours"]), np.median(times["librosa"])
        print(f"{name:20} ours {a * 1e3:7.1f} ms  librosa {b * 1e3:7.1f} ms  {b / a:5.1f} times as fast"
              f"  ({seconds / a:.0f} x real time)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="the compiled example `parity`")
    parser.add_argument("--settings", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--speed", action="store_true")
    args = parser.parse_args()
    ours = Ours(args.program)
    if args.speed:
        speed(ours)
        return
    families = chosen(FAMILIES, args.only)
    per_share = args.settings / max(1, sum(family[2] for family in families.values()))
    rows = compare(Generator(args.seed, ours), families, per_share)
    sys.exit(any(row["above"] for row in rows))


if __name__ == "__main__":
    main()
