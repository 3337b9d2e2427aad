"""What can be made to go wrong."""

import threading
from collections.abc import Collection
from dataclasses import dataclass, field

INFERENCE = frozenset({"/api/generate", "/api/chat"})


@dataclass
class Faults:
    """Switches that a test sets on `StandIn.faults`, at any time. A number says how often; 0 is off.

    The faults of answers (`drop` to `crash`) hit requests to the paths in `paths` only.
    """

    paths: Collection[str] | None = INFERENCE
    """Which requests these faults hit; None: all."""
    drop: int = 0
    """Close the connection without an answer."""
    busy: int = 0
    """Answer 503, as a full queue does."""
    html: int = 0
    """Answer with a page of HTML and status 200, as a proxy or a portal in between does."""
    strange: int = 0
    """Answer with JSON whose numbers are texts."""
    garbled: int = 0
    """Say that the answer is compressed, and send something else."""
    crash: bool = False
    """Close this connection and all others, and refuse new ones until `StandIn.revive()`."""
    error_mid_stream: int = 0
    """Send an error line after the first chunk; a client that does not stream gets status 500."""
    no_done: int = 0
    """Leave out the chunk that says `"done": true`, as the repetition guard does."""
    hold: threading.Event | None = None
    """Compute nothing until the event is set: a slow answer, without sleeping. The slot is taken meanwhile."""
    pull_failures: int = 0
    """Break a pull off half-way; what was downloaded stays."""
    pull_hold: threading.Event | None = None
    """Stop half-way in a pull until the event is set."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def strikes(self, name: str) -> bool:
        """Tell whether the fault `name` happens now, and count it down."""
        with self._lock:
            left = getattr(self, name)
            if left:
                setattr(self, name, type(left)(left - 1))
            return bool(left)

    def hits(self, path: str) -> bool:
        """Tell whether faults of answers are meant for this path."""
        return self.paths is None or path in self.paths
