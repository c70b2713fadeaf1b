#!/usr/bin/env bash
# Builds the whole enclave image from source: target/image/ringi.eif (with RINGI_SIMULATION=1: target/simulation/ringi.eif), and its registers in target/image/pcrs.json. The same
# source, toolchain and compiler give the same bytes anywhere. `ringi eif` does the last step, from `cargo build -p ringi`.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh image
kernel="$(scripts/kernel.sh)"
into=target/image
if [ "${RINGI_SIMULATION:-}" = 1 ]; then into=target/simulation; fi
scripts/build-enclave.sh "$into" >/dev/null
cargo build -p ringi --locked
rm -f "$into/ringi.eif"
target/debug/ringi --json eif build --kernel "$kernel" --cmdline enclave/image/cmdline \
    --init "$into/init" --cosigner "$into/cosigner" --out "$into/ringi.eif" >"$into/pcrs.json"
target/debug/ringi eif describe "$into/ringi.eif"
