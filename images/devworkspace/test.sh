#!/bin/sh
# Runs inside of a container of the product's own image (../test.sh): user 65532, read-only root.
set -u
# shellcheck source=images/lib/inside.sh
. /test/lib/inside.sh

check 'the user is 65532:65532 and has no capability' sh -c '[ "$(id -u):$(id -g)" = 65532:65532 ] && grep -q "^CapEff:.0*$" /proc/self/status'
check 'devworkspace says its version' prints 0.1.0 devworkspace --version
check 'devworkspace shows its commands' prints operator devworkspace --help
check 'every module of the package can be imported' /opt/devworkspace/bin/python -c '
import devworkspace, importlib, pkgutil
names = [m.name for m in pkgutil.walk_packages(devworkspace.__path__, "devworkspace.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
assert len(names) > 10, names'
check 'the locked packages fit together' /opt/devworkspace/bin/python -c '
import importlib.metadata as m
for name in ("aiohttp", "kopf", "msgspec", "uvloop", "cryptography", "argon2-cffi"):
    print(name, m.version(name))'
check 'the clock knows time zones' /opt/devworkspace/bin/python -c 'import zoneinfo; zoneinfo.ZoneInfo("Asia/Shanghai")'
check 'TLS certificates are there' /opt/devworkspace/bin/python -c 'import ssl; assert len(ssl.create_default_context().get_ca_certs()) > 100'
check 'no compiler, no pip, no sudo' sh -c '! command -v gcc && ! command -v pip && ! command -v pip3 && ! command -v sudo'
check 'no program with set-user-id or set-group-id' sh -c '[ -z "$(find / -xdev -type f -perm /6000 2> /dev/null | tee /dev/stderr)" ]'
check 'the root file system is read-only' refused touch /opt/devworkspace/x
changeable=$(changeable_by 65532)
check "nothing outside of /tmp is the user's: $changeable" test -z "$changeable"
