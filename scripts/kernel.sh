#!/usr/bin/env bash
# Prints the path of the enclave's kernel (bzImage). Builds it from Debian's linux-source-6.12 with
# enclave/image/kernel.config where it is missing: about three minutes on two cores. Kept by the hash of source, fragment
# and compiler; equal ones give equal bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/debian.sh

fragment="$PWD/enclave/image/kernel.config"
pins=scripts/kernel.sha256
key="$({ cat "$pins" "$fragment"; gcc --version | head -n 1; ld --version | head -n 1; } | sha256sum | cut -c1-16)"
home="$cache/kernel-$key"
if [ -e "$home/bzImage" ]; then echo "$home/bzImage"; exit; fi

mkdir -p "$cache"
exec 9>"$cache/kernel.lock"
flock 9
if [ -e "$home/bzImage" ]; then echo "$home/bzImage"; exit; fi

missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
need flex flex; need bison bison; need bc bc; need cpio cpio; need xz xz-utils; need make make; need gcc gcc
echo '#include <gelf.h>' | gcc -E - >/dev/null 2>&1 || missing+=(libelf-dev)
if [ "${#missing[@]}" -gt 0 ]; then
    echo "The kernel needs packages: sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 1
fi

fresh="$(mktemp -d "$cache/.kernel-XXXXXX")"
trap 'rm -rf "$fresh"' EXIT
mkdir -p "$fresh/debs"
mirror="$(debian_mirror)"
if [ -n "$mirror" ]; then
    private_apt "$fresh/apt" "${mirror%/debian}/debian-security bookworm-security" "$mirror trixie"
    (cd "$fresh/debs" && { "${apt[@]}" download "$(pinned_packages "$OLDPWD/$pins")" || "${apt[@]}" download linux-source-6.12; }) >&2
    check_pins "$pins" "$fresh/debs"
else
    echo "warning: the apt sources name no Debian mirror: taking this machine's own kernel source, so the measurements are others" >&2
    source="$(apt-cache search --names-only '^linux-source-6\.[0-9]+(\.[0-9]+)?$' | cut -d' ' -f1 | sort -V | tail -n 1)"
    [ -n "$source" ] || { echo "no package linux-source-6.* either: set RINGI_DEBIAN_MIRROR, or RINGI_SKIP_QEMU=1 to test without the image" >&2; exit 1; }
    (cd "$fresh/debs" && apt-get -q download "$source") >&2
fi

echo "building the enclave's kernel from $(ls "$fresh/debs")" >&2
dpkg-deb -x "$fresh"/debs/*.deb "$fresh"
mkdir "$fresh/tree" "$fresh/out"
tar -xf "$(find "$fresh/usr/src" -name 'linux-source-*.tar.*' | head -n 1)" -C "$fresh/tree" --strip-components 1
make=(make -s -C "$fresh/tree" O="$fresh/out" KBUILD_BUILD_TIMESTAMP=@1 KBUILD_BUILD_USER=b KBUILD_BUILD_HOST=b)
{
    "${make[@]}" tinyconfig
    (cd "$fresh/out" && "$fresh/tree/scripts/kconfig/merge_config.sh" -m -O . .config "$fragment")
    "${make[@]}" olddefconfig
} >"$fresh/config.log" 2>&1 || { tail -n 20 "$fresh/config.log" >&2; exit 1; }

# Kconfig drops without a word what does not fit together.
while read -r line; do
    case "$line" in
        CONFIG_*=*) grep -qxF "$line" "$fresh/out/.config" || { echo "kernel.config: $line did not survive" >&2; exit 1; } ;;
        '# CONFIG_'*' is not set')
            name="${line#\# }"; name="${name% is not set}"
            ! grep -q "^$name=" "$fresh/out/.config" || { echo "kernel.config: $name is set after all" >&2; exit 1; } ;;
    esac
done <"$fragment"

"${make[@]}" -j"$(nproc)" bzImage >"$fresh/build.log" 2>&1 || { tail -n 20 "$fresh/build.log" >&2; exit 1; }
mkdir "$fresh/done"
cp "$fresh/out/arch/x86/boot/bzImage" "$fresh/done/bzImage"
cp "$fresh/out/.config" "$fresh/done/config"
(cd "$fresh/debs" && sha256sum ./*.deb) >"$fresh/done/source"
mv "$fresh/done" "$home"
echo "$home/bzImage"
