#!/bin/sh
# What devworkspace-repository makes of repositories on a real server, and what it refuses. Runs inside of a started
# environment (test.sh), and by tests/images/test_repository.py against the program as it stands in the tree.
# Arguments: the program; a folder to work in.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=images/lib/inside.sh
. "$here/../lib/inside.sh"
program=$1 work=$2
port=8099 server=http://127.0.0.1:8099

unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY
mkdir -p "$work/served" "$work/seed" && cd "$work" || exit 1
export HOME="$work/home" GIT_CONFIG_NOSYSTEM=1
mkdir -p "$HOME" "$work/hooks"
# Of the person: hooks for every new repository. None may run.
touch_hook() { printf '#!/bin/sh\ntouch %s/hook-ran\n' "$work" > "$1" && chmod +x "$1"; }
mkdir -p "$work/template/hooks" && touch_hook "$work/template/hooks/post-checkout" && touch_hook "$work/hooks/post-checkout"
git config --global user.name Ada && git config --global user.email ada@example.com
git config --global init.defaultBranch main

seed() ( # name: a repository with a branch, a tag that is on none, and a submodule
    export GIT_AUTHOR_DATE=2026-01-01T00:00:00Z GIT_COMMITTER_DATE=2026-01-01T00:00:00Z
    cd "$work/seed" && git init -q "$1" && cd "$1" && echo 1 > file && git add . && git commit -qm first &&
        git checkout -q -b feature/登录 && echo 2 > file && git commit -qam second &&
        git checkout -q --detach && echo 3 > file && git commit -qam third && git tag v1 && git checkout -q main &&
        printf '[submodule "evil"]\n\tpath = evil\n\turl = file://%s/served/secret.git\n' "$work" > .gitmodules &&
        git update-index --add --cacheinfo "160000,$(git rev-parse HEAD),evil" && git add .gitmodules && git commit -qm submodule &&
        git clone -q --bare . "$work/served/$1.git"
)
seed demo > /dev/null && seed secret > /dev/null || exit 1
node "$here/git-server.js" $port "$work/served" & git_server=$!
running=''
trap 'kill $git_server $running 2> /dev/null' EXIT
for _ in $(seq 100); do curl -fsS -o /dev/null "$server/open/demo.git/info/refs?service=git-upload-pack" 2> /dev/null && break; sleep 0.1; done

# Begins with what it is told, and goes on until the next begins. Not within a check, which would wait for its end.
begin() { # JSON, name of the report's folder
    stop
    reports=$work/$2
    mkdir -p "$reports" && rm -f "$reports/repository" && printf %s "$1" > "$work/told"
    timeout 300 sh "$program" "$work/told" "$reports" 1 > /dev/null 2> "$reports/errors" & running=$!
}
stop() { [ -z "$running" ] || { kill "$running"; wait "$running"; } 2> /dev/null; running=''; }
said() { cat "$reports/repository" "$reports/errors"; }
# A look that lasts a second, or only crosses one, is followed by a rest of 50.
wait_for() { # expression
    for _ in $(seq 1600); do grep -q "$1" "$reports/repository" 2> /dev/null && return; sleep 0.1; done
    echo "expected $1, got $(said)"
    return 1
}
member() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" "$reports/repository"; }
is_json() { node -e 'JSON.parse(require("fs").readFileSync(process.argv[1]))' "$reports/repository"; }
ended() { # expected state and reason
    wait_for '"state":"\(cloned\|failed\)"' && [ "$(member state) $(member reason)" = "$1" ] || { said; return 1; }
}
looked() { wait_for '"changedFiles"' && ended 'cloned '; }
clones() { begin "$2" good; check "$1" looked; }                  # sentence, JSON
fails() { begin "$3" failing; check "$1" ended "failed $2"; }     # sentence, reason, JSON
is() { [ "$(member "$1")" = "$2" ] || { said; return 1; }; }      # member, value
told() { printf '{"repository":"%s","directory":"%s"}' "$1" "$2"; }
told_ref() { printf '{"repository":"%s","ref":"%s","directory":"%s"}' "$1" "$2" "$3"; }

