"""Times ours and mir_eval on the same large annotations, and prints both and the ratio.

Environment and build as in eval.py; run from the root of the repository:
    parity/bin/python scripts/parity/speed.py target/release/examples/evaluate

Both sides are timed inside their process, around the evaluation alone: reading files is left out, input
validation is not. One thread each. Ours is the best of 10 runs by the clock on the wall; mir_eval the best of
3 (of 1 where a run takes longer than 5 s) in processor time, so that other work on the machine does not
count against its long runs.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

# Read when NumPy is imported, and when our program starts.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np

from eval import hz, labeled, mir_eval, mir_eval_scores, notes, without_velocity

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)


def note_rows(n):
    onsets = np.sort(rng.uniform(1, 1 + n / 15, n))
    rows = np.stack([onsets, onsets + rng.uniform(0.1, 1.1, n), hz(rng.integers(21, 109, n).astype(float)), rng.integers(1, 128, n)], 1)
    moved = rows.copy()
    moved[:, :2] += rng.uniform(-0.06, 0.06, n)[:, None]
    wrong = rng.uniform(size=n) < 0.1
    moved[wrong, 2] = hz(rng.integers(21, 109, wrong.sum()).astype(float))
    return rows.tolist(), moved.tolist()


def segments(n, end, names):
    times = np.concatenate([[0.0], np.sort(rng.uniform(0, end, n - 1)), [end]])
    return labeled([(a, b, str(rng.choice(names))) for a, b in zip(times[:-1], times[1:])])


def cases():
    n = 10_000
    reference, estimate = map(notes, note_rows(n))
    yield f"transcription, {n:,} × {n:,} notes", "transcription", {}, without_velocity(reference), without_velocity(estimate)
    yield f"transcription_velocity, {n:,} × {n:,} notes", "transcription_velocity", {}, reference, estimate
    onsets = np.sort(rng.uniform(0, 1500, n))
    yield f"onset, {n:,} × {n:,}", "onset", {}, onsets.tolist(), np.sort(np.abs(onsets + rng.normal(0, 0.03, n))).tolist()
    frames = 60_000
    ref = [hz(rng.integers(36, 84, 5).astype(float)).tolist() for _ in range(frames)]
    est = [[f * (2.0 if rng.uniform() < 0.2 else 1.0) for f in x] for x in ref]
    times = (np.arange(frames) * 0.01).tolist()
    yield f"multipitch, {frames:,} frames of 5", "multipitch", {}, {"times": times, "hz": ref}, {"times": times, "hz": est}
    f = hz(60 + 12 * np.sin(np.arange(frames) / 300)) * (np.arange(frames) % 500 > 150)
    g = f * 2.0 ** (rng.normal(0, 0.4, frames) / 12)
    melody = {"times": times, "hz": f.tolist()}, {"times": times, "hz": g.tolist()}
    yield f"melody, {frames:,} frames", "melody", {}, *melody
    other = (np.arange(frames) * 0.01 + 0.003).tolist()
    yield f"melody, {frames:,} frames, other times", "melody", {}, melody[0], {"times": other, "hz": g.tolist()}
    beats = 5 + np.cumsum(rng.normal(0.5, 0.01, 1000))
    yield "beat, 1,000 beats", "beat", {}, beats.tolist(), (beats + rng.normal(0, 0.02, 1000)).tolist()
    labels = [f"{root}:{quality}" for root in "CDEFGAB" for quality in ("maj", "min", "7", "maj7/3", "min7", "sus4(b7)")]
    yield "chord, 300 chords", "chord", {}, segments(300, 300.0, labels), segments(300, 300.0, labels)
    yield "segment, 20 sections, 300 s", "segment", {}, segments(20, 300.0, list("ABCDE")), segments(20, 300.0, list("ABCDE"))
    yield "hierarchy, 3 levels, 120 s", "hierarchy", {"frame_size": 0.25}, [segments(k, 120.0, list("ABCD")) for k in (3, 9, 27)], [segments(k, 120.0, list("ABCD")) for k in (4, 8, 20)]
    times = np.sort(rng.uniform(0, 200, 1000))
    yield "alignment, 1,000 words", "alignment", {}, times.tolist(), np.sort(np.abs(times + rng.normal(0, 0.2, 1000))).tolist()
    theme = lambda: [[float(t), float(p)] for t, p in zip(np.sort(rng.integers(0, 64, 20)) / 4, rng.integers(60, 72, 20))]
    patterns = [[[[t + 40.0 * k, p] for t, p in first] for k in range(4)] for first in (theme() for _ in range(8))]
    moved = [[[[t, p + float(rng.uniform() < 0.1)] for t, p in o] for o in pattern] for pattern in patterns]
    yield "pattern, 8 patterns of 4 × 20 notes", "pattern", {}, patterns, moved
    yield "key", "key", {}, "C major", "G major"
    yield "tempo", "tempo", {}, [60.0, 120.0, 0.5], [61.0, 130.0, 0.5]
    sources = rng.normal(0, 0.1, (2, 5 * 44_100))
    mixed = sources + 0.2 * sources[::-1] + rng.normal(0, 0.01, sources.shape)
    yield "separation, 2 sources of 5 s, all four groups of scores", "separation", {}, sources.tolist(), mixed.tolist()


def time_mir_eval(*case):
    best = []
    while len(best) < 3 and sum(best) < 5.0:
        start = time.process_time()
        mir_eval_scores(*case)
        best.append(time.process_time() - start)
    return min(best)


def show(seconds):
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def main():
    rows = list(cases())
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "cases.jsonl"), Path(folder, "seconds.jsonl")
        lines = [json.dumps({"config": {"task": task, **config}, "reference": r, "estimate": e}) + "\n" for _, task, config, r, e in rows]
        source.write_text("".join(lines))
        subprocess.run([sys.argv[1], "--batch", source, "--runs", "10", "--output", target], check=True)
        ours = [min(json.loads(line)["seconds"]) for line in target.read_text().splitlines()]
    print(f"| input | mir_eval {mir_eval.__version__} | ours | times faster |\n|---|---:|---:|---:|")
    for (name, *case), seconds in zip(rows, ours):
        theirs = time_mir_eval(*case)
        print(f"| {name} | {show(theirs)} | {show(seconds)} | {theirs / seconds:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
