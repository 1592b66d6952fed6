"""Times mir_eval on the data of transcription.rs: `python compare_mir_eval.py [NOTES] [FRAMES]`.

The generator is the same SplitMix64, drawn in the same order. Prints the best and the median of the runs,
and the scores, which have to equal those of the Rust crate.
"""

import statistics
import sys
import time
import warnings

import mir_eval
import numpy as np

warnings.simplefilter("ignore")
MASK = (1 << 64) - 1


class Random:
    def __init__(self, seed):
        self.state = seed

    def uniform(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return ((z ^ (z >> 31)) >> 11) / (1 << 53)

    def below(self, n):
        return int(self.uniform() * n)


def hz(key):
    return 440.0 * 2.0 ** ((key - 69.0) / 12.0)


def piece(notes):
    random = Random(1)
    reference, estimate = [], []
    for _ in range(notes):
        onset = random.uniform() * notes / 15.0 + 1.0
        length = 0.1 + random.uniform()
        key = 21 + random.below(88)
        late = 0.12 * random.uniform() - 0.06
        heard = 21 + (key - 20) % 88 if random.below(10) == 0 else key
        reference.append((onset, onset + length, hz(key)))
        estimate.append((onset + late, onset + late + length, hz(heard)))
    return np.array(reference), np.array(estimate)


def frames(count):
    random = Random(2)
    reference, estimate = [], []
    for _ in range(count):
        keys = [36 + random.below(48) for _ in range(5)]
        reference.append(np.array([hz(k) for k in keys]))
        estimate.append(np.array([hz(k + 12 if random.below(5) == 0 else k) for k in keys]))
    return np.arange(count) * 0.01, reference, estimate


def timed(name, work, runs):
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        scores = work()
        seconds.append(time.perf_counter() - start)
    print(f"{name}: best {min(seconds):.4f} s, median {statistics.median(seconds):.4f} s of {runs}")
    print("  " + ", ".join(f"{k} {v:.12f}" for k, v in list(scores.items())[:4]))


notes = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
count = int(sys.argv[2]) if len(sys.argv) > 2 else 60_000
reference, estimate = piece(notes)
timed(
    f"transcription, {notes} notes",
    lambda: mir_eval.transcription.evaluate(
        reference[:, :2], reference[:, 2], estimate[:, :2], estimate[:, 2]
    ),
    3,
)
times, reference, estimate = frames(count)
timed(
    f"multipitch, {count} frames",
    lambda: mir_eval.multipitch.evaluate(times, reference, times, estimate),
    3,
)
