#!/usr/bin/env python3
"""Compares the separation metrics with mir_eval and museval on random signals.

    python scripts/parity/eval_separation.py [--cases 200] [--seed 0] [--json FILE]
    python scripts/parity/eval_separation.py --musdb FOLDER

Needs mir_eval 0.8.2, museval 0.4.1, and the built example:
`cargo build --release -p mir-eval --features separation --example separation_peer`.

Signals are coloured noise, with leakage, filtering, noise, swapped estimates, silent windows. Prints the
largest difference by metric and exits with 1 if one is above 1e-5 dB. Values above 120 dB are rounding
in both (the filters can imitate all that is in a short window) and only have to be above 120 dB in both.

`--musdb` takes the tests of museval's repository, or a folder with `train/` and `museval/` like theirs, and
compares with the score file there. Stems are decoded by FFmpeg to 16 bits, as they were then.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import warnings

import numpy as np

warnings.simplefilter("ignore")
import mir_eval
import museval
from museval import metrics as museval_metrics
from scipy.signal import lfilter

# mir_eval names the exception of singular matrices by a path that NumPy has removed.
if not hasattr(np.linalg, "linalg"):
    np.linalg.linalg = np.linalg
ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PEER = TARGET / "release" / "examples" / "separation_peer"
LIMIT = 1e-5
NAMES = {
    "sources": ("sdr", "sir", "sar", "perm"),
    "images": ("sdr", "isr", "sir", "sar", "perm"),
}


def ours(metric, reference, estimate, window=0, hop=0, permutation=False, repeat=1):
    """Scores as arrays by name, and the seconds of each repetition."""
    reference, estimate = np.atleast_3d(reference), np.atleast_3d(estimate)
    request = dict(metric=metric, shape=reference.shape, window=window, hop=hop, permutation=permutation, repeat=repeat)
    samples = b"".join(np.ascontiguousarray(x, dtype="<f8").tobytes() for x in (reference, estimate))
    run = subprocess.run([PEER], input=json.dumps(request).encode() + b"\n" + samples, stdout=subprocess.PIPE, check=True)
    answer = json.loads(run.stdout)
    return {k: np.array(v, dtype=float) for k, v in answer["scores"].items()}, answer["seconds"]


def theirs(metric, reference, estimate, window=0, hop=0, permutation=False):
    """Scores of mir_eval or museval as arrays `[sources, windows]` by name."""
    if metric.startswith("museval"):
        values = museval.evaluate(reference, estimate, win=window, hop=hop, mode=metric[-2:])
        return dict(zip(("sdr", "isr", "sir", "sar"), values))
    names = NAMES[metric.split("_")[0]]
    function = getattr(mir_eval.separation, "bss_eval_" + metric)
    framing = (window, hop) if metric.endswith("framewise") else ()
    values = function(reference, estimate, *framing, compute_permutation=permutation)
    out = {name: np.array(v, dtype=float).reshape(len(reference), -1) for name, v in zip(names, values)}
    if "isr" in out:
        # mir_eval leaves the ISR of silent windows uninitialised.
        out["isr"][np.isnan(out["sdr"])] = np.nan
    return out


def signals(rng, sources, samples, channels, colour=True):
    """Sources that are correlated over time and channels, and flawed estimates of them."""
    x = rng.standard_normal((sources, samples, channels))
    for j in range(sources):
        pole = rng.uniform(-0.6, 0.9) if colour else 0.0
        mixing = np.eye(channels) + 0.3 * rng.standard_normal((channels, channels))
        x[j] = lfilter([1.0], [1.0, -pole], x[j], axis=0) @ mixing * rng.uniform(0.02, 0.3)
    y = np.empty_like(x)
    for j in range(sources):
        taps = np.r_[1.0, 0.2 * rng.standard_normal(20)]
        y[j] = lfilter(taps, [1.0], x[j], axis=0) * rng.uniform(0.5, 1.2)
        y[j] += rng.uniform(0.0, 0.4) * x[(j + 1) % sources]
        y[j] += rng.uniform(0.001, 0.1) * rng.standard_normal(x[j].shape) * x[j].std()
    return x, y


def case(rng):
    metric = str(rng.choice(["sources", "sources_framewise", "images", "images_framewise", "museval_v4", "museval_v3"]))
    channels = 1 if metric.startswith("sources") else int(rng.integers(1, 3))
    sources = int(rng.integers(1, 3 if channels == 2 else 4))
    samples = int(rng.integers(4000, 9000))
    x, y = signals(rng, sources, samples, channels)
    options = {}
    if "framewise" in metric or "museval" in metric:
        window = int(rng.integers(2500, 5500))
        options = dict(window=window, hop=int(rng.integers(window // 2, window + 500)))
        if sources > 1 and rng.uniform() < 0.3:
            silent = (x if rng.uniform() < 0.5 else y)[int(rng.integers(sources))]
            silent[options["hop"]:options["hop"] + window] = 0.0
    if not metric.startswith("museval"):
        options["permutation"] = bool(rng.uniform() < 0.5)
        if options["permutation"]:
            y = y[rng.permutation(sources)]
    if metric.startswith("sources"):
        x, y = x[:, :, 0], y[:, :, 0]
    return metric, x, y, options


def difference(a, b):
    """Largest difference; both undefined, both infinite or both above 120 dB is none."""
    a, b = np.broadcast_arrays(a, b)
    same = (np.isnan(a) & np.isnan(b)) | (a == b) | ((a > 120) & (b > 120))
    d = np.where(same, 0.0, np.abs(a - b))
    return float(np.where(np.isnan(d), np.inf, d).max(initial=0.0))


def published(folder):
    """Largest difference to the published scores of museval's sample of MUSDB18."""
    folder, name = pathlib.Path(folder), "Music Delta - 80s Rock"

    def stem(stream):
        command = ["ffmpeg", "-v", "error", "-i", folder / "train" / f"{name}.stem.mp4", "-map", f"0:{stream}"]
        run = subprocess.run([*command, "-f", "s16le", "-"], stdout=subprocess.PIPE, check=True)
        return np.frombuffer(run.stdout, "<i2").reshape(-1, 2) / 32768

    targets = {"vocals": stem(4), "accompaniment": stem(1) + stem(2) + stem(3)}
    reference = np.stack(list(targets.values()))
    random = np.random.RandomState(0)
    estimate = np.stack([random.random_sample(reference[0].shape) for _ in targets])
    actual, _ = ours("museval_v4", reference, estimate, window=44100, hop=44100)
    expected = {target["name"]: target["frames"] for target in json.loads((folder / "museval" / f"{name}.json").read_text())["targets"]}
    return {key: max(difference(actual[key][j], [frame["metrics"][key.upper()] for frame in expected[target]])
                     for j, target in enumerate(targets)) for key in ("sdr", "isr", "sir", "sar")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", help="write the summary to this file")
    parser.add_argument("--musdb", metavar="FOLDER", help="compare with museval's published scores instead")
    args = parser.parse_args()
    if args.musdb:
        differences = published(args.musdb)
        print(json.dumps(dict(largest_difference_db=differences, limit_db=1e-3), indent=2))
        return int(max(differences.values()) > 1e-3)
    rng = np.random.default_rng(args.seed)
    worst, counts = {}, {}
    for number in range(args.cases):
        metric, x, y, options = case(rng)
        expected, (actual, _) = theirs(metric, x, y, **options), ours(metric, x, y, **options)
        counts[metric] = counts.get(metric, 0) + 1
        for name, values in expected.items():
            if name == "perm":
                # An undefined window has no order.
                values = np.where(np.isnan(expected["sdr"]), np.nan, values)
                actual[name] = np.where(np.isnan(expected["sdr"]), np.nan, actual[name])
            d = difference(actual[name], values)
            worst[metric] = max(worst.get(metric, 0.0), d)
            if d > LIMIT:
                print(f"case {number}, {metric} {x.shape} {options}, {name}: {d:g}", file=sys.stderr)
    versions = dict(mir_eval=mir_eval.__version__, museval=museval.version._version, numpy=np.__version__)
    summary = dict(cases=args.cases, seed=args.seed, limit_db=LIMIT, versions=versions,
                   metrics={m: dict(cases=counts[m], largest_difference_db=worst[m]) for m in sorted(counts)})
    print(json.dumps(summary, indent=2))
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(summary, indent=2) + "\n")
    return int(any(d > LIMIT for d in worst.values()))


if __name__ == "__main__":
    sys.exit(main())
