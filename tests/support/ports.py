"""Ports for what a test starts."""

import random
import socket
from typing import Final

# Below those that the kernel gives to outgoing connections (from 32768) and those of NodePorts (from 30000): what is
# free now must still be so when the process that gets it has started.
_PORTS: Final = range(20000, 30000)


def free_port() -> int:
    """A port of the loopback address on which nothing listens."""
    while True:
        port = random.choice(_PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
