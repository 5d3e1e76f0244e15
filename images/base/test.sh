#!/bin/sh
# Runs inside of a started environment (../test.sh): the editor, the shell and the tools that every image has.
set -u
# shellcheck source=images/lib/inside.sh
. /test/lib/inside.sh
editor=http://127.0.0.1:8080
cookie='Cookie: code-server-session=smoke-test-credential'
cd "$HOME" || exit 1

check 'the user is 1000:1000 and has no capability' sh -c '[ "$(id -u):$(id -g)" = 1000:1000 ] && grep -q "^CapEff:.0*$" /proc/self/status'
check 'the editor itself has no capability and may gain none' sh -c 'grep -q "^CapBnd:.0*$" /proc/1/status && grep -q "^NoNewPrivs:.1$" /proc/1/status'
check 'process 1 is tini, which reaps orphans' prints tini cat /proc/1/comm

check 'the health page answers' prints '"status"' curl -fsS $editor/healthz
check 'a stranger is sent to the sign-in page' sh -c "[ \"\$(curl -s -o /dev/null -w '%{http_code} %{redirect_url}' $editor/ | grep -c '302 .*/login')\" = 1 ]"
check 'the sign-in page is served' prints code-server curl -fsS $editor/login
check 'a wrong credential is sent to the sign-in page' sh -c "curl -s -o /dev/null -w '%{redirect_url}' -H 'Cookie: code-server-session=wrong' $editor/ | grep -q /login"
check 'with the credential the workbench is served' prints vscode-workbench-web-configuration curl -fsSL -H "$cookie" $editor/
script=$(curl -fsSL -H "$cookie" $editor/ | grep -oE '[^"]*/static/out/vs/code/browser/workbench/workbench.js' | head -n 1)
check "the workbench's program is served" sh -c "[ \"\$(curl -fsS -H '$cookie' '$editor/${script#./}' | wc -c)\" -gt 5000000 ]"
stored=/usr/local/lib/code-server/node_modules/code-server/lib/vscode/out/vs/code/browser/workbench/workbench.js
fetch() { # accepted encodings, then curl's options
    encodings=$1
    shift
    curl -fsS -H "$cookie" -H "Accept-Encoding: $encodings" "$@" "$editor/${script#./}"
}
same() { fetch "$1" | node -e "process.stdin.pipe(require('zlib').$2()).pipe(process.stdout)" | cmp - $stored; }
unchanged() { fetch 'gzip, br' | cmp - $stored.br; }
check 'it is sent as the build has compressed it' unchanged
check 'the answer says so' prints 'Content-Encoding: br' fetch 'gzip, br' -o /dev/null -D -
check 'and is the same program' same 'gzip, br' createBrotliDecompress
check 'who cannot read that gets it in another form' same 'gzip, br;q=0' createGunzip
check 'the native parts of the editor load: terminal, log, file watcher, search' node /test/base/native.js

check 'the home has the shell settings' test -s .bashrc
check "the home has the editor's settings, valid JSON" node -e 'JSON.parse(require("fs").readFileSync(process.argv[1]))' .local/share/code-server/User/settings.json
check 'an interactive bash completes git commands' prints __git_wrap__git_main bash -ic '_completion_loader git; complete -p git'
check 'a login shell finds commands in ~/.local/bin' prints /home/dev/.local/bin bash -lc 'echo $PATH'
check 'three UTF-8 locales' sh -c 'for l in C.utf8 en_US.utf8 zh_CN.utf8; do locale -a | grep -qx $l || exit 1; done'
check 'Chinese text is counted in characters' prints 4 env LC_ALL=zh_CN.UTF-8 bash -c 'x=开发环境; echo ${#x}'
check 'programs speak Chinese if asked' prints 仓库 env LC_ALL=zh_CN.UTF-8 LANGUAGE=zh_CN git init /tmp/zh

