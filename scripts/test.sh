#!/usr/bin/env bash
# Every test: installs what is missing, builds the cosigner that tests start as a process, runs the workspace.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
scripts/build-cosigner.sh dev
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace --locked "$@"
else
    cargo test --workspace --locked "$@"
fi
