#!/usr/bin/env bash
# Smoke tests of the built images, run as the operator runs them: user 1000, no capability, no way to more rights,
# read-only root, an empty home volume that belongs to root:1000, no network but loopback.
# Usage: images/test.sh [--engine buildah|docker] [--junit FILE] [image ...]     (default: every image)
# <image>/test.sh runs inside of the container; base/test.sh runs in every environment, as all stand on it.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${DEVWORKSPACE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/devworkspace}/images
readonly here cache COOKIE=smoke-test-credential PORT=8080
# As the operator starts it: the hook if the image has one.
# shellcheck disable=SC2016  # the container's shell expands it
readonly START='if [ -x /usr/local/bin/devworkspace-start ]; then exec /usr/local/bin/devworkspace-start "$@"; fi; exec code-server "$@"'
readonly EDITOR_ARGS=(--bind-addr "0.0.0.0:$PORT" --auth password --disable-telemetry --disable-update-check /home/dev)

passed=0 failed=0 room=''
ok() { passed=$((passed + 1)); echo "  ok      $*"; report "$*"; }
not_ok() { failed=$((failed + 1)); echo "  NOT OK  $*"; report "$*" failed; }

# A case of the JUnit report. What a failed check printed may hold anything, also what XML has no way to write.
as_xml() { printf '%s' "$1" | LC_ALL=C tr -cd '\11\12\40-\176' | sed 's/&/\&amp;/g; s/</\&lt;/g; s/"/\&quot;/g'; }
report() { # sentence, anything if it failed
    printf '<testcase classname="images.%s" name="%s">%s</testcase>\n' "$room" "$(as_xml "${1:0:200}" | tr '\n' ' ')" \
        "${2:+<failure>$(as_xml "$1")</failure>}" >> "$work/cases"
}
write_report() { # file
    mkdir -p "$(dirname "$1")"
    { printf '<testsuites><testsuite name="images" tests="%d" failures="%d">\n' $((passed + failed)) "$failed"
      cat "$work/cases"
      echo '</testsuite></testsuites>'; } > "$1"
}
check() { # sentence, command ...
    local sentence=$1 output
    shift
    if output=$("$@" 2>&1); then ok "$sentence"; else not_ok "$sentence: ${output:0:600}"; fi
}

# --- a container, by runc on the storage of build.sh or by Docker -------------------------------------------------

json() { python3 -c 'import json, sys; print(json.dumps(sys.argv[1:]))' "$@"; }

spec() { # user id, path of the home volume or nothing, command ...
    local user=$1 home=$2 mounts='' environment
    shift 2
    [ -z "$home" ] ||
        mounts=',{"destination":"/home/dev","type":"bind","source":"'$home'","options":["bind","rw","nosuid","nodev"]}'
    environment=$(buildah inspect --type image "$image" |
        python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin)["OCIv1"]["config"]["Env"])[1:-1])')
    cat <<JSON
{"ociVersion":"1.0.2","hostname":"smoke","root":{"path":"$root","readonly":true},
 "process":{"terminal":false,"user":{"uid":$user,"gid":$user},"cwd":"/","args":$(json "$@"),
  "env":[$environment,"HASHED_PASSWORD=$COOKIE"],
  "noNewPrivileges":true,"capabilities":{"bounding":[],"effective":[],"permitted":[],"inheritable":[],"ambient":[]}},
 "mounts":[{"destination":"/proc","type":"proc","source":"proc"},
  {"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","strictatime","mode=755","size=65536k"]},
  {"destination":"/dev/pts","type":"devpts","source":"devpts",
   "options":["nosuid","noexec","newinstance","ptmxmode=0666","mode=0620","gid=5"]},
  {"destination":"/dev/shm","type":"tmpfs","source":"shm","options":["nosuid","noexec","nodev","mode=1777","size=65536k"]},
  {"destination":"/sys/fs/cgroup","type":"cgroup","source":"cgroup","options":["nosuid","noexec","nodev","ro"]},
  {"destination":"/tmp","type":"tmpfs","source":"tmpfs","options":["nosuid","nodev","mode=1777"]},
  {"destination":"/test","type":"bind","source":"$here","options":["bind","ro","nosuid","nodev"]}$mounts],
 "linux":{"namespaces":[{"type":"pid"},{"type":"ipc"},{"type":"uts"},{"type":"mount"},{"type":"network"}],
  "maskedPaths":["/proc/kcore","/proc/keys","/sys/firmware"],"readonlyPaths":["/proc/sys","/proc/sysrq-trigger"]}}
JSON
}