clones 'a repository is cloned' "$(told $server/open/demo.git demo)"
check 'into its folder' prints 1 cat "$HOME/demo/file"
check 'the report tells the branch' is branch main
check 'that no file differs' is changedFiles 0
check 'and that no commit would be lost' is unpushedCommits 0
check 'it is nobody else'"'"'s to read' prints 600 stat -c %a "$reports/repository"
check 'a submodule is not fetched' test -z "$(ls "$HOME/demo/evil" 2> /dev/null)"
git config --global init.templateDir "$work/template" && git config --global core.hooksPath "$work/hooks"
git config --global submodule.recurse true && git config --global protocol.file.allow always
check 'the report is JSON' is_json
clones 'a branch with its name in another script is cloned' "$(told_ref $server/open/demo.git feature/登录 branch)"
check 'it is checked out' prints 2 cat "$HOME/branch/file"
check 'and told' is branch feature/登录
check "no hook of a template runs, and none of the person's own" refused test -e "$work/hook-ran"
check 'no submodule comes, whatever the settings say' test -z "$(ls "$HOME/branch/evil" 2> /dev/null)"
git clone -q "$work/served/demo.git" "$work/control" 2> /dev/null
check 'control: the hook would have run' test -e "$work/hook-ran"
check 'control: its submodule would have come' sh -c "git clone -q --recurse-submodules $work/served/demo.git $work/deep; test -e $work/deep/evil/file"
git config --global --unset init.templateDir && git config --global --unset core.hooksPath && git config --global --unset submodule.recurse
clones 'a tag is cloned' "$(told_ref $server/open/demo.git v1 tag)"
check 'a tag is no branch' is branch ''
check 'and its commits are no work of anybody here' is unpushedCommits 0

begin "$(told $server/open/demo.git demo)" good
check 'what was cloned before is reported of again' looked
worked() { echo "1 $(date +%s) $(date +%s) seen" > "$reports/report"; }
(cd "$HOME/demo" && echo x > new && echo y >> file && git commit -qam mine && echo z >> file && git checkout -q -b other && git commit -q --allow-empty -m more)
sleep 2
check 'without work nobody looks again' is changedFiles 0
worked
check 'after work it tells what would be lost' wait_for '"branch":"other","changedFiles":2,"unpushedCommits":2'
(cd "$HOME/demo" && git stash -q) && worked
check 'a stash would be lost, too' wait_for '"changedFiles":1,"unpushedCommits":4'
mv "$HOME/demo" "$work/away" && worked
check 'a folder that is gone has no counts' wait_for '"cloned","asOf":[0-9]*}'

mkdir "$HOME/mine" && echo mine > "$HOME/mine/file" && ln -s /nowhere "$HOME/link"
fails 'a folder that is there is not touched' directory-exists "$(told $server/open/demo.git mine)"
check 'its files are as they were' prints mine cat "$HOME/mine/file"
fails 'nor is a link that leads nowhere' directory-exists "$(told $server/open/demo.git link)"
git init -q "$HOME/own"
clones 'a repository that is there counts as cloned' "$(told $server/open/demo.git own)"
check 'and is not touched' refused test -e "$HOME/own/file"
fails 'what does not exist is told' not-found "$(told $server/open/absent.git absent)"
check "in git's words" prints absent.git member message
check 'which make no bad JSON' is_json
fails 'a branch that does not exist is told' ref-not-found "$(told_ref $server/open/demo.git absent absent)"
fails 'a repository behind a login is told' login-required "$(told $server/login/demo.git private)"
git clone -q "$work/served/demo.git" "$HOME/private" 2> /dev/null
check 'cloned by hand instead, it counts' wait_for '"cloned"'
rm -rf "$HOME/private"
printf 'http://ada:word@127.0.0.1:%s\n' $port > "$work/credentials" && git config --global credential.helper "store --file $work/credentials"
clones "control: with the person's own credentials it is cloned" "$(told $server/login/demo.git private)"
git config --global --unset credential.helper
fails 'a server that refuses is told' login-required "$(told $server/forbidden/demo.git forbidden)"
fails 'a server that fails is told' unreachable "$(told $server/broken/demo.git broken)"
fails 'a server that is not there is told' unreachable "$(told http://127.0.0.1:1/demo.git nowhere)"
fails 'a name that does not exist is told' unreachable "$(told http://git.invalid/demo.git nowhere)"
git config --global "url.http://ada:hunter2@127.0.0.1:1/.insteadOf" http://secret.invalid/
fails 'a password in the settings' unreachable "$(told http://secret.invalid/demo.git masked)"
check 'does not get into the report' refused grep -q hunter2 "$reports/repository"
check 'nothing half is left' test -z "$(cd "$HOME" && ls -d .devworkspace-clone absent forbidden broken nowhere masked 2> /dev/null)"

