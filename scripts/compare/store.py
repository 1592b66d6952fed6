#!/usr/bin/env python3
"""Building and reading feature stores beside torchaudio and h5py, in one run on one core.

    cargo build -p mir-datasets --release --example store_speed
    python scripts/compare/store.py [--program target/release/examples/store_speed]

Makes recordings of 44.1 kHz stereo (WAV and FLAC), then in turns lets both sides decode them, mix to mono,
resample to 16 kHz, compute 229 mel bands (2048 samples, hop 512, natural logarithm) and write them to
HDF5; then read random crops of 640 frames. Rates are seconds of audio a second of processor time (user and
system, so other load on the machine disturbs little), medians over the rounds; two threads are
measured by the clock as well. Ours also fingerprints every file and syncs the store to disk. Needs torch,
torchaudio, h5py, soundfile and numpy.
"""

import os

# One core for every library, before any of them starts its threads.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import json
import pathlib
import resource
import shutil
import statistics
import subprocess
import tempfile
import time

RATE = 44_100
FRAMES, BINS = 640, 229


def processor_time(who):
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def recordings(folder, kind, count, seconds):
    """Chords of decaying partials over noise: FLAC has something to predict, as in music."""
    import numpy as np
    import soundfile

    folder.mkdir()
    rng = np.random.default_rng(1)
    time_of = np.arange(RATE * 2) / RATE
    for number in range(count):
        out = 0.002 * rng.standard_normal((RATE * seconds, 2))
        for start in range(0, seconds - 2):
            for _ in range(4):
                hz = 440 * 2 ** ((rng.integers(21, 100) - 69) / 12)
                tone = sum(
                    0.05 / h * np.exp(-time_of * h) * np.sin(2 * np.pi * hz * h * time_of + rng.uniform(0, 6))
                    for h in range(1, 8) if hz * h < 20_000
                )
                pan = rng.uniform(0.2, 0.8)
                out[start * RATE:(start + 2) * RATE] += tone[:, None] * [pan, 1 - pan]
        peak = np.abs(out).max()
        soundfile.write(folder / f"recording-{number}.{kind}", 0.8 * out / peak, RATE, subtype="PCM_16")


def ours_build(program, folder, stores, threads, form):
    shutil.rmtree(stores, ignore_errors=True)
    before = processor_time(resource.RUSAGE_CHILDREN)
    command = [program, "build", folder, stores, str(threads), form]
    result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert not result["reused"]
    used = processor_time(resource.RUSAGE_CHILDREN) - before
    return result["seconds_of_audio"] / used, result["seconds_of_audio"] / result["wall"]


def peer_build(folder, target):
    import h5py
    import soundfile
    import torch
    import torchaudio

    torch.set_num_threads(1)
    resample = torchaudio.transforms.Resample(RATE, 16_000)
    mel = torchaudio.transforms.MelSpectrogram(
        16_000, n_fft=2048, hop_length=512, n_mels=BINS, f_min=30.0, f_max=8000.0, power=1.0,
        norm="slaney", mel_scale="htk",
    )
    before, begin, total = processor_time(resource.RUSAGE_SELF), time.perf_counter(), 0.0
    with h5py.File(target, "w") as file:
        for path in sorted(folder.iterdir()):
            # torchaudio.load of 2.11 needs a further package; this is the decoder that it used before.
            samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
            total += len(samples) / rate
            mono = resample(torch.from_numpy(samples).mean(1))
            features = torch.log(torch.clamp(mel(mono), min=1e-5)).T.contiguous()
            file.create_dataset(path.stem, data=features.numpy())
    used = processor_time(resource.RUSAGE_SELF) - before
    return total / used, total / (time.perf_counter() - begin)


def ours_crops(program, store, seconds, threads):
    command = [program, "crops", store, str(FRAMES), str(seconds), str(threads)]
    before = processor_time(resource.RUSAGE_CHILDREN)
    result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    used = processor_time(resource.RUSAGE_CHILDREN) - before
    # The warm-up is in the processor time, so the clock is the stricter and the plainer of the two here.
    return result["crops"] / result["wall"] / threads, used


def peer_crops(target, seconds):
    import h5py
    import numpy as np

    rng = np.random.default_rng(2)
    out = np.empty((FRAMES, BINS), np.float32)
    with h5py.File(target, "r") as file:
        sets = [file[name] for name in file]
        count, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < seconds:
            data = sets[rng.integers(len(sets))]
            start = rng.integers(data.shape[0] - FRAMES)
            data.read_direct(out, np.s_[start:start + FRAMES])
            count += 1
        return count / (time.perf_counter() - begin)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="target/release/examples/store_speed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=120, help="length of a recording")
    parser.add_argument("--ours-only", action="store_true")
    parser.add_argument("--json", help="write the results to this file")
    args = parser.parse_args()
    middle = statistics.median
    rows = {}
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        for kind in ("wav", "flac"):
            recordings(work / kind, kind, args.files, args.seconds)
        for kind in ("wav", "flac"):
            cpu, one, two, peer = [], [], [], []
            for _ in range(args.rounds):
                result = ours_build(args.program, work / kind, work / "stores", 1, "f32")
                cpu.append(result[0])
                one.append(result[1])
                two.append(ours_build(args.program, work / kind, work / "stores", 2, "f32")[1])
                if not args.ours_only:
                    peer.append(peer_build(work / kind, work / "peer.h5")[0])
            row = dict(ours_x_real_time_cpu=middle(cpu), two_threads_over_one_wall=middle(two) / middle(one))
            line = f"{kind:4} to log-mel store, one core: ours {middle(cpu):7.0f} x real time"
            if peer:
                row.update(peer_x_real_time_cpu=middle(peer), factor=middle(cpu) / middle(peer))
                line += f"  torchaudio + h5py {middle(peer):6.0f}  {middle(cpu) / middle(peer):5.1f} x"
            print(f"{line}  (two threads {row['two_threads_over_one_wall']:.2f} x one, by the clock)", flush=True)
            rows[f"build_{kind}"] = row
        for form in ("f32", "f16", "u8"):
            ours_build(args.program, work / "wav", work / "stores", 1, form)
            store = next((work / "stores").glob("*.h5"))
            ours, pair, peer = [], [], []
            for _ in range(args.rounds):
                ours.append(ours_crops(args.program, store, 2, 1)[0])
                pair.append(ours_crops(args.program, store, 2, 2)[0])
                if form == "f32" and not args.ours_only:
                    peer.append(peer_crops(work / "peer.h5", 2))
            row = dict(ours_per_second=middle(ours), ours_per_second_and_thread_of_two=middle(pair),
                       store_bytes=store.stat().st_size)
            line = f"crops {FRAMES} x {BINS} from {form:3}: ours {middle(ours):8.0f} a second, of two threads each {middle(pair):8.0f}"
            if peer:
                row.update(peer_per_second=middle(peer), factor=middle(ours) / middle(peer))
                line += f"  h5py {middle(peer):6.0f}  {row['factor']:5.1f} x"
            print(line, flush=True)
            rows[f"crops_{form}"] = row
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
