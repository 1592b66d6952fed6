#!/usr/bin/env python3
"""MIDI reading beside symusic, in one run on one core.

    cargo build -p mir-midi --release --example read_speed
    scripts/compare/midi.py FOLDER [--program target/release/examples/read_speed]

Reads every .mid file below FOLDER from disk, in turns with symusic, several rounds, and prints the best
rate of each. Ours goes to notes in seconds under the default pedal rule, symusic (pip install symusic)
to its note and pedal arrays, in ticks and in seconds. The page cache is warm for both.
"""

import argparse
import json
import pathlib
import subprocess
import time


def symusic_seconds(files, unit, repeats):
    import symusic

    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        for file in files:
            score = symusic.Score(file, ttype=unit)
            for track in score.tracks:
                track.notes.numpy()
                track.pedals.numpy()
        best = min(best, time.perf_counter() - start)
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--program", default="target/release/examples/read_speed")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=20)
    arguments = parser.parse_args()
    # Scores are not performances: they have no pedal and regular times.
    files = sorted(str(p) for p in arguments.folder.rglob("*.mid") if p.name != "midi_score.mid")
    if not files:
        parser.error(f"no .mid file below {arguments.folder}")

    import symusic

    best = {}
    for _ in range(arguments.rounds):
        command = [arguments.program, str(arguments.repeats), *files]
        ours = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        results = {
            "mir, notes with pedal": ours["seconds_to_notes"],
            "mir, score": ours["seconds_to_score"],
            "symusic, ticks": symusic_seconds(files, "tick", arguments.repeats),
            "symusic, seconds": symusic_seconds(files, "second", arguments.repeats),
        }
        for name, seconds in results.items():
            best[name] = min(seconds, best.get(name, float("inf")))
    print(f"{len(files)} files, {ours['bytes']} bytes, {ours['notes']} notes; symusic {symusic.__version__}")
    for name, seconds in best.items():
        print(f"{name:24} {seconds * 1e3:8.2f} ms {ours['bytes'] / seconds / 1e6:8.1f} MB/s")


if __name__ == "__main__":
    main()
