#!/usr/bin/env bash
# Checks what may depend on what: the crates that promise to be light stay light. Features of a whole
# workspace are united in one build, so nothing but the dependency tree of each crate alone shows it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

FAULTS=0
fault() {
    printf 'fence: %s\n' "$*" >&2
    FAULTS=$((FAULTS + 1))
}

# packages CRATE [FLAG]...: its normal dependencies and itself, one "name vX.Y.Z" a line.
packages() {
    local crate=$1
    shift
    cargo tree --locked -p "$crate" -e normal --prefix none --no-dedupe "$@" | awk 'NF { print $1, $2 }' | sort -u
}

# keeps_out CRATE NAMES: NAMES are alternatives of a regular expression.
keeps_out() {
    local found
    # With all features: none of them may open the fence.
    found=$(packages "$1" --all-features | grep -E "^($2) " || true)
    [ -z "$found" ] || fault "$1 must not depend on ${found//$'\n'/, }"
}

readonly LIBTORCH='tch|torch-sys' HDF5='hdf5.*' DECODER='symphonia.*'
for crate in mir-core mir-fft mir-features mir-midi mir-eval; do keeps_out "$crate" "$LIBTORCH|$HDF5|$DECODER"; done
keeps_out mir-audio "$LIBTORCH|$HDF5"
keeps_out mir-datasets "$LIBTORCH|mir-models"
keeps_out mir-models "$HDF5|$DECODER|mir-datasets"

# The two heavy crates without their weight.
for crate in mir-datasets mir-models; do
    found=$(packages "$crate" --no-default-features | grep -E "^($LIBTORCH|$HDF5) " || true)
    [ -z "$found" ] || fault "$crate without default features must not depend on ${found//$'\n'/, }"
done

for crate in mir-core mir-midi mir-eval; do
    count=$(cargo tree --locked -p "$crate" -e normal --prefix none | sort -u | wc -l)
    printf 'fence: %s pulls %d packages (at most 40)\n' "$crate" "$count"
    [ "$count" -le 40 ] || fault "$crate is no longer light: $count packages, more than 40"
done

# tch brings ndarray 0.16; everything of ours is on 0.17, and a third one would be a third type.
versions=$(cargo tree --locked --workspace -e normal --all-features --prefix none | awk '$1 == "ndarray" { print $2 }' | sort -u)
[ "$(wc -l <<<"$versions")" -le 2 ] || fault "more than two versions of ndarray: ${versions//$'\n'/, }"
for crate in crates/*/; do
    crate=$(basename "$crate")
    ours=$(cargo tree --locked -p "$crate" -e normal --depth 1 --prefix none | awk '$1 == "ndarray" { print $2 }' | sort -u)
    case "$ours" in
    '' | v0.17.*) ;;
    *) fault "$crate uses ndarray ${ours//$'\n'/, }, not 0.17" ;;
    esac
done

# Two copies of the bindings would be two LibTorch versions in one program.
versions=$(cargo tree --locked --workspace -e normal --prefix none | awk '$1 == "torch-sys" { print $2 }' | sort -u)
[ "$(wc -w <<<"$versions")" -eq 1 ] || fault "expected one version of torch-sys, found: ${versions//$'\n'/, }"

[ "$FAULTS" -eq 0 ] || exit 1
echo "fence: stands"
