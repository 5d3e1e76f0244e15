#!/usr/bin/env bash
# Set up and run every test, then print one summary. Works on a fresh clone; needs root for the embedded cluster.
#   ./test.sh                         everything, on a cluster of its own that is removed afterwards
#   ./test.sh lint types unit         only these parts (also: docs dashboard program images install cluster browser faults charts)
#   ./test.sh --cluster current       the cluster parts on the cluster of KUBECONFIG (installs there; --image-prefix X)
#   ./test.sh --keep                  leave the test cluster running, to look around or to run again faster
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit
. ./scripts/python.sh
. ./scripts/node.sh

readonly all_parts=(lint types unit docs dashboard program images install cluster browser faults charts)
readonly state=.local/test-cluster port=18080
cluster=own keep=no parts=() image_prefix=localhost/devworkspace forward=

while (($#)); do
  case $1 in
    --cluster) cluster=${2:-} && shift ;;
    --keep) keep=yes ;;
    --image-prefix) image_prefix=${2:-} && shift ;;
    -h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0" && exit 0 ;;
    *) parts+=("$1") ;;
  esac
  shift
done
# What runs beside the test's own cluster must not reach the one that the caller works with.
[[ $cluster == own ]] && unset KUBECONFIG
[[ $cluster == own || $cluster == current ]] || fail "--cluster takes own or current, not '$cluster'"
if ((${#parts[@]} == 0)); then
  parts=("${all_parts[@]}")
  # A foreign cluster has its own Kubernetes, and its images come from its registry.
  [[ $cluster == current ]] && parts=(lint types unit docs dashboard install cluster browser)
fi
for part in "${parts[@]}"; do
  [[ " ${all_parts[*]} " == *" $part "* ]] || fail "unknown part '$part'; known are: ${all_parts[*]}"
done

ensure_python dev
readonly bin=$PWD/.local/venv/bin
readonly results=.local/test-results
rm -rf "$results" && mkdir -p "$results"

wants() { [[ " ${parts[*]} " == *" $1 "* ]]; }

# run PART COMMAND...: runs a part to its end whatever happened before, and keeps its verdict and duration.
run() {
  local part=$1 started=$SECONDS code=0
  shift
  printf '\n=== %s\n' "$part"
  "$@" || code=$?
  printf '%s %s %s\n' "$part" "$code" $((SECONDS - started)) >>"$results/parts"
  return "$code"
}

# beside PART COMMAND...: the same while the parts behind it run; `join` waits for it and shows what it said.
aside=()
beside() {
  # A process group of its own: an interruption ends all of it.
  set -m
  run "$@" </dev/null >"$results/$1.log" 2>&1 &
  set +m
  aside+=("$1:$!")
}

join() {
  local job
  for job in "${aside[@]}"; do
    wait "${job#*:}"
    cat "$results/${job%:*}.log"
  done
  aside=()
}

# Most of the time a test waits for pods or pages. What replaces something that all use, or counts, comes afterwards.
# By default a process gets a hundred tests at once, and all that last long fell to one while the others had no more.
pytest_beside() {
  local part=$1 chosen=$2 code=0
  shift 2
  pytest_part "$part" --numprocesses=3 --maxschedchunk=1 -m "$chosen and not alone" "$@" || repeat "$part" || code=1
  pytest_part "$part-alone" -m "$chosen and alone" "$@" || code=1
  return "$code"
}

# repeat PART: a page in a browser that waits for a pod may come too late once, when the machine does something else.
# One or two such tests are tried again by themselves, and named if they pass. What must not happen even once is not.
repeat() {
  local tests
  [[ $1 == browser ]] || return 1
  mapfile -t tests < <("$bin/python" scripts/repeats.py "$results/browser.xml")
  ((${#tests[@]} > 0)) || return 1
  pytest_part browser-again "${tests[@]}"
  "$bin/python" scripts/repeats.py "$results/browser.xml" "$results/browser-again.xml"
}

pytest_part() {
  local part=$1
  shift
  "$bin/python" -m pytest --junit-xml="$results/$part.xml" "$@"
}

lint() {
  local code=0
  "$bin/ruff" check . || code=1
  "$bin/ruff" format --check . || code=1
  "$bin/lint-imports" || code=1
  "$bin/yamllint" --strict crds deploy || code=1
  git ls-files -z "*.sh" .ci/run ":(exclude,glob)images/*/rootfs/**" | xargs -0 "$bin/shellcheck" -x --severity=warning || code=1
  # Files of the images have no shebang, and a comment with a path in their first line looks like a broken one.
  git ls-files -z "images/*/rootfs/etc/profile.d" images/base/rootfs/usr/local/bin/devworkspace-start |
    xargs -0 "$bin/shellcheck" --shell=sh --exclude=SC1008,SC2096,SC1113 || code=1
  "$bin/python" scripts/check_repository.py || code=1
  return "$code"
}

# prepare MODULE FUNCTION: what the installer does to a bare machine; prints the result.
prepare() {
  "$bin/python" - "$@" <<'PYTHON'
import importlib
import sys

from devworkspace.cli.progress import Progress
from devworkspace.cli.project import find_project

project = find_project()
function = getattr(importlib.import_module(f"devworkspace.cli.{sys.argv[1]}"), sys.argv[2])
result = function(project, Progress(total=1, log_folder=project.logs, name=sys.argv[1]))
if result is not None:
    print(result)
PYTHON
}

find_go() { prepare toolchain find_go | tail -1; }

program() {
  local go
  go=$(find_go)
  (cd cluster && GOTOOLCHAIN=local "$go" vet ./... && GOTOOLCHAIN=local "$go" test ./...) || return 1
  # Images are built and tried meanwhile, here or for another checkout; their mounts and groups are not the cluster's traces.
  "$bin/devworkspace" cluster build &&
    DEVCLUSTER_TEST_IGNORE='/images/(storage|tmp)/|/devworkspace-smoke-' cluster/test/integration.sh "$PWD/.local/bin"
}

# The manual in both languages: every warning and every link that leads nowhere fails it.
docs() { docs/build.sh; }

unit() { ensure_ssh && pytest_part unit --numprocesses=2 --maxschedchunk=10 -m "not cluster and not e2e and not helm"; }

# Only where such tests are: to collect all others costs each process 15 s. tests/contract/test_parts.py looks after it.
cluster_tests() { ensure_ssh && pytest_beside cluster "$1" tests/attacks tests/cluster tests/crds tests/kube; }

# Lint, types, components, and a build with the size of its scripts.
dashboard() {
  ensure_node && install_packages dashboard && (cd dashboard && npm run --silent check) && dashboard/build.sh
}

readonly environment_images=(base python nodejs go java)

environment_images() {
  images/build.sh "${environment_images[@]}" &&
    images/test.sh --junit "$results/environment-images.xml" "${environment_images[@]}"
}

product_image() {
  images/build.sh devworkspace && images/test.sh --junit "$results/product-image.xml" devworkspace &&
    "$bin/python" scripts/sbom.py --out "$results/sbom" devworkspace
}

# How the cluster of the tests is installed; the charts' test takes the installation over with the same options.
install_options=(--embedded --cluster-name test --state-dir "$state" --port "$port" --audit)
[[ $cluster == own ]] || install_options=(--yes --image-prefix "$image_prefix")

install_product() { "$bin/devworkspace" install "${install_options[@]}"; }

# What the cluster tests need to know about where they run; tests/cluster/conftest.py reads it.
describe_cluster() {
  export DEVWORKSPACE_IMAGE_PREFIX=$image_prefix DEVWORKSPACE_INSTALL_OPTIONS=${install_options[*]}
  if [[ $cluster == own ]]; then
    export KUBECONFIG=$PWD/$state/kubeconfig
    export DEVWORKSPACE_KUBECTL="$PWD/.local/bin/kubernetes kubectl"
    export DEVWORKSPACE_URL=http://localhost:$port
    export DEVWORKSPACE_AUDIT_LOG=$PWD/$state/logs/audit.log
    export DEVWORKSPACE_PASSWORD_FILE=$PWD/$state-admin-password
  elif [[ $installed == yes && -z ${DEVWORKSPACE_URL:-} ]]; then
    kubectl --namespace devworkspace-system port-forward service/devworkspace-server 8080:80 >"$results/port-forward.log" 2>&1 &
    forward=$!
  fi
}

# Some tests are about what people's own OpenSSH client does.
ensure_ssh() {
  command -v ssh >/dev/null ||
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends openssh-client; } >/dev/null ||
    { echo "needs the OpenSSH client; on Debian: apt-get install openssh-client" && return 1; }
}

browser() {
  # axe-core, which looks for barriers, is among the dashboard's packages.
  ensure_node && install_packages dashboard || return 1
  # The font is for the pictures of the Chinese pages.
  dpkg -s chromium fonts-noto-cjk >/dev/null 2>&1 ||
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends chromium fonts-noto-cjk; } >/dev/null ||
    { echo "needs Chromium and a CJK font; on Debian: apt-get install chromium fonts-noto-cjk" && return 1; }
  # On a cluster of other people's nobody restarts the server, and a port-forward would not outlive it.
  local chosen=e2e
  [[ $cluster == own ]] || chosen="e2e and not destructive"
  # The dashboard for servers that run from here, and axe.
  ensure_node && install_packages dashboard && dashboard/build.sh || return 1
  pytest_beside browser "$chosen" tests/e2e
}

# Breaks the operator's requests on a control plane of its own, and a few with real pods on the installation.
faults() {
  "$bin/devworkspace" cluster build &&
    "$bin/python" -m tests.faults --real "$KUBECONFIG" --junit "$results/faults.xml"
}

# Helm takes minutes the first time. Last of all, because it takes the installation over.
charts() {
  GO=$(find_go) GOTOOLCHAIN=local cluster/build.sh "$PWD/.local/bin" helm && pytest_part charts -m helm tests/charts tests/cluster
}

remove_cluster() {
  local job
  for job in "${aside[@]}"; do kill -- "-${job#*:}"; done
  [[ -z $forward ]] || kill "$forward"
  [[ $cluster == own && $keep == no && -d $state ]] || return 0
  printf '\n=== removing the test cluster\n'
  "$bin/devworkspace" uninstall --yes --embedded --cluster-name test --state-dir "$state" --delete-data
}
trap remove_cluster EXIT

if ((EUID == 0)) && { wants program || wants images; }; then
  prepare prepare install_needed_packages || fail "the embedded cluster and the images need these packages"
fi
# They wait for containers and the disk most of their time; `install` takes them.
wants images && beside environment-images environment_images
wants lint && run lint lint
wants types && run types "$bin/mypy"
wants program && run program program
# Before the product's image, which takes its build.
wants dashboard && run dashboard dashboard
wants images && beside product-image product_image
wants docs && run docs docs
wants unit && run unit unit
join
installed=yes
if wants install; then run install install_product || installed=no; fi
describe_cluster
if [[ $installed == yes ]]; then
  # On a cluster of other people's nobody deletes definitions.
  [[ $cluster == own ]] && chosen=cluster || chosen="cluster and not destructive"
  wants cluster && run cluster cluster_tests "$chosen"
  wants browser && run browser browser
  wants faults && run faults faults
  wants charts && run charts charts
elif wants cluster || wants browser || wants faults || wants charts; then
  echo "cluster 1 0" >>"$results/parts"
fi
trap - EXIT
remove_cluster || echo "clean-up 1 0" >>"$results/parts"
"$bin/python" scripts/summary.py "$results"
