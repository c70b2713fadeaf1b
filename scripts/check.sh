#!/usr/bin/env bash
# What a change must pass before it is tested: format and lints.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo fmt --all --check
cargo clippy --workspace --all-targets --locked -- -D warnings
