#!/usr/bin/env bash
# Sets up what Cargo cannot: LibTorch for the networks and CMake for the bundled HDF5.
# Needs no root, changes nothing outside the user's cache folder and .cargo/libtorch.toml,
# and does nothing when everything is in place. `./setup.sh --help` says more.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly LIBTORCH_VERSION=2.11.0 # the release that tch 0.24 is generated from
readonly CMAKE_VERSION=3.31.6
readonly CMAKE_AT_LEAST=3.26 # what HDF5 2.2.0 asks for
readonly WHEELS=scripts/wheels.tsv
readonly TOML=.cargo/libtorch.toml

usage() {
    cat <<EOF
Usage: ./setup.sh [--cuda] [--check] [--help]

Downloads LibTorch $LIBTORCH_VERSION for the CPU (530 MB, once, checked by SHA-256) and,
where there is no CMake $CMAKE_AT_LEAST or newer, CMake $CMAKE_VERSION; unpacks them into the
cache folder; and writes $TOML, where Cargo reads their places.

  --cuda    also the CUDA libraries (1.9 GB more to download, 7 GB of disk in
            all). They are loaded at run time if there is a GPU; nothing is
            built again.
  --check   only look: is everything in place and undamaged? Changes nothing.
  --help    this text

Environment
  LIBTORCH         a LibTorch $LIBTORCH_VERSION of your own: used instead of a download
  XDG_CACHE_HOME   the cache folder is \$XDG_CACHE_HOME/mir, else ~/.cache/mir
  PIP_*            pip does the downloads, so its mirrors and proxies count

Examples
  ./setup.sh && cargo run --release --example onsets_frames
  LIBTORCH=/opt/libtorch ./setup.sh && cargo test --workspace
EOF
}

# --- Messages -----------------------------------------------------------------------------------

say() { printf '%s\n' "$*"; }

# fail WHAT [WHAT TO DO]...
fail() {
    printf 'setup.sh: %s\n' "$1" >&2
    shift
    [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
    exit 1
}

megabytes() { say $((($1 + 500000) / 1000000)); }

# --- What the machine offers --------------------------------------------------------------------

# at_least FOUND WANTED: compares dotted numbers; "1.95.0-nightly" counts as 1.95.0.
at_least() {
    local IFS=. i
    # shellcheck disable=SC2206 # split at dots
    local found=(${1%%[-+ ]*}) wanted=($2)
    for i in 0 1 2; do
        local f=${found[i]:-0} w=${wanted[i]:-0}
        f=${f%%[!0-9]*}
        if [ "${f:-0}" -ne "$w" ]; then
            [ "${f:-0}" -gt "$w" ]
            return
        fi
    done
}

find_platform() {
    case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) PLATFORM=linux-x86_64 ;;
    Linux-aarch64 | Linux-arm64) PLATFORM=linux-aarch64 ;;
    Darwin-arm64) PLATFORM=macos-arm64 ;;
    MINGW* | MSYS* | CYGWIN*)
        fail "Windows is set up by hand." 'README.md, "Windows", has the four commands.'
        ;;
    *) PLATFORM=other ;;
    esac
    case "$(uname -s)" in
    Darwin) SO=dylib ;;
    *) SO=so ;;
    esac
}

check_rust() {
    local wanted version
    wanted=$(sed -n 's/^rust-version *= *"\([0-9.]*\)".*/\1/p' Cargo.toml | head -n 1)
    version=$(cargo --version 2>/dev/null && rustc --version 2>/dev/null) || fail \
        "Rust is missing: cargo and rustc do not run." \
        "Install Rust $wanted or newer: https://rustup.rs (no root needed), then open a new shell."
    version=${version#cargo }
    version=${version%% *}
    at_least "$version" "$wanted" || fail \
        "Rust $version is too old: $wanted or newer is needed." "With rustup: rustup update stable"
}

check_compiler() {
    local cxx=${CXX:-c++} hint program openmp=
    case "$(uname -s)" in
    Darwin) hint="xcode-select --install" ;;
    *) hint="Debian, Ubuntu: apt install build-essential;  Fedora: dnf install gcc-c++ make;  Arch: pacman -S base-devel" ;;
    esac
    # The bindings are linked against the compiler's OpenMP library on Linux.
    [ "$SO" = dylib ] || openmp=-lgomp
    for program in "${CC:-cc}" make; do
        command -v "${program%% *}" >/dev/null || fail "$program is missing: LibTorch's bindings and HDF5 are compiled here." "$hint"
    done
    # shellcheck disable=SC2086 # CXX may hold flags ("ccache g++"), openmp may be empty
    command -v ${cxx%% *} >/dev/null || fail "No C++ compiler: $cxx does not run." "$hint"
    # shellcheck disable=SC2086
    printf '#include <string>\nint main() { return (int)std::string().size(); }\n' |
        $cxx -std=c++17 -x c++ - -o /dev/null $openmp 2>/dev/null || fail \
        "The C++ compiler $cxx cannot build a C++17 program${openmp:+ with OpenMP (libgomp)}." "$hint"
}

