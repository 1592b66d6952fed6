#!/usr/bin/env bash
# Tries prebuilt programs on a machine with a graphics card: CUDA and LibTorch 2.11 are there, Rust is not.
#
#   scripts/gpu_check.sh [--cpu] [--soak SECONDS] [--python PYTHON] BINARY_FOLDER
#
# BINARY_FOLDER holds the programs doctor, selfcheck and compare_speed, built elsewhere with
#   cargo build --release --example doctor --example selfcheck --example compare_speed
# LIBTORCH names the LibTorch folder of this machine; without it that of PYTHON's torch 2.11 is taken, and
# without that the folder that the programs were linked against. --cpu rehearses everything on the processor.
# PYTHON (default: python3) needs torch 2.11 for the comparison of speed, which is left out without it.
#
# Prints one line for each part; the exit code is 0 only if every part that was tried is well, and 3 if the
# device is not there.

# Functions are handed to `part` by name.
# shellcheck disable=SC2317
set -euo pipefail

readonly MOST_MEMORY_GROWTH=101 # per cent of what the card holds after a minute
readonly MOST_TIME=1.05         # ours / PyTorch

usage() {
    sed -n '2,16s/^# \{0,1\}//p' "$0"
    exit 2
}

device=cuda
soak=480
python=python3
binaries=
while [ $# -gt 0 ]; do
    case $1 in
        --cpu) device=cpu ;;
        --soak) soak=${2:?--soak needs a number of seconds} && shift ;;
        --python) python=${2:?--python needs a program} && shift ;;
        -h | --help | -*) usage ;;
        *) [ -z "$binaries" ] || usage && binaries=$1 ;;
    esac
    shift
done
[ -n "$binaries" ] || usage
for name in doctor selfcheck compare_speed; do
    [ -x "$binaries/$name" ] || { echo "gpu_check: $binaries/$name is not a program" >&2; exit 2; }
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

torch_folder() {
    "$python" -c 'import os, torch
assert torch.__version__.startswith("2.11."), torch.__version__
print(os.path.join(os.path.dirname(torch.__file__), "lib"))' 2>"$scratch/torch.log"
}

if [ -n "${LIBTORCH:-}" ]; then
    libraries=$LIBTORCH/lib
else
    libraries=$(torch_folder) || libraries=
fi
if [ -n "$libraries" ]; then
    export LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    [ ! -e "$libraries/libtorch_cuda.so" ] || export MIR_LIBTORCH_CUDA=$libraries
fi

failed=0
# part NAME COMMAND...: runs it and says whether it is well; what it printed follows where it is not.
part() {
    local name=$1 begun=$SECONDS
    shift
    if "$@" >"$scratch/out" 2>&1; then
        printf '%-10s ok (%d s)\n' "$name" $((SECONDS - begun))
        grep -E "$show" "$scratch/out" | sed 's/^/           /' || true
    else
        printf '%-10s FAILED (exit code %d)\n' "$name" $?
        tail -n 20 "$scratch/out" | sed 's/^/           /'
        failed=1
    fi
}

# The device first: without it nothing else makes sense.
if ! "$binaries/doctor" --device "$device" >"$scratch/doctor" 2>&1; then
    echo "gpu_check: the device '$device' cannot be used here:" >&2
    cat "$scratch/doctor" >&2
    exit 3
fi
show='^(LibTorch|CUDA|devices|threads)'
part doctor cat "$scratch/doctor"

show='^device'
part parity "$binaries/selfcheck" --device "$device" --only "device parity"
part bf16 "$binaries/selfcheck" --device "$device" --only "device bf16"

# Memory of the card that a process holds, MiB.
card_memory() {
    nvidia-smi --query-compute-apps=pid,used_memory --format=csv,noheader,nounits |
        awk -F', *' -v pid="$1" '$1 == pid { print $2 }'
}

soak_run() {
    "$binaries/selfcheck" --device "$device" --only "device soak" --soak "$soak" &
    local process=$! warm=0 most=0 now waited=0
    while kill -0 "$process" 2>/dev/null; do
        sleep 5
        waited=$((waited + 5))
        if [ "$device" = cpu ] || ! command -v nvidia-smi >/dev/null; then continue; fi
        now=$(card_memory "$process" || true)
        now=${now:-0}
        if [ "$waited" -le 60 ]; then
            if [ "$now" -gt "$warm" ]; then warm=$now; fi
        elif [ "$now" -gt "$most" ]; then
            most=$now
        fi
    done
    wait "$process" || return 1
    echo "device card memory: $warm MiB after a minute, at most $most MiB later"
    [ $((100 * most)) -le $((MOST_MEMORY_GROWTH * warm)) ]
}
part soak soak_run

compare() {
    "$binaries/compare_speed" --only-training --device "$device" --python "$python" \
        --json "$scratch/speed.json"
    "$python" -c 'import json, sys
ratio = json.load(open(sys.argv[1]))["training_ratio"]
sys.exit(f"ours takes {ratio:.3f} times as long" if ratio > float(sys.argv[2]) else 0)' \
        "$scratch/speed.json" "$MOST_TIME"
}
if torch_folder >/dev/null; then
    show='training step|forward pass|PyTorch'
    part speed compare
else
    echo "speed      left out: $python has no torch 2.11 ($(tail -n 1 "$scratch/torch.log"))"
fi

if [ "$device" = cpu ]; then
    echo "rehearsed on the processor; nothing was tried on a graphics card"
fi
exit "$failed"
