"""Ports for what a test starts."""

import random
import socket
from itertools import cycle
from typing import Final

# Below those that the kernel gives to outgoing connections (from 32768) and those of NodePorts (from 30000): what is
# free now must still be so when the process that gets it has started.
_FIRST: Final = 20000
_COUNT: Final = 10000
# One after the other, so that no port is given twice before its user listens; each test process has a place of its own.
_START: Final = random.randrange(_COUNT)
_PORTS: Final = cycle(_FIRST + (_START + step) % _COUNT for step in range(_COUNT))


def free_port() -> int:
    """A port of the loopback address on which nothing listens."""
    while True:
        port = next(_PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
