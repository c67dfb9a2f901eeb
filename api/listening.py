"""The port the API answers on, taken before anything else starts, so that an occupied one is said at once."""

from __future__ import annotations

import errno
import os
import socket

from contracts.errors import Unavailable


def listening(host: str, port: int) -> socket.socket:
    """Listen on `host`:`port`; 0 takes a free one. Raises: Unavailable, naming the setting to change."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=1024)
        # asyncio switches Nagle's algorithm off only where the socket names its protocol; accepted sockets inherit it from here.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        # Python's own text repeats the address; a name that is not found has a negative number and a text of its own.
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else str(error.strerror or error).partition(" (while")[0]
        mend = "correct API_HOST to an address of this machine"
        if number == errno.EADDRINUSE:
            mend = "stop what uses the port, or choose another (--port, API_PORT)"
        elif number == errno.EACCES:
            mend = "choose a port above 1023 (--port, API_PORT)"
        raise Unavailable(f"cannot listen on {host}:{port} ({reason}): {mend}", code="port_taken") from error
