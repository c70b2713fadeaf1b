#!/usr/bin/env bash
# Builds the measured cosigner alone: own target folder, so that no host feature leaks in, and static glibc.
# Usage: build-cosigner.sh [dev|release]. The program ends up in target/enclave/debug or target/enclave/release. It is a
# simulation build: it runs as a process, under an emulated security module or a development key (rule E3).
set -euo pipefail
cd "$(dirname "$0")/.."

profile="${1:-dev}"
case "$profile" in
    dev) folder=debug ;;
    release) folder=release ;;
    *) echo "usage: $0 [dev|release]" >&2; exit 2 ;;
esac

# With an explicit target the flags reach the program and not the build scripts and macros. Randomness comes from the system
# call: a static program would otherwise look for it in a file, which a confined process cannot open.
triple="$(rustc -vV | sed -n 's/^host: //p')"
RUSTFLAGS="-C target-feature=+crt-static --cfg getrandom_backend=\"linux_getrandom\"" \
    cargo build -p ringi-cosigner --features simulation --locked --profile "$profile" --target "$triple" --target-dir target/enclave

mkdir -p "target/enclave/$folder"
cp "target/enclave/$triple/$folder/ringi-cosigner" "target/enclave/$folder/.ringi-cosigner.new"
mv "target/enclave/$folder/.ringi-cosigner.new" "target/enclave/$folder/ringi-cosigner"