open_buildah() { # image name: makes $root and $image
    export TMPDIR=$cache/tmp CONTAINERS_STORAGE_CONF=$cache/storage.conf
    [ -f "$CONTAINERS_STORAGE_CONF" ] || { echo "no built image in $cache; run images/build.sh first" >&2; exit 2; }
    image=$(tar -xOf "$archive" manifest.json | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["Config"][:64])')
    buildah inspect --type image "$image" > /dev/null 2>&1 || image=$(buildah pull -q "docker-archive:$archive")
    working=$(buildah from --name "$id" --pull-never "$image")
    root=$(buildah mount "$working")
}
close_buildah() { buildah rm "$working" > /dev/null; working=''; }

start_buildah() { # user, home or nothing, command ...
    mkdir -p "$work/bundle"
    spec "$@" > "$work/bundle/config.json"
    runc --root "$work/runc" run --bundle "$work/bundle" "$id" > "$work/container.log" 2>&1 &
    runner=$!
}
exec_buildah() { runc --root "$work/runc" exec --cap '' --no-new-privs "$id" "$@"; }
stop_buildah() {
    runc --root "$work/runc" kill "$id" TERM 2> /dev/null || true
    wait_for_exit || { runc --root "$work/runc" kill --all "$id" KILL 2> /dev/null || true; }
    wait "$runner" 2> /dev/null || true
    runc --root "$work/runc" delete --force "$id" 2> /dev/null || true
    runner=''
}

open_docker() { image=$(docker load -q -i "$archive" | sed 's/^Loaded image: //'); }
close_docker() { :; }
start_docker() {
    local user=$1 volume=() entry
    [ -z "$2" ] || volume=(-v "$2:/home/dev")
    entry=$3
    shift 3
    docker run --name "$id" --rm --read-only --network none --cap-drop ALL --security-opt no-new-privileges \
        --user "$user:$user" --tmpfs /tmp:mode=1777,exec -v "$here:/test:ro" "${volume[@]}" -e "HASHED_PASSWORD=$COOKIE" \
        --entrypoint "$entry" "$image" "$@" > "$work/container.log" 2>&1 &
    runner=$!
}
exec_docker() { docker exec "$id" "$@"; }
stop_docker() { docker stop -t 10 "$id" > /dev/null 2>&1 || true; wait "$runner" 2> /dev/null || true; runner=''; }

wait_for_exit() { # up to 10 s
    local _
    for _ in $(seq 100); do kill -0 "$runner" 2> /dev/null || return 0; sleep 0.1; done
    return 1
}

# --- the tests ---------------------------------------------------------------------------------------------------

new_home() { # as the kubelet leaves a volume with fsGroup 1000
    home=$work/home
    rm -rf "$home"
    mkdir "$home"
    chown 0:1000 "$home"
    chmod 2775 "$home"
}

start_editor() {
    "start_$engine" 1000 "$home" /bin/sh -c "$START" code-server "${EDITOR_ARGS[@]}"
    local _
    for _ in $(seq 300); do
        if "exec_$engine" curl -fsS -m 2 -o /dev/null "http://127.0.0.1:$PORT/healthz" 2> /dev/null; then return 0; fi
        kill -0 "$runner" 2> /dev/null || break
        sleep 0.1
    done
    cat "$work/container.log"
    return 1
}

# Lines of a script inside: "ok - sentence" and "not ok - sentence"; a script that dies is a failure too.
run_inside() { # path below images/
    local line status=0 lines=$work/lines
    "exec_$engine" /bin/sh "/test/$1" > "$lines" 2> "$work/errors" || status=$?
    while IFS= read -r line; do
        case $line in 'ok - '*) ok "${line#ok - }" ;; 'not ok - '*) not_ok "${line#not ok - }" ;; esac
    done < "$lines"
    [ "$status" = 0 ] || not_ok "$1 ended with exit code $status: $(tail -n 5 "$work/errors")"
}

test_environment() { # name
    new_home
    local started
    started=$(date +%s%N)
    if ! start_editor > "$work/start.log"; then
        not_ok "the editor starts: $(tail -n 5 "$work/start.log")"
        "stop_$engine"
        return
    fi
    ok "the editor answers $((($(date +%s%N) - started) / 1000000)) ms after the container's start, home empty"
    run_inside base/test.sh
    [ "$1" = base ] || run_inside "$1/test.sh"
    "stop_$engine"

    echo '# mine' > "$home/.bashrc"
    chown 1000:1000 "$home/.bashrc"
    rm "$home/.bash_profile"
    ln -s /nowhere "$home/.bash_profile"
    check "a second start in the same home works" start_editor
    check "a second start leaves the user's files alone" grep -qx '# mine' "$home/.bashrc"
    check "a second start leaves a dangling link alone" test "$(readlink "$home/.bash_profile")" = /nowhere
    check "no half-written file stays behind" test -z "$(find "$home" -name '*.seed')"
    "stop_$engine"

    local status=0
    "start_$engine" 1000 '' /bin/sh -c "$START" code-server "${EDITOR_ARGS[@]}"
    wait "$runner" || status=$?
    "stop_$engine"
    check "a home that cannot be written: exit code 73 (got $status)" test "$status" = 73
    check "a home that cannot be written: a message that names it" \
        grep -q 'cannot write to the home folder /home/dev' "$work/container.log"
}

