#!/usr/bin/env bash
# Measures everything side by side in one run, prints a table and writes target/bench.json. Never gates anything.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
scripts/build-cosigner.sh release
exec cargo run -p ringi-sim --locked --release --example bench -- "$@"
