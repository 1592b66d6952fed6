#!/usr/bin/env bash
# Do several processes give what one gives? Runs stores, scores and a short training of the built-in data set once in
# one process and once in several. Needs mpirun, and programs with the feature mpi:
#   cargo build --release --features mpi --example dataset --example onsets_frames
#   scripts/mpi_check.sh target/release/examples [PROCESSES]
set -euo pipefail

binaries=${1:?the folder of the programs, such as target/release/examples}
processes=${2:-2}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Containers have no other user, and often fewer cores than processes.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
several() { mpirun -n "$processes" --oversubscribe "$@"; }

"$binaries/dataset" mini - preprocess --out "$scratch/one" --quiet
several "$binaries/dataset" mini - preprocess --out "$scratch/many" --quiet
diff -r "$scratch/one" "$scratch/many"
echo "stores     equal: $(find "$scratch/one" -type f | wc -l) files, $(du -sh "$scratch/one" | cut -f 1)"

"$binaries/onsets_frames" evaluate --json "$scratch/one.json" --quiet
several "$binaries/onsets_frames" evaluate --json "$scratch/many.json" --quiet
python3 - "$scratch" <<'PYTHON'
import json
import sys

one, many = (json.load(open(f"{sys.argv[1]}/{name}.json")) for name in ("one", "many"))
for scores in (one, many):
    for name in ("seconds", "audio_seconds_per_second"):
        del scores[name]
assert one == many, f"{one}\n{many}"
print(f"scores     equal: {len(one['pieces'])} recordings, note F1 {one['note_f1']:.3f}")
PYTHON

several "$binaries/onsets_frames" train --steps 20 --out "$scratch/run" --cache "$scratch/cache" --quiet
python3 - "$scratch/run" "$processes" <<'PYTHON'
import json
import sys

run = json.load(open(f"{sys.argv[1]}/run.json"))
assert run["outcome"] == "finished", run
assert run["device"].startswith(f"{sys.argv[2]} processes"), run
steps = {json.loads(line)["step"] for line in open(f"{sys.argv[1]}/metrics.jsonl")}
assert max(steps) == 20, steps
print(f"training   finished: {run['device']}")
PYTHON
if several "$binaries/onsets_frames" transcribe "$scratch" --out "$scratch/notes" 2>"$scratch/refusal"; then
    echo "a verb that cannot share its work did not say so" >&2
    exit 1
fi
grep -q "share their work" "$scratch/refusal"
echo "refusal    in words"
