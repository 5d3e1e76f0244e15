"""The shell of tests of environments, here as well."""

from tests.cli.environments.conftest import shell as shell
