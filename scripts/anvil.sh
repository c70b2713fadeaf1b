#!/bin/sh
# Prints the path of the pinned EVM node; fetches it from npm where it is missing. Safe to run at the same time twice.
# The program needs no Node, but its package asks for a newer one than Debian 12 has, and npm then leaves it out without
# a word. So the package is taken with npm pack, and held to the lock file's hash here.
set -eu
folder=$(cd "$(dirname "$0")/../oracles/anvil" && pwd)
name=$(node -p 'process.platform + "-" + (process.arch === "x64" ? "amd64" : process.arch)')
lock=$folder/package-lock.json
entry="packages['node_modules/@foundry-rs/anvil-$name']"
version=$(node -p "(require('$lock').$entry || {}).version || ''")
integrity=$(node -p "(require('$lock').$entry || {}).integrity || ''")
[ -n "$version" ] || { echo "anvil has no program for $name" >&2; exit 1; }
home=$folder/node_modules/.anvil-$version-$name
program=$home/package/bin/anvil

if [ ! -x "$program" ]; then
    mkdir -p "$folder/node_modules"
    exec 9>"$folder/.install.lock"
    flock 9
    if [ ! -x "$program" ]; then
        fresh=$(mktemp -d "$folder/node_modules/.fetch-XXXXXX")
        trap 'rm -rf "$fresh"' EXIT
        (cd "$fresh" && npm pack --silent "@foundry-rs/anvil-$name@$version" >/dev/null)
        tarball=$(echo "$fresh"/*.tgz)
        found=$(node -p "'sha512-' + require('crypto').createHash('sha512').update(require('fs').readFileSync('$tarball')).digest('base64')")
        [ "$found" = "$integrity" ] || { echo "anvil $version for $name is not what package-lock.json pins" >&2; exit 1; }
        tar -xzf "$tarball" -C "$fresh"
        chmod +x "$fresh/package/bin/anvil"
        rm -rf "$home"
        mv "$fresh" "$home"
        trap - EXIT
    fi
fi
echo "$program"
