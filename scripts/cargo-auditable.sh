#!/usr/bin/env bash
# Prints the path of cargo-auditable, which writes the list of a program's crates into the program. Builds the pinned
# version with its own lock file where it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/debian.sh
cached_program cargo-auditable 0.7.7
