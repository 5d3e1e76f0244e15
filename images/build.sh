#!/usr/bin/env bash
# Builds the images, without a Docker engine if there is none.
#
# Promise: an archive under its final name is complete, and its name holds a hash over everything that went into it
# (Dockerfile and files, the parent's hash, the building function). So "is it there?" answers "is it current?", an interrupted
# run is continued by the next one, and nothing is built twice.
#
# Two ways, one set of Dockerfiles:
#   docker   docker build on the public debian:bookworm-slim
#   buildah  the same Dockerfile on a Debian that mmdebstrap makes, in a storage of its own below the cache
set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: images/build.sh [option ...] [image ...]
  image               base python nodejs go java devworkspace; without a name: all of them
  --engine NAME       buildah or docker (default: docker if its daemon answers, else buildah)
  --out DIR           folder of the archives (default: $DEVWORKSPACE_CACHE/images)
  --print             print the archive's path of each named image and build nothing
  --rebuild           build the named images even if they are there (newer Debian packages)
  --bundle FILE       afterwards write the named images into one archive that holds each shared layer once
  --prune             afterwards remove archives and stored layers that are no longer current
Result: <out>/<image>-<hash>.tar, a docker-archive named localhost/devworkspace/<image>:0.1.0.
Optional environment: DEVWORKSPACE_APT_SOURCES=FILE, a deb822 file with a Debian 12 mirror for the build.
TEXT
}

readonly IMAGE_VERSION=0.1.0 REGISTRY=localhost/devworkspace SUITE=bookworm DEBIAN=debian:bookworm-slim
readonly ALL=(base python nodejs go java devworkspace)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(dirname "$here")
cache=${DEVWORKSPACE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/devworkspace}/images
readonly here repo cache

say() { printf '[images] %s\n' "$*" >&2; }
die() { printf '[images] error: %s\n' "$*" >&2; exit 1; }

# --- what there is -----------------------------------------------------------------------------------------------

parent_of() { case $1 in base | devworkspace) echo debian ;; debian) ;; *) echo base ;; esac; }

# The files that end up in an image, relative to the repository. Tests and documents do not change it.
inputs_of() {
    case $1 in
        debian) ;;
        devworkspace)
            # The dashboard counts by its sources: its files in src/ are there only once they are built.
            find src -type f ! -path '*/__pycache__/*' ! -path 'src/devworkspace/server/dashboard/built/*' -print
            dashboard/build.sh --list
            printf '%s\n' images/devworkspace/Dockerfile images/devworkspace/Dockerfile.dockerignore \
                LICENSE README.md pyproject.toml scripts/wheel.py requirements/build.txt requirements/runtime.txt
            ;;
        *) find "images/$1" -type f ! -name test.sh ! -name native.js ! -name ssh-proxy.js -print ;;
    esac
}

# What this script itself does for the image: its other parts may change without a rebuild.
recipe_of() { if [ "$1" = debian ]; then declare -f make_debian; else declare -f "build_with_$engine"; fi; }

declare -A hashes=()
set_hash() { # result in hashes[name]; the parent's first
    [ -z "${hashes[$1]:-}" ] || return 0
    local parent
    parent=$(parent_of "$1")
    [ -z "$parent" ] || set_hash "$parent"
    hashes[$1]=$(
        cd "$repo"
        { echo "${parent:+${hashes[$parent]}}"
          recipe_of "$1"
          inputs_of "$1" | LC_ALL=C sort | xargs --no-run-if-empty stat -c '%n %a'
          inputs_of "$1" | LC_ALL=C sort | xargs --no-run-if-empty sha256sum; } | sha256sum | cut -c1-12
    )
}

archive_of() { echo "$out/$1-${hashes[$1]}.tar"; }
stored_as() { echo "$REGISTRY/build/$1:${hashes[$1]}"; }

# --- the host's way to the package registries --------------------------------------------------------------------
# Given to single build steps as secrets: mounted while they run, never part of a layer.

