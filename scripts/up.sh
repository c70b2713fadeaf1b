#!/usr/bin/env bash
# Builds the release programs and leaves the platform running on the data folder (./data unless --data says otherwise).
# With `--enclave qemu` the cosigners are emulated machines that boot the real image.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
scripts/build-cosigner.sh release
cargo build -p ringi --locked --release
. scripts/machines.sh
exec target/release/ringi up --cosigner target/enclave/release/ringi-cosigner "$@"
