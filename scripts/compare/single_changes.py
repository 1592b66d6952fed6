#!/usr/bin/env python3
"""What does each choice bring? Trains a small network on MAPS again and again, one setting changed at a time.

Every run gets the same time, whatever a step of it costs: a few steps are timed first, then as many are
trained as fit. Each has one thread on one core, so that runs beside each other do not disturb.

    python3 scripts/compare/single_changes.py --binary target/release/examples/onsets_frames \\
        --root DIR --out runs/changes [--minutes 10] [--core 0] [--only NAME ...]

Prints one line per run, and the table of all that are in the folder at the end. A finished run is not
repeated. Validation scores are those of the held-out piano, which chose everything; test scores are
written down beside them and chose nothing. Needs nothing beyond Python's standard library.
"""

import argparse
import json
import os
import statistics
import subprocess
from pathlib import Path

# The network that the changes start from, on top of the preset `mini`: one shared stack, no offset head.
BASE = [
    "model.lstm_units=96",
    "model.conv_dropout=0.1",
    "model.fc_dropout=0.4",
    "train.ema_decay=0.995",
    "loader.window.frames=200",
]

# What each is called, and what it changes in the base.
CHANGES = {
    "base": [],
    "strided stem": ["model.stem=strided"],
    "strided stem, frame stack of its own": ["model.stem=strided", "model.frame_head=own"],
    "offset head": ["model.offset_head=shared", "train.loss.offset_positive_weight=5"],
    "LSTM 128": ["model.lstm_units=128"],
    "frame weight 2": ["train.loss.frame_positive_weight=2"],
    "dropout as small()": ["model.conv_dropout=0", "model.fc_dropout=0.25"],
    "no augmentation": [
        "loader.augment.gain=0",
        "loader.augment.tilt=0",
        "loader.augment.noise=0",
        "loader.augment.frequency_masks=0",
    ],
    "equalizer": ["loader.augment.tilt=0.3", "loader.augment.equalizer=0.6"],
    "reverberation": ["loader.augment.reverb=0.3", "loader.augment.reverb_seconds=0.8"],
    "background": ["loader.augment.background=-6.5"],
    "detune": ["loader.augment.detune_cents=10"],
    "mixing": ["loader.augment.mix=0.2", "loader.augment.mix_range=1.5"],
    "transposition": ["loader.augment.transpose=2"],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True, help="folder of MAPS")
    parser.add_argument("--out", type=Path, required=True, help="folder for a run folder of each change")
    parser.add_argument("--extra", type=Path, help="folder of rendered recordings: one more change")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--only", nargs="*", help="names of changes [default: all]")
    args = parser.parse_args()

    changes = {name: (sets, []) for name, sets in CHANGES.items()}
    if args.extra:
        changes["rendered recordings"] = ([], ["--extra", str(args.extra)])
    for name in args.only if args.only is not None else changes:
        sets, options = changes[name]
        folder = args.out / name.replace(" ", "_").replace(",", "").replace("(", "").replace(")", "")
        if not (folder / "change.json").exists():
            run(args, name, folder, sets, options)
        print(line(json.loads((folder / "change.json").read_text())), flush=True)
    print("\n| change | step, ms | steps | validation note | with offset | test note | with offset | frame |")
    print("|---|---|---|---|---|---|---|---|")
    for path in sorted(args.out.glob("*/change.json"), key=lambda path: path.stat().st_mtime):
        print(line(json.loads(path.read_text())))


def run(args, name, folder, sets, options):
    """One change: times it, trains it, writes down what came out."""
    probe = folder.with_name(folder.name + "_probe")
    train(args, probe, sets, options, 40, timing=True)
    step = statistics.median(values(probe, "time/step")[1:])
    wait = statistics.median(values(probe, "time/data_wait")[1:])
    steps = max(100, int(60 * args.minutes / (step + wait)) // 10 * 10)
    train(args, folder, sets, options, steps)
    results = json.loads((folder / "results.json").read_text())
    row = {"change": name, "step": step + wait, "steps": steps, "minutes": args.minutes}
    for score in ("note_f1", "note_with_offset_f1"):
        row["validation_" + score] = values(folder, "validation/" + score)[-1]
        row["test_" + score] = results[score]
    row["test_frame_f1"] = results["frame_f1"]
    (folder / "change.json").write_text(json.dumps(row, indent=1))


def train(args, folder, sets, options, steps, timing=False):
    """Runs the program; a run for its timing is cut before its scores."""
    command = ["taskset", "-c", str(args.core), str(args.binary), "train", "--data", "maps"]
    command += ["--preset", "mini", "--root", str(args.root), "--out", str(folder), "--force", "--quiet"]
    command += ["--steps", str(steps), *options]
    for value in BASE + sets + ["train.validate_every=1000000"] + (["train.log_every=1"] if timing else []):
        command += ["--set", value]
    environment = dict(os.environ, OMP_NUM_THREADS="1", GOMP_SPINCOUNT="10000")
    environment |= {"MALLOC_MMAP_THRESHOLD_": "33554432", "MALLOC_TRIM_THRESHOLD_": "4294967296"}
    environment |= {"MALLOC_TOP_PAD_": "67108864"}
    log = folder.with_suffix(".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w") as out:
        subprocess.run(command, env=environment, stdout=out, stderr=out, check=True)


def values(folder, name):
    """All values of a number that a run has logged."""
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [entry["value"] for entry in lines if entry["name"] == name]


def line(row):
    """A row of the table."""
    scores = [row[key] for key in ("validation_note_f1", "validation_note_with_offset_f1",
                                   "test_note_f1", "test_note_with_offset_f1", "test_frame_f1")]
    cells = [row["change"], f"{1000 * row['step']:.0f}", str(row["steps"]), *(f"{s:.3f}" for s in scores)]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