secrets=()
collect_secrets() {
    local dir=$work/secrets ca
    mkdir -p "$dir"
    for ca in "${SSL_CERT_FILE:-}" "${NODE_EXTRA_CA_CERTS:-}"; do
        if [ -f "$ca" ]; then secrets+=(--secret "id=ca,src=$ca"); break; fi
    done
    npm_settings > "$dir/npmrc"
    pip_settings > "$dir/pipconf"
    debian_sources > "$dir/apt-sources"
    apt_settings "$dir/apt-sources" > "$dir/apt-conf"
    local id
    for id in npmrc pipconf apt-conf apt-sources; do
        [ ! -s "$dir/$id" ] || secrets+=(--secret "id=$id,src=$dir/$id")
    done
}

# Only what names or unlocks a registry: paths and other settings of the host mean nothing inside.
npm_settings() {
    local file
    for file in "${NPM_CONFIG_USERCONFIG:-$HOME/.npmrc}" "${NPM_CONFIG_GLOBALCONFIG:-/usr/etc/npmrc}" /etc/npmrc; do
        [ ! -f "$file" ] || grep -E '^ *(registry|@[^=]+:registry|//[^=]+|(https-|no)?proxy|strict-ssl) *=' "$file" || true
    done
    [ -z "${NPM_CONFIG_REGISTRY:-${npm_config_registry:-}}" ] ||
        echo "registry=${NPM_CONFIG_REGISTRY:-$npm_config_registry}"
}

pip_settings() {
    command -v python3 > /dev/null || return 0
    python3 -m pip config list 2> /dev/null | sed -nE \
        "s/^(global|install|:env:)\.(index-url|extra-index-url|trusted-host|proxy)='(.*)'\$/\2 = \3/p" |
        sort -u | sed '1i [global]'
}

# The host's own Debian mirror, if the host runs the same release; otherwise Debian's standard one.
debian_sources() {
    if [ -n "${DEVWORKSPACE_APT_SOURCES:-}" ]; then cat "$DEVWORKSPACE_APT_SOURCES"; return; fi
    grep -qx 'ID=debian' /etc/os-release && grep -qx "VERSION_CODENAME=$SUITE" /etc/os-release || return 0
    if [ -f /etc/apt/sources.list.d/debian.sources ]; then
        cat /etc/apt/sources.list.d/debian.sources
    elif [ -f /etc/apt/sources.list ]; then
        one_line_to_deb822 < /etc/apt/sources.list
    fi
}

apt_settings() { # file with sources
    # The Dockerfiles mount a folder of downloaded packages there, which outlives the build.
    printf '%s;\n' 'Dir::Cache::archives "/tmp/debs"' 'APT::Keep-Downloaded-Packages "true"'
    [ ! -s "$1" ] || printf '%s;\n' 'Dir::Etc::sourcelist "/run/secrets/apt.sources"' 'Dir::Etc::sourceparts "-"'
    ! command -v apt-config > /dev/null || apt-config dump | grep -iE '^Acquire::https?::Proxy(::[^ ]+)? "[^"]+' || true
}

one_line_to_deb822() {
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    sed -E 's/^(deb +)\[[^]]*\] +/\1/' | awk -v keyring=$keyring '$1 == "deb" {
        printf "Types: deb\nURIs: %s\nSuites: %s\nComponents:", $2, $3
        for (i = 4; i <= NF; i++) printf " %s", $i
        printf "\nSigned-By: %s\n\n", keyring
    }'
}

# --- building ----------------------------------------------------------------------------------------------------

# Runs a command, its whole output in a log, its steps on the terminal with the seconds since the command's start.
# A process group of its own, so that an interruption ends everything that it started.
child=''
with_progress() { # name, command ...
    local name=$1 log=$cache/log/$1.log start=$SECONDS status=0
    shift
    mkdir -p "$cache/log"
    : > "$log"
    setsid "$@" > "$log" 2>&1 &
    child=$!
    tail -n +1 -s 0.1 -f --pid "$child" "$log" | show_steps "$name" "$start" &
    wait "$child" || status=$?
    child=''
    wait
    [ "$status" = 0 ] || { tail -n 25 "$log" >&2; die "$name: failed (exit code $status). Whole output: $log"; }
}