test_devworkspace() {
    "start_$engine" 65532 '' /bin/sleep 600
    local _
    for _ in $(seq 100); do if "exec_$engine" true 2> /dev/null; then break; fi; sleep 0.1; done
    run_inside devworkspace/test.sh
    "stop_$engine"
}

# The certificates that this machine trusts on top of the usual ones must not reach an image.
test_nothing_of_the_host() {
    [ "$engine" = buildah ] || return 0
    local certificate line
    for certificate in /usr/local/share/ca-certificates/*.crt; do
        [ -f "$certificate" ] || continue
        line=$(sed -n 3p "$certificate")
        check "control: the host's bundle holds ${certificate##*/}" grep -qF "$line" /etc/ssl/certs/ca-certificates.crt
        check "the image does not hold the host's ${certificate##*/}" \
            test -z "$(grep -rlF "$line" "$root"/{etc,usr/share,usr/local,opt,run,root} 2> /dev/null)"
    done
    check "no settings of a package client with an address in the image" \
        test -z "$(grep -rlE '^[^#;]*(registry|index-url|_authToken|Proxy) *=' "$root"/etc/{pip.conf,npmrc,apt} \
            "$root"/usr/local/{etc,lib/node_modules/npm/npmrc} "$root"/{root,home,run} 2> /dev/null)"
    check "the image keeps Debian's own package sources" \
        grep -q '^Suites: bookworm-security$' "$root/etc/apt/sources.list.d/debian.sources"
}

# What unlocks registries for this machine: no layer may hold it.
values_of_this_machine() {
    local settings certificate
    settings=$(cat "${NPM_CONFIG_USERCONFIG:-$HOME/.npmrc}" /etc/npmrc /usr/etc/npmrc 2> /dev/null || true)
    settings+=$'\n'${NPM_CONFIG_REGISTRY:-}$'\n'$(python3 -m pip config list 2> /dev/null || true)
    sed -nE 's/.*(_authToken|_password|_auth) *= *"?([^" ]+).*/\2/p; s#.*://([^/@ ]+:[^/@ ]+)@.*#\1#p' <<< "$settings"
    for certificate in /usr/local/share/ca-certificates/*.crt; do
        [ ! -f "$certificate" ] || sed -n 3p "$certificate"
    done
}

# Each layer by itself, so that what a later one deletes is found, too.
test_layers() { # archive ...
    room=layers
    echo "layers"
    local found status=0
    python3 "$here/layers.py" --plant "$work/planted.tar"
    found=$(python3 "$here/layers.py" "$work/planted.tar" < /dev/null) || status=$?
    check "control: in an image with nine secrets, deleted by its last layer, they are found" \
        test "$status ${found##*: }" = "1 9 found"
    check "no secret in any layer, nor in settings and history" \
        python3 "$here/layers.py" "$@" < <(values_of_this_machine)
}

# --- main --------------------------------------------------------------------------------------------------------

engine=buildah junit=''
while [[ ${1:-} == --* ]]; do
    case $1 in
        --engine) engine=${2:?--engine needs a name} ;;
        --junit) junit=${2:?--junit needs a file} ;;
        *) echo "unknown option '$1'" >&2; exit 2 ;;
    esac
    shift 2
done
[[ $engine == docker || $engine == buildah ]] || { echo "unknown engine '$engine'" >&2; exit 2; }
names=("$@")
[ ${#names[@]} -gt 0 ] || names=(base python nodejs go java devworkspace)

work=$(mktemp -d)
id=devworkspace-smoke-$$ working='' runner=''
finish() {
    [ -z "$runner" ] || "stop_$engine"
    [ -z "$working" ] || "close_$engine"
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

archives=()
for name in "${names[@]}"; do
    archive=$("$here/build.sh" --engine "$engine" --print "$name")
    room=$name
    echo "$name ($archive)"
    [ -f "$archive" ] || { not_ok "the image is built (images/build.sh $name)"; continue; }
    archives+=("$archive")
    "open_$engine" "$name"
    if [ "$name" = devworkspace ]; then test_devworkspace; else test_environment "$name"; fi
    test_nothing_of_the_host
    "close_$engine"
done
[ ${#archives[@]} = 0 ] || test_layers "${archives[@]}"
echo "$passed passed, $failed failed"
[ -z "$junit" ] || write_report "$junit"
[ "$failed" = 0 ]
