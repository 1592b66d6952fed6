"""Reads an event file of mir-models with TensorBoard's own reader, and compares everything in it.

Environment (Python 3.11):
    python -m venv board && board/bin/pip install tensorboard==2.21.0 numpy
Run from the root of the repository:
    cargo build --release -p mir-models --example torch_parity
    board/bin/python scripts/parity/event_files.py target/release/examples/torch_parity
The exit code is 1 if anything is not what was written.
"""

import io
import json
import struct
import subprocess
import sys
import tempfile
import wave
import zlib

import numpy as np
import tensorboard
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import plugin_data_pb2


def png(width, height):
    """A grey picture."""
    rows = b"".join(b"\0" + bytes(range(width)) for _ in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def main():
    rng = np.random.default_rng(1)
    values = rng.standard_normal(5000).astype(np.float32)
    left, right = rng.uniform(-1, 1, (2, 800)).astype(np.float32)
    picture = png(20, 7)
    request = dict(case="events", png=list(picture), values=values.tolist(), audio=[left.tolist(), right.tolist()])
    with tempfile.TemporaryDirectory() as folder:
        line = json.dumps(dict(request, folder=folder)) + "\n"
        answer = subprocess.run([sys.argv[1]], input=line, capture_output=True, text=True, check=True).stdout
        assert json.loads(answer) == {}, answer
        events = event_accumulator.EventAccumulator(folder, size_guidance={k: 0 for k in event_accumulator.DEFAULT_SIZE_GUIDANCE})
        events.Reload()
    checks = []

    def check(what, ok):
        checks.append(ok)
        print(f"{'ok ' if ok else 'BAD'} {what}")

    tags = events.Tags()
    scalar, = events.Scalars("loss")
    check("scalar: step and value", (scalar.step, scalar.value) == (3, 0.25))
    image, = events.Images("rolls")
    check("image: bytes and size", (image.encoded_image_string, image.width, image.height) == (picture, 20, 7))
    histogram, = events.Histograms("weights")
    h = histogram.histogram_value
    check("histogram: count, extremes", (h.num, h.min, h.max) == (5000, values.min(), values.max()))
    doubles = values.astype(float)
    check("histogram: sums", np.allclose([h.sum, h.sum_squares], [doubles.sum(), (doubles**2).sum()], rtol=1e-9))
    counted = np.histogram(doubles, np.concatenate([[-np.inf], h.bucket_limit]))[0]
    check("histogram: buckets", np.array_equal(counted, h.bucket))
    sound, = events.Audio("sound")
    with wave.open(io.BytesIO(sound.encoded_audio_string)) as file:
        samples = np.frombuffer(file.readframes(800), "<i2").reshape(-1, 2) / 32767
        check("audio: rate, channels, length", (file.getframerate(), file.getnchannels(), file.getnframes()) == (16000, 2, 800))
    check("audio: samples", np.abs(samples - np.stack([left, right], 1)).max() < 2e-5)
    check("audio: described", (sound.sample_rate, sound.length_frames, sound.content_type) == (16000, 800, "audio/wav"))
    text, = events.Tensors("notes") if "notes" in tags["tensors"] else events.Tensors("notes/text_summary")
    check("text: content", text.tensor_proto.string_val[0].decode() == "**bold** words, ä")
    check("text: plugin", events.SummaryMetadata("notes").plugin_data.plugin_name == "text")

    def plugin(tag):
        data = plugin_data_pb2.HParamsPluginData()
        data.ParseFromString(events.SummaryMetadata(tag).plugin_data.content)
        return data

    experiment = plugin("_hparams_/experiment").experiment
    check("hparams: names", [i.name for i in experiment.hparam_infos] == ["rate", "preset", "augment"])
    check("hparams: metric", [i.name.tag for i in experiment.metric_infos] == ["loss"])
    start = plugin("_hparams_/session_start_info").session_start_info.hparams
    found = (start["rate"].number_value, start["preset"].string_value, start["augment"].bool_value)
    check("hparams: values", found == (0.5, "small", True))
    check("hparams: end", plugin("_hparams_/session_end_info").session_end_info.status == 1)
    print(f"{sum(checks)} of {len(checks)} checks, TensorBoard {tensorboard.__version__}")
    return 0 if all(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