# The report of activity, as the server fetches it; then one of the test's own with a period of a second.
report='/vscode-remote-resource?path=/tmp/devworkspace-activity/report'
check 'the editor gives out the report of activity' sh -c "curl -fsS -H '$cookie' '$editor$report' | grep -qE '^1 [0-9]+ [0-9]+ seen\$'"
check 'a stranger does not get it' prints 401 curl -s -o /dev/null -w '%{http_code}' "$editor$report"
check 'the extension that sees the windows is built in' test -r /usr/local/lib/code-server/node_modules/code-server/lib/vscode/extensions/activity/extension.js
# What they leave behind must not hold the test's output open.
devworkspace-activity /tmp/activity 1 > /dev/null 2>&1 & reporter=$!
quiet() { read -r _ now last _ < /tmp/activity/report && echo $((now - last)); }
(sleep 15; echo typed; sleep 9) | script -qec cat /dev/null > /dev/null & typing=$!
sleep 14
# Of 14 s at most: the report's own rounds take a while on a busy machine. Work would make it 2.
check 'a program that waits in a terminal is no work' test "$(quiet)" -ge 8
sleep 4
# The kernel keeps this time to 8 s.
check 'input in a terminal is work' test "$(quiet)" -le 9
sleep 8
check 'without any the last work gets older' test "$(quiet)" -ge 8
kill $typing 2> /dev/null
script -qec 'while :; do :; done' /dev/null > /dev/null & computing=$!
sleep 4
check 'a program that computes in a terminal is work' test "$(quiet)" -le 2
touch /tmp/activity/transfer
sleep 4
check 'so are files that are copied over ssh' test "$(quiet)" -le 6
kill $computing $reporter

# What is used, with a period of a second, while a program computes.
sh -c 'while :; do :; done' & computing=$!
devworkspace-usage /tmp/usage 1 > /dev/null 2>&1 & measuring=$!
for _ in $(seq 300); do [ "$(wc -l < /tmp/usage/usage.minutes)" -ge 5 ] && break; sleep 0.1; done 2> /dev/null
kill $measuring $computing
busy() { while read -r _ cpu memory _; do [ -z "$memory" ] || [ "$cpu" -lt 20 ] || return 0; done < /tmp/usage/usage.minutes; return 1; }
check 'a program that computes is seen in the figures of the processor' busy
check 'a start is marked' sh -c 'head -n 1 /tmp/usage/usage.minutes | grep -qE "^[0-9]+ start$"'
check 'memory is told in KiB' sh -c 'tail -n 1 /tmp/usage/usage.minutes | grep -qE "^[0-9]+ [0-9]+ [1-9][0-9]{4,6} ([0-9]+|-)$"'

mkdir -p /tmp/repository && cd /tmp/repository || exit 1
check 'git starts a repository on main' prints main sh -c 'git init -q . && git symbolic-ref --short HEAD'
check 'git commits, and shows Chinese file names' prints 说明.md sh -c 'echo x > 说明.md; git add . && git -c user.name=a -c user.email=a@example.com commit -q -m first && git show --name-only --format='
cd "$HOME" || exit 1
check 'git reads the identity of the owner where the pod has it' prints /etc/devworkspace/gitconfig git config --system --get include.path

sh /test/base/repository-test.sh /usr/local/bin/devworkspace-repository /tmp/repositories
# Last, as the disk that it fills is shared memory.
mkdir /dev/shm/home && head -c 4000000 /dev/urandom > /tmp/repository/large && git -C /tmp/repository add . && git -C /tmp/repository -c user.name=a -c user.email=a@example.com commit -qm large
git clone -q --bare /tmp/repository /tmp/large.git && { node /test/base/git-server.js 8098 /tmp & large=$!; }
for _ in $(seq 100); do curl -fsS -o /dev/null "http://127.0.0.1:8098/open/large.git/info/refs?service=git-upload-pack" 2> /dev/null && break; sleep 0.1; done
cat /dev/zero > /dev/shm/fill 2> /dev/null; truncate -s -2M /dev/shm/fill
echo '{"repository":"http://127.0.0.1:8098/open/large.git","directory":"large"}' > /tmp/large.told
HOME=/dev/shm/home devworkspace-repository /tmp/large.told /tmp/large 1 & cloning=$!
full() { for _ in $(seq 300); do grep -q '"reason":"disk-full"' /tmp/large/repository 2> /dev/null && return; sleep 0.1; done; cat /tmp/large/repository; return 1; }
check 'a repository for which there is no room is told' full
check 'and nothing half of it is left' test -z "$(ls -A /dev/shm/home)"
kill "$large" "$cloning"; rm -rf /dev/shm/fill /dev/shm/home

