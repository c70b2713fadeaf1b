#!/usr/bin/env bash
# Switches off one check after another of docs/attack-tests.md in a copy of the tree and says whether its test turns red.
# Usage: mutants.sh [RULE]. The copy and its builds lie in target/mutants.
set -euo pipefail
cd "$(dirname "$0")/.."

tree=target/mutants
mkdir -p "$tree"
git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf - | tar -xf - -C "$tree"
export CARGO_TARGET_DIR="$PWD/$tree/target"
survived=0
while IFS= read -r row; do
    mapfile -t cell < <(sed 's/^| //; s/ |$//; s/ | /\n/g' <<<"$row")
    [ -z "${1:-}" ] || [ "${cell[0]}" = "$1" ] || continue
    file="${cell[2]}" test="${cell[6]}"
    SEARCH="${cell[4]//\`/}" NEW="${cell[5]//\`/}" perl -0pe 's/\Q$ENV{SEARCH}\E/$ENV{NEW}/' "$file" >"$tree/$file"
    if (cd "$tree" && cargo test -q -p ringi-sim --test it --locked -- "$test") >"$tree/last.log" 2>&1; then
        echo "SURVIVED ${cell[0]} ${cell[1]} ($test)"; survived=1
    elif grep -q 'test result: FAILED' "$tree/last.log"; then
        echo "red      ${cell[0]} ${cell[1]} ($test)"
    else
        echo "BROKEN   ${cell[0]} ${cell[1]} ($test): see $tree/last.log"; survived=1
    fi
    cp "$file" "$tree/$file"
done < <(grep '^| [A-Z][0-9] ' docs/attack-tests.md)
exit "$survived"
