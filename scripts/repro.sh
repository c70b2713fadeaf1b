#!/usr/bin/env bash
# Builds the image's programs once more, from a copy of the tree in another folder with a target folder of its own, and
# prints where they are: target/repro/image. A test compares them with target/image.
set -euo pipefail
cd "$(dirname "$0")/.."

copy="$PWD/target/repro/another-place/tree"
mkdir -p "$copy"
list="$(mktemp)"
trap 'rm -f "$list"' EXIT
if [ -e .git ]; then git ls-files -z --cached --others --exclude-standard; else find . \( -name target -o -name node_modules \) -prune -o -type f -print0; fi |
    while IFS= read -r -d '' file; do [ ! -f "$file" ] || printf '%s\0' "$file"; done >"$list"
# Files keep their times: what has not changed is not built again.
tar --null -T "$list" -cf - | tar -xf - -C "$copy"
"$copy/scripts/build-enclave.sh" target/repro-image >/dev/null
rm -rf target/repro/image
cp -r "$copy/target/repro-image" target/repro/image
echo "$PWD/target/repro/image"
