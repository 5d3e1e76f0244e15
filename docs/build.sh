#!/usr/bin/env bash
# Build the documentation site, English and Chinese, into .local/docs/site; open .local/docs/site/index.html in a browser.
# A link that leads nowhere, a page outside of the navigation, or anything that comes from another host fails it.
#   docs/build.sh                                          the site
#   docs/build.sh --pictures URL --password-file FILE      first take its pictures anew, from a running installation
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. ./scripts/python.sh

readonly out=.local/docs
url='' password_file=''
while (($#)); do
  case $1 in
    --pictures) url=${2:?--pictures needs an address} && shift ;;
    --password-file) password_file=${2:?--password-file needs a file} && shift ;;
    -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0" && exit 0 ;;
    *) fail "unknown option '$1'; see docs/build.sh --help" ;;
  esac
  shift
done

# An environment of its own: nothing that the product or its tests need.
ensure_sphinx() {
  local python stamp
  python=$(find_python)
  stamp=$({ "$python" --version; cat requirements/docs.txt; echo "$PWD"; } | sha256sum | cut -c1-32)
  if [[ -f $out/venv/stamp && $(cat "$out/venv/stamp") == "$stamp" ]]; then return; fi
  echo "Preparing Sphinx in $out/venv"
  rm -rf "$out/venv"
  "$python" -m venv "$out/venv"
  "$out/venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/docs.txt
  echo "$stamp" >"$out/venv/stamp"
}

build() {
  local language=$1 locale=$2
  # The date of every build is the same, so that the same sources make the same bytes.
  SOURCE_DATE_EPOCH=1767225600 "$out/venv/bin/sphinx-build" --quiet --fail-on-warning --keep-going --nitpicky \
    -b html -c docs/site -D "language=$locale" -t "$language" -d "$out/doctrees/$language" \
    "$out/source/$language" "$out/site/$language"
  rm -f "$out/site/$language/.buildinfo" "$out/site/$language/objects.inv"
}

mkdir -p "$out"
# The reference is made of the product's own code.
ensure_python runtime
if [[ -n $url ]]; then
  ensure_python dev
  .local/venv/bin/python -m tests.e2e.manual_pictures --url "$url" --password-file "${password_file:?needs --password-file}"
fi
ensure_sphinx
rm -rf "$out/source" "$out/site" "$out/doctrees"
.local/venv/bin/python -m scripts.docsite.stage "$out/source"
mkdir -p "$out/site"
cp docs/site/index.html "$out/site/index.html"
build en en &
readonly english=$!
code=0
build zh zh_CN || code=1
wait "$english" || code=1
((code == 0)) || fail "the site has faults; they are told above"
.local/venv/bin/python -m scripts.docsite.check "$out/site"