check 'no ssh host key comes with the image' sh -c '! ls /etc/ssh/ssh_host_* 2> /dev/null'
# As the gateway comes with a person's ssh: to the editor's port, with its credential and a key for this connection.
keys=/tmp/keys
mkdir -m 700 $keys && ssh-keygen -q -t ed25519 -N '' -C '' -f $keys/mine && ssh-keygen -q -t ed25519 -N '' -C '' -f $keys/other
cat > $keys/config <<CONFIG
Host *
  User dev
  IdentityFile $keys/mine
  IdentitiesOnly yes
  StrictHostKeyChecking no
  UserKnownHostsFile $keys/known
  LogLevel ERROR
  ProxyCommand node /test/base/ssh-proxy.js smoke-test-credential $keys/mine.pub
CONFIG
to_here() { ssh -F $keys/config "$@"; }
through() { to_here -o ProxyCommand="node /test/base/ssh-proxy.js $*" here true; }
refused_text() { ! "$@" 2>&1; }
check 'ssh runs a command as the user, in the home' prints '1000 /home/dev' to_here here 'echo $(id -u) $PWD'
check 'its exit code comes back' sh -c "ssh -F $keys/config here 'exit 7'; [ \$? = 7 ]"
check 'it has a terminal if it wants one' prints '/dev/pts/' to_here -tt here tty
check "it has the container's variables" prints "${PATH%%:*} en_US.UTF-8" to_here here 'echo ${PATH%%:*} $LANG'
check "and neither the editor's credential nor its own" prints none to_here here 'env | grep -E "PASSWORD|CODE_SERVER|smoke-test" || echo none'
head -c 5000000 /dev/urandom > $keys/file
copied_by() { name=$1; shift; "$@" $keys/file "here:$name" && cmp $keys/file "$HOME/$name"; }
check 'scp copies a file' copied_by scp scp -q -F $keys/config
check 'so does the old scp' copied_by old-scp scp -q -O -F $keys/config
check 'so does rsync' copied_by rsync rsync -e "ssh -F $keys/config"
check 'the host key stays the same' to_here -o StrictHostKeyChecking=yes here true
check 'without the credential nobody gets in' prints 'answered 401' refused_text through wrong $keys/mine.pub
check 'a key that did not come with the request is refused' prints 'Permission denied' refused_text through smoke-test-credential $keys/other.pub
check 'what is no key is refused' prints 'answered 400' refused_text through smoke-test-credential "'ssh-ed25519 AAAA command=\"id\"'"
check 'without its protocol it is not spoken' prints 'answered 400' refused_text through smoke-test-credential $keys/mine.pub other
check 'no sshd is there while nobody is, and no key' sh -c 'for n in $(seq 50); do pgrep -x sshd > /dev/null || { ! ls /tmp/devworkspace-ssh/key-* 2> /dev/null; exit; }; sleep 0.1; done; exit 1'
check 'curl, less, nano, vi, ps, unzip and xz run' sh -c 'curl --version && less --version && nano --version && vi --version && ps --version && unzip -v && xz --version'
check 'Node.js is version 24' prints v24. node --version
check 'npm installs globally into the home' prints /home/dev/.local npm prefix --global
check 'no compiler and no sudo' sh -c '! command -v gcc && ! command -v g++ && ! command -v sudo'

check 'no program with set-user-id or set-group-id' sh -c '[ -z "$(find / -xdev -type f -perm /6000 2> /dev/null | tee /dev/stderr)" ]'
check 'the root file system is read-only' refused touch /usr/local/bin/x /etc/x /var/tmp/x
changeable=$(changeable_by 1000)
check "nothing outside of the home and /tmp is the user's: $changeable" test -z "$changeable"

