#!/usr/bin/env bash
# Switches off one check after another of docs/attack-tests.md in a copy of the tree and says whether its test turns red.
# Usage: mutants.sh [RULE]. The copy and its builds lie in target/mutants. Rows of one file follow one another, so that
# little is built anew.
set -euo pipefail
cd "$(dirname "$0")/.."

tree=target/mutants
mkdir -p "$tree"
git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf - | tar -xf - -C "$tree"
export CARGO_TARGET_DIR="$PWD/$tree/target"
# Third-party builds of the tree itself serve the copy too.
[ -d "$CARGO_TARGET_DIR/debug" ] || [ ! -d target/debug ] || { mkdir -p "$CARGO_TARGET_DIR" && cp -a target/debug "$CARGO_TARGET_DIR/"; }
failed=0
say() { printf '%-8s %s %s (%s)\n' "$1" "${cell[0]}" "${cell[1]}" "${cell[7]}"; }
while IFS= read -r row; do
    mapfile -t cell < <(sed 's/^| //; s/ |$//; s/ | /\n/g' <<<"$row")
    [ -z "${1:-}" ] || [ "${cell[0]}" = "$1" ] || continue
    file="${cell[2]}"
    read -ra package <<<"${cell[6]//\`/}"
    SEARCH="${cell[4]//\`/}" NEW="${cell[5]//\`/}" perl -0pe 's/\Q$ENV{SEARCH}\E/$ENV{NEW}/' "$file" >"$tree/$file"
    if (cd "$tree" && cargo test -q -p "${package[@]}" --locked -- "${cell[7]}") >"$tree/last.log" 2>&1; then
        say SURVIVED; failed=1
    elif grep -q 'test result: FAILED' "$tree/last.log"; then
        say red
    else
        say BROKEN; failed=1
        cp "$tree/last.log" "$tree/broken-${cell[0]}.log"
    fi
    cp "$file" "$tree/$file"
done < <(grep '^| [A-Z][0-9] ' docs/attack-tests.md | sort -s -t'|' -k4,4)
exit "$failed"
