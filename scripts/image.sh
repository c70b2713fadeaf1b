#!/usr/bin/env bash
# Builds the whole enclave image from source: target/image/ringi.eif, and its registers in target/image/pcrs.json. The same
# source, toolchain and compiler give the same bytes anywhere. `ringi eif` does the last step, from `cargo build -p ringi`.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh image
kernel="$(scripts/kernel.sh)"
scripts/build-enclave.sh >/dev/null
cargo build -p ringi --locked
rm -f target/image/ringi.eif
target/debug/ringi --json eif build --kernel "$kernel" --cmdline enclave/image/cmdline \
    --init target/image/init --cosigner target/image/cosigner --out target/image/ringi.eif >target/image/pcrs.json
target/debug/ringi eif describe target/image/ringi.eif
