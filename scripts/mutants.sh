#!/usr/bin/env bash
# Switches off one check after another of docs/attack-tests.md in a copy of the tree and says whether its test turns red.
# Usage: mutants.sh [RULE [TEXT]]: the rows of this rule, of these those that hold this text (a file, a test). The copy and
# its builds lie in target/mutants and serve the next run too; delete them when done. What the tree has built is shared with
# the copy, not copied. Rows of one file follow one another, so that little is built anew.
set -euo pipefail
cd "$(dirname "$0")/.."

tree=target/mutants
mkdir -p "$tree"
git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf - | tar -xf - -C "$tree"
export CARGO_TARGET_DIR="$PWD/$tree/target"
if [ -d target/debug ] && [ ! -d "$CARGO_TARGET_DIR/debug" ]; then
    # Compilers and linkers write their files anew, so a link to ours is safe; cargo writes its own small ones in place.
    copy="$CARGO_TARGET_DIR/debug.new"
    mkdir -p "$copy"
    files=(find . -path ./incremental -prune -o -type f)
    (cd target/debug && "${files[@]}" -size +1023k -print0 | xargs -0 cp -lp --parents -t "$copy")
    (cd target/debug && "${files[@]}" ! -size +1023k -print0 | xargs -0 cp -p --parents -t "$copy")
    mv "$copy" "$CARGO_TARGET_DIR/debug"
fi
# Building and testing one row at most, seconds; a first build takes longest. A test that hangs is not red.
patience=1800
failed=0
say() { printf '%-8s %s %s (%s)\n' "$1" "${cell[0]}" "${cell[1]}" "${cell[7]}"; }
while IFS= read -r row; do
    [[ "$row" == *"${2:-}"* ]] || continue
    mapfile -t cell < <(sed 's/^| //; s/ |$//; s/ | /\n/g' <<<"$row")
    [ -z "${1:-}" ] || [ "${cell[0]}" = "$1" ] || continue
    file="${cell[2]}"
    read -ra package <<<"${cell[6]//\`/}"
    SEARCH="${cell[4]//\`/}" NEW="${cell[5]//\`/}" perl -0pe 's/\Q$ENV{SEARCH}\E/$ENV{NEW}/' "$file" >"$tree/$file"
    code=0
    (cd "$tree" && timeout "$patience" cargo test -q -p "${package[@]}" --locked -- "${cell[7]}") >"$tree/last.log" 2>&1 || code=$?
    if [ "$code" = 0 ]; then
        say SURVIVED; failed=1
    elif [ "$code" = 124 ]; then
        say HANGS; failed=1
    elif grep -q 'test result: FAILED' "$tree/last.log"; then
        say red
    else
        say BROKEN; failed=1
        cp "$tree/last.log" "$tree/broken-${cell[0]}.log"
    fi
    cp "$file" "$tree/$file"
done < <(grep '^| [A-Z][0-9] ' docs/attack-tests.md | sort -s -t'|' -k4,4)
exit "$failed"
