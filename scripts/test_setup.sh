#!/usr/bin/env bash
# Tests setup.sh in a few seconds and without a network: a copy of it runs in a temporary folder, on
# tiny wheels that have the names and the layout of the real ones. Prints one line for each case.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

ROOT=$(mktemp -d)
trap 'rm -rf "$ROOT"' EXIT
TREE=$ROOT/tree
SHIMS=$ROOT/shims
mkdir -p "$TREE/.cargo" "$TREE/scripts" "$SHIMS" "$ROOT/index"
cp setup.sh Cargo.toml "$TREE"

# Fake wheels for every line of the list, and a list with their checksums.
python3 - scripts/wheels.tsv "$TREE/scripts/wheels.tsv" "$ROOT/index" <<'EOF'
import hashlib, os, sys, zipfile

listed, written, index = sys.argv[1:]

def members(platform, role, name):
    suffix = "dylib" if platform.startswith("macos") else "so"
    if role == "libtorch":
        yield from ((f"torch/lib/{lib}.{suffix}", lib) for lib in ["libtorch", "libtorch_cpu", "libc10", "libshm"])
        yield "torch/lib/libgomp.so.1", "gomp"
        yield "torch/lib/libtorch_cuda.so", "not for the CPU folder"
        yield "torch/lib/libc10_cuda.so", "not for the CPU folder"
        yield "torch/include/torch/csrc/api/include/torch/torch.h", "// header"
        yield "torch/other.py", "not wanted"
    elif role == "cmake":
        yield "cmake/data/bin/cmake", "#!/bin/sh\necho cmake version 3.31.6\n"
    elif "runtime" in name:
        yield "nvidia/cu13/lib/libcudart.so.13", "cudart"
    elif "cupti" in name:
        yield "nvidia/cu13/lib/libcupti.so.13", "cupti"
        yield "nvidia/cu13/lib/libcheckpoint.so", "not for the CPU folder"
    elif "cudnn" in name:
        yield "nvidia/cudnn/lib/libcudnn.so.9", "cudnn"
    elif "cublas" in name:
        yield "nvidia/cu13/lib/libcublas.so.13", "cublas"
    else:
        yield "nvidia/nccl/lib/libnccl.so.2", "nccl"

