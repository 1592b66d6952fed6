#!/usr/bin/env python3
"""Times the separation metrics beside mir_eval and museval, in one run on one core.

    python scripts/compare/eval_separation.py [--quick] [--json FILE] [--only NAME]

Needs what `scripts/parity/eval_separation.py` needs, whose functions it uses. `--quick` leaves the
four-minute track out. The Python packages run once (their runs take seconds to minutes), ours five times,
of which the median counts. Seconds are those of the clock; the second factor is that of processor time, which
other load on the machine disturbs less, and counts the reading of the samples against us. Also prints the
largest difference of the scores.
"""

import os

# One core for every library, before any of them starts its threads.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import argparse
import json
import pathlib
import resource
import statistics
import sys
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))
from eval_separation import difference, ours, signals, theirs  # noqa: E402

RATE = 44_100
SECOND = dict(window=RATE, hop=RATE)
# Name, metric, sources, seconds, channels, options, how many times as fast it has to be.
JOBS = [
    ("v4_30s", "museval_v4", 4, 30, 2, SECOND, 12),
    ("sources_10s", "sources", 4, 10, 1, dict(permutation=True), 15),
    ("v3_images_framewise_45s", "images_framewise", 4, 45, 2, dict(window=30 * RATE, hop=15 * RATE), 12),
    ("v4_240s", "museval_v4", 4, 240, 2, SECOND, 25),
]


def processor_time(who):
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=[job[0] for job in JOBS])
    parser.add_argument("--json", help="write the results to this file")
    args = parser.parse_args()
    rows = []
    for name, metric, sources, seconds, channels, options, goal in JOBS:
        if (args.only and name != args.only) or (args.quick and seconds > 100):
            continue
        x, y = signals(np.random.default_rng(1), sources, seconds * RATE, channels)
        if metric == "sources":
            x, y = x[:, :, 0], y[:, :, 0]
        start = processor_time(resource.RUSAGE_CHILDREN)
        actual, times = ours(metric, x, y, **options, repeat=5)
        mine_cpu = (processor_time(resource.RUSAGE_CHILDREN) - start) / len(times)
        start, start_cpu = time.perf_counter(), processor_time(resource.RUSAGE_SELF)
        expected = theirs(metric, x, y, **options)
        peer, peer_cpu = time.perf_counter() - start, processor_time(resource.RUSAGE_SELF) - start_cpu
        worst = max(difference(actual[key], values) for key, values in expected.items())
        mine = statistics.median(times)
        rows.append(dict(job=name, ours_s=mine, ours_best_s=min(times), peer_s=peer, factor=peer / mine, goal=goal,
                         ours_cpu_s=mine_cpu, peer_cpu_s=peer_cpu, factor_cpu=peer_cpu / mine_cpu,
                         largest_difference_db=worst))
        print(f"{name:26} ours {mine:8.3f} s  Python {peer:8.2f} s  {peer / mine:6.1f} x (goal {goal})  "
              f"processor time {mine_cpu:.3f} s and {peer_cpu:.2f} s, {peer_cpu / mine_cpu:.1f} x  "
              f"difference {worst:.1e} dB", flush=True)
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
