#!/usr/bin/env bash
# Compares mir-models with PyTorch 2.11, from nothing: makes a virtual environment with PyTorch from PyPI in
# target/, builds the program that is asked, and hands all arguments on to pytorch.py.
#
#     scripts/parity/pytorch.sh --summary docs/parity/torch.md
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly TARGET="${CARGO_TARGET_DIR:-target}"
readonly PYTHON="$TARGET/parity-pytorch/bin/python"

if ! "$PYTHON" -c 'import numpy, torch; assert torch.__version__.startswith("2.11.")' 2>/dev/null; then
    python3 -m venv "$TARGET/parity-pytorch"
    "$PYTHON" -m pip install --quiet torch==2.11.0 numpy
fi
cargo build --release --package mir-models --example torch_parity
"$PYTHON" scripts/parity/pytorch.py "$TARGET/release/examples/torch_parity" "$@"