check_python() {
    [ -z "${PYTHON_CHECKED:-}" ] || return 0
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 7))' 2>/dev/null || fail \
        "python3 (3.7 or newer) is missing: it unpacks what is downloaded." \
        "Debian, Ubuntu: apt install python3 python3-pip;  Fedora: dnf install python3 python3-pip;  macOS: xcode-select --install"
    PYTHON_CHECKED=1
}

check_pip() {
    python3 -m pip --version >/dev/null 2>&1 || fail \
        "pip is missing: it downloads LibTorch." \
        "Debian, Ubuntu: apt install python3-pip;  Fedora: dnf install python3-pip;  elsewhere: python3 -m ensurepip --user"
}

# Wheels are built against glibc 2.28; musl has no C library that they run on.
check_libc() {
    [ "$SO" = so ] || return 0
    local libc
    libc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || fail \
        "This system's C library is not glibc: there is no ready LibTorch for it." \
        "Build LibTorch $LIBTORCH_VERSION from source and set LIBTORCH to its folder."
    at_least "${libc#glibc }" 2.28 || fail \
        "$libc is too old: LibTorch needs glibc 2.28 or newer." \
        "Use a newer distribution (Debian 10, Ubuntu 20.04, RHEL 8 or later), or set LIBTORCH to a build of your own."
}

free_megabytes() { df -Pk "$CACHE" | awk 'NR == 2 { print int($4 / 1024) }'; }

# check_space MEGABYTES
check_space() {
    local free
    free=$(free_megabytes)
    [ "$free" -ge "$1" ] || fail \
        "Not enough space: $CACHE needs $1 MB, $free MB are free." \
        "Free some, or set XDG_CACHE_HOME to a folder on a larger disk."
}

# --- The cache folder ---------------------------------------------------------------------------

