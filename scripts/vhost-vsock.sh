#!/usr/bin/env bash
# Prints the path of vhost-device-vsock, which gives an emulated enclave its stream socket. Builds the pinned version with
# its own lock file where it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/debian.sh
cached_program vhost-device-vsock 0.3.0
