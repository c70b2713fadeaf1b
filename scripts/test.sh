#!/usr/bin/env bash
# Every test: installs what is missing, builds the cosigner that tests start as a process and the image that they boot,
# runs the workspace. RINGI_SKIP_QEMU=1 leaves out the image, its kernel and its emulator, and says so.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${RINGI_SKIP_QEMU:-}" = 1 ]; then scripts/setup.sh; else scripts/setup.sh image; fi
scripts/build-cosigner.sh dev
if [ "${RINGI_SKIP_QEMU:-}" = 1 ]; then
    echo "SKIPPED: RINGI_SKIP_QEMU=1: no enclave image is built, booted or compared with a second build"
else
    # Minutes the first time, nothing afterwards.
    for script in qemu vhost-vsock kernel build-enclave repro; do "scripts/$script.sh" >/dev/null; done
    RINGI_SIMULATION=1 scripts/build-enclave.sh target/simulation >/dev/null
fi
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace --locked "$@"
else
    cargo test --workspace --locked "$@"
fi
