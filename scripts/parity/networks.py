"""Golden values of the transcription networks: what PyTorch 2.11 says of weights that a formula sets.

Environment as of `pytorch.py`. Run from the root of the repository:
    torch/bin/python scripts/parity/networks.py crates/mir-models/tests/fixtures/pytorch/networks.json

The networks are written down here once more, from their papers' tables and under the names of the
PyTorch programs: the baseline of the course GCT634 and its three exercises, and jongwook/onsets-and-frames. The
file holds names and shapes of all tensors and every 13th value of each output; the tests set the same weights
by the same formula, load them under these names, and compare.
"""

import json
import sys
import zlib

import numpy as np
import torch
from torch import nn

BINS, KEYS, FRAMES = 229, 88, 12


def uniform(name, count):
    """Numbers in [−1, 1) by a mixing function of 32-bit integers, the same in any language."""
    x = np.arange(count, dtype=np.uint32) + np.uint32(zlib.crc32(name.encode()))
    for _ in range(2):
        x ^= x >> np.uint32(16)
        x *= np.uint32(0x45D9F3B)
    x ^= x >> np.uint32(16)
    return x.astype(np.float64) / 2**31 - 1.0


def value(name, shape):
    """Of a tensor: what training might leave there."""
    u = uniform(name, int(np.prod(shape)))
    if name.endswith("running_var"):
        u = 1.0 + 0.5 * u
    elif name.endswith("running_mean") or "bias" in name:
        u = 0.1 * u
    elif len(shape) == 1:
        u = 1.0 + 0.2 * u
    else:
        u = u * np.sqrt(3.0 / np.prod(shape[1:]))
    return torch.from_numpy(u.astype(np.float32).reshape(shape))


class ConvStack(nn.Module):
    def __init__(self, c, units):
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(1, c, 3, padding=1), nn.BatchNorm2d(c), nn.ReLU(),
            nn.Conv2d(c, c, 3, padding=1), nn.BatchNorm2d(c), nn.ReLU(),
            nn.MaxPool2d((1, 2)), nn.Dropout(0.25),
            nn.Conv2d(c, 2 * c, 3, padding=1), nn.BatchNorm2d(2 * c), nn.ReLU(),
            nn.MaxPool2d((1, 2)), nn.Dropout(0.25),
        )
        self.fc = nn.Sequential(nn.Linear(2 * c * (BINS // 4), units), nn.Dropout(0.5))

    def forward(self, x):
        return self.fc(self.cnn(x[:, None]).transpose(1, 2).flatten(-2))


def lstm(inputs, units, layers):
    return nn.LSTM(inputs, units, layers, batch_first=True, bidirectional=True)


class Course(nn.Module):
    """`cnn`, `rnn`, `crnn` or `onf`."""

    def __init__(self, kind, c, units):
        super().__init__()
        self.kind = kind
        convolutional, recurrent = kind != "rnn", kind != "cnn"
        width = units if convolutional else BINS
        for branch in ("frame", "onset"):
            if convolutional:
                setattr(self, f"{branch}_conv_stack", ConvStack(c, units))
            inputs = width
            if kind == "onf" and branch == "frame":
                self.frame_conv_fc = nn.Linear(units, KEYS)
                inputs = 2 * KEYS
            if recurrent:
                setattr(self, f"{branch}_lstm", lstm(inputs, KEYS, 2))
            setattr(self, f"{branch}_fc", nn.Linear(2 * KEYS if recurrent else width, KEYS))

    def branch(self, name, x):
        if self.kind != "cnn":
            x = getattr(self, f"{name}_lstm")(x)[0]
        return getattr(self, f"{name}_fc")(x)

    def forward(self, x):
        features = lambda name: getattr(self, f"{name}_conv_stack")(x) if self.kind != "rnn" else x
        onset, frame = self.branch("onset", features("onset")), features("frame")
        if self.kind == "onf":
            frame = torch.cat([torch.sigmoid(onset).detach(), self.frame_conv_fc(frame)], -1)
        return {"onset": onset, "frame": self.branch("frame", frame)}


class Wrapped(nn.Module):
    """The recurrence of jongwook's program is a module in a module."""

    def __init__(self, inputs, units):
        super().__init__()
        self.rnn = lstm(inputs, units, 1)

    def forward(self, x):
        return self.rnn(x)[0]


class Jongwook(nn.Module):
    def __init__(self, complexity):
        super().__init__()
        size, half = 16 * complexity, 8 * complexity
        recurrent = lambda: nn.Sequential(
            ConvStack(complexity, size), Wrapped(size, half), nn.Linear(size, KEYS), nn.Sigmoid()
        )
        self.onset_stack, self.offset_stack = recurrent(), recurrent()
        self.frame_stack = nn.Sequential(ConvStack(complexity, size), nn.Linear(size, KEYS), nn.Sigmoid())
        self.combined_stack = nn.Sequential(Wrapped(3 * KEYS, half), nn.Linear(size, KEYS), nn.Sigmoid())
        self.velocity_stack = nn.Sequential(ConvStack(complexity, size), nn.Linear(size, KEYS))

    def forward(self, x):
        onset, offset, activation = self.onset_stack(x), self.offset_stack(x), self.frame_stack(x)
        frame = self.combined_stack(torch.cat([onset.detach(), offset.detach(), activation], -1))
        return {"onset": onset, "offset": offset, "frame": frame, "velocity": self.velocity_stack(x)}


def main():
    x = (uniform("input", FRAMES * BINS) * 3.0 - 4.0).astype(np.float32).reshape(1, FRAMES, BINS)
    networks = {kind: Course(kind, 4, 16) for kind in ("cnn", "rnn", "crnn", "onf")}
    networks["jongwook"] = Jongwook(2)
    stored = {}
    for label, network in networks.items():
        network.eval()
        state = {name: t for name, t in network.state_dict().items() if "num_batches" not in name}
        network.load_state_dict({name: value(name, t.shape) for name, t in state.items()}, strict=False)
        with torch.no_grad():
            heads = network(torch.from_numpy(x))
        stored[label] = {
            "tensors": {name: list(t.shape) for name, t in state.items()},
            "heads": {name: [float(str(v)) for v in t.flatten()[::13].numpy()] for name, t in heads.items()},
        }
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump({"versions": f"PyTorch {torch.__version__}", "networks": stored}, file, indent=None)
        file.write("\n")


if __name__ == "__main__":
    main()
