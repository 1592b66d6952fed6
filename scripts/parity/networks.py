"""Golden values of the transcription networks: what PyTorch 2.11 says of weights that a formula sets.

Environment as of `pytorch.py`. Run from the root of the repository:
    torch/bin/python scripts/parity/networks.py crates/mir-models/tests/fixtures/pytorch/networks.json

The networks are written down here once more, from their papers' tables and under the names of the
PyTorch programs: the baseline of the course GCT634 and its three exercises, jongwook/onsets-and-frames, and the
two of bytedance/piano_transcription. The
file holds names and shapes of all tensors and every 13th value of each output (all of a short one); the tests set the same weights
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


class Acoustic(nn.Module):
    """A head of the high-resolution networks."""

    def __init__(self, channels, fc, gru, outputs):
        super().__init__()
        for i, (inputs, width) in enumerate(zip([1, *channels], channels), 1):
            block = nn.Module()
            block.conv1 = nn.Conv2d(inputs, width, 3, padding=1, bias=False)
            block.bn1 = nn.BatchNorm2d(width, eps=0.01)
            block.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
            block.bn2 = nn.BatchNorm2d(width, eps=0.01)
            setattr(self, f"conv_block{i}", block)
        self.fc5 = nn.Linear(channels[-1] * (BINS // 16), fc, bias=False)
        self.bn5 = nn.BatchNorm1d(fc)
        self.gru = nn.GRU(fc, gru, 2, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * gru, outputs)

    def forward(self, x):
        for i in range(1, 5):
            block = getattr(self, f"conv_block{i}")
            x = torch.relu(block.bn1(block.conv1(x)))
            x = torch.relu(block.bn2(block.conv2(x)))
            x = nn.functional.avg_pool2d(x, (1, 2))
        x = self.fc5(x.transpose(1, 2).flatten(2))
        x = torch.relu(self.bn5(x.transpose(1, 2)).transpose(1, 2))
        return torch.sigmoid(self.fc(self.gru(x)[0]))


class HighResolution(nn.Module):
    """The notes or the pedals of bytedance/piano_transcription."""

    def __init__(self, pedal, channels, fc, gru):
        super().__init__()
        self.pedal = pedal
        self.bn0 = nn.BatchNorm2d(BINS, eps=0.01)
        if pedal:
            for head in ("onset", "offset", "frame"):
                setattr(self, f"reg_pedal_{head}_model", Acoustic(channels, fc, gru, 1))
            return
        for head in ("frame", "reg_onset", "reg_offset", "velocity"):
            setattr(self, f"{head}_model", Acoustic(channels, fc, gru, KEYS))
        for head, inputs in (("reg_onset", 2 * KEYS), ("frame", 3 * KEYS)):
            setattr(self, f"{head}_gru", nn.GRU(inputs, gru, 1, batch_first=True, bidirectional=True))
            setattr(self, f"{head}_fc", nn.Linear(2 * gru, KEYS))

    def forward(self, x):
        x = self.bn0(x[:, None].transpose(1, 3)).transpose(1, 3)
        if self.pedal:
            return {head: getattr(self, f"reg_pedal_{head}_model")(x) for head in ("onset", "offset", "frame")}
        couple = lambda head, parts: torch.sigmoid(
            getattr(self, f"{head}_fc")(getattr(self, f"{head}_gru")(torch.cat(parts, 2))[0])
        )
        offset, velocity = self.reg_offset_model(x), self.velocity_model(x)
        near = self.reg_onset_model(x)
        onset = couple("reg_onset", [near, near**0.5 * velocity])
        frame = couple("frame", [self.frame_model(x), onset, offset])
        return {"onset": onset, "offset": offset, "frame": frame, "velocity": velocity}


def some(values):
    return values[::13] if len(values) > 100 else values


def main():
    x = (uniform("input", FRAMES * BINS) * 3.0 - 4.0).astype(np.float32).reshape(1, FRAMES, BINS)
    networks = {kind: Course(kind, 4, 16) for kind in ("cnn", "rnn", "crnn", "onf")}
    networks["jongwook"] = Jongwook(2)
    for name, pedal in (("bytedance-notes", False), ("bytedance-pedals", True)):
        networks[name] = HighResolution(pedal, [2, 3, 4, 5], 8, 4)
    stored = {}
    for label, network in networks.items():
        network.eval()
        state = {name: t for name, t in network.state_dict().items() if "num_batches" not in name}
        network.load_state_dict({name: value(name, t.shape) for name, t in state.items()}, strict=False)
        with torch.no_grad():
            heads = network(torch.from_numpy(x))
        stored[label] = {
            "tensors": {name: list(t.shape) for name, t in state.items()},
            "heads": {name: [float(str(v)) for v in some(t.flatten()).numpy()] for name, t in heads.items()},
        }
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump({"versions": f"PyTorch {torch.__version__}", "networks": stored}, file, indent=None)
        file.write("\n")


if __name__ == "__main__":
    main()
