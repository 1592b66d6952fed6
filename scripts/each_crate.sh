#!/usr/bin/env bash
# Lints each crate alone: with its default features, without any, and with each single one. A build of
# the whole workspace unites features and hides one that is missing. Warnings are denied.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Tests that need hardware or an MPI installation.
readonly LEFT_OUT=" default cuda-tests mpi "

lint() {
    printf 'each crate alone: %s\n' "$*"
    cargo clippy --quiet --locked "$@" -- -D warnings
}

while read -r crate features; do
    # The root package has no library; its examples and tests are what has to compile. Nobody depends on it, so all
    # of its features, with which the whole workspace is linted, and none will do.
    if [ "$crate" = mir-workspace ]; then
        lint -p "$crate" --all-targets --no-default-features
        continue
    fi
    lint -p "$crate"
    lint -p "$crate" --no-default-features
    for feature in $features; do
        case "$LEFT_OUT" in *" $feature "*) continue ;; esac
        lint -p "$crate" --no-default-features --features "$feature"
    done
done < <(cargo metadata --locked --no-deps --format-version 1 | python3 -c '
import json, sys
for package in json.load(sys.stdin)["packages"]:
    print(package["name"], *sorted(package["features"]))')