open_cache() {
    local base=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
    [ -n "$base" ] || fail "Neither HOME nor XDG_CACHE_HOME is set: no cache folder." \
        "Set XDG_CACHE_HOME to a folder that you may write to."
    case "$base" in
    /*) ;;
    *) fail "XDG_CACHE_HOME is \"$base\", not an absolute path." ;;
    esac
    CACHE=$base/mir
    LIBTORCH_CPU=$CACHE/libtorch-$LIBTORCH_VERSION-cpu
    LIBTORCH_CUDA=$CACHE/libtorch-$LIBTORCH_VERSION-cuda
    CMAKE_HOME=$CACHE/cmake-$CMAKE_VERSION
}

# Everything is built in a folder of this process and renamed when it is complete, so whatever lies
# under a final name is whole. Folders of processes that are gone are remains of interrupted runs.
open_workshop() {
    [ -z "${WORKSHOP:-}" ] || return 0
    { mkdir -p "$CACHE/downloads" && [ -w "$CACHE" ] && [ -w "$CACHE/downloads" ]; } 2>/dev/null || fail \
        "The cache folder $CACHE cannot be written to." \
        "Set XDG_CACHE_HOME to a folder that you may write to, or correct its permissions."
    local remains
    for remains in "$CACHE"/partial-*; do
        if [ -e "$remains" ] && ! kill -0 "${remains##*-}" 2>/dev/null; then
            say "Removing what an interrupted run left behind: $remains"
            rm -rf "$remains"
        fi
    done
    WORKSHOP=$CACHE/partial-$$
    rm -rf "$WORKSHOP"
    mkdir "$WORKSHOP" || fail "Cannot make the folder $WORKSHOP."
}

close_workshop() {
    local status=$?
    trap - EXIT INT TERM HUP
    if [ -n "${PIP_PID:-}" ]; then
        kill -- "-$PIP_PID" 2>/dev/null || true
        wait "$PIP_PID" 2>/dev/null || true
    fi
    [ -z "${WORKSHOP:-}" ] || rm -rf "$WORKSHOP"
    exit "$status"
}

# publish NEW FINAL: gives a complete folder its name; a damaged one of that name goes away.
publish() {
    [ ! -e "$2" ] || mv "$2" "$WORKSHOP/replaced-$(basename "$2")"
    mv "$1" "$2"
}

# --- Downloads ----------------------------------------------------------------------------------

# wheels ROLE: lines "bytes sha256 file" of this platform.
wheels() {
    awk -F '\t' -v platform="$PLATFORM" -v role="$1" \
        '$1 == platform && $2 == role { print $3, $4, $5 }' "$WHEELS"
}

# sha256 FILE
sha256() {
    python3 - "$1" <<'EOF'
import hashlib, sys
digest = hashlib.sha256()
with open(sys.argv[1], "rb") as file:
    for block in iter(lambda: file.read(1 << 20), b""):
        digest.update(block)
print(digest.hexdigest())
EOF
}

# missing_megabytes ROLE...: what is still to be downloaded.
missing_megabytes() {
    local role bytes sum file total=0
    for role in "$@"; do
        while read -r bytes sum file; do
            [ -s "$CACHE/downloads/$file" ] || total=$((total + bytes))
        done < <(wheels "$role")
    done
    megabytes "$total"
}

# watch FOLDER BYTES: draws the progress of a download until pip ends.
watch() {
    local folder=$1 total=$2 start=$SECONDS done_bytes percent told=0 filled eta
    while kill -0 "$PIP_PID" 2>/dev/null; do
        sleep 0.2
        done_bytes=$(($(du -sk "$folder" 2>/dev/null | cut -f 1) * 1024)) || done_bytes=0
        # pip copies the finished file once more, which must not count twice.
        [ "$done_bytes" -le "$total" ] || done_bytes=$total
        percent=$((100 * done_bytes / total))
        eta=
        if [ "$SECONDS" -gt "$start" ] && [ "$done_bytes" -gt 0 ]; then
            local rate=$((done_bytes / (SECONDS - start)))
            eta=$(printf '%4d MB/s  %d s left' "$((rate / 1000000))" "$(((total - done_bytes) / (rate + 1)))")
        fi
        if [ -t 1 ]; then
            filled=$((percent * 30 / 100))
            printf '\r  [%-30s] %3d %%  %d of %d MB  %s\033[K' "$(printf '%*s' "$filled" '' | tr ' ' '#')" \
                "$percent" "$(megabytes "$done_bytes")" "$(megabytes "$total")" "$eta"
        elif [ "$percent" -ge $((told + 20)) ]; then
            told=$percent
            printf '  %3d %%  %d of %d MB  %s\n' "$percent" "$(megabytes "$done_bytes")" "$(megabytes "$total")" "$eta"
        fi
    done
    [ ! -t 1 ] || printf '\r\033[K'
}

# explain LOG FILE: why pip failed, in our words.
explain() {
    local log=$1 file=$2
    if grep -qi 'no space left' "$log" || [ "$(free_megabytes)" -lt 20 ]; then
        fail "The disk filled up while downloading $file." "Free some space, or set XDG_CACHE_HOME to a folder on a larger disk."
    elif grep -qi 'CERTIFICATE_VERIFY_FAILED' "$log"; then
        fail "The package index's certificate was not accepted." \
            "Behind a company proxy: set PIP_CERT to the proxy's certificate file."
    elif grep -qiE 'NewConnectionError|NameResolutionError|Temporary failure|ConnectTimeout|ReadTimeout|timed out|ProxyError|ConnectionReset|Connection(Error)? (refused|aborted|broken)|Network is unreachable|IncompleteRead' "$log"; then
        fail "No network: the package index could not be reached for $file." \
            "Check the connection (and PIP_PROXY, PIP_INDEX_URL where you need them) and run ./setup.sh again;" \
            "or fetch that file elsewhere, put it into $CACHE/downloads and run ./setup.sh again."
    elif grep -qi 'no matching distribution' "$log"; then
        fail "The package index in use does not offer $file." \
            "Check PIP_INDEX_URL, PIP_NO_INDEX and pip's configuration: the file comes from PyPI or a full mirror of it."
    fi
    sed 's/^/  pip: /' "$log" | tail -n 8 >&2
    fail "pip could not download $file." "If an option is unknown to it, update it: python3 -m pip install --user --upgrade pip"
}

# download BYTES SHA256 FILE: into downloads/, unless it is there and right.
download() {
    local bytes=$1 expected=$2 file=$3 target=$CACHE/downloads/$3 found
    if [ -e "$target" ]; then
        [ "$(sha256 "$target")" != "$expected" ] || return 0
        say "Damaged, will be downloaded again: $target"
        rm -f "$target"
    fi
    check_pip
    say "Downloading $file ($(megabytes "$bytes") MB)"
    local stem=${file%.whl} name version tags tag
    name=${stem%%-*}
    version=${stem#*-}
    version=${version%%-*}
    local options=(--platform any)
    IFS=. read -r -a tags <<<"${stem##*-}"
    for tag in "${tags[@]}"; do options+=(--platform "$tag"); done
    local part=$WORKSHOP/download
    rm -rf "$part"
    mkdir -p "$part/tmp" "$part/wheel"
    # Without pip's cache: it would hold the file a second time, in old releases in memory.
    # Unpacked beside the target, since /tmp may be small. One Python version, whatever runs here.
    # In a process group of its own, so that it ends with us even behind a launcher script.
    set -m
    TMPDIR=$part/tmp PIP_RESUME_RETRIES=8 PIP_REQUIRE_VIRTUALENV=0 \
        python3 -m pip download --quiet --no-input --disable-pip-version-check --no-cache-dir \
        --progress-bar off --no-deps --only-binary=:all: --python-version 3.11 "${options[@]}" \
        --dest "$part/wheel" "$name==$version" >"$WORKSHOP/pip.log" 2>&1 &
    PIP_PID=$!
    set +m
    watch "$part" "$bytes"
    local status=0
    wait "$PIP_PID" || status=$?
    PIP_PID=
    [ "$status" -eq 0 ] || explain "$WORKSHOP/pip.log" "$file"
    # A mirror may name the same build differently; the checksum decides.
    found=$(find "$part/wheel" -name '*.whl' | head -n 1)
    [ -n "$found" ] || fail "pip reported success, but left no file for $file."
    local sum
    sum=$(sha256 "$found")
    [ "$sum" = "$expected" ] || fail \
        "The package index sent another $(basename "$found") than the one that is trusted." \
        "SHA-256 is       $sum" "and should be    $expected" \
        "Check PIP_INDEX_URL, PIP_FIND_LINKS and pip's configuration, and run ./setup.sh again."
    mv -f "$found" "$target"
    rm -rf "$part"
}

download_role() {
    local bytes sum file
    while read -r bytes sum file; do download "$bytes" "$sum" "$file"; done < <(wheels "$1")
}

# --- Unpacking ----------------------------------------------------------------------------------

# unpack MODE TARGET WHEEL...: what each wheel contributes to a folder.
#   cpu    LibTorch's CPU libraries and headers, flat (lib/, include/)
#   cuda   all libraries where the wheels have them: they find one another by relative paths
#   whole  everything
# With MODE check-… nothing is written: lists what differs from the wheels.
unpack() {
    python3 - "$@" <<'EOF'
import os, re, shutil, sys, zipfile, zlib

mode, target, *wheels = sys.argv[1:]
check, mode = mode.startswith("check-"), mode.replace("check-", "")
LIBRARY = re.compile(r"\.(so|dylib)(\.\d+)*$")
NOT_ON_CPU = re.compile(r"lib(torch_cuda|c10_cuda|caffe2_nvrtc|torch_nvshmem|torch_python|torch_global_deps)")

def place(name):
    """Path of a wheel's member below the target folder, or None."""
    if mode == "whole":
        return name
    folder, _, file = name.rpartition("/")
    if mode == "cuda":
        wanted = LIBRARY.search(file) and re.search(r"^torch/lib$|^nvidia/.*lib$", folder)
        return name if wanted and "torch_python" not in file else None
    if name.startswith("torch/include/"):
        return name[len("torch/"):]
    if folder == "torch/lib" and LIBRARY.search(file) and not NOT_ON_CPU.match(file):
        return "lib/" + file
    # Of the CUDA packages only what the CPU library is linked against.
    if re.match(r"lib(cudart|cupti)\.so\.\d+$", file):
        return "lib/" + file
    return None

def intact(member, path):
    if not os.path.isfile(path) or os.path.getsize(path) != member.file_size:
        return False
    crc = 0
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            crc = zlib.crc32(block, crc)
    return crc == member.CRC

bad = 0
for wheel in wheels:
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            where = None if member.is_dir() else place(member.filename)
            if where is None:
                continue
            path = os.path.join(target, where)
            if check:
                if not intact(member, path):
                    print(path, "is damaged; remove the folder, then run ./setup.sh")
                    bad += 1
                continue
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with archive.open(member) as source, open(path, "wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
            permissions = member.external_attr >> 16 & 0o777
            os.chmod(path, permissions or 0o644)
sys.exit(bad > 0)
EOF
}

# wheel_paths ROLE...: fills the array PATHS.
wheel_paths() {
    PATHS=()
    local role bytes sum file
    for role in "$@"; do
        while read -r bytes sum file; do PATHS+=("$CACHE/downloads/$file"); done < <(wheels "$role")
    done
}

# --- LibTorch -----------------------------------------------------------------------------------

# libtorch_fault FOLDER: prints what is wrong with a LibTorch folder, nothing if all is well.
libtorch_fault() {
    local folder=$1 lib=${LIBTORCH_LIB:-$1}/lib include=${LIBTORCH_INCLUDE:-$1}/include file version=
    [ -d "$folder" ] || { say "there is no such folder" && return; }
    for file in "$lib/libtorch.$SO" "$lib/libtorch_cpu.$SO" "$lib/libc10.$SO" \
        "$include/torch/csrc/api/include/torch/torch.h"; do
        [ -s "$file" ] || { say "$file is missing" && return; }
    done
    if [ -f "$folder/build-version" ]; then
        version=$(head -n 1 "$folder/build-version")
    elif [ -f "$folder/version.py" ]; then # the torch folder of a Python environment
        version=$(sed -n "s/^__version__ *= *['\"]\(.*\)['\"].*/\1/p" "$folder/version.py")
    else
        say "it has no file build-version, so its version is unknown" && return
    fi
    [ "${version%%+*}" = "$LIBTORCH_VERSION" ] || say "it is LibTorch ${version:-of unknown version}"
}

