#!/usr/bin/env bash
# Prints the path of a QEMU that boots the enclave's image. Fetches Debian's QEMU 11 with its libraries (27 MB, pinned in
# scripts/qemu.sha256) where it is missing, unpacks it into a folder of its own and runs it through its own loader: nothing
# is installed and nothing of it is linked.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/debian.sh

pins="$PWD/scripts/qemu.sha256"
home="$cache/qemu-$(sha256sum <"$pins" | cut -c1-16)"
if [ -x "$home/qemu" ]; then echo "$home/qemu"; exit; fi

mkdir -p "$cache"
exec 9>"$cache/qemu.lock"
flock 9
if [ -x "$home/qemu" ]; then echo "$home/qemu"; exit; fi

mirror="$(debian_mirror)"
if [ -z "$mirror" ]; then
    # The machine's own, where it is new enough: the security module's device must be creatable (QEMU 11).
    own="$(command -v qemu-system-x86_64 || true)"
    if [ -n "$own" ] && "$own" -device help 2>/dev/null | grep -q vhost-user-test-device; then
        echo "warning: the apt sources name no Debian mirror: using $own" >&2
        echo "$own"
        exit
    fi
    echo "no Debian mirror in the apt sources and no QEMU 11 installed: set RINGI_DEBIAN_MIRROR, or RINGI_SKIP_QEMU=1 to test without" >&2
    exit 1
fi

fresh="$(mktemp -d "$cache/.qemu-XXXXXX")"
trap 'rm -rf "$fresh"' EXIT
private_apt "$fresh/apt" "$mirror trixie" "$mirror trixie-backports"
mapfile -t wanted < <(pinned_packages "$pins")
if ! (cd "$fresh/apt/archives" && "${apt[@]}" download "${wanted[@]}") >&2; then
    echo "warning: a package pinned in scripts/qemu.sha256 has gone: taking the current ones" >&2
    "${apt[@]}" -t trixie-backports -y --download-only install qemu-system-x86 >&2
fi
check_pins "$pins" "$fresh/apt/archives"
mkdir -p "$fresh/done/root"
for package in "$fresh"/apt/archives/*.deb; do dpkg-deb -x "$package" "$fresh/done/root"; done
cat >"$fresh/done/qemu" <<'WRAPPER'
#!/bin/sh
root="${0%/*}/root"
export QEMU_MODULE_DIR="$root/usr/lib/x86_64-linux-gnu/qemu"
exec "$root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$root/usr/lib/x86_64-linux-gnu" \
    "$root/usr/bin/qemu-system-x86_64" -L "$root/usr/share/qemu" "$@"
WRAPPER
chmod +x "$fresh/done/qemu"
"$fresh/done/qemu" --version >&2
mv "$fresh/done" "$home"
echo "$home/qemu"
