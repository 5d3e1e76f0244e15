#!/usr/bin/env bash
# Build the programs of the embedded cluster.
#
#   build.sh OUTDIR [BINARY...]     build what is missing (default: all but toolbox, kwok and helm) and link it into OUTDIR
#   build.sh --print-hash [BINARY]  print the hash of the inputs, of all binaries or of one
#
# Each binary has its own folder in the cache, named by the hash of what it is made from: a change of the supervisor does
# not link Kubernetes again, and a second checkout builds nothing. $GO names the go command (default: the one in PATH).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
readonly go=${GO:-go}
readonly cache=${DEVWORKSPACE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/devworkspace}/cluster
readonly binaries=(kubernetes kube-router coredns metrics-server pause devcluster)
readonly needs_go=1.26.4
readonly kubernetes_version=1.36.3
readonly helm_version=4.3.1
readonly unused_days=30

export CGO_ENABLED=0 GOFLAGS=-buildvcs=false

fail() { echo "build.sh: $*" >&2; exit 1; }

# The module's folder, the package in it, and the files the binary is made from.
module() { case $1 in devcluster | pause | toolbox) echo "$here" ;; *) echo "$here/$1" ;; esac; }
package() { case $1 in devcluster | pause | toolbox) echo "./cmd/$1" ;; *) echo . ;; esac; }
sources() {
  case $1 in
    devcluster) find "$here/cmd/devcluster" "$here/internal" "$here/go.mod" "$here/go.sum" -type f ! -name '*_test.go' ;;
    pause | toolbox) find "$here/cmd/$1" -type f ! -name '*_test.go' ;;
    *) find "$here/$1" -type f \( -name '*.go' -o -name go.mod -o -name go.sum \) ;;
  esac
}

ldflags() {
  local flags='-s -w'
  if [[ $1 == kubernetes ]]; then
    local v=k8s.io/component-base/version
    flags+=" -X $v.gitVersion=v$kubernetes_version -X $v.gitMajor=${kubernetes_version%%.*} -X $v.gitMinor=$(cut -d. -f2 <<<"$kubernetes_version")"
  fi
  [[ $1 != helm ]] || flags+=" -X helm.sh/helm/v4/internal/version.version=v$helm_version"
  echo "$flags"
}

hash_of() {
  {
    "$go" env GOVERSION GOOS GOARCH
    ldflags "$1"
    sources "$1" | LC_ALL=C sort | while read -r file; do
      echo "${file#"$here"/}"
      cat "$file"
    done
  } | sha256sum | cut -c1-16
}

check_go() {
  command -v "$go" >/dev/null || fail "no go command: install Go $needs_go or newer, or name it in \$GO"
  local have
  have=$("$go" env GOVERSION)
  [[ $(printf '%s\n' "$needs_go" "${have#go}" | sort -V | head -1) == "$needs_go" ]] ||
    fail "$go is ${have#go}, expected $needs_go or newer: install it, or name another one in \$GO"
}

build() {
  local binary=$1 folder started
  folder=$cache/$binary-$(hash_of "$binary")
  mkdir -p "$cache"
  # Two installations may start at once; the second waits and finds the work done.
  exec 9>"$cache/$binary.lock"
  flock 9
  if [[ -x $folder/$binary ]]; then
    echo "$binary: up to date"
  else
    started=$SECONDS
    echo "$binary: building ..."
    mkdir -p "$folder"
    (cd "$(module "$binary")" && "$go" build -trimpath -ldflags "$(ldflags "$binary")" -o "$folder/.$binary" "$(package "$binary")") ||
      fail "$binary did not build; see the messages of go above"
    mv "$folder/.$binary" "$folder/$binary"
    echo "$binary: built in $((SECONDS - started)) s ($(du -m "$folder/$binary" | cut -f1) MB)"
  fi
  touch "$folder"
  find "$cache" -maxdepth 1 -name "$binary-[0-9a-f]*" -mtime "+$unused_days" -exec rm -rf {} +
  exec 9>&-
  # A running program keeps its file; the name must point to the new one.
  if [[ ! $folder/$binary -ef $out/$binary ]]; then
    ln -f "$folder/$binary" "$out/$binary" 2>/dev/null || cp --remove-destination "$folder/$binary" "$out/$binary"
  fi
}

[[ $# -ge 1 && $1 != -h && $1 != --help ]] || { sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2; }
check_go
if [[ $1 == --print-hash ]]; then
  if [[ $# -gt 1 ]]; then hash_of "$2"; else for binary in "${binaries[@]}"; do hash_of "$binary"; done | sha256sum | cut -c1-16; fi
  exit
fi
mkdir -p "$1"
out=$(cd "$1" && pwd)
readonly out
shift
[[ $# -gt 0 ]] || set -- "${binaries[@]}"
for binary in "$@"; do build "$binary"; done
ln -sf kubernetes "$out/kubectl"
