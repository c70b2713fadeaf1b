#!/usr/bin/env bash
# Prints the path of vhost-device-vsock, which gives an emulated enclave its stream socket. Builds the pinned version with
# its own lock file where it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/debian.sh

version=0.3.0
home="$cache/vhost-device-vsock-$version"
program="$home/bin/vhost-device-vsock"
if [ -x "$program" ]; then echo "$program"; exit; fi

mkdir -p "$cache"
exec 9>"$cache/vhost-vsock.lock"
flock 9
if [ ! -x "$program" ]; then
    fresh="$(mktemp -d "$cache/.vsock-XXXXXX")"
    trap 'rm -rf "$fresh"' EXIT
    CARGO_TARGET_DIR="$fresh/target" cargo install vhost-device-vsock --version "$version" --locked --root "$fresh/done" >&2
    mv "$fresh/done" "$home"
fi
echo "$program"
