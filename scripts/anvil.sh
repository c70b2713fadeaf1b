#!/bin/sh
# Prints the path of the pinned EVM node; installs it from npm where it is missing. Safe to run at the same time twice.
set -eu
folder=$(cd "$(dirname "$0")/../oracles/anvil" && pwd)
version=$(sed -n 's/.*"@foundry-rs\/anvil": "\(.*\)".*/\1/p' "$folder/package.json")

# The program inside the package of this platform, if it is there in the pinned version.
installed() {
    for program in "$folder"/node_modules/@foundry-rs/anvil-*/bin/anvil; do
        package=$(dirname "$(dirname "$program")")/package.json
        if [ -f "$program" ] && grep -q "\"version\": *\"$version\"" "$package"; then
            chmod +x "$program"
            echo "$program"
            return 0
        fi
    done
    return 1
}

installed && exit 0
exec 9>"$folder/.install.lock"
flock 9
installed && exit 0
(cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund >&2)
installed || { echo "anvil $version did not install for this platform" >&2; exit 1; }