# An editor that is nobody's yet, and then somebody's.
pool=/tmp/pool unclaimed=http://127.0.0.1:8090 owner=the-credential-of-the-owner
mkdir -p $pool/home && : > $pool/claim
hash_of() { printf %s "$1" | sha256sum | cut -d ' ' -f 1; }
start_unclaimed() {
    env -u HASHED_PASSWORD HOME=$pool/home DEVWORKSPACE_CLAIM=$pool/claim DEVWORKSPACE_LOCK="key.nonce.$(hash_of the-word)" \
        devworkspace-start-unclaimed --bind-addr 127.0.0.1:8090 --disable-telemetry --disable-update-check $pool/home > $pool/log 2>&1 & starter=$!
    for _ in $(seq 100); do curl -fsS -o /dev/null $unclaimed/healthz 2> /dev/null && break; sleep 0.2; done
}
start_unclaimed
status_of() { curl -s -o /dev/null -w '%{http_code}' "$@"; }
check 'an editor that is nobody'"'"'s is healthy' prints '"status"' curl -fsS $unclaimed/healthz
check 'it lets nobody in' prints 401 status_of $unclaimed/
check 'not even to a page for signing in' prints 401 status_of $unclaimed/login
check 'no password stands in its environment' sh -c "! tr '\\0' '\\n' < /proc/$starter/environ | grep -qE '^(HASHED_)?PASSWORD='"
check 'no password is left in its home' sh -c "! grep -rIqi password $pool/home"
check 'a word that is not the gateway'"'"'s opens nothing' prints 401 status_of -H 'X-DevWorkspace-Opening: {"opening":"guess"}' -H "Cookie: code-server-session=$owner" $unclaimed/
check 'with the gateway'"'"'s word its owner is served the workbench' prints vscode-workbench-web-configuration curl -fsSL -H 'X-DevWorkspace-Opening: {"opening":"the-word","basePath":"/w/team/demo"}' -H "Cookie: code-server-session=$owner" $unclaimed/
node -e 'require("http").createServer((request, answer) => answer.end(request.url)).listen(8091)' & echo=$!
check 'in path mode its ports know their path' prints /w/team/demo/absproxy/8091/x curl -fsS --retry 5 --retry-connrefused --retry-all-errors -H "Cookie: code-server-session=$owner" $unclaimed/absproxy/8091/x
kill $starter $echo; wait $starter $echo 2> /dev/null
start_unclaimed
digest=$(hash_of "$owner")
echo "{\"credential\":\"$digest\",\"proxyUri\":\"http://{{port}}--demo--team.example.com/\"}" > $pool/claim.new && mv $pool/claim.new $pool/claim
check 'once it is taken, its owner is served the workbench' prints vscode-workbench-web-configuration curl -fsSL -H "Cookie: code-server-session=$owner" $unclaimed/
check 'with the address of its ports' prints demo--team.example.com curl -fsSL -H "Cookie: code-server-session=$owner" $unclaimed/
check 'and nobody else is let in' prints 401 status_of -H "Cookie: code-server-session=$digest" $unclaimed/
check 'it is not started without knowing where it will be told' sh -c 'env -u DEVWORKSPACE_CLAIM devworkspace-start-unclaimed; [ $? = 78 ]'
kill $starter

# The hook alone, with the editor replaced: its own share of the start.
mkdir -p /tmp/stub && printf '#!/bin/sh\n' > /tmp/stub/tini && chmod +x /tmp/stub/tini
cp /tmp/stub/tini /tmp/stub/devworkspace-activity && cp /tmp/stub/tini /tmp/stub/devworkspace-repository
best_of_five() { # command ...: microseconds
    best=999999999
    for _ in 1 2 3 4 5; do
        from=$(date +%s%N); "$@" > /dev/null; took=$((($(date +%s%N) - from) / 1000))
        [ $took -ge $best ] || best=$took
    done
    echo $best
}
floor=$(best_of_five sh -c 'find /etc/skel -type f | cat; /tmp/stub/tini & /tmp/stub/tini & exec /tmp/stub/tini')
hook=$(PATH=/tmp/stub:$PATH best_of_five /usr/local/bin/devworkspace-start)
check "the start hook takes at most five times what its programs alone do ($hook and $floor us)" test $hook -le $((5 * floor))
