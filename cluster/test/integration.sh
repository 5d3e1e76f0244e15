#!/usr/bin/env bash
# Proves the embedded cluster by its effects, on two real clusters that it starts and removes. As root:
#
#   cluster/test/integration.sh [BIN_DIR]
#
# The comparison of before and after looks at the whole machine. Where others work on it at the same time, name what is
# theirs in DEVCLUSTER_TEST_IGNORE, an extended regular expression.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
work=$(mktemp -d /tmp/devcluster-test-XXXXXX)
readonly work
readonly bin=${1:-$work/bin}
readonly first=$work/first second=$work/second outside=dcit-outside
readonly image=localhost/devcluster/toolbox:test
passed=0 failed=0

devcluster() { "$bin/devcluster" "$@"; }
on() { "$bin/devcluster" kubectl --state-dir "$@"; } # on STATE_DIR kubectl-arguments...
k() { on "$first" "$@"; }
toolbox() { local pod=$1; shift; k exec "$pod" -- /toolbox "$@"; }

check() { # check NAME COMMAND...: the command must succeed
  local name=$1 output
  shift
  if output=$("$@" 2>&1); then
    passed=$((passed + 1)); echo "ok      $name"
  else
    failed=$((failed + 1)); printf 'FAILED  %s\n        %s\n        %s\n' "$name" "$*" "${output:-(no output)}"
  fi
}
not() { ! "$@"; }
says() { # says TEXT COMMAND...: the command's output must hold the text
  local text=$1 output
  shift
  output=$("$@" 2>&1) || true
  [[ $output == *"$text"* ]] || { echo "expected \"$text\", got \"$output\""; return 1; }
}
soon() { # soon SECONDS COMMAND...: the command must succeed within the time
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do ((SECONDS < deadline)) || return 1; sleep 0.2; done
}

traces() { # all that a cluster could leave behind
  awk '{print "mount " $5}' /proc/self/mountinfo
  ip -o link | awk -F': ' '{print "interface " $2}'
  nft list ruleset | sed 's/^/nft /; s/counter packets [0-9]* bytes [0-9]*//'
  find /sys/fs/cgroup -mindepth 1 -type d -printf 'cgroup %p\n' 2>/dev/null || true
  for dir in /run/devcluster /run/netns /run/containerd /var/lib/cni /var/lib/kubelet /var/log/containers /var/log/pods /opt/containerd /etc/cni; do
    find "$dir" -printf 'file %p\n' 2>/dev/null || true # files of others may vanish under way
  done
  for environment in /proc/[0-9]*/environ; do
    tr '\0' '\n' 2>/dev/null <"$environment" | sed -n "s/^DEVCLUSTER_STATE=/process of /p" || true
  done
}
snapshot() { traces | { grep -Ev "${DEVCLUSTER_TEST_IGNORE:-^$}" || true; } | sort -u; }

nothing_new() { # prints what there is now and was not before
  local new
  new=$(snapshot | comm -13 "$work/before" -)
  echo "$new"
  [[ -z $new ]]
}

