#!/usr/bin/env bash
# Install DevWorkspace: into the cluster of KUBECONFIG if one answers, else into an embedded one on this machine.
# `./install.sh --help` lists the options. Safe to repeat and to interrupt.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. ./scripts/python.sh
ensure_python runtime
exec .local/venv/bin/devworkspace install "$@"
