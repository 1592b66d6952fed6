"""Compares `evaluate --batch` with mir_eval 0.8.2 on random and odd annotation pairs of every task.

Environment (Python 3.11):
    python -m venv parity && parity/bin/pip install mir_eval==0.8.2 museval==0.4.1 numpy scipy
Run from the root of the repository:
    cargo build --release --example evaluate --no-default-features --features separation
    parity/bin/python scripts/parity/eval.py target/release/examples/evaluate
Options: `--pairs N` (default 10,000), `--seed N`, `--summary FILE.md` writes the table,
`--store FILE.json N` writes about N of the cases with mir_eval's answers, for the tests.

Every case is a line of JSON with the settings, the reference and the estimate; the program answers with a
line of scores or an error. Scores must agree to 1e-9 (separation: 1e-5 dB), names and order exactly, and
what mir_eval refuses must be refused. Deliberate differences are the classes in `EXPLAINED`; everything
else is a failure, and the exit code is 1.
"""

import argparse
import collections
import json
import math
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import mir_eval
import numpy as np

warnings.simplefilter("ignore")
np.seterr(all="ignore")

A4 = 440.0


def hz(midi):
    return 440.0 * 2.0 ** ((midi - 69.0) / 12.0)


class Generator:
    """Random annotation pairs; each method returns (settings, reference, estimate) in our JSON form."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def chance(self, p):
        return self.rng.uniform() < p

    def pick(self, items):
        return items[int(self.rng.integers(len(items)))]

    def times(self, n, step=0.5, jitter=0.1, start=0.0):
        times = start + np.cumsum(np.maximum(self.rng.normal(step, jitter, n), 0.0))
        return np.round(times, int(self.rng.integers(2, 5)))

    def near(self, times, sigma):
        """Times with some left out, some moved, some of them exactly on a tolerance, and some added."""
        kept = times[self.rng.uniform(size=times.size) > 0.15]
        moved = kept + self.rng.normal(0, sigma, kept.size)
        exact = self.rng.uniform(size=kept.size) < 0.1
        moved[exact] = kept[exact] + self.rng.choice([0.05, -0.05, 0.07, 0.5, 0.0], exact.sum())
        extra = self.rng.uniform(0, max(1.0, times[-1] if times.size else 1.0), int(self.rng.integers(0, 4)))
        moved = np.concatenate([moved, extra, moved[:1] if self.chance(0.1) else []])
        return np.sort(np.round(np.maximum(moved, 0.0), 4))

    def events(self, sigma):
        reference = self.times(int(self.pick([0, 1, 2, 3, 8, 20, 60])), start=self.pick([0.0, 5.0]))
        estimate = self.near(reference, sigma)
        if self.chance(0.05):
            estimate = estimate[:0]
        if self.chance(0.05):
            estimate = reference.copy()
        if self.chance(0.03) and estimate.size > 1:
            estimate = estimate[::-1].copy()
        if self.chance(0.02) and estimate.size:
            estimate[-1] = 30000.5
        if self.chance(0.02) and reference.size:
            reference[0] = -0.25
        return reference.tolist(), estimate.tolist()

    def onset(self):
        config = {"window": self.pick([0.05, 0.05, 0.025, 0.0, 0.1])}
        return config, *self.events(self.pick([0.005, 0.04]))

    def beat(self):
        config = self.pick([{}, {}, {"min_beat_time": 0.0}, {"bins": 20, "goto_threshold": 0.5},
                            {"f_measure_threshold": 0.05, "cemgil_sigma": 0.1, "p_score_threshold": 0.5},
                            {"continuity_phase_threshold": 0.1, "continuity_period_threshold": 0.25,
                             "goto_mu": 0.05, "goto_sigma": 0.4}])
        reference, estimate = self.events(self.pick([0.005, 0.02, 0.08]))
        if self.chance(0.3) and len(reference) > 2:
            beats = np.array(reference)
            estimate = self.pick([beats[::2], (beats[1:] + beats[:-1]) / 2,
                                  np.sort(np.append(beats, (beats[1:] + beats[:-1]) / 2))]).tolist()
        return config, reference, estimate

    def alignment(self):
        reference = self.times(int(self.pick([0, 1, 2, 5, 30])))
        estimate = np.sort(np.abs(reference + self.rng.normal(0, self.pick([0.0, 0.1, 0.5]), reference.size)))
        estimate = np.round(estimate, 4)
        config = {"window": self.pick([0.3, 0.3, 0.1, 0.0])}
        if self.chance(0.4):
            last = max([1.0, *reference, *estimate])
            config["duration"] = float(last + self.pick([0.0, 1.0, -0.5]))
        if self.chance(0.04) and reference.size:
            estimate = estimate[1:]
        if self.chance(0.04):
            reference = reference[::-1]
        if self.chance(0.04) and reference.size:
            estimate[0] = -0.1
        return config, reference.tolist(), estimate.tolist()

    def chord_label(self, hard):
        rng = self.rng
        if self.chance(0.12):
            return self.pick(["N", "X"])
        if self.chance(0.004):
            return self.pick(["H", "C:", "C:maj/", "C:foo", "c:maj", "", "C:maj7/20", "C:(1", "N:maj", "Cb#:min(*8", "E:min/x"])
        degree = lambda: self.pick(["", "", "b", "#", "bb"]) + str(rng.integers(1, 14))
        label = self.pick("CDEFGAB") + self.pick(["", "", "#", "b", "##", "bbb"])
        if not hard:
            return label + self.pick(["", ":maj", ":min", ":7", ":min7", ":maj7"]) + self.pick(["", "", "/3", "/b3", "/5"])
        qualities = [q for q in mir_eval.chord.QUALITIES if q]
        if self.chance(0.9):
            label += ":" + (self.pick(qualities) if self.chance(0.8) else "(" + degree() + ")")
            if self.chance(0.3) and not label.endswith(")"):
                label += "(" + ",".join(self.pick(["", "*"]) + degree() for _ in range(rng.integers(1, 5))) + ")"
        return label + ("/" + degree() if self.chance(0.3) else "")

    def chord(self):
        n = int(self.rng.integers(1, 25))
        times = np.round(np.cumsum(np.append(self.pick([0.0, 0.5]), self.rng.uniform(0.1, 2, n))), 3)
        hard = self.chance(0.7)
        reference = [(a, b, self.chord_label(hard)) for a, b in zip(times[:-1], times[1:])]
        moved = np.sort(np.round(np.maximum(times + self.rng.normal(0, 0.1, n + 1), 0), 4))
        near = lambda label: label if self.chance(0.4) else self.chord_label(hard)
        estimate = [(a, b, near(reference[k][2])) for k, (a, b) in enumerate(zip(moved[:-1], moved[1:]))
                    if a < b and self.chance(0.9)]
        if self.chance(0.9):
            estimate = [c for c in estimate if c[1] > times[0] and c[0] < times[-1]]
        return {}, labeled(self.spoil(reference)), labeled(self.spoil(estimate))

    def spoil(self, intervals):
        """Now and then an interval that is not one."""
        if intervals and self.chance(0.02):
            k = int(self.rng.integers(len(intervals)))
            a, b, label = intervals[k]
            intervals[k] = self.pick([(b, a, label), (a, a, label), (-1.0 - a, b, label)])
        return intervals

    def segmentation(self, n, end, names):
        times = np.unique(np.round(np.concatenate([[0.0], self.rng.uniform(0, end, n - 1), [end]]), 3))
        return [(a, b, self.pick(names)) for a, b in zip(times[:-1], times[1:])]

    def segment(self):
        names = self.pick([["A", "b", "B", "Chorus", "chorus", "D"], ["A"], ["A", "B"]])
        end = float(np.round(self.rng.uniform(5, 40), 2))
        reference = self.segmentation(int(self.rng.integers(1, 12)), end, names)
        estimate = self.segmentation(int(self.rng.integers(1, 12)), end + self.pick([0.0, 0.0, 3.0, -2.0]), names)
        if self.chance(0.3):
            estimate = [(a, b, label if self.chance(0.7) else self.pick(names)) for a, b, label in reference]
        if self.chance(0.03):
            estimate = []
        if self.chance(0.1):
            reference = [(a + 0.4, b + 0.4, label) for a, b, label in reference]
        config = self.pick([{}, {}, {"trim": True}, {"frame_size": 0.25, "beta": 2.0}])
        return config, labeled(self.spoil(reference)), labeled(self.spoil(estimate))

    def hierarchy(self):
        end = float(np.round(self.rng.uniform(3, 25), 1))
        levels = lambda: [labeled(self.segmentation(n, end, "ABCD")) for n in sorted(self.rng.integers(1, 9, int(self.rng.integers(1, 4))))]
        reference, estimate = levels(), levels()
        if self.chance(0.1):
            estimate = reference
        if self.chance(0.05):
            reference[-1]["intervals"][-1][1] += 1.0
        config = self.pick([{"frame_size": 0.5}, {"frame_size": 0.5, "window": 5.0}, {"frame_size": 0.25, "window": None},
                            {"frame_size": 0.5, "beta": 2.0, "window": 3.0}, {"frame_size": 0.5, "window": 0.25}])
        return config, reference, estimate

    def key(self):
        tonics = ["C", "c#", "Db", "D", "d#", "Eb", "E", "F", "F#", "gb", "G", "G#", "Ab", "A", "A#", "Bb", "b"]
        odd = ["X", "x", "C", "H major", "C Major", "C maj", "X major", "", "C major minor", "cb major", "E# minor", "D  minor"]
        label = lambda: self.pick(odd) if self.chance(0.12) else f"{self.pick(tonics)} {self.pick(['major', 'minor', 'other', 'major', 'minor'])}"
        return {}, label(), label()

    def tempo(self):
        tempi = np.round(self.rng.uniform(40, 200) * np.array([1.0, self.pick([2.0, 1.5, 3.0])]), 2)
        if self.chance(0.1):
            tempi[int(self.rng.integers(2))] = 0.0
        weight = float(np.round(self.rng.uniform(), 2))
        estimate = np.round(tempi[self.rng.permutation(2)] * self.rng.normal(1, 0.06, 2), 2)
        if self.chance(0.1):
            estimate = np.round(tempi * self.pick([1.08, 0.92]), 4)
        if self.chance(0.1):
            estimate[0] = 0.0
        if self.chance(0.02):
            tempi = np.zeros(2)
        if self.chance(0.02):
            estimate[1] = -60.0
        if self.chance(0.02):
            weight = self.pick([-0.1, 1.1])
        config = {"tolerance": self.pick([0.08, 0.08, 0.04, 0.0, 1.0])}
        if self.chance(0.02):
            config["tolerance"] = self.pick([-0.1, 1.2])
        return config, [*tempi.tolist(), weight], [*estimate.tolist(), 0.5]

    def melody(self):
        rng = self.rng
        n = int(self.pick([1, 2, 10, 45]))
        times = np.round(np.arange(n) * 0.01 + self.pick([0.0, 0.0, 0.003]), 6)
        f = np.round(hz(60 + np.cumsum(rng.normal(0, 0.4, n))), 3) * (rng.uniform(size=n) > self.pick([0.0, 0.3, 1.0]))
        est_times = self.pick([times, np.round(np.arange(int(n * 1.5) + 1) * 0.0075, 6),
                               np.round(np.sort(rng.uniform(0, 0.01 * n, n)), 6)])
        g = f[np.minimum(n - 1, np.round(est_times * 100).astype(int))]
        octave = rng.integers(-1, 2, g.size) * (rng.uniform(size=g.size) > 0.8)
        g = np.round(g * 2.0 ** (rng.normal(0, 0.5, g.size) / 12 + octave), 3)
        g = np.where(rng.uniform(size=g.size) > 0.8, -g, g)
        reference = {"times": times.tolist(), "hz": f.tolist()}
        estimate = {"times": est_times.tolist(), "hz": g.tolist()}
        if self.chance(0.3):
            estimate["voicing"] = np.round(rng.uniform(0, 1, g.size), 3).tolist()
        if self.chance(0.2):
            reference["voicing"] = np.round(rng.uniform(0, 1, n), 3).tolist()
        if self.chance(0.02):
            estimate["hz"] = estimate["hz"][1:]
        config = self.pick([{}, {}, {"hop": 0.0058}, {"interpolation": "nearest"}, {"interpolation": "zero"},
                            {"hop": 0.02, "interpolation": "nearest"},
                            {"cent_tolerance": 100.0, "base_frequency": 55.0}])
        return config, reference, estimate

    def multipitch(self):
        rng = self.rng
        n = int(self.pick([0, 1, 5, 40]))
        times = np.round(np.arange(n) * 0.01, 6)
        ref = [np.round(hz(rng.uniform(40, 80, rng.integers(0, 6))), 3) for _ in range(n)]
        est_times = self.pick([times, np.round(np.arange(int(n * 1.3) + 1) * 0.0075 + 0.002, 6),
                               np.round(np.arange(n // 2) * 0.02 + 0.005, 6)])
        est = []
        for t in est_times:
            x = ref[min(n - 1, int(t * 100))] if n else np.array([])
            x = x[rng.uniform(size=x.size) > 0.2] * 2.0 ** (rng.normal(0, 0.4) / 12 + rng.integers(-1, 2))
            x = np.append(x, hz(rng.uniform(40, 80, rng.integers(0, 2))))
            if self.chance(0.1):
                x = np.append(x, x[:1])
            est.append(np.clip(x, 25, 4900).round(3))
        if self.chance(0.03) and est:
            est[0] = np.array([self.pick([5.0, 6000.0, -A4, 60.0])])
        if self.chance(0.02) and est_times.size:
            est = est[1:]
        config = self.pick([{}, {}, {"window": 0.25}, {"window": 1.0}])
        return (config, {"times": times.tolist(), "hz": [x.tolist() for x in ref]},
                {"times": est_times.tolist(), "hz": [x.tolist() for x in est]})

    def pattern(self):
        rng = self.rng

        def patterns(n):
            out = []
            for _ in range(n):
                size = int(rng.integers(1, 7))
                first = [[float(t), float(p)] for t, p in zip(rng.integers(0, 12, size) / 2, rng.integers(60, 64, size))]
                out.append([first] + [[[t + 8.0 * k, p + float(rng.integers(0, 2))] for t, p in first] for k in range(1, int(rng.integers(1, 4)))])
            return out

        reference = patterns(int(rng.integers(0 if self.chance(0.1) else 1, 6)))
        estimate = patterns(int(rng.integers(0, 4)))
        for pattern in reference:
            if self.chance(0.7):
                moved = [[[t + float(rng.integers(0, 2)), p] for t, p in occurrence if self.chance(0.9)] for occurrence in pattern] if self.chance(0.5) else pattern
                moved = [occurrence for occurrence in moved if occurrence]
                if moved:
                    estimate.append(moved)
        estimate = [estimate[k] for k in rng.permutation(len(estimate))]
        if self.chance(0.02):
            estimate.append([])
        config = self.pick([{}, {}, {"first": 2}, {"tolerance": 0.6}, {"occurrence_thresholds": [0.5, 0.5]}])
        return config, reference, estimate

    def notes(self):
        rng = self.rng
        n = int(self.pick([0, 1, 5, 40]))
        keys = rng.integers(48, 84, int(rng.integers(1, 12)))
        onsets = np.round(rng.uniform(0, float(rng.uniform(0.3, 6)), n), int(rng.integers(1, 5)))
        lengths = np.round(rng.uniform(0.02, 0.6, n), 3) + 0.001
        midi = rng.choice(keys, n)
        velocities = rng.integers(1, 128, n)
        reference = [[a, a + d, hz(k), float(v)] for a, d, k, v in zip(onsets, lengths, midi, velocities)]
        estimate = []
        time, cents = self.pick([0.002, 0.02, 0.06]), self.pick([0.0, 10.0, 30.0])
        for on, off, f, v in reference:
            if self.chance(0.15):
                continue
            shift = self.pick([0.05, -0.05, 0.0]) if self.chance(0.1) else rng.normal(0, time)
            start = max(0.0, on + shift)
            end = max(start + 0.01, off + (self.pick([0.05, -0.05]) if self.chance(0.1) else rng.normal(0, 2 * time)))
            estimate.append([start, end, f * 2.0 ** (rng.normal(0, cents) / 1200.0), float(np.clip(v * 0.8 + rng.normal(0, 8), 0, 127))])
            if self.chance(0.1):
                estimate.append(list(estimate[-1]))
        if self.chance(0.05):
            estimate = [list(note) for note in reference]
        if self.chance(0.03):
            estimate = []
        estimate = [estimate[k] for k in rng.permutation(len(estimate))]
        if estimate and self.chance(0.03):
            bad = int(rng.integers(len(estimate)))
            field, value = self.pick([(0, -0.5), (1, estimate[bad][0]), (2, 0.0), (2, -A4), (3, -1.0), (1, 0.0)])
            estimate[bad][field] = value
        return [notes(side) for side in (reference, estimate)]

    def transcription(self):
        config = self.pick([{}, {}, {"strict": True}, {"offset_ratio": None}, {"onset_tolerance": 0.1, "pitch_tolerance": 120.0},
                            {"offset_ratio": 0.5, "offset_min_tolerance": 0.02, "beta": 2.0}])
        reference, estimate = self.notes()
        return config, without_velocity(reference), without_velocity(estimate)

    def transcription_velocity(self):
        config = self.pick([{}, {}, {"notes": {"strict": True}}, {"notes": {"offset_ratio": None}}, {"velocity_tolerance": 0.2}])
        return config, *self.notes()

    def separation(self):
        rng = self.rng
        sources, samples = int(rng.integers(1, 4)), int(rng.integers(1200, 2600))
        reference = rng.standard_normal((sources, samples))
        kind = self.pick(["mixed", "filtered", "noise", "swapped"])
        estimate = reference + 0.3 * rng.standard_normal(reference.shape)
        if kind == "mixed":
            estimate = reference + 0.4 * reference[::-1] + 0.01 * rng.standard_normal(reference.shape)
        elif kind == "filtered":
            taps = rng.standard_normal(8) * 0.5 ** np.arange(8)
            estimate = np.array([np.convolve(s, taps)[:samples] for s in reference]) + 0.05 * rng.standard_normal(reference.shape)
        elif kind == "swapped":
            estimate = estimate[rng.permutation(sources)]
        if self.chance(0.03):
            estimate = estimate[:, 1:]
        if self.chance(0.03):
            estimate[0] = 0.0
        config = {"window": 1000, "hop": int(self.pick([1000, 500]))} if self.chance(0.5) else {}
        return config, np.round(reference, 4).tolist(), np.round(estimate, 4).tolist()


def labeled(intervals):
    return {"intervals": [[float(a), float(b)] for a, b, _ in intervals], "labels": [c for _, _, c in intervals]}


def notes(rows):
    return {"intervals": [row[:2] for row in rows], "hz": [row[2] for row in rows], "velocities": [row[3] for row in rows]}


def without_velocity(side):
    return {key: value for key, value in side.items() if key != "velocities"}


def intervals(side):
    return np.array(side["intervals"], dtype=float).reshape(-1, 2)


#: Our names of settings, where mir_eval has others.
SETTINGS = {"tolerance": {"tempo": "tol", "pattern": "tol"}, "first": {"pattern": "n"}, "interpolation": {"melody": "kind"}}


def mir_eval_scores(task, config, r, e):
    """What mir_eval says: its scores, an ordered dict."""
    options = {}
    for name, value in config.items():
        if name == "notes":
            options.update(value)
        elif name == "occurrence_thresholds":
            options["thres"] = value[0]
        else:
            options[SETTINGS.get(name, {}).get(task, name)] = value
    module = getattr(mir_eval, task)
    if task in ("onset", "beat", "alignment"):
        arguments = np.array(r, dtype=float), np.array(e, dtype=float)
    elif task in ("chord", "segment"):
        arguments = intervals(r), r["labels"], intervals(e), e["labels"]
    elif task == "hierarchy":
        arguments = [[intervals(l) for l in r], [l["labels"] for l in r], [intervals(l) for l in e], [l["labels"] for l in e]]
    elif task in ("key", "pattern"):
        arguments = r, e
    elif task == "tempo":
        arguments = np.array(r[:2]), r[2], np.array(e[:2])
    elif task == "melody":
        voicing = lambda side: np.array(side["voicing"]) if "voicing" in side else None
        arguments = (np.array(r["times"]), np.array(r["hz"]), np.array(e["times"]), np.array(e["hz"]), voicing(e), voicing(r))
    elif task == "multipitch":
        ragged = lambda side: (np.array(side["times"], dtype=float), [np.array(x, dtype=float) for x in side["hz"]])
        arguments = *ragged(r), *ragged(e)
    elif task == "transcription":
        arguments = intervals(r), np.array(r["hz"]), intervals(e), np.array(e["hz"])
    elif task == "transcription_velocity":
        arguments = (intervals(r), np.array(r["hz"]), np.array(r["velocities"]), intervals(e), np.array(e["hz"]), np.array(e["velocities"]))
    elif task == "separation":
        return separation_scores(np.array(r), np.array(e), **options)
    return module.evaluate(*arguments, **options)


def separation_scores(reference, estimate, **frames):
    """mir_eval.separation.evaluate, which in 0.8.2 drops `window` and `hop`: its filter of keyword arguments
    does not look behind the deprecation wrapper. The functions themselves take them."""
    scores = mir_eval.separation.evaluate(reference, estimate)
    if frames:
        for kind, names in (("images", ("Distortion", "Spatial", "Interference", "Artifact", "permutation")),
                            ("sources", ("Distortion", "Interference", "Artifact", "permutation"))):
            values = getattr(mir_eval.separation, f"bss_eval_{kind}_framewise")(reference, estimate, **frames)
            for name, value in zip(names, values):
                full = next(n for n in scores if n.startswith(f"{kind.title()} Frames") and n.endswith(name))
                scores[full] = value.tolist()
    return scores


def plain(value):
    """Scores as nested lists of floats. Without patterns two scores of mir_eval come as three zeros."""
    if isinstance(value, tuple):
        return float(np.max(value))
    if isinstance(value, (list, np.ndarray)):
        return [plain(x) for x in value]
    return float(value)


def difference(a, b):
    """The largest difference of two scores; infinite if they differ in form or definedness."""
    if isinstance(a, list) or isinstance(b, list):
        if not (isinstance(a, list) and isinstance(b, list)) or len(a) != len(b):
            return math.inf
        return max(map(difference, a, b), default=0.0)
    if a == b or (math.isnan(a) and math.isnan(b)):
        return 0.0
    return math.inf if math.isnan(a) or math.isnan(b) else abs(a - b)


#: Differences on purpose: name, task, test on (case, mir_eval's answer, ours, name of the score).
EXPLAINED = []


def explained(reason):
    def register(test):
        EXPLAINED.append((reason, test))
        return test
    return register


def both(case):
    return case["reference"], case["estimate"]


def refused(theirs, text):
    return text in theirs.get("error", "")


@explained("mir_eval refuses times after 30,000 s, as a guess that they are no seconds; we accept long recordings")
def late(case, theirs, ours, name):
    return refused(theirs, "maximum allowable time")


@explained("we refuse negative times; mir_eval scores onsets and beats before the start of the recording")
def negative_events(case, theirs, ours, name):
    return case["config"]["task"] in ("onset", "beat") and refused(ours, "at least 0")


@explained("we refuse beats out of order in every case; mir_eval looks only at those that are left after it has "
           "cut at `min_beat_time` what it took for the first ones")
def unsorted_beats(case, theirs, ours, name):
    return case["config"]["task"] == "beat" and refused(ours, "sort the times")


@explained("we refuse intervals that start before 0 s; mir_eval cuts them at 0 s before it validates")
def negative_intervals(case, theirs, ours, name):
    early = any(start < 0 for side in both(case) for start, _ in side["intervals"]) if isinstance(case["reference"], dict) and "labels" in case["reference"] else False
    return early and "error" in ours


@explained("one event has no segments: mir_eval raises, we give the other four scores and NaN for `pcs`")
def one_event(case, theirs, ours, name):
    return case["config"]["task"] == "alignment" and refused(theirs, "all identical")


@explained("a silent source: mir_eval raises, we give NaN with a reason")
def silence(case, theirs, ours, name):
    return case["config"]["task"] == "separation" and refused(theirs, "non-silent")


@explained("one label on one side: the information is 0 and so is ours; mir_eval divides rounding noise by 1e-10")
def no_information(case, theirs, ours, name):
    if case["config"]["task"] != "segment" or name != "Normalized Mutual Information":
        return False
    return ours[name] == 0.0 and abs(theirs[name]) < 1e-3 and abs(theirs["Mutual Information"]) < 1e-12


@explained("an interval that does not end after it starts, outside the reference: we refuse it, mir_eval cuts it "
           "away before it validates")
def cut_intervals(case, theirs, ours, name):
    return case["config"]["task"] in ("chord", "segment") and refused(ours, "expected an end after the start")


@explained("we refuse negative frequencies; mir_eval checks their absolute values and computes with NaN")
def negative_frequencies(case, theirs, ours, name):
    return case["config"]["task"] == "multipitch" and refused(ours, "Hz, expected") and any(f < 0 for side in both(case) for x in side["hz"] for f in x)


@explained("times and frequencies of different number: we refuse them; mir_eval does so only where it has to "
           "resample the estimate")
def unequal_columns(case, theirs, ours, name):
    return case["config"]["task"] == "melody" and refused(ours, "entries, expected")


@explained("two equal beats and no others: mir_eval divides by their distance and gives NaN, we give 0")
def equal_beats(case, theirs, ours, name):
    return name == "Information gain" and math.isnan(theirs[name]) and ours[name] == 0.0


@explained("nothing is left over: a ratio above 100 dB is the rounding of the solver on both sides")
def no_remainder(case, theirs, ours, name):
    if case["config"]["task"] != "separation" or name is None:
        return False
    pairs = zip(np.ravel(theirs[name]), np.ravel(plain(ours[name])))
    return all((a > 100 and b > 100) or abs(a - b) < 1e-5 for a, b in pairs)


#: Pairs of every task: the slow ones of mir_eval get fewer.
SHARES = {"separation": 0.006, "hierarchy": 0.03, "multipitch": 0.1, "melody": 0.1, "transcription": 0.13,
          "transcription_velocity": 0.1, "beat": 0.1, "onset": 0.06, "chord": 0.1, "segment": 0.1, "pattern": 0.06,
          "key": 0.05, "tempo": 0.05, "alignment": 0.06}


def generate(pairs, seed):
    generator, cases = Generator(seed), []
    for task, share in SHARES.items():
        for _ in range(max(20, math.ceil(share / sum(SHARES.values()) * pairs))):
            config, reference, estimate = getattr(generator, task)()
            # Through JSON and back, so that both programs see the same numbers.
            cases.append(json.loads(json.dumps({"config": {"task": task, **config}, "reference": reference, "estimate": estimate})))
    return cases


def run_ours(program, cases):
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "cases.jsonl"), Path(folder, "scores.jsonl")
        source.write_text("".join(json.dumps(case) + "\n" for case in cases))
        subprocess.run([program, "--batch", source, "--output", target], check=True)
        return [json.loads(line) for line in target.read_text().splitlines()]


def run_mir_eval(cases):
    answers = []
    for case in cases:
        config = {key: value for key, value in case["config"].items() if key != "task"}
        try:
            scores = mir_eval_scores(case["config"]["task"], config, case["reference"], case["estimate"])
            answers.append({name: plain(value) for name, value in scores.items()})
        except Exception as error:  # whatever mir_eval refuses, and however
            answers.append({"error": f"{type(error).__name__}: {error}"})
    return answers


def judge(case, theirs, ours):
    """Largest unexplained difference, the reasons of the explained ones, and a complaint if there is one."""
    reasons = set()

    def reason(name):
        return next((text for text, test in EXPLAINED if test(case, theirs, ours, name)), None)

    if "error" in theirs or "error" in ours:
        if "error" in theirs and "error" in ours:
            return 0.0, reasons, None
        text = reason(None)
        return 0.0, {text} - {None}, None if text else f"mir_eval: {theirs}, ours: {ours}"
    if list(theirs) != list(ours):
        return 0.0, reasons, f"names: mir_eval {list(theirs)}, ours {list(ours)}"
    worst = 0.0
    tolerance = 1e-5 if case["config"]["task"] == "separation" else 1e-9
    for name in theirs:
        gap = difference(theirs[name], plain(ours[name]))
        if gap > tolerance:
            text = reason(name)
            if not text:
                return gap, reasons, f"{name}: mir_eval {theirs[name]}, ours {ours[name]}"
            reasons.add(text)
        else:
            worst = max(worst, gap)
    return worst, reasons, None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="the built example `evaluate`")
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tasks", nargs="+", help="only these")
    parser.add_argument("--summary", type=Path)
    parser.add_argument("--store", nargs=2, metavar=("FILE", "N"))
    arguments = parser.parse_args()
    if arguments.tasks:
        for task in set(SHARES) - set(arguments.tasks):
            del SHARES[task]

    cases = generate(arguments.pairs, arguments.seed)
    ours, theirs = run_ours(arguments.program, cases), run_mir_eval(cases)
    rows = {task: dict(pairs=0, equal=0, refused=0, explained=0, different=0, worst=0.0) for task in SHARES}
    reasons, complaints, stored = collections.Counter(), [], []
    for case, their, our in zip(cases, theirs, ours):
        task = case["config"]["task"]
        worst, why, complaint = judge(case, their, our)
        row = rows[task]
        row["pairs"] += 1
        row["worst"] = max(row["worst"], worst if math.isfinite(worst) else 0.0)
        kind = "different" if complaint else "explained" if why else "refused" if "error" in their else "equal"
        row[kind] += 1
        reasons.update((task, text) for text in why)
        if complaint:
            complaints.append((task, complaint, case))
        elif not why:
            stored.append({**case, "expected": their})

    lines = ["| task | pairs | equal | refused by both | explained | different | largest difference |",
             "|---|---:|---:|---:|---:|---:|---:|"]
    for task, row in sorted(rows.items()):
        lines.append(f"| {task} | {row['pairs']} | {row['equal']} | {row['refused']} | {row['explained']} | {row['different']} | {row['worst']:.1e} |")
    total = {key: sum(row[key] for row in rows.values()) for key in ("pairs", "equal", "refused", "explained", "different")}
    lines.append(f"| all | {total['pairs']} | {total['equal']} | {total['refused']} | {total['explained']} | {total['different']} | |")
    print("\n".join(lines))
    for (task, text), count in sorted(reasons.items()):
        print(f"explained: {task}, {count} pairs: {text}")
    seen = collections.Counter()
    for task, complaint, case in complaints:
        seen[task] += 1
        if seen[task] <= 8:
            print(f"different: {task}: {complaint[:400]}\n    {json.dumps(case)[:700]}")
    if arguments.summary:
        arguments.summary.write_text(summary(lines, reasons, arguments))
    if arguments.store:
        store(Path(arguments.store[0]), int(arguments.store[1]), stored)
    sys.exit(1 if complaints else 0)


def summary(lines, reasons, arguments):
    classes = [f"- `{task}`, {count} pairs: {text}." for (task, text), count in sorted(reasons.items())]
    versions = f"mir_eval {mir_eval.__version__}, NumPy {np.__version__}, Python {sys.version.split()[0]}"
    return "\n".join([
        "# Differential test against mir_eval", "",
        f"`scripts/parity/eval.py --pairs {arguments.pairs} --seed {arguments.seed}` with {versions}.", "",
        "Random annotation pairs of every task, odd and invalid ones among them. *Equal*: all scores agree to",
        "1e-9 (separation: 1e-5 dB), with the same names in the same order. *Refused by both*: mir_eval raises, we",
        "return an error. *Explained*: a difference on purpose, of the classes below.", "", *lines, "",
        "## Differences on purpose", "", *(classes or ["None."]), ""])


def store(path, count, cases):
    """About `count` of the cases, the shares of the tasks kept; long ones are left out."""
    def strict(value):
        if isinstance(value, dict):
            return {key: strict(x) for key, x in value.items()}
        if isinstance(value, list):
            return [strict(x) for x in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    by_task, lines = collections.defaultdict(list), []
    for case in cases:
        line = json.dumps({"origin": f"mir_eval {mir_eval.__version__}", **strict(case)}, separators=(",", ":"))
        if len(line) < 4000:
            by_task[case["config"]["task"]].append(line)
    for task, found in sorted(by_task.items()):
        lines += found[:math.ceil(count * SHARES[task] / sum(SHARES.values()))]
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(f"{len(lines)} cases, {path.stat().st_size} bytes in {path}")


if __name__ == "__main__":
    main()