cleanup() {
  for dir in "$first" "$second"; do
    [[ ! -d $dir ]] || devcluster down --state-dir "$dir" --delete-data >/dev/null || echo "could not clean up $dir"
  done
  [[ -z ${forward_policy:-} ]] || iptables -P FORWARD "$forward_policy"
  ip link delete dcit-host 2>/dev/null || true
  ip netns delete $outside 2>/dev/null || true
  [[ -z ${outside_pid:-} ]] || kill "$outside_pid" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

# A host beyond this one. It has no route to the clusters: it can answer only what the host has masqueraded.
start_outside() {
  # Makes the table that setting the policy would make, so that it is there before as well as after.
  iptables -P FORWARD "$(iptables -S FORWARD | awk '/^-P/ {print $3}')"
  ip netns add $outside
  ip link add dcit-host type veth peer name eth0 netns $outside
  ip address add 198.51.100.1/30 dev dcit-host
  ip link set dcit-host up
  ip -n $outside address add 198.51.100.2/30 dev eth0
  ip -n $outside link set eth0 up
  ip netns exec $outside "$bin/toolbox" serve 198.51.100.2:8080 >/dev/null &
  outside_pid=$!
}

test_up() {
  check "up starts a cluster" devcluster up --state-dir "$first" --name dcit1 --publish 127.0.0.1:28080:30080 --audit --kubeconfig "$work/kubeconfig"
  local started=$SECONDS
  check "up again says that it runs" says "already running and healthy" devcluster up --state-dir "$first"
  check "... within 2 s" test $((SECONDS - started)) -le 2
  check "status is 0" devcluster status --state-dir "$first"
  check "the copied kubeconfig works" "$bin/kubectl" --kubeconfig "$work/kubeconfig" get nodes
  printf 'current-context: precious\n' >"$work/other"
  check "a foreign kubeconfig is not overwritten" says "holds another cluster's kubeconfig" devcluster up --state-dir "$first" --kubeconfig "$work/other"
  check "... and is as it was" grep -q precious "$work/other"
  devcluster pack-image "$bin/toolbox" $image "$work/toolbox.tar"
  check "load-image imports a docker-archive" devcluster load-image --state-dir "$first" "$work/toolbox.tar"
}

pods() { # pods STATE_DIR: a server with a volume and a client, as restricted as Kubernetes can ask for
  on "$1" apply -f "$here/pods.yaml" && on "$1" wait --for=condition=Ready pod/web pod/client --timeout=60s
}

test_workloads() {
  check "pods become ready" pods "$first"
  check "the volume can be written" toolbox web write /data/file "kept text"
  check "the process is in fsGroup" says "[0 2000]" toolbox web id
  check "without fsGroup a volume is root's alone" not toolbox client write /data/file x
  check "exec reads the file" says "kept text" toolbox web read /data/file
  check "logs" says "serving on" k logs web
  check "cluster DNS" says "10.96.0.1" toolbox client resolve kubernetes.default
  check "short names of Services" toolbox client resolve web
  check "Service by name" soon 5 says "hello from web" toolbox client get http://web/
  # The image trusts no authority: this error means that TLS has reached the API server.
  check "the API through its Service" says "certificate signed by unknown authority" toolbox client get https://kubernetes.default/
  check "a published port" soon 5 says "hello from web" curl -sS -m 3 http://127.0.0.1:28080/
  check "the outside, through NAT" says "hello" toolbox client get http://198.51.100.2:8080/
  check "names of the outside as on the host" same_outside_name
  check "port-forward" port_forward
  check "the audit log names the request" soon 5 grep -q '"verb":"create".*"resource":"pods"' "$first/logs/audit.log"
  check "kubectl top" soon 60 says web k top pods
}

same_outside_name() {
  local host=0 pod=0
  getent ahostsv4 example.com >/dev/null || host=1
  toolbox client resolve example.com. >/dev/null 2>&1 || pod=1
  [[ $host == "$pod" ]] || { echo "host: $host, pod: $pod (0: resolves)"; return 1; }
}

port_forward() {
  "$bin/devcluster" kubectl --state-dir "$first" port-forward pod/web 28081:8080 &>/dev/null &
  local forwarder=$! result=0
  soon 5 says "hello from web" curl -sS -m 3 http://127.0.0.1:28081/ || result=1
  kill $forwarder
  return $result
}

test_network_policy() {
  k apply -f "$here/deny.yaml" >/dev/null
  check "NetworkPolicy: denied" soon 10 not toolbox client get http://web/
  check "... also through the published port" not curl -sS -m 3 http://127.0.0.1:28080/
  check "... the node itself still passes" k exec web -- /toolbox id
  k label pod client access=yes >/dev/null
  check "NetworkPolicy: allowed by label" soon 10 says "hello from web" toolbox client get http://web/
  k delete -f "$here/deny.yaml" >/dev/null
  check "NetworkPolicy: gone" soon 10 says "hello from web" curl -sS -m 3 http://127.0.0.1:28080/
}

test_storage() {
  local volume capacity='jsonpath={.status.capacity.storage}'
  volume=$(k get pvc data -o 'jsonpath={.spec.volumeName}')
  check "StorageClass local is the default" says '"true"' k get storageclass local -o 'jsonpath={.metadata.annotations}'
  k patch pvc data -p '{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}' >/dev/null
  check "expansion: the claim's capacity" soon 5 says 2Gi k get pvc data -o "$capacity"
  check "expansion: the volume's capacity" says 2Gi k get pv "$volume" -o 'jsonpath={.spec.capacity.storage}'
  check "expansion: no condition is left" says '<>' k get pvc data -o 'jsonpath=<{.status.conditions}>'
  check "expansion: event" soon 5 says VolumeResizeSuccessful k get events --field-selector involvedObject.name=data
  mkdir "$work/precious" && touch "$work/precious/file"
  check "the directory of a volume exists" test -d "$first/volumes/$volume"
  test_deletion
}

test_deletion() {
  k apply -f "$here/claim.yaml" >/dev/null
  k wait --for=condition=Ready pod/second --timeout=60s >/dev/null
  local volume
  volume=$(k get pvc second -o 'jsonpath={.spec.volumeName}')
  toolbox second write /data/file x
  ln -s "$work/precious" "$first/volumes/$volume/link"
  k delete pod second --now >/dev/null
  k delete pvc second >/dev/null
  check "deletion removes the directory" soon 15 test ! -e "$first/volumes/$volume"
  check "... and the volume" soon 10 not k get pv "$volume"
  check "... and nothing behind a symbolic link" test -e "$work/precious/file"
}

component_pids() { # component_pids STATE_DIR [NAME]
  devcluster status --state-dir "$1" --json | python3 -c '
import json, sys
for component in json.load(sys.stdin)["components"]:
    if component["pid"] and component["name"] in (sys.argv[1:] or [component["name"]]):
        print(component["pid"])' "${@:2}"
}

test_crashes() {
  local name container
  for name in etcd kube-apiserver kubelet containerd coredns provisioner; do
    # shellcheck disable=SC2046 # one word a pid
    kill -9 $(component_pids "$first" $name)
    check "kill -9 $name: healthy again by itself" soon 40 devcluster status --state-dir "$first"
  done
  check "data is still there" says "kept text" toolbox web read /data/file
  container=$(k get pod web -o 'jsonpath={.status.containerStatuses[0].containerID}')
  # shellcheck disable=SC2046 # one word a pid
  kill -9 $(component_pids "$first")
  sleep 0.5
  check "kill -9 of everything: status says so" test "$(devcluster status --state-dir "$first" >/dev/null; echo $?)" = 3
  check "... up repairs it" devcluster up --state-dir "$first"
  check "... the container has survived" says "$container" k get pod web -o 'jsonpath={.status.containerStatuses[0].containerID}'
  check "... data is there" says "kept text" toolbox web read /data/file
  check "... the port is published again" soon 10 says "hello from web" curl -sS -m 3 http://127.0.0.1:28082/
}

test_publish() {
  check "publish can be changed while it runs" devcluster up --state-dir "$first" --publish 127.0.0.1:28082:30080
  check "... new port" says "hello from web" curl -sS -m 3 http://127.0.0.1:28082/
  check "... old port is closed" not curl -sS -m 3 http://127.0.0.1:28080/
  "$bin/toolbox" serve 127.0.0.1:28083 &>/dev/null &
  local other=$!
  soon 3 curl -sS -m 1 -o /dev/null http://127.0.0.1:28083/
  check "a taken port: the error names port and process" says "127.0.0.1:28083: listen tcp 127.0.0.1:28083: bind: address already in use: the port is in use by toolbox (pid $other)" \
    devcluster up --state-dir "$first" --publish 127.0.0.1:28083:30080
  kill $other
  check "... what was published before still is" says "hello from web" curl -sS -m 3 http://127.0.0.1:28082/
}

# Another machine with a route through this host. It reaches the host's own end of the cable, so the route works.
test_hidden_from_others() {
  local node host
  node=$(k get node -o 'jsonpath={.items[0].status.addresses[0].address}')
  host=${node%.*}.$((${node##*.} - 1))
  ip -n $outside route add 10.87.0.0/16 via 198.51.100.1
  "$bin/toolbox" serve "$host:28084" &>/dev/null &
  local server=$!
  check "another machine reaches the host" soon 5 says hello ip netns exec $outside "$bin/toolbox" get "http://$host:28084/"
  check "... the host reaches the node port" says "hello from web" "$bin/toolbox" get "http://$node:30080/"
  check "... another machine does not" not ip netns exec $outside "$bin/toolbox" get "http://$node:30080/"
  check "... nor the API server" says "Timeout" ip netns exec $outside "$bin/toolbox" get "https://$node:6443/"
  kill $server
  ip -n $outside route delete 10.87.0.0/16
}

# Docker sets this policy. It concerns forwarded packets only, and the script sets it back.
test_firewall_that_drops() {
  local outside_answers=(says hello on "$second" exec client -- /toolbox get http://198.51.100.2:8080/)
  check "with a FORWARD policy of DROP: a second cluster" devcluster up --state-dir "$second" --name dcit2 --unsafe-no-fsync
  devcluster load-image --state-dir "$second" "$work/toolbox.tar" >/dev/null
  pods "$second" >/dev/null
  forward_policy=$(iptables -S FORWARD | awk '/^-P/ {print $3}')
  iptables -P FORWARD DROP
  check "... started before the policy, it cannot reach the outside" not "${outside_answers[@]}"
  devcluster down --state-dir "$second" >/dev/null
  check "... started after it" devcluster up --state-dir "$second"
  check "... it can" soon 20 "${outside_answers[@]}"
  check "... down" devcluster down --state-dir "$second" --delete-data
  check "... takes its rules away" test "$(iptables -S FORWARD)" = "-P FORWARD DROP"
  iptables -P FORWARD "$forward_policy"
}

test_side_by_side() {
  check "a name that is taken is refused" says 'runs already' devcluster up --state-dir "$second" --name dcit1
  rm -rf "$second"
  check "a second cluster" devcluster up --state-dir "$second" --name dcit2 --unsafe-no-fsync
  check "... imports the image" devcluster load-image --state-dir "$second" "$work/toolbox.tar"
  check "... runs pods" pods "$second"
  check "... with a network of its own" soon 5 says "hello from web" on "$second" exec client -- /toolbox get http://web/
  check "... and is gone after down --delete-data" devcluster down --state-dir "$second" --delete-data
  check "... with its folder" test ! -e "$second"
  check "the first does not notice" devcluster status --state-dir "$first"
  check "... and its pods talk" says "hello from web" toolbox client get http://web/
}

# What a reboot leaves: the files of the state directory; nothing in the kernel and, a tmpfs as it is, below /run.
test_reboot() {
  python3 - "$first" <<'PYTHON'
import contextlib, glob, json, os, signal, subprocess, sys, time

state = sys.argv[1]
with open(state + "/config.json") as file:
    config = json.load(file)
for _ in range(50):
    pids = set()
    for folder, _, _ in os.walk("/sys/fs/cgroup"):
        if f"/dw-{config['name']}" in folder:
            with open(folder + "/cgroup.procs") as file:
                pids.update(map(int, file.read().split()))
    if not pids:
        break
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
with open("/proc/self/mountinfo") as file:
    points = [line.split()[4] for line in file]
for point in reversed(points):
    if point.startswith((state + "/", f"/run/devcluster/{config['name']}/")):
        subprocess.run(["umount", "-l", point], check=True)
for address in glob.glob(f"/run/devcluster/{config['name']}/containerd/io.containerd.runtime.v2.task/k8s.io/*/address"):
    with open(address) as file:
        with contextlib.suppress(FileNotFoundError):  # containers of one pod share a socket
            os.remove(file.read().removeprefix("unix://"))
subprocess.run(["rm", "-rf", f"/run/devcluster/{config['name']}"], check=True)
subprocess.run(["nft", "delete", "table", "ip", "devcluster-" + config["name"]], check=True)
config["bootID"] = "another"
with open(state + "/config.json", "w") as file:
    json.dump(config, file)
PYTHON
  check "after a reboot: up" devcluster up --state-dir "$first"
  check "... the pod starts again" soon 60 says "kept text" toolbox web read /data/file
  check "... and is reachable" soon 20 says "hello from web" curl -sS -m 3 http://127.0.0.1:28082/
}

test_down() {
  check "down" devcluster down --state-dir "$first"
  check "down leaves nothing behind" nothing_new
  check "status of a stopped cluster is 3" test "$(devcluster status --state-dir "$first" >/dev/null; echo $?)" = 3
  check "up after down" devcluster up --state-dir "$first"
  check "... brings data and pods back" soon 60 says "kept text" toolbox web read /data/file
  check "down --delete-data" devcluster down --state-dir "$first" --delete-data
  check "... removes the state directory" test ! -e "$first"
  check "down again has nothing to do" says "no cluster" devcluster down --state-dir "$first"
  check "... and nothing else is left" nothing_new
}

test_control_plane_only() {
  check "up --control-plane-only" devcluster up --state-dir "$first" --name dcit1 --control-plane-only --unsafe-no-fsync
  check "... stores objects" k create configmap stored
  check "... can grow a node" devcluster up --state-dir "$first" --control-plane-only=false
  check "... and keeps its objects" k get configmap stored
  check "down --delete-data" devcluster down --state-dir "$first" --delete-data
  check "... leaves nothing behind" nothing_new
}

"$here/../build.sh" "$bin"
"$here/../build.sh" "$bin" toolbox
start_outside
snapshot >"$work/before"
test_up
test_workloads
test_hidden_from_others
test_network_policy
test_storage
test_publish
test_crashes
test_side_by_side
test_firewall_that_drops
test_reboot
test_down
test_control_plane_only
echo "$passed passed, $failed failed"
[[ $failed == 0 ]]
