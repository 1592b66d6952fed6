"""Times mir_eval on the inputs of compare.rs, which calls this: `python compare_mir_eval.py INPUTS.json`.

Prints JSON: for every task the seconds of each run and the scores.
"""

import json
import os
import sys
import time
import warnings

# One core, as on the other side.
for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = "1"

import mir_eval
import numpy as np

warnings.simplefilter("ignore")


def array(value):
    """Lists of numbers become arrays; lists of lists of other lengths, and of texts, stay lists."""
    if not isinstance(value, list):
        return value
    try:
        out = np.array(value)
    except ValueError:
        return [array(v) for v in value]
    return out if out.dtype.kind in "fi" else [array(v) for v in value]


with open(sys.argv[1]) as file:
    inputs = json.load(file)
results = {}
for task, arguments in inputs.items():
    if task == "pattern":
        arguments = [[[[tuple(p) for p in o] for o in pattern] for pattern in side] for side in arguments]
    elif task == "multipitch":
        arguments = [np.array(a) if i % 2 == 0 else [np.array(f) for f in a] for i, a in enumerate(arguments)]
    else:
        arguments = [array(a) for a in arguments]
    evaluate = getattr(mir_eval, task).evaluate
    seconds = []
    while len(seconds) < 3 or (sum(seconds) < 1.0 and len(seconds) < 200):
        # It may change its arguments.
        copies = json.loads(json.dumps(arguments)) if task == "key" else [list(a) if isinstance(a, list) else a for a in arguments]
        start = time.perf_counter()
        scores = evaluate(*copies)
        seconds.append(time.perf_counter() - start)
    results[task] = dict(seconds=seconds, scores={k: float(v) for k, v in scores.items()})
json.dump(results, sys.stdout)
