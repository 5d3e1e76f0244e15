#!/usr/bin/env bash
# Builds the dashboard into src/devworkspace/server/dashboard/built, where the server, the wheel and the image take it from.
#   dashboard/build.sh          build, or take what the cache has for these sources
#   dashboard/build.sh --list   print the files that a build depends on
# A build is kept in <cache>/dashboard/<hash of those files>, so that nothing is built twice.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

inputs() {
  find dashboard/src -type f ! -name '*.test.ts' ! -name '*.test.tsx' ! -name schema.d.ts ! -path '*/testing/*'
  printf '%s\n' dashboard/build.sh dashboard/index.html dashboard/package.json dashboard/package-lock.json \
    dashboard/check-size.mjs dashboard/postcss.config.js dashboard/tsconfig.json dashboard/vite.config.ts \
    dashboard/codegen/package.json dashboard/codegen/package-lock.json images/base/editor/node.txt
}

if [[ ${1:-} == --list ]]; then
  inputs
  exit
fi

. scripts/python.sh
. scripts/node.sh
cache=${DEVWORKSPACE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/devworkspace}/dashboard
hash=$(inputs | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c1-12)
built=src/devworkspace/server/dashboard/built
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9

if [[ ! -f $cache/$hash/index.html ]]; then
  ensure_python runtime
  ensure_node
  install_packages dashboard
  part=$cache/part
  rm -rf "$part"
  (cd dashboard && npm run --silent build -- --outDir "$part" --logLevel warn && node check-size.mjs "$part")
  mv "$part" "$cache/$hash"
  # Older ones may be another checkout's; more than five are only a day's edits.
  find "$cache" -mindepth 1 -maxdepth 1 -type d -printf '%T@ %p\n' | sort -rn | tail -n +6 | cut -d' ' -f2- |
    tr '\n' '\0' | xargs -0 --no-run-if-empty rm -rf
fi
if [[ ! -f $built/build-hash || $(cat "$built/build-hash") != "$hash" ]]; then
  rm -rf "$built" "$built.part"
  cp -r "$cache/$hash" "$built.part"
  echo "$hash" >"$built.part/build-hash"
  mv "$built.part" "$built"
fi
echo "dashboard: $hash"
