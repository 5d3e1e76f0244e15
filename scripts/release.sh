#!/usr/bin/env bash
# Makes a release, step by step; .github/workflows/release.yaml runs all of them, docs/RELEASE.md explains them.
#   scripts/release.sh check TAG              the version is the tag's everywhere, and nothing is uncommitted
#   scripts/release.sh files                  dashboard, images of this machine's processor, then dist/release with its checksums
#   scripts/release.sh images PREFIX DEBIAN   images for amd64 and arm64 to PREFIX/<image>:<version>, on DEBIAN, a reference with
#                                             its digest (debian:bookworm-slim@sha256:...); digests go to dist/images.json
#   scripts/release.sh sign PREFIX            signatures of the checksums and of each image, which also gets the list of what is in it
#   scripts/release.sh verify PREFIX IDENTITY ISSUER   what whoever installs can do as well
# Needs Docker with buildx for `images`, and cosign for `sign` and `verify`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/python.sh
. scripts/node.sh

readonly out=dist/release digests=dist/images.json
readonly all=(base python nodejs go java devworkspace)

need() { command -v "$1" >/dev/null || fail "needs $1 in PATH; docs/RELEASE.md says how to get it"; }

check() { # tag
  [[ -z $(git status --porcelain) ]] || fail "the checkout has uncommitted changes: a release is made of a commit"
  ensure_python dev
  .local/venv/bin/python scripts/release.py check "$1"
}

files() {
  ensure_python dev
  ensure_node
  dashboard/build.sh
  images/build.sh
  .local/venv/bin/python scripts/release.py build --out "$out"
}

images() { # prefix, Debian's reference
  [[ $2 =~ @sha256:[0-9a-f]{64}$ ]] || fail "'$2' is not pinned: give debian:bookworm-slim@sha256:<digest>"
  need docker
  ensure_python dev
  ensure_node
  dashboard/build.sh
  PREFIX=$1 DEBIAN=$2 VERSION=$(version) docker buildx bake --file images/docker-bake.json --pull --push --metadata-file "$digests"
}

version() { .local/venv/bin/python -c 'import devworkspace; print(devworkspace.__version__)'; }

digest_of() { # image
  .local/venv/bin/python -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]]["containerimage.digest"])' "$digests" "$1"
}

sign() { # prefix
  need cosign
  cosign sign-blob --yes --bundle "$out/SHA256SUMS.sigstore.json" "$out/SHA256SUMS"
  local image reference
  for image in "${all[@]}"; do
    reference=$1/$image@$(digest_of "$image")
    cosign sign --yes "$reference"
    cosign attest --yes --type cyclonedx --predicate "$out/$image.cdx.json" "$reference"
  done
}

verify() { # prefix, identity of the signer, issuer of its certificate
  need cosign
  local who=(--certificate-identity "$2" --certificate-oidc-issuer "$3") image reference
  cosign verify-blob "${who[@]}" --bundle "$out/SHA256SUMS.sigstore.json" "$out/SHA256SUMS"
  (cd "$out" && sha256sum --check --quiet SHA256SUMS)
  for image in "${all[@]}"; do
    reference=$1/$image@$(digest_of "$image")
    cosign verify "${who[@]}" "$reference" >/dev/null
    cosign verify-attestation "${who[@]}" --type cyclonedx "$reference" >/dev/null
  done
  echo "signed by $2: dist/release and ${#all[@]} images"
}

case ${1:-}:$# in
  check:2 | files:1 | images:3 | sign:2 | verify:4) "$@" ;;
  *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
