"""The Python side of `cargo run --release --example compare_speed`.

Reads one JSON request a line from standard input, answers with one JSON line of times in seconds. Both
sides run in turns in one session, with the same number of threads and the same arithmetic.

Needs torch 2.11, torchaudio 2.11, librosa 0.11, soxr, soundfile (each only for its own requests).
"""

import json
import sys
import time


def out(value):
    print(json.dumps(value), flush=True)


class Peers:
    def __init__(self):
        self.cache = {}

    def versions(self, _):
        found = {}
        for name in ("torch", "torchaudio", "librosa", "numpy", "soxr", "soundfile"):
            try:
                found[name] = __import__(name).__version__
            except ImportError:
                found[name] = None
        return found

    def threads(self, request):
        import torch

        torch.set_num_threads(request["threads"])
        return torch.get_num_threads()

    def signal(self, request):
        import numpy as np

        n = int(request["seconds"] * 16000)
        return np.random.default_rng(0).uniform(-0.5, 0.5, n).astype(np.float32)

    def log_mel_librosa(self, request):
        import librosa
        import numpy as np

        y = self.signal(request)
        times = []
        for _ in range(request["repeat"]):
            start = time.perf_counter()
            mel = librosa.feature.melspectrogram(
                y=y, sr=16000, n_fft=2048, hop_length=512, n_mels=229, fmin=30.0, fmax=8000.0,
                htk=True, norm="slaney", power=1.0, pad_mode="reflect",
            )
            np.log(np.maximum(mel, 1e-5))
            times.append(time.perf_counter() - start)
        return times

    def log_mel_torchaudio(self, request):
        import torch
        import torchaudio

        y = torch.from_numpy(self.signal(request))
        if "mel" not in self.cache:
            self.cache["mel"] = torchaudio.transforms.MelSpectrogram(
                16000, 2048, hop_length=512, n_mels=229, f_min=30.0, f_max=8000.0,
                mel_scale="htk", norm="slaney", power=1.0,
            )
        mel, times = self.cache["mel"], []
        with torch.no_grad():
            for _ in range(request["repeat"]):
                start = time.perf_counter()
                torch.log(torch.clamp(mel(y), min=1e-5))
                times.append(time.perf_counter() - start)
        return times

    def stft_librosa(self, request):
        import librosa

        y = self.signal(request)
        return timed(request, lambda: librosa.stft(y, n_fft=2048, hop_length=512, pad_mode="reflect"))

    def power_librosa(self, request):
        import librosa
        import numpy as np

        y = self.signal(request)
        power = lambda: np.abs(librosa.stft(y, n_fft=2048, hop_length=512, pad_mode="reflect")) ** 2
        return timed(request, power)

    def istft_librosa(self, request):
        import librosa

        y = self.signal(request)
        spectrum = librosa.stft(y, n_fft=2048, hop_length=512, pad_mode="reflect")
        return timed(request, lambda: librosa.istft(spectrum, hop_length=512, length=len(y)))

    def stft_torch(self, request):
        import torch

        y, window = torch.from_numpy(self.signal(request)), torch.hann_window(2048)
        with torch.inference_mode():
            return timed(request, lambda: torch.stft(y, 2048, 512, window=window, return_complex=True))

    def istft_torch(self, request):
        import torch

        y, window = torch.from_numpy(self.signal(request)), torch.hann_window(2048)
        with torch.inference_mode():
            spectrum = torch.stft(y, 2048, 512, window=window, return_complex=True)
            inverse = lambda: torch.istft(spectrum, 2048, 512, window=window, length=len(y))
            return timed(request, inverse)

    def slow_signal(self, request):
        import numpy as np

        n = int(request["seconds"] * 22050)
        return np.random.default_rng(0).uniform(-0.5, 0.5, n).astype(np.float32)

    def cqt_librosa(self, request):
        y = self.slow_signal(request)
        return timed(request, lambda: constant_q(y, 1))

    def hcqt_librosa(self, request):
        import numpy as np

        y = self.slow_signal(request)
        harmonics = (0.5, 1, 2, 3, 4, 5)
        return timed(request, lambda: np.stack([constant_q(y, h) for h in harmonics]))

    def minute(self, request):
        import numpy as np

        n = int(request["seconds"] * 44100)
        return np.random.default_rng(0).uniform(-0.5, 0.5, n).astype(np.float32)

    def resample_soxr(self, request):
        import soxr

        y = self.minute(request)
        return timed(request, lambda: soxr.resample(y, 44100, 16000, quality="HQ"))

    def resample_torchaudio(self, request):
        import torch
        import torchaudio

        y = torch.from_numpy(self.minute(request))
        if "resample" not in self.cache:
            self.cache["resample"] = torchaudio.transforms.Resample(44100, 16000)
        with torch.inference_mode():
            return timed(request, lambda: self.cache["resample"](y))

    def decode_soundfile(self, request):
        import soundfile

        read = lambda: soundfile.read(request["path"], dtype="float32", always_2d=True)
        return timed(request, read)

    def train_step(self, request):
        """Times of whole training steps: gradients to zero, forward, loss, backward, clipping, Adam."""
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits as bce

        device = request.get("device", "cpu")
        network, optimizer = self.network(request, device)
        network.train()
        batch, frames, bins = request["batch"], request["frames"], request["model"]["bins"]
        generator = torch.Generator().manual_seed(1)
        x = torch.rand(batch, 1, frames, bins, generator=generator) * 10 - 10
        onset = (torch.rand(batch, frames, 88, generator=generator) > 0.99).float()
        frame = (torch.rand(batch, frames, 88, generator=generator) > 0.95).float()
        velocity = torch.rand(batch, frames, 88, generator=generator)
        times = []
        # Ours comes from the memory of the processor in every step, so theirs does.
        host = (x, onset, frame, velocity)
        for _ in range(request["repeat"]):
            start = time.perf_counter()
            x, onset, frame, velocity = (part.to(device) for part in host)
            optimizer.zero_grad(set_to_none=False)
            o, f, p, v = network(x)
            loss = bce(o, onset) + bce(f, frame)
            if p is not None:
                loss = loss + bce(p, onset)
            loss = loss + (onset * (v - velocity) ** 2).sum() / onset.sum().clamp(min=1)
            loss.item()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 3.0)
            optimizer.step()
            if device != "cpu":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - start)
        return times

    def forward(self, request):
        """Times from features in the memory of the processor to probabilities there."""
        import torch

        device = request.get("device", "cpu")
        network, _ = self.network(request, device)
        network.eval()
        x = torch.rand(1, 1, request["frames"], request["model"]["bins"]) * 10 - 10
        times = []
        with torch.inference_mode():
            for _ in range(request["repeat"]):
                start = time.perf_counter()
                *heads, velocity = network(x.to(device))
                _ = [head.sigmoid().cpu() for head in heads if head is not None], velocity.clamp(0, 1).cpu()
                times.append(time.perf_counter() - start)
        return times

    def network(self, request, device):
        """A network with its optimizer, made once."""
        import torch

        key = device + json.dumps(request["model"], sort_keys=True)
        if key not in self.cache:
            torch.manual_seed(0)
            network = build(request["model"]).to(device)
            self.cache[key] = (network, torch.optim.Adam(network.parameters(), 1e-3))
        return self.cache[key]


