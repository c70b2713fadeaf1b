#!/usr/bin/env bash
# Installs what is missing to build, test and run the demo on Debian 12 or Ubuntu. Safe to run again: what is there is
# left alone. Not as root, it says which packages to install and stops. Usage: setup.sh [image]; with `image` also what
# building, booting and checking the enclave's image needs.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }

need cc gcc
need c++ g++
need make make
need git git
need curl curl
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
need node nodejs
need npm npm
need python3 python3
python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || missing+=(python3-venv)
# The policies' model reads the machine's time zones.
[ -e /usr/share/zoneinfo/Europe/Zurich ] || missing+=(tzdata)
if [ "${1:-}" = image ]; then
    # The enclave's kernel is built from source, and QEMU is unpacked from Debian's packages.
    need flex flex
    need bison bison
    need bc bc
    need cpio cpio
    need xz xz-utils
    need flock util-linux
    # Reads the OCI layouts that images are taken apart into, independently of us.
    need umoci umoci
    need openssl openssl
    [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing+=(debian-archive-keyring)
    echo '#include <gelf.h>' | cc -E - >/dev/null 2>&1 || missing+=(libelf-dev)
fi

if [ "${#missing[@]}" -gt 0 ]; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        echo "Missing packages. Install them and run this again:" >&2
        echo "    sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

if ! command -v cargo >/dev/null 2>&1; then
    echo "No Rust toolchain: install one (rustup, https://rustup.rs) and run this again." >&2
    exit 1
fi

node_major="$(node --version | sed 's/^v\([0-9]*\).*/\1/')"
if [ "$node_major" -lt 18 ]; then
    echo "Node $node_major is too old: the EVM node and the independent encoders need Node 18 or newer." >&2
    exit 1
fi

# The EVM node and the independent encoders, pinned by their lock files. A stamp remembers what is installed.
scripts/anvil.sh >/dev/null
for lock in oracles/*/package-lock.json; do
    folder="$(dirname "$lock")"
    [ -e "$lock" ] && [ "$folder" != oracles/anvil ] || continue
    want="$(sha256sum <"$lock")"
    stamp="$folder/node_modules/.installed-lock"
    [ "$(cat "$stamp" 2>/dev/null || true)" = "$want" ] && continue
    echo "npm ci in $folder"
    (cd "$folder" && npm ci --no-audit --no-fund --loglevel=error)
    printf '%s\n' "$want" >"$stamp"
done