show_steps() { # name, start in seconds of the shell
    local line
    while IFS= read -r line; do
        case $line in
            *STEP\ *:* | COMMIT* | '#'*' ['* | I:*)
                while [[ $line =~ ^(.*)--mount=[^\ ]+\ +(.*)$ ]]; do line=${BASH_REMATCH[1]}${BASH_REMATCH[2]}; done
                printf '[images] %-12s %4d s  %.100s\n' "$1" $((SECONDS - $2)) "$line" >&2
                ;;
        esac
    done
}

prepare_buildah() {
    local missing=() tool
    for tool in buildah mmdebstrap; do command -v "$tool" > /dev/null || missing+=("$tool"); done
    [ ${#missing[@]} = 0 ] ||
        die "missing: ${missing[*]}. Install them: apt-get install \$(grep -v '#' $here/packages.txt)"
    [ "$(id -u)" = 0 ] || die "building without Docker needs root (mounts, chroot)"
    mkdir -p "$cache/storage" "$cache/tmp"
    # buildah keeps the folders of RUN --mount=type=cache below TMPDIR.
    export TMPDIR=$cache/tmp CONTAINERS_STORAGE_CONF=$cache/storage.conf
    local driver
    for driver in overlay vfs; do
        printf '[storage]\ndriver = "%s"\nrunroot = "%s"\ngraphroot = "%s"\n' \
            "$driver" "$cache/storage/run" "$cache/storage/$driver" > "$CONTAINERS_STORAGE_CONF"
        if buildah info > /dev/null 2>&1; then break; fi
        [ "$driver" = overlay ] ||
            die "buildah cannot use $cache/storage; 'buildah info' says: $(buildah info 2>&1 | tail -n 1)"
        say "overlay file system not usable in $cache; falling back to vfs (slower, needs more space)"
    done
    remove_leftovers
}

# Containers of a build or a test that was killed; the storage is ours alone, and the lock says that no other build runs.
remove_leftovers() {
    local container
    while read -r container; do
        # The test of another checkout, which has its process in its name.
        [[ $container == devworkspace-smoke-* ]] && kill -0 "${container##*-}" 2> /dev/null && continue
        buildah rm "$container" > /dev/null 2>&1 || true
    done < <(buildah containers --noheading --format '{{.ContainerName}}' 2> /dev/null)
    # A test may be reading an archive back.
    find "$cache/tmp" -maxdepth 1 \( -name 'buildah[0-9]*' -o -name 'container_images_*' \) -mmin +60 -exec rm -rf {} +
    find "$cache" -maxdepth 1 -name 'work.*' ! -path "$work" -exec rm -rf {} +
    rm -f "$out"/.*.part
}

# Debian's minimal system plus the habits of debian:bookworm-slim: no documents, no translations, no fsync in dpkg.
make_debian() {
    local part=$work/debian.tar dir=$work/debian sources=()
    mkdir -p "$dir"
    [ ! -s "$work/secrets/apt-sources" ] || sources=("$work/secrets/apt-sources")
    # Asked without a mirror, mmdebstrap writes Debian's standard sources: those stay in the image.
    mmdebstrap --quiet --variant=custom --skip=update,cleanup --format=null \
        --customize-hook="copy-out /etc/apt/sources.list $dir" "$SUITE" < /dev/null
    one_line_to_deb822 < "$dir/sources.list" > "$dir/debian.sources"
    printf '%s;\n' 'Acquire::Languages "none"' 'APT::Keep-Downloaded-Packages "false"' 'Dir::Cache::pkgcache ""' \
        'Dir::Cache::srcpkgcache ""' > "$dir/devworkspace-slim"
    cp "${sources[0]:-$dir/debian.sources}" "$dir/build.sources"
    # merged-usr: without it, Debian's usrmerge brings the whole of Perl (45 MB).
    # shellcheck disable=SC2016  # mmdebstrap's shell expands them
    with_progress debian mmdebstrap --variant=minbase --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
        --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
        --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-include=/usr/share/doc/*/copyright' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --customize-hook='cd "$1" && rm -rf etc/apt/sources.list* etc/apt/apt.conf.d/99mmdebstrap var/cache/apt/*.bin' \
        --customize-hook='cd "$1" && rm -f etc/resolv.conf etc/hostname && mkdir etc/apt/sources.list.d' \
        --customize-hook="copy-in $dir/debian.sources /etc/apt/sources.list.d" \
        --customize-hook="copy-in $dir/devworkspace-slim /etc/apt/apt.conf.d" \
        "$SUITE" "$part" "$dir/build.sources"
    mv "$part" "$(archive_of debian)"
}

store_debian() {
    buildah inspect --type image "$(stored_as debian)" > /dev/null 2>&1 && return
    [ -f "$(archive_of debian)" ] || make_debian
    ln -f "$(archive_of debian)" "$work/rootfs.tar"
    printf 'FROM scratch\nADD rootfs.tar /\nCMD ["bash"]\n' > "$work/Dockerfile"
    with_progress debian buildah bud --isolation chroot -t "$(stored_as debian)" -f "$work/Dockerfile" "$work"
}

# Makes sure that the parent can be named in FROM, even if only its archive survived.
store_parent() {
    local parent=$1
    [ "$parent" != debian ] || { store_debian; return; }
    buildah inspect --type image "$(stored_as "$parent")" > /dev/null 2>&1 && return
    [ -f "$(archive_of "$parent")" ] || { build_one "$parent"; return; }
    say "$parent: reading its archive back"
    buildah tag "$(buildah pull -q "docker-archive:$(archive_of "$parent")")" "$(stored_as "$parent")"
}

context_of() { if [ "$1" = devworkspace ]; then echo "$repo"; else echo "$here/$1"; fi; }

public_name() { if [ "$1" = debian ]; then echo "$DEBIAN"; else echo "$REGISTRY/$1:$IMAGE_VERSION"; fi; }

build_with_buildah() { # name, archive to write
    local parent name
    parent=$(parent_of "$1")
    name=$(public_name "$1")
    store_parent "$parent"
    local arguments=(--build-arg "BASE_IMAGE=$(stored_as "$parent")" --build-arg "BASE_NAME=$(public_name "$parent")")
    # Kept layers save the download of the dependencies when only our source changed; for the others they would only
    # be a copy of the compiler on disk.
    local layers=false
    [ -z "$rebuild" ] || arguments+=(--no-cache)
    [ "$1" != devworkspace ] || { layers=true; arguments+=(--ignorefile "$here/$1/Dockerfile.dockerignore"); }
    with_progress "$1" buildah bud --isolation chroot --jobs 2 "--layers=$layers" --format docker "${secrets[@]}" \
        "${arguments[@]}" --build-arg "VERSION=$IMAGE_VERSION" -t "$name" -f "$here/$1/Dockerfile" "$(context_of "$1")"
    # All names of an image go into the archive, so that the one for FROM comes afterwards.
    buildah push -q "$name" "docker-archive:$2:$name"
    [ "$1" != base ] || buildah tag "$name" "$(stored_as "$1")"
}

build_with_docker() { # name, archive to write
    local parent name base=$DEBIAN fresh=()
    parent=$(parent_of "$1")
    name=$(public_name "$1")
    if [ "$parent" != debian ]; then
        base=$(stored_as "$parent")
        if docker image inspect "$base" > /dev/null 2>&1; then
            :
        elif [ -f "$(archive_of "$parent")" ]; then
            docker load -q -i "$(archive_of "$parent")"
            docker tag "$(public_name "$parent")" "$base"
        else
            build_one "$parent"
        fi
    fi
    [ -z "$rebuild" ] || fresh=(--no-cache)
    with_progress "$1" docker build --progress plain "${fresh[@]}" "${secrets[@]}" --build-arg "BASE_IMAGE=$base" \
        --build-arg "BASE_NAME=$(public_name "$parent")" --build-arg "VERSION=$IMAGE_VERSION" \
        -t "$name" -f "$here/$1/Dockerfile" "$(context_of "$1")"
    docker save -o "$2" "$name"
    [ "$1" != base ] || docker tag "$name" "$(stored_as "$1")"
}

build_one() {
    local name=$1 start=$SECONDS part=$out/.$1.part
    rm -f "$part"
    [ "$name" != devworkspace ] || with_progress dashboard "$repo/dashboard/build.sh"
    "build_with_$engine" "$name" "$part"
    local before=${hashes[$name]}
    unset "hashes[$name]"
    set_hash "$name"
    if [ "${hashes[$name]}" != "$before" ]; then
        say "$name: its files changed during the build; building again"
        build_one "$name"
        return
    fi
    mv "$part" "$(archive_of "$name")"
    part=$(archive_of "$name")
    # Older ones may be another checkout's; more than three are only a day's edits.
    find "$out" -maxdepth 1 -name "$name-????????????.tar" -printf '%T@ %p\n' | sort -rn | tail -n +4 | cut -d' ' -f2- |
        tr '\n' '\0' | xargs -0 --no-run-if-empty rm -f
    say "$name: built in $((SECONDS - start)) s, $(($(stat -c %s "$part") / 1000000)) MB: $part"
}

prune() {
    local name keep=" "
    for name in debian "${ALL[@]}"; do set_hash "$name"; keep+="$(basename "$(archive_of "$name")") "; done
    local file
    for file in "$out"/*-????????????.tar; do
        [[ ! -f $file || $keep == *" ${file##*/} "* ]] || { say "removing $file"; rm -f "$file"; }
    done
    [ "$engine" = buildah ] || return 0
    local stored
    while read -r stored; do
        name=${stored##*/}; name=${name%%:*}
        [ "$stored" = "$(stored_as "$name")" ] || buildah rmi "$stored" > /dev/null
    done < <(buildah images --format '{{.Name}}:{{.Tag}}' --filter "reference=$REGISTRY/build/*")
    buildah rmi --prune > /dev/null 2>&1 || true
}

# --- main --------------------------------------------------------------------------------------------------------

engine='' out=$cache print='' rebuild='' bundle='' prune='' names=()
while [ $# -gt 0 ]; do
    case $1 in
        --engine) engine=${2:?--engine needs a name}; shift ;;
        --out) out=${2:?--out needs a folder}; shift ;;
        --print) print=1 ;;
        --rebuild) rebuild=1 ;;
        --bundle) bundle=${2:?--bundle needs a file}; shift ;;
        --prune) prune=1 ;;
        -h | --help) usage; exit 0 ;;
        -*) usage >&2; die "unknown option $1" ;;
        *) [[ " ${ALL[*]} " == *" $1 "* ]] || die "unknown image '$1'; there are: ${ALL[*]}"; names+=("$1") ;;
    esac
    shift
