"""Loaded models: what makes one load again, slots with a warm prefix, the queue before them, and when one expires."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ollama_standin.brain import Token
from ollama_standin.errors import ApiError, ClientGone
from ollama_standin.journal import Journal
from ollama_standin.library import Model
from ollama_standin.options import Options

POLL_SECONDS = 0.02
"""How often whoever waits looks whether its client is still there."""
_FOR_EVER = 10.0 * 365 * 24 * 3600
Gone = Callable[[], bool]


@dataclass
class Slot:
    """A place to compute in, with the tokens that it holds from before."""

    warm: Sequence[Token] = ()
    busy: bool = False


@dataclass
class Runner:
    """A loaded model."""

    model: Model
    options: tuple[object, ...]
    context: int
    slots: list[Slot]
    expires_at: float = 0.0
    using: int = field(default=0)


class Scheduler:
    """Loads models and hands out their slots."""

    def __init__(self, journal: Journal, *, slots: int, queue: int) -> None:
        self._journal = journal
        self._slots = slots
        self._queue = queue
        self._waiting = 0
        self._runners: dict[str, Runner] = {}
        self._changed = threading.Condition()

    def loaded(self) -> list[Runner]:
        """Return the runners that are still in memory, the longest-lived first."""
        with self._changed:
            for blob, runner in list(self._runners.items()):
                if not runner.using and runner.expires_at <= time.time():
                    del self._runners[blob]
            return sorted(self._runners.values(), key=lambda runner: -runner.expires_at)

    def unload(self, model: Model) -> None:
        """Forget a runner."""
        with self._changed:
            self._runners.pop(model.blob, None)

    def runner(self, model: Model, options: Options, keep_alive: float) -> tuple[Runner, bool]:
        """Return the runner for a model, and whether it had to be loaded: not there, or with other options."""
        self.loaded()
        with self._changed:
            runner = self._runners.get(model.blob)
            fresh = runner is None or runner.options != options.at_load
            if runner is None or fresh:
                context = min(options.num_ctx, model.context_length)
                runner = Runner(model, options.at_load, context, [Slot() for _ in range(self._slots)])
                self._runners[model.blob] = runner
            runner.expires_at = time.time() + min(keep_alive, _FOR_EVER)
        if fresh:
            self._journal.count("loads")
        return runner, fresh

    @contextmanager
    def slot(self, runner: Runner, tokens: Sequence[Token], gone: Gone) -> Iterator[tuple[int, int]]:
        """Wait for a free slot; yield how many tokens of the prompt it holds already, and the nanoseconds waited.

        Raises:
            ApiError: 503 if too many wait.
            ClientGone: if the client did not wait.
        """
        arrived = time.monotonic_ns()
        slot, waited = self._take(runner, tokens, gone)
        cached = shared_prefix(slot.warm, tokens)
        try:
            yield cached, time.monotonic_ns() - arrived if waited else 0
            slot.warm = tokens
        finally:
            with self._changed:
                slot.busy = False
                runner.using -= 1
                self._changed.notify_all()

    def _take(self, runner: Runner, tokens: Sequence[Token], gone: Gone) -> tuple[Slot, bool]:
        def free() -> list[Slot]:
            return [slot for slot in runner.slots if not slot.busy]

        with self._changed:
            waits = not free()
            if waits:
                if self._waiting >= self._queue:
                    raise ApiError(503, "server busy, please try again.  maximum pending requests exceeded")
                self._waiting += 1
                self._journal.count("waiting")
                try:
                    while not self._changed.wait_for(free, POLL_SECONDS):
                        if gone():
                            raise ClientGone
                finally:
                    self._waiting -= 1
                    self._journal.count("waiting", -1)
            # The slot that holds most of the prompt, as llama.cpp's server picks it.
            slot = max(free(), key=lambda slot: shared_prefix(slot.warm, tokens))
            slot.busy = True
            runner.using += 1
            return slot, waits


def shared_prefix(warm: Sequence[Token], tokens: Sequence[Token]) -> int:
    """Return how many tokens need not be read again; the last one always is."""
    count = 0
    for have, want in zip(warm, tokens[:-1], strict=False):
        if have != want:
            break
        count += 1
    return count
