# shellcheck shell=bash
# Sourced by the front doors, in the checkout's folder: makes .local/venv with the locked requirements.

fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# ensure_python runtime|dev: `dev` has the tools for tests besides what the product runs with.
ensure_python() {
  local kind=$1 python stamp_file=.local/venv/requirements.stamp stamp
  python=$(find_python)
  stamp=$(stamp_of "$kind" "$python")
  if [[ -f $stamp_file && $(cat "$stamp_file") == "$stamp" ]]; then return; fi
  # What tests need contains what the product needs: an installation does not take the tools away again.
  if [[ $kind == runtime && -f $stamp_file && $(cat "$stamp_file") == "$(stamp_of dev "$python")" ]]; then return; fi
  echo "Preparing Python in .local/venv (about half a minute the first time)"
  mkdir -p .local
  if ! "$python" -m venv .local/venv 2>.local/venv-error.log; then
    cat .local/venv-error.log >&2
    fail "cannot make a virtual environment with $python; on Debian and Ubuntu: apt-get install python3-venv"
  fi
  .local/venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
    -r "requirements/$kind.txt" -r requirements/build.txt
  .local/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
  echo "$stamp" >"$stamp_file"
}

stamp_of() {
  { echo "$1 $2 $PWD"; "$2" --version; cat "requirements/$1.txt" requirements/build.txt pyproject.toml; } | sha256sum | cut -c1-32
}

# A Python of 3.11 or newer that can make virtual environments; installs Debian's where there is none.
find_python() {
  local candidate
  for candidate in python3 python3.13 python3.12 python3.11 /usr/bin/python3; do
    if usable "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    echo "Installing Python (python3, python3-venv)" >&2
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends python3 python3-venv; } \
      >/dev/null 2>&1 || fail "apt-get could not install python3 and python3-venv; run: apt-get install python3 python3-venv"
    if usable /usr/bin/python3; then
      echo /usr/bin/python3
      return
    fi
  fi
  fail "needs Python 3.11 or newer with venv; on Debian 12 and Ubuntu 24.04: apt-get install python3 python3-venv"
}

usable() {
  "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}
