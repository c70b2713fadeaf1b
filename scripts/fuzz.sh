#!/usr/bin/env bash
# Coverage-guided runs of the fuzz entries that `make test` replays without coverage. Needs a nightly toolchain and
# cargo-fuzz. Usage: fuzz.sh [SECONDS [TARGET …]]; without a target, each in turn. A find ends up in fuzz/artifacts: add
# its bytes as a test before mending it.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds="${1:-60}"
[ "$#" -gt 0 ] && shift
for need in "cargo +nightly --version" "cargo fuzz --version"; do
    $need >/dev/null 2>&1 && continue
    echo "'$need' fails. Install them: rustup toolchain install nightly && cargo install cargo-fuzz --locked" >&2
    exit 1
done
targets=("$@")
[ "${#targets[@]}" -gt 0 ] || for file in fuzz/targets/*.rs; do targets+=("$(basename "$file" .rs)"); done
for target in "${targets[@]}"; do
    echo "== $target, $seconds s"
    cargo +nightly fuzz run --fuzz-dir fuzz "$target" -- -max_total_time="$seconds" -rss_limit_mb=2048 -print_final_stats=1
done