def constant_q(y, harmonic):
    """Magnitudes of six octaves from C1 times a harmonic."""
    import librosa
    import numpy as np

    fmin = 32.70319566257483 * harmonic
    return np.abs(
        librosa.cqt(y, sr=22050, hop_length=256, fmin=fmin, n_bins=360, bins_per_octave=60)
    )


def timed(request, work):
    """Times of as many runs as the request asks for."""
    times = []
    for _ in range(request["repeat"]):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return times


def build(model):
    """The network of `OnsetsFramesConfig`: stem "early" or "kelz", a velocity head of any kind, offsets with own layers
    or none."""
    import torch
    from torch import nn

    channels, units, lstm = model["conv_channels"], model["fc_units"], model["lstm_units"]
    assert model["stem"] in ("early", "kelz") and model["offset_head"] in ("own", "none")
    early = model["stem"] == "early"

    class ConvStack(nn.Module):
        def __init__(self):
            super().__init__()
            c, drop = channels, model["conv_dropout"]
            pool = lambda: [nn.MaxPool2d((1, 2)), nn.Dropout(drop)]
            block = lambda i, o: [nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True)]
            layers = block(1, c) + (pool() if early else []) + block(c, c) + pool()
            layers += block(c, 2 * c) + ([] if early else pool())
            self.cnn = nn.Sequential(*layers)
            fc = [nn.Linear(2 * c * (model["bins"] // 4), units)]
            fc += [nn.ReLU()] if model["fc_relu"] else []
            self.fc = nn.Sequential(*fc, nn.Dropout(model["fc_dropout"]))

        def forward(self, x):
            return self.fc(self.cnn(x).transpose(1, 2).flatten(-2))

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(units, lstm, batch_first=True, bidirectional=True)
            self.fc = nn.Linear(2 * lstm, 88)
            self.skip = nn.Linear(units, 88) if model["conv_skip"] else None

        def forward(self, features):
            logits = self.fc(self.lstm(features)[0])
            return logits + self.skip(features) if self.skip else logits

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            own = lambda head: ConvStack() if model[head] == "own" else None
            self.norm = nn.BatchNorm1d(model["bins"]) if model["input_norm"] else None
            self.onset_conv, self.onset = ConvStack(), Recurrent()
            self.offset_conv = own("offset_head")
            self.offset = Recurrent() if self.offset_conv else None
            self.frame_conv, self.frame_fc = own("frame_head"), nn.Linear(units, 88)
            inputs = 3 * 88 if self.offset else 2 * 88
            self.combined_lstm = nn.LSTM(inputs, lstm, batch_first=True, bidirectional=True)
            self.combined_fc = nn.Linear(2 * lstm, 88)
            self.velocity_conv, self.velocity_fc = own("velocity_head"), nn.Linear(units, 88)

        def forward(self, x):
            if self.norm:
                x = self.norm(x[:, 0].transpose(1, 2)).transpose(1, 2).contiguous().unsqueeze(1)
            features = self.onset_conv(x)
            onset = self.onset(features)
            offset = self.offset(self.offset_conv(x)) if self.offset else None
            activation = self.frame_fc(self.frame_conv(x) if self.frame_conv else features)
            heads = [onset.detach()] + ([] if offset is None else [offset.detach()]) + [activation]
            joined = torch.cat([head.sigmoid() for head in heads], -1)
            frame = self.combined_fc(self.combined_lstm(joined)[0])
            if model["conv_skip"]:
                frame = frame + activation
            velocity = self.velocity_fc(self.velocity_conv(x) if self.velocity_conv else features)
            return onset, frame, offset, velocity

    return Network()


def main():
    peers = Peers()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            out({"ok": getattr(peers, request["do"])(request)})
        except Exception as error:  # reported to the other side, which decides
            out({"error": f"{type(error).__name__}: {error}"})


main()