done
[ ${#names[@]} -gt 0 ] || names=("${ALL[@]}")
if [ -z "$engine" ]; then
    if command -v docker > /dev/null && docker info > /dev/null 2>&1; then engine=docker; else engine=buildah; fi
fi
[[ $engine == docker || $engine == buildah ]] || die "unknown engine '$engine'; there are: buildah docker"

for name in "${names[@]}"; do set_hash "$name"; done
if [ -n "$print" ]; then
    for name in "${names[@]}"; do archive_of "$name"; done
    exit 0
fi

todo=()
for name in "${names[@]}"; do
    if [ -n "$rebuild" ] || ! [ -f "$(archive_of "$name")" ]; then todo+=("$name"); else say "$name: current"; fi
done
if [ ${#todo[@]} -gt 0 ] || [ -n "$prune" ]; then
    mkdir -p "$cache" "$out"
    exec 9> "$cache/lock"
    flock --nonblock 9 || { say "another build is running; waiting for it"; flock 9; }
    work=$(mktemp -d "$cache/work.XXXXXX")
    cleanup() {
        status=$?
        trap - EXIT
        [ "$status" = 0 ] || [ "$engine" != buildah ] || remove_leftovers
        rm -rf "$work"
        exit "$status"
    }
    trap cleanup EXIT
    trap '[ -z "$child" ] || kill -- "-$child" 2> /dev/null; wait; exit 130' INT TERM
    [ "$engine" != buildah ] || prepare_buildah
    collect_secrets
    for name in "${todo[@]}"; do
        # Built meanwhile: as another's parent, or by the build that was waited for.
        if [ -z "$rebuild" ] && [ -f "$(archive_of "$name")" ]; then say "$name: current"; else build_one "$name"; fi
    done
    [ -z "$prune" ] || prune
fi
if [ -n "$bundle" ]; then
    for name in "${names[@]}"; do archive_of "$name"; done | xargs python3 "$here/bundle.py" "$bundle.part"
    mv "$bundle.part" "$bundle"
fi
