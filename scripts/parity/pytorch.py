"""Compares layers, optimisers, schedules, clipping, initial values and exported networks of mir-models with PyTorch 2.11.

scripts/parity/pytorch.sh makes an environment, builds the program and runs this. By hand, from the root of the
repository (Python 3.11; the wheel for CPUs is enough):
    python -m venv torch && torch/bin/pip install torch==2.11.0 numpy
    cargo build --release -p mir-models --example torch_parity
    torch/bin/python scripts/parity/pytorch.py target/release/examples/torch_parity
Options: `--cases N` (of each layer, default 20), `--seed N`, `--summary FILE.md` writes the table,
`--store FILE.json` writes small cases with PyTorch's answers, for the tests.

The program answers lines of JSON. What is compared is the largest difference, relative to the largest
magnitude in the tensor: outputs and all gradients of a layer, a parameter after 100 steps of an optimiser,
every rate of a schedule. It may be 1e-6; of initial values, whose generators differ, deviation and bounds
may differ by 3 %. Any failure makes the exit code 1.
"""

import argparse
import collections
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

LIMIT = 1e-6
STEPS = 100


class Program:
    """The program that is asked."""

    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if isinstance(answer, dict) and "error" in answer:
            raise RuntimeError(f"{request.get('layer', request['case'])}: {answer['error']}")
        return answer


def array(tensor):
    # The shortest decimal number that reads back as the same 32-bit one.
    values = [float(str(x)) for x in tensor.detach().float().flatten().numpy()]
    return {"shape": list(tensor.shape), "values": values}


def difference(ours, theirs):
    """Largest difference of two arrays (or nests of them) over the largest magnitude of theirs."""
    if isinstance(theirs, dict) and "values" not in theirs:
        if sorted(ours) != sorted(theirs):
            return math.inf
        return max((difference(ours[key], theirs[key]) for key in theirs), default=0.0)
    if isinstance(theirs, list) and theirs and isinstance(theirs[0], dict):
        return max(difference(a, b) for a, b in zip(ours, theirs, strict=True))
    if isinstance(theirs, dict):
        if ours["shape"] != theirs["shape"]:
            return math.inf
        ours, theirs = ours["values"], theirs["values"]
    a, b = np.atleast_1d(np.asarray(ours, float)), np.atleast_1d(np.asarray(theirs, float))
    if a.shape != b.shape:
        return math.inf
    if a.size == 0 or np.array_equal(a, b):
        return 0.0
    return float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-30))


# ---- layers ----


class Attention(torch.nn.Module):
    """MultiheadAttention as self-attention of one tensor."""

    def __init__(self, features, heads, causal):
        super().__init__()
        self.inner = torch.nn.MultiheadAttention(features, heads, batch_first=True)
        self.causal = causal

    def forward(self, x):
        return self.inner(x, x, x, need_weights=False, attn_mask=mask(x, self.causal))[0]


class Transformer(torch.nn.Module):
    """TransformerEncoderLayer with a causal mask."""

    def __init__(self, features, heads, inner, causal):
        super().__init__()
        self.inner = torch.nn.TransformerEncoderLayer(features, heads, inner, dropout=0.0, batch_first=True)
        self.causal = causal

    def forward(self, x):
        return self.inner(x, src_mask=mask(x, self.causal))


