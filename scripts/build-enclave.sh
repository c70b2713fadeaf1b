#!/usr/bin/env bash
# Builds the two programs of the enclave's image, init and cosigner, so that the same source gives the same bytes in any
# folder. Usage: build-enclave.sh [FOLDER]; they end up in FOLDER, target/image unless said otherwise, stripped, static,
# with the list of their crates inside (cargo auditable). Prints that folder. With RINGI_SIMULATION=1 the cosigner believes an
# emulated security module: another program, and so other registers, that nobody may take for a release (rule E3).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/debian.sh

into="$(realpath -m "${1:-target/image}")"
auditable="$(scripts/cargo-auditable.sh)"
triple="$(rustc -vV | sed -n 's/^host: //p')"
registry="${CARGO_HOME:-$HOME/.cargo}"
# What cargo says to a test that runs this would have build scripts run again.
for name in $(compgen -e | grep -E '^(CARGO_(MANIFEST|PKG|BIN|CRATE|PRIMARY)|OUT_DIR$)' || true); do unset "$name"; done
# No path of this machine, no time and no locale may reach the programs.
export LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH=0 CARGO_INCREMENTAL=0
export CFLAGS="-ffile-prefix-map=$PWD=/ringi -ffile-prefix-map=$registry=/cargo"
# Randomness from the system call, and not from a file, as in build-cosigner.sh.
export RUSTFLAGS="-C target-feature=+crt-static --cfg getrandom_backend=\"linux_getrandom\" --remap-path-prefix=$PWD=/ringi --remap-path-prefix=$registry=/cargo"
for package in ringi-init ringi-cosigner; do
    # One by one: what one needs of a shared crate must not change the other.
    features=()
    if [ "${RINGI_SIMULATION:-}" = 1 ] && [ "$package" = ringi-cosigner ]; then features=(--features simulation); fi
    "$auditable" auditable build -p "$package" "${features[@]}" --locked --profile image --target "$triple" --target-dir target/enclave >&2
done
# Stands in the cosigner's place in one test; no image that is shipped holds it.
"$auditable" auditable build -p ringi-init --example probe --locked --profile image --target "$triple" --target-dir target/enclave >&2
mkdir -p "$into"
for pair in init:init ringi-cosigner:cosigner examples/probe:probe; do
    cp "target/enclave/$triple/image/${pair%:*}" "$into/.${pair#*:}.new"
    mv "$into/.${pair#*:}.new" "$into/${pair#*:}"
done
echo "$into"
