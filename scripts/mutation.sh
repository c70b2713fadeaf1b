#!/usr/bin/env bash
# Changes the rules' code in every way that cargo-mutants knows, one change after another, and says which changes no test
# notices. docs/mutation.md holds the figures and the changes that mean the same. Usage: mutation.sh [CRATE [FILE]], of
# `policy` (default), `primitives`, `cosigner` or `access`; of one file, by its path. The copy, its builds and the outcome
# (mutants.out) lie in target/mutation; delete them when done. Installs cargo-mutants, pinned, if it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

version=27.1.0
only=()
case "${1:-policy}" in
    policy) tests=(--test-package ringi-policy -C=--lib) files=('enclave/policy/src/**') ;;
    primitives)
        tests=(--test-package ringi-primitives -C=--lib)
        files=('enclave/primitives/src/policy_set/'{rule,validate}.rs enclave/primitives/src/{zone,trust,fact,brake,weigh}.rs)
        ;;
    # A cosigner is tested whole, in the worlds of `sim`. Tests of the repository's texts would notice any change.
    cosigner)
        tests=(--test-package ringi-cosigner,ringi-sim --test-tool=nextest)
        only=(-- --fail-fast -E 'package(ringi-cosigner) or (package(ringi-sim) and test(/^(rules|fields|signing)::/))')
        files=(enclave/cosigner/src/{spending,pins,counters,brakes,braking,facts,judge,permit}.rs)
        ;;
    access) tests=(--test-package ringi-access -C=--lib) files=('host/access/src/**') ;;
    *)
        echo "usage: mutation.sh [policy|primitives|cosigner|access [FILE]]" >&2
        exit 2
        ;;
esac
[ -z "${2:-}" ] || files=("$2")
[ "$(cargo mutants --version 2>/dev/null)" = "cargo-mutants $version" ] ||
    cargo install cargo-mutants --version "$version" --locked

tree=target/mutation
mkdir -p "$tree"
git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf - | tar -xf - -C "$tree"
export CARGO_TARGET_DIR="$PWD/$tree/target"
cd "$tree"
exec cargo mutants --in-place --no-shuffle --timeout 300 "${files[@]/#/--file=}" "${tests[@]}" -C=--locked "${only[@]}"
