"""Turns: of all the processes of a user one computes at a time, whatever data folder each of them works on.

A lock file, taken for each block: several servers take turns instead of slowing each other down. Whoever waits for it
holds a second one, the turnstile, so that a process that goes from block to block cannot get past those who wait. The
operating system drops the locks when their holder dies.
"""

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import filelock

from promptbreeder.errors import ModelBusy, ModelCrashed
from promptbreeder.models.engine import Interrupted, Stopped

BUSY_SECONDS = 120.0
"""How long a block waits for other processes before the backend is called busy."""
_LOCK_POLL = 0.05


def machine_lock() -> Path:
    """Return the lock file that all processes of this user on this machine share."""
    # Where there are user ids the folder for temporary files is everybody's; elsewhere each user has one.
    name = f"promptbreeder-mcp-{os.getuid()}" if hasattr(os, "getuid") else "promptbreeder-mcp"
    return Path(tempfile.gettempdir()) / name / "compute.lock"


@contextlib.contextmanager
def turn(file: Path, stopped: Stopped) -> Iterator[None]:
    """Hold the lock `file`, after waiting for those who hold it.

    Raises:
        Interrupted: when `stopped()` becomes true first.
        ModelBusy: if others compute all the while.
        ModelCrashed: if the file cannot be used.
    """
    # Lock objects of this call: each belongs to the thread that made it, and two of them exclude each other.
    turnstile, lock = filelock.FileLock(file.with_name("turnstile.lock")), filelock.FileLock(file)
    deadline = time.monotonic() + BUSY_SECONDS
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for wanted in (turnstile, lock):
            wanted.acquire(
                timeout=max(0.0, deadline - time.monotonic()), poll_interval=_LOCK_POLL, cancel_check=stopped
            )
    except filelock.Timeout as error:
        if stopped():
            raise Interrupted from error
        raise ModelBusy(
            f"another process has been using the model for {BUSY_SECONDS:.0f} s without a pause; try again later"
        ) from error
    except OSError as error:
        raise ModelCrashed(
            f"{file} cannot be used ({error.strerror or error}); delete its folder, or make it writable"
        ) from error
    finally:
        turnstile.release()
    try:
        yield
    finally:
        lock.release()
