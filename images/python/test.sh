#!/bin/sh
# Runs inside of a started environment (../test.sh).
set -u
# shellcheck source=images/lib/inside.sh
. /test/lib/inside.sh
mkdir -p "$HOME/p" && cd "$HOME/p" || exit 1
printf 'print("hello 你好")\n' > hello.py
printf 'def test_sum():\n    assert 1 + 1 == 2\n' > test_sum.py
printf 'def test_sum():\n    assert 1 + 1 == 3\n' > wrong_test.py
mkdir -p pkg && printf '[project]\nname = "smoke"\nversion = "1"\n' > pkg/pyproject.toml && printf 'answer = 42\n' > pkg/smoke.py

check 'python runs a program' prints 'hello 你好' python hello.py
check 'python is 3.11' prints 'Python 3.11' python3 --version
check 'a venv is made and has its own pip' prints "$HOME/p/venv" sh -c 'python -m venv venv && venv/bin/pip --version'
check 'pip installs into the home' prints 42 sh -c 'pip install -q --no-index --no-build-isolation ./pkg && cd / && python -c "
import smoke, site
assert smoke.__file__.startswith(site.getuserbase()) and site.getuserbase() == \"/home/dev/.local\", smoke.__file__
print(smoke.answer)"'
check 'pytest passes a right test' pytest -q -p no:cacheprovider test_sum.py
check 'pytest fails a wrong test' refused pytest -q -p no:cacheprovider wrong_test.py
check 'ruff checks' ruff check --no-cache hello.py
check 'ipython runs' prints 2 ipython -c 'print(1 + 1)'
