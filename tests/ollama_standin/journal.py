"""What happened at the server, which tests can wait for without sleeping."""

import threading
from collections.abc import Callable
from typing import Any

_LONGEST_WAIT_SECONDS = 30.0


class Journal:
    """Counters and the list of requests; every change wakes whoever waits."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.requests: list[tuple[str, str, Any]] = []
        self.loads = 0
        self.aborted = 0
        self.held = 0
        self.waiting = 0

    def record(self, method: str, path: str, body: object) -> None:
        """Keep a request."""
        with self.changed:
            self.requests.append((method, path, body))
            self.changed.notify_all()

    def count(self, name: str, by: int = 1) -> None:
        """Change a counter."""
        with self.changed:
            setattr(self, name, getattr(self, name) + by)
            self.changed.notify_all()

    def forget(self) -> None:
        """Begin anew; what is held or waits goes on counting."""
        with self.changed:
            self.requests.clear()
            self.loads = self.aborted = 0

    def wait_until(self, true: Callable[[], bool]) -> None:
        """Wait until `true()` holds.

        Raises:
            TimeoutError: after half a minute.
        """
        with self.changed:
            if not self.changed.wait_for(true, _LONGEST_WAIT_SECONDS):
                raise TimeoutError("the stand-in did not come to that")
