#!/usr/bin/env bash
# Compares the evaluator with its model in Python over many cases: docs/policy-oracle.md. Usage: policy-oracle.sh [CASES [SEED]]
set -euo pipefail
cd "$(dirname "$0")/.."

export RINGI_ORACLE_CASES="${1:-1000000}" RINGI_ORACLE_SEED="${2:-1}"
unset RINGI_SKIP_ORACLES
cargo test --locked -p ringi-policy-tools --test it -- --nocapture the_evaluator_says_what_the_model_says
