# Sourced by the scripts that fetch what the image and its emulator need. Here are the folder where that is kept, programs
# of the Rust registry, and a private apt: packages of any Debian release are fetched and checked against Debian's
# signatures without root and without touching the machine.

# Where what is fetched and built once is kept.
cache="${RINGI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ringi}"

# cached_program NAME VERSION: prints the path of a program of the Rust registry, built with its own lock file if missing.
cached_program() {
    local home="$cache/$1-$2" fresh
    if [ ! -x "$home/bin/$1" ]; then
        mkdir -p "$cache"
        exec 9>"$cache/$1.lock"
        flock 9
        if [ ! -x "$home/bin/$1" ]; then
            fresh="$(mktemp -d "$cache/.$1-XXXXXX")"
            CARGO_TARGET_DIR="$fresh/target" cargo install "$1" --version "$2" --locked --root "$fresh/done" >&2 || {
                rm -rf "$fresh"
                return 1
            }
            mv "$fresh/done" "$home"
            rm -rf "$fresh"
        fi
    fi
    echo "$home/bin/$1"
}

# The Debian mirror that the machine's own apt sources name; RINGI_DEBIAN_MIRROR for machines that name none.
debian_mirror() {
    if [ -n "${RINGI_DEBIAN_MIRROR:-}" ]; then printf '%s\n' "${RINGI_DEBIAN_MIRROR%/}"; return; fi
    { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true; } |
        sed -nE '/^ *#/d; s:.*(https?\://[^ ]+/debian)/?( .*)?$:\1:p' | sort -u | sed -n 1p
}

# private_apt FOLDER "SOURCE …"…: makes an apt of its own below FOLDER with these sources and reads their indexes. Leaves
# the command in the array $apt and the options alone, for apt-cache, in $apt_options.
private_apt() {
    local folder="$1" key=/usr/share/keyrings/debian-archive-keyring.gpg
    shift
    [ -e "$key" ] || { echo "$key is missing: install debian-archive-keyring" >&2; return 1; }
    mkdir -p "$folder"/lists/partial "$folder"/archives/partial "$folder"/parts
    : >"$folder/status"
    printf "deb [signed-by=$key] %s main\n" "$@" >"$folder/sources.list"
    apt_options=(-oDir::State="$folder" -oDir::State::Lists="$folder/lists" -oDir::State::Status="$folder/status"
        -oDir::Cache="$folder" -oDir::Cache::Archives="$folder/archives" -oDir::Etc::SourceList="$folder/sources.list"
        -oDir::Etc::SourceParts="$folder/parts" -oAPT::Install-Recommends=false -oAPT::Sandbox::User=root
        -oAPT::Architecture=amd64 -oAPT::Architectures=amd64 -oAcquire::Languages=none
        -oAcquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
        -oAcquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false)
    apt=(apt-get -q "${apt_options[@]}")
    "${apt[@]}" update >&2
}

# pinned_packages FILE: "name=version" of each line "SHA256  NAME_VERSION_ARCH.deb".
pinned_packages() {
    sed -E 's/^[0-9a-f]+  ([^_]+)_([^_]+)_.*/\1=\2/; s/%3a/:/g' "$1"
}

# check_pins FILE FOLDER: refuses a fetched package with a pinned name and another hash; warns of packages not pinned.
check_pins() {
    local file name want
    for file in "$2"/*.deb; do
        name="$(basename "$file")"
        want="$(awk -v name="$name" '$2 == name { print $1 }' "$1")"
        if [ -z "$want" ]; then
            echo "warning: $name is not pinned in $1: the mirror has another version; Debian's signature holds" >&2
        elif [ "$(sha256sum <"$file" | cut -d' ' -f1)" != "$want" ]; then
            echo "$name is not what $1 pins" >&2
            return 1
        fi
    done
}
