"""A process we start ends with us, even when we are killed: it reads a pipe whose other end only we hold."""

from __future__ import annotations

import os
import signal
import threading
import time

#: The number of the pipe's descriptor, in the environment of a process we started.
VARIABLE = "HEADWATER_LIFELINE"
#: How long a process may take to stop once we are gone, in seconds.
LAST_S = 10.0


def hold() -> None:
    """In the process that was started: stop cleanly when the one who started us is gone, or be stopped."""
    pipe = int(os.environ.pop(VARIABLE))
    os.set_inheritable(pipe, False)
    threading.Thread(target=_wait, args=(pipe,), name="lifeline", daemon=True).start()


def _wait(pipe: int) -> None:
    os.read(pipe, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LAST_S)
    os.kill(os.getpid(), signal.SIGKILL)
