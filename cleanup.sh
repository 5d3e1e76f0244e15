#!/usr/bin/env bash
# Remove DevWorkspace. Environments and volumes stay unless --delete-data; `./cleanup.sh --help` lists the options.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. ./scripts/python.sh
ensure_python runtime
exec .local/venv/bin/devworkspace uninstall "$@"