with open(listed) as lines, open(written, "w") as out:
    for line in lines:
        if line.startswith("#"):
            continue
        platform, role, _, _, file = line.rstrip("\n").split("\t")
        name, version = file.split("-")[:2]
        # Three CUDA packages show what thirteen would, in less time.
        if role == "cuda" and not name.startswith(("nvidia_cublas", "nvidia_cudnn", "nvidia_nccl")):
            continue
        path = os.path.join(index, file)
        with zipfile.ZipFile(path, "w") as wheel:
            for member, text in members(platform, role, name):
                info = zipfile.ZipInfo(member)
                info.external_attr = 0o755 << 16
                wheel.writestr(info, text)
            facts = f"{name}-{version}.dist-info"
            wheel.writestr(f"{facts}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            wheel.writestr(f"{facts}/WHEEL", "Wheel-Version: 1.0\n")
        with open(path, "rb") as wheel:
            digest = hashlib.sha256(wheel.read()).hexdigest()
        out.write(f"{platform}\t{role}\t{os.path.getsize(path)}\t{digest}\t{file}\n")
EOF
cp "$TREE/scripts/wheels.tsv" "$ROOT/wheels.tsv"

PYTHON=$(python3 -c 'import sys; print(sys.executable)')
readonly PYTHON
export PIP_NO_INDEX=1 PIP_FIND_LINKS=$ROOT/index PIP_RETRIES=1
export XDG_CACHE_HOME="$ROOT/the cache" PATH=$SHIMS:$PATH
unset LIBTORCH LIBTORCH_LIB LIBTORCH_INCLUDE LIBTORCH_USE_PYTORCH
CACHE=$XDG_CACHE_HOME/mir
CPU=$CACHE/libtorch-2.11.0-cpu
TORCH_WHEEL=$CACHE/downloads/$(awk -F '\t' '/libtorch\t/ { print $5; exit }' <(grep "^$(uname -s | sed 's/Darwin/macos/;s/Linux/linux/')-$(uname -m)" "$ROOT/wheels.tsv"))

# shim NAME: a program of that name in front of the real one, its script on stdin.
shim() { cat >"$SHIMS/$1" && chmod +x "$SHIMS/$1"; }

# Whatever this machine has, it has no CMake here.
shim cmake <<<$'#!/bin/sh\nexit 1'

# expect NAME STATUS TEXT [ENVIRONMENT]... [-- ARGUMENT...]: runs the copy of setup.sh.
expect() {
    local name=$1 status=$2 text=$3 environment=() found=0
    shift 3
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        environment+=("$1")
        shift
    done
    [ $# -eq 0 ] || shift
    env ${environment[@]+"${environment[@]}"} "$TREE/setup.sh" "$@" >"$ROOT/output" 2>&1 || found=$?
    if [ "$found" -ne "$status" ] || ! grep -qF -- "$text" "$ROOT/output"; then
        printf 'FAILED: %s\n  status %s, expected %s; expected the text: %s\n  output:\n' "$name" "$found" "$status" "$text"
        sed 's/^/    /' "$ROOT/output"
        exit 1
    fi
    if compgen -G "$CACHE/partial-*" >/dev/null; then
        printf 'FAILED: %s\n  a partial folder was left behind\n' "$name"
        exit 1
    fi
    printf 'ok  %s\n' "$name"
}

# assert NAME COMMAND...
assert() {
    local name=$1
    shift
    "$@" || { printf 'FAILED: %s\n' "$name" && exit 1; }
    printf 'ok  %s\n' "$name"
}

# --- Refusals that come before any download -----------------------------------------------------
expect "help is shown" 0 "Usage: ./setup.sh" -- --help
assert "help fits 80 columns" awk 'length > 80 { exit 1 }' "$ROOT/output"
expect "an unknown argument is refused" 2 "unknown argument --gpu" -- --gpu
expect "a Python environment is refused" 1 "LIBTORCH_USE_PYTORCH is set" LIBTORCH_USE_PYTORCH=1
expect "a missing C++ compiler is named" 1 "No C++ compiler" CXX=no-such-compiler
expect "a missing C compiler is named" 1 "no-such-compiler is missing" CC=no-such-compiler
expect "a compiler that cannot build is named" 1 "cannot build a C++17 program" CXX=false
expect "a relative cache folder is refused" 1 "not an absolute path" XDG_CACHE_HOME=cache
expect "no home is refused" 1 "Neither HOME nor XDG_CACHE_HOME" XDG_CACHE_HOME= HOME=
touch "$ROOT/file"
expect "a cache folder that cannot be made is named" 1 "cannot be written to" XDG_CACHE_HOME="$ROOT/file"
shim cargo <<<$'#!/bin/sh\nexit 1'
expect "missing Rust is named" 1 "Rust is missing"
shim cargo <<<$'#!/bin/sh\necho cargo 1.80.1 "(376290515 2024-07-16)"'
expect "an old Rust is named" 1 "Rust 1.80.1 is too old"
rm "$SHIMS/cargo"
shim python3 <<<$'#!/bin/sh\nexit 127'
expect "a missing python3 is named" 1 "python3 (3.7 or newer) is missing"
shim python3 <<EOF
#!/bin/sh
[ "\$1" != -m ] || exit 1
exec "$PYTHON" "\$@"
EOF
expect "a missing pip is named" 1 "pip is missing"
rm "$SHIMS/python3"
shim df <<<$'#!/bin/sh\necho Filesystem 1024-blocks Used Available; echo x 9 9 102400'
expect "a full disk is named before the download" 1 "100 MB are free"
rm "$SHIMS/df"

# --- Downloads that fail ------------------------------------------------------------------------
expect "an index without the file is named" 1 "does not offer" PIP_FIND_LINKS="$ROOT/shims"
expect "no network is named" 1 "No network" \
    PIP_NO_INDEX=0 PIP_FIND_LINKS= PIP_INDEX_URL=http://127.0.0.1:9
awk -F '\t' -v OFS='\t' '{ $4 = "0000"; print }' "$ROOT/wheels.tsv" >"$TREE/scripts/wheels.tsv"
expect "another file than the trusted one is refused" 1 "and should be    0000"
assert "a refused file is not kept" [ -z "$(ls "$CACHE/downloads")" ]
cp "$ROOT/wheels.tsv" "$TREE/scripts/wheels.tsv"
shim python3 <<EOF
#!/bin/sh
case "\$*" in *"pip download"*) touch "$ROOT/downloading"; sleep 60; exit 1 ;; esac
exec "$PYTHON" "\$@"
EOF
status=0
"$TREE/setup.sh" >/dev/null 2>&1 &
while [ ! -e "$ROOT/downloading" ]; do sleep 0.1; done
kill -TERM $!
wait $! || status=$?
rm "$SHIMS/python3"
assert "an interrupted run says so by its status" [ "$status" -eq 143 ]
assert "an interrupted run cleans up" [ -z "$(compgen -G "$CACHE/partial-*")" ]

# --- The way it should go -----------------------------------------------------------------------
mkdir -p "$CACHE/partial-999999999"
expect "a fresh machine is set up" 0 "Ready: LibTorch 2.11.0"
assert "LibTorch says its version" [ "$(cat "$CPU/build-version")" = 2.11.0 ]
assert "the libraries are there" [ -s "$CPU/lib/libc10.so" -o -s "$CPU/lib/libc10.dylib" ]
assert "the CUDA libraries stay out" [ ! -e "$CPU/lib/libtorch_cuda.so" ]
assert "Cargo is told" grep -qF "LIBTORCH = \"$CPU\"" "$TREE/.cargo/libtorch.toml"
assert "CMake runs" [ "$("$CACHE/cmake-3.31.6/cmake/data/bin/cmake" --version)" = "cmake version 3.31.6" ]
export PIP_FIND_LINKS=$ROOT/shims # from here on nothing can be downloaded
expect "a second run needs nothing" 0 "Ready: LibTorch 2.11.0"
assert "a second run does nothing" [ "$(wc -l <"$ROOT/output")" -eq 1 ]
expect "all is in place" 0 "ok " -- --check
rm "$CPU"/lib/libtorch_cpu.*
expect "a missing library is found" 1 "is missing" -- --check
expect "a missing library is unpacked again" 0 "Unpacking LibTorch"
echo damage >>"$CPU/include/torch/csrc/api/include/torch/torch.h"
expect "a damaged file is found" 1 "is damaged" -- --check
rm -r "$CPU"
echo damage >>"$TORCH_WHEEL"
expect "a damaged download is downloaded again" 0 "Damaged, will be downloaded again" PIP_FIND_LINKS="$ROOT/index"
rm "$TREE/.cargo/libtorch.toml"
expect "what Cargo reads is written again" 0 "Wrote .cargo/libtorch.toml"
if [ "$(uname -s)" = Linux ]; then
    expect "the CUDA libraries are set up beside" 0 "Unpacking the CUDA libraries" PIP_FIND_LINKS="$ROOT/index" -- --cuda
    assert "they keep their layout" [ -s "$CACHE/libtorch-2.11.0-cuda/torch/lib/libtorch_cuda.so" ]
fi

# --- A LibTorch of one's own --------------------------------------------------------------------
expect "LIBTORCH is respected" 0 "Ready: LibTorch 2.11.0 in $CPU" LIBTORCH="$CPU" XDG_CACHE_HOME="$XDG_CACHE_HOME"
expect "a missing LIBTORCH is named" 1 "there is no such folder" LIBTORCH=/no/such/folder
expect "a relative LIBTORCH is refused" 1 "not an absolute path" LIBTORCH=libtorch
mkdir "$ROOT/empty"
expect "an empty LIBTORCH is named" 1 "is missing" LIBTORCH="$ROOT/empty"
cp -R "$CPU" "$ROOT/own"
echo 2.9.0+cpu >"$ROOT/own/build-version"
expect "a wrong version is named" 1 "it is LibTorch 2.9.0+cpu" LIBTORCH="$ROOT/own"
rm "$ROOT/own/build-version"
expect "an unknown version is refused" 1 "its version is unknown" LIBTORCH="$ROOT/own"
echo "__version__ = '2.11.0+cpu'" >"$ROOT/own/version.py"
expect "a Python environment's folder is accepted as LIBTORCH" 0 "Ready: LibTorch 2.11.0" LIBTORCH="$ROOT/own"

echo "setup.sh: all cases passed"
