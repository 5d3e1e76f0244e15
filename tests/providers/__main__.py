"""`python -m tests.providers dex|keycloak|kubesphere`: our server process with real identity providers.

Builds or fetches the provider, once for all checkouts, and checks the sign-in with it. Further arguments are pytest's.
"""

import argparse
import sys
from pathlib import Path

import pytest

from tests.providers import dex, keycloak

# What makes each of them ready to run; everything else about it is in its check.
INSTALLERS = {"dex": dex.installed, "keycloak": keycloak.installed}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.providers", description=__doc__)
    parser.add_argument("provider", choices=sorted(INSTALLERS))
    chosen, rest = parser.parse_known_args(arguments)
    INSTALLERS[chosen.provider]()
    # Not named test_*, so that nobody downloads a provider by running all tests.
    checks = Path(__file__).with_name(f"check_{chosen.provider}.py")
    # What they measure is printed.
    return pytest.main([str(checks), "--capture=no", *rest])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
