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
# It is copied into pods whose other containers have any image (core/render/prepull.py).
check 'the program that waits in foreign images needs no other file' /opt/devworkspace/bin/python -c '
import struct
data = open("/usr/bin/catatonit", "rb").read()
(headers,) = struct.unpack_from("<Q", data, 32)
size, count = struct.unpack_from("<HH", data, 54)
kinds = [struct.unpack_from("<I", data, headers + size * number)[0] for number in range(count)]
assert 1 in kinds and 3 not in kinds, kinds'
check 'it waits until it is told to end' /opt/devworkspace/bin/python -c '
import subprocess, time
held = subprocess.Popen(["/usr/bin/catatonit", "-P"])
time.sleep(0.5)
assert held.poll() is None
held.terminate()
held.wait(5)'
check 'no compiler, no pip, no sudo' sh -c '! command -v gcc && ! command -v pip && ! command -v pip3 && ! command -v sudo'
check 'no program with set-user-id or set-group-id' sh -c '[ -z "$(find / -xdev -type f -perm /6000 2> /dev/null | tee /dev/stderr)" ]'
check 'the root file system is read-only' refused touch /opt/devworkspace/x
changeable=$(changeable_by 65532)
check "nothing outside of /tmp is the user's: $changeable" test -z "$changeable"