class First(torch.nn.Module):
    """A recurrent layer without its state."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)[0]


def mask(x, causal):
    frames = x.shape[1]
    return torch.nn.Transformer.generate_square_subsequent_mask(frames) if causal else None


def layers(rng):
    """One random setting of every layer: (label, our description, PyTorch's module, its input)."""
    pick = lambda low, high: int(rng.integers(low, high + 1))
    flip = lambda: bool(rng.integers(2))
    noise = lambda *shape: torch.from_numpy(rng.standard_normal(shape).astype(np.float32))
    batch = pick(1, 3)
    for axes in (1, 2):
        for transposed in (False, True):
            groups = pick(1, 3)
            inputs, outputs = groups * pick(1, 3), groups * pick(1, 3)
            kernel = [pick(1, 4) for _ in range(axes)]
            stride = [pick(1, 3) for _ in range(axes)]
            padding = [pick(0, k // 2) for k in kernel]
            dilation = [pick(1, 2) for _ in range(axes)]
            output_padding = [pick(0, s - 1) if transposed else 0 for s in stride]
            bias = flip()
            ours = dict(kind="conv", axes=axes, transposed=transposed, inputs=inputs, outputs=outputs, kernel=kernel,
                        stride=stride, padding=padding, dilation=dilation, output_padding=output_padding,
                        groups=groups, bias=bias)
            options = dict(stride=stride, padding=padding, dilation=dilation, groups=groups, bias=bias)
            if transposed:
                options["output_padding"] = output_padding
            name = f"Conv{'Transpose' if transposed else ''}{axes}d"
            module = getattr(torch.nn, name)(inputs, outputs, kernel, **options)
            yield name, ours, module, noise(batch, inputs, *[pick(8, 14) for _ in range(axes)])
    inputs, outputs, bias = pick(1, 20), pick(1, 20), flip()
    ours = dict(kind="linear", inputs=inputs, outputs=outputs, bias=bias)
    yield "Linear", ours, torch.nn.Linear(inputs, outputs, bias), noise(batch, pick(1, 5), inputs)
    channels, momentum = pick(1, 8), float(np.round(rng.uniform(0.01, 0.99), 3))
    ours = dict(kind="batch_norm", channels=channels, momentum=momentum)
    yield "BatchNorm1d", ours, torch.nn.BatchNorm1d(channels, momentum=momentum), noise(batch, channels, pick(3, 9))
    yield "BatchNorm2d", ours, torch.nn.BatchNorm2d(channels, momentum=momentum), noise(batch, channels, pick(3, 9), 4)
    features = pick(2, 20)
    yield "LayerNorm", dict(kind="layer_norm", features=features), torch.nn.LayerNorm(features), noise(batch, 4, features)
    groups = pick(1, 4)
    channels = groups * pick(1, 4)
    ours = dict(kind="group_norm", groups=groups, channels=channels)
    yield "GroupNorm", ours, torch.nn.GroupNorm(groups, channels), noise(batch, channels, pick(3, 9))
    yield "InstanceNorm1d", dict(kind="instance_norm"), torch.nn.InstanceNorm1d(channels), noise(batch, channels, pick(3, 9))
    for cell, module in (("tanh", torch.nn.RNN), ("lstm", torch.nn.LSTM), ("gru", torch.nn.GRU)):
        inputs, hidden, count, both = pick(1, 8), pick(1, 8), pick(1, 3), flip()
        ours = dict(kind="recurrent", cell=cell, inputs=inputs, hidden=hidden, layers=count, bidirectional=both)
        theirs = module(inputs, hidden, count, batch_first=True, bidirectional=both)
        yield module.__name__, ours, First(theirs), noise(batch, pick(1, 12), inputs)
    count, features = pick(2, 9), pick(1, 6)
    indices = torch.from_numpy(rng.integers(0, count, (batch, 5)))
    yield "Embedding", dict(kind="embedding", count=count, features=features), torch.nn.Embedding(count, features), indices
    slopes = pick(1, 4)
    yield "PReLU", dict(kind="p_relu", slopes=slopes), torch.nn.PReLU(slopes), noise(batch, slopes, 6)
    heads = pick(1, 4)
    features, causal = heads * pick(1, 5), flip()
    ours = dict(kind="self_attention", features=features, heads=heads, causal=causal)
    yield "MultiheadAttention", ours, Attention(features, heads, causal), noise(batch, pick(1, 9), features)
    features, inner = heads * pick(2, 5), pick(2, 20)
    ours = dict(kind="transformer", features=features, heads=heads, inner=inner, causal=causal)
    theirs = Transformer(features, heads, inner, causal)
    yield "TransformerEncoderLayer", ours, theirs, noise(batch, pick(1, 9), features)


def plain(name):
    return name.removeprefix("inner.")


def layer_case(ours, module, x):
    """The request, and PyTorch's answer to it."""
    weights = {plain(name): array(value) for name, value in module.state_dict().items() if "num_batches" not in name}
    floating = x.is_floating_point()
    x = x.clone().requires_grad_(floating)
    output = module.train()(x)
    generator = torch.Generator().manual_seed(output.numel())
    cotangent = torch.randn(output.shape, generator=generator)
    (output * cotangent).sum().backward()
    gradients = {plain(name): array(value.grad) for name, value in module.named_parameters()}
    if floating:
        gradients["(input)"] = array(x.grad)
    buffers = {plain(name): array(value) for name, value in module.named_buffers() if "num_batches" not in name}
    request = dict(case="layer", layer=ours, params=weights, input=array(x), cotangent=array(cotangent))
    return request, dict(output=array(output), gradients=gradients, buffers=buffers)


def wide(ours):
    """The same layer with enough weights for their distribution to be seen."""
    large = dict(ours)
    for key in ("inputs", "outputs", "hidden", "features", "channels", "inner"):
        if key in large:
            factor = large.get("groups", 1) * large.get("heads", 1)
            large[key] = 48 * factor
    if large["kind"] == "embedding":
        large["count"] = 400
    return large


def module_of(ours):
    kind = ours["kind"]
    if kind == "conv":
        name = f"Conv{'Transpose' if ours['transposed'] else ''}{ours['axes']}d"
        return getattr(torch.nn, name)(ours["inputs"], ours["outputs"], ours["kernel"], groups=ours["groups"], bias=ours["bias"])
    if kind == "recurrent":
        cell = dict(tanh=torch.nn.RNN, lstm=torch.nn.LSTM, gru=torch.nn.GRU)[ours["cell"]]
        return cell(ours["inputs"], ours["hidden"], ours["layers"], bidirectional=ours["bidirectional"])
    make = {
        "linear": lambda: torch.nn.Linear(ours["inputs"], ours["outputs"], ours["bias"]),
        "batch_norm": lambda: torch.nn.BatchNorm1d(ours["channels"]),
        "layer_norm": lambda: torch.nn.LayerNorm(ours["features"]),
        "group_norm": lambda: torch.nn.GroupNorm(ours["groups"], ours["channels"]),
        "instance_norm": lambda: torch.nn.InstanceNorm1d(4),
        "embedding": lambda: torch.nn.Embedding(ours["count"], ours["features"]),
        "p_relu": lambda: torch.nn.PReLU(ours["slopes"]),
        "self_attention": lambda: torch.nn.MultiheadAttention(ours["features"], ours["heads"]),
        "transformer": lambda: torch.nn.TransformerEncoderLayer(ours["features"], ours["heads"], ours["inner"]),
    }
    return make[kind]()


def compare_init(program, ours):
    """Largest relative difference of the deviations and bounds of a fresh layer's tensors."""
    large = wide(ours)
    answer = program.ask(dict(case="init", layer=large))
    worst = 0.0
    for name, value in module_of(large).state_dict().items():
        if "num_batches" in name:
            continue
        value = value.double()
        deviation, largest = answer[name]
        # A few numbers say little about their distribution; normal ones have no bound.
        pairs = [(deviation, value.square().mean().sqrt())] if value.numel() >= 5000 else []
        normal = large["kind"] == "embedding"
        if not normal:
            pairs.append((largest, value.abs().max()))
        for a, b in pairs:
            if max(a, float(b)) > 0:
                tolerance = 1.0 if value.numel() >= 500 else 4.0
                worst = max(worst, abs(a - float(b)) / max(a, float(b)) / tolerance)
    return worst


# ---- optimisers ----


def optimizers():
    """(label, our configuration, PyTorch's optimiser of a parameter and a rate)."""
    for decay in (0.0, 0.01):
        for decoupled in (False, True):
            for amsgrad in (False, True):
                ours = dict(kind="adam", beta1=0.8, beta2=0.99, eps=1e-7, weight_decay=decay, decoupled=decoupled, amsgrad=amsgrad)
                make = torch.optim.AdamW if decoupled else torch.optim.Adam
                yield make.__name__ + (" (amsgrad)" if amsgrad else ""), ours, lambda p, lr, make=make, amsgrad=amsgrad, decay=decay: make(
                    p, lr, (0.8, 0.99), 1e-7, decay, amsgrad, foreach=False)
        for momentum, dampening, nesterov in ((0.0, 0.0, False), (0.9, 0.0, False), (0.9, 0.3, False), (0.9, 0.0, True)):
            ours = dict(kind="sgd", momentum=momentum, dampening=dampening, nesterov=nesterov, weight_decay=decay)
            yield "SGD", ours, lambda p, lr, m=momentum, d=dampening, n=nesterov, decay=decay: torch.optim.SGD(
                p, lr, m, d, decay, n, foreach=False)
        for momentum, centred in ((0.0, False), (0.9, False), (0.0, True), (0.9, True)):
            ours = dict(kind="rms_prop", alpha=0.95, eps=1e-6, momentum=momentum, centred=centred, weight_decay=decay)
            yield "RMSprop", ours, lambda p, lr, m=momentum, c=centred, decay=decay: torch.optim.RMSprop(
                p, lr, 0.95, 1e-6, decay, m, c, foreach=False)
        ours = dict(kind="adadelta", rho=0.9, eps=1e-6, weight_decay=decay)
        yield "Adadelta", ours, lambda p, lr, decay=decay: torch.optim.Adadelta(p, lr, 0.9, 1e-6, decay, foreach=False)


def optimizer_case(ours, make, rng, size, steps):
    start = torch.from_numpy(rng.standard_normal(size).astype(np.float32))
    curvature = torch.from_numpy(rng.uniform(0, 1, size).astype(np.float32))
    gradients = torch.from_numpy(rng.standard_normal((steps, size)).astype(np.float32))
    rate = 1.0 if ours["kind"] == "adadelta" else 0.01
    p = start.clone().requires_grad_(True)
    optimizer = make([p], rate)
    for linear in gradients:
        optimizer.zero_grad()
        (p * linear + p.square() * curvature * 0.5).sum().backward()
        optimizer.step()
    request = dict(case="optimizer", config=ours, rate=rate, start=array(start)["values"],
                   curvature=array(curvature)["values"], gradients=[array(g)["values"] for g in gradients])
    return request, array(p)


# ---- schedules, clipping ----


def rates(make, total, base=0.1):
    p = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([p], base)
    schedule = make(optimizer)
    out = []
    for _ in range(total):
        out.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return out


def schedules():
    """(label, our schedule, steps, PyTorch's schedule of an optimiser)."""
    s = torch.optim.lr_scheduler
    constant = dict(kind="constant", rate=0.1)
    yield "ConstantLR (factor 1)", constant, 30, lambda o: s.ConstantLR(o, 1.0)
    yield "StepLR", dict(kind="exponential", initial=0.1, factor=0.5, every=7), 60, lambda o: s.StepLR(o, 7, 0.5)
    yield "ExponentialLR", dict(kind="exponential", initial=0.1, factor=0.9, every=1, smooth=True), 60, lambda o: s.ExponentialLR(o, 0.9)
    yield "MultiStepLR", dict(kind="multi_step", initial=0.1, factor=0.3, milestones=[5, 9, 30]), 60, lambda o: s.MultiStepLR(o, [5, 9, 30], 0.3)
    yield "PolynomialLR", dict(kind="polynomial", initial=0.1, end=0.0, power=1.7, steps=40), 60, lambda o: s.PolynomialLR(o, 40, 1.7)
    line = dict(kind="polynomial", initial=0.02, end=0.08, power=1.0, steps=20)
    yield "LinearLR", line, 60, lambda o: s.LinearLR(o, 0.2, 0.8, 20)
    yield "CosineAnnealingLR", dict(kind="cosine", initial=0.1, floor=0.01, steps=50), 51, lambda o: s.CosineAnnealingLR(o, 50, 0.01)
    for growth in (1, 2, 3):
        ours = dict(kind="cosine_restarts", peak=0.1, floor=0.01, period=6, growth=growth, decay=1.0)
        yield "CosineAnnealingWarmRestarts", ours, 100, lambda o, g=growth: s.CosineAnnealingWarmRestarts(o, 6, g, 0.01)
    for warmup, linear in ((0.3, False), (0.3, True), (0.1, False)):
        ours = dict(kind="torch_one_cycle", peak=0.5, warmup=warmup, start_divisor=10.0, end_divisor=1e3, linear=linear)
        yield "OneCycleLR", ours, 80, lambda o, w=warmup, linear=linear: s.OneCycleLR(
            o, 0.5, 80, pct_start=w, anneal_strategy="linear" if linear else "cos", div_factor=10.0, final_div_factor=1e3)
    warm = dict(kind="warmup", steps=10, start=0.25, then=dict(kind="exponential", initial=0.1, factor=0.9, every=1, smooth=True))
    yield "SequentialLR", warm, 60, lambda o: s.SequentialLR(o, [s.LinearLR(o, 0.25, 1.0, 10), s.ExponentialLR(o, 0.9)], [10])
    product = dict(kind="times", left=line, right=dict(kind="exponential", initial=1.0, factor=0.5, every=7))
    yield "ChainedScheduler", product, 60, lambda o: s.ChainedScheduler([s.LinearLR(o, 0.2, 0.8, 20), s.StepLR(o, 7, 0.5)])


def plateaus(rng):
    for goal, mode in (("higher", "max"), ("lower", "min")):
        for absolute in (False, True):
            ours = dict(goal=goal, factor=0.5, patience=2, threshold=0.02, absolute=absolute, cooldown=1, floor=0.01)
            scores = [float(x) for x in 1 + 0.1 * rng.standard_normal(60)]
            p = torch.nn.Parameter(torch.zeros(1))
            optimizer = torch.optim.SGD([p], 1.0)
            theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimizer, mode, 0.5, 2, 0.02, "abs" if absolute else "rel", 1, 0.01)
            expected = []
            for score in scores:
                theirs.step(score)
                expected.append(optimizer.param_groups[0]["lr"])
            yield dict(case="plateau", config=ours, scores=scores), expected


def clips(rng):
    for mode in ("global_norm", "tensor_norm", "value"):
        for limit in (0.5, 3.0, 100.0):
            gradients = [torch.from_numpy(rng.standard_normal(int(n)).astype(np.float32)) for n in rng.integers(1, 30, 5)]
            parameters = [torch.nn.Parameter(torch.zeros(g.shape)) for g in gradients]
            for p, g in zip(parameters, gradients):
                p.grad = g.clone()
            norm = float(torch.linalg.vector_norm(torch.cat(gradients)))
            if mode == "global_norm":
                torch.nn.utils.clip_grad_norm_(parameters, limit)
            elif mode == "value":
                torch.nn.utils.clip_grad_value_(parameters, limit)
            else:
                for p in parameters:
                    torch.nn.utils.clip_grad_norm_([p], limit)
            request = dict(case="clip", clip={mode: limit}, gradients=[array(g)["values"] for g in gradients])
            yield mode, request, dict(norm=norm, gradients=[array(p.grad) for p in parameters])


def exports(rng):
    """Our networks as TorchScript, which PyTorch loads and runs without anything of ours."""
    presets = [
        dict(stem="kelz", offset_head="own", velocity_head="own", frame_head="own", lstm_units=8),
        dict(stem="early", offset_head="none", velocity_head="shared", frame_head="shared", lstm_units=4, conv_skip=True, input_norm=True),
        dict(stem="kelz", offset_head="shared", velocity_head="none", frame_head="own", lstm_units=0),
    ]
    for preset in presets:
        for batch, frames in ((1, 64), (3, 17), (2, 1)):
            architecture = dict(bins=32, conv_channels=4, fc_units=16, **preset)
            x = torch.from_numpy(rng.standard_normal((batch, 1, frames, 32)).astype(np.float32))
            yield architecture, x


def compare_export(program, architecture, x):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pt"
        answer = program.ask(dict(case="export", path=str(path), architecture=architecture, input=array(x)))
        described = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        assert described["heads"] == answer["heads"], described
        module = torch.jit.load(path)
        with torch.no_grad():
            return difference(array(module(x)), answer["output"])


def run(program, options):
    rng = np.random.default_rng(options.seed)
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    rows = collections.OrderedDict()
    stored, small = [], set()

    def note(table, label, worst, limit=LIMIT):
        count, largest, failed = rows.setdefault((table, label), (0, 0.0, 0))
        rows[table, label] = (count + 1, max(largest, worst), failed + (not worst <= limit))

    def check(table, label, request, expected, store):
        note(table, label, difference(program.ask(request), expected))
        case = dict(name=label, request=request, expected=expected)
        # The first small one of each layer, all others that are meant for it.
        if store and (table != "layer" or label not in small and len(json.dumps(case)) < 6000):
            small.add(label)
            stored.append(case)

    for index in range(options.cases):
        for label, ours, module, x in layers(rng):
            check("layer", label, *layer_case(ours, module, x), store=True)
            if index == 0:
                note("initial values", label, compare_init(program, ours), 0.03)
    for label, ours, make in optimizers():
        check("optimiser", label, *optimizer_case(ours, make, rng, 50, STEPS), store=False)
        if ours["weight_decay"] > 0:
            request, expected = optimizer_case(ours, make, rng, 3, 12)
            check("optimiser", label, request, expected, store=True)
    for label, ours, total, make in schedules():
        check("schedule", label, dict(case="schedule", schedule=ours, total=total), rates(make, total), store=True)
    for request, expected in plateaus(rng):
        check("schedule", "ReduceLROnPlateau", request, expected, store=True)
    for architecture, x in exports(rng):
        note("TorchScript", "torch.jit.load", compare_export(program, architecture, x))
    for label, request, expected in clips(rng):
        check("clipping", label, request, expected, store=True)
    return rows, stored


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--cases", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--summary")
    parser.add_argument("--store")
    options = parser.parse_args()
    rows, stored = run(Program(options.program), options)
    versions = f"PyTorch {torch.__version__.split('+')[0]}, NumPy {np.__version__}, Python {sys.version.split()[0]}"
    lines = ["| what | as PyTorch calls it | cases | largest difference | above the limit |", "|---|---|---:|---:|---:|"]
    for (table, label), (count, largest, failed) in rows.items():
        lines.append(f"| {table} | {label} | {count} | {largest:.1e} | {failed} |")
    table = "\n".join(lines)
    print(table)
    failures = sum(failed for _, _, failed in rows.values())
    print(f"{sum(count for count, _, _ in rows.values())} cases, {failures} above the limit, {versions}")
    if options.summary:
        with open(options.summary, "w", encoding="utf-8") as out:
            out.write(f"""# Comparison with PyTorch

`scripts/parity/pytorch.py --cases {options.cases} --seed {options.seed}` with {versions}, on a CPU.

Random settings of every layer (forward pass in training mode, the gradients of input and weights, running
statistics), every optimiser over {STEPS} steps, every schedule step by step, gradient clipping, networks that were exported to TorchScript. *Difference*: the
largest one of a tensor over the largest magnitude in it; the limit is {LIMIT:.0e}. Of initial values, which come
from different generators, deviation and bounds are compared; the limit is 3e-02.

{table}
""")
    if options.store:
        with open(options.store, "w", encoding="utf-8") as out:
            text = json.dumps(dict(versions=versions, limit=LIMIT, cases=stored), separators=(",", ":"))
            out.write(text + "\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