# What the CRD refuses already; each beside what it would do without the program's own care.
mkdir -p "$work/pwn" && printf '#!/bin/sh\ntouch %s/pwned\n' "$work" > "$work/pwn/run" && chmod +x "$work/pwn/run"
runs() { "$@" > /dev/null 2>&1; [ -e "$work/pwned" ] && rm "$work/pwned"; }
check 'control: an address that is a command would run it' runs git -c protocol.ext.allow=always clone -q "ext::$work/pwn/run" "$work/c1"
git config --global protocol.ext.allow always
fails 'an address that is a command' other "$(told "ext::$work/pwn/run" ext)"
check 'control: an address that is a file would be cloned' git clone -q "file://$work/served/secret.git" "$work/c2"
fails 'an address that is a file' other "$(told "file://$work/served/secret.git" file)"
fails 'an address that is a path' other "$(told "$work/served/secret.git" path)"
git config --global "url.file://$work/served/.insteadOf" http://looks.invalid/
check 'control: settings would turn an address into a file' git clone -q http://looks.invalid/secret.git "$work/c3"
fails 'an address that the settings turn into a file' other "$(told http://looks.invalid/secret.git turned)"
check 'control: an option in place of an address would run a command' runs git clone -q "--upload-pack=$work/pwn/run" "file://$work/served/secret.git" "$work/c4"
fails 'an address that is an option' other "$(told "--upload-pack=$work/pwn/run" option)"
fails 'a branch that is an option' other "$(told_ref $server/open/demo.git "--upload-pack=$work/pwn/run" option)"
check 'control: an address with a password would be cloned' git clone -q "http://ada:word@127.0.0.1:$port/login/demo.git" "$work/c5"
fails 'an address with a password' other "$(told http://ada:word@127.0.0.1:$port/login/demo.git password)"
for name in .. . .ssh ../out -option a/b; do
    fails "a folder named $name" other "$(told $server/open/demo.git "$name")"
done
check 'none of them has run a command' refused test -e "$work/pwned"
check 'and nothing came of them' test -z "$(ls -d "$HOME"/ext "$HOME"/file "$HOME"/path "$HOME"/turned "$HOME"/option "$HOME"/password "$HOME"/.ssh "$work"/out 2> /dev/null)"

# Nobody's yet: it waits for the claim, and ends where that brings no repository.
: > "$work/claim"
export DEVWORKSPACE_CLAIM="$work/claim"
begin '' claimed
sleep 1.5
check 'in a pod that was made in advance it waits' refused test -e "$reports/repository"
told $server/open/demo.git taken > "$work/told" && echo '{}' > "$work/claim"
check 'and clones when that is taken' looked
: > "$work/claim"
begin '' unwanted
sleep 1.5
echo '{}' > "$work/claim"
wait "$running"
check 'taken without a repository it ends' test "$? $(ls "$reports")" = '0 errors'
running=''
unset DEVWORKSPACE_CLAIM
check 'without a repository it ends at once' timeout 10 sh "$program" "$work/told" "$work/none" 1
check 'and leaves nothing' refused test -e "$work/none"
