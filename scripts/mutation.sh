#!/usr/bin/env bash
# Changes the rules' code in every way that cargo-mutants knows, one change after another, and says which changes no test
# notices. docs/mutation.md holds the figures and the changes that mean the same. Usage: mutation.sh [CRATE [FILE]]: of
# `policy` (default), `primitives`, `cosigner`, `access`; of one file, by how its path ends. The copy, its builds and the
# outcome lie in target/mutation; delete them when done. Installs cargo-mutants, pinned, if it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

version=27.1.0
case "${1:-policy}" in
    policy) package=ringi-policy tests=(-C=-p=ringi-policy -C=--lib) files=(enclave/policy/src) ;;
    primitives)
        package=ringi-primitives tests=(-C=-p=ringi-primitives -C=--lib)
        files=(enclave/primitives/src/policy_set/{rule,validate}.rs enclave/primitives/src/{zone,trust,fact,brake,weigh}.rs)
        ;;
    # A cosigner is tested whole, in the worlds of `sim`.
    cosigner)
        package=ringi-cosigner tests=(-C=-p=ringi-cosigner -C=-p=ringi-sim -C=--lib -C=--test=it)
        files=(enclave/cosigner/src/{spending,pins,brakes,braking,facts,judge,permit}.rs)
        ;;
    access) package=ringi-access tests=(-C=-p=ringi-access -C=--lib) files=(host/access/src) ;;
    *) echo "usage: mutation.sh [policy|primitives|cosigner|access [FILE]]" >&2; exit 2 ;;
esac
[ "$(cargo mutants --version 2>/dev/null)" = "cargo-mutants $version" ] ||
    cargo install cargo-mutants --version "$version" --locked

chosen=()
for file in "${files[@]}"; do
    if [ -d "$file" ]; then chosen+=(-f "$file/**"); else chosen+=(-f "$file"); fi
done
[ -z "${2:-}" ] || chosen=(-f "**/$2")
tree=target/mutation
mkdir -p "$tree"
git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf - | tar -xf - -C "$tree"
export CARGO_TARGET_DIR="$PWD/$tree/target"
# The properties run on fewer cases: what is left over is looked at by hand.
export PROPTEST_CASES="${PROPTEST_CASES:-24}"
cd "$tree"
cargo test -q --locked "${tests[@]//-C=/}" >baseline.log 2>&1 || { tail -20 baseline.log; exit 1; }
exec cargo mutants --in-place --baseline skip --timeout 300 --no-shuffle -p "$package" "${chosen[@]}" -o . -C=--locked "${tests[@]}"
