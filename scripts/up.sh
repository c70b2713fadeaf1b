#!/usr/bin/env bash
# Builds the release programs and leaves the platform running on the data folder (./data unless --data says otherwise).
# With `--enclave qemu` it also makes what emulated machines need: QEMU, the vsock device, the kernel, the image.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
scripts/build-cosigner.sh release
cargo build -p ringi --locked --release
case " $* " in
*" --enclave qemu "* | *" --enclave=qemu "*)
    scripts/setup.sh image
    RINGI_QEMU="$(scripts/qemu.sh)"
    RINGI_VSOCK="$(scripts/vhost-vsock.sh)"
    RINGI_SIMULATION=1 scripts/image.sh
    RINGI_IMAGE="$PWD/target/simulation/ringi.eif"
    export RINGI_QEMU RINGI_VSOCK RINGI_IMAGE
    ;;
esac
exec target/release/ringi up --cosigner target/enclave/release/ringi-cosigner "$@"
