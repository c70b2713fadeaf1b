#!/usr/bin/env bash
# Builds the release programs and leaves the platform running on the data folder (./data unless --data says otherwise).
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
scripts/build-cosigner.sh release
cargo build -p ringi --locked --release
exec target/release/ringi up --cosigner target/enclave/release/ringi-cosigner "$@"
