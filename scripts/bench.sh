#!/usr/bin/env bash
# Measures everything side by side in one run, prints a table and writes target/bench.json. Never gates anything.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
scripts/build-cosigner.sh release
if [ "${RINGI_SKIP_QEMU:-}" = 1 ]; then
    echo "SKIPPED: RINGI_SKIP_QEMU=1: no image is booted" >&2
else
    scripts/image.sh >&2
    RINGI_IMAGE=target/image/ringi.eif RINGI_QEMU="$(scripts/qemu.sh)" RINGI_VSOCK="$(scripts/vhost-vsock.sh)"
    export RINGI_IMAGE RINGI_QEMU RINGI_VSOCK
fi
exec cargo run -p ringi-sim --locked --release --example bench -- "$@"
