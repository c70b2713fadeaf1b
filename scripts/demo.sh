#!/usr/bin/env bash
# Builds the release programs and tells the story of the platform on real parts. See `ringi demo --help`. With
# `--enclave qemu` the cosigners are emulated machines that boot the real image.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
anvil="$(scripts/anvil.sh)"
scripts/build-cosigner.sh release
cargo build -p ringi --locked --release
. scripts/machines.sh
exec target/release/ringi demo --cosigner target/enclave/release/ringi-cosigner --anvil "$anvil" "$@"