# Ours also has what its CPU library is linked against.
cpu_fault() {
    local file
    # A folder of our own is judged without the overrides that belong to a foreign one.
    LIBTORCH_LIB='' LIBTORCH_INCLUDE='' libtorch_fault "$LIBTORCH_CPU"
    [ "$SO" = so ] || return 0
    for file in libgomp.so.1 libcudart.so.13 libcupti.so.13; do
        [ -s "$LIBTORCH_CPU/lib/$file" ] || say "$file is missing"
    done
}

cuda_fault() {
    local file
    for file in torch/lib/libtorch_cuda.so torch/lib/libc10_cuda.so nvidia/cudnn/lib/libcudnn.so.9 \
        nvidia/cu13/lib/libcublas.so.13 nvidia/cu13/lib/libcudart.so.13 nvidia/nccl/lib/libnccl.so.2; do
        [ -s "$LIBTORCH_CUDA/$file" ] || say "$file is missing"
    done
}

check_own_libtorch() {
    case "$LIBTORCH" in
    /*) ;;
    *) fail "LIBTORCH is \"$LIBTORCH\", not an absolute path." ;;
    esac
    local fault
    fault=$(libtorch_fault "$LIBTORCH")
    [ -z "$fault" ] || fail \
        "LIBTORCH is set to $LIBTORCH, but $fault." \
        "Needed is LibTorch $LIBTORCH_VERSION: a folder with lib/, include/ and a file build-version that says so." \
        "Set LIBTORCH to such a folder, or unset it: ./setup.sh then downloads the right one."
}

install_cpu() {
    [ "$PLATFORM" != other ] || fail \
        "There is no ready LibTorch $LIBTORCH_VERSION for $(uname -s) on $(uname -m)." \
        "Build it from source and set LIBTORCH to its folder."
    [ "$PLATFORM" = linux-x86_64 ] || say "Note: set-up on $PLATFORM is written but untested; reports are welcome."
    say "Setting up LibTorch $LIBTORCH_VERSION (CPU) in $LIBTORCH_CPU"
    check_python
    check_libc
    open_workshop
    # pip holds the wheel twice for a moment.
    check_space $((2 * $(missing_megabytes libtorch libtorch-needs) + 700))
    download_role libtorch
    download_role libtorch-needs
    say "Unpacking LibTorch"
    wheel_paths libtorch libtorch-needs
    unpack cpu "$WORKSHOP/libtorch" "${PATHS[@]}" || fail "Unpacking failed; is the disk full?"
    say "$LIBTORCH_VERSION" >"$WORKSHOP/libtorch/build-version" # what torch-sys compares
    publish "$WORKSHOP/libtorch" "$LIBTORCH_CPU"
}

install_cuda() {
    say "Setting up LibTorch $LIBTORCH_VERSION (CUDA) in $LIBTORCH_CUDA"
    check_python
    check_libc
    open_workshop
    check_space $(($(missing_megabytes libtorch libtorch-needs cuda) + 4200))
    download_role libtorch
    download_role libtorch-needs
    download_role cuda
    say "Unpacking the CUDA libraries"
    wheel_paths libtorch libtorch-needs cuda
    unpack cuda "$WORKSHOP/cuda" "${PATHS[@]}" || fail "Unpacking failed; is the disk full?"
    say "$LIBTORCH_VERSION" >"$WORKSHOP/cuda/torch/build-version"
    publish "$WORKSHOP/cuda" "$LIBTORCH_CUDA"
}

# --- CMake --------------------------------------------------------------------------------------

# A shim that only says "not installed" is no CMake, so it is run, not looked for.
system_cmake() {
    local version
    version=$(cmake --version 2>/dev/null | sed -n 's/^cmake version //p') || return 1
    [ -n "$version" ] && at_least "$version" "$CMAKE_AT_LEAST"
}

cmake_fault() {
    "$CMAKE_HOME/cmake/data/bin/cmake" --version >/dev/null 2>&1 || say "it does not run"
}

install_cmake() {
    [ "$PLATFORM" != other ] || fail \
        "CMake $CMAKE_AT_LEAST or newer is missing." "Install it with the package manager of this system."
    say "Setting up CMake $CMAKE_VERSION in $CMAKE_HOME"
    check_python
    open_workshop
    check_space $((2 * $(missing_megabytes cmake) + 200))
    download_role cmake
    wheel_paths cmake
    unpack whole "$WORKSHOP/cmake" "${PATHS[@]}" || fail "Unpacking failed; is the disk full?"
    publish "$WORKSHOP/cmake" "$CMAKE_HOME"
    [ -z "$(cmake_fault)" ] || fail \
        "The downloaded CMake does not run on this system." \
        "Install CMake $CMAKE_AT_LEAST or newer with the package manager and run ./setup.sh again."
}

# --- What Cargo reads ---------------------------------------------------------------------------

# toml_string TEXT
toml_string() {
    local text=${1//\\/\\\\}
    say "\"${text//\"/\\\"}\""
}

# libtorch_toml FOLDER CMAKE
libtorch_toml() {
    local lib=${LIBTORCH_LIB:-$1}/lib
    say "[env]"
    say "LIBTORCH = $(toml_string "$1")"
    [ -z "$2" ] || say "CMAKE = $(toml_string "$2")"
    say ""
    # Doc tests: Cargo gives them no other link arguments.
    say "[build]"
    say "rustdocflags = [\"-C\", $(toml_string "link-arg=-Wl,-rpath,$lib")]"
}

write_toml() {
    local text=$1
    if [ -f "$TOML" ] && [ "$(cat "$TOML")" = "$text" ]; then return 0; fi
    { printf '%s\n' "$text" >"$TOML.new-$$" && mv -f "$TOML.new-$$" "$TOML"; } 2>/dev/null || {
        rm -f "$TOML.new-$$" 2>/dev/null || true
        fail "Cannot write $TOML." "Is this folder read-only?"
    }
    say "Wrote $TOML"
}

# --- Only looking -------------------------------------------------------------------------------

# report WHAT FAULT
report() {
    if [ -z "$2" ]; then
        say "ok       $1"
    else
        say "NOT OK   $1: $(head -n 1 <<<"$2")"
        WELL=no
    fi
}

# contents MODE FOLDER ROLE...: compares every unpacked file with its wheel, where that is kept.
contents() {
    local mode=$1 folder=$2 file
    shift 2
    wheel_paths "$@"
    for file in "${PATHS[@]}"; do [ -s "$file" ] || return 0; done
    check_python
    unpack "check-$mode" "$folder" "${PATHS[@]}" || true
}

look() {
    WELL=yes
    if [ -n "${LIBTORCH:-}" ]; then
        report "LibTorch $LIBTORCH_VERSION in $LIBTORCH" "$(libtorch_fault "$LIBTORCH")"
    else
        local fault
        fault=$(cpu_fault)
        [ -n "$fault" ] || fault=$(contents cpu "$LIBTORCH_CPU" libtorch libtorch-needs)
        report "LibTorch $LIBTORCH_VERSION in $LIBTORCH_CPU" "$fault"
    fi
    if system_cmake; then report "CMake of the system" ''; else report "CMake in $CMAKE_HOME" "$(cmake_fault)"; fi
    if [ "$CUDA" = yes ] || [ -e "$LIBTORCH_CUDA" ]; then
        local fault
        fault=$(cuda_fault)
        [ -n "$fault" ] || fault=$(contents cuda "$LIBTORCH_CUDA" libtorch libtorch-needs cuda)
        report "CUDA libraries in $LIBTORCH_CUDA" "$fault"
    fi
    local fault=
    [ -f "$TOML" ] && [ "$(cat "$TOML")" = "$(wanted_toml)" ] || fault="absent or out of date"
    report "$TOML" "$fault"
    [ "$WELL" = yes ] || fail "Not everything is in place." "If nothing else is said above: run ./setup.sh${1:+ $1}"
}

wanted_toml() {
    local cmake=
    system_cmake || cmake=$CMAKE_HOME/cmake/data/bin/cmake
    libtorch_toml "${LIBTORCH:-$LIBTORCH_CPU}" "$cmake"
}

# --- Main ---------------------------------------------------------------------------------------

main() {
    CUDA=no
    local only_look=no argument
    for argument in "$@"; do
        case "$argument" in
        --cuda) CUDA=yes ;;
        --check) only_look=yes ;;
        -h | --help) usage && exit ;;
        *)
            usage >&2
            printf '\nsetup.sh: unknown argument %s\n' "$argument" >&2
            exit 2
            ;;
        esac
    done
    # Ctrl-C does not reach pip by itself, since it runs in the background.
    trap close_workshop EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP

    find_platform
    [ -z "${LIBTORCH_USE_PYTORCH+set}" ] || fail \
        "LIBTORCH_USE_PYTORCH is set, which this project does not support." \
        "Programs would depend on one Python environment, break when it is updated, and be linked against its" \
        "CUDA libraries, so that they do not start without them. Unset it: ./setup.sh brings LibTorch itself," \
        "or takes yours from LIBTORCH."
    if [ "$CUDA" = yes ] && [ "$SO" = dylib ]; then fail "There is no CUDA on macOS." "Run ./setup.sh without --cuda."; fi
    check_rust
    check_compiler
    open_cache
    case "${LIBTORCH:-$LIBTORCH_CPU}" in
    *,*) fail "The path ${LIBTORCH:-$LIBTORCH_CPU} has a comma in it, which linkers take for a separator." \
        "Set XDG_CACHE_HOME (or LIBTORCH) to a folder without one." ;;
    esac
    if [ "$only_look" = yes ]; then
        if [ "$CUDA" = yes ]; then look --cuda; else look ''; fi
        return
    fi

    if [ -n "${LIBTORCH:-}" ]; then
        check_own_libtorch
    elif [ -n "$(cpu_fault)" ]; then
        install_cpu
    fi
    system_cmake || [ -z "$(cmake_fault)" ] || install_cmake
    if [ "$CUDA" = yes ] && [ -n "$(cuda_fault)" ]; then
        [ "$PLATFORM" != other ] || fail "There are no ready CUDA libraries for $(uname -s) on $(uname -m)."
        install_cuda
        command -v nvidia-smi >/dev/null || say "Note: no NVIDIA driver was found (nvidia-smi); CUDA 13 needs release 580 or newer."
    fi
    write_toml "$(wanted_toml)"
    say "Ready: LibTorch $LIBTORCH_VERSION in ${LIBTORCH:-$LIBTORCH_CPU}"
}

main "$@"
